//! A gateway in a temporary folder on the disk that the build is on: made by `safelight init`, run as `safelight ingest` and `safelight
//! clinic`, the two processes that `safelight serve` would start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use rustix::process::{Pid, Signal, kill_process};
use safelight_core::client::device::Device;
use safelight_core::client::{Client, Options};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::DeviceId;
use safelight_gateway::clinic::{Clinic, devices, pictures, schema};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::store::catalog::Catalog;

use super::camera::now;

/// Between two looks at whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The clinic process has this long to take over and judge what is there, which may be very much.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// A gateway that has been made and does not run.
pub(crate) struct Gateway {
    home: tempfile::TempDir,
}

impl Gateway {
    /// `safelight init`.
    pub(crate) fn make() -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let gateway = Self { home };
        std::fs::write(gateway.passphrase(), "a passphrase for a benchmark\n").expect("the passphrase");
        let made = gateway
            .command("init")
            .args([
                "--host",
                "127.0.0.1",
                "--listen",
                "127.0.0.1:0",
                "--enrol-listen",
                "127.0.0.1:0",
                "--console-listen",
                "127.0.0.1:0",
                "--recovery-out",
            ])
            .arg(gateway.home.path().join("recovery"))
            .arg("--passphrase-file")
            .arg(gateway.passphrase())
            .output()
            .expect("the release build of safelight is there: `make bench` builds it");
        assert!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        gateway
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.home.path().join("data"))
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(self.layout().root()).expect("the configuration")
    }

    /// Enrols `count` devices as the clinic process would after their approval, without the way there: before it runs.
    pub(crate) async fn enrol(&self, count: usize) -> Vec<Client> {
        let clinic = Clinic::open(&self.layout(), &self.config(), &Clock::system()).await.expect("the clinic's folder");
        let mut tx = clinic.catalog.write().await.expect("clinic.db");
        let mut clients = Vec::with_capacity(count);
        let person: safelight_core::manifest::OperatorId = "clinician1".parse().expect("an id");
        devices::ensure_person(&mut tx, &person, now()).await.expect("a person");
        for _ in 0..count {
            let key = SoftwareKey::generate(&mut SysRng).expect("a key");
            let mut id = [0; 16];
            getrandom::fill(&mut id).expect("an id");
            let id = DeviceId::from_bytes(id);
            let row = devices::Device {
                id,
                name: "Bench".to_owned(),
                person: person.clone(),
                model: "Bench".to_owned(),
                attestation: devices::Attestation::Software,
                status: devices::Status::Pending,
                words: String::new(),
                enrol_key: key.verifying(),
                created_at: now(),
                approved_at: None,
                revoked_at: None,
                seen_at: None,
            };
            let issued = clinic.ca.issue_device(&key.verifying(), id, now(), &mut SysRng).expect("a certificate");
            let certificate = devices::Certificate {
                serial: issued.serial,
                device: id,
                public_key: key.verifying(),
                der: issued.der.clone(),
                not_after: issued.not_after,
                issued_at: now(),
            };
            devices::insert(&mut tx, &row).await.expect("a device");
            devices::insert_certificate(&mut tx, &certificate).await.expect("its certificate");
            devices::approve(&mut tx, id, now()).await.expect("its approval");
            let device = Device {
                clinic_id: clinic.id(),
                device_id: id,
                operator: person.clone(),
                certificate: issued.der,
                roots: vec![clinic.ca.certificate().to_vec()],
                key_set: clinic.key_set().as_ref().clone(),
                checkpoint: None,
                next_sequence: 1,
            };
            clients.push(Client::new(device, Arc::new(SoftwareDeviceKey::new(key, SysRng)), Options::default()));
        }
        tx.commit().await.expect("clinic.db");
        clients
    }

    /// Starts both processes and waits until `first` gets in, so that the devices are in force. Without the passphrase the vault stays
    /// locked: pictures are taken in and acknowledged, and wait for their inspection.
    pub(crate) async fn start(&self, unlocked: bool, first: &Client) -> Running {
        let running = self.spawn(unlocked);
        let attempts = async {
            while first.connect().await.is_err() || first.update_key_set(now()).await.is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), attempts).await.expect("the gateway serves");
        running
    }

    /// Starts both processes.
    pub(crate) fn spawn(&self, unlocked: bool) -> Running {
        let ingest = self.command("ingest").spawn().expect("ingest");
        let mut clinic = self.command("clinic");
        if unlocked {
            clinic.arg("--passphrase-file").arg(self.passphrase());
        } else {
            clinic.arg("--passphrase-stdin");
        }
        Running { ingest: Process(ingest), clinic: Process(clinic.spawn().expect("clinic")) }
    }

    /// Starts `safelight device revoke`.
    pub(crate) fn revoke(&self, device: DeviceId) -> Process {
        let mut command = Command::new(program());
        command.env("SAFELIGHT_LOG", "error").args(["device", "revoke", &device.to_string(), "--data"]);
        command.arg(self.layout().root()).stdin(Stdio::null()).stdout(Stdio::null());
        Process(command.spawn().expect("safelight device revoke"))
    }

    /// The ids of all captures that the clinic process has: `safelight vault list`.
    pub(crate) fn captures(&self) -> std::collections::HashSet<String> {
        let mut command = Command::new(program());
        command.env("SAFELIGHT_LOG", "error").args(["vault", "list", "--json", "--data"]).arg(self.layout().root());
        let listed = command.stdin(Stdio::null()).output().expect("safelight vault list");
        let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout).expect("one array");
        listed.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)).collect()
    }

    /// Waits until the clinic process has taken over everything and, if its vault is open, judged it.
    pub(crate) async fn settled(&self, unlocked: bool) {
        // Not through `safelight vault list`: what is measured should not be asked for every header meanwhile.
        let clinic_db = self.layout().clinic().join(schema::FILE_NAME);
        let catalog = Catalog::open(clinic_db, &schema::migrations()).await.expect("clinic.db");
        let settled = async {
            while self.inbox() > 0
                || (unlocked && !pictures::received(&catalog, 0, 1).await.expect("clinic.db").is_empty())
            {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the clinic process keeps up");
        catalog.close().await;
    }

    /// How many captures ingest holds that the clinic process has not taken over.
    fn inbox(&self) -> u64 {
        let health = self.command("health").arg("--json").stdout(Stdio::piped()).output().expect("safelight health");
        let health: serde_json::Value = serde_json::from_slice(&health.stdout).expect("its answer");
        health.get("inbox").and_then(serde_json::Value::as_u64).expect("a number")
    }

    fn command(&self, name: &str) -> Command {
        self.command_of(&[name])
    }

    /// A command of several words.
    fn command_of(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SAFELIGHT_") {
                command.env_remove(name);
            }
        }
        command.env("SAFELIGHT_LOG", "error").args(words).arg("--data").arg(self.layout().root());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// `safelight console code`.
    pub(crate) fn console_code(&self) -> String {
        let made = self.command_of(&["console", "code", "--json"]).stdout(Stdio::piped()).output().expect("a code");
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("its answer");
        made.get("code").and_then(serde_json::Value::as_str).expect("a code").to_owned()
    }

    /// `safelight vault export`.
    pub(crate) fn export(&self, id: &str, to: &Path) {
        let done = self.command_of(&["vault", "export", id]).arg("-o").arg(to).status();
        assert!(done.expect("safelight vault export").success(), "vault export");
    }

    /// What unlocks the vault.
    pub(crate) fn passphrase_text(&self) -> String {
        std::fs::read_to_string(self.passphrase()).expect("the passphrase").trim().to_owned()
    }

    fn passphrase(&self) -> PathBuf {
        self.home.path().join("passphrase")
    }

    /// A folder on the same disk.
    pub(crate) fn beside(&self) -> &Path {
        self.home.path()
    }
}

/// `safelight` of the same build: benchmarks lie in `deps` beside it.
fn program() -> PathBuf {
    let this = std::env::current_exe().expect("this program's path");
    this.ancestors().nth(2).expect("the folder of the build").join("safelight")
}

/// A gateway that runs.
pub(crate) struct Running {
    pub(crate) ingest: Process,
    pub(crate) clinic: Process,
}

impl Running {
    /// Ends both as a service manager would.
    pub(crate) fn end(self) {
        drop(self);
    }

    /// Ends both with SIGKILL.
    pub(crate) fn kill(&mut self) {
        for process in [&mut self.ingest, &mut self.clinic] {
            process.0.kill().expect("a process of ours");
        }
    }
}

/// A process that is told to end when this is dropped, and waited for.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
