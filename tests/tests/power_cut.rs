//! D07: acknowledged means durable, shown on a disk that loses what was not synced.
//!
//! What an accident does: the power fails at any moment, and the disk keeps of what was not synced whatever it likes, whole or torn, and
//! of the names whatever it likes. The real processes, both of them, are recorded while phones send; then the recording is cut off at
//! thousands of moments, many of them right after a phone has got a receipt. `POWER_CUTS` says how many, and from which seed.
//!
//! That the judge would find a missing fsync is shown by recordings from which one kind of fsync was taken out.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what does not go as it should is a failed test, and the seeds are printed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use safelight_core::client::{CancelToken, Client};
use safelight_core::seal::Identity;
use safelight_tests::gateway::phone::{Phone, seal};
use safelight_tests::gateway::program::{command, finish, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array};
use safelight_tests::pictures::jpeg_writer::picture;
use safelight_tests::power_cut::disk::Disk;
use safelight_tests::power_cut::judge::{Known, Sent, judge};
use safelight_tests::power_cut::trace::{Call, STRACE, Trace};
use safelight_tests::power_cut::{Cut, cuts};
use safelight_tests::tools;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// So many cuts where `POWER_CUTS` says nothing.
const CUTS: u64 = 300;

/// So many are tried at most until a recording without some fsync is found out.
const CUTS_UNTIL_FOUND: u64 = 3000;

/// The real gateway goes on from so many.
const RESTARTS: u64 = 3;

const PHONES: usize = 4;

/// Of each phone.
const PICTURES: usize = 10;

/// What was recorded, and the gateway that it was recorded of.
struct Recording {
    gateway: Gateway,
    phones: Vec<Phone>,
    before: Disk,
    trace: Trace,
    known: Known,
    runtime: Runtime,
}

impl Recording {
    fn make() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut gateway = Gateway::serving();
        let phones: Vec<Phone> = (0..PHONES).map(|number| gateway.enrol(&format!("phone{number}"))).collect();
        assert!(gateway.stop(), "the gateway did not end well");
        let before = Disk::of(&gateway.data()).expect("the data folder");

        let out = gateway.path("trace");
        gateway.serve_under(&[&["strace"], &STRACE[..], &[&out, "--"]].concat());
        let clients: Vec<Arc<Client>> = phones.iter().map(|phone| Arc::new(phone.client())).collect();
        let sent = runtime.block_on(send(&clients));
        // Looked for in the log: a command that opens the databases would write to them, unrecorded.
        until("every picture is verified", PATIENCE, || (verified(&gateway) == PHONES * PICTURES).then_some(()));
        assert!(gateway.stop_under("serve"), "the gateway did not end well");
        let trace = fs::read_to_string(&out).expect("a trace");
        let trace = Trace::read(&trace, &gateway.data()).unwrap_or_else(|error| panic!("{error}"));

        let key_set = clients[0].device().key_set.key_set().clone();
        let kit = fs::read_to_string(gateway.at("recovery-kit.txt")).expect("the recovery kit");
        let recovery = kit.lines().find_map(|line| line.trim().parse::<Identity>().ok()).expect("the recovery key");
        let known = Known {
            clinic: key_set.clinic_id,
            log_key: ed25519_dalek::VerifyingKey::from_bytes(&key_set.log_key).expect("a key"),
            recovery,
            sent: sent.into_iter().map(|sent| (sent.capture.id(), sent)).collect(),
        };
        Self { gateway, phones, before, trace, known, runtime }
    }

    fn receipts(&self) -> Vec<u64> {
        self.known.sent.values().map(|sent| sent.at).collect()
    }

    /// Judges every cut of a trace until `verdict` has heard enough.
    fn judge(&self, trace: &Trace, seeds: Range<u64>, mut verdict: impl FnMut(&Cut, Result<usize, String>) -> bool) {
        cuts(&self.before, trace, &self.receipts(), seeds, |cut| {
            let place = in_memory();
            let data = place.path().join("data");
            cut.tree.write(&data).expect("the folder after the cut");
            let judged = self.runtime.block_on(judge(&data, &self.known, cut.at));
            verdict(&cut, judged)
        });
    }
}

fn verified(gateway: &Gateway) -> usize {
    let log = fs::read_to_string(gateway.at("gateway.log")).expect("the log");
    log.lines().filter(|line| line.contains("\"message\":\"verified\"")).count()
}

/// Every phone sends its pictures, two at a time: some share a commit with others, some do not.
async fn send(clients: &[Arc<Client>]) -> Vec<Sent> {
    let mut lanes = JoinSet::new();
    for (lane, client) in clients.iter().flat_map(|client| [client, client]).enumerate() {
        let client = client.clone();
        lanes.spawn(async move {
            let mut sent = Vec::new();
            for number in 0..PICTURES / 2 {
                let capture = seal(&client, &small_photo((lane * PICTURES + number) as u64));
                let receipt = client.upload(&capture, |_| {}, &CancelToken::new()).await.expect("a receipt");
                let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
                sent.push(Sent { capture, receipt, at: u64::try_from(at.as_micros()).expect("a time") });
            }
            sent
        });
    }
    lanes.join_all().await.into_iter().flatten().collect()
}

fn small_photo(seed: u64) -> Vec<u8> {
    picture(64, 48, &[0x22, 0x11, 0x11], 0, seed).to_vec(|_| Vec::new())
}

/// A folder for what is looked at once: in memory where there is such a place.
fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("safelight-cut-").tempdir_in(folder).expect("a temporary folder")
}

/// `POWER_CUTS`: a number, or the first seed and the first that is not used any more, as `1000..4000`.
fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("POWER_CUTS") else { return 0..CUTS };
    let range = asked.split_once("..").unwrap_or(("0", &asked));
    let number = |text: &str| text.trim().parse().expect("POWER_CUTS: a number, or two as 1000..4000");
    number(range.0)..number(range.1)
}

#[test]
fn d07_what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    if !tools::has("strace", "d07_what_was_acknowledged_survives_a_power_cut_at_any_moment") {
        return;
    }
    let recording = Recording::make();
    let seeds = seeds();
    let (mut cut_off, mut acknowledged, mut found) = (0, 0, BTreeMap::new());
    recording.judge(&recording.trace, seeds.clone(), |cut, judged| {
        let stored = judged.unwrap_or_else(|wrong| panic!("{wrong}\n{cut}"));
        let receipts = recording.known.sent.values().filter(|sent| sent.at < cut.at).count();
        assert!(stored >= receipts, "{stored} stored, {receipts} receipts");
        cut_off += 1;
        acknowledged += receipts;
        *found.entry(stored).or_insert(0) += 1;
        true
    });
    println!(
        "seeds {seeds:?}: {cut_off} cuts of {} moments, {acknowledged} acknowledged pictures looked at, none missing; cuts by pictures stored: {found:?}",
        recording.trace.moments.len()
    );
    assert_eq!(cut_off, seeds.end - seeds.start);
    assert!(found.len() > 5, "the cuts are all at the same place: {found:?}");
    each_fsync_is_needed(&recording);
    the_real_processes_go_on_from_there(recording);
}

/// Whether a path is one of a kind.
type IsOf<'a> = &'a dyn Fn(&Path) -> bool;

/// The control: without one kind of fsync some cut shows that something is missing.
fn each_fsync_is_needed(recording: &Recording) {
    let in_folder = |path: &Path, folder: &str| path.parent() == Some(Path::new(folder));
    let kinds: [(&str, IsOf<'_>); 8] = [
        ("the payload's contents", &|path| in_folder(path, "ingest/incoming")),
        ("the payload's name", &|path| in_folder(path, "ingest/blobs")),
        ("the name of the folder of payloads", &|path| path == Path::new("ingest/blobs")),
        ("the inbox and the intake log", &|path| path == Path::new("ingest/ingest.db-wal")),
        ("ingest's headers", &|path| path == Path::new("ingest/headers.db-wal")),
        ("the names of ingest's write-ahead logs", &|path| path == Path::new("ingest")),
        ("the clinic's catalog", &|path| path == Path::new("clinic/clinic.db-wal")),
        ("the clinic's headers", &|path| path == Path::new("clinic/headers.db-wal")),
    ];
    for (what, is_of) in kinds {
        let without = recording.trace.without(|call| matches!(call, Call::Sync(path) if is_of(path)));
        assert!(without.moments.len() < recording.trace.moments.len(), "{what}: there is no such fsync");
        let mut found = None;
        recording.judge(&without, 0..CUTS_UNTIL_FOUND, |cut, judged| {
            found = judged.err().map(|wrong| format!("{wrong} ({cut})"));
            found.is_none()
        });
        let found = found.unwrap_or_else(|| panic!("{what}: nobody misses its fsync"));
        println!("without the fsync of {what}: {}", found.lines().next().unwrap_or_default());
    }
}

/// From a few of the folders the real gateway starts. Every phone, which remembers nothing of the recording but its pictures, sends them
/// all again: who had a receipt gets the same one, and the audit finds nothing wrong.
fn the_real_processes_go_on_from_there(recording: Recording) {
    let mut trees: Vec<(String, u64, PathBuf)> = Vec::new();
    let place = in_memory();
    cuts(&recording.before, &recording.trace, &recording.receipts(), 0..RESTARTS, |cut| {
        let folder = place.path().join(cut.seed.to_string());
        cut.tree.write(&folder).expect("the folder after the cut");
        trees.push((cut.to_string(), cut.at, folder));
        true
    });
    let Recording { mut gateway, phones, known, runtime, .. } = recording;
    for (cut, at, tree) in trees {
        fs::remove_dir_all(gateway.data()).expect("the old folder");
        finish(command("cp", &["-a", tree.to_str().expect("UTF-8"), &gateway.path("data")]), b"").ok();
        gateway.serve();
        let receipts = runtime.block_on(async {
            let mut receipts = Vec::new();
            for phone in &phones {
                let client = phone.client();
                for sent in known.sent.values().filter(|sent| is_of(sent, phone)) {
                    let receipt = client.upload(&sent.capture, |_| {}, &CancelToken::new()).await;
                    receipts.push((sent, receipt.unwrap_or_else(|error| panic!("no receipt: {error}\n{cut}"))));
                }
                client.disconnect().await;
            }
            receipts
        });
        assert_eq!(receipts.len(), PHONES * PICTURES);
        for (sent, receipt) in receipts.iter().filter(|(sent, _)| sent.at < at) {
            let (before, now) = (&sent.receipt, receipt);
            assert_eq!((now.index(), now.stored_at()), (before.index(), before.stored_at()), "another receipt\n{cut}");
        }
        gateway.pictures_in(&["verified"], PHONES * PICTURES);
        let verdicts = array(gateway.run(&["audit", "verify", "--data", "D", "--json"]).ok().json());
        assert!(verdicts.len() == 2 && verdicts.iter().all(|verdict| verdict["ok"] == true), "{verdicts:?}");
        assert!(gateway.stop(), "the gateway did not end well");
    }
}

fn is_of(sent: &Sent, phone: &Phone) -> bool {
    sent.capture.manifest().manifest().device_id.to_string() == phone.device
}
