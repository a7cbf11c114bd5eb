//! D05 on a disk that really is full: a small file system of its own, under both processes.
//!
//! What an accident does: something else fills the disk, wholly or to the last few pages, while phones send. What must hold: no receipt for
//! what is not stored, no part left on the full disk, what is stored can still be read, nothing is opened that cannot be put on record; and once
//! there is room again everything goes on, without anybody's help.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use safelight_core::capture::SealedCapture;
use safelight_core::client::{CancelToken, Client, ClientError, Options};
use safelight_core::receipt::VerifiedReceipt;
use safelight_core::wire::{CloseReason, RefusalCode};
use safelight_tests::gateway::phone::{Phone, seal};
use safelight_tests::gateway::program::{Finished, command, finish, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array, files, text};
use safelight_tests::pictures::jpeg_writer::picture;
use tokio::runtime::Runtime;

/// What the file system holds beside the data folder as it is.
const ROOM: u64 = 32 * 1024 * 1024;

/// Mounts a file system of `$1` bytes on `$2`, copies what was there, and runs the rest.
const ON_SMALL_DISK: &str = r#"
was="$2.was"; cp -a "$2" "$was" && mount -t tmpfs -o size="$1",mode=700 tmpfs "$2" && cp -a "$was/." "$2/" || exit 99
shift 2; "$@"; exit $?"#;

/// Whether this user may make a namespace with a file system in it.
fn can_mount() -> bool {
    let mount = ["-Urm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"];
    let mounted = Command::new("unshare").args(mount).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let can = mounted.is_ok_and(|status| status.success());
    if !can {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "no user namespaces, and in CI no test may be skipped"
        );
        eprintln!("skipped: a really full disk (`unshare -Urm` with `mount` does not work here)");
    }
    can
}

/// A gateway on a small disk.
struct Small {
    gateway: Gateway,
    phone: Phone,
    /// The process whose file systems they are.
    inside: u32,
    /// The data folder, seen from outside.
    data: PathBuf,
    runtime: Runtime,
}

impl Small {
    fn serving() -> Self {
        let mut gateway = Gateway::serving();
        let phone = gateway.enrol("phone");
        assert!(gateway.stop(), "the gateway did not end well");
        let used: u64 =
            files(&gateway.data()).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
        let (size, folder) = ((used + ROOM).to_string(), gateway.path("data"));
        let wrapper = ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", &size, &folder];
        gateway.start_under(&wrapper, &["serve", "--data", "D", "--passphrase-file", "P"]);
        let inside = gateway.service().id();
        let data = PathBuf::from(format!("/proc/{inside}/root{folder}"));
        let small = Self { gateway, phone, inside, data, runtime: Runtime::new().expect("a runtime") };
        small.is_healthy();
        small
    }

    /// Runs a command where the gateway runs.
    fn run(&self, args: &[&str]) -> Finished {
        let ours = self.gateway.command(&[args, &["--data", "D"]].concat());
        let enter = ["-t", &self.inside.to_string(), "-U", "-m", "--preserve-credentials", "--"];
        let mut command = command("nsenter", &enter);
        command.arg(ours.get_program()).args(ours.get_args());
        finish(command, b"")
    }

    #[track_caller]
    fn is_healthy(&self) {
        until("a healthy gateway", PATIENCE, || (self.run(&["health"]).code == Some(0)).then_some(()));
    }

    fn client(&self, retry_for: Duration) -> Client {
        let (device, key) = self.phone.enrolled();
        Client::new(device, key, Options { retry_for, ..Options::default() })
    }

    fn send(&self, capture: &Arc<SealedCapture>, retry_for: Duration) -> Result<VerifiedReceipt, ClientError> {
        let client = self.client(retry_for);
        self.runtime.block_on(async {
            let outcome = client.upload(capture, |_| {}, &CancelToken::new()).await;
            client.disconnect().await;
            outcome
        })
    }

    fn ballast(&self) -> PathBuf {
        self.data.join("ballast")
    }

    /// Fills the disk to the last page, then gives `free` bytes back.
    fn fill_but(&self, free: u64) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).expect("a file");
        let piece = vec![0x5A; 1 << 20];
        for len in [1 << 20, 4096, 1] {
            loop {
                match file.write(&piece[..len]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        let len = file.metadata().expect("its length").len();
        file.set_len(len.saturating_sub(free)).expect("a shorter file");
    }

    fn stored(&self) -> Vec<String> {
        let entries = self.log("intake").into_iter().filter(|entry| text(entry, "kind") == "capture");
        entries.map(|entry| text(&entry, "capture").to_owned()).collect()
    }

    fn is_on_record(&self, kind: &str, id: &str) -> bool {
        self.log("access").iter().any(|entry| text(entry, "kind") == kind && entry["fields"].to_string().contains(id))
    }

    fn log(&self, log: &str) -> Vec<serde_json::Value> {
        // To open a database that nobody has open takes a few pages, which there are once the processes run.
        let lines = until("a log", PATIENCE, || {
            let exported = self.run(&["audit", "export", "--log", log]);
            (exported.code == Some(0)).then(|| exported.text())
        });
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[test]
fn d05_on_a_full_disk_nothing_is_acknowledged_that_is_not_stored_and_with_room_again_all_goes_on() {
    if !can_mount() {
        return;
    }
    let small = Small::serving();
    let sealing = small.client(Duration::ZERO);
    let photo = picture(640, 480, &[0x22, 0x11, 0x11], 0, 1).to_vec(|_| Vec::new());
    let first = seal(&sealing, &photo);
    small.send(&first, Duration::from_secs(60)).expect("a receipt while there is room");
    until("the clinic has it", PATIENCE, || verified(&small, 1));

    // Full to the last page: refused, nothing of it is left, and what is stored can be read.
    small.fill_but(0);
    let second = seal(&sealing, &photo);
    let refused = small.send(&second, Duration::ZERO).expect_err("a receipt from a full disk");
    // Or the process ends already, since not even the refusal can be put on record.
    let closed = matches!(refused, ClientError::Closed(CloseReason::ShuttingDown));
    assert!(closed || matches!(refused, ClientError::Refused(RefusalCode::StoreUnavailable)), "{refused:?}");
    until("the part is gone", PATIENCE, || files(&small.data.join("ingest/incoming")).is_empty().then_some(()));
    // Ingest may have ended and wait for room; the clinic's side goes on.
    assert_eq!(array(small.run(&["vault", "list", "--json"]).ok().json()).len(), 1);
    // Whoever looks is put on record first; where that finds no room, nothing is opened.
    small.fill_but(0);
    let (id, out) = (first.id().to_string(), small.gateway.path("looked-at.jpg"));
    let open = ["vault", "open", &id, "-o", &out, "--reason", "r", "--passphrase-file", "P"];
    let opened = small.run(&open).code == Some(0);
    let is_there = fs::exists(&out).expect("a folder");

    fs::remove_file(small.ballast()).expect("the ballast");
    small.is_healthy();
    // Read with room again: to open a log takes a few pages.
    assert_eq!((opened, opened), (is_there, small.is_on_record("opened", &id)), "{out}");

    // Full to the last few pages: the payload finds room, the databases may not, and a process that ends may not come up again until there is
    // room.
    let mut sent = vec![(first, None), (second, None)];
    for pages in [1, 8, 40] {
        let capture = seal(&sealing, &photo);
        small.fill_but(capture.payload().len() as u64 + pages * 4096);
        let receipt = small.send(&capture, Duration::ZERO).ok();
        fs::remove_file(small.ballast()).expect("the ballast");
        small.is_healthy();
        sent.push((capture, receipt));
    }
    let log = fs::read_to_string(small.gateway.at("gateway.log")).expect("the log");
    assert!(log.contains("nothing of this batch was stored"), "the databases never were full: {log}");

    // Room again: everything has gone on by itself, and who had a receipt gets the same one.
    for (capture, before) in &sent {
        let receipt = small.send(capture, Duration::from_secs(120)).expect("a receipt with room again");
        if let Some(before) = before {
            assert_eq!((receipt.index(), receipt.stored_at()), (before.index(), before.stored_at()));
        }
    }
    let mut stored = small.stored();
    let mut expected: Vec<String> = sent.iter().map(|(capture, _)| capture.id().to_string()).collect();
    stored.sort_unstable();
    expected.sort_unstable();
    assert_eq!(stored, expected);
    small.is_healthy();
    until("the clinic has all of them", PATIENCE, || verified(&small, sent.len()));
    small.run(&["audit", "verify"]).ok();
    let out = small.gateway.path("looked-at-again.jpg");
    small.run(&["vault", "open", &id, "-o", &out, "--reason", "r", "--passphrase-file", "P"]).ok();
    assert!(small.is_on_record("opened", &id));
    let Small { mut gateway, .. } = small;
    assert!(gateway.stop_under("serve"), "the gateway did not end well");
}

fn verified(small: &Small, count: usize) -> Option<()> {
    let pictures = array(small.run(&["vault", "list", "--json"]).ok().json());
    let verified = pictures.iter().filter(|picture| text(picture, "state") == "verified").count();
    (verified == count && pictures.len() == count).then_some(())
}
