//! What happens when something is away, slow or gone in the middle: a picture arrives once, or not at all and says so.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use getrandom::SysRng;
use rustix::process::Signal;
use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client, ClientError, Options, Progress};
use safelight_core::device_key::{DeviceKey, DeviceKeyError, PublicKey, SoftwareKey};
use safelight_core::receipt::VerifiedReceipt;
use safelight_core::wire::{CloseReason, RefusalCode};
use safelight_gateway::clock::Clock;
use safelight_gateway::demo::photos::photograph;
use safelight_gateway::phone::key::FileKey;
use safelight_tests::gateway::phone::{Phone, seal, strip};
use safelight_tests::gateway::program::{signal, until};
use safelight_tests::gateway::relay::Relay;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use tokio::task::JoinHandle;

/// Passes before the network stops: less than a photograph, more than ingest writes at once.
const HALF_A_PHOTOGRAPH: u64 = 1_500_000;

/// Ingest has written this much of it: the rest may be in its memory.
const SOME: u64 = 512 * 1024;

/// Far less than the time after which a silent connection is given up.
const SOON: Duration = Duration::from_secs(20);

/// How long a revoked device may stay connected.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

fn photo() -> Vec<u8> {
    photograph(1).expect("a photograph").bytes
}

fn photo_file(gateway: &Gateway) -> String {
    let path = gateway.at("photo.jpg");
    fs::write(&path, photo()).expect("a file");
    gateway.path("photo.jpg")
}

/// What the progress of an upload was, with how many connections there had been then.
type Steps = Arc<Mutex<Vec<(usize, usize)>>>;

/// An upload that runs.
struct Upload {
    task: JoinHandle<Result<VerifiedReceipt, ClientError>>,
    steps: Steps,
    cancel: CancelToken,
}

impl Upload {
    fn start(client: &Arc<Client>, capture: &Arc<SealedCapture>, relay: &Arc<Relay>) -> Self {
        let (steps, cancel) = (Steps::default(), CancelToken::new());
        let (client, capture, relay) = (client.clone(), capture.clone(), relay.clone());
        let (noted, token) = (steps.clone(), cancel.clone());
        let task = tokio::spawn(async move {
            let note =
                move |progress: Progress| noted.lock().expect("no panic").push((relay.connections(), progress.sent));
            client.upload(&capture, note, &token).await
        });
        Self { task, steps, cancel }
    }

    /// Starts one, and returns when ingest holds a part of it and no more arrives.
    fn half_way(gateway: &Gateway, client: &Arc<Client>, capture: &Arc<SealedCapture>, relay: &Arc<Relay>) -> Self {
        assert!(capture.payload().len() as u64 > HALF_A_PHOTOGRAPH + SOME, "the photograph is too small for this test");
        relay.stop_after(HALF_A_PHOTOGRAPH);
        let upload = Self::start(client, capture, relay);
        until("a part of the upload", PATIENCE, || (gateway.incoming() >= SOME).then_some(()));
        assert!(!upload.task.is_finished());
        upload
    }

    async fn receipt(self) -> VerifiedReceipt {
        self.task.await.expect("no panic").expect("a receipt")
    }

    async fn error(self) -> ClientError {
        match self.task.await.expect("no panic") {
            Ok(receipt) => panic!("stored at {:?}", receipt.index()),
            Err(error) => error,
        }
    }
}

/// A gateway behind a relay, an enrolled phone, and the client library with that phone's identity.
fn behind_relay() -> (Gateway, Arc<Relay>, Phone, Arc<Client>) {
    let (gateway, relay) = Gateway::behind_relay();
    let phone = gateway.enrol("phone");
    let client = Arc::new(phone.client());
    (gateway, Arc::new(relay), phone, client)
}

/// Exactly this one picture is there, it is verified, and it is what `phone strip` makes.
#[track_caller]
fn stored_once(gateway: &Gateway, capture: &SealedCapture) {
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
    let listed = gateway.pictures_in(&["verified"], 1);
    assert_eq!(text(&listed[0], "id"), capture.id().to_string());
    assert_eq!(gateway.blobs(), [capture.payload().len() as u64]);
    assert_eq!(gateway.incoming(), 0);
    let stripped = strip(photo_file(gateway).as_ref(), &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    assert!(gateway.open(&capture.id().to_string()) == stripped);
}

#[track_caller]
fn nothing_stored(gateway: &Gateway) {
    assert_eq!(gateway.stored(), Vec::<String>::new());
    assert_eq!(gateway.blobs(), Vec::<u64>::new());
    assert_eq!(gateway.pictures().len(), 0);
}

async fn upload_now(client: &Client, capture: &Arc<SealedCapture>) -> Result<VerifiedReceipt, ClientError> {
    client.upload(capture, |_| {}, &CancelToken::new()).await
}

#[test]
fn pictures_are_taken_while_the_clinic_process_is_away_or_locked_and_verified_later() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photo_file(&gateway);
    assert!(gateway.stop());

    gateway.serve_ingest_alone();
    phone.send(&[&photo]).ok();
    assert_eq!(gateway.health()["clinic_linked"], false);
    assert_eq!(gateway.stored().len(), 1);
    assert!(gateway.stop());

    gateway.serve_locked();
    phone.send(&[&photo]).ok();
    let waiting = gateway.pictures_in(&["received"], 2);
    assert_eq!(gateway.health()["unlocked"], false);
    let out = gateway.path("too-early.jpg");
    let early = [
        "vault",
        "open",
        text(&waiting[0], "id"),
        "-o",
        &out,
        "--reason",
        "r",
        "--data",
        "D",
        "--passphrase-file",
        "P",
    ];
    gateway.run(&early).exits(6);
    assert!(gateway.stop());

    gateway.serve();
    phone.send(&[&photo]).ok();
    let verified = gateway.pictures_in(&["verified"], 3);
    let stripped = strip(photo.as_ref(), &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    for picture in verified {
        assert!(gateway.open(text(&picture, "id")) == stripped);
    }
    let indices: Vec<u64> = gateway.log("intake").iter().filter_map(|entry| entry["index"].as_u64()).collect();
    assert_eq!(indices, [0, 1, 2, 3]);
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t25_an_upload_goes_on_where_a_killed_ingest_held_it_and_is_stored_once() {
    let (mut gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);

    let ingest = gateway.process("ingest");
    signal(ingest, Signal::KILL);
    until("another ingest", PATIENCE, || (gateway.process("ingest") != ingest).then_some(()));
    until("it serves", PATIENCE, || gateway.health()["serving"].as_bool().filter(|serving| *serving));
    let held = gateway.incoming();
    assert!(held >= SOME, "{held} bytes are left");
    relay.open();

    let steps = upload.steps.clone();
    let receipt = upload.receipt().await;
    assert_eq!((receipt.capture_id(), receipt.index()), (capture.id(), 1));
    assert_eq!(relay.connections(), 2);
    // What the second connection began with: at most the first piece after what was held.
    let steps = steps.lock().expect("no panic");
    let resumed = steps
        .iter()
        .find(|(connections, _)| *connections == 2)
        .map(|(_, sent)| *sent as u64)
        .expect("a second connection");
    assert!(
        (held..=held + 64 * 1024).contains(&resumed),
        "{held} bytes were held, and the upload went on at {resumed}"
    );
    stored_once(&gateway, &capture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t24_a_phone_that_changes_networks_finishes_on_the_same_connection() {
    let (gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    let before = client.local_addr().await.expect("a connection");
    let phones = relay.phones();

    client.rebind().await.expect("another socket");
    assert_ne!(client.local_addr().await, Some(before));
    relay.open();
    upload.receipt().await;
    assert!(relay.phones() > phones, "packets came from the old address alone");
    assert_eq!(relay.connections(), 1);
    stored_once(&gateway, &capture);
}

/// Packets of a handshake get lost just then, and may not be sent again from another address.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_network_that_changes_while_a_phone_connects_is_only_another_network() {
    let (gateway, relay, phone, _) = behind_relay();
    for round in 0..24 {
        let client = Arc::new(phone.client());
        let asking = tokio::spawn({
            let client = client.clone();
            async move { client.update_key_set(Clock::system().now()).await }
        });
        tokio::time::sleep(Duration::from_millis(round * 2)).await;
        relay.stop_after(0);
        let moving = tokio::spawn({
            let client = client.clone();
            async move { client.rebind().await }
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        relay.open();
        moving.await.expect("no panic").expect("another socket");
        let asked = asking.await.expect("no panic");
        assert!(matches!(asked, Ok(false)), "round {round}: {asked:?}");
        client.disconnect().await;
    }
    drop(gateway);
}

/// The phone knows nothing of it: on the way, its packets come to have another port.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t24_a_nat_that_forgets_the_phone_does_not_end_its_upload() {
    let (gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    let (before, phones) = (client.local_addr().await, relay.phones());
    relay.give_new_addresses();
    relay.open();
    upload.receipt().await;
    assert_eq!((client.local_addr().await, relay.phones()), (before, phones));
    assert_eq!((relay.connections(), relay.addresses()), (1, 2));
    stored_once(&gateway, &capture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t25_an_upload_goes_on_at_a_gateway_that_has_moved_and_is_stored_once() {
    let (mut gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    assert!(gateway.stop(), "`serve` did not end well");
    let before = gateway.listens_at();
    relay.turn_to(gateway.move_on());
    assert_ne!(gateway.listens_at(), before);
    gateway.serve();
    relay.open();
    upload.receipt().await;
    stored_once(&gateway, &capture);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_upload_ends_and_nothing_of_it_is_stored() {
    let (gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    upload.cancel.cancel();
    let error = upload.error().await;
    assert!(matches!(error, ClientError::Cancelled), "{error:?}");
    relay.open();
    // The connection is still good, and what comes next is stored, alone.
    let other = seal(&client, &photo());
    upload_now(&client, &other).await.expect("a receipt");
    assert_eq!(relay.connections(), 1);
    assert_eq!(gateway.stored(), [other.id().to_string()]);
    assert_eq!(gateway.blobs().len(), 1);
    // Cancelled is not thrown away: the same capture can still be sent.
    upload_now(&client, &capture).await.expect("a receipt");
    assert_eq!(gateway.stored(), [other.id().to_string(), capture.id().to_string()]);
    until("nothing half sent is left", PATIENCE, || (gateway.incoming() == 0).then_some(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_capture_sent_again_gives_the_same_receipt_and_another_under_its_name_is_refused() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let client = phone.client();
    let capture = seal(&client, &photo());
    let first = upload_now(&client, &capture).await.expect("a receipt");
    let later = seal(&client, &photo());
    upload_now(&client, &later).await.expect("a receipt");
    let again = upload_now(&client, &capture).await.expect("a receipt");
    assert_eq!((again.stored_at(), again.index()), (first.stored_at(), first.index()));
    gateway.pictures_in(&["verified"], 2);

    // Taken over by the clinic process, and after a restart, it is still the same.
    client.disconnect().await;
    assert!(gateway.stop());
    gateway.serve();
    let again = upload_now(&client, &capture).await.expect("a receipt");
    assert_eq!((again.stored_at(), again.index()), (first.stored_at(), first.index()));
    assert_eq!(gateway.stored().len(), 2);
    assert_eq!(gateway.blobs().len(), 2);
    assert_eq!(gateway.pictures_in(&["verified"], 2).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t07_a_phone_that_is_revoked_in_the_middle_is_cut_off_and_its_picture_is_not_stored() {
    let (gateway, relay, phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    assert_eq!(gateway.health()["connections"], 1);

    let revoking = Instant::now();
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    let error = tokio::time::timeout(REVOKED_WITHIN, upload.error()).await.expect("the connection is closed in time");
    assert!(revoking.elapsed() <= REVOKED_WITHIN, "it took {:?}", revoking.elapsed());
    assert!(matches!(error, ClientError::Closed(CloseReason::Revoked)), "{error:?}");
    relay.open();
    let again = upload_now(&client, &capture).await.expect_err("a revoked phone");
    assert!(matches!(again, ClientError::Closed(CloseReason::Revoked)), "{again:?}");
    nothing_stored(&gateway);
    gateway.refused(&phone.device, "revoked");
    until("no connection", PATIENCE, || (gateway.health()["connections"] == 0).then_some(()));
}

/// A key whose successor is chosen by the test.
#[derive(Debug)]
struct KeyWithSuccessor {
    key: Arc<dyn DeviceKey>,
    next: Arc<dyn DeviceKey>,
}

impl DeviceKey for KeyWithSuccessor {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        self.key.sign(message)
    }

    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        Ok(self.next.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_renewed_phone_sends_with_both_certificates_and_a_key_is_certified_once() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, old) = phone.enrolled();
    let fresh: Arc<dyn DeviceKey> = Arc::new(FileKey::new(SoftwareKey::generate(&mut SysRng).expect("a key")));
    let with_next = |next: &Arc<dyn DeviceKey>| -> Arc<dyn DeviceKey> {
        Arc::new(KeyWithSuccessor { key: old.clone(), next: next.clone() })
    };

    // Its own key again is no renewal, and changes nothing.
    let client = Client::new(device.clone(), with_next(&old), Options::default());
    let refused = client.renew().await.expect_err("the same key");
    assert!(matches!(refused, ClientError::Refused(RefusalCode::BadCertificateRequest)), "{refused:?}");
    assert!(client.device().certificate == device.certificate);
    upload_now(&client, &seal(&client, &photo())).await.expect("a receipt after a refused renewal");

    let client = Client::new(client.device(), with_next(&fresh), Options::default());
    let renewed = client.renew().await.expect("a renewal");
    assert!(renewed.certificate != device.certificate);
    assert!(renewed.key.public_key() == fresh.public_key());
    assert!(PublicKey::of_certificate(&renewed.certificate) == fresh.public_key().ok());
    upload_now(&client, &seal(&client, &photo())).await.expect("a receipt with the new certificate");

    // A phone whose renewal was cut off before it kept it still has the old one.
    let mut remembered = client.device();
    remembered.certificate = device.certificate.clone();
    let as_before = Client::new(remembered, with_next(&fresh), Options::default());
    upload_now(&as_before, &seal(&as_before, &photo())).await.expect("a receipt with the old certificate");
    // The key that is certified now is not certified again.
    let refused = as_before.renew().await.expect_err("the same key");
    assert!(matches!(refused, ClientError::Refused(RefusalCode::BadCertificateRequest)), "{refused:?}");

    let pictures = gateway.pictures_in(&["verified", "quarantined"], 3);
    assert!(pictures.iter().all(|picture| text(picture, "state") == "verified"), "{pictures:?}");
}

#[test]
fn t23_where_udp_does_not_pass_the_phone_says_so_and_sends_nothing_over_tcp() {
    let (mut gateway, relay) = Gateway::behind_relay();
    let phone = gateway.enrol("phone");
    let photo = photo_file(&gateway);
    // Where a phone would come to that fell back to TCP.
    let tcp = TcpListener::bind(relay.address()).expect("a port");
    tcp.set_nonblocking(true).expect("a socket");
    let says_so = || {
        let said = phone.send(&[&photo]).exits(5);
        assert!(said.stderr.contains("UDP") && said.stderr.contains("127.0.0.1"), "{said}");
        let status = phone.status().exits(5).json();
        assert_eq!((&status["answers"], text(&status, "problem")), (&false.into(), "udp-does-not-pass"));
    };
    // Packets disappear.
    relay.stop_after(0);
    says_so();
    assert_eq!(relay.connections(), 0, "a packet has passed");
    // Nobody listens.
    relay.open();
    assert!(gateway.stop());
    says_so();
    gateway.run(&["health", "--data", "D"]).exits(5);
    gateway.serve();
    phone.send(&[&photo]).ok();
    // To tell a firewall from a machine that is off, the phone looks whether TCP is answered. It says nothing there.
    loop {
        match tcp.accept() {
            Ok((mut connection, _)) => {
                connection.set_nonblocking(false).expect("a socket");
                let mut said = Vec::new();
                connection.read_to_end(&mut said).expect("the phone has closed it");
                assert!(said.is_empty(), "the phone said {} bytes over TCP", said.len());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_is_asked_to_end_ends_in_order_and_the_upload_goes_on_after_it() {
    let (mut gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    assert!(gateway.stop(), "`serve` did not end well");
    nothing_stored(&gateway);
    let held = gateway.incoming();
    assert!(held >= SOME, "{held} bytes are left");
    relay.open();
    gateway.serve();
    let steps = upload.steps.clone();
    upload.receipt().await;
    let steps = steps.lock().expect("no panic");
    let last = steps.iter().map(|(connections, _)| *connections).max().expect("steps");
    let resumed =
        steps.iter().find(|(connections, _)| *connections == last).map(|(_, sent)| *sent as u64).expect("a step");
    assert!(last >= 2 && resumed >= held, "{held} bytes were held, and the upload went on at {resumed}");
    stored_once(&gateway, &capture);
}

/// docs/CLI.md: SIGTERM stops both in order, and running uploads may end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_upload_that_runs_when_the_gateway_is_asked_to_end_may_end() {
    let (mut gateway, relay, _phone, client) = behind_relay();
    let capture = seal(&client, &photo());
    let upload = Upload::half_way(&gateway, &client, &capture, &relay);
    gateway.service().terminate();
    relay.open();
    let receipt = tokio::time::timeout(SOON, upload.receipt()).await.expect("the running upload may end");
    assert_eq!(receipt.capture_id(), capture.id());
    assert!(gateway.service().wait().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_phone_that_is_connected_hears_that_the_gateway_ends_and_is_not_kept_waiting_afterwards() {
    let mut gateway = Gateway::serving();
    let client = gateway.enrol("phone").client();
    let (first, second) = (seal(&client, &photo()), seal(&client, &photo()));
    upload_now(&client, &first).await.expect("a receipt");
    assert!(gateway.stop(), "`serve` did not end well");
    gateway.serve();
    let receipt = tokio::time::timeout(SOON, upload_now(&client, &second)).await;
    receipt.expect("the phone waits for a gateway that has said goodbye").expect("a receipt");
    gateway.pictures_in(&["verified"], 2);
}
