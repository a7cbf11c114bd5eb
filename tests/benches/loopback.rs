//! Photographs that a gateway has stored and acknowledged, a second, over loopback.
//!
//! The photographs are sealed beforehand. Everything is durable as in production, and every receipt is verified. Beside it, in turn, the
//! same bytes go into plain files that are written, fsynced, renamed and whose folder is fsynced, by as many threads as there are uploads:
//! what the disk can do. Phones and gateway share this machine's cores, so a gateway of its own does better.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client};

use shared::camera;
use shared::figures::{median, ms, quantile};
use shared::gateway::{Gateway, Running};
use shared::process;

/// Uploads at once, each by a device of its own.
const UPLOADS: usize = 8;

/// Photographs that a device sends in a round.
const EACH: usize = 5;

/// Rounds that count, after one that does not.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let photo = camera::photograph();
    println!("{UPLOADS} uploads at once, {ROUNDS} rounds of {} photographs:", UPLOADS * EACH);
    for unlocked in [false, true] {
        let gateway = Gateway::make();
        let devices: Vec<_> = gateway.enrol(UPLOADS).await.into_iter().map(Arc::new).collect();
        let running = gateway.start(unlocked, devices.first().expect("a device")).await;
        println!(
            "{}",
            if unlocked {
                "The vault is open: the clinic process inspects at the same time."
            } else {
                "The vault is locked: nothing is inspected meanwhile."
            }
        );
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let done = one_round(&gateway, &running, &devices, &photo, unlocked).await;
            if round > 0 {
                rounds.push(done);
            }
        }
        print(rounds);
    }
}

struct Round {
    took: Duration,
    latencies: Vec<Duration>,
    plain_files: Duration,
    /// Processor time of ingest, the clinic process and the phones.
    cpu: [Duration; 3],
}

async fn one_round(
    gateway: &Gateway,
    running: &Running,
    devices: &[Arc<Client>],
    photo: &[u8],
    unlocked: bool,
) -> Round {
    let captures: Vec<Vec<_>> =
        devices.iter().map(|device| (0..EACH).map(|_| camera::capture(device, photo, 2)).collect()).collect();
    let plain_files = plain_files(gateway.beside(), &captures);
    let pids = [running.ingest.id(), running.clinic.id(), std::process::id()];
    let before = pids.map(process::cpu);
    let start = Instant::now();
    let uploads: Vec<_> =
        devices.iter().zip(captures).map(|(device, captures)| tokio::spawn(send(device.clone(), captures))).collect();
    let mut latencies = Vec::new();
    for upload in uploads {
        latencies.extend(upload.await.expect("an upload ends"));
    }
    let took = start.elapsed();
    let phones = process::cpu(std::process::id());
    gateway.settled(unlocked).await;
    let mut cpu = pids.map(process::cpu);
    cpu[2] = phones;
    for (after, before) in cpu.iter_mut().zip(before) {
        *after = after.saturating_sub(before);
    }
    Round { took, latencies, plain_files, cpu }
}

/// One device's photographs, one after the other; how long each took from its beginning to its verified receipt.
async fn send(device: Arc<Client>, captures: Vec<Arc<SealedCapture>>) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for capture in captures {
        let start = Instant::now();
        device.upload(&capture, |_| (), &CancelToken::default()).await.expect("a receipt");
        latencies.push(start.elapsed());
    }
    latencies
}

/// The same bytes as plain files, by as many threads.
fn plain_files(folder: &Path, captures: &[Vec<Arc<SealedCapture>>]) -> Duration {
    let folder = &folder.join("plain");
    std::fs::create_dir(folder).expect("a folder");
    let start = Instant::now();
    std::thread::scope(|scope| {
        for captures in captures {
            scope.spawn(move || {
                for capture in captures {
                    let (part, whole) =
                        (folder.join(format!("{}.part", capture.id())), folder.join(capture.id().to_string()));
                    let mut file = File::create(&part).expect("a file");
                    file.write_all(capture.payload()).and_then(|()| file.sync_all()).expect("it is written");
                    std::fs::rename(&part, &whole)
                        .and_then(|()| File::open(folder)?.sync_all())
                        .expect("it has its name");
                }
            });
        }
    });
    let took = start.elapsed();
    std::fs::remove_dir_all(folder).expect("the folder goes");
    took
}

fn print(rounds: Vec<Round>) {
    let count = f64::from(u32::try_from(UPLOADS * EACH).unwrap_or(u32::MAX));
    let each =
        |figure: fn(&Round) -> Duration| median(rounds.iter().map(|round| figure(round).as_secs_f64()).collect());
    println!(
        "  stored and acknowledged, as a part of plain files written  {:.2}",
        median(rounds.iter().map(|round| round.plain_files.as_secs_f64() / round.took.as_secs_f64()).collect())
    );
    println!("  photographs a second                                       {:.1}", count / each(|round| round.took));
    println!(
        "  plain files a second                                       {:.1}",
        count / each(|round| round.plain_files)
    );
    println!(
        "  processor time a photograph: ingest                        {:.1} ms",
        each(|round| round.cpu[0]) / count * 1e3
    );
    println!(
        "  processor time a photograph: clinic and inspector          {:.1} ms",
        each(|round| round.cpu[1]) / count * 1e3
    );
    println!(
        "  processor time a photograph: phone                         {:.1} ms",
        each(|round| round.cpu[2]) / count * 1e3
    );
    let mut latencies: Vec<_> = rounds.into_iter().flat_map(|round| round.latencies).collect();
    println!(
        "  from begin to verified receipt: median                     {:.0} ms",
        ms(quantile(&mut latencies, 0.5))
    );
    println!(
        "  from begin to verified receipt: p99                        {:.0} ms",
        ms(quantile(&mut latencies, 0.99))
    );
}
