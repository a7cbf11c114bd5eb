//! Sealed streams that ingest can see to be wrong, sent by an enrolled phone that lies.
//!
//! The attacker has a phone with a valid certificate and writes every byte himself. Ingest is blind: it sees shapes, counts, lengths,
//! digests and the signature, and refuses by those. Each refusal leaves nothing: no entry, no payload, no bytes of an upload that
//! is not whole. What ingest cannot see is in tests/streams_quarantined.rs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::sync::Arc;

use getrandom::SysRng;
use safelight_core::cbor::Fields;
use safelight_core::cose::{Purpose, Unverified};
use safelight_core::device_key::{DeviceKey, SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_core::receipt::MAX_RECEIPT_LEN;
use safelight_core::seal::{CHUNK_LEN, MAX_HEADER_LEN, MAX_STANZAS, NONCE_LEN, TAG_LEN, seal_bytes};
use safelight_core::wire::limits::MAX_PICTURE_LEN;
use safelight_core::wire::{RefusalCode, Request, frame};
use safelight_tests::gateway::liar::{Forged, Liar, Outcome, digest, new_id, noise};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};

/// Refused with this code, and nothing of it is there.
#[track_caller]
fn leaves_nothing(gateway: &Gateway, what: &str, outcome: Outcome, code: RefusalCode) {
    assert_eq!(outcome, Outcome::Refused(code), "{what}");
    assert_eq!(gateway.stored(), Vec::<String>::new(), "{what}: an entry");
    assert_eq!(gateway.blobs(), Vec::<u64>::new(), "{what}: a payload");
    // The refusal may reach the phone before the part is gone.
    until(&format!("{what}: the part goes"), PATIENCE, || (gateway.incoming() == 0).then_some(()));
}

/// The control: what was refused was refused for what was wrong with it.
async fn honest_is_stored(gateway: &Gateway, liar: &Liar, photo: &[u8]) {
    let honest = liar.forge(photo);
    assert!(matches!(liar.upload(&honest).await, Outcome::Stored(_)), "an honest upload is refused");
    gateway.pictures_in(&["verified"], 1);
    assert_eq!(gateway.stored(), [honest.manifest.capture_id.to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s01_s02_s06_s16_s17_a_payload_of_another_length_is_refused_and_leaves_nothing() {
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let (photo, small) = (noise(300), noise(32));

    // S01, S02: the stream ends cleanly, too early: within nonce and chunks, and on a chunk's boundary.
    let whole = liar.forge(&photo);
    let boundary = NONCE_LEN + CHUNK_LEN + TAG_LEN;
    assert!(whole.payload.len() > 2 * boundary, "the picture is too small for this test");
    for cut in
        [0, 1, NONCE_LEN - 1, NONCE_LEN, NONCE_LEN + 1, boundary - 1, boundary, boundary + 1, whole.payload.len() - 1]
    {
        let mut forged = liar.forge(&photo);
        forged.payload.truncate(cut);
        let outcome = liar.upload(&forged).await;
        leaves_nothing(&gateway, &format!("cut at {cut}"), outcome, RefusalCode::LengthMismatch);
    }
    // S06: an empty picture has a nonce and a tag.
    let mut empty = liar.forge(&small);
    empty.payload.truncate(NONCE_LEN + TAG_LEN);
    leaves_nothing(&gateway, "an empty picture", liar.upload(&empty.consistent()).await, RefusalCode::Malformed);

    // S16: lengths that lie. The largest are refused before a byte of the payload, and never allocated.
    for (declared, code) in [
        (1 << 63, RefusalCode::Malformed),
        (u64::MAX, RefusalCode::Malformed),
        ((1 << 63) - 1, RefusalCode::TooLarge),
        (MAX_PICTURE_LEN + 1, RefusalCode::TooLarge),
        (MAX_PICTURE_LEN, RefusalCode::LengthMismatch),
        (whole.payload.len() as u64 + 1, RefusalCode::LengthMismatch),
        (whole.payload.len() as u64 - 1, RefusalCode::LengthMismatch),
        (33, RefusalCode::LengthMismatch),
        (32, RefusalCode::Malformed),
        (0, RefusalCode::Malformed),
    ] {
        let mut forged = liar.forge(&photo);
        forged.manifest.picture.len = declared;
        let outcome = liar.upload(&forged.bound()).await;
        leaves_nothing(&gateway, &format!("declared as {declared}"), outcome, code);
    }
    // S17: more than what was declared, and more than any picture may have, from a phone that does not stop.
    let mut endless = liar.forge(&small);
    endless.payload.resize(usize::try_from(MAX_PICTURE_LEN).expect("a length") + 1, 7);
    leaves_nothing(&gateway, "endless", liar.upload(&endless).await, RefusalCode::LengthMismatch);
    let outcome = liar.upload(&endless.consistent()).await;
    leaves_nothing(&gateway, "honestly endless", outcome, RefusalCode::TooLarge);

    // Other bytes than the signed ones, of the right length.
    let mut damaged = liar.forge(&photo);
    damaged.payload[100_000] ^= 1;
    leaves_nothing(&gateway, "damaged", liar.upload(&damaged).await, RefusalCode::DigestMismatch);
    honest_is_stored(&gateway, &liar, &photo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s08_s09_s14_s15_s18_s19_s22_a_header_that_ingest_can_see_to_be_wrong_is_refused() {
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let photo = noise(32);
    let other = liar.forge(&photo);
    let text_of = |forged: &Forged| String::from_utf8(forged.header.clone()).expect("text");
    let edited = |edit: &dyn Fn(String) -> String| {
        let mut forged = liar.forge(&photo);
        let before = text_of(&forged);
        let after = edit(before.clone());
        assert_ne!(before, after, "nothing was changed");
        forged.header = after.into_bytes();
        forged
    };
    let stanza = |header: &str, at: usize| header.split_inclusive('\n').skip(1 + 2 * at).take(2).collect::<String>();
    let unknown = "-> example.org/x\n\n";
    let before_mac = |header: &str, more: &str| header.replacen("--- ", &format!("{more}--- "), 1);

    let mut cases = vec![
        // S08
        ("another picture's header", edited(&|_| text_of(&other))),
        // S09: altered, removed, doubled, not first.
        ("another key set in the stanza", edited(&|h| h.replacen("manifest 1\n", "manifest 2\n", 1))),
        ("no manifest stanza", edited(&|h| h.replacen(&stanza(&h, 0), "", 1))),
        ("two manifest stanzas", edited(&|h| h.replacen(&stanza(&h, 0), &stanza(&h, 0).repeat(2), 1))),
        ("a manifest stanza behind", edited(&|h| before_mac(&h.replacen(&stanza(&h, 0), "", 1), &stanza(&h, 0)))),
        // S14
        ("one stanza too many", edited(&|h| before_mac(&h, &stanza(&h, 1).repeat(MAX_STANZAS - 2)))),
        ("a stanza of another kind", edited(&|h| before_mac(&h, unknown))),
        (
            "a header as long as it may be and without an end",
            edited(&|h| {
                let lines = format!("{}\n", "A".repeat(64)).repeat(MAX_HEADER_LEN / 65 + 1);
                let mut endless = before_mac(&h, &format!("-> x\n{lines}"));
                endless.truncate(MAX_HEADER_LEN);
                endless
            }),
        ),
        // S15
        ("a carriage return", edited(&|h| h.replacen("v1\n", "v1\r\n", 1))),
        ("a NUL", edited(&|h| h.replacen("-> X25519 ", "-> X25519\0", 1))),
        ("a leading zero", edited(&|h| h.replacen("manifest 1\n", "manifest 01\n", 1))),
        ("padding", edited(&|h| h.trim_end().to_owned() + "=\n")),
        ("something behind the header", edited(&|h| h + "x")),
        // S19: one recipient cannot be both vault and recovery.
        ("one recipient", edited(&|h| h.replacen(&stanza(&h, 2), "", 1))),
    ];
    // The last character of the MAC carries two bits that must be zero.
    cases.push((
        "base64 that is not canonical",
        edited(&|h| {
            let mut bytes = h.into_bytes();
            let at = bytes.len() - 2;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { bytes[at] + 1 };
            String::from_utf8(bytes).expect("text")
        }),
    ));
    for (what, forged) in cases {
        leaves_nothing(&gateway, what, liar.upload(&forged).await, RefusalCode::BadHeader);
    }
    // S14: a header beyond its limit does not even get into a request; a request beyond its limit is refused by its first four bytes.
    let outcome = liar.send(&u32::MAX.to_be_bytes(), b"").await;
    leaves_nothing(&gateway, "a request of 4 GiB", outcome, RefusalCode::TooLarge);

    // The label has the same limits.
    let mut label = liar.forge(&photo);
    label.label = other.label.clone();
    leaves_nothing(&gateway, "another picture's label", liar.upload(&label).await, RefusalCode::BadLabel);
    let mut alone = liar.forge(&photo);
    alone.label = seal_bytes(b"{}", &alone.recipients()[..1], &mut SysRng).expect("a label");
    alone.manifest.label = digest(safelight_core::seal::split(&alone.label).expect("an age file").1);
    leaves_nothing(&gateway, "a label for the vault alone", liar.upload(&alone.bound()).await, RefusalCode::BadLabel);

    // S18, S22: for key sets that are not in force (any more, or yet).
    for number in [0, 2, u64::MAX >> 1] {
        let mut forged = liar.forge(&photo);
        forged.manifest.key_set = number;
        let outcome = liar.upload(&forged.bound()).await;
        leaves_nothing(&gateway, &format!("key set {number}"), outcome, RefusalCode::KeySetTooOld);
    }
    honest_is_stored(&gateway, &liar, &photo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s10_s11_what_another_has_signed_or_nobody_is_refused() {
    let gateway = Gateway::serving();
    let (first, second) = (gateway.enrol("first"), gateway.enrol("second"));
    let (first, second) = (Liar::connect(&first).await, Liar::connect(&second).await);
    let photo = noise(32);
    // S11: what the first device has signed, re-sent by the second; and as if the first had sent it.
    let theirs = first.forge(&photo);
    let stranger: Arc<dyn DeviceKey> =
        Arc::new(SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).expect("a key"), SysRng));
    let first_key = first.key();
    let outcome = second.upload_as(&theirs, &first_key).await;
    leaves_nothing(&gateway, "another device's picture", outcome, RefusalCode::WrongDevice);
    let mut claimed = second.forge(&photo);
    claimed.manifest.device_id = first.device.device_id;
    let outcome = second.upload(&claimed.bound()).await;
    leaves_nothing(&gateway, "in another device's name", outcome, RefusalCode::WrongDevice);
    // S10: anybody can seal for the clinic; only the device can sign.
    let forged = second.forge(&photo);
    let outcome = second.upload_as(&forged, &stranger).await;
    leaves_nothing(&gateway, "signed by a stranger", outcome, RefusalCode::BadSignature);
    let outcome = second.upload_as(&forged, &first_key).await;
    leaves_nothing(&gateway, "signed by another device", outcome, RefusalCode::BadSignature);
    let mut elsewhere = second.forge(&photo);
    elsewhere.manifest.clinic_id = ClinicId::from_bytes([7; 16]);
    let outcome = second.upload(&elsewhere.bound()).await;
    leaves_nothing(&gateway, "for another clinic", outcome, RefusalCode::WrongClinic);
    honest_is_stored(&gateway, &second, &photo).await;
}

/// Replays. A purge, and with it a tombstone, does not exist yet: a stored id stays known for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s12_an_old_capture_sent_again_gives_the_same_receipt_and_no_second_picture() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let liar = Liar::connect(&phone).await;
    let photo = noise(32);
    let mut old = liar.forge(&photo);
    // As if it had lain around for months.
    old.manifest.captured_at = UnixMillis(old.manifest.captured_at.0 - 180 * 86_400_000);
    let old = old.bound();
    let id = old.manifest.capture_id.to_string();
    let first = stored_at_and_index(liar.upload(&old).await);
    gateway.pictures_in(&["verified"], 1);
    let entries = || gateway.log("intake").into_iter().filter(|entry| text(entry, "kind") == "capture").count();
    assert_eq!(entries(), 1);
    assert_eq!(stored_at_and_index(liar.upload(&old).await), first, "the same capture has another receipt");
    // The same capture with a header of later, which is not signed along.
    let later = old.bound();
    assert_eq!(stored_at_and_index(liar.upload(&later).await), first);
    assert_eq!(entries(), 1);
    // The same id for another picture.
    let mut other = liar.forge(&photo);
    other.manifest.capture_id = later.manifest.capture_id;
    let other = other.bound();
    assert_eq!(liar.upload(&other).await, Outcome::Refused(RefusalCode::Conflict));
    assert_eq!(entries(), 1);

    // What the clinic has settled and a restart has not seen is known all the same.
    assert!(gateway.stop());
    gateway.serve();
    let liar = Liar::connect(&phone).await;
    assert_eq!(stored_at_and_index(liar.upload(&later).await), first);
    assert_eq!(liar.upload(&other).await, Outcome::Refused(RefusalCode::Conflict));
    assert_eq!(gateway.stored(), [id]);
    assert_eq!(gateway.pictures_in(&["verified"], 1).len(), 1);
    assert_eq!(gateway.incoming(), 0);
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

/// X20: what an attacker may say in a request beside its parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x20_bytes_before_they_are_asked_for_and_a_log_that_does_not_exist_do_no_harm() {
    let gateway = Gateway::serving();
    let liar = Liar::connect(&gateway.enrol("phone")).await;
    let photo = noise(32);
    // The payload right behind the request, before the gateway has said from where: it could be taken for the wrong offset.
    let eager = liar.forge(&photo);
    let opening = liar.opening(&eager);
    let outcome = liar.send(&[opening.as_slice(), &eager.payload].concat(), b"").await;
    leaves_nothing(&gateway, "the payload behind the request", outcome, RefusalCode::Malformed);
    // A second request on one stream.
    let second = frame(&Request::KeySet { have: 0 }.to_bytes().expect("a request"));
    let outcome = liar.send(&[opening.as_slice(), &second].concat(), b"").await;
    leaves_nothing(&gateway, "a request behind the request", outcome, RefusalCode::Malformed);
    // A log larger than there is: the receipt must not be what fails, and the next honest phone is served.
    let mut knows_more = liar.forge(&photo);
    knows_more.known_log_size = u64::MAX >> 1;
    assert!(matches!(liar.upload(&knows_more).await, Outcome::Stored(_)));
    let mut again = liar.forge(&photo);
    again.manifest.capture_id = new_id(UnixMillis(0));
    again.manifest.sequence = u64::MAX >> 1;
    again.manifest.captured_at = UnixMillis(u64::MAX >> 1);
    assert!(matches!(liar.upload(&again.bound()).await, Outcome::Stored(_)));
    gateway.pictures_in(&["verified", "quarantined"], 2);
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

/// What a receipt says of when and where (core/src/wire/formats.cddl, `receipt`).
#[track_caller]
fn stored_at_and_index(outcome: Outcome) -> (UnixMillis, u64) {
    let Outcome::Stored(receipt) = outcome else { panic!("no receipt: {outcome:?}") };
    let envelope = Unverified::parse(Purpose::Receipt, &receipt, MAX_RECEIPT_LEN).expect("a receipt");
    let mut fields = Fields::decode(envelope.claimed(), MAX_RECEIPT_LEN).expect("a receipt");
    let mut take = |key| fields.take(key).expect("a field");
    (take(5).millis().expect("a time"), take(6).uint().expect("an index"))
}
