//! A client at gateways that are not what they say they are.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use getrandom::SysRng;
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::Barrier;

use super::phone::{Keep, KeepError, Opening, Phone, PhoneError, QUEUE_LEN};
use super::testing::enrolled;
use super::{CancelToken, Client, ClientError, Options};
use crate::capture::SealedCapture;
use crate::device_key::{SoftwareDeviceKey, SoftwareKey};
use crate::enrol::CertificateRequest;
use crate::enrol::der_for_tests::{EC_PUBLIC_KEY, P256, certificate, spki};
use crate::receipt::ReceiptError;
use crate::testing::{NOW, World, photo};
use crate::wire::limits::MAX_REQUEST_LEN;
use crate::wire::{CloseReason, FrameReader, RefusalCode, Request, Response, UploadRequest, frame};

/// A TLS identity for the clinic's name, and the CA that it comes from.
struct Named {
    tls: rustls::ServerConfig,
    root: Vec<u8>,
}

fn named(world: &World, alpn: &[u8]) -> Named {
    let (ca, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = authority.self_signed(&ca).unwrap().der().to_vec();
    let mut server = CertificateParams::new(vec![world.key_set.clinic_id.server_name()]).unwrap();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = server.signed_by(&own, &Issuer::new(authority, ca)).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let mut tls = rustls::ServerConfig::builder_with_provider(super::tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    Named { tls, root }
}

fn listen(tls: rustls::ServerConfig) -> quinn::Endpoint {
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

fn client(world: &World, addresses: &str, root: Vec<u8>) -> Client {
    let key = SoftwareDeviceKey::new(world.device.clone(), SysRng);
    Client::new(enrolled(world, addresses, Some(root)), Arc::new(key), Options::default())
}

/// Ends every connection before it has shown any certificate, with an alert that says what a gateway says of a device that it does not accept.
fn stranger(world: &World) -> quinn::Endpoint {
    let endpoint = listen(named(world, b"another protocol").tls);
    let listening = endpoint.clone();
    tokio::spawn(async move {
        while let Some(incoming) = listening.accept().await {
            assert!(incoming.await.is_err(), "there is no protocol that both speak");
        }
    });
    endpoint
}

#[tokio::test]
async fn x72_what_a_stranger_says_before_it_has_shown_a_certificate_is_not_believed() {
    let world = World::new();
    let stranger = stranger(&world);
    let alone = client(&world, &stranger.local_addr().unwrap().to_string(), named(&world, b"").root);
    let error = alone.connect().await.unwrap_err();
    assert!(matches!(error, ClientError::NotTheClinic), "not that this device has to be enrolled again: {error:?}");
    assert!(!error.is_shut_out());
}

#[tokio::test]
async fn x72_a_stranger_at_the_first_address_does_not_keep_a_phone_from_the_second() {
    let world = World::new();
    let stranger = stranger(&world);
    let genuine = named(&world, super::tls::ALPN_MAIN);
    let endpoint = listen(genuine.tls);
    let listening = endpoint.clone();
    tokio::spawn(async move { listening.accept().await.unwrap().await.unwrap().closed().await });
    let addresses = [&stranger, &endpoint].map(|endpoint| endpoint.local_addr().unwrap().to_string()).join(",");
    client(&world, &addresses, genuine.root).connect().await.unwrap();
}

/// A gateway that waits until two pictures have been offered, and acknowledges each from the log that it is told to.
struct Gateway {
    captures: Vec<Arc<SealedCapture>>,
    /// A log for each capture, which may be the same one.
    logs: Vec<Arc<Mutex<World>>>,
    both_are_there: Barrier,
    uploads: AtomicUsize,
}

impl Gateway {
    async fn serve(self: Arc<Self>, endpoint: quinn::Endpoint) {
        let connection = endpoint.accept().await.unwrap().await.unwrap();
        while let Ok((send, recv)) = connection.accept_bi().await {
            tokio::spawn(self.clone().upload(send, recv));
        }
    }

    async fn upload(self: Arc<Self>, mut send: quinn::SendStream, mut recv: quinn::RecvStream) {
        let body = request(&mut recv).await;
        let Request::Upload(request) = Request::from_bytes(&body).unwrap() else { panic!("another request") };
        let UploadRequest { header, known_log_size, .. } = request;
        let at = self.captures.iter().position(|capture| capture.header() == header).unwrap();
        // The first two come side by side. Whoever comes later asks again for a receipt that was given.
        if self.uploads.fetch_add(1, Ordering::AcqRel) < 2 {
            self.both_are_there.wait().await;
            send.write_all(&frame(&Response::Continue { offset: 0 }.to_bytes().unwrap())).await.unwrap();
            while recv.read_chunk(usize::MAX, true).await.unwrap().is_some() {}
        }
        let manifest = self.captures[at].manifest();
        let (receipt, consistency) = self.logs[at].lock().unwrap().acknowledge(manifest, known_log_size);
        send.write_all(&frame(&Response::Stored { receipt, consistency }.to_bytes().unwrap())).await.unwrap();
        send.finish().unwrap();
        let _ = send.stopped().await;
    }
}

/// The request that a stream begins with.
async fn request(recv: &mut quinn::RecvStream) -> Vec<u8> {
    let mut reader = FrameReader::new(MAX_REQUEST_LEN);
    loop {
        let chunk = recv.read_chunk(usize::MAX, true).await.unwrap().unwrap();
        if let Some(body) = reader.read(&mut chunk.bytes.as_ref()).unwrap() {
            return body;
        }
    }
}

/// Sends two pictures at once, each acknowledged from one of `logs`: what came of both, how many uploads there were, and the client.
async fn side_by_side(
    world: World,
    logs: impl FnOnce(World) -> Vec<Arc<Mutex<World>>>,
) -> (Vec<Result<(), ClientError>>, usize, Client) {
    let mut world = world;
    let captures = vec![world.capture(&photo(16)), world.capture(&photo(16))];
    let genuine = named(&world, super::tls::ALPN_MAIN);
    let endpoint = listen(genuine.tls);
    let client = client(&world, &endpoint.local_addr().unwrap().to_string(), genuine.root);
    // Both know this much of the log.
    client.update(|device| device.checkpoint = Some(world.checkpoint()));
    let gateway = Arc::new(Gateway {
        captures: captures.clone(),
        logs: logs(world),
        both_are_there: Barrier::new(2),
        uploads: AtomicUsize::new(0),
    });
    tokio::spawn(gateway.clone().serve(endpoint));
    let cancel = CancelToken::new();
    let send = |capture| client.upload(capture, |_| {}, &cancel);
    let (first, second) = tokio::join!(send(&captures[0]), send(&captures[1]));
    let outcomes = [first, second].map(|outcome| outcome.map(drop)).into();
    (outcomes, gateway.uploads.load(Ordering::Acquire), client)
}

#[tokio::test]
async fn x73_a_gateway_that_keeps_a_log_for_each_upload_is_found_out_by_uploads_side_by_side() {
    // Logs of the same length, and of different lengths.
    for more in [0, 1, 5] {
        let forked = |mut world: World| {
            let fork = world.fork();
            (0..more).for_each(|_| world.grow());
            vec![Arc::new(Mutex::new(fork)), Arc::new(Mutex::new(world))]
        };
        let (outcomes, _, _) = side_by_side(World::new(), forked).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let rewritten =
            |outcome: &&Result<(), ClientError>| matches!(outcome, Err(ClientError::Receipt(ReceiptError::Rewritten)));
        assert_eq!(outcomes.iter().filter(rewritten).count(), 1, "{outcomes:?}");
    }
}

#[tokio::test]
async fn x73_the_control_one_log_for_both_is_believed_and_its_end_is_kept() {
    let mut end = None;
    let one = |world: World| {
        let world = Arc::new(Mutex::new(world));
        end = Some(world.clone());
        vec![world.clone(), world]
    };
    let (outcomes, uploads, client) = side_by_side(World::new(), one).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(uploads, 3, "one of the two asked once more");
    assert_eq!(client.device().checkpoint, Some(end.unwrap().lock().unwrap().checkpoint()));
}

#[tokio::test]
async fn an_upload_that_has_taken_long_goes_on_after_its_connection_is_lost() {
    let retry_for = Duration::from_secs(1);
    let mut world = World::new();
    // Longer than what is handed over at once.
    let captures = vec![world.capture(&photo(640))];
    let genuine = named(&world, super::tls::ALPN_MAIN);
    let endpoint = listen(genuine.tls);
    let mut client = client(&world, &endpoint.local_addr().unwrap().to_string(), genuine.root);
    client.options.retry_for = retry_for;
    let capture = captures[0].clone();
    tokio::spawn(async move {
        let first = endpoint.accept().await.unwrap().await.unwrap();
        let (mut send, mut recv) = first.accept_bi().await.unwrap();
        send.write_all(&frame(&Response::Continue { offset: 0 }.to_bytes().unwrap())).await.unwrap();
        let mut read = 0;
        while read < 100_000 {
            read += recv.read_chunk(usize::MAX, true).await.unwrap().unwrap().bytes.len();
        }
        // It has been under way for longer than a lost connection is tried for.
        tokio::time::sleep(retry_for * 2).await;
        first.close(crate::wire::CloseReason::ShuttingDown.number().into(), b"");
        let gateway = Gateway {
            captures,
            logs: vec![Arc::new(Mutex::new(world))],
            both_are_there: Barrier::new(1),
            uploads: AtomicUsize::new(0),
        };
        Arc::new(gateway).serve(endpoint).await;
    });
    client.upload(&capture, |_| {}, &CancelToken::new()).await.unwrap();
}

/// An app that keeps nothing, and says that it did.
#[derive(Debug)]
struct Forgetful;

impl Keep for Forgetful {
    fn keep_device(&self, _: &[u8]) -> Result<(), KeepError> {
        Ok(())
    }

    fn keep_in_flight(&self, _: usize) -> Result<(), KeepError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_shutter_that_a_no_has_closed_opens_again_once_the_gateway_answers() {
    let world = World::new();
    let genuine = named(&world, super::tls::ALPN_MAIN);
    let endpoint = listen(genuine.tls);
    let identity = enrolled(&world, &endpoint.local_addr().unwrap().to_string(), Some(genuine.root)).to_bytes();
    let opening = Opening {
        identity: &identity,
        in_flight: 0,
        key: Arc::new(SoftwareDeviceKey::new(world.device.clone(), SysRng)),
        keep: Arc::new(Forgetful),
        queue_len: QUEUE_LEN,
        options: Options::default(),
        software: None,
    };
    let phone = Phone::open(opening, NOW).unwrap();
    tokio::spawn(async move {
        let first = endpoint.accept().await.unwrap().await.unwrap();
        let _asked = first.accept_bi().await;
        first.close(CloseReason::Expired.number().into(), b"");
        let second = endpoint.accept().await.unwrap().await.unwrap();
        let (mut send, mut recv) = second.accept_bi().await.unwrap();
        request(&mut recv).await;
        send.write_all(&frame(&Response::KeySetCurrent.to_bytes().unwrap())).await.unwrap();
        send.finish().unwrap();
        second.closed().await;
    });
    let no = phone.update_keys(NOW).await;
    assert!(matches!(no, Err(PhoneError::Client(ClientError::Closed(CloseReason::Expired)))), "{no:?}");
    let no = phone.ready_for_shutter();
    assert!(matches!(no, Err(PhoneError::Client(ClientError::Closed(CloseReason::Expired)))), "{no:?}");
    phone.update_keys(NOW).await.unwrap();
    phone.ready_for_shutter().unwrap();
}

/// Answers requests for certificates: the first gets none, although its key is certified; no key is certified twice.
async fn certify(endpoint: quinn::Endpoint, authority: SoftwareKey) {
    let connection = endpoint.accept().await.unwrap().await.unwrap();
    let mut certified = Vec::new();
    loop {
        let Ok((mut send, mut recv)) = connection.accept_bi().await else {
            // The client that has renewed comes again.
            let _again = endpoint.accept().await;
            return;
        };
        let body = request(&mut recv).await;
        let Request::Renew { csr, .. } = Request::from_bytes(&body).unwrap() else { panic!("another request") };
        let key = CertificateRequest::parse(&csr).unwrap().public_key().to_sec1();
        let answer = match certified.contains(&key) {
            true => Response::Refused(RefusalCode::BadCertificateRequest.into()),
            false => {
                Response::Certificate { certificate: certificate(spki(EC_PUBLIC_KEY, P256, &key), false, &authority) }
            }
        };
        certified.push(key);
        if certified.len() > 1 {
            send.write_all(&frame(&answer.to_bytes().unwrap())).await.unwrap();
        }
        send.finish().unwrap();
    }
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_takes_another_key_and_leaves_no_further_ones() {
    let world = World::new();
    let genuine = named(&world, super::tls::ALPN_MAIN);
    let endpoint = listen(genuine.tls);
    let client = client(&world, &endpoint.local_addr().unwrap().to_string(), genuine.root);
    tokio::spawn(certify(endpoint, SoftwareKey::generate(&mut SysRng).unwrap()));
    client.renew().await.unwrap_err();
    let left = client.key_to_come().unwrap();
    assert!(left.1, "the key of the renewal that failed is kept for the next one");
    let renewed = client.renew().await.unwrap().key.public_key().unwrap();
    assert!(renewed != left.0.public_key().unwrap(), "it was certified already");
    assert_eq!(client.key().public_key().unwrap(), renewed);
    assert!(!client.key_to_come().unwrap().1, "nothing is left");
}
