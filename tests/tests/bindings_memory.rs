//! What is in an app's memory, by a core dump of it (gdb's gcore) at each moment that matters: while a picture is signed, which is the control, and
//! then while it is held, after its receipt, after a cancel, after an error, after a capture that failed.
//!
//! The app is Python, whose own buffer of the photograph is overwritten as docs/MOBILE.md asks for; the rest is memory that Rust owns or owned.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use safelight_core::seal::passphrase;
use safelight_gateway::demo::search::{Search, Searched};
use safelight_tests::gateway::app::App;
use safelight_tests::gateway::phone::snapshot;
use safelight_tests::gateway::program::{command, finish, until};
use safelight_tests::gateway::{Gateway, PASSPHRASE, PATIENCE};
use safelight_tests::pictures::stripped;
use safelight_tests::tools::{PYTHON, has, has_cryptography};
use serde_json::json;

/// A core dump.
struct Dump {
    moment: String,
    file: PathBuf,
}

impl Dump {
    /// When the app says that the moment has come, takes it and lets the app go on.
    #[track_caller]
    fn at(gateway: &Gateway, app: &mut App, moment: &str) -> Self {
        app.expect(moment);
        let prefix = gateway.path(&format!("core-{moment}"));
        let id = app.id().to_string();
        finish(command("gcore", &["-o", &prefix, &id]), b"").ok();
        app.tell("seen");
        Self { moment: moment.to_owned(), file: format!("{prefix}.{id}").into() }
    }

    /// The things of a search that are in it.
    fn holds(&self, search: &Search) -> BTreeSet<String> {
        let mut searched = Searched::default();
        search.in_file(&self.file, &mut searched).expect("a core dump");
        assert!(searched.bytes > 4_000_000, "{} is no dump of a whole process", self.file.display());
        searched.found.into_iter().map(|found| found.thing).collect()
    }

    #[track_caller]
    fn holds_nothing_of(&self, search: &Search) {
        let found = self.holds(search);
        assert!(found.is_empty(), "{}: {found:?}", self.moment);
    }
}

/// Pieces of the picture from its beginning to its end.
fn pixels(photo: &[u8]) -> Search {
    let (picture, _) = stripped(photo).expect("a photograph");
    let mut search = Search::default();
    // The tables at its beginning stand in every JPEG of this encoder.
    for (number, chunk) in picture[picture.len() / 20..].chunks(picture.len() / 100).enumerate() {
        if let Some(piece) = chunk.get(..32) {
            search.bytes(&format!("piece {number}"), piece);
        }
    }
    search
}

/// The keys of a stored picture, found out by a reader of its own: the file key, and the payload key that comes from it.
fn keys(gateway: &Gateway, id: &str) -> [Search; 2] {
    let sealed = fs::read(gateway.data().join("clinic/vault.age")).expect("the vault's file");
    let identity = passphrase::decrypt(&sealed, PASSPHRASE.as_bytes(), 20).expect("the vault opens");
    let file = gateway.path(&format!("{id}.age"));
    gateway.run(&["vault", "export", id, "-o", &file, "--data", "D"]).ok();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/file_key.py");
    let mut python = Command::new(PYTHON);
    python.args([script, &file]);
    let said = finish(python, &identity).ok().text();
    let keys: Vec<Vec<u8>> = said
        .split_whitespace()
        .map(|key| data_encoding::HEXLOWER.decode(key.as_bytes()).expect("hexadecimal"))
        .collect();
    assert_eq!(keys.iter().map(Vec::len).collect::<Vec<_>>(), [16, 32]);
    ["file key", "payload key"].map(|name| {
        let mut search = Search::default();
        search.bytes(name, &keys[usize::from(name == "payload key")]);
        search
    })
}

#[test]
fn f06_neither_pixels_nor_keys_are_left_in_an_apps_memory() {
    let name = "f06_neither_pixels_nor_keys_are_left_in_an_apps_memory";
    if !has_cryptography(name) || !has("gcore", name) {
        return;
    }
    let (mut gateway, relay) = Gateway::behind_relay();
    let photo = snapshot(11, 1600, 1200);
    let path = gateway.path("large.jpg");
    fs::write(&path, &photo).expect("a file");
    let pixels = pixels(&photo);
    let mut app = App::start(&gateway, "memory", &json!({ "photo": path, "large": path }));

    let control = Dump::at(&gateway, &mut app, "control");
    let held = Dump::at(&gateway, &mut app, "held");
    let receipt = Dump::at(&gateway, &mut app, "receipt");
    let first = app.says();
    assert!(control.holds(&pixels).len() > 90, "the control: the picture is not found while it is there");
    gateway.pictures_in(&["verified"], 1);
    let [file_key, payload_key] = keys(&gateway, &first);
    assert!(!control.holds(&file_key).is_empty(), "the control: the key is not found while it is there");
    for dump in [&held, &receipt] {
        dump.holds_nothing_of(&pixels);
        dump.holds_nothing_of(&file_key);
        dump.holds_nothing_of(&payload_key);
    }
    for dump in [control, held, receipt] {
        fs::remove_file(dump.file).expect("a dump");
    }

    app.when("stop", || relay.stop_after(400_000), "done");
    let stuck = || until("a part of an upload", PATIENCE, || (gateway.incoming() > 0).then_some(()));
    app.when("sending", stuck, "stopped");
    let cancelled = Dump::at(&gateway, &mut app, "cancel");
    app.expect("gone");
    relay.stop_after(0);
    assert!(gateway.stop());
    app.tell("done");
    let failed = Dump::at(&gateway, &mut app, "error");
    app.expect("open");
    gateway.serve();
    relay.open();
    app.tell("done");
    let second = app.says();
    gateway.pictures_in(&["verified"], 2);
    let [file_key, payload_key] = keys(&gateway, &second);
    for dump in [&cancelled, &failed] {
        dump.holds_nothing_of(&pixels);
        dump.holds_nothing_of(&file_key);
        dump.holds_nothing_of(&payload_key);
    }
    Dump::at(&gateway, &mut app, "refused").holds_nothing_of(&pixels);
    Dump::at(&gateway, &mut app, "cleared").holds_nothing_of(&pixels);
    app.ends_well();
}
