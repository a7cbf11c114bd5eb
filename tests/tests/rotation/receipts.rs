//! A new receipt key, while both processes run and phones are away.

use std::fs;
use std::time::Duration;

use safelight_core::client::{CancelToken, Client, ClientError, Options};
use safelight_core::device_key::SoftwareKey;
use safelight_core::keyset::KeySet;
use safelight_core::receipt::ReceiptError;
use safelight_gateway::clock::Clock;
use safelight_gateway::keyfile;
use safelight_gateway::link::{self, Ask};
use safelight_tests::gateway::phone::{Phone, seal};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use safelight_tests::pictures::small;
use serde_json::Value;

use crate::{entries, key_set_on_disk, number, photo, runtime};

const ROTATE: [&str; 5] = ["receipt-key", "rotate", "--data", "D", "--json"];
const COMPROMISED: [&str; 6] = ["receipt-key", "rotate", "--data", "D", "--json", "--compromised"];

fn held(phone: &Phone) -> KeySet {
    phone.enrolled().0.key_set.key_set().clone()
}

fn shown(gateway: &Gateway) -> Value {
    gateway.run(&["receipt-key", "show", "--data", "D", "--json"]).ok().json()
}

#[test]
fn x55_a_receipt_key_is_changed_and_a_phone_that_was_away_believes_the_one_of_then() {
    let mut gateway = Gateway::serving();
    let (phone, away) = (gateway.enrol("phone"), gateway.enrol("away"));
    let client = away.client();
    let waiting = seal(&client, &small::photo(1));
    let before = shown(&gateway);

    let said = gateway.run(&ROTATE).ok().json();
    assert!(said["in_force"] == true && said["receipt_key"] != before["receipt_key"], "{said}");
    assert_eq!((number(&before, "key_set"), number(&said, "key_set")), (1, 2));
    for kind in ["receipt-key-ordered", "receipt-key-changed", "key-set-signed"] {
        assert_eq!(entries(&gateway, kind), 1, "{kind}");
    }
    // Away: it knows the old key alone, and gets its receipt by it, without asking for anything.
    let receipt = runtime().block_on(client.upload(&waiting, |_| {}, &CancelToken::new()));
    receipt.expect("a receipt by the key of then");
    assert_eq!(client.device().key_set.key_set().number, 1);
    // It learns the new one; what it had sealed before is still acknowledged by the one of then, what it seals now by the new one.
    let waiting = seal(&client, &small::photo(2));
    assert!(runtime().block_on(client.update_key_set(Clock::system().now())).expect("the gateway answers"));
    let fresh = seal(&client, &small::photo(3));
    for (sealed, what) in [(&waiting, "sealed before"), (&fresh, "sealed now")] {
        let receipt = runtime().block_on(client.upload(sealed, |_| {}, &CancelToken::new()));
        receipt.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    phone.send(&[&photo(&gateway, 4)]).ok();
    assert_eq!(held(&phone).number, 2);
    // A second change must wait for the first, since ingest keeps one key of before.
    let early = gateway.run(&ROTATE).exits(6);
    assert!(early.stderr.contains("come again from"), "{early}");
    // It holds over a restart of both.
    assert!(gateway.stop());
    gateway.serve();
    phone.send(&[&photo(&gateway, 5)]).ok();
    let waiting = seal(&client, &small::photo(6));
    runtime().block_on(client.upload(&waiting, |_| {}, &CancelToken::new())).expect("a receipt");
    gateway.pictures_in(&["verified"], 6);
    assert_eq!(shown(&gateway)["receipt_key"], said["receipt_key"]);
}

/// Whoever has the old key can sign nothing any more that a phone would believe, once the phone has come.
#[test]
fn x56_a_compromised_receipt_key_is_gone_at_once_and_phones_recover_by_the_key_set() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let client = phone.client();
    let waiting = seal(&client, &small::photo(1));
    let old = keyfile::read_p256(&gateway.data().join("ingest/receipt.key")).expect("the key");
    gateway.run(&COMPROMISED).ok();
    let ingest = gateway.data().join("ingest");
    until("the old key goes", PATIENCE, || (!ingest.join("receipt-previous.key").exists()).then_some(()));
    let now = keyfile::read_p256(&ingest.join("receipt.key")).expect("the key");
    assert!(now.verifying() != old.verifying());
    // The phone knows the old key alone. It finds the receipt wanting, asks for the key set, which the clinic has signed, and believes it then.
    assert_eq!(client.device().key_set.key_set().number, 1);
    let receipt = runtime().block_on(client.upload(&waiting, |_| {}, &CancelToken::new()));
    receipt.expect("it recovers by itself");
    let learned = client.device().key_set.key_set().clone();
    assert_eq!((learned.number, learned.receipt_key), (2, now.verifying()));
    gateway.pictures_in(&["verified"], 1);
    // At once again: nothing overlaps.
    gateway.run(&COMPROMISED).ok();
    gateway.run(&ROTATE).ok();
    assert_eq!(key_set_on_disk(&gateway).number, 4);
}

/// An intruder in ingest has a key of its own. Nobody has asked it for one.
#[test]
fn x57_a_receipt_by_a_key_that_the_clinic_has_not_named_is_believed_by_nobody() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, key) = phone.enrolled();
    let client = Client::new(device, key, Options { retry_for: Duration::ZERO, ..Options::default() });
    assert!(gateway.stop());
    let path = gateway.data().join("ingest/receipt.key");
    let genuine = fs::read(&path).expect("the key");
    let own = SoftwareKey::generate(&mut getrandom::SysRng).expect("a key");
    keyfile::replace_p256(&path, &own).expect("another key");

    // The genuine ingest signs by no key that is not named: it refuses before it has stored anything, and says so.
    gateway.serve_ingest_alone();
    let sealed = seal(&client, &small::photo(1));
    let refused = runtime().block_on(client.upload(&sealed, |_| {}, &CancelToken::new()));
    assert!(refused.is_err() && gateway.stored().is_empty(), "{refused:?}");
    let findings = gateway.run(&["doctor", "--data", "D", "--json"]).exits(1).json();
    assert!(findings.to_string().contains("receipt-key"), "{findings}");
    // One that was taken over says to itself that the key is named.
    runtime().block_on(async {
        let mut link = link::connect(&gateway.data().join("ingest")).await.expect("the link");
        let envelope = client.device().key_set.bytes().to_vec();
        let receipt_keys = vec![own.verifying()];
        link.tell(&Ask::KeySet { envelope, accepted: vec![1], receipt_keys }).await.expect("it tells itself");
    });
    let refused = runtime().block_on(client.upload(&sealed, |_| {}, &CancelToken::new()));
    assert!(matches!(refused, Err(ClientError::Receipt(ReceiptError::UnknownKey))), "{refused:?}");
    let sent = phone.send(&[&photo(&gateway, 2)]);
    assert_eq!((sent.code, sent.text().trim()), (Some(7), "[]"), "{sent}");
    assert!(gateway.stop());

    // The control: with the genuine key it is acknowledged, the picture that was stored before too.
    fs::write(&path, genuine).expect("the key");
    gateway.serve();
    runtime().block_on(client.upload(&sealed, |_| {}, &CancelToken::new())).expect("a receipt");
    // And by the admin's order ingest has a key that is named.
    let said = gateway.run(&ROTATE).ok().json();
    assert_eq!(said["in_force"], true, "{said}");
    assert_eq!(text(&said, "receipt_key").len(), 64);
}

/// Neither process runs, or the clinic process does not: the order stands, is carried out once, and says so.
#[test]
fn x58_an_order_waits_for_the_processes_and_is_carried_out_once() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    assert!(gateway.stop());
    let said = gateway.run(&ROTATE).ok().json();
    assert_eq!((&said["in_force"], number(&said, "key_set")), (&Value::Bool(false), 1), "{said}");
    gateway.serve_locked();
    until("the order is carried out", PATIENCE, || (number(&shown(&gateway), "key_set") == 2).then_some(()));
    phone.send(&[&photo(&gateway, 1)]).ok();
    assert!(gateway.stop());
    gateway.serve();
    gateway.pictures_in(&["verified"], 1);
    assert_eq!(number(&shown(&gateway), "key_set"), 2);
    assert_eq!(entries(&gateway, "receipt-key-changed"), 1);
}
