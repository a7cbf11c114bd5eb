//! One enrolled phone against all others: it opens connections and streams without end, sends a byte a second, resets what it has begun, asks and
//! does not read the answer, or begins uploads and ends none.
//!
//! Whatever it does is bounded, ends by itself and gives back what it held; others go on being served, and nothing half stored is left.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quinn::VarInt;
use safelight_core::capture::SealedCapture;
use safelight_core::client::CancelToken;
use safelight_core::wire::limits::{MAX_CONNECTIONS_PER_DEVICE, MAX_STREAMS_PER_CONNECTION};
use safelight_core::wire::{CloseReason, RefusalCode, Request, Response};
use safelight_tests::gateway::hostile::{Attack, Hostile, answer, close_reason, framed, opening, refusal};
use safelight_tests::gateway::phone::{Phone, seal, snapshot};
use safelight_tests::gateway::program::{resident, until};
use safelight_tests::gateway::{Gateway, PATIENCE};

const STREAMS: usize = MAX_STREAMS_PER_CONNECTION as usize;

/// As many are there at any time: the gateway renews credit for streams when some have ended, not one by one.
const SURE_STREAMS: usize = STREAMS - 1;

/// More than all uploads that ingest writes at once, and than all streams of a device: a place that is not given back is missed.
const MANY: usize = 300;

/// What an attack may add to ingest's memory.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;

fn captures(phone: &Phone, count: u64) -> Vec<Arc<SealedCapture>> {
    let client = phone.client();
    (0..count).map(|seed| seal(&client, &snapshot(seed, 320, 240))).collect()
}

async fn send_well(phone: &Phone, capture: &Arc<SealedCapture>) {
    let client = phone.client();
    let cancel = CancelToken::new();
    let sent = client.upload(capture, |_| {}, &cancel);
    let receipt = tokio::time::timeout(PATIENCE, sent).await.expect("the gateway serves others").expect("a receipt");
    assert_eq!(receipt.capture_id(), capture.id());
    client.disconnect().await;
}

/// Begins an upload up to the gateway's word from where to go on.
async fn begin(hostile: &Hostile, capture: &SealedCapture) -> (quinn::SendStream, quinn::RecvStream, usize) {
    let (send, mut recv) = hostile.say(&opening(capture)).await;
    match answer(&mut recv).await {
        Some(Response::Continue { offset }) => (send, recv, usize::try_from(offset).expect("an offset")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t18_one_devices_flood_is_bounded_and_others_are_served() {
    let mut gateway = Gateway::serving();
    let [hostile, good] = ["hostile", "good"].map(|name| gateway.enrol(name));
    let (at, ingest) = (gateway.listens_at(), gateway.process("ingest"));
    let good_captures = captures(&good, 3);

    // No more streams than there is credit for, and no more connections than a device may have: the oldest is closed.
    let first = Hostile::of(&hostile, at).await;
    let mut held = Vec::new();
    for _ in 0..SURE_STREAMS {
        held.push(first.say(&[0, 0]).await);
    }
    while let Ok(opened) = tokio::time::timeout(Duration::from_millis(500), first.connection.open_bi()).await {
        held.push(opened.expect("a connection"));
        assert!(held.len() <= STREAMS, "more streams than a connection may have");
    }
    let mut more = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_DEVICE {
        more.push(Hostile::of(&hostile, at).await);
    }
    assert_eq!(close_reason(&first.end().await), Some(CloseReason::TooManyConnections));
    assert!(more.iter().all(|other| other.connection.close_reason().is_none()));
    gateway.refused(&hostile.device, "too-many-connections");

    // All at once, without end; meanwhile another phone sends.
    let before = resident(ingest);
    let ended = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let (attack, ended) = (Attack::with(&hostile), ended.clone());
            tokio::spawn(async move {
                let mut connections = 0_usize;
                while !ended.load(Ordering::Acquire) {
                    let Ok(flood) = attack.clone().connect(at).await else { continue };
                    for _ in 0..STREAMS {
                        let Ok((mut send, _recv)) = flood.connection.open_bi().await else { break };
                        let _ = send.write_all(&[0, 0, 0, 200, 1]).await;
                    }
                    connections += 1;
                }
                connections
            })
        })
        .collect();
    for capture in &good_captures {
        send_well(&good, capture).await;
    }
    assert!(gateway.health()["connections"].as_u64().is_some_and(|n| n <= MAX_CONNECTIONS_PER_DEVICE as u64 + 1));
    let grown = resident(ingest).saturating_sub(before);
    ended.store(true, Ordering::Release);
    let mut connections = 0;
    for flood in floods {
        connections += flood.await.expect("no panic");
    }
    assert!(connections > MAX_CONNECTIONS_PER_DEVICE, "that was no flood: {connections} connections");
    assert!(grown < MOST_MEMORY, "ingest grew by {grown} bytes");
    assert_eq!(gateway.process("ingest"), ingest, "ingest was started again");
    assert_eq!(gateway.stored().len(), good_captures.len());
    gateway.pictures_in(&["verified"], good_captures.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t19_streams_of_a_byte_a_second_are_ended_and_give_their_places_back() {
    let gateway = Gateway::serving();
    let [slow, good] = ["slow", "good"].map(|name| gateway.enrol(name));
    let at = gateway.listens_at();
    let slow_captures = captures(&slow, 4);
    let good_captures = captures(&good, 1);
    let hostile = Hostile::of(&slow, at).await;

    let mut crawling = Vec::new();
    for _ in 0..3 {
        crawling.push(hostile.say(&[0, 0, 0]).await);
    }
    let whole = opening(&slow_captures[0]);
    let mut rest: Vec<(Vec<u8>, usize)> = vec![(whole.get(3..).expect("a frame").to_vec(), 0); 3];
    for capture in &slow_captures {
        let (send, recv, from) = begin(&hostile, capture).await;
        crawling.push((send, recv));
        rest.push((capture.payload().to_vec(), from));
    }
    // The places of the connection are taken, and each stream brings a byte a second until it is told to stop.
    let crawl = crawling.into_iter().zip(rest).map(|((mut send, mut recv), (bytes, from))| {
        tokio::spawn(async move {
            for byte in bytes.iter().skip(from) {
                let refused = tokio::select! {
                    answer = answer(&mut recv) => Some(refusal(answer.as_ref())),
                    () = tokio::time::sleep(Duration::from_secs(1)) => None,
                };
                if let Some(refused) = refused {
                    return refused;
                }
                if send.write_all(&[*byte]).await.is_err() {
                    return refusal(answer(&mut recv).await.as_ref());
                }
            }
            panic!("the gateway has waited for all of it");
        })
    });
    let crawl: Vec<_> = crawl.collect();
    send_well(&good, &good_captures[0]).await;
    for stream in crawl {
        let refused = tokio::time::timeout(PATIENCE, stream).await.expect("an end").expect("no panic");
        assert_eq!(refused, Some(RefusalCode::TooSlow));
    }
    gateway.refused(&slow.device, "too-slow");
    // All places are there again, on the same connection.
    let mut again = Vec::new();
    for _ in 0..SURE_STREAMS {
        again.push(hostile.say(&[]).await);
    }
    drop(again);
    assert_eq!(gateway.stored(), [good_captures[0].id().to_string()]);
    send_well(&slow, &slow_captures[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t20_a_reset_at_any_offset_leaves_nothing_stored_and_takes_no_place_for_good() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let hostile = Hostile::of(&phone, gateway.listens_at()).await;
    let client = phone.client();
    let capture = seal(&client, &snapshot(9, 800, 600));
    let (request, payload) = (opening(&capture), capture.payload());
    assert!(payload.len() > 2 * 256 * 1024, "too small for this test: {} bytes", payload.len());
    let code = VarInt::from_u32(77);

    // In the request: both ways of giving up, and the end of the stream.
    for cut in [0, 1, 3, 4, 5, request.len() / 2, request.len() - 1, request.len()] {
        for way in 0..3 {
            let (mut send, mut recv) = hostile.say(&request[..cut]).await;
            let given_up = match way {
                0 => send.reset(code),
                1 => recv.stop(code),
                _ => send.finish(),
            };
            given_up.expect("an open stream");
            if way == 2 && cut < request.len() {
                assert_eq!(refusal(answer(&mut recv).await.as_ref()), Some(RefusalCode::Malformed), "{cut}");
            }
            let _ = send.reset(code);
        }
    }
    // In the payload: what has arrived is kept for the same picture to go on with, and is no picture.
    for cut in [0, 1, 65_535, 65_536, 262_144, 262_145, payload.len() / 2 + 262_144, payload.len() - 1, payload.len()] {
        for stop in [false, true] {
            let (mut send, mut recv, from) = begin(&hostile, &capture).await;
            assert!(from <= cut, "{from} bytes are held, {cut} were sent");
            if cut > from {
                send.write_all(&payload[from..cut]).await.expect("a stream");
            }
            if stop {
                let _ = recv.stop(code);
            }
            let _ = send.reset(code);
            assert_eq!((gateway.stored(), gateway.blobs()), (Vec::new(), Vec::new()), "after {cut} bytes");
        }
    }
    // Far more often than there are places.
    for _ in 0..MANY {
        let (mut send, mut recv, _) = begin(&hostile, &capture).await;
        let _ = (send.reset(code), recv.stop(code));
    }
    assert_eq!((gateway.stored(), gateway.blobs()), (Vec::new(), Vec::new()));
    assert!(hostile.is_let_in().await, "the connection itself has done nothing wrong");

    send_well(&phone, &capture).await;
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
    assert_eq!(gateway.blobs(), [payload.len() as u64]);
    until("nothing half sent is left", PATIENCE, || (gateway.incoming() == 0).then_some(()));
    gateway.pictures_in(&["verified"], 1);
}

/// It gives no credit for the answer: the gateway can write not a byte of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x03_answers_that_nobody_reads_keep_no_place() {
    let gateway = Gateway::serving();
    let [deaf, good] = ["deaf", "good"].map(|name| gateway.enrol(name));
    let mut attack = Attack::with(&deaf);
    attack.stream_window = 0;
    let hostile = attack.connect(gateway.listens_at()).await.expect("a connection");
    let mine = captures(&deaf, 1);
    let (mut begun, _begun_answer) = hostile.say(&opening(&mine[0])).await;
    let mut unread = Vec::new();
    for _ in 1..STREAMS {
        let (mut send, recv) = hostile.say(&framed(&Request::KeySet { have: 0 })).await;
        let _ = send.finish();
        unread.push(recv);
    }
    gateway.refused(&deaf.device, "too-slow");
    // The picture that was begun there can be sent by somebody who listens.
    send_well(&deaf, &mine[0]).await;
    send_well(&good, &captures(&good, 1)[0]).await;
    // And the streams are there again, on the same connection.
    let _ = begun.reset(VarInt::from_u32(1));
    for _ in 0..STREAMS {
        unread.push(hostile.say(&[0]).await.1);
    }
}

/// Every upload stays within all limits, and none ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x04_uploads_that_are_begun_and_never_ended_do_not_fill_the_disk() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let hostile = Hostile::of(&phone, gateway.listens_at()).await;
    let most = MAX_CONNECTIONS_PER_DEVICE * STREAMS;
    let captures = captures(&phone, most as u64 + 16);
    let unfinished = || safelight_tests::gateway::files(&gateway.data().join("ingest/incoming")).len();
    for capture in &captures {
        let (mut send, mut recv, from) = begin(&hostile, capture).await;
        assert_eq!(from, 0);
        send.write_all(&capture.payload()[..20_000]).await.expect("a stream");
        let _ = send.reset(VarInt::from_u32(1));
        assert_eq!(refusal(answer(&mut recv).await.as_ref()), Some(RefusalCode::LengthMismatch));
        assert!(unfinished() <= most, "{} uploads lie there unfinished", unfinished());
    }
    assert_eq!(unfinished(), most);
    // The newest can still be ended.
    let newest = captures.last().expect("a capture");
    send_well(&phone, newest).await;
    assert_eq!(unfinished(), most - 1);
    assert_eq!(gateway.stored(), [newest.id().to_string()]);
}
