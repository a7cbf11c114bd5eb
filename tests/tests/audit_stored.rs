//! A01, A02, A03, D10, X30: what a hand in the data folder does to the record of what was stored, and what accidents do to what was stored;
//! through the commands, on the folder of a real gateway.
//!
//! What an attacker does who owns the files: edits, deletes, inserts, reorders or cuts off entries of a log, or writes the whole log anew with its
//! own key; or leaves the log alone and takes away rows, headers or payloads, so that a picture is missed only by who asks for it (X30).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ed25519_dalek::SigningKey;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_gateway::ingest::inbox;
use safelight_gateway::ingest::keys::LOG_KEY_FILE;
use safelight_gateway::keyfile;
use safelight_tests::gateway::damage::{change_in, copied};
use safelight_tests::gateway::phone::{Phone, seal};
use safelight_tests::gateway::program::{Finished, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array, files, text};
use safelight_tests::pictures::jpeg_writer::picture;
use serde_json::Value;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends so many pictures with the client library.
fn send(phone: &Phone, count: u64) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let client = phone.client();
    let ids = (0..count).map(|number| {
        let photo = picture(64, 48, &[0x22, 0x11, 0x11], 0, number).to_vec(|_| Vec::new());
        let capture = seal(&client, &photo);
        let cancel = safelight_core::client::CancelToken::new();
        runtime.block_on(client.upload(&capture, |_| {}, &cancel)).expect("a receipt");
        capture.id().to_string()
    });
    let ids = ids.collect();
    runtime.block_on(client.disconnect());
    ids
}

/// A gateway that does not run, with three pictures that the clinic holds and two that wait at ingest; their ids in that order, and the
/// checkpoints that were kept elsewhere before the last of them came, and after.
fn with_pictures() -> (Gateway, Vec<String>, [String; 2]) {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let mut ids = send(&phone, 3);
    gateway.pictures_in(&["verified"], 3);
    let early = checkpoint(&gateway);
    assert!(gateway.stop(), "the gateway did not end well");
    gateway.serve_ingest_alone();
    ids.extend(send(&phone_again(&phone), 2));
    assert!(gateway.stop(), "ingest did not end well");
    let late = checkpoint(&gateway);
    (gateway, ids, [early, late])
}

/// The same identity once more.
fn phone_again(phone: &Phone) -> Phone {
    Phone { identity: phone.identity.clone(), device: phone.device.clone() }
}

fn checkpoint(gateway: &Gateway) -> String {
    gateway.run(&["audit", "checkpoint", "--data", "D", "--log", "intake"]).ok().text()
}

fn verify(gateway: &Gateway, data: &Path, more: &[&str]) -> Finished {
    gateway.run(&[&["audit", "verify", "--data", data.to_str().expect("UTF-8"), "--json"], more].concat())
}

fn verdict(finished: &Finished, log: &str) -> Value {
    array(finished.json()).into_iter().find(|verdict| text(verdict, "log") == log).expect("a verdict")
}

#[test]
fn a01_an_entry_that_was_edited_deleted_inserted_or_moved_is_named_in_both_logs() {
    let (gateway, ..) = with_pictures();
    verify(&gateway, &gateway.data(), &[]).ok();
    for (log, database) in [("intake", "ingest/ingest.db"), ("access", "clinic/clinic.db")] {
        let swapped = "UPDATE log_entry SET idx = -5 WHERE idx = 1; UPDATE log_entry SET idx = 1 WHERE idx = 3;
                       UPDATE log_entry SET idx = 3 WHERE idx = -5";
        let cases = [
            ("UPDATE log_entry SET entry = x'00' WHERE idx = 2", 2),
            ("DELETE FROM log_entry WHERE idx = 1", 1),
            ("INSERT INTO log_entry SELECT MAX(idx) + 1, x'00' FROM log_entry", -1),
            (swapped, 1),
        ];
        for (change, first_bad) in cases {
            let damaged = copied(&gateway);
            for statement in change.split(';') {
                change_in(&damaged.join(database), statement);
            }
            let said = verify(&gateway, &damaged, &[]).exits(7);
            let verdict = verdict(&said, log);
            let expected = if first_bad < 0 { gateway.log(log).len() as i64 } else { first_bad };
            assert_eq!(
                (&verdict["ok"], &verdict["first_bad"]),
                (&Value::from(false), &Value::from(expected)),
                "{change}: {said}"
            );
        }
    }
}

#[test]
fn a02_a_tail_cut_off_with_all_that_speaks_of_it_is_found_by_a_checkpoint_from_outside() {
    let (gateway, _, [early, late]) = with_pictures();
    let size = gateway.log("intake").len() - 1;
    let cut = copied(&gateway);
    for change in [
        format!("DELETE FROM log_entry WHERE idx >= {size}"),
        format!("DELETE FROM log_node WHERE (pos + 1) << level > {size}"),
        format!("DELETE FROM inbox WHERE log_index >= {size}"),
    ] {
        change_in(&cut.join("ingest/ingest.db"), &change);
    }
    // Its own checkpoint says so as long as it is there.
    verify(&gateway, &cut, &[]).exits(7);
    change_in(&cut.join("ingest/ingest.db"), &format!("DELETE FROM log_checkpoint WHERE size > {size}"));
    verify(&gateway, &cut, &["--logs-only"]).ok();
    verify(&gateway, &cut, &["--against", &early]).ok();
    let said = verify(&gateway, &cut, &["--against", &late]).exits(7);
    let verdict = verdict(&said, "intake");
    assert_eq!((&verdict["ok"], &verdict["first_bad"]), (&Value::from(false), &Value::from(size)), "{said}");
}

#[test]
fn a03_a_log_written_anew_with_its_own_key_is_found_from_outside() {
    let (gateway, _, [early, late]) = with_pictures();
    let forged = copied(&gateway);
    rewrite_intake_log(&forged, 1);
    for kept in [&early, &late] {
        let said = verify(&gateway, &forged, &["--against", kept]).exits(7);
        assert_eq!(verdict(&said, "intake")["ok"], false, "{said}");
    }
    // With nothing from outside it is sound by itself: the control. The clinic process is outside too, but was down when the last entry came.
    let unseen = copied(&gateway);
    rewrite_intake_log(&unseen, gateway.log("intake").len() - 1);
    verify(&gateway, &unseen, &["--logs-only"]).ok();
    verify(&gateway, &unseen, &["--against", &late]).exits(7);
}

/// As an intruder in ingest would: the entry at `index` says another time, everything else follows from it.
fn rewrite_intake_log(data: &Path, index: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let key = log_key(data);
    let entries = runtime.block_on(async {
        let log = inbox::open_log(&data.join("ingest"), clinic_id(data), key.verifying_key()).await.expect("a log");
        let mut tx = log.catalog().read().await.expect("the database");
        let entries = log.entries(&mut tx, 0, 1000).await.expect("entries");
        drop(tx);
        log.catalog().close().await;
        entries
    });
    for table in ["log_entry", "log_node", "log_checkpoint"] {
        change_in(&data.join("ingest/ingest.db"), &format!("DELETE FROM {table}"));
    }
    runtime.block_on(async {
        let log = inbox::open_log(&data.join("ingest"), clinic_id(data), key.verifying_key()).await.expect("a log");
        let mut entries: Vec<Vec<u8>> = entries.into_iter().map(|(_, entry)| entry).collect();
        let last = entries[index].last_mut().expect("an entry");
        *last = last.wrapping_sub(1);
        let mut tx = log.catalog().write().await.expect("the database");
        log.append(&mut tx, &entries).await.expect("appended");
        log.sign(&mut tx, &key, UnixMillis(1)).await.expect("signed");
        tx.commit().await.expect("committed");
        log.catalog().close().await;
    });
}

fn log_key(data: &Path) -> SigningKey {
    keyfile::read_ed25519(&data.join("ingest").join(LOG_KEY_FILE)).expect("the intake log's key")
}

fn clinic_id(data: &Path) -> ClinicId {
    fs::read_to_string(data.join("clinic/clinic-id")).expect("the clinic's id").trim().parse().expect("an id")
}

/// One thing taken away or changed behind the log's back, which the audit names by its capture and what is wrong.
#[test]
fn x30_what_was_deleted_or_changed_behind_a_sound_log_is_named() {
    let (gateway, ids, _) = with_pictures();
    let sound = verdict(&verify(&gateway, &gateway.data(), &[]).ok(), "intake");
    assert_eq!((&sound["captures"], sound.get("missing")), (&Value::from(5), None), "{sound}");
    let hex = |id: &str| format!("x'{}'", id.replace('-', ""));
    let (held, waiting) = (&ids[1], &ids[3]);
    let (inbox, waiting_headers) = ("ingest/ingest.db", "ingest/headers.db");
    let (clinic, headers) = ("clinic/clinic.db", "clinic/headers.db");
    let changes = [
        (waiting, "inbox-row", inbox, format!("DELETE FROM inbox WHERE capture = {}", hex(waiting))),
        (held, "inbox-row", inbox, format!("DELETE FROM inbox WHERE capture = {}", hex(held))),
        (
            waiting,
            "inbox-row-differs",
            inbox,
            format!("UPDATE inbox SET stored_at = stored_at + 1 WHERE capture = {}", hex(waiting)),
        ),
        (waiting, "manifest", inbox, format!("UPDATE inbox SET manifest = x'00' WHERE capture = {}", hex(waiting))),
        (waiting, "label", inbox, format!("UPDATE inbox SET label_payload = x'00' WHERE capture = {}", hex(waiting))),
        (
            waiting,
            "picture-header",
            waiting_headers,
            format!("DELETE FROM header WHERE kind = 'picture' AND id = {}", hex(waiting)),
        ),
        (
            waiting,
            "label-header",
            waiting_headers,
            format!(
                "UPDATE header SET padded = x'00' || zeroblob(1100) WHERE kind = 'label' AND id = {}",
                hex(waiting)
            ),
        ),
        (waiting, "clinic-row", inbox, format!("UPDATE inbox SET settled = 1 WHERE capture = {}", hex(waiting))),
        (held, "clinic-row", clinic, format!("DELETE FROM picture WHERE capture = {}", hex(held))),
        (
            held,
            "clinic-row-differs",
            clinic,
            format!("UPDATE picture SET log_index = 900 WHERE capture = {}", hex(held)),
        ),
        (held, "manifest", clinic, format!("UPDATE picture SET manifest = x'00' WHERE capture = {}", hex(held))),
        (held, "picture-header", headers, format!("DELETE FROM header WHERE kind = 'picture' AND id = {}", hex(held))),
        (held, "label-header", headers, format!("DELETE FROM header WHERE kind = 'label' AND id = {}", hex(held))),
    ];
    for (id, what, database, change) in &changes {
        let damaged = copied(&gateway);
        change_in(&damaged.join(database), change);
        names(&gateway, &damaged, id, what);
        verify(&gateway, &damaged, &["--logs-only"]).ok();
    }
    for id in [held, waiting] {
        let damaged = copied(&gateway);
        fs::remove_file(payload(&damaged, id)).expect("a payload");
        names(&gateway, &damaged, id, "payload");
        let damaged = copied(&gateway);
        fs::File::options()
            .write(true)
            .open(payload(&damaged, id))
            .and_then(|file| file.set_len(10))
            .expect("a payload");
        names(&gateway, &damaged, id, "payload-length");
    }
    // The other way round: a row that the log knows nothing of.
    let damaged = copied(&gateway);
    let more = "INSERT INTO inbox SELECT seq + 100, x'0102030405060708090a0b0c0d0e0f10', manifest_hash, device, manifest, label_payload,
                stored_at, 700, settled FROM inbox LIMIT 1";
    change_in(&damaged.join(inbox), more);
    names(&gateway, &damaged, "01020304-0506-0708-090a-0b0c0d0e0f10", "log-entry");
}

#[track_caller]
fn names(gateway: &Gateway, damaged: &Path, id: &str, what: &str) {
    let said = verify(gateway, damaged, &[]).exits(7);
    let verdict = verdict(&said, "intake");
    let missing = array(verdict["missing"].clone());
    let named: Vec<(&str, &str)> =
        missing.iter().map(|missing| (text(missing, "capture"), text(missing, "what"))).collect();
    assert_eq!(named, [(id, what)], "{said}");
    assert_eq!(verdict["ok"], false);
    let shown = gateway.run(&["audit", "verify", "--data", damaged.to_str().expect("UTF-8")]).exits(7);
    assert!(shown.text().contains(id) && shown.text().contains(what), "{shown}");
}

/// The payload of one capture.
fn payload(data: &Path, id: &str) -> PathBuf {
    let begins = id.replace('-', "");
    let found = files(&data.join("ingest/blobs"))
        .into_iter()
        .find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begins)));
    found.expect("a payload")
}

#[test]
fn d10_orphans_go_once_they_are_old_and_lost_payloads_are_reported() {
    let (mut gateway, ids, _) = with_pictures();
    let ingest = gateway.data().join("ingest");
    let age = |file: &Path, age: Duration| {
        let file = fs::File::options().write(true).open(file).expect("a file");
        file.set_modified(SystemTime::now() - age).expect("a time");
    };
    // Stored long ago: not an orphan, however old.
    let stored: Vec<PathBuf> = files(&ingest.join("blobs"));
    stored.iter().for_each(|file| age(file, 1000 * DAY));
    // Two that no row knows; of one capture that is stored, but of another manifest; and two parts.
    let of_stored = payload(&gateway.data(), &ids[0]);
    let plant = |folder: &Path, name: &str, days: u32| {
        fs::create_dir_all(folder).expect("a folder");
        let file = folder.join(name);
        fs::write(&file, b"never acknowledged").expect("a file");
        age(&file, days * DAY);
        file
    };
    let id = ids[0].replace('-', "");
    let old = plant(&ingest.join("blobs/aa"), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdaa", 3);
    let young = plant(&ingest.join("blobs/bb"), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdbb", 1);
    let other = plant(&ingest.join("blobs/cc"), &format!("{id}000000000000000000000000000000cc"), 3);
    let old_part = plant(&ingest.join("incoming"), &format!("{id}000000000000000000000000000000dd"), 2);
    let young_part = plant(&ingest.join("incoming"), &format!("{id}000000000000000000000000000000ee"), 0);
    // Lost: one that the clinic holds, one that waits.
    for id in [&ids[1], &ids[3]] {
        fs::remove_file(payload(&gateway.data(), id)).expect("a payload");
    }

    gateway.serve_ingest_alone();
    let log = || fs::read_to_string(gateway.at("gateway.log")).expect("the log");
    until("the sweep says what is lost", PATIENCE, || {
        log().contains("acknowledged pictures have no payload").then_some(())
    });
    let said = log();
    for id in [&ids[1], &ids[3]] {
        assert!(
            said.lines().any(|line| line.contains("is missing") && line.contains(id.as_str())),
            "{id} is not named: {said}"
        );
    }
    assert!(said.contains("\"removed\":2") && said.contains("\"young\":1"), "{said}");
    assert!(!old.exists() && !other.exists() && !old_part.exists(), "old orphans are left");
    assert!(young.exists() && young_part.exists(), "an upload may still be on its way");
    assert!(of_stored.exists());
    let left = stored.iter().filter(|file| file.exists()).count();
    assert_eq!(left, stored.len() - 2, "a stored payload was swept away");
    let said = verify(&gateway, &gateway.data(), &[]).exits(7);
    let missing = array(verdict(&said, "intake")["missing"].clone());
    let mut named: Vec<&str> = missing.iter().map(|missing| text(missing, "capture")).collect();
    named.sort_unstable();
    assert_eq!(named, [ids[1].as_str(), ids[3].as_str()]);
    assert!(gateway.stop(), "ingest did not end well");
}
