//! What a picture costs between shutter and socket: cleaning, sealing, hashing, and the whole capture, as ratios within one run.
//!
//! The yardstick has its buffer already and works in place. What is measured against it also parses, strips, allocates its result and
//! leaves the camera's bytes as they were.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::hint::black_box;
use std::num::NonZeroUsize;

use std::time::{Duration, Instant};

use getrandom::SysRng;
use peak_alloc::PeakAlloc;
use safelight_core::client::{CancelToken, Client};
use safelight_core::photo::Photo;
use safelight_core::seal::seal_payload;
use safelight_core::strip::{StrippedPhoto, strip};

use shared::camera;
use shared::figures::{Kind, medians, ms, quantile, ratio};
use shared::gateway::Gateway;
use shared::yardstick::Yardstick;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Photographs that are sent, one after the other.
const SENT: usize = 40;

/// Runs of each kind that count, and those before that warm caches and processor up.
const ROUNDS: usize = 200;
const WARM_UP: usize = 20;

/// What is timed, in the order in which each round runs it.
const KINDS: [Kind<Bench>; 10] = [
    ("strip", |bench| drop(black_box(bench.strip()))),
    ("seal + hash, 1 thread", |bench| bench.seal(1)),
    ("seal + hash, 2 threads", |bench| bench.seal(2)),
    ("strip + seal + hash, 1 thread", |bench| bench.strip_and_seal(1)),
    ("strip + seal + hash, 2 threads", |bench| bench.strip_and_seal(2)),
    ("the whole capture, 1 thread", |bench| bench.capture(1)),
    ("the whole capture, 2 threads", |bench| bench.capture(2)),
    ("two pictures at once, 1 thread each", Bench::two_at_once),
    ("aws-lc-rs, ChaCha20-Poly1305 and SHA-256", |bench| {
        bench.yardstick.seal();
        bench.yardstick.hash();
    }),
    ("aws-lc-rs, SHA-256 alone", |bench| bench.yardstick.hash()),
];

struct Bench {
    photo: &'static [u8],
    stripped: StrippedPhoto<'static>,
    yardstick: Yardstick,
    device: Client,
}

impl Bench {
    fn strip(&self) -> StrippedPhoto<'static> {
        strip(Photo::parse(self.photo).expect("a picture")).expect("it can be cleaned")
    }

    fn seal(&self, workers: usize) {
        seal(&self.stripped, workers);
    }

    fn strip_and_seal(&self, workers: usize) {
        seal(&self.strip(), workers);
    }

    fn capture(&self, workers: usize) {
        black_box(camera::capture(&self.device, self.photo, workers));
    }

    /// What a second core is worth on this machine, where nothing has to be shared.
    fn two_at_once(&mut self) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.seal(1));
            self.seal(1);
        });
    }
}

/// The most bytes that are allocated at once between the camera's bytes and the stripped picture, the result included.
fn memory_of_strip(photo: &[u8]) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let stripped = strip(Photo::parse(photo).expect("a picture")).expect("it can be cleaned");
    let peak = MEMORY.peak_usage() - before;
    drop(black_box(stripped));
    peak
}

/// Strip, seal, sign, send, and the receipt verified: the median of [`SENT`].
async fn to_receipt(bench: &Bench) -> Duration {
    let mut times = Vec::with_capacity(SENT);
    for _ in 0..SENT {
        let start = Instant::now();
        let capture = camera::capture(&bench.device, bench.photo, 2);
        bench.device.upload(&capture, |_| (), &CancelToken::default()).await.expect("a receipt");
        times.push(start.elapsed());
    }
    quantile(&mut times, 0.5)
}

fn seal(stripped: &StrippedPhoto<'_>, workers: usize) {
    let workers = NonZeroUsize::new(workers).expect("at least one thread");
    let sealed = seal_payload(stripped.parts(), stripped.len(), workers, &mut SysRng);
    black_box(sealed.expect("sealing works"));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let photo: &'static [u8] = camera::photograph().leak();
    let stripped = strip(Photo::parse(photo).expect("a picture")).expect("it can be cleaned");
    let gateway = Gateway::make();
    let device = gateway.enrol(1).await.pop().expect("a device");
    let _running = gateway.start(false, &device).await;
    let yardstick = Yardstick::new(&stripped.to_vec());
    println!(
        "A photograph of {}x{}, {} bytes, {} after cleaning.",
        stripped.width(),
        stripped.height(),
        photo.len(),
        stripped.len()
    );
    let memory = memory_of_strip(photo);
    let mut bench = Bench { photo, stripped, yardstick, device };
    let medians = medians(&mut bench, &KINDS, WARM_UP, ROUNDS);
    println!("Medians of {ROUNDS} interleaved runs:");
    for ((name, _), median) in KINDS.iter().zip(medians) {
        println!("  {name:42} {:8.3} ms", ms(median));
    }
    let [strip, seal_1, seal_2, both_1, both_2, capture_1, capture_2, two, yardstick, _] = medians;
    let to_receipt = to_receipt(&bench).await;
    println!("  {:42} {:8.3} ms", "from shutter to verified receipt, loopback", ms(to_receipt));
    println!("Memory that stripping takes beside the photograph (<= 64 KiB): {:.1} KiB", memory as f64 / 1024.0);
    println!("Ratios:");
    println!(
        "  strip + seal + hash on one core, as a part of aws-lc-rs's speed (>= 0.85)  {:.2}",
        ratio(yardstick, both_1)
    );
    println!(
        "  seal + hash alone, likewise                                                {:.2}",
        ratio(yardstick, seal_1)
    );
    println!(
        "  strip, as a part of seal + hash (<= 0.15)                                  {:.3}",
        ratio(strip, seal_1)
    );
    println!(
        "  strip, as a part of the time from shutter to verified receipt              {:.3}",
        ratio(strip, to_receipt)
    );
    println!(
        "  two cores against one: strip + seal + hash (>= 1.7)                        {:.2}",
        ratio(both_1, both_2)
    );
    println!(
        "  two cores against one: seal + hash alone                                   {:.2}",
        ratio(seal_1, seal_2)
    );
    println!(
        "  two cores against one: the whole capture                                   {:.2}",
        ratio(capture_1, capture_2)
    );
    println!(
        "  two cores against one: two pictures that share nothing                     {:.2}",
        2.0 * ratio(seal_1, two)
    );
}
