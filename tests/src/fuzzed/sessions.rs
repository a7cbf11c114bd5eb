//! Both ends of an upload against a model of what must come of it, over a network that cuts, breaks off, alters and injects.
//!
//! The model is the specification in short: the gateway holds a beginning of the payload, an upload goes on behind it, and it is
//! stored when all of it is there and not before. However the network was, a last attempt over a good one ends in a receipt.
#![allow(clippy::indexing_slicing, reason = "a panic is the finding")]

use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::time::Duration;

use rand_core::TryRng;
use safelight_core::capture::{SealedCapture, Setting, capture};
use safelight_core::ids::UnixMillis;
use safelight_core::keyset::KeySet;
use safelight_core::label::Label;
use safelight_core::log::checkpoint::Checkpoint;
use safelight_core::log::{self, Hash, entry, leaf_hash, node_hash};
use safelight_core::receipt::{Receipt, VerifiedReceipt};
use safelight_core::session::receive::{Offered, Receiving, RequestReader, Sender};
use safelight_core::session::send::{Send, SendError, Trust};
use safelight_core::wire::limits::{MIN_BYTES_PER_WINDOW, RATE_WINDOW, REQUEST_DEADLINE};
use safelight_core::wire::{RefusalCode, Request, Response, frame};
use sha2::{Digest, Sha256};

use crate::pictures::pieces::{PNG, chunk, stored};

use super::clinic::{CLINIC, DEVICE, NOW, ORIGIN, Steady, device_key, key_set, keys};
use super::input::Input;

/// Most steps of one run; a fuzzer's input is no longer than that.
const MAX_STEPS: usize = 400;

/// Bytes as what happens to the uploads of two pictures.
pub fn session(bytes: &[u8]) {
    run(bytes);
}

/// What has happened before the network was good, by its count.
#[derive(Debug, Default, Clone, Copy)]
pub struct Happened {
    /// Receipts that the phone has believed.
    pub receipts: u32,
    /// Uploads that went on behind what was held.
    pub resumed: u32,
    /// Payloads that the gateway has refused at their end.
    pub refused: u32,
    /// Streams that were ended because they were too slow.
    pub too_slow: u32,
    /// Answers that the phone has not believed or not understood.
    pub disbelieved: u32,
}

/// The same, and what has happened.
pub fn run(bytes: &[u8]) -> Happened {
    let mut input = Input::new(bytes);
    let mut gateway = Gateway::default();
    let mut phone = Phone::default();
    let mut now = NOW;
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        attempt(&mut gateway, &mut phone, &mut now, &mut input);
    }
    let happened = Happened { receipts: phone.receipts, disbelieved: phone.disbelieved, ..gateway.happened };
    for which in 0..CAPTURES.len() {
        good_attempt(&mut gateway, &mut phone, now, which);
    }
    assert_eq!(gateway.leaves.len(), 1 + CAPTURES.len(), "a picture was stored twice");
    happened
}

/// What the phone remembers.
#[derive(Debug, Default)]
struct Phone {
    last: Option<Checkpoint>,
    receipts: u32,
    disbelieved: u32,
}

impl Phone {
    fn believe(&mut self, receipt: &VerifiedReceipt, which: usize) {
        assert_eq!(receipt.capture_id(), CAPTURES[which].id(), "a receipt for another picture");
        self.last = Some(receipt.checkpoint().clone());
        self.receipts += 1;
    }
}

/// What the gateway keeps: of each picture the bytes so far, and the log.
#[derive(Debug)]
struct Gateway {
    held: [Vec<u8>; 2],
    /// Whether somebody may have changed what is held.
    tainted: [bool; 2],
    stored: [Option<u64>; 2],
    leaves: Vec<Hash>,
    happened: Happened,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            held: Default::default(),
            tainted: [false; 2],
            stored: [None; 2],
            leaves: vec![leaf_hash(b"an older entry")],
            happened: Happened::default(),
        }
    }
}

/// One stream at the gateway.
#[derive(Debug)]
enum Stream {
    Reading(RequestReader),
    /// With the model's own count of what this window has brought.
    Taking(Box<Receiving>, usize, Window),
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: UnixMillis,
    bytes: u64,
}

/// One stream over a bad network.
fn attempt(gateway: &mut Gateway, phone: &mut Phone, now: &mut UnixMillis, input: &mut Input<'_>) {
    let which = usize::from(input.byte()) % CAPTURES.len();
    let sealed = &CAPTURES[which];
    let last = phone.last.clone();
    let key_set: &KeySet = &KEY_SET;
    let trust = Trust { key_set, device_id: DEVICE, last: last.as_ref(), now: NOW };
    let (mut send, opening) = Send::begin(sealed, trust).expect("an upload");
    let mut up = opening;
    let mut down = Vec::new();
    let mut stream = Stream::Reading(RequestReader::new(*now));
    let opened = *now;
    let (mut altered, mut injected) = (false, false);
    let mut next = None;
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            return;
        }
        match input.byte() % 10 {
            // The phone hands over a piece.
            0 | 1 => {
                if let Some(piece) = send.next_piece(input.below(4096) + 1) {
                    assert_eq!(next.get_or_insert(piece.start), &piece.start, "a piece out of its turn");
                    let bytes = &sealed.payload()[piece.clone()];
                    // The transport may take less than it is offered.
                    let taken = input.below(4097).min(bytes.len());
                    up.extend_from_slice(&bytes[..taken]);
                    send.sent(taken);
                    next = Some(piece.start + taken);
                }
            }
            // Bytes arrive at the gateway.
            2..=4 => {
                let len = input.below(4096).min(up.len());
                let piece: Vec<u8> = up.drain(..len).collect();
                gateway.handle(&mut stream, &piece, *now, opened, &mut down, altered);
            }
            // Bytes arrive at the phone.
            5 | 6 => {
                let len = input.below(4096).min(down.len());
                let piece: Vec<u8> = down.drain(..len).collect();
                match send.handle_bytes(&piece) {
                    Ok(None) => {}
                    Ok(Some(receipt)) => {
                        assert!(gateway.stored[which].is_some(), "a receipt for what is not stored");
                        return phone.believe(&receipt, which);
                    }
                    Err(SendError::Refused(_)) => return,
                    // What somebody put between.
                    Err(_) => {
                        phone.disbelieved += 1;
                        return;
                    }
                }
            }
            7 => {
                if send.take_finished() {
                    assert!(!send.take_finished(), "finished twice");
                    let rest = std::mem::take(&mut up);
                    gateway.handle(&mut stream, &rest, *now, opened, &mut down, altered);
                    gateway.finish(&mut stream, &mut down);
                }
            }
            8 => *now = now.plus(Duration::from_millis(u64::from(input.byte()) * 200)),
            _ => match input.byte() % 4 {
                // The connection breaks; the gateway may lose what it had not written yet.
                0 => {
                    let kept = input.below(gateway.held[which].len() + 1);
                    if gateway.stored[which].is_none() && input.byte() & 1 == 1 {
                        gateway.held[which].truncate(kept);
                    }
                    return;
                }
                1 => {
                    let at = input.below(up.len().max(1));
                    if let Some(byte) = up.get_mut(at) {
                        *byte ^= input.byte() | 1;
                        altered = true;
                    }
                }
                2 => {
                    let len = usize::from(input.byte());
                    down.extend_from_slice(input.bytes(len));
                    injected = true;
                }
                // The receipt of the other picture, or of none.
                _ => {
                    let other = 1 - which;
                    if gateway.stored[other].is_some() {
                        down.extend(frame(&gateway.receipt(other, 0).to_bytes().expect("a response")));
                        injected = true;
                    }
                }
            },
        }
        let (sent, total) = send.progress();
        assert!(sent <= total && total == sealed.payload().len());
        gateway.tainted[which] |= altered || injected;
        let held = &gateway.held[which];
        assert!(gateway.tainted[which] || sealed.payload().starts_with(held), "other bytes than the picture's");
    }
}

/// One stream over a good network: it ends in a receipt, whatever was before.
fn good_attempt(gateway: &mut Gateway, phone: &mut Phone, now: UnixMillis, which: usize) {
    let sealed = &CAPTURES[which];
    for attempt in 0.. {
        // What an altered stream has left there is found wrong at its end and taken away: then the next one begins anew.
        assert!(attempt < 2, "a picture does not get through");
        let last = phone.last.clone();
        let key_set: &KeySet = &KEY_SET;
        let trust = Trust { key_set, device_id: DEVICE, last: last.as_ref(), now: NOW };
        let (mut send, opening) = Send::begin(sealed, trust).expect("an upload");
        let mut stream = Stream::Reading(RequestReader::new(now));
        let mut down = Vec::new();
        gateway.handle(&mut stream, &opening, now, now, &mut down, true);
        let mut receipt = send.handle_bytes(&std::mem::take(&mut down)).expect("an answer");
        if receipt.is_none() {
            while let Some(piece) = send.next_piece(1000) {
                gateway.handle(&mut stream, &sealed.payload()[piece.clone()], now, now, &mut down, true);
                send.sent(piece.len());
            }
            assert!(send.take_finished(), "the phone does not finish");
            gateway.finish(&mut stream, &mut down);
            receipt = match send.handle_bytes(&down) {
                Ok(receipt) => receipt,
                Err(_) => continue,
            };
        }
        return phone.believe(&receipt.expect("a receipt"), which);
    }
}

impl Gateway {
    /// What ingest does with bytes. `altered`: whether somebody may have changed them, so that a refusal is in order.
    fn handle(
        &mut self,
        stream: &mut Stream,
        mut piece: &[u8],
        now: UnixMillis,
        opened: UnixMillis,
        down: &mut Vec<u8>,
        altered: bool,
    ) {
        if let Stream::Reading(reader) = stream {
            match reader.handle_bytes(&mut piece, now) {
                Ok(None) => return,
                Ok(Some(request)) => self.open(stream, request, now, down, altered),
                Err(code) => {
                    let late = now > opened.plus(REQUEST_DEADLINE);
                    assert!(altered || (code == RefusalCode::TooSlow && late), "a good request is refused: {code:?}");
                    refuse(stream, code, down);
                }
            }
        }
        let Stream::Taking(receiving, which, window) = stream else { return };
        if piece.is_empty() {
            return;
        }
        let which = *which;
        let held = &mut self.held[which];
        let too_long = held.len() + piece.len() > CAPTURES[which].payload().len();
        let outcome = receiving.take(piece, now);
        let ends = now.since(window.start) >= RATE_WINDOW;
        let brought = window.bytes + piece.len() as u64;
        match outcome {
            Ok(()) => {
                assert!(!too_long, "more than the manifest says was taken");
                held.extend_from_slice(piece);
                *window = Window { start: window.start, bytes: brought };
                if ends {
                    assert!(brought >= MIN_BYTES_PER_WINDOW, "a stream that is too slow goes on");
                    *window = Window { start: now, bytes: 0 };
                }
                assert_eq!(receiving.offset(), held.len() as u64);
            }
            Err(RefusalCode::TooSlow) => {
                assert!(ends && brought < MIN_BYTES_PER_WINDOW, "a stream that is fast enough is ended");
                // What was held before stays for the next attempt, this piece does not: as ingest has it.
                self.happened.too_slow += 1;
                refuse(stream, RefusalCode::TooSlow, down);
            }
            Err(code) => {
                assert_eq!((code, too_long), (RefusalCode::LengthMismatch, true));
                self.give_up(which);
                refuse(stream, code, down);
            }
        }
    }

    fn open(&mut self, stream: &mut Stream, request: Request, now: UnixMillis, down: &mut Vec<u8>, altered: bool) {
        let Request::Upload(request) = request else {
            assert!(altered, "another request than an upload");
            return refuse(stream, RefusalCode::Malformed, down);
        };
        let key = keys().device.verifying();
        let sender = Sender { clinic_id: CLINIC, device_id: DEVICE, device_key: &key, key_sets: &[KEY_SET.number] };
        let offered = match Offered::judge(request, &sender) {
            Ok(offered) => offered,
            Err(code) => {
                assert!(altered, "a good upload is refused: {code:?}");
                return refuse(stream, code, down);
            }
        };
        let hash = offered.manifest().hash();
        let which = CAPTURES.iter().position(|sealed| sealed.manifest().hash() == hash);
        let which = which.expect("a manifest that the device has not signed");
        if self.stored[which].is_some() {
            let known = offered.known_log_size();
            down.extend(frame(&self.receipt(which, known).to_bytes().expect("a response")));
            *stream = Stream::Over;
            return;
        }
        let held = &self.held[which];
        let digest = Sha256::new_with_prefix(held);
        let receiving = offered.resume(digest, held.len() as u64, now).expect("no more is held than there is");
        self.happened.resumed += u32::from(!held.is_empty());
        assert_eq!(receiving.offset(), held.len() as u64);
        down.extend(frame(&Response::Continue { offset: receiving.offset() }.to_bytes().expect("a response")));
        *stream = Stream::Taking(Box::new(receiving), which, Window { start: now, bytes: 0 });
    }

    /// The phone has ended its stream.
    fn finish(&mut self, stream: &mut Stream, down: &mut Vec<u8>) {
        let Stream::Taking(receiving, which, _) = std::mem::replace(stream, Stream::Over) else { return };
        let whole = self.held[which] == CAPTURES[which].payload();
        match receiving.finish() {
            Ok(received) => {
                assert!(whole, "stored what is not the picture");
                assert_eq!(received.manifest().hash(), CAPTURES[which].manifest().hash());
                if self.stored[which].is_none() {
                    self.stored[which] = Some(self.leaves.len() as u64);
                    let said = received.manifest();
                    let entry = entry::capture(CAPTURES[which].id(), &said.hash(), DEVICE, NOW);
                    self.leaves.push(leaf_hash(&entry));
                }
                down.extend(frame(&self.receipt(which, received.known_log_size()).to_bytes().expect("a response")));
            }
            Err(code) => {
                assert!(!whole, "the whole picture is refused: {code:?}");
                let len = self.held[which].len() == CAPTURES[which].payload().len();
                let expected = if len { RefusalCode::DigestMismatch } else { RefusalCode::LengthMismatch };
                assert_eq!(code, expected);
                self.happened.refused += 1;
                self.give_up(which);
                refuse(stream, code, down);
            }
        }
    }

    /// A refusal leaves nothing behind.
    fn give_up(&mut self, which: usize) {
        self.held[which].clear();
        self.tainted[which] = false;
    }

    /// The receipt up to the end of the log, and the proof from what the phone knows.
    fn receipt(&self, which: usize, known: u64) -> Response {
        let size = self.leaves.len() as u64;
        let index = self.stored[which].expect("a stored picture");
        let node = |level: u8, position: u64| Ok::<_, ()>(self.node(level, position));
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: log::root(size, node).expect("a root") };
        let receipt = Receipt {
            clinic_id: CLINIC,
            capture_id: CAPTURES[which].id(),
            manifest_hash: CAPTURES[which].manifest().hash(),
            stored_at: NOW,
            index,
            proof: log::inclusion_proof(index, size, node).expect("a proof"),
            checkpoint: checkpoint.sign(&keys().log).expect("a checkpoint"),
        };
        let consistency = log::consistency_proof(known.min(size), size, node).expect("a proof");
        Response::Stored { receipt: receipt.issue(&keys().receipt).expect("a receipt"), consistency }
    }

    fn node(&self, level: u8, position: u64) -> Hash {
        if level == 0 {
            return self.leaves[usize::try_from(position).expect("a small log")];
        }
        node_hash(&self.node(level - 1, 2 * position), &self.node(level - 1, 2 * position + 1))
    }
}

fn refuse(stream: &mut Stream, code: RefusalCode, down: &mut Vec<u8>) {
    down.extend(frame(&Response::Refused(code.into()).to_bytes().expect("a response")));
    *stream = Stream::Over;
}

static KEY_SET: LazyLock<KeySet> = LazyLock::new(key_set);

/// Two pictures: one that is over in a moment, one that is larger than what a window must bring.
static CAPTURES: LazyLock<[SealedCapture; 2]> = LazyLock::new(|| {
    let label = Label::from_json_bytes(LABEL).expect("a label");
    let mut rng = Steady::new("captures");
    let mut sequence = 0;
    [grey_png(1), grey_png(160)].map(|photo| {
        sequence += 1;
        let setting = Setting {
            key_set: &KEY_SET,
            device_id: DEVICE,
            operator: &"clinician1".parse().expect("a person's id"),
            sequence,
            captured_at: NOW,
            workers: NonZeroUsize::MIN,
            software: None,
        };
        capture(&photo, &label, &setting, &device_key(), &mut rng).expect("a capture")
    })
});

/// A label of nobody.
const LABEL: &[u8] = br#"{"version":1,"issuer":"clinic","record_number":"1","name":"Nobody","birth_date":"1961-02-03","body_site":{"text":"forearm"}}"#;

/// A square of noise, not compressed.
fn grey_png(side: u8) -> Vec<u8> {
    let mut noise = Steady::new("noise");
    let mut pixels = Vec::new();
    for _ in 0..side {
        let mut row = vec![0; usize::from(side) + 1];
        noise.try_fill_bytes(&mut row[1..]).expect("bytes");
        pixels.extend(row);
    }
    [
        PNG,
        &chunk(b"IHDR", &[0, 0, 0, side, 0, 0, 0, side, 8, 0, 0, 0, 0]),
        &chunk(b"IDAT", &stored(&pixels)),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}
