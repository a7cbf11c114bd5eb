//! A new vault key, and phones that seal to the old one.

use std::fs;
use std::os::unix::fs::chown;

use safelight_core::client::{CancelToken, ClientError};
use safelight_core::keyset::KeySetError;
use safelight_gateway::clock::Clock;
use safelight_gateway::link::{self, Ask};
use safelight_gateway::store::headers::Kind;
use safelight_tests::gateway::phone::seal;
use safelight_tests::gateway::program::{command, finish};
use safelight_tests::gateway::separated::is_root;
use safelight_tests::gateway::{Gateway, files, text};
use safelight_tests::pictures::small;
use safelight_tests::tools;

use crate::{
    REWRAP, ROTATE, entries, header, identities, identity_file, key_set_on_disk, number, opens, photo, runtime,
};

#[test]
fn s22_what_a_phone_sealed_to_the_old_vault_key_is_taken_and_rewrapped_to_the_new_one() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    phone.send(&[&photo(&gateway, 1)]).ok();
    let old = text(&gateway.pictures_in(&["verified"], 1)[0], "id").to_owned();
    // Taken before the rotation, sent after it.
    let away = phone.client();
    let waiting = seal(&away, &small::photo(2));
    let vault = gateway.data().join("clinic/vault.age");
    let kept = fs::read(&vault).expect("the vault's file");
    let first = identities(&vault);

    // A running clinic process, a wrong passphrase or none: nothing is changed.
    assert!(gateway.run(&ROTATE).exits(1).stderr.contains("is running"));
    assert!(gateway.stop());
    let wrong = gateway.path("wrong");
    fs::write(&wrong, "not the passphrase\n").expect("a file");
    gateway.run(&["vault", "rotate", "--data", "D", "--passphrase-file", &wrong]).exits(4);
    gateway.run(&["vault", "rotate", "--data", "D"]).exits(4);
    if is_root("whose the vault file is") {
        // As the wrong user it would leave a file that the clinic process cannot read.
        chown(&vault, Some(65_534), None).expect("another owner");
        assert!(gateway.run(&ROTATE).exits(2).stderr.contains("65534"));
        chown(&vault, Some(0), None).expect("the owner of before");
    }
    assert!(fs::read(&vault).expect("the vault's file") == kept);
    assert_eq!((key_set_on_disk(&gateway).number, entries(&gateway, "vault-rotated")), (1, 0));

    let before = [Kind::Picture, Kind::Label, Kind::Thumbnail].map(|kind| header(&gateway, &old, kind));
    let said = gateway.run(&ROTATE).ok().json();
    assert_eq!((number(&said, "epoch"), number(&said, "key_set"), number(&said, "rewrapped")), (2, 2, 4), "{said}");
    let now = identities(&vault);
    assert_eq!(now.len(), 2);
    assert_eq!(now[0].to_recipient(), first[0].to_recipient());
    let named = key_set_on_disk(&gateway);
    assert_eq!((named.vault_epoch, named.vault), (2, *now[1].to_recipient().as_bytes()));
    assert_eq!(named.previous.iter().map(|overlap| overlap.number).collect::<Vec<_>>(), [1]);
    // The old headers are gone, in every file.
    for (kind, old_header) in [Kind::Picture, Kind::Label, Kind::Thumbnail].into_iter().zip(&before) {
        let new = header(&gateway, &old, kind);
        assert!(opens(&new, &now[1]) && !opens(&new, &now[0]), "{kind:?}");
        // The part that holds the key, without what both have.
        let secret = &old_header[old_header.len() - 60..];
        for file in files(&gateway.data().join("clinic")) {
            let found = fs::read(&file).expect("a file").windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{kind:?}: an old header is left in {}", file.display());
        }
    }
    for kind in ["vault-rotated", "rewrap-begun", "rewrapped"] {
        assert_eq!(entries(&gateway, kind), 1, "{kind}");
    }

    gateway.serve();
    // The phone has the keys of before, and is within the overlap.
    assert_eq!(away.device().key_set.key_set().number, 1);
    let receipt = runtime().block_on(away.upload(&waiting, |_| {}, &CancelToken::new()));
    receipt.expect("the overlap of the key set before");
    drop(away);
    gateway.pictures_in(&["verified"], 2);
    // It takes the new keys, and sends with them.
    phone.send(&[&photo(&gateway, 3)]).ok();
    assert_eq!(phone.enrolled().0.key_set.key_set().vault_epoch, 2);
    let pictures = gateway.pictures_in(&["verified"], 3);
    assert!(gateway.stop());

    fs::write(gateway.at("vault.txt"), identity_file(&vault)).expect("a file");
    for picture in &pictures {
        let id = text(picture, "id");
        for kind in [Kind::Picture, Kind::Label, Kind::Thumbnail] {
            assert!(opens(&header(&gateway, id, kind), &now[1]), "{id}: {kind:?} is not for the new key");
        }
        let opened = gateway.open(id);
        assert!(opened.starts_with(&[0xff, 0xd8]));
        if tools::has("age", "reading pictures of both epochs with age") {
            let export = gateway.path(&format!("{id}.age"));
            gateway.run(&["vault", "export", id, "-o", &export, "--data", "D"]).ok();
            for identity in [gateway.path("vault.txt"), gateway.path("recovery-kit.txt")] {
                let plain = finish(command("age", &["-d", "-i", &identity, &export]), b"").ok().stdout;
                assert!(plain == opened, "age with {identity} gives other bytes");
            }
        }
    }
    let listed = gateway.run(&["vault", "list", "--data", "D", "--passphrase-file", "P", "--json"]).ok().json();
    assert!(listed.as_array().is_some_and(|rows| rows.iter().all(|row| row.get("patient").is_some())), "{listed}");
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
    // Nothing is left to be done, and doing it again does nothing.
    let again = gateway.run(&REWRAP).ok().json();
    assert_eq!((number(&again, "rewrapped"), number(&again, "already")), (0, 10), "{again}");
}

#[test]
fn s23_a_phone_that_knows_the_new_vault_key_takes_no_key_set_of_before() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let before = phone.enrolled().0.key_set.bytes().to_vec();
    assert!(gateway.stop());
    gateway.run(&ROTATE).ok();
    gateway.serve();
    assert!(runtime().block_on(phone.client().update_key_set(Clock::system().now())).expect("the gateway answers"));
    phone.status().ok();
    phone.send(&[&photo(&gateway, 1)]).ok();
    assert_eq!(phone.enrolled().0.key_set.key_set().number, 2);
    assert!(gateway.stop());

    // Whoever has copied the old vault key would like phones to seal to it again.
    gateway.serve_ingest_alone();
    let refused = runtime().block_on(async {
        let mut link = link::connect(&gateway.data().join("ingest")).await.expect("the link");
        link.tell(&Ask::KeySet { envelope: before, accepted: vec![3, 2, 1], receipt_keys: Vec::new() })
            .await
            .expect("ingest takes what it is told");
        phone.client().update_key_set(Clock::system().now()).await
    });
    assert!(matches!(refused, Err(ClientError::KeySet(KeySetError::Rollback { got: 1, known: 3 }))), "{refused:?}");
    assert_eq!(phone.enrolled().0.key_set.key_set().number, 2);
}

/// The vault's file is lost and an older copy put in its place.
#[test]
fn x53_an_older_vault_file_is_noticed_and_phones_seal_to_a_key_that_it_has() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    assert!(gateway.stop());
    let vault = gateway.data().join("clinic/vault.age");
    let older = fs::read(&vault).expect("the vault's file");
    gateway.run(&ROTATE).ok();
    gateway.serve();
    let away = gateway.enrol("away").client();
    let waiting = seal(&away, &small::photo(3));
    assert!(gateway.stop());
    let newer = fs::read(&vault).expect("the vault's file");
    fs::write(&vault, older).expect("an older copy");
    let findings = gateway.run(&["doctor", "--data", "D", "--passphrase-file", "P", "--json"]).exits(1).json();
    let says = |finding: &serde_json::Value| text(finding, "check") == "vault" && text(finding, "level") == "fail";
    assert!(findings.as_array().is_some_and(|all| all.iter().any(says)), "{findings}");

    gateway.serve();
    assert_eq!(entries(&gateway, "vault-key-missing"), 1);
    phone.send(&[&photo(&gateway, 1)]).ok();
    assert_eq!(phone.enrolled().0.key_set.key_set().vault_epoch, 1);
    let id = text(&gateway.pictures_in(&["verified"], 1)[0], "id").to_owned();
    gateway.open(&id);
    // Sealed to the key that is missing: acknowledged, and kept until the key is back.
    runtime().block_on(away.upload(&waiting, |_| {}, &CancelToken::new())).expect("a receipt");
    let states = gateway.pictures_in(&["verified", "received"], 2);
    assert_eq!(text(&states[1], "state"), "received", "{states:?}");
    assert!(gateway.stop());
    // The newer copy is found again: it opens everything, and the number of the key that was missing is not given to another.
    fs::write(&vault, newer).expect("the newest copy");
    let said = gateway.run(&ROTATE).ok().json();
    assert_eq!((number(&said, "epoch"), number(&said, "key_set")), (3, 4), "{said}");
    assert_eq!(identities(&vault).len(), 3);
    gateway.serve();
    phone.send(&[&photo(&gateway, 2)]).ok();
    for picture in gateway.pictures_in(&["verified"], 3).iter().filter(|picture| text(picture, "id") != id) {
        gateway.open(text(picture, "id"));
    }
    assert_eq!(entries(&gateway, "vault-key-missing"), 1);
}
