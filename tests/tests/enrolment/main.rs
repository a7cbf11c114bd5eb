//! Joining a clinic, as somebody who should not: stolen and guessed tokens, a gateway in between, odd certificate requests, renewals that
//! race and get lost. Through the real command and its sockets; strangers speak the protocol themselves ([`stranger`]).
//! The ids are those of the abuse catalogue.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

mod attested;
mod authority;
mod between;
mod renewals;
mod requests;
mod stranger;
mod tokens;
mod words;

use safelight_core::invitation::Invitation;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use serde_json::Value;

/// Makes an invitation and reads its QR code, as whoever sees it does.
fn invited(gateway: &Gateway, name: &str) -> Invitation {
    Invitation::parse(text(&gateway.invite(name, &format!("{name}.png")), "qr")).expect("an invitation")
}

/// The device of this name.
fn device(gateway: &Gateway, name: &str) -> Value {
    let found = gateway.devices().into_iter().find(|device| text(device, "name") == name);
    found.expect("a device of this name")
}

/// How many entries of this kind a log has.
fn entries(gateway: &Gateway, log: &str, kind: &str) -> Vec<Value> {
    gateway.log(log).into_iter().filter(|entry| text(entry, "kind") == kind).collect()
}

/// How many refusals of this code are on record at the clinic.
fn refusals(gateway: &Gateway, code: &str) -> usize {
    entries(gateway, "access", "enrolment-refused").iter().filter(|entry| entry.to_string().contains(code)).count()
}

/// Waits until ingest has put on record that a stranger was refused for this reason: it does so beside serving.
#[track_caller]
fn turned_away(gateway: &Gateway, code: &str) {
    let quoted = format!("\"{code}\"");
    let found = || entries(gateway, "intake", "turned-away").iter().any(|entry| entry.to_string().contains(&quoted));
    until(code, PATIENCE, || found().then_some(()));
}
