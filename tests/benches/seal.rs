//! How fast any bytes are sealed and hashed, as ratios within one run. `picture.rs` does the same for a photograph, with its cleaning.
//!
//! The yardstick works in place in a buffer that is already there. Sealing here also allocates its result and leaves the plaintext
//! as it was.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::hint::black_box;
use std::num::NonZeroUsize;

use safelight_core::seal::seal_payload;

use shared::figures::{Kind, medians, ms, ratio};
use shared::yardstick::Yardstick;

/// About a JPEG of 12 megapixels, in bytes.
const PICTURE_LEN: usize = 4_200_000;

/// Runs of each kind that count, and those before that warm caches and processor up.
const ROUNDS: usize = 200;
const WARM_UP: usize = 20;

/// What is timed, in the order in which each round runs it.
const KINDS: [Kind<Bench>; 5] = [
    ("seal and hash, 1 thread", |bench| bench.seal(1)),
    ("seal and hash, 2 threads", |bench| bench.seal(2)),
    ("aws-lc-rs, both", |bench| {
        bench.yardstick.seal();
        bench.yardstick.hash();
    }),
    ("aws-lc-rs, ChaCha20-Poly1305 alone", |bench| bench.yardstick.seal()),
    ("aws-lc-rs, SHA-256 alone", |bench| bench.yardstick.hash()),
];

struct Bench {
    picture: Vec<u8>,
    yardstick: Yardstick,
}

impl Bench {
    fn seal(&mut self, workers: usize) {
        let workers = NonZeroUsize::new(workers).expect("at least one thread");
        let parts = std::iter::once(self.picture.as_slice());
        let sealed = seal_payload(parts, self.picture.len(), workers, &mut getrandom::SysRng);
        black_box(sealed.expect("sealing works"));
    }
}

fn main() {
    let picture: Vec<u8> = (0u8..251).cycle().take(PICTURE_LEN).collect();
    let yardstick = Yardstick::new(&picture);
    let medians = medians(&mut Bench { picture, yardstick }, &KINDS, WARM_UP, ROUNDS);
    println!("{PICTURE_LEN} bytes, medians of {ROUNDS} interleaved runs:");
    for ((name, _), median) in KINDS.iter().zip(medians) {
        println!("  {name:36} {:8.3} ms", ms(median));
    }
    let [one, two, yardstick, ..] = medians;
    println!("one thread, as a part of aws-lc-rs's speed: {:.2}", ratio(yardstick, one));
    println!("two threads, as a multiple of one:          {:.2}", ratio(one, two));
}
