//! What a revocation and the end of a certificate are worth against those who do not want to be shut out.
//!
//! A thief goes on with the phone. With an intruder in ingest for a friend, it is let in again, dates its pictures back, and the intruder dates
//! their arrival back: the clinic process must believe neither. Or it never lets go of a connection that it had while it was welcome.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::capture::SealedCapture;
use safelight_core::client::tls::GRACE;
use safelight_core::client::{CancelToken, Client};
use safelight_core::ids::UnixMillis;
use safelight_core::wire::{CloseReason, RefusalCode, Request, Response};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::enrol::issue::DEVICE_LIFETIME;
use safelight_gateway::ingest::{self, inbox};
use safelight_gateway::store::catalog::Catalog;
use safelight_tests::gateway::hostile::{Attack, Hostile, answer, close_reason, opening, refusal};
use safelight_tests::gateway::phone::{seal, seal_with, snapshot};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use sqlx::Row;
use tokio::sync::oneshot;

fn photo() -> Vec<u8> {
    snapshot(2, 320, 240)
}

/// The intruder's hand in `ingest.db`, while nothing runs.
async fn ingest_db(gateway: &Gateway) -> Catalog {
    Catalog::open(gateway.data().join("ingest").join(inbox::FILE_NAME), &inbox::migrations()).await.expect("ingest.db")
}

async fn device_list(gateway: &Gateway) -> Vec<u8> {
    let catalog = ingest_db(gateway).await;
    let mut tx = catalog.read().await.expect("ingest.db");
    let row = sqlx::query("SELECT value FROM setting WHERE name = 'devices'").fetch_one(&mut *tx).await;
    let value = row.expect("the list of devices").try_get(0).expect("bytes");
    drop(tx);
    catalog.close().await;
    value
}

async fn put_device_list_back(gateway: &Gateway, list: &[u8]) {
    let catalog = ingest_db(gateway).await;
    let mut tx = catalog.write().await.expect("ingest.db");
    let sql = "UPDATE setting SET value = $1 WHERE name = 'devices'";
    sqlx::query(sql).bind(list.to_vec()).execute(&mut *tx).await.expect("ingest.db");
    tx.commit().await.expect("ingest.db");
    catalog.close().await;
}

/// The intruder says that a capture arrived at another time, and under another number.
async fn date_arrival(gateway: &Gateway, capture: &SealedCapture, at: UnixMillis, index: Option<u64>) {
    let catalog = ingest_db(gateway).await;
    let mut tx = catalog.write().await.expect("ingest.db");
    let sql = "UPDATE inbox SET stored_at = $1, log_index = COALESCE($2, log_index) WHERE capture = $3 AND settled = 0";
    let done = sqlx::query(sql)
        .bind(i64::try_from(at.0).expect("a time"))
        .bind(index.map(|index| i64::try_from(index).expect("a place")))
        .bind(capture.id().as_bytes().to_vec())
        .execute(&mut *tx)
        .await
        .expect("ingest.db");
    assert_eq!(done.rows_affected(), 1, "the capture waits for the clinic process");
    tx.commit().await.expect("ingest.db");
    catalog.close().await;
}

/// Sends it; gives its place in the intake log.
async fn upload(client: &Client, capture: &Arc<SealedCapture>) -> u64 {
    let receipt = client.upload(capture, |_| {}, &CancelToken::new()).await.expect("a receipt");
    client.disconnect().await;
    receipt.index()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x01_a_revoked_phone_that_conspires_with_ingest_cannot_date_a_picture_back() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let client = phone.client();
    assert!(gateway.stop());
    let when_it_was_welcome = device_list(&gateway).await;

    // While the clinic process is away, a picture comes as it should.
    gateway.serve_ingest_alone();
    let in_time = seal(&client, &photo());
    let place = upload(&client, &in_time).await;
    let then = Clock::system().now();
    assert!(gateway.stop());

    // Then the phone is lost and revoked. What had come before is still good.
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    gateway.serve();
    let pictures = gateway.pictures_in(&["verified", "quarantined"], 1);
    assert_eq!((text(&pictures[0], "id"), text(&pictures[0], "state")), (&*in_time.id().to_string(), "verified"));
    let in_force = gateway.log("access").into_iter().find(|entry| text(entry, "kind") == "revocation-in-force");
    assert_eq!(in_force.expect("on record")["fields"][0], phone.device);
    assert!(gateway.stop());

    // Whoever has ingest lets the phone in again, which dates its pictures to when it was welcome.
    put_device_list_back(&gateway, &when_it_was_welcome).await;
    gateway.serve_ingest_alone();
    let late: Vec<_> = (0..3).map(|_| seal_with(&client, &photo(), then, &mut SysRng)).collect();
    for capture in &late {
        upload(&client, capture).await;
    }
    assert!(gateway.stop());
    // One as it is, one with a date of arrival to match, one in the place of a picture that had come in time.
    date_arrival(&gateway, &late[1], then, None).await;
    date_arrival(&gateway, &late[2], then, Some(place)).await;

    gateway.serve();
    let pictures = gateway.pictures_in(&["verified", "quarantined"], 4);
    for picture in &pictures {
        let expected = if text(picture, "id") == in_time.id().to_string() {
            ("verified", "")
        } else {
            ("quarantined", "device-revoked")
        };
        assert_eq!((text(picture, "state"), text(picture, "reason")), expected, "{picture}");
    }
    // The device list of the clinic is in force again.
    assert_eq!(text(&phone.status().json(), "problem"), "revoked");
    gateway.refused(&phone.device, "revoked");
}

/// A gateway whose clock the test moves: the same ingest, on the same sockets and folder, in this process.
struct Ticking {
    ahead: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<Result<(), ingest::IngestError>>,
}

impl Ticking {
    async fn start(gateway: &Gateway) -> Self {
        let layout = Layout::new(gateway.data());
        let config = Config::load(layout.root()).expect("the configuration");
        let ahead = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let (ready, serves) = oneshot::channel();
        let clock = {
            let (ahead, system) = (ahead.clone(), Clock::system());
            Clock::from_fn(move || UnixMillis(system.now().0 + ahead.load(Ordering::Acquire)))
        };
        let task = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            let serving = || assert!(ready.send(()).is_ok(), "the test waits");
            ingest::run(&layout, &config, clock, until, serving).await
        });
        serves.await.expect("ingest serves");
        Self { ahead, stop: Some(stop), task }
    }

    fn pass(&self, time: Duration) {
        self.ahead.fetch_add(u64::try_from(time.as_millis()).expect("a time"), Ordering::AcqRel);
    }

    async fn end(mut self) {
        drop(self.stop.take());
        self.task.await.expect("no panic").expect("a good end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x02_a_connection_that_is_kept_alive_does_not_outlive_its_certificate() {
    let mut gateway = Gateway::serving();
    let [phone, idle] = ["phone", "idle"].map(|name| gateway.enrol(name));
    let client = phone.client();
    let capture = seal(&client, &snapshot(2, 800, 600));
    assert!(gateway.stop());
    let ticking = Ticking::start(&gateway).await;
    let at = gateway.listens_at();

    let hostile = Hostile::of(&phone, at).await;
    let silent = Hostile::of(&idle, at).await;
    // All of a picture but its end.
    let (mut send, mut recv) = hostile.say(&opening(&capture)).await;
    assert_eq!(answer(&mut recv).await, Some(Response::Continue { offset: 0 }));
    send.write_all(capture.payload()).await.expect("a stream");
    until("a part of it on the disk", PATIENCE, || (gateway.incoming() > 0).then_some(()));

    // The certificate ends, the grace begins: the phone may renew and nothing else, on this connection too.
    ticking.pass(DEVICE_LIFETIME);
    send.finish().expect("a stream");
    assert_eq!(refusal(answer(&mut recv).await.as_ref()), Some(RefusalCode::RenewFirst));
    let asked = hostile.ask(&Request::KeySet { have: 0 }).await;
    assert_eq!(refusal(asked.as_ref()), Some(RefusalCode::RenewFirst));
    assert!(silent.connection.close_reason().is_none(), "it may still renew");

    // The grace ends: the connection is closed, also for somebody who does not say a word.
    ticking.pass(GRACE);
    for connection in [&hostile, &silent] {
        let ended = connection.end().await;
        assert_eq!(close_reason(&ended), Some(CloseReason::Expired), "{ended:?}");
    }
    // TLS goes by the same time: a new connection does not get beyond its handshake.
    assert_eq!(close_reason(&Attack::with(&idle).refused(at).await), None);
    tokio::time::timeout(PATIENCE, ticking.end()).await.expect("ingest ends");

    gateway.serve();
    gateway.refused(&phone.device, "renew-first");
    gateway.refused(&idle.device, "expired");
    gateway.turned_away("certificate-out-of-time");
    assert_eq!((gateway.stored(), gateway.blobs()), (Vec::new(), Vec::new()));
    upload(&client, &capture).await;
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
}
