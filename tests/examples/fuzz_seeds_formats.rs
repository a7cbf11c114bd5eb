//! Writes the seeds of the fuzzers that are not about pictures: one genuine message of every kind, under keys that never change.
//!
//! `cargo run -p safelight-tests --example fuzz_seeds_formats` writes them into tests/fuzz/seeds, where they are kept.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what cannot be written is to be seen"
)]

use std::fs;
use std::path::Path;

use data_encoding::BASE32_NOPAD;
use safelight_core::client::tls::make_csr;
use safelight_core::enrol::messages::{Begin, Issued, Offer, Outcome, Refusal, Reveal};
use safelight_core::ids::InvitationId;
use safelight_core::invitation::{Invitation, PREFIX, Token};
use safelight_core::log::entry::{self, Entry, Field};
use safelight_core::wire::{RefusalCode, Request, Response, UploadRequest, frame};
use safelight_gateway::link::{
    Answer, Ask, ConversationKind, DeviceRecord, DeviceState, Failure, InboxEntry, IngestStatus, Knock, OpenInvitation,
    RelayMessage, Sighting,
};
use safelight_tests::fuzzed::clinic::{CAPTURE, CLINIC, DEVICE, NOW, device_key, keys, manifest};
use safelight_tests::fuzzed::{age, android, logs, signed};

/// Target, name and bytes.
type Seed = (&'static str, String, Vec<u8>);

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let documents = signed::genuine().into_iter().map(|(target, name, bytes)| (target, name.to_owned(), bytes));
    let seeds = [wire(), sessions(), ages(), log_seeds(), joining(), attestations(), labels(), link()].concat();
    for (target, name, bytes) in seeds.into_iter().chain(documents) {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(&name), &bytes).unwrap();
        println!("{target}/{name}: {} bytes", bytes.len());
    }
}

fn seed(target: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    (target, name.to_owned(), bytes.into())
}

fn wire() -> Vec<Seed> {
    let upload =
        UploadRequest { manifest: vec![1; 30], header: vec![2; 40], label: vec![3; 50], known_log_size: 1 << 40 };
    let requests =
        [Request::Upload(upload), Request::KeySet { have: 3 }, Request::Renew { csr: vec![4; 60], proof: [5; 64] }];
    let responses = [
        Response::Refused(RefusalCode::TooSlow.into()),
        Response::Continue { offset: 1 << 20 },
        Response::Stored { receipt: vec![5; 70], consistency: vec![[6; 32], [7; 32]] },
        Response::KeySet { envelope: vec![8; 90] },
        Response::KeySetCurrent,
        Response::Certificate { certificate: vec![9; 50] },
    ];
    let requests = requests.iter().map(|request| request.to_bytes().unwrap());
    let bodies: Vec<_> = requests.chain(responses.iter().map(|response| response.to_bytes().unwrap())).collect();
    let steps = [6, 0, 200, 63];
    let two = [&steps[..], &frame(&bodies[1]), &frame(&bodies[6])].concat();
    let too_long = [&steps[..], &frame(b"body"), &[0, 0, 2, 89]].concat();
    let cut = [&steps[..], &frame(&bodies[0])[..90]].concat();
    let mut seeds: Vec<_> =
        bodies.into_iter().enumerate().map(|(at, body)| seed("wire_messages", &format!("{at}.cbor"), body)).collect();
    seeds.extend(
        [("two", two), ("too-long", too_long), ("cut", cut)].map(|(name, bytes)| seed("wire_frames", name, bytes)),
    );
    seeds
}

/// Steps of tests/src/fuzzed/sessions.rs, by the numbers that they have there.
fn sessions() -> Vec<Seed> {
    let carry = |len: u16| [&[3][..], &len.to_be_bytes()].concat();
    let hear = |len: u16| [&[5][..], &len.to_be_bytes()].concat();
    let send = |len: u16| [&[0][..], &len.to_be_bytes(), &len.to_be_bytes()].concat();
    let small = [vec![0], carry(4095), hear(100), send(4000), carry(4000), vec![7], hear(4000)].concat();
    let open = [carry(4095), hear(100)].concat();
    let piece = [send(4095), carry(4095)].concat();
    let breaks = vec![9, 0, 0, 0, 0];
    let resumed = [&[1][..], &open, &piece.repeat(3), &breaks, &[1], &open, &piece.repeat(2), &breaks].concat();
    let altered =
        [&[1][..], &open, &piece, &send(4000), &[9, 1, 0, 9, 4], &carry(4000), &piece.repeat(5), &[7]].concat();
    let slow = [&[1][..], &open, &send(10), &[8, 160], &carry(10), &hear(100)].concat();
    let injected = [&small[..], &[1], &open, &[9, 3], &hear(4000)].concat();
    let named = [("small", small), ("resumed", resumed), ("altered", altered), ("slow", slow), ("injected", injected)];
    named.map(|(name, bytes)| seed("session", name, bytes)).to_vec()
}

fn ages() -> Vec<Seed> {
    let files =
        age::sealed().iter().enumerate().map(|(at, file)| seed("age_header", &format!("{at}.age"), file.clone()));
    let others = [
        (
            "unknown.age",
            "age-encryption.org/v1\n-> example.org/x a b\nAAAA\n--- qcNy6mAn80JKuXPUW7ANJdOhzbOtVSsIGM12i5B4vx4\n",
        ),
        (
            "scrypt.age",
            "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 10\nhjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n--- qcNy6mAn80JKuXPUW7ANJdOhzbOtVSsIGM12i5B4vx4\n",
        ),
    ];
    let others = others.map(|(name, text)| seed("age_header", name, text));
    let changes: [(&str, &[u8]); 6] = [
        ("unchanged", &[1, 0]),
        ("cut", &[1, 0, 0, 0, 1, 0, 0]),
        ("flipped", &[0, 9, 2, 0, 1, 0, 7, 3]),
        ("repeated", &[0xff, 0, 3, 0, 1, 0, 2]),
        ("dropped", &[4, 0, 4, 0, 1]),
        ("longer", &[1, 0, 5, 0, 3, 1, 2, 3]),
    ];
    files.chain(others).chain(changes.map(|(name, bytes)| seed("age_payload", name, bytes))).collect()
}

fn log_seeds() -> Vec<Seed> {
    let note = logs::genuine().sign(&keys().log).unwrap();
    let fields = vec![Field::Code("device-revoked".into()), Field::Absent, Field::Bytes(vec![1; 16]), Field::Number(7)];
    vec![
        seed("checkpoint_note", "signed.txt", note.text()),
        seed("log_entry", "capture.cbor", entry::capture(CAPTURE, &manifest().hash(), DEVICE, NOW)),
        seed("log_entry", "refused.cbor", Entry::new("refused", fields).unwrap().to_bytes()),
        seed("log_proofs", "unchanged", [0, 20, 0, 5, 0, 7]),
        seed("log_proofs", "changed", [0, 20, 0, 5, 0, 7, 0, 0, 1, 3, 1, 0, 1, 2, 0, 0]),
    ]
}

fn joining() -> Vec<Seed> {
    let invitation = Invitation {
        clinic_id: CLINIC,
        invitation_id: InvitationId::from_bytes([5; 16]),
        addresses: vec!["192.0.2.1:4433".into(), "[2001:db8::1]:4433".into(), "gw.example:4433".into()],
        ca_sha256: [6; 32],
        token: Token::from_bytes([7; 16]),
        expires_at: NOW,
    };
    let text = invitation.to_qr_text().unwrap();
    let carried = BASE32_NOPAD.decode(text.strip_prefix(PREFIX).unwrap().as_bytes()).unwrap();
    let csr = make_csr(&device_key(), "Phone").unwrap();
    // Behind the outer head, which has two bytes of length, the part that is signed.
    let inner = csr.get(3..).unwrap();
    let len = 3 + usize::from(*inner.get(2).unwrap());
    let inner = if inner.get(1) == Some(&0x81) { inner.get(..len) } else { inner.get(..2 + usize::from(inner[1])) };
    let begin = |attestation| Begin {
        token: Token::from_bytes([7; 16]),
        csr: vec![1; 30],
        device_name: "Phone".into(),
        attestation,
        commitment: [3; 32],
    };
    let issued = Issued {
        device_id: DEVICE,
        operator: "clinician1".parse().unwrap(),
        certificate: vec![1; 50],
        ca: vec![2; 50],
        key_set: vec![3; 90],
    };
    vec![
        seed("invitation_text", "qr.txt", text.as_bytes()),
        seed("invitation_text", "carried.cbor", carried),
        seed("csr_der", "request.der", csr.clone()),
        seed("csr_der", "signed-part.der", inner.unwrap()),
        seed("enrol_messages", "begin.cbor", begin(None).to_bytes().to_vec()),
        seed("enrol_messages", "begin-attested.cbor", begin(Some(vec![2; 90])).to_bytes().to_vec()),
        seed("enrol_messages", "offer.cbor", Offer { enrolment_id: [1; 16], commitment: [2; 32] }.to_bytes()),
        seed("enrol_messages", "reveal.cbor", Reveal { nonce: [1; 32] }.to_bytes()),
        seed("enrol_messages", "issued.cbor", Outcome::Issued(Box::new(issued)).to_bytes()),
        seed("enrol_messages", "refused.cbor", Outcome::Refused(Refusal::TooMany).to_bytes()),
    ]
}

/// A real phone's chain and what its hardware says of the key, and a made one.
fn attestations() -> Vec<Seed> {
    const REAL: &[u8] = include_bytes!("../tests/attestation/pixel-2026.der");
    const DESCRIPTION: &[u8] = include_bytes!("../../gateway/src/enrol/attestation/pixel-8a-description.der");
    let maker = android::Maker::default();
    let made = android::Description::good(&[6; 32]).to_der();
    vec![
        seed("android_attestation", "pixel.der", REAL),
        seed("android_attestation", "pixel-description.der", DESCRIPTION),
        seed("android_attestation", "made-description.der", made.clone()),
        seed("android_attestation", "made.der", maker.chain(keys().device.verifying(), &made).concat()),
    ]
}

fn labels() -> Vec<Seed> {
    let least = r#"{"version":1,"issuer":"clinic","record_number":"0012 3aß","name":"Nobody","birth_date":"1960-02-29","body_site":{"text":"forearm"}}"#;
    let most = r#"{"version":1,"issuer":"c","record_number":"1","name":"N \u00e9","birth_date":"1961-02-03","body_site":{"code":"14975008","text":"forearm"},"laterality":"left","view":"dorsal","consent":"teaching","note":"a\nb"}"#;
    vec![seed("label_json", "least.json", least), seed("label_json", "most.json", most)]
}

fn link() -> Vec<Seed> {
    let device = DeviceRecord { id: DEVICE, state: DeviceState::Active, serials: vec![[1; 16], [2; 16]] };
    let entry = InboxEntry {
        seq: 1,
        capture_id: CAPTURE,
        manifest: vec![1; 30],
        header: vec![2; 40],
        label: vec![3; 50],
        stored_at: NOW,
        log_index: 9,
    };
    let relay = |kind| RelayMessage { seq: 4, conversation: 5, kind, message: vec![6; 20], shown: None };
    let status = IngestStatus {
        port: 4433,
        enrol_port: 4434,
        enrol_open: true,
        connections: 2,
        inbox: 3,
        log_size: 4,
        clinic_seen_ms: Some(5),
        unlocked: true,
        store_trusted: true,
        devices_generation: 6,
        certificate_until: NOW,
    };
    let asks = [
        Ask::Poll { relay_after: 1, wait_ms: 250, unlocked: true, knocks_after: 2 },
        Ask::Settled(vec![CAPTURE]),
        Ask::Devices { generation: 7, devices: vec![device] },
        Ask::Invitations(vec![OpenInvitation {
            id: InvitationId::from_bytes([5; 16]),
            token_hash: [6; 32],
            expires_at: NOW,
        }]),
        Ask::KeySet { envelope: vec![7; 90], accepted: vec![1, 2], receipt_keys: Vec::new() },
        Ask::Answer { conversation: 5, message: vec![8; 20], last: true },
        Ask::Checkpoint { from: 3 },
        Ask::CertificateRequest,
        Ask::Certificate(vec![vec![9; 50], vec![10; 50]]),
        Ask::Status,
        Ask::KeySet { envelope: vec![7; 90], accepted: vec![2], receipt_keys: vec![keys().receipt.verifying()] },
        Ask::ReceiptKeyRequest,
        Ask::Sightings { after: 2 },
    ];
    let answers = [
        Answer::Done,
        Answer::Failed(Failure::NoConversation),
        Answer::Events {
            inbox: vec![entry],
            relay: vec![relay(ConversationKind::Enrol), relay(ConversationKind::Renew(DEVICE))],
            knocks: vec![Knock { seq: 2, device: DEVICE, count: 3 }],
        },
        Answer::Checkpoint { checkpoint: b"note".to_vec(), consistency: vec![[1; 32]] },
        Answer::PublicKey(vec![4; 65]),
        Answer::Status(status),
        Answer::Sightings(vec![Sighting { seq: 2, device: DEVICE, at: NOW }]),
    ];
    let asks =
        asks.iter().enumerate().map(|(at, ask)| seed("link_messages", &format!("ask-{at}.cbor"), ask.to_bytes()));
    let answers = answers.iter().enumerate();
    asks.chain(answers.map(|(at, answer)| seed("link_messages", &format!("answer-{at}.cbor"), answer.to_bytes())))
        .collect()
}
