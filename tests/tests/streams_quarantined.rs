//! Sealed streams that only the clinic process can see to be wrong, sent by an enrolled phone that lies.
//!
//! The attacker has a phone with a valid certificate, and signs what he really sends: shape, lengths, digests and signature are right, so
//! that ingest, which can open nothing, stores it and says so: *stored*, never *verified*. The clinic process opens it before
//! anything is shown, and quarantines it under a code. What it does show, it has sealed anew for vault and recovery.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what does not go as it should is a failed test")]

use std::fs;

use data_encoding::BASE64_NOPAD;
use getrandom::SysRng;
use safelight_core::seal::{CHUNK_LEN, Identity, NONCE_LEN, TAG_LEN, open_bytes, seal_bytes, split};
use safelight_tests::gateway::liar::{Forged, Liar, Outcome, digest, noise};
use safelight_tests::gateway::{Gateway, text};

/// What is sent, and the code under which it is to be quarantined.
type Case = (&'static str, &'static str, Forged);

/// Sends everything, and waits until each is quarantined under its code and cannot be opened.
async fn quarantined(gateway: &Gateway, liar: &Liar, cases: Vec<Case>) {
    for (what, _, forged) in &cases {
        let outcome = liar.upload(forged).await;
        assert!(matches!(outcome, Outcome::Stored(_)), "{what}: ingest cannot know, and says {outcome:?}");
    }
    // The control: what is right is verified, beside and after all of it.
    let honest = liar.forge(&noise(32));
    assert!(matches!(liar.upload(&honest).await, Outcome::Stored(_)));
    let honest = honest.manifest.capture_id.to_string();

    let pictures = gateway.pictures_in(&["quarantined", "verified"], cases.len() + 1);
    for (what, code, forged) in &cases {
        let id = forged.manifest.capture_id.to_string();
        let picture = pictures.iter().find(|picture| text(picture, "id") == id).expect(what);
        assert_eq!((text(picture, "state"), text(picture, "reason")), ("quarantined", *code), "{what}");
    }
    let verified = pictures.iter().filter(|picture| text(picture, "state") == "verified");
    assert_eq!(verified.map(|picture| text(picture, "id")).collect::<Vec<_>>(), [honest]);
    // Nothing of it is shown: the first stands for all, whose state is the same.
    let (what, _, forged) = &cases[0];
    let (id, out) = (forged.manifest.capture_id.to_string(), gateway.path("out.jpg"));
    let open = ["vault", "open", &id, "-o", &out, "--reason", "r", "--data", "D", "--passphrase-file", "P"];
    gateway.run(&open).exits(6);
    assert!(!gateway.at("out.jpg").exists(), "{what} was shown");
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s01_s02_s03_s04_s05_s06_s07_s08_a_payload_that_was_tampered_with_and_then_signed_is_quarantined() {
    const SEALED_CHUNK: usize = CHUNK_LEN + TAG_LEN;
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let photo = noise(300);
    let other = liar.forge(&photo);
    let tampered = |change: &dyn Fn(&[&[u8]]) -> Vec<u8>| {
        let mut forged = liar.forge(&photo);
        let (nonce, chunks) = forged.payload.split_at(NONCE_LEN);
        let chunks: Vec<&[u8]> = chunks.chunks(SEALED_CHUNK).collect();
        assert!(chunks.len() >= 3, "the picture is too small for this test");
        forged.payload = [nonce, &change(&chunks)].concat();
        forged.consistent()
    };
    let flipped = |at: usize| {
        tampered(&|chunks| {
            let mut all = chunks.concat();
            let at = at.min(all.len() - 1);
            all[at] ^= 0x10;
            all
        })
    };
    let foreign: Vec<&[u8]> = other.payload[NONCE_LEN..].chunks(SEALED_CHUNK).collect();
    let mut other_nonce = liar.forge(&photo);
    other_nonce.payload[..NONCE_LEN].copy_from_slice(&other.payload[..NONCE_LEN]);
    let mut other_payload = liar.forge(&photo);
    other_payload.payload.clone_from(&other.payload);
    let damaged = "payload-damaged";
    let cases = vec![
        (
            "s01: cut within the last chunk",
            damaged,
            tampered(&|chunks| chunks.concat()[..2 * SEALED_CHUNK + 40].to_vec()),
        ),
        (
            "s01: cut behind the first byte of a chunk",
            damaged,
            tampered(&|chunks| chunks.concat()[..SEALED_CHUNK + TAG_LEN + 1].to_vec()),
        ),
        ("s02: cut on a boundary", damaged, tampered(&|chunks| chunks[..chunks.len() - 1].concat())),
        ("s03: swapped", damaged, tampered(&|chunks| [&[chunks[1], chunks[0]], &chunks[2..]].concat().concat())),
        ("s03: doubled", damaged, tampered(&|chunks| [&chunks[..1], chunks].concat().concat())),
        ("s03: dropped", damaged, tampered(&|chunks| chunks[1..].concat())),
        (
            "s04: a chunk of another picture",
            damaged,
            tampered(&|chunks| [&[chunks[0], foreign[1]], &chunks[2..]].concat().concat()),
        ),
        (
            "s05: the last chunk and another",
            damaged,
            tampered(&|chunks| [chunks, &[chunks[chunks.len() - 1]]].concat().concat()),
        ),
        (
            "s06: an empty last chunk",
            damaged,
            tampered(&|chunks| [&chunks[..2], &[&[0; TAG_LEN][..]]].concat().concat()),
        ),
        ("s07: a bit of the first byte", damaged, flipped(0)),
        ("s07: a bit within", damaged, flipped(SEALED_CHUNK + 7)),
        ("s07: a bit of the last tag", damaged, flipped(usize::MAX)),
        ("s04: another picture's nonce", damaged, other_nonce.consistent()),
        ("s08: another picture's payload", damaged, other_payload.consistent()),
    ];
    quarantined(&gateway, &liar, cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s07_s09_s13_s18_a_header_that_only_the_vault_can_judge_is_quarantined() {
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let photo = noise(32);
    let stranger = || Identity::generate(&mut SysRng).expect("a key").to_recipient();
    let edited = |edit: &dyn Fn(Vec<String>) -> Vec<String>| {
        let mut forged = liar.forge(&photo);
        let lines = String::from_utf8(forged.header.clone()).expect("text");
        forged.header = edit(lines.split_inclusive('\n').map(str::to_owned).collect()).concat().into_bytes();
        forged
    };
    // Line 3 is the vault's stanza, 4 its body; 5 and 6 are recovery's; 7 is the MAC.
    let other_bit = |line: &str| {
        let at = line.len() / 2;
        let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
        [&line[..at], other, &line[at + 1..]].concat()
    };
    let with_share = |share: [u8; 32]| {
        edited(&|mut lines| {
            lines[3] = format!("-> X25519 {}\n", BASE64_NOPAD.encode(&share));
            lines
        })
    };
    let changed = |number: usize| {
        edited(&|mut lines| {
            lines[number] = other_bit(&lines[number]);
            lines
        })
    };
    let mut one = [0; 32];
    one[0] = 1;
    let vault_of_another = {
        let forged = liar.forge(&photo);
        let recovery = forged.recipients()[1];
        forged.bound_for(&[stranger(), recovery])
    };
    let of_strangers = liar.forge(&photo).bound_for(&[stranger(), stranger()]);
    let label = |forged: Forged, label: Vec<u8>| {
        let mut forged = forged;
        forged.manifest.label = digest(split(&label).expect("an age file").1);
        forged.label = label;
        forged.bound()
    };
    let strange_label = seal_bytes(b"{}", &[stranger(), stranger()], &mut SysRng).expect("a label");
    let honest = liar.forge(&photo);
    let no_label = seal_bytes(b"{}", &honest.recipients(), &mut SysRng).expect("a label");
    let mut cut_label = honest.label.clone();
    cut_label.truncate(honest.label.len() - 1);
    let sealed_elsewhere = "not-for-this-vault";
    let cases = vec![
        ("s18: for another vault", sealed_elsewhere, vault_of_another),
        ("s18: for strangers alone", sealed_elsewhere, of_strangers),
        ("s09: another MAC", sealed_elsewhere, changed(7)),
        ("s07: a bit of the vault's body", sealed_elsewhere, changed(4)),
        ("s07: a bit of recovery's body, under the MAC", sealed_elsewhere, changed(6)),
        (
            "s09: stanzas in another order",
            sealed_elsewhere,
            edited(&|mut lines| {
                lines.swap(3, 5);
                lines.swap(4, 6);
                lines
            }),
        ),
        ("s13: a share of zeros", sealed_elsewhere, with_share([0; 32])),
        ("s13: a share of order one", sealed_elsewhere, with_share(one)),
        ("s18: a label for strangers", "label-damaged", label(liar.forge(&photo), strange_label)),
        ("s01: a label that is cut", "label-damaged", label(liar.forge(&photo), cut_label)),
        ("a label of nobody", "label-unreadable", label(liar.forge(&photo), no_label)),
    ];
    quarantined(&gateway, &liar, cases).await;
}

/// S19: ingest counts two recipients and cannot know that both are the vault. The clinic's own header has the recovery key again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s19_a_picture_without_the_recovery_key_gets_it_before_it_is_shown() {
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let forged = liar.forge(&noise(32));
    let [vault, recovery] = forged.recipients();
    let stranger = Identity::generate(&mut SysRng).expect("a key");
    // Once twice the vault, once with an eavesdropper in recovery's place.
    let twice = forged.bound_for(&[vault, vault]);
    let tapped = liar.forge(&noise(33)).bound_for(&[vault, stranger.to_recipient()]);
    assert_ne!(recovery, vault);
    for forged in [&twice, &tapped] {
        assert!(matches!(liar.upload(forged).await, Outcome::Stored(_)));
    }
    gateway.pictures_in(&["verified"], 2);
    let kit = fs::read_to_string(gateway.path("recovery-kit.txt")).expect("the recovery kit");
    let secret = kit.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("the recovery key");
    let recovery: Identity = secret.parse().expect("the recovery key");
    for (forged, side) in [(&twice, 32), (&tapped, 33)] {
        let id = forged.manifest.capture_id.to_string();
        let out = gateway.path(&format!("{id}.age"));
        gateway.run(&["vault", "export", &id, "-o", &out, "--data", "D"]).ok();
        let file = fs::read(&out).expect("the exported file");
        let plain = open_bytes(&file, &[&recovery]).expect("the recovery key opens it");
        assert!(plain.starts_with(&[0xFF, 0xD8]), "not the picture of {side}");
        assert!(open_bytes(&file, &[&stranger]).is_err(), "the eavesdropper's key opens it still");
    }
}
