//! D02, D03, D04, D13: the same picture sent again, twice at once, under another's name, or while the gateway ends.
//!
//! What an accident does: the receipt is lost on its way; two connections of one phone carry the same picture; the gateway is asked to end in
//! the middle. What an attacker does: a device that is enrolled sends other bytes under the id of a picture that is stored, to replace it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client, ClientError, Options, Progress};
use safelight_core::receipt::VerifiedReceipt;
use safelight_core::wire::RefusalCode;
use safelight_gateway::clock::Clock;
use safelight_gateway::clock::calendar::rfc3339_exact;
use safelight_gateway::demo::photos::photograph;
use safelight_tests::gateway::phone::{Phone, seal, seal_with};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, files, text};
use safelight_tests::pictures::jpeg_writer::picture;
use tokio::task::JoinHandle;

/// Passes before the network stops: less than a photograph, more than ingest writes at once.
const HALF_A_PHOTOGRAPH: u64 = 1_500_000;

fn small_photo(seed: u64) -> Vec<u8> {
    picture(64, 48, &[0x22, 0x11, 0x11], 0, seed).to_vec(|_| Vec::new())
}

async fn upload(client: &Client, capture: &Arc<SealedCapture>) -> Result<VerifiedReceipt, ClientError> {
    client.upload(capture, |_| {}, &CancelToken::new()).await
}

/// Its place in the intake log and its time there, once it has them.
fn stored(gateway: &Gateway, capture: &SealedCapture) -> Option<(u64, String)> {
    let id = capture.id().to_string();
    let entry = gateway.log("intake").into_iter().find(|entry| text(entry, "capture") == id)?;
    Some((entry["index"].as_u64()?, entry["stored_at"].as_str()?.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d02_when_the_receipt_is_lost_the_next_one_says_the_same() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let client = phone.client();
    let capture = seal(&client, &small_photo(1));
    // The phone goes away when its last byte is on its way: nobody is there for the receipt.
    let cancel = CancelToken::new();
    let gone = cancel.clone();
    let leave = move |progress: Progress| {
        if progress.sent == progress.total {
            gone.cancel();
        }
    };
    let lost = client.upload(&capture, leave, &cancel).await.expect_err("the receipt was to be lost");
    assert!(matches!(lost, ClientError::Cancelled), "{lost:?}");
    let before = until("the picture is stored", PATIENCE, || stored(&gateway, &capture));

    // The phone's app was closed in between: it knows nothing of the first attempt.
    let later = phone.client();
    for _ in 0..2 {
        let receipt = upload(&later, &capture).await.expect("a receipt");
        assert_eq!((receipt.index(), rfc3339_exact(receipt.stored_at())), before);
    }
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
    assert_eq!(gateway.blobs(), [capture.payload().len() as u64]);
}

/// The same numbers every time: two captures sealed with it at the same time have the same id.
struct Same;

impl TryRng for Same {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(7)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(7)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.iter_mut().zip(1..=u8::MAX).for_each(|(byte, number)| *byte = number);
        Ok(())
    }
}

impl TryCryptoRng for Same {}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d03_other_bytes_under_a_stored_id_are_refused_and_on_record_and_the_first_stay() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let client = phone.client();
    let now = Clock::system().now();
    let first = seal_with(&client, &small_photo(1), now, &mut Same);
    let other = seal_with(&client, &small_photo(2), now, &mut Same);
    assert!(first.id() == other.id() && first.payload() != other.payload(), "not the case that is meant");
    let receipt = upload(&client, &first).await.expect("a receipt");
    let kept = || -> Vec<Vec<u8>> {
        files(&gateway.data().join("ingest/blobs")).iter().map(|file| std::fs::read(file).expect("a payload")).collect()
    };

    // From the same phone, and from another that has seen the id.
    let refused = upload(&client, &other).await.expect_err("another picture under a known id");
    assert!(matches!(refused, ClientError::Refused(RefusalCode::Conflict)), "{refused:?}");
    let stranger = gateway.enrol("stranger");
    let stranger_client = stranger.client();
    let forged = seal_with(&stranger_client, &small_photo(3), now, &mut Same);
    assert_eq!(forged.id(), first.id());
    let refused = upload(&stranger_client, &forged).await.expect_err("another device's picture under a known id");
    assert!(matches!(refused, ClientError::Refused(RefusalCode::Conflict)), "{refused:?}");

    for device in [&phone.device, &stranger.device] {
        until("the refusal is on record", PATIENCE, || {
            let is_it = |entry: &serde_json::Value| {
                text(entry, "kind") == "refused" && entry["fields"][0] == **device && entry["fields"][1] == "conflict"
            };
            gateway.log("intake").iter().any(is_it).then_some(())
        });
    }
    assert_eq!(kept(), [first.payload()]);
    assert_eq!(gateway.stored(), [first.id().to_string()]);
    let again = upload(&client, &first).await.expect("the first is still acknowledged");
    assert_eq!((again.index(), again.stored_at()), (receipt.index(), receipt.stored_at()));
    gateway.pictures_in(&["verified"], 1);
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

/// Rounds of two connections that race.
const RACES: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d04_of_two_uploads_of_one_picture_at_once_one_is_stored() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let clients = [Arc::new(phone.client()), Arc::new(phone.client())];
    let mut captures = Vec::new();
    for round in 0..RACES {
        let capture = seal(&clients[0], &small_photo(round));
        let racing = clients.clone().map(|client| {
            let capture = capture.clone();
            tokio::spawn(async move { upload(&client, &capture).await })
        });
        let mut receipts = Vec::new();
        for racer in racing {
            match racer.await.expect("no panic") {
                Ok(receipt) => receipts.push((receipt.index(), receipt.stored_at())),
                Err(ClientError::Refused(RefusalCode::Superseded)) => {}
                Err(other) => panic!("round {round}: {other:?}"),
            }
        }
        receipts.dedup();
        assert_eq!(receipts.len(), 1, "round {round}: {receipts:?}");
        captures.push(capture.id().to_string());
    }
    assert_eq!(gateway.stored(), captures);
    assert_eq!((gateway.blobs().len(), gateway.incoming()), (captures.len(), 0));
    gateway.pictures_in(&["verified"], captures.len());
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

/// Far longer than the drain, far less than a hang.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d13_asked_to_end_with_uploads_running_the_gateway_ends_and_what_had_no_receipt_is_resumed() {
    let (mut gateway, relay) = Gateway::behind_relay();
    let phones: Vec<Phone> = (0..3).map(|number| gateway.enrol(&format!("phone{number}"))).collect();
    let clients: Vec<Arc<Client>> = phones.iter().map(|phone| Arc::new(patient_client(phone))).collect();
    let mut whole = Vec::new();
    for client in &clients {
        let capture = seal(client, &small_photo(1));
        upload(client, &capture).await.expect("a receipt before the end");
        whole.push(capture.id().to_string());
    }

    // Two phones are in the middle of theirs, and the network gives out.
    let passed = relay.passed();
    relay.stop_after(2 * HALF_A_PHOTOGRAPH);
    let photo = photograph(1).expect("a photograph").bytes;
    let sealed: Vec<_> = clients[1..].iter().map(|client| (client.clone(), seal(client, &photo))).collect();
    let running: Vec<(Arc<SealedCapture>, JoinHandle<_>)> = sealed
        .into_iter()
        .map(|(client, capture)| {
            let sent = capture.clone();
            (capture, tokio::spawn(async move { upload(&client, &sent).await }))
        })
        .collect();
    until("parts of both", PATIENCE, || (files(&gateway.data().join("ingest/incoming")).len() == 2).then_some(()));
    until("no more passes", PATIENCE, || (relay.passed() >= passed + 2 * HALF_A_PHOTOGRAPH - 2000).then_some(()));
    assert!(running.iter().all(|(_, upload)| !upload.is_finished()));

    gateway.service().terminate();
    until("the gateway ends", ENDS_WITHIN, || gateway.service().has_ended().then_some(()));
    assert!(gateway.ended().success(), "`serve` did not end well");
    assert!(running.iter().all(|(_, upload)| !upload.is_finished()), "a receipt for half a picture");
    assert_eq!(gateway.stored(), whole);
    let held = gateway.incoming();
    assert!(held > 0, "nothing is left to be resumed");

    relay.open();
    gateway.serve();
    for (capture, upload) in running {
        let receipt = upload.await.expect("no panic").expect("a receipt");
        assert_eq!(receipt.capture_id(), capture.id());
    }
    assert_eq!((gateway.stored().len(), gateway.blobs().len(), gateway.incoming()), (5, 5, 0));
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

/// Goes on for as long as a test may take on a busy machine.
fn patient_client(phone: &Phone) -> Client {
    let (device, key) = phone.enrolled();
    Client::new(device, key, Options { retry_for: Duration::from_secs(300), ..Options::default() })
}
