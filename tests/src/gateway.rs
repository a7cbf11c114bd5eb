//! A gateway in a temporary folder, run by the built command as its users run it: `init`, `serve`, and the commands beside it.
//!
//! | file | is |
//! |---|---|
//! | `app` | an app on the Python bindings |
//! | `damage` | a hand in the gateway's files |
//! | `program` | the command, run to its end or kept running |
//! | `phone` | an enrolled phone |
//! | `datagrams` | first packets made by hand |
//! | `hostile` | a client that need not keep to the protocol |
//! | `liar` | an enrolled phone that sends what no honest core would |
//! | `relay` | a network in between, and what goes wrong in it |
//! | `separated` | the same with a Unix user for each process |
//! | `weather` | packets that are lost, doubled, delayed or too large |
//!
//! Everything is on 127.0.0.1, on ports that `init` finds and that no connection comes by while a gateway is stopped. What a step expects and does not get is a failed test.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness of tests: what does not go as it should is a failed test"
)]

pub mod app;
pub mod damage;
pub mod datagrams;
pub mod hostile;
pub mod liar;
pub mod phone;
pub mod program;
pub mod relay;
pub mod separated;
pub mod weather;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use safelight_gateway::setup::ports::FreePort;
use serde_json::Value;
use tempfile::TempDir;

use self::phone::Phone;
use self::program::{Finished, Running, Service, child_of, command, finish, safelight, signal, until};
use self::relay::Relay;

/// The vault's passphrase in every test.
pub const PASSPHRASE: &str = "a passphrase for tests alone";

/// For what takes a moment on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A gateway. What runs of it ends when it is dropped, and its folder goes.
#[derive(Debug)]
pub struct Gateway {
    /// What `init` said.
    pub said_by_init: Value,
    port: u16,
    service: Option<Service>,
    folder: TempDir,
}

impl Gateway {
    /// Makes one; nothing runs yet.
    pub fn init() -> Self {
        Self::init_with(&[])
    }

    /// The same with more flags for `init`.
    pub fn init_with(more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("safelight-test-").tempdir().expect("a temporary folder");
        fs::write(folder.path().join("passphrase"), format!("{PASSPHRASE}\n")).expect("a passphrase file");
        fs::set_permissions(folder.path().join("passphrase"), fs::Permissions::from_mode(0o600))
            .expect("a private file");
        let mut gateway = Self { said_by_init: Value::Null, port: 0, service: None, folder };
        let args = ["init", "--data", "D", "--passphrase-file", "P", "--recovery-out", "R", "--host", "127.0.0.1"];
        let any_port =
            ["--listen", "127.0.0.1:0", "--enrol-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--json"];
        gateway.said_by_init = gateway.run(&[&args[..], &any_port[..], more].concat()).ok().json();
        gateway.port = port(&gateway.said_by_init, "port");
        gateway
    }

    /// Makes one and serves, with the vault unlocked.
    pub fn serving() -> Self {
        let mut gateway = Self::init();
        gateway.serve();
        gateway
    }

    /// Makes one that serves behind a relay: what phones know is the relay's address.
    pub fn behind_relay() -> (Self, Relay) {
        let mut gateway = Self::init();
        let known = gateway.port;
        let relay = Relay::start(known, gateway.move_away());
        gateway.serve();
        (gateway, relay)
    }

    /// Serves, with the vault unlocked; returns once phones are served and the clinic process is linked.
    #[track_caller]
    pub fn serve(&mut self) {
        self.start(&["serve", "--data", "D", "--passphrase-file", "P"]);
        assert!(self.comes_up(), "the gateway does not come up");
    }

    /// The same without the passphrase.
    #[track_caller]
    pub fn serve_locked(&mut self) {
        self.start(&["serve", "--data", "D"]);
        assert!(self.comes_up(), "the gateway does not come up");
    }

    /// Runs the ingest process alone.
    #[track_caller]
    pub fn serve_ingest_alone(&mut self) {
        self.start(&["ingest", "--data", "D"]);
        self.ingest_answers();
    }

    /// Waits until phones are served, by whichever ingest process.
    #[track_caller]
    pub fn ingest_answers(&self) {
        until("ingest answers", PATIENCE, || self.health().get("serving")?.as_bool().filter(|serving| *serving));
    }

    /// Serves as [`Gateway::serve`] does, under another program: `wrapper` is its command line up to ours.
    #[track_caller]
    pub fn serve_under(&mut self, wrapper: &[&str]) {
        self.start_under(wrapper, &["serve", "--data", "D", "--passphrase-file", "P"]);
        assert!(self.comes_up(), "the gateway does not come up");
    }

    /// Ends what runs under another program, in order; that program ends by itself then.
    #[track_caller]
    pub fn stop_under(&mut self, kind: &str) -> bool {
        let mut service = self.service.take().expect("a running gateway");
        let ours = until(kind, PATIENCE, || child_of(service.id(), kind));
        signal(ours, Signal::TERM);
        service.wait().success()
    }

    /// Forgets what ran and has ended by itself, and says how.
    #[track_caller]
    pub fn ended(&mut self) -> std::process::ExitStatus {
        let mut service = self.service.take().expect("a running gateway");
        until("its end", PATIENCE, || service.has_ended().then_some(()));
        service.wait()
    }

    /// Ends what runs, in order, and says whether it ended well.
    #[track_caller]
    pub fn stop(&mut self) -> bool {
        let mut service = self.service.take().expect("a running gateway");
        service.terminate();
        service.wait().success()
    }

    /// What runs.
    pub fn service(&mut self) -> &mut Service {
        self.service.as_mut().expect("a running gateway")
    }

    /// The process id of `serve`'s `ingest` or `clinic`.
    #[track_caller]
    pub fn process(&mut self, kind: &str) -> u32 {
        let parent = self.service().id();
        until(kind, PATIENCE, || child_of(parent, kind))
    }

    /// A file or folder beside the data folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub fn path(&self, name: &str) -> String {
        self.at(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.at("data")
    }

    /// A command line. `D`, `P` and `R` stand for the data folder, the passphrase file and the recovery kit.
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let [data, passphrase, kit] = ["data", "passphrase", "recovery-kit.txt"].map(|name| self.path(name));
        let args = args.iter().map(|arg| match *arg {
            "D" => data.as_str(),
            "P" => passphrase.as_str(),
            "R" => kit.as_str(),
            other => other,
        });
        command(safelight(), &args.collect::<Vec<_>>())
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args), b"")
    }

    /// `health --json`; null if nobody answers.
    pub fn health(&self) -> Value {
        let finished = self.run(&["health", "--data", "D", "--json"]);
        serde_json::from_slice(&finished.stdout).unwrap_or(Value::Null)
    }

    /// Invites a phone; its QR code is in the file of that name.
    #[track_caller]
    pub fn invite(&self, name: &str, qr: &str) -> Value {
        let qr = self.path(qr);
        let invite = [
            "device",
            "invite",
            "--data",
            "D",
            "--name",
            name,
            "--person",
            "clinician1",
            "--qr-png",
            &qr,
            "--force",
            "--json",
        ];
        self.run(&invite).ok().json()
    }

    /// `device list --json`.
    #[track_caller]
    pub fn devices(&self) -> Vec<Value> {
        array(self.run(&["device", "list", "--data", "D", "--json"]).ok().json())
    }

    /// Begins to enrol a phone with the QR code in a file; it waits for its approval then.
    #[track_caller]
    pub fn start_enrolling(&self, identity: &str, qr: &str) -> Running {
        let (identity, qr) = (self.path(identity), self.path(qr));
        let enrol = ["phone", "enrol", "--identity", &identity, "--qr", &qr, "--timeout", "60s", "--json"];
        Running::start(self.command(&enrol), b"")
    }

    /// The device of that name, once it waits for its approval and shows its words. `enrolling` is its phone, which must not give up.
    #[track_caller]
    pub fn pending(&self, name: &str, enrolling: &mut Running) -> Value {
        until("a device that shows its words", PATIENCE, || {
            assert!(!enrolling.has_ended(), "the phone gave up: {}", enrolling.stderr());
            let shows_words = |device: &Value| text(device, "status") == "pending" && device.get("words").is_some();
            self.devices().into_iter().find(|device| text(device, "name") == name && shows_words(device))
        })
    }

    /// A phone that is enrolled and approved.
    #[track_caller]
    pub fn enrol(&self, identity: &str) -> Phone {
        let qr = format!("{identity}.png");
        self.invite(identity, &qr);
        let mut enrolling = self.start_enrolling(identity, &qr);
        let device = text(&self.pending(identity, &mut enrolling), "id").to_owned();
        self.run(&["device", "approve", &device, "--data", "D"]).ok();
        enrolling.wait().ok();
        Phone { identity: self.at(identity), device }
    }

    /// `vault list --json`, without the passphrase.
    #[track_caller]
    pub fn pictures(&self) -> Vec<Value> {
        array(self.run(&["vault", "list", "--data", "D", "--json"]).ok().json())
    }

    /// Waits until there are `count` pictures and each is in one of `states`; gives them.
    #[track_caller]
    pub fn pictures_in(&self, states: &[&str], count: usize) -> Vec<Value> {
        until(&format!("{count} pictures, {}", states.join(" or ")), PATIENCE, || {
            let pictures = self.pictures();
            let settled = pictures.iter().all(|picture| states.contains(&text(picture, "state")));
            (settled && pictures.len() == count).then_some(pictures)
        })
    }

    /// What `vault open` writes.
    #[track_caller]
    pub fn open(&self, id: &str) -> Vec<u8> {
        let out = self.path(&format!("opened-{id}.jpg"));
        let open = [
            "vault",
            "open",
            id,
            "-o",
            &out,
            "--reason",
            "a test looks at it",
            "--data",
            "D",
            "--passphrase-file",
            "P",
        ];
        self.run(&open).ok();
        fs::read(out).expect("the opened picture")
    }

    /// `audit export` of a log, one object a line.
    #[track_caller]
    pub fn log(&self, log: &str) -> Vec<Value> {
        let lines = self.run(&["audit", "export", "--data", "D", "--log", log]).ok().text();
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The captures that the intake log has.
    #[track_caller]
    pub fn stored(&self) -> Vec<String> {
        let entries = self.log("intake").into_iter().filter(|entry| text(entry, "kind") == "capture");
        entries.map(|entry| text(&entry, "capture").to_owned()).collect()
    }

    /// Waits until the intake log says that this device was refused for this reason.
    #[track_caller]
    pub fn refused(&self, device: &str, code: &str) {
        until(&format!("an entry for the refusal {code}"), PATIENCE, || {
            let says = |entry: &Value| text(entry, "kind") == "refused" && fields(entry) == [device, code];
            self.log("intake").iter().any(says).then_some(())
        });
    }

    /// Waits until the intake log says that strangers were refused for this reason.
    #[track_caller]
    pub fn turned_away(&self, code: &str) {
        until(&format!("an entry for strangers refused by {code}"), PATIENCE, || {
            let says = |entry: &Value| text(entry, "kind") == "turned-away" && fields(entry) == [code];
            self.log("intake").iter().any(says).then_some(())
        });
    }

    /// Sizes of the blobs that ingest holds.
    pub fn blobs(&self) -> Vec<u64> {
        sizes(&self.data().join("ingest/blobs"))
    }

    /// Bytes of uploads that are not whole yet.
    pub fn incoming(&self) -> u64 {
        sizes(&self.data().join("ingest/incoming")).iter().sum()
    }

    /// Where the gateway listens.
    pub fn listens_at(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Listens at another port from the next start on, without a word to the phones: a relay leads them there.
    pub fn move_on(&mut self) -> SocketAddr {
        let free = free_port();
        self.configure(&format!("listen = \"{}\"", self.listens_at()), &format!("listen = \"{free}\""));
        self.port = free.port();
        free
    }

    #[track_caller]
    fn start(&mut self, args: &[&str]) {
        assert!(self.service.is_none(), "it runs already");
        self.service = Some(Service::start(self.command(args), &self.at("gateway.log")));
    }

    /// Runs one of our commands under another program and waits for nothing: `wrapper` is its command line up to ours.
    #[track_caller]
    pub fn start_under(&mut self, wrapper: &[&str], args: &[&str]) {
        assert!(self.service.is_none(), "it runs already");
        let inner = self.command(args);
        let [program, first @ ..] = wrapper else { panic!("no program to run it under") };
        let mut command = command(program, first);
        command.arg(inner.get_program()).args(inner.get_args());
        self.service = Some(Service::start(command, &self.at("gateway.log")));
    }

    fn comes_up(&mut self) -> bool {
        until("the gateway's start", PATIENCE, || {
            if self.service().has_ended() {
                self.service = None;
                return Some(false);
            }
            self.run(&["health", "--data", "D"]).code.filter(|code| *code == 0).map(|_| true)
        })
    }

    /// Listens on another port than the one that phones are told.
    fn move_away(&mut self) -> SocketAddr {
        let free = free_port();
        self.configure(
            &format!("listen = \"{}\"", self.listens_at()),
            &format!("phone_port = {}\nlisten = \"{free}\"", self.port),
        );
        self.port = free.port();
        free
    }

    fn configure(&self, line: &str, instead: &str) {
        let path = self.data().join("config.toml");
        let config = fs::read_to_string(&path).expect("the configuration");
        let changed = config.replace(line, instead);
        assert_ne!(config, changed, "no such line in config.toml");
        fs::write(&path, changed).expect("the configuration");
    }
}

fn free_port() -> SocketAddr {
    FreePort::at(Ipv4Addr::LOCALHOST.into()).expect("a free port").address()
}

/// A text of a JSON object; empty if there is none of that name.
pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The texts among the fields of a log entry but its time: ids and codes, no numbers.
fn fields(entry: &Value) -> Vec<&str> {
    let fields = entry.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    fields.split_last().map_or(&[][..], |(_, others)| others).iter().filter_map(Value::as_str).collect()
}

/// A list.
///
/// # Panics
/// If it is none.
#[track_caller]
pub fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("not an array: {other}"),
    }
}

/// Every file of a folder and below.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(self::files(&path)),
            _ => files.push(path),
        }
    }
    files.sort();
    files
}

fn sizes(folder: &Path) -> Vec<u64> {
    files(folder).iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).collect()
}

fn port(value: &Value, key: &str) -> u16 {
    value.get(key).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).expect("a port")
}
