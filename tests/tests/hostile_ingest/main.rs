//! An ingest that lies: a program with ingest's socket, keys and database, and none of its manners.
//!
//! The attacker has replaced the process that faces the phones. It wants a device of its own in the clinic's list, pictures of its own in
//! the patients' records, another vault key on the phones, and a past without what it dropped. It speaks the link's protocol
//! perfectly and tells the clinic process whatever it likes; it serves phones with the genuine TLS key; it signs with the genuine log key.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

mod liar;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::tls::make_csr;
use safelight_core::client::{Client, Options};
use safelight_core::device_key::{DeviceKey, Es256, SoftwareDeviceKey, SoftwareKey};
use safelight_core::enrol::messages::phone_commitment;
use safelight_core::enrol::{Begin, Offer, Outcome, Refusal, Reveal};
use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::invitation::{Invitation, Token};
use safelight_core::keyset::{KeyCertificate, KeySet};
use safelight_core::log::entry::Entry;
use safelight_core::manifest::ContentType;
use safelight_core::seal::Identity;
use safelight_core::wire::{Request, Response, renewal_message};
use safelight_gateway::clock::calendar::rfc3339;
use safelight_gateway::ingest::inbox;
use safelight_gateway::ingest::keys::IngestKeys;
use safelight_gateway::link::{self, Answer, Ask, ConversationKind, Failure, Knock, MAX_KNOCKS, Sighting};
use safelight_tests::gateway::phone::Phone;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, array, text};
use safelight_tests::pictures::{bombs, small};
use sqlx::Row;

use self::liar::{Liar, Sent, now, payload_place, runtime};

fn photo(gateway: &Gateway, number: u64) -> String {
    let path = gateway.path(&format!("photo-{number}.jpg"));
    fs::write(&path, small::photo(number)).expect("a file");
    path
}

fn key() -> (SoftwareKey, Arc<dyn DeviceKey>) {
    let key = SoftwareKey::generate(&mut SysRng).expect("a key");
    (key.clone(), Arc::new(SoftwareDeviceKey::new(key, SysRng)))
}

/// A gateway with a phone that is enrolled, at rest.
fn at_rest() -> (Gateway, Phone) {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    assert!(gateway.stop());
    (gateway, phone)
}

const ENROL: ConversationKind = ConversationKind::Enrol;

#[test]
fn x44_over_the_link_nobody_is_enrolled_without_token_and_approval() {
    let (gateway, phone) = at_rest();
    let liar = Liar::beside(&gateway);
    let invited = gateway.invite("Room 9", "q.png");
    let invitation = Invitation::parse(text(&invited, "qr")).expect("an invitation");
    liar.polled(2);

    let (_, own) = key();
    let csr = make_csr(own.as_ref(), "intruder").expect("a request");
    let nonce = [7; 32];
    let begin = |token: Token| Begin {
        token,
        csr: csr.clone(),
        device_name: "intruder".to_owned(),
        attestation: None,
        commitment: phone_commitment(&nonce, &csr),
    };
    // All that it knows of an open invitation: the hash of its token.
    let hash = invitation.token.hash();
    let half: [u8; 16] = hash[..16].try_into().expect("half a hash");
    for (conversation, token) in (1..).zip([half, [0; 16], *b"0123456789abcdef"]) {
        let (said, last) = liar.asked(conversation, ENROL, &begin(Token::from_bytes(token)).to_bytes());
        let refused = matches!(Outcome::parse(&said), Ok(Outcome::Refused(Refusal::Invitation)));
        assert!(refused && last, "a guessed token was not refused");
    }
    assert_eq!(gateway.devices().len(), 1);

    // A phone has sent its token through it. It burns that with a key of its own: the admin sees a device that waits.
    let (said, last) = liar.asked(10, ENROL, &begin(Token::from_bytes(*invitation.token.expose_bytes())).to_bytes());
    assert!(Offer::parse(&said).is_ok() && !last);
    let (said, last) = liar.asked(10, ENROL, &Reveal { nonce }.to_bytes());
    assert!(Reveal::parse(&said).is_ok() && !last);
    let pending = || gateway.devices().into_iter().find(|device| text(device, "name") == "Room 9").expect("it waits");
    assert_eq!(text(&pending(), "status"), "pending");
    // However often it asks, in this conversation or in others, there is no certificate.
    let (said, last) = liar.asked(10, ENROL, &Reveal { nonce }.to_bytes());
    assert!(matches!(Outcome::parse(&said), Ok(Outcome::Refused(_))) && last);
    let device = DeviceId::from_bytes(id(text(&pending(), "id")));
    for (conversation, renewed) in [(20, device), (21, DeviceId::from_bytes(id(&phone.device)))] {
        let proof = Es256::from_der(&own.sign(&renewal_message(clinic(&phone), renewed, &csr)).expect("a signature"));
        let request = Request::Renew { csr: csr.clone(), proof: proof.expect("a signature").0 };
        let request = request.to_bytes().expect("a request");
        let (said, _) = liar.asked(conversation, ConversationKind::Renew(renewed), &request);
        assert!(matches!(Response::from_bytes(&said), Ok(Response::Refused(_))), "{conversation}");
    }
    liar.polled(5);
    assert!(liar.script().heard.is_empty());
    assert_eq!(text(&pending(), "status"), "pending");

    // The control: with the admin's approval the conversation ends with a certificate, and with the device's own key a renewal does.
    liar.asked(11, ENROL, &begin(Token::from_bytes(*invitation.token.expose_bytes())).to_bytes());
    liar.asked(11, ENROL, &Reveal { nonce }.to_bytes());
    gateway.run(&["device", "approve", text(&pending(), "id"), "--data", "D"]).ok();
    let (said, last) = liar.answer(11);
    assert!(matches!(Outcome::parse(&said), Ok(Outcome::Issued(_))) && last);
    let (device, genuine) = phone.enrolled();
    let (_, fresh) = key();
    let csr = make_csr(fresh.as_ref(), "renewal").expect("a request");
    let message = renewal_message(device.clinic_id, device.device_id, &csr);
    let proof = Es256::from_der(&genuine.sign(&message).expect("a signature")).expect("a signature").0;
    let request = Request::Renew { csr, proof }.to_bytes().expect("a request");
    let (said, _) = liar.asked(30, ConversationKind::Renew(device.device_id), &request);
    assert!(
        matches!(Response::from_bytes(&said), Ok(Response::Certificate { .. })),
        "the control: {:?}",
        Response::from_bytes(&said)
    );
}

fn id(text: &str) -> [u8; 16] {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    u128::from_str_radix(&digits, 16).expect("an id").to_be_bytes()
}

fn clinic(phone: &Phone) -> safelight_core::ids::ClinicId {
    phone.enrolled().0.clinic_id
}

#[test]
fn x45_a_capture_that_ingest_made_up_and_one_that_it_replaced_are_quarantined() {
    let (gateway, phone) = at_rest();
    let bytes = small::photo(4);
    let client = phone.client();
    let (_, own) = key();
    // Everything in it is right but the signature: the device's name and the clinic's keys are no secrets.
    let forger = Client::new(client.device(), own, Options::default());
    forger.update(|device| device.next_sequence += 100);
    let forged = Sent::honest(&forger, &bytes);
    let [genuine, piped, linked, swapped] = std::array::from_fn(|_| Sent::honest(&client, &bytes));

    let liar = Liar::beside(&gateway);
    liar.store(&gateway, &forged);
    let pipe = payload_place(&gateway, &piped);
    fs::create_dir_all(pipe.parent().expect("a shard")).expect("a shard");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("a pipe");
    liar.claim(&piped);
    let link = payload_place(&gateway, &linked);
    fs::create_dir_all(link.parent().expect("a shard")).expect("a shard");
    std::os::unix::fs::symlink(gateway.data().join("clinic/vault.age"), &link).expect("a link");
    liar.claim(&linked);
    let swap = liar.store(&gateway, &swapped);
    fs::write(swap, &forged.payload).expect("another payload");
    liar.polled(3);
    // The pipe keeps nobody waiting: what comes after it is judged, and that is the control too.
    liar.store(&gateway, &genuine);

    let pictures = gateway.pictures_in(&["verified", "quarantined"], 5);
    let judged = |sealed: &Sent| {
        let picture = pictures.iter().find(|picture| text(picture, "id") == sealed.id().to_string()).expect("listed");
        (text(picture, "state").to_owned(), text(picture, "reason").to_owned())
    };
    for (sealed, reason) in [
        (&forged, "bad-signature"),
        (&piped, "payload-not-a-file"),
        (&linked, "payload-not-a-file"),
        (&swapped, "payload-damaged"),
    ] {
        assert_eq!(judged(sealed), ("quarantined".to_owned(), reason.to_owned()));
    }
    assert_eq!(judged(&genuine).0, "verified");
}

/// Bombs that the core would not have sent, from a phone of the clinic's that does not run it: each ends the inspector or is refused by it,
/// never the process that started it.
#[test]
fn i06_bombs_are_quarantined_with_a_code_and_what_comes_after_them_is_judged() {
    let (gateway, phone) = at_rest();
    let client = phone.client();
    let liar = Liar::beside(&gateway);
    let clinic = liar.clinic.id();
    let mut sent = Vec::new();
    for (name, bytes, _) in bombs::all() {
        let content_type = match bytes.first() {
            Some(0xFF) => ContentType::Jpeg,
            Some(0x89) => ContentType::Png,
            _ => ContentType::Webp,
        };
        let bomb = Sent::lying(&client, &bytes, content_type);
        liar.store(&gateway, &bomb);
        sent.push((name, bomb.id()));
    }
    let honest = Sent::honest(&client, &small::photo(5));
    liar.store(&gateway, &honest);
    let pictures = gateway.pictures_in(&["verified", "quarantined"], sent.len() + 1);
    let judged = |id: CaptureId| {
        let picture = pictures.iter().find(|picture| text(picture, "id") == id.to_string()).expect("listed");
        (text(picture, "state"), text(picture, "reason"))
    };
    for (name, id) in &sent {
        let (state, reason) = judged(*id);
        assert!(state == "quarantined" && !reason.is_empty(), "{name}: {state} {reason}");
        assert!(
            ["not-decodable", "strip-changes-it", "declared-otherwise", "killed"].contains(&reason),
            "{name}: {reason}"
        );
    }
    assert_eq!(judged(honest.id()).0, "verified");
    assert!(Path::new(&format!("/proc/{clinic}/exe")).exists(), "the clinic process did not survive");
}

#[test]
fn x46_phones_take_no_key_set_that_the_clinic_has_not_signed() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    assert!(gateway.stop());
    let (device, _) = phone.enrolled();
    let held = device.key_set.key_set().clone();
    // Its own keys, of which phones know one: the receipt key. It certifies itself.
    let folder = gateway.data().join("ingest");
    let receipt = safelight_gateway::keyfile::read_p256(&folder.join("receipt.key")).expect("ingest's own key");
    let (other, _) = key();
    let mine = Identity::generate(&mut SysRng).expect("a vault key of the intruder's own").to_recipient();
    let evil = KeySet { number: held.number + 1, vault: *mine.as_bytes(), issued_at: now(), ..held.clone() };
    let until_when = now().plus(Duration::from_secs(3600));
    let certificate = |by: &SoftwareKey, of: &SoftwareKey| {
        KeyCertificate::issue(by, held.clinic_id, &of.verifying(), UnixMillis(0), until_when).expect("a certificate")
    };
    let genuine = device.key_set.bytes().to_vec();
    let mut tampered = genuine.clone();
    let vault = tampered.windows(32).position(|window| window == held.vault).expect("the vault's key");
    tampered[vault..vault + 32].copy_from_slice(mine.as_bytes());
    let forged = [
        (
            "signed by the receipt key",
            evil.sign(&receipt, &certificate(&receipt, &receipt)).expect("a key set").bytes().to_vec(),
        ),
        (
            "signed by a key of its own",
            evil.sign(&other, &certificate(&other, &other)).expect("a key set").bytes().to_vec(),
        ),
        ("the genuine one with another vault key", tampered),
    ];
    gateway.serve_ingest_alone();
    let photo = photo(&gateway, 8);
    for (what, envelope) in forged {
        // Whoever has ingest's socket has this too, and a hostile ingest needs no socket for it.
        runtime().block_on(async {
            let mut link = link::connect(&folder).await.expect("the link");
            let accepted = vec![held.number, held.number + 1];
            link.tell(&Ask::KeySet { envelope, accepted, receipt_keys: Vec::new() })
                .await
                .expect("ingest takes what it is told");
        });
        let refused = runtime().block_on(phone.client().update_key_set(now()));
        assert!(refused.is_err(), "{what}: {refused:?}");
        // The command does not take it over either, and what it sends is sealed to the clinic's vault.
        phone.send(&[&photo]);
        assert_eq!(phone.enrolled().0.key_set.bytes(), genuine, "{what}");
    }
    assert!(gateway.stop());

    // The control: the clinic's next one is taken.
    let config = gateway.data().join("config.toml");
    let renamed = fs::read_to_string(&config)
        .expect("the configuration")
        .replace("clinic_name = \"Clinic\"", "clinic_name = \"Renamed\"");
    fs::write(&config, renamed).expect("the configuration");
    gateway.serve();
    assert!(runtime().block_on(phone.client().update_key_set(now())).expect("the clinic's own key set"));
    gateway.run(&["vault", "list", "--data", "D", "--passphrase-file", "P"]).ok();
    assert!(
        gateway
            .pictures_in(&["verified"], gateway.stored().len())
            .iter()
            .all(|picture| text(picture, "state") == "verified")
    );
}

#[test]
fn x93_an_ingest_that_says_that_phones_knock_makes_one_entry_of_those_that_are_revoked() {
    let mut gateway = Gateway::serving();
    let [welcome, revoked] = ["welcome", "revoked"].map(|name| gateway.enrol(name));
    gateway.run(&["device", "revoke", &revoked.device, "--data", "D"]).ok();
    // Until its books are closed, the clinic process asks for a checkpoint before all else, and the liar has none.
    until("the revocation on record", PATIENCE, || {
        let mut log = gateway.log("access").into_iter();
        log.any(|entry| text(&entry, "kind") == "revocation-in-force").then_some(())
    });
    assert!(gateway.stop());
    let liar = Liar::beside(&gateway);
    let knocked = || {
        let log = gateway.log("access").into_iter().filter(|entry| text(entry, "kind") == "revoked-device-knocked");
        log.map(|entry| entry["fields"][0].as_str().expect("a device").to_owned()).collect::<Vec<_>>()
    };
    // As many as fit, in every answer: phones that there are not, one that is welcome, and one that is revoked.
    let say = |seq: u64, last: &[&Phone]| {
        let nobody = (0..).take(MAX_KNOCKS - last.len()).map(|one| DeviceId::from_bytes([one; 16]));
        let devices = nobody.chain(last.iter().map(|phone| DeviceId::from_bytes(id(&phone.device))));
        liar.script().knocks = devices.map(|device| Knock { seq, device, count: u64::MAX >> 12 }).collect();
    };
    say(1, &[&welcome]);
    liar.polled(5);
    assert!(knocked().is_empty());
    say(2, &[&welcome, &revoked, &revoked]);
    liar.polled(20);
    // It breaks the link, and begins anew.
    liar.script().unasked = Some(Answer::Done);
    say(u64::MAX >> 12, &[&revoked]);
    liar.polled(20);
    assert_eq!(knocked(), [revoked.device]);
}

#[test]
fn an_ingest_that_says_when_phones_were_there_moves_no_time_back_and_none_beyond_now() {
    let (gateway, phone) = at_rest();
    let liar = Liar::beside(&gateway);
    let seen = || text(&gateway.devices()[0], "last_seen").to_owned();
    let (device, nobody) = (DeviceId::from_bytes(id(&phone.device)), DeviceId::from_bytes([7; 16]));
    let say = |seq: u64, at: UnixMillis| {
        let sighting = |device| Sighting { seq, device, at };
        liar.script().sightings = vec![sighting(nobody), sighting(device)];
    };
    let (before, start) = (seen(), now());
    say(1, UnixMillis(u64::MAX >> 12));
    let told = until("a later time", PATIENCE, || Some(seen()).filter(|seen| *seen != before));
    assert!(told <= rfc3339(now()) && told >= rfc3339(start), "{told}");
    say(2, UnixMillis(1));
    let heard = liar.script().sightings_asked;
    until("the lie is heard", PATIENCE, || (liar.script().sightings_asked > heard + 1).then_some(()));
    assert_eq!(seen(), told);
    assert_eq!(gateway.devices().len(), 1, "nobody came of it");
}

#[test]
fn x59_an_ingest_that_offers_a_receipt_key_is_believed_only_where_the_admin_has_ordered_one() {
    let (mut gateway, phone) = at_rest();
    let held = phone.enrolled().0.key_set.key_set().clone();
    let liar = Liar::beside(&gateway);
    let (mine, _) = key();
    let offer = |key: &SoftwareKey| Answer::PublicKey(key.verifying().to_sec1());
    // Nobody asks it, and what it says unasked is no answer.
    liar.polled(3);
    liar.script().unasked = Some(offer(&mine));
    liar.polled(3);
    let shown = || gateway.run(&["receipt-key", "show", "--data", "D", "--json"]).ok().json();
    assert_eq!((liar.script().asked_for_key, shown()["key_set"].as_u64()), (0, Some(1)));

    // Asked, it says what is no new key: nothing changes, on record.
    let rotate = ["receipt-key", "rotate", "--data", "D", "--json"];
    let of_the_clinic = Answer::PublicKey(held.receipt_key.to_sec1());
    let nonsense = [of_the_clinic, Answer::PublicKey(vec![4; 65]), Answer::Done, Answer::Failed(Failure::Store)];
    for (times, nonsense) in (1..).zip(nonsense) {
        liar.script().offers = [nonsense].into();
        gateway.run(&rotate).exits(7);
        assert_eq!(liar.script().asked_for_key, times);
        let refused = gateway.log("access").iter().filter(|entry| text(entry, "kind") == "receipt-key-refused").count();
        assert_eq!((refused as u64, shown()["key_set"].as_u64()), (times, Some(1)));
    }

    // The control, and all that it can ever have: the receipt key that the admin has ordered, and nothing else of the key set.
    liar.script().offers = [offer(&mine)].into();
    gateway.run(&rotate).ok();
    liar.polled(2);
    drop(liar);
    gateway.serve();
    let client = phone.client();
    assert!(runtime().block_on(client.update_key_set(now())).expect("the clinic's own key set"));
    let next = client.device().key_set.key_set().clone();
    assert_eq!(next.receipt_key, mine.verifying());
    let like = KeySet {
        number: held.number,
        receipt_key: held.receipt_key.clone(),
        previous: held.previous.clone(),
        issued_at: held.issued_at,
        ..next
    };
    assert_eq!(like, held);
}

#[test]
fn x47_a_rewritten_intake_log_is_seen_by_the_next_phone_and_against_a_checkpoint() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photo(&gateway, 9);
    let sent = array(phone.send(&[&photo, &photo]).ok().json());
    gateway.pictures_in(&["verified"], 2);
    let kept = gateway.run(&["audit", "checkpoint", "--data", "D", "--log", "intake"]).ok().text();
    assert!(gateway.stop());

    runtime().block_on(rewrite_without_the_first_capture(&gateway.data().join("ingest")));
    let log = gateway.log("intake");
    assert!(log.iter().any(|entry| entry.to_string().contains(text(&sent[1], "id"))), "{log:?}");
    assert!(log.iter().all(|entry| !entry.to_string().contains(text(&sent[0], "id"))), "it is gone: {log:?}");
    // In itself it is sound, signed with the genuine key: what the clinic process holds betrays it, and whoever kept a checkpoint knows.
    gateway.run(&["audit", "verify", "--data", "D", "--logs-only"]).ok();
    gateway.run(&["audit", "verify", "--data", "D"]).exits(7);
    let found = gateway.run(&["audit", "verify", "--data", "D", "--against", &kept, "--json"]).exits(7).json();
    assert!(array(found).iter().any(|verdict| text(verdict, "log") == "intake" && verdict["ok"] == false));

    // The next phone has seen the log before. It gets no receipt that it believes, and says so.
    gateway.serve();
    let refused = phone.send(&[&photo]);
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(["", "[]"].contains(&refused.text().trim()), "a receipt was believed: {refused}");
    assert!(refused.stderr.contains("log"), "{refused}");
    // The control: a phone that has seen nothing of this log yet does get its receipt.
    gateway.enrol("new-phone").send(&[&photo]).ok();
}

/// What a rewriter does that knows how the log is made: every table anew, every signature genuine, the inbox to match.
async fn rewrite_without_the_first_capture(folder: &Path) {
    let keys = IngestKeys::load(folder).expect("ingest's keys");
    let log = inbox::open_log(folder, keys.clinic_id(), keys.log().verifying_key()).await.expect("the log");
    let mut tx = log.catalog().write().await.expect("the database");
    let rows = sqlx::query("SELECT entry FROM log_entry ORDER BY idx").fetch_all(&mut *tx).await.expect("the entries");
    let entries: Vec<Vec<u8>> = rows.iter().map(|row| row.try_get(0).expect("an entry")).collect();
    let is_capture = |entry: &Vec<u8>| Entry::parse(entry).is_ok_and(|entry| entry.kind() == "capture");
    let first = entries.iter().position(is_capture).expect("a capture");
    let kept: Vec<Vec<u8>> =
        entries.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, entry)| entry.clone()).collect();
    assert!(kept.len() + 1 == entries.len() && kept.iter().any(is_capture));
    for table in ["log_entry", "log_node", "log_checkpoint"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
            .execute(&mut *tx)
            .await
            .expect("an empty table");
    }
    log.append(&mut tx, &kept).await.expect("another log");
    log.sign(&mut tx, keys.log(), now()).await.expect("a genuine signature");
    sqlx::query("DELETE FROM inbox WHERE seq = 1").execute(&mut *tx).await.expect("the inbox to match");
    sqlx::query("UPDATE inbox SET log_index = log_index - 1").execute(&mut *tx).await.expect("the inbox to match");
    tx.commit().await.expect("a rewritten log");
    log.catalog().close().await;
}
