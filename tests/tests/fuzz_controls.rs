//! That the fuzzers start from something: what they take for genuine is believed by its reader. A property about what is refused
//! would hold of readers that refuse everything.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a panic is the finding of a test")]

use std::fs;
use std::path::Path;

use safelight_core::enrol::csr::CertificateRequest;
use safelight_core::invitation::Invitation;
use safelight_core::keyset::SignedKeySet;
use safelight_core::label::Label;
use safelight_core::log::checkpoint::SignedCheckpoint;
use safelight_core::manifest::SignedManifest;
use safelight_core::receipt::{self, Expected};
use safelight_core::seal::open_bytes;
use safelight_tests::fuzzed::clinic::{CAPTURE, CLINIC, DEVICE, NOW, ORIGIN, key_set, keys, manifest};
use safelight_tests::fuzzed::{age, logs, sessions, signed};

fn seed(target: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target).join(name);
    fs::read(path).expect("a seed")
}

#[test]
fn genuine_documents_are_believed() {
    let keys = keys();
    let signed_manifest = SignedManifest::parse(&seed("manifest_cose", "signed")).expect("a manifest");
    let verified = signed_manifest.verify(&keys.device.verifying()).expect("the device's signature");
    assert_eq!(verified.manifest(), &manifest());

    let (receipt_key, log_key) = (keys.receipt.verifying(), keys.log.verifying_key());
    let expected = Expected {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        manifest_hash: manifest().hash(),
        device_id: DEVICE,
        receipt_keys: std::slice::from_ref(&receipt_key),
        log_key: &log_key,
        log_origin: ORIGIN,
    };
    receipt::verify(&seed("receipt_cose", "signed"), &expected, None, &[]).expect("a receipt");

    let envelope = SignedKeySet::parse(&seed("key_set_cose", "signed")).expect("a key set");
    let verified = envelope.verify(&[keys.ca.verifying()], CLINIC, NOW, 2).expect("the clinic's signature");
    assert_eq!(verified.key_set(), &key_set());

    let note = String::from_utf8(seed("checkpoint_note", "signed.txt")).expect("text");
    let checkpoint = SignedCheckpoint::parse_and_verify(&note, ORIGIN, &log_key).expect("the log's signature");
    assert_eq!(checkpoint.checkpoint(), &logs::genuine());

    let request = CertificateRequest::parse(&seed("csr_der", "request.der")).expect("a request");
    assert_eq!(request.public_key(), &keys.device.verifying());
    Invitation::parse(&String::from_utf8(seed("invitation_text", "qr.txt")).expect("text")).expect("an invitation");
    Label::from_json_bytes(&seed("label_json", "most.json")).expect("a label");
    for file in age::sealed() {
        open_bytes(file, &[&keys.vault]).expect("a sealed file");
    }
}

/// The committed seeds are what the code makes today, so that they are not documents that nobody accepts any more.
#[test]
fn seeds_of_signed_documents_are_the_genuine_ones() {
    for (target, name, bytes) in signed::genuine() {
        assert!(seed(target, name) == bytes, "{target}/{name}: run the example fuzz_seeds_formats");
    }
}

/// What the seeds of the sessions are there for: each gets as far as its name says.
#[test]
fn sessions_get_as_far_as_their_names_say() {
    let run = |name: &str| {
        let happened = sessions::run(&seed("session", name));
        println!("{name}: {happened:?}");
        happened
    };
    assert!(run("small").receipts >= 1, "no receipt before the good network");
    assert!(run("resumed").resumed >= 1, "nothing was resumed");
    assert!(run("altered").refused >= 1, "what was altered is not refused");
    assert!(run("slow").too_slow >= 1, "nobody is too slow");
    assert!(run("injected").disbelieved >= 1, "the receipt of another picture is believed");
}
