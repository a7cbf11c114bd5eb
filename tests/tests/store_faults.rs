//! D01, D05, D06: the ingest process dies, or the disk fails it, at each step of the way from the first byte to the receipt.
//!
//! What an accident does: a kill, a full disk or a failed write at one step. What must hold: no receipt for what is not stored; after a restart
//! all of a picture or nothing of it; the phone, which still has it, sends it again and it is stored once. The real process is failed from
//! outside, by strace, at one system call on one file.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what does not go as it should is a failed test, and which step it was is printed"
)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client, ClientError, Options};
use safelight_core::receipt::VerifiedReceipt;
use safelight_core::wire::{CloseReason, RefusalCode};
use safelight_gateway::clock::calendar::rfc3339_exact;
use safelight_gateway::store::blobs::payload_key;
use safelight_tests::gateway::phone::{Phone, seal};
use safelight_tests::gateway::{Gateway, text};
use safelight_tests::pictures::jpeg_writer::picture;
use safelight_tests::strace::{self, Fault, Tracer};
use safelight_tests::tools;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The files that a capture passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Part,
    Incoming,
    Blobs,
    Shard,
    Headers,
    Catalog,
}

/// Every step: its name, the call, and on what.
const STEPS: [(&str, &str, Place); 13] = [
    ("the part is created", "openat", Place::Part),
    ("the payload is written", "pwrite64", Place::Part),
    ("the payload is synced", "fsync", Place::Part),
    ("its folder is made", "mkdir,mkdirat", Place::Shard),
    ("its folder's name is synced", "fsync", Place::Blobs),
    ("the payload gets its name", "rename,renameat,renameat2", Place::Part),
    ("its name is synced", "fsync", Place::Shard),
    ("the part's name is synced away", "fsync", Place::Incoming),
    ("the headers are written", "pwrite64", Place::Headers),
    ("the headers are synced", "fsync,fdatasync", Place::Headers),
    ("row and log entry are written", "pwrite64", Place::Catalog),
    ("row and log entry are synced", "fsync,fdatasync", Place::Catalog),
    // The first who reads the new rows makes the receipt.
    ("the receipt is made", "pread64", Place::Catalog),
];

/// A gateway with one phone, of which the ingest process alone runs.
struct Intake {
    gateway: Gateway,
    client: Arc<Client>,
    phone: Phone,
    runtime: Runtime,
    stored: usize,
    tracer: Option<Tracer>,
}

impl Intake {
    fn new() -> Self {
        let mut gateway = Gateway::serving();
        let phone = gateway.enrol("phone");
        assert!(gateway.stop(), "the gateway did not end well");
        let client = Arc::new(phone.client());
        Self { gateway, client, phone, runtime: Runtime::new().expect("a runtime"), stored: 0, tracer: None }
    }

    /// A picture whose payload will lie in a folder that is not there yet.
    fn picture(&self) -> Arc<SealedCapture> {
        let photo = picture(64, 48, &[0x22, 0x11, 0x11], 0, 7).to_vec(|_| Vec::new());
        (0..200)
            .map(|_| seal(&self.client, &photo))
            .find(|capture| !self.place(Place::Shard, capture).exists())
            .expect("a folder that is not there yet")
    }

    fn place(&self, place: Place, capture: &SealedCapture) -> PathBuf {
        let ingest = self.gateway.data().join("ingest");
        let key = payload_key(capture.id(), &capture.manifest().hash());
        let name = key.as_str();
        match place {
            Place::Part => ingest.join("incoming").join(name),
            Place::Incoming => ingest.join("incoming"),
            Place::Blobs => ingest.join("blobs"),
            Place::Shard => ingest.join("blobs").join(&name[name.len() - 2..]),
            Place::Headers => ingest.join("headers.db-wal"),
            Place::Catalog => ingest.join("ingest.db-wal"),
        }
    }

    /// Runs ingest so that it fails at this step of this capture's way.
    fn run_failing(&mut self, (name, call, place): (&str, &str, Place), capture: &SealedCapture, fault: Fault) {
        println!("{name}: {fault:?}");
        self.gateway.serve_ingest_alone();
        let ingest = self.gateway.service().id();
        self.tracer = Some(strace::attach(ingest, call, &self.place(place, capture), fault));
    }

    /// One attempt by a phone that does not wait.
    fn send_once(&self, capture: &Arc<SealedCapture>) -> Result<VerifiedReceipt, ClientError> {
        let (device, key) = self.phone.enrolled();
        let client = Client::new(device, key, Options { retry_for: Duration::ZERO, ..Options::default() });
        self.runtime.block_on(async {
            let outcome = client.upload(capture, |_| {}, &CancelToken::new()).await;
            client.disconnect().await;
            outcome
        })
    }

    /// A phone that sends in the background, and hears nothing any more when the process is killed.
    fn start_sending(&self, capture: &Arc<SealedCapture>) -> JoinHandle<()> {
        let (client, capture) = (self.phone.client(), capture.clone());
        self.runtime.spawn(async move { drop(client.upload(&capture, |_| {}, &CancelToken::new()).await) })
    }

    /// While nothing runs: the capture is there whole or not at all. Says which, by its place in the intake log and its time.
    fn all_or_nothing(&self, capture: &SealedCapture) -> Option<(u64, String)> {
        self.gateway.run(&["audit", "verify", "--data", "D"]).ok();
        let id = capture.id().to_string();
        let entry = self.gateway.log("intake").into_iter().find(|entry| text(entry, "capture") == id);
        entry.map(|entry| (entry["index"].as_u64().expect("an index"), text(&entry, "stored_at").to_owned()))
    }

    /// Ingest runs undisturbed: the phone sends the capture again, and it is stored once, where it was if it was.
    fn send_again(&mut self, capture: &Arc<SealedCapture>, before: Option<(u64, String)>) {
        self.tracer = None;
        self.gateway.serve_ingest_alone();
        let receipt =
            self.runtime.block_on(self.client.upload(capture, |_| {}, &CancelToken::new())).expect("a receipt");
        self.stored += 1;
        if let Some(before) = before {
            assert_eq!(
                (receipt.index(), rfc3339_exact(receipt.stored_at())),
                before,
                "another receipt for what was stored already"
            );
        }
        self.runtime.block_on(self.client.disconnect());
        assert!(self.gateway.stop(), "ingest did not end well");
        assert_eq!(self.all_or_nothing(capture), Some((receipt.index(), rfc3339_exact(receipt.stored_at()))));
        let stored = self.gateway.stored();
        assert_eq!((stored.len(), self.gateway.blobs().len()), (self.stored, self.stored), "stored {stored:?}");
        assert_eq!(self.gateway.incoming(), 0);
    }
}

/// What a phone is told: that the store takes nothing, or that the process ends for it. Either way it keeps the picture and tries again.
fn is_clean(refused: &ClientError) -> bool {
    matches!(
        refused,
        ClientError::Refused(RefusalCode::StoreUnavailable) | ClientError::Closed(CloseReason::ShuttingDown)
    )
}

#[test]
fn d01_killed_at_any_step_a_picture_is_whole_or_not_there_and_is_sent_again() {
    if !tools::has("strace", "d01_killed_at_any_step_a_picture_is_whole_or_not_there_and_is_sent_again") {
        return;
    }
    let mut intake = Intake::new();
    let mut was_stored = Vec::new();
    for step in STEPS {
        let capture = intake.picture();
        intake.run_failing(step, &capture, Fault::Kill);
        let sending = intake.start_sending(&capture);
        assert_eq!(intake.gateway.ended().signal(), Some(9), "{}: it was not killed", step.0);
        assert!(!sending.is_finished(), "{}: a receipt from a process that was killed before", step.0);
        sending.abort();
        let before = intake.all_or_nothing(&capture);
        was_stored.push(before.is_some());
        intake.send_again(&capture, before);
    }
    // The commit is where nothing becomes everything; whether its fsync had ended is not to be seen from outside.
    let (early, late) = (&was_stored[..10], &was_stored[12..]);
    assert!(early.iter().all(|stored| !stored) && late == [true], "{was_stored:?}");
}

#[test]
fn d05_a_full_disk_at_any_step_gives_no_receipt_and_passes() {
    if !tools::has("strace", "d05_a_full_disk_at_any_step_gives_no_receipt_and_passes") {
        return;
    }
    let mut intake = Intake::new();
    let writes = STEPS.iter().filter(|(_, call, _)| !call.starts_with("fsync") && !call.starts_with("pread"));
    for step in writes {
        let capture = intake.picture();
        intake.run_failing(*step, &capture, Fault::Fails("ENOSPC"));
        let refused = intake.send_once(&capture).expect_err("a receipt from a full disk");
        assert!(is_clean(&refused), "{}: {refused:?}", step.0);
        // The databases' one writer cannot go on: the process ends, and its supervisor starts another.
        if matches!(step.2, Place::Headers | Place::Catalog) {
            assert!(!intake.gateway.ended().success());
        } else {
            assert_eq!(intake.gateway.incoming(), 0, "{}: the part is left on a full disk", step.0);
            assert!(intake.gateway.stop(), "{}: it did not go on", step.0);
        }
        let before = intake.all_or_nothing(&capture);
        assert_eq!(before, None, "{}", step.0);
        intake.send_again(&capture, before);
    }
}

#[test]
fn d06_after_a_failed_fsync_the_process_gives_no_receipt_and_ends() {
    if !tools::has("strace", "d06_after_a_failed_fsync_the_process_gives_no_receipt_and_ends") {
        return;
    }
    let mut intake = Intake::new();
    for step in STEPS.iter().filter(|(_, call, _)| call.starts_with("fsync")) {
        let capture = intake.picture();
        intake.run_failing(*step, &capture, Fault::Fails("EIO"));
        let log = fs::metadata(intake.gateway.at("gateway.log")).map_or(0, |log| log.len());
        // Once: who asks again is told that all is well, and it is not.
        intake.send_once(&capture).expect_err("a receipt after a failed fsync");
        assert_eq!(intake.gateway.ended().code(), Some(1), "{}: it went on", step.0);
        let said = fs::read(intake.gateway.at("gateway.log")).expect("the log");
        let said = String::from_utf8_lossy(&said[usize::try_from(log).expect("a length")..]).into_owned();
        assert!(said.contains("store-distrusted"), "{}: {said}", step.0);
        let before = intake.all_or_nothing(&capture);
        intake.send_again(&capture, before);
    }
}

#[test]
fn d06_a_read_only_or_broken_disk_gives_no_receipt() {
    if !tools::has("strace", "d06_a_read_only_or_broken_disk_gives_no_receipt") {
        return;
    }
    let mut intake = Intake::new();
    let cases = [(STEPS[0], "EROFS"), (STEPS[5], "EROFS"), (STEPS[1], "EIO"), (STEPS[8], "EIO"), (STEPS[10], "EIO")];
    for (step, errno) in cases {
        let capture = intake.picture();
        intake.run_failing(step, &capture, Fault::Fails(errno));
        intake.send_once(&capture).expect_err("a receipt from a broken disk");
        if errno == "EIO" {
            assert!(!intake.gateway.ended().success(), "{}: it went on", step.0);
        } else {
            assert!(intake.gateway.stop(), "{}", step.0);
        }
        let before = intake.all_or_nothing(&capture);
        assert_eq!(before, None, "{}", step.0);
        intake.send_again(&capture, before);
    }
}
