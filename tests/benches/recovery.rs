//! How soon after SIGKILL of both processes a phone has a receipt again, in a gateway that holds very many captures and in an empty one.
//!
//! The pictures are tiny: what a start has to read grows with their number, not with their size. The vault stays locked, so that every
//! capture still waits for its inspection, which is the most work that there can be left to take up.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::sync::Arc;
use std::time::{Duration, Instant};

use safelight_core::client::{CancelToken, Client};
use safelight_tests::pictures::jpeg_writer;
use tokio::task::JoinSet;

use shared::figures::{median, ms, quantile, ratio};
use shared::gateway::{Gateway, Running};
use shared::{camera, process};

/// Captures that the full gateway holds; `RECOVERY_CAPTURES` overrides it.
const CAPTURES: usize = 100_000;

/// Devices that fill it.
const DEVICES: usize = 64;

/// Times that each gateway is killed, after one that does not count.
const KILLS: usize = 7;

/// A phone that gets no answer in this time tries anew: nobody answers before the port is open.
const TRY_AGAIN: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let captures = std::env::var("RECOVERY_CAPTURES").map_or(CAPTURES, |text| text.parse().expect("a number"));
    let photo = jpeg_writer::picture(64, 48, &[0x11], 0, 1).to_vec(|_| Vec::new());
    let mut full = Killed::make().await;
    let filled = full.fill(&photo, captures).await;
    let mut empty = Killed::make().await;
    for kill in 0..=KILLS {
        for gateway in [&mut full, &mut empty] {
            gateway.kill_and_wait(&photo, kill > 0).await;
        }
    }
    println!("SIGKILL of both processes, {KILLS} times each, with {captures} captures and with next to none:");
    println!("  from the start to the next receipt, as a multiple of the empty one's  {:.2}", full.slower_than(&empty));
    for (gateway, which) in [(&mut full, "the full one"), (&mut empty, "the empty one")] {
        let [half, slowest] = [0.5, 1.0].map(|q| ms(quantile(&mut gateway.times, q)));
        println!("  {which}: median, and slowest                          {half:.0} and {slowest:.0} ms");
        println!("  {which}: memory of ingest, of the clinic process      {} MiB", gateway.memory());
    }
    println!("  (it was filled with {:.0} small pictures a second)", filled);
}

/// A gateway that runs and is killed again and again.
struct Killed {
    /// Ends before its folder goes.
    running: Option<Running>,
    gateway: Gateway,
    devices: Vec<Arc<Client>>,
    times: Vec<Duration>,
}

impl Killed {
    async fn make() -> Self {
        let gateway = Gateway::make();
        let devices: Vec<_> = gateway.enrol(DEVICES).await.into_iter().map(Arc::new).collect();
        let running = gateway.start(false, first(&devices)).await;
        Self { running: Some(running), gateway, devices, times: Vec::new() }
    }

    /// Sends until `count` pictures are stored, and the clinic process has taken them over; how many a second ingest took.
    async fn fill(&self, photo: &[u8], count: usize) -> f64 {
        let start = Instant::now();
        let mut sending = JoinSet::new();
        for (number, device) in self.devices.iter().cloned().enumerate() {
            let photo = photo.to_vec();
            let share = count / DEVICES + usize::from(number < count % DEVICES);
            sending.spawn(async move {
                for _ in 0..share {
                    send(&device, &photo).await;
                }
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent.expect("no panic");
        }
        let took = start.elapsed();
        self.gateway.settled(false).await;
        f64::from(u32::try_from(count).expect("a small number")) / took.as_secs_f64()
    }

    async fn kill_and_wait(&mut self, photo: &[u8], counts: bool) {
        let mut running = self.running.take().expect("a running gateway");
        running.kill();
        drop(running);
        let device = first(&self.devices);
        // What is on its way when the gateway dies.
        device.disconnect().await;
        let start = Instant::now();
        let running = self.gateway.spawn(false);
        while !matches!(tokio::time::timeout(TRY_AGAIN, device.connect()).await, Ok(Ok(()))) {}
        send(device, photo).await;
        let took = start.elapsed();
        if counts {
            self.times.push(took);
        }
        // Dying again while it still takes up its work would measure another thing.
        self.gateway.settled(false).await;
        self.running = Some(running);
    }

    fn slower_than(&self, other: &Self) -> f64 {
        median(self.times.iter().zip(&other.times).map(|(ours, others)| ratio(*ours, *others)).collect())
    }

    fn memory(&self) -> String {
        let running = self.running.as_ref().expect("a running gateway");
        [&running.ingest, &running.clinic].map(|one| (process::resident(one.id()) >> 20).to_string()).join(" and ")
    }
}

fn first(devices: &[Arc<Client>]) -> &Client {
    devices.first().expect("a device")
}

async fn send(device: &Client, photo: &[u8]) {
    let capture = camera::capture(device, photo, 1);
    device.upload(&capture, |_| (), &CancelToken::default()).await.expect("a receipt");
}
