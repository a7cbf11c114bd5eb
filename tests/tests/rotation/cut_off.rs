//! A rotation that is killed at each of its steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use safelight_tests::gateway::program::finish;
use safelight_tests::gateway::{Gateway, text};
use safelight_tests::tools;

use crate::{REWRAP, ROTATE, identities, key_set_on_disk, lighten, number, photo};

/// Every step: its name, the call, on which file of the clinic's folder, and whether the new key set is in force by then.
const STEPS: [(&str, &str, &str, bool); 16] = [
    ("it is put on record", "pwrite64", "clinic.db-wal", false),
    ("the record is synced", "fsync,fdatasync", "clinic.db-wal", false),
    ("the new vault file is made", "openat", "vault.new", false),
    ("the new vault file is written", "write", "vault.new", false),
    ("the new vault file is synced", "fsync", "vault.new", false),
    ("the new vault file takes its place", "rename,renameat,renameat2", "vault.new", false),
    ("its place is synced", "fsync", "", false),
    ("the key set is made", "openat", "key-set.new", false),
    ("the key set is written", "write", "key-set.new", false),
    ("the key set is synced", "fsync", "key-set.new", false),
    ("the key set takes its place", "rename,renameat,renameat2", "key-set.new", false),
    ("the key set is read again", "openat", "key-set.cbor", false),
    ("headers are written", "pwrite64", "headers.db-wal", true),
    ("headers are synced", "fsync,fdatasync", "headers.db-wal", true),
    ("headers are copied back", "pwrite64", "headers.db", true),
    ("their place is synced", "fsync,fdatasync", "headers.db", true),
];

#[test]
fn x52_a_rotation_that_is_killed_at_any_step_leaves_a_vault_that_opens_what_phones_seal() {
    if !tools::has("strace", "killing a rotation at each step") {
        return;
    }
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    phone.send(&[&photo(&gateway, 1), &photo(&gateway, 2)]).ok();
    let pictures = gateway.pictures_in(&["verified"], 2);
    assert!(gateway.stop());
    let folder = gateway.data().join("clinic");
    lighten(&folder.join("vault.age"));
    let first = identities(&folder.join("vault.age"))[0].to_recipient();
    let as_it_was = gateway.at("as-it-was");
    copy(&folder, &as_it_was);

    let mut died = Vec::new();
    for (what, call, file, in_force) in STEPS {
        fs::remove_dir_all(&folder).expect("the folder goes");
        copy(&as_it_was, &folder);
        let killed = killed(&gateway, call, &folder.join(file));
        println!("{what}: {}", if killed { "killed" } else { "not reached" });
        if killed {
            died.push(what);
        }

        // What phones are told to seal to is in the vault's file, and the old key is too.
        let held = identities(&folder.join("vault.age"));
        let named = key_set_on_disk(&gateway);
        assert!(
            held.iter().any(|identity| *identity.to_recipient().as_bytes() == named.vault),
            "{what}: a key is lost"
        );
        assert!(held[0].to_recipient() == first, "{what}: the old key is lost");
        if in_force {
            assert_eq!(named.number, 2, "{what}");
        }
        gateway.open_all(&pictures, what);

        // And it is done when it is run again.
        let epochs = held.len();
        let again = match named.number {
            1 => gateway.run(&ROTATE).ok().json(),
            _ => gateway.run(&REWRAP).ok().json(),
        };
        assert_eq!(number(&again, "rewrapped") + number(&again, "already"), 7, "{what}: {again}");
        assert_eq!(key_set_on_disk(&gateway).vault_epoch, 2, "{what}: the epoch that nothing named was not taken");
        assert_eq!(identities(&folder.join("vault.age")).len(), 2, "{what}: {epochs} before");
        gateway.open_all(&pictures, what);
        let due = gateway.run(&["doctor", "--data", "D", "--json"]).json();
        assert!(!due.to_string().contains("vault rewrap"), "{what}: {due}");
    }
    assert_eq!(died, STEPS.map(|(what, ..)| what), "each step was reached");
    gateway.serve();
    phone.send(&[&photo(&gateway, 3)]).ok();
    gateway.pictures_in(&["verified"], 3);
}

/// Runs the rotation and kills it as it makes the first such call on this file. Says whether it did.
fn killed(gateway: &Gateway, call: &str, path: &Path) -> bool {
    let calls = call.split(',').map(|call| format!("?{call}")).collect::<Vec<_>>().join(",");
    let ours = gateway.command(&ROTATE);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(path);
    strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:signal=KILL:when=1")]);
    strace.arg(ours.get_program()).args(ours.get_args());
    finish(strace, b"").code.is_none_or(|code| code == 137)
}

trait OpenAll {
    fn open_all(&self, pictures: &[serde_json::Value], what: &str);
}

impl OpenAll for Gateway {
    fn open_all(&self, pictures: &[serde_json::Value], what: &str) {
        for picture in pictures {
            let id = text(picture, "id");
            let _ = fs::remove_file(self.path(&format!("opened-{id}.jpg")));
            assert!(self.open(id).starts_with(&[0xff, 0xd8]), "{what}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to: PathBuf = to.join(entry.file_name());
        fs::copy(entry.path(), &to).expect("a copy");
    }
}
