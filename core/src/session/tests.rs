//! The two ends against each other, without a network.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::receive::{Offered, Received, Receiving, RequestReader, Sender};
use super::send::{Send, SendError, Trust};
use crate::capture::SealedCapture;
use crate::ids::{ClinicId, DeviceId, UnixMillis};
use crate::log::checkpoint::Checkpoint;
use crate::receipt::{ReceiptError, VerifiedReceipt};
use crate::testing::{NOW, World, photo};
use crate::wire::limits::{MIN_BYTES_PER_WINDOW, RATE_WINDOW, REQUEST_DEADLINE};
use crate::wire::{RefusalCode, Request, Response, UploadRequest, frame};

fn later(duration: std::time::Duration) -> UnixMillis {
    NOW.plus(duration + std::time::Duration::from_millis(1))
}

fn trust<'a>(world: &'a World, last: Option<&'a Checkpoint>) -> Trust<'a> {
    Trust { key_set: &world.key_set, device_id: world.device_id, last, now: NOW }
}

fn request_of(capture: &SealedCapture) -> UploadRequest {
    UploadRequest {
        manifest: capture.manifest().cose().to_vec(),
        header: capture.header().to_vec(),
        label: capture.label().to_vec(),
        known_log_size: 0,
    }
}

fn judge(world: &World, request: UploadRequest) -> Result<Offered, RefusalCode> {
    let key = world.device.verifying();
    let sender = Sender {
        clinic_id: world.key_set.clinic_id,
        device_id: world.device_id,
        device_key: &key,
        key_sets: &[world.key_set.number],
    };
    Offered::judge(request, &sender)
}

fn receiving(world: &World, capture: &SealedCapture) -> Receiving {
    judge(world, request_of(capture)).unwrap().resume(Sha256::new(), 0, NOW).unwrap()
}

fn answer(send: &mut Send<'_>, response: &Response) -> Result<Option<VerifiedReceipt>, SendError> {
    send.handle_bytes(&frame(&response.to_bytes().unwrap()))
}

/// Carries the payload from one end to the other in pieces of `step` and ends the stream.
fn carry(send: &mut Send<'_>, capture: &SealedCapture, mut receiving: Receiving, step: usize) -> Received {
    while let Some(piece) = send.next_piece(step) {
        receiving.take(&capture.payload()[piece.clone()], NOW).unwrap();
        send.sent(piece.len());
    }
    assert!(send.take_finished());
    assert!(!send.take_finished());
    receiving.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_picture_passes_in_any_pieces_from_any_offset(step in 1usize..5000, request_step in 1usize..700, per_mille in 0usize..=1000) {
        let mut world = World::new();
        let capture = world.capture(&photo(64));
        let checkpoint = world.checkpoint();
        let (mut send, opening) = Send::begin(&capture, trust(&world, Some(&checkpoint))).unwrap();

        let mut reader = RequestReader::new(NOW);
        let mut request = None;
        for mut piece in opening.chunks(request_step) {
            prop_assert!(request.is_none());
            request = reader.handle_bytes(&mut piece, NOW).unwrap();
        }
        let Some(Request::Upload(request)) = request else { panic!("no upload") };
        prop_assert_eq!(request.known_log_size, checkpoint.size);
        let offered = judge(&world, request).unwrap();

        let held = capture.payload().len() * per_mille / 1000;
        let digest = Sha256::new().chain_update(&capture.payload()[..held]);
        let receiving = offered.resume(digest, held as u64, NOW).unwrap();
        let go_on = answer(&mut send, &Response::Continue { offset: receiving.offset() }).unwrap();
        prop_assert!(go_on.is_none());
        prop_assert_eq!(send.progress(), (held, capture.payload().len()));
        let received = carry(&mut send, &capture, receiving, step);

        let (receipt, consistency) = acknowledge(&mut world, &received);
        // The phone's trust borrows the world as it was: a fresh session stands in for the same phone.
        let (mut send, _) = Send::begin(&capture, trust(&world, Some(&checkpoint))).unwrap();
        let verified = answer(&mut send, &Response::Stored { receipt, consistency }).unwrap().unwrap();
        prop_assert_eq!(verified.capture_id(), capture.id());
        prop_assert_eq!(verified.checkpoint(), &world.checkpoint());
    }
}

fn acknowledge(world: &mut World, received: &Received) -> (Vec<u8>, Vec<crate::log::Hash>) {
    let known = world.checkpoint().size;
    world.acknowledge(received.manifest(), known)
}

#[test]
fn a_receipt_for_another_picture_frees_nothing() {
    let mut world = World::new();
    let (one, other) = (world.capture(&photo(32)), world.capture(&photo(32)));
    let (receipt, _) = world.acknowledge(other.manifest(), 0);
    let (mut send, _) = Send::begin(&one, trust(&world, None)).unwrap();
    let refused = answer(&mut send, &Response::Stored { receipt, consistency: vec![] });
    assert!(matches!(refused, Err(SendError::Receipt(ReceiptError::OtherCapture))));
}

#[test]
fn a_gateway_whose_log_does_not_continue_is_not_believed() {
    let mut world = World::new();
    let (first, second) = (world.capture(&photo(32)), world.capture(&photo(32)));
    world.acknowledge(first.manifest(), 0);
    let known = world.checkpoint();
    let (receipt, consistency) = world.acknowledge(second.manifest(), known.size);
    let mut forked = known.clone();
    forked.root[0] ^= 1;
    for (last, believed) in [(&known, true), (&forked, false)] {
        let (mut send, _) = Send::begin(&second, trust(&world, Some(last))).unwrap();
        let stored = Response::Stored { receipt: receipt.clone(), consistency: consistency.clone() };
        match answer(&mut send, &stored) {
            Ok(Some(_)) => assert!(believed),
            Err(SendError::Receipt(ReceiptError::Rewritten)) => assert!(!believed),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_phone_takes_no_answer_out_of_turn() {
    let mut world = World::new();
    let capture = world.capture(&photo(32));
    let total = capture.payload().len() as u64;
    let begin = || Send::begin(&capture, trust(&world, None)).unwrap().0;
    let mut send = begin();
    assert!(send.next_piece(10).is_none());
    assert!(!send.take_finished());
    assert!(matches!(answer(&mut send, &Response::Continue { offset: total + 1 }), Err(SendError::OutOfTurn)));
    let mut send = begin();
    answer(&mut send, &Response::Continue { offset: 0 }).unwrap();
    assert!(matches!(answer(&mut send, &Response::Continue { offset: 0 }), Err(SendError::OutOfTurn)));
    let mut send = begin();
    assert!(matches!(answer(&mut send, &Response::KeySetCurrent), Err(SendError::OutOfTurn)));
    let mut send = begin();
    let refused = answer(&mut send, &Response::Refused(RefusalCode::TooSlow.into()));
    assert!(matches!(refused, Err(SendError::Refused(refusal)) if refusal.code == RefusalCode::TooSlow));
}

#[test]
fn s08_s10_s11_s18_ingest_refuses_each_thing_by_its_own_code() {
    let mut world = World::new();
    let (capture, other) = (world.capture(&photo(32)), world.capture(&photo(32)));
    let refused = |world: &World, change: &dyn Fn(&mut UploadRequest)| {
        let mut request = request_of(&capture);
        change(&mut request);
        judge(world, request).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(&world, &|r| r.manifest[5] ^= 1), RefusalCode::Malformed);
    assert_eq!(refused(&world, &|r| *r.manifest.last_mut().unwrap() ^= 1), RefusalCode::BadSignature);
    assert_eq!(refused(&world, &|r| r.header = other.header().to_vec()), RefusalCode::BadHeader);
    assert_eq!(refused(&world, &|r| r.header.push(b'x')), RefusalCode::BadHeader);
    assert_eq!(refused(&world, &|r| r.label = other.label().to_vec()), RefusalCode::BadLabel);
    assert_eq!(refused(&world, &|r| *r.label.last_mut().unwrap() ^= 1), RefusalCode::BadLabel);
    assert_eq!(refused(&world, &|r| r.label.truncate(40)), RefusalCode::BadLabel);

    let with = |change: &dyn Fn(&mut World)| {
        let mut changed = World::new();
        changed.key_set = world.key_set.clone();
        changed.device = world.device.clone();
        change(&mut changed);
        refused(&changed, &|_| {})
    };
    assert_eq!(with(&|w| w.key_set.clinic_id = ClinicId::from_bytes([7; 16])), RefusalCode::WrongClinic);
    assert_eq!(with(&|w| w.device_id = DeviceId::from_bytes([7; 16])), RefusalCode::WrongDevice);
    assert_eq!(with(&|w| w.key_set.number += 1), RefusalCode::KeySetTooOld);
    assert_eq!(with(&|w| w.device = World::new().device), RefusalCode::BadSignature);
}

#[test]
fn s01_s07_s16_s17_a_payload_that_is_not_what_the_manifest_says_is_never_received() {
    let mut world = World::new();
    let capture = world.capture(&photo(32));
    let payload = capture.payload();

    let mut short = receiving(&world, &capture);
    short.take(&payload[..payload.len() - 1], NOW).unwrap();
    assert_eq!(short.finish().unwrap_err(), RefusalCode::LengthMismatch);

    let mut long = receiving(&world, &capture);
    long.take(payload, NOW).unwrap();
    assert_eq!(long.take(&[0], NOW).unwrap_err(), RefusalCode::LengthMismatch);

    let mut damaged = receiving(&world, &capture);
    damaged.take(&payload[..payload.len() - 1], NOW).unwrap();
    damaged.take(&[payload[payload.len() - 1] ^ 1], NOW).unwrap();
    assert_eq!(damaged.finish().unwrap_err(), RefusalCode::DigestMismatch);

    let offered = judge(&world, request_of(&capture)).unwrap();
    let held = payload.len() as u64 + 1;
    assert_eq!(offered.resume(Sha256::new(), held, NOW).unwrap_err(), RefusalCode::LengthMismatch);
}

/// A phone that was away seals for the key set that it knows: taken while ingest has that number on its list, refused with the advice to
/// update afterwards. A number that there never was, and a later one, are not taken either.
#[test]
fn s22_a_key_set_of_the_overlap_is_taken_and_an_older_one_is_not() {
    let mut world = World::new();
    world.key_set.number = 7;
    let capture = world.capture(&photo(32));
    let key = world.device.verifying();
    let judged = |key_sets: &[u64]| {
        let (clinic_id, device_id) = (world.key_set.clinic_id, world.device_id);
        let sender = Sender { clinic_id, device_id, device_key: &key, key_sets };
        Offered::judge(request_of(&capture), &sender).map(drop)
    };
    assert_eq!(judged(&[7]), Ok(()));
    assert_eq!(judged(&[8, 7]), Ok(()));
    for key_sets in [&[8][..], &[8, 6], &[9, 8], &[]] {
        assert_eq!(judged(key_sets), Err(RefusalCode::KeySetTooOld), "{key_sets:?}");
    }
    assert!(RefusalCode::KeySetTooOld.advice().contains("update its keys"));
    assert!(!RefusalCode::KeySetTooOld.is_temporary(), "sending it again would not help");
}

#[test]
fn whoever_dawdles_is_refused_and_whoever_is_steady_is_not() {
    let mut world = World::new();
    let capture = world.capture(&photo(512));
    let mut slow = receiving(&world, &capture);
    slow.take(&capture.payload()[..1], NOW).unwrap();
    assert_eq!(slow.rate_deadline(), NOW.plus(RATE_WINDOW));
    assert_eq!(slow.check_rate(later(RATE_WINDOW)), Err(RefusalCode::TooSlow));

    let mut steady = receiving(&world, &capture);
    let enough = usize::try_from(MIN_BYTES_PER_WINDOW).unwrap();
    assert!(capture.payload().len() > 2 * enough, "{}", capture.payload().len());
    for window in 1..=2u32 {
        let from = enough * (window as usize - 1);
        steady.take(&capture.payload()[from..from + enough], later(RATE_WINDOW * window)).unwrap();
    }

    let mut reader = RequestReader::new(NOW);
    assert_eq!(reader.handle_bytes(&mut [0u8, 0].as_slice(), later(REQUEST_DEADLINE)), Err(RefusalCode::TooSlow));
}
