//! Renewals that race, whose answers get lost, that come from a device that was shut out, or ask for a key that was certified before.

use std::sync::Arc;

use getrandom::SysRng;
use quinn::crypto::rustls::QuicClientConfig;
use safelight_core::client::device::Device;
use safelight_core::client::tls::{ClientIdentity, main_config, make_csr};
use safelight_core::client::{Client, ClientError, Options};
use safelight_core::device_key::{DeviceKey, Es256, SoftwareDeviceKey, SoftwareKey};
use safelight_core::wire::{CloseReason, FrameReader, RefusalCode, Request, Response, frame, renewal_message};
use safelight_gateway::clock::Clock;
use safelight_tests::gateway::phone::Phone;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE};

use crate::entries;

/// Two processes of one phone renew at the same moment: whichever certificate is kept, it lets the phone in, and so does the old one.
#[tokio::test(flavor = "multi_thread")]
async fn e15_of_two_renewals_at_once_neither_leaves_the_phone_outside() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (old, old_key) = phone.enrolled();
    let (one, other) = (phone.client(), phone.client());
    let (first, second) = tokio::join!(one.renew(), other.renew());
    let (first, second) = (first.expect("a certificate"), second.expect("a certificate"));
    assert_ne!(first.certificate, second.certificate);
    for (certificate, key) in
        [(first.certificate, first.key), (second.certificate, second.key), (old.certificate.clone(), old_key)]
    {
        lets_in(Device { certificate, ..old.clone() }, key).await;
    }
    assert_eq!(entries(&gateway, "access", "certificate-issued").len(), 3);
}

/// The answer is lost as often as a day allows: the old certificate lets the phone in each time, and the last attempt succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn e16_a_renewal_whose_answer_is_lost_takes_nothing_away() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, key) = phone.enrolled();
    for lost in 2..5 {
        let request = renewal(&device, &key, &fresh());
        let mut live = Live::connect(&device, key.clone()).await;
        live.asks(&request).await;
        until("a certificate that nobody receives", PATIENCE, || {
            (entries(&gateway, "access", "certificate-issued").len() == lost).then_some(())
        });
        live.connection.close(0_u32.into(), b"");
        lets_in(device.clone(), key.clone()).await;
    }
    let client = phone.client();
    let renewed = client.renew().await.expect("a certificate");
    lets_in(client.device(), renewed.key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e17_a_revoked_device_renews_nothing() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, key) = phone.enrolled();
    // A connection from before, kept open: it is closed, and a renewal on it comes to nothing.
    let live = Live::connect(&device, key).await;
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    let reason = live.connection.closed().await;
    assert!(matches!(ClientError::from(reason), ClientError::Closed(CloseReason::Revoked)));
    let refused = phone.client().renew().await;
    assert!(matches!(refused, Err(ClientError::Closed(CloseReason::Revoked))), "{refused:?}");
    assert_eq!(entries(&gateway, "access", "certificate-issued").len(), 1);
    assert!(entries(&gateway, "intake", "refused").iter().any(|entry| entry.to_string().contains("revoked")));
}

/// The present key once more, and one from before: a renewal changes the key.
#[tokio::test(flavor = "multi_thread")]
async fn e18_a_key_that_was_certified_before_is_not_certified_again() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, first_key) = phone.enrolled();
    let client = phone.client();
    let second_key = client.renew().await.expect("a certificate").key;
    let renewed = client.device();
    for again in [&second_key, &first_key] {
        let request = renewal(&renewed, &second_key, again);
        let refused = Live::connect(&renewed, second_key.clone()).await.hears(&request).await;
        assert_eq!(refused, RefusalCode::BadCertificateRequest);
    }
    // A proof by another key than the device's, and one that was made for another request.
    let stranger = fresh();
    for request in [renewal(&renewed, &stranger, &stranger), mixed(&renewed, &second_key)] {
        let refused = Live::connect(&renewed, second_key.clone()).await.hears(&request).await;
        assert_eq!(refused, RefusalCode::BadCertificateRequest);
    }
    assert_eq!(entries(&gateway, "access", "certificate-issued").len(), 2);
    lets_in(device, first_key).await;
    lets_in(renewed, second_key).await;
}

/// A new device takes the place of one that was revoked, in the same folder.
#[test]
fn x12_a_revoked_capture_station_is_enrolled_again_in_its_own_folder() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("station");
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    gateway.invite("again", "again.png");
    let (identity, qr) = (gateway.path("station"), gateway.path("again.png"));
    let enrol = ["phone", "enrol", "--identity", &identity, "--qr", &qr, "--timeout", "60s", "--json"];
    let refused = gateway.run(&enrol).exits(1);
    assert!(refused.stderr.contains("--replace"), "{refused}");
    let mut enrolling =
        safelight_tests::gateway::program::Running::start(gateway.command(&[&enrol[..], &["--replace"]].concat()), b"");
    let device = gateway.pending("again", &mut enrolling);
    gateway.run(&["device", "approve", device["id"].as_str().expect("an id"), "--data", "D"]).ok();
    let enrolled = enrolling.wait().ok().json();
    assert_eq!(enrolled["device"], device["id"]);
    let again = Phone { identity: gateway.at("station"), device: String::new() };
    assert_eq!(again.status().ok().json()["device"], device["id"]);
}

/// A connection with this certificate and key is let in and answered.
async fn lets_in(device: Device, key: Arc<dyn DeviceKey>) {
    let client = Client::new(device, key, Options::default());
    client.update_key_set(Clock::system().now()).await.expect("the gateway answers");
    client.disconnect().await;
}

fn fresh() -> Arc<dyn DeviceKey> {
    Arc::new(SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).expect("a key"), SysRng))
}

/// A request to certify `wanted`, signed by `by`.
fn renewal(device: &Device, by: &Arc<dyn DeviceKey>, wanted: &Arc<dyn DeviceKey>) -> Request {
    let csr = make_csr(wanted.as_ref(), "renewal").expect("a request");
    let message = renewal_message(device.clinic_id, device.device_id, &csr);
    let proof = Es256::from_der(&by.sign(&message).expect("a signature")).expect("a signature").0;
    Request::Renew { csr, proof }
}

/// One request with the proof of another.
fn mixed(device: &Device, by: &Arc<dyn DeviceKey>) -> Request {
    match (renewal(device, by, &fresh()), renewal(device, by, &fresh())) {
        (Request::Renew { csr, .. }, Request::Renew { proof, .. }) => Request::Renew { csr, proof },
        _ => panic!("not renewals"),
    }
}

/// A connection of an enrolled device without our client.
struct Live {
    _endpoint: quinn::Endpoint,
    connection: quinn::Connection,
    stream: Option<(quinn::SendStream, quinn::RecvStream)>,
}

impl Live {
    async fn connect(device: &Device, key: Arc<dyn DeviceKey>) -> Self {
        let identity = ClientIdentity { chain: vec![device.certificate.clone()], key };
        let tls = main_config(&identity, &device.roots, device.clinic_id).expect("a configuration");
        let crypto = QuicClientConfig::try_from(tls.config).expect("a configuration");
        let mut endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).expect("a socket");
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
        let to = device.key_set.key_set().addresses[0].parse().expect("an address");
        let connection = endpoint.connect(to, &tls.server_name).expect("an address").await.expect("a connection");
        Self { _endpoint: endpoint, connection, stream: None }
    }

    async fn asks(&mut self, request: &Request) {
        let (mut send, recv) = self.connection.open_bi().await.expect("a stream");
        send.write_all(&frame(&request.to_bytes().expect("a request"))).await.expect("sent");
        let _ = send.finish();
        self.stream = Some((send, recv));
    }

    /// Asks, and is refused.
    async fn hears(mut self, request: &Request) -> RefusalCode {
        self.asks(request).await;
        let (_send, mut recv) = self.stream.take().expect("a stream");
        let mut reader = FrameReader::new(64 * 1024);
        loop {
            let chunk = recv.read_chunk(64 * 1024, true).await.expect("an answer").expect("a whole answer");
            if let Some(body) = reader.read(&mut chunk.bytes.as_ref()).expect("a frame") {
                match Response::from_bytes(&body).expect("a response") {
                    Response::Refused(refusal) => return refusal.code,
                    other => panic!("not refused: {other:?}"),
                }
            }
        }
    }
}
