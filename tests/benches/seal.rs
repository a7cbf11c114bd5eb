//! How fast a picture is sealed and hashed, as ratios within one run.
//!
//! The yardstick is aws-lc-rs: ChaCha20-Poly1305 in pieces of one chunk, in place in a buffer that is
//! already there, then SHA-256 over it. Sealing here also allocates its result and leaves the plaintext
//! as it was.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest;
use safelight_core::seal::{CHUNK_LEN, seal_payload};

/// About a JPEG of 12 megapixels, in bytes.
const PICTURE_LEN: usize = 4_200_000;

/// Runs of each kind that count, and those before that warm caches and processor up.
const ROUNDS: usize = 200;
const WARM_UP: usize = 20;

/// A name, and what is timed under it.
type Kind = (&'static str, fn(&mut Bench));

/// What is timed, in the order in which each round runs it.
const KINDS: [Kind; 5] = [
    ("seal and hash, 1 thread", |bench| bench.seal(1)),
    ("seal and hash, 2 threads", |bench| bench.seal(2)),
    ("aws-lc-rs, both", |bench| {
        bench.aws_lc_seal();
        bench.aws_lc_hash();
    }),
    ("aws-lc-rs, ChaCha20-Poly1305 alone", Bench::aws_lc_seal),
    ("aws-lc-rs, SHA-256 alone", Bench::aws_lc_hash),
];

struct Bench {
    picture: Vec<u8>,
    in_place: Vec<u8>,
    key: LessSafeKey,
}

impl Bench {
    fn new() -> Self {
        let picture: Vec<u8> = (0u8..251).cycle().take(PICTURE_LEN).collect();
        let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).expect("a key of 32 bytes");
        Self { in_place: picture.clone(), key: LessSafeKey::new(key), picture }
    }

    fn seal(&mut self, workers: usize) {
        let workers = NonZeroUsize::new(workers).expect("at least one thread");
        let parts = std::iter::once(self.picture.as_slice());
        let sealed = seal_payload(parts, self.picture.len(), workers, &mut getrandom::SysRng);
        black_box(sealed.expect("sealing works"));
    }

    fn aws_lc_seal(&mut self) {
        for chunk in self.in_place.chunks_mut(CHUNK_LEN) {
            let nonce = Nonce::assume_unique_for_key([1; 12]);
            let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk);
            let _ = black_box(tag.expect("sealing works"));
        }
    }

    fn aws_lc_hash(&mut self) {
        black_box(digest::digest(&digest::SHA256, &self.in_place));
    }
}

fn main() {
    let mut bench = Bench::new();
    let mut times = KINDS.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..WARM_UP + ROUNDS {
        for ((_, run), times) in KINDS.iter().zip(&mut times) {
            let start = Instant::now();
            run(&mut bench);
            if round >= WARM_UP {
                times.push(start.elapsed());
            }
        }
    }
    let medians = times.map(median);
    println!("{PICTURE_LEN} bytes, medians of {ROUNDS} interleaved runs:");
    for ((name, _), median) in KINDS.iter().zip(medians) {
        println!("  {name:36} {:8.3} ms", median.as_secs_f64() * 1e3);
    }
    let [one, two, yardstick, ..] = medians;
    println!("one thread, as a part of aws-lc-rs's speed: {:.2}", ratio(yardstick, one));
    println!("two threads, as a multiple of one:          {:.2}", ratio(one, two));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
