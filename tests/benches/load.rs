//! A clinic far larger than one gateway is meant for: 2,000 phones connected, 200 of them sending at once, and one that is hostile.
//!
//! Rounds with and without the hostile phone alternate, so that both meet the same machine. It sends uploads at a byte a second on every
//! stream that it may have, opens and resets streams as fast as it can, and connects again and again. Afterwards every picture that was
//! acknowledged is looked for in the clinic's catalog; then all phones renew their certificates at once, as after an outage.
//!
//! Long: `make soak` runs it.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client};
use safelight_core::session::send::{Send, Trust};
use safelight_gateway::clock::Clock;
use tokio::task::JoinSet;

use shared::figures::{median, ms, quantile};
use shared::gateway::Gateway;
use shared::{camera, phones, process};

/// Phones that are connected all the while.
const PHONES: usize = 2_000;

/// Phones that send at once.
const SENDING: usize = 200;

/// Pairs of rounds that count, after one that does not.
const PAIRS: usize = 3;

/// Between two bytes of a slow stream.
const DRIP: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() {
    raise_file_limit();
    let gateway = Gateway::make();
    let mut clients: Vec<_> = gateway.enrol(PHONES + 1).await.into_iter().map(Arc::new).collect();
    let hostile = clients.pop().expect("the hostile phone");
    let running = gateway.start(false, &hostile).await;
    hostile.disconnect().await;
    let address = gateway.config().listen;
    let ingest = running.ingest.id();

    let before = process::resident(ingest);
    connect_all(&clients).await;
    let connected = process::resident(ingest);
    let photo = camera::photograph();
    let mut acknowledged = HashSet::new();
    let (mut calm, mut attacked, mut most) = (Vec::new(), Vec::new(), connected);
    for pair in 0..=PAIRS {
        for attack in [false, true] {
            let attacker = attack.then(|| Attack::start(address, &hostile, &photo));
            let round = one_round(ingest, clients.get(..SENDING).expect("enough phones"), &photo).await;
            if let Some(attacker) = attacker {
                attacker.stop();
            }
            acknowledged.extend(round.acknowledged);
            most = most.max(round.most_memory);
            if pair > 0 {
                if attack { attacked.push(round.rate) } else { calm.push(round.rate) }
            }
        }
    }
    let ratios = attacked.iter().zip(&calm).map(|(attacked, calm)| attacked / calm).collect();
    println!("{PHONES} phones connected, {SENDING} sending at once:");
    println!("  photographs a second beside a hostile phone, of those without (>= 0.8)  {:.2}", median(ratios));
    println!("  photographs a second without                                         {:.1}", median(calm));
    println!(
        "  ingest without phones, with all, and at its most                     {} MiB",
        mib(&[before, connected, most])
    );
    gateway.settled(false).await;
    let stored = gateway.captures();
    let lost = acknowledged.iter().filter(|id| !stored.contains(*id)).count();
    println!(
        "  acknowledged, and of them missing in the clinic's catalog            {} and {lost}",
        acknowledged.len()
    );
    assert_eq!(lost, 0, "what was acknowledged is lost");
    renew_all(&clients).await;
}

/// As many files as the system lets this process open: each phone has a socket of its own.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a limit up to the hard one");
}

async fn connect_all(clients: &[Arc<Client>]) {
    for some in clients.chunks(32) {
        let mut connecting = JoinSet::new();
        for client in some {
            let client = client.clone();
            connecting.spawn(async move { client.connect().await.expect("a connection") });
        }
        connecting.join_all().await;
    }
}

struct Round {
    /// Photographs a second.
    rate: f64,
    acknowledged: Vec<String>,
    most_memory: u64,
}

/// One photograph of each phone, all at once.
async fn one_round(ingest: u32, clients: &[Arc<Client>], photo: &[u8]) -> Round {
    let captures: Vec<_> = clients.iter().map(|client| camera::capture(client, photo, 2)).collect();
    let start = Instant::now();
    let mut uploads = JoinSet::new();
    for (client, capture) in clients.iter().cloned().zip(captures) {
        uploads.spawn(async move {
            client.upload(&capture, |_| (), &CancelToken::default()).await.expect("a receipt");
            capture.id().to_string()
        });
    }
    let mut round = Round { rate: 0.0, acknowledged: Vec::new(), most_memory: 0 };
    while let Some(done) = uploads.join_next().await {
        round.acknowledged.push(done.expect("no panic"));
        round.most_memory = round.most_memory.max(process::resident(ingest));
    }
    round.rate = f64::from(u32::try_from(clients.len()).expect("a small number")) / start.elapsed().as_secs_f64();
    round
}

/// What the hostile phone does, until it is stopped.
struct Attack {
    tasks: JoinSet<()>,
    done: Arc<[AtomicU64; 3]>,
}

impl Attack {
    fn start(address: SocketAddr, client: &Arc<Client>, photo: &[u8]) -> Self {
        let (mut tasks, done) = (JoinSet::new(), Arc::<[AtomicU64; 3]>::default());
        let capture = camera::capture(client, photo, 2);
        tasks.spawn(drip(address, client.clone(), capture, done.clone()));
        tasks.spawn(reset(address, client.clone(), done.clone()));
        tasks.spawn(knock(address, client.clone(), done.clone()));
        Self { tasks, done }
    }

    /// Says what it did: an attack that did nothing shows nothing.
    fn stop(mut self) {
        self.tasks.abort_all();
        let [bytes, streams, connections] = [0, 1, 2].map(|at| self.done[at].load(Ordering::Relaxed));
        println!("  (the hostile phone: {bytes} slow bytes, {streams} streams reset, {connections} more connections)");
    }
}

/// Uploads on all streams of a connection, a byte a second each.
async fn drip(address: SocketAddr, client: Arc<Client>, capture: Arc<SealedCapture>, done: Arc<[AtomicU64; 3]>) {
    let endpoint = phones::endpoint();
    loop {
        let Ok(connection) = phones::dial(&endpoint, address, &client).await else { continue };
        let mut streams = Vec::new();
        while let Ok(Ok((mut send, recv))) = tokio::time::timeout(DRIP, connection.open_bi()).await {
            let device = client.device();
            let trust = Trust {
                key_set: device.key_set.key_set(),
                device_id: device.device_id,
                last: None,
                now: Clock::system().now(),
            };
            let (_, opening) = Send::begin(&capture, trust).expect("a request");
            if send.write_all(&opening).await.is_err() {
                break;
            }
            streams.push((send, recv));
        }
        while connection.close_reason().is_none() {
            for (send, _) in &mut streams {
                done[0].fetch_add(u64::from(send.write_all(&[0]).await.is_ok()), Ordering::Relaxed);
            }
            tokio::time::sleep(DRIP).await;
        }
    }
}

/// Opens streams and resets them.
async fn reset(address: SocketAddr, client: Arc<Client>, done: Arc<[AtomicU64; 3]>) {
    let endpoint = phones::endpoint();
    loop {
        let Ok(connection) = phones::dial(&endpoint, address, &client).await else { continue };
        while let Ok((mut send, mut recv)) = connection.open_bi().await {
            let _ = send.write_all(&[0; 64]).await;
            let _ = send.reset(1u32.into());
            let _ = recv.stop(1u32.into());
            done[1].fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Connects again and again, and keeps what it gets.
async fn knock(address: SocketAddr, client: Arc<Client>, done: Arc<[AtomicU64; 3]>) {
    let endpoint = phones::endpoint();
    let mut kept = std::collections::VecDeque::new();
    loop {
        if let Ok(connection) = phones::dial(&endpoint, address, &client).await {
            done[2].fetch_add(1, Ordering::Relaxed);
            kept.push_back(connection);
            if kept.len() > 16 {
                kept.pop_front();
            }
        }
    }
}

/// All phones renew at once, and each asks again as long as it is told that too many ask.
async fn renew_all(clients: &[Arc<Client>]) {
    let start = Instant::now();
    let mut renewals = JoinSet::new();
    for client in clients {
        let client = client.clone();
        renewals.spawn(async move {
            let mut attempts = 1_u32;
            while let Err(error) = client.renew().await {
                assert!(error.is_temporary(), "{error}");
                tokio::time::sleep(Duration::from_millis(250)).await;
                attempts += 1;
            }
            (start.elapsed(), attempts)
        });
    }
    let (mut times, attempts): (Vec<_>, Vec<_>) = renewals.join_all().await.into_iter().unzip();
    println!(
        "  {PHONES} renewals at once: median, and until the last                 {:.0} and {:.0} ms",
        ms(quantile(&mut times, 0.5)),
        ms(times.last().copied().unwrap_or_default())
    );
    println!(
        "  attempts for each, on average                                        {:.1}",
        f64::from(attempts.iter().sum::<u32>()) / f64::from(u32::try_from(PHONES).expect("a small number"))
    );
}

fn mib(bytes: &[u64]) -> String {
    let each: Vec<_> = bytes.iter().map(|bytes| format!("{}", bytes / 1024 / 1024)).collect();
    each.join(", ")
}
