//! Keys that are changed while phones are away: the vault's, and the one that signs receipts. Through the real command, with real phones.
//!
//! An accident cuts the change off at any step; a phone comes back with the keys of before; an intruder in ingest would like to choose a key.
//! What must hold: what was sealed opens, with the vault and with the recovery kit; no phone seals to a key that the vault's file lacks; no receipt is
//! believed by a key that the clinic has not named. What takes months is in the gateway's own tests, where time is theirs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what does not go as it should is a failed test, and which step it was is printed"
)]

mod cut_off;
mod receipts;
mod vault;

use std::fs;
use std::path::Path;

use getrandom::SysRng;
use safelight_core::keyset::KeySet;
use safelight_core::seal::{Header, Identity, passphrase};
use safelight_gateway::clinic::HEADERS_FILE;
use safelight_gateway::store::headers::{HeaderId, Headers, Kind, SqliteHeaders};
use safelight_tests::gateway::{Gateway, PASSPHRASE, text};
use serde_json::Value;

/// Little enough that a test waits for nothing.
const LITTLE_WORK: u8 = 4;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A photograph in a file.
fn photo(gateway: &Gateway, number: u64) -> String {
    let path = gateway.path(&format!("photo-{number}.jpg"));
    fs::write(&path, safelight_tests::pictures::small::photo(number)).expect("a file");
    path
}

const ROTATE: [&str; 7] = ["vault", "rotate", "--data", "D", "--passphrase-file", "P", "--json"];
const REWRAP: [&str; 7] = ["vault", "rewrap", "--data", "D", "--passphrase-file", "P", "--json"];

/// The identity file inside the vault's, as `age -d` gives it.
fn identity_file(vault: &Path) -> String {
    let file = fs::read(vault).expect("the vault's file");
    let text = passphrase::decrypt(&file, PASSPHRASE.as_bytes(), 20).expect("the passphrase opens it");
    String::from_utf8(text.to_vec()).expect("text")
}

/// The vault's identities, oldest first.
fn identities(vault: &Path) -> Vec<Identity> {
    let text = identity_file(vault);
    text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1")).map(|line| line.parse().expect("a key")).collect()
}

/// The same vault at less work.
fn lighten(vault: &Path) {
    let text = identity_file(vault);
    let file = passphrase::encrypt(text.as_bytes(), PASSPHRASE.as_bytes(), LITTLE_WORK, &mut SysRng).expect("a file");
    fs::write(vault, file).expect("the vault's file");
}

/// The key set that is in force once the clinic process is started.
fn key_set_on_disk(gateway: &Gateway) -> KeySet {
    use safelight_core::keyset::{SignedKeySet, root_key};
    let folder = gateway.data().join("clinic");
    let envelope = fs::read(folder.join("key-set.cbor")).expect("the key set");
    let ca = safelight_gateway::keyfile::read_certificates(&folder.join("ca.crt")).expect("the CA");
    let clinic = text(&gateway.said_by_init, "clinic_id").parse().expect("an id");
    let root = root_key(&ca[0]).expect("a CA");
    let now = safelight_gateway::clock::Clock::system().now();
    let verified = SignedKeySet::parse(&envelope).and_then(|set| set.verify(&[root], clinic, now, 0));
    verified.expect("the clinic's own").key_set().clone()
}

/// A header of the clinic's, of a gateway that does not run.
fn header(gateway: &Gateway, id: &str, kind: Kind) -> Vec<u8> {
    let path = gateway.data().join("clinic").join(HEADERS_FILE);
    let id: safelight_core::ids::CaptureId = id.parse().expect("an id");
    runtime().block_on(async {
        let headers = SqliteHeaders::open(&path).await.expect("the header store");
        let header = headers.get(HeaderId::from(id), kind).await.expect("a look").expect("a header");
        headers.catalog().close().await;
        header
    })
}

fn opens(header: &[u8], identity: &Identity) -> bool {
    Header::parse_whole(header).expect("a header").unwrap_key(&[identity]).is_ok()
}

/// How many entries of this kind the access log has.
fn entries(gateway: &Gateway, kind: &str) -> usize {
    gateway.log("access").iter().filter(|entry| text(entry, "kind") == kind).count()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}
