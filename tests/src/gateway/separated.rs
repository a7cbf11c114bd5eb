//! A gateway whose two processes run as two Unix users, as the packaged set-up runs them.
//!
//! Only root can start a process as another user: elsewhere these tests say by name that they are skipped. The users are numbers that
//! nobody on a machine has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Finished, Service, command, finish, safelight, until};
use super::{Gateway, PATIENCE};

/// Runs `safelight ingest`.
pub const INGEST: u32 = 61_001;
/// Runs `safelight clinic`.
pub const CLINIC: u32 = 61_002;
/// Has both, and nobody else.
pub const SHARED: u32 = 61_000;

/// A gateway of two users. What runs of it ends when it is dropped.
#[derive(Debug)]
pub struct Separated {
    clinic: Option<Service>,
    ingest: Option<Service>,
    /// Its folders, and the commands on them, which run as root.
    pub gateway: Gateway,
}

/// Whether this process may start others as another user. If not, says what is skipped.
///
/// # Panics
/// If it may not and `CI` is set: there nothing may be skipped.
pub fn is_root(skipped: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "not root, and in CI no test may be skipped");
        eprintln!("skipped: {skipped} (only root can run processes as two users)");
    }
    root
}

impl Separated {
    /// Makes one; nothing runs yet.
    pub fn init() -> Self {
        let [ingest, clinic, group] = [INGEST, CLINIC, SHARED].map(|id| id.to_string());
        let users = ["--ingest-user", &ingest, "--clinic-user", &clinic, "--group", &group];
        let gateway = Gateway::init_with(&users);
        allow(&gateway.at(""), 0o711);
        // The users may not be able to enter the folder that the command was built in. `install` copies it, because of a file that this process writes,
        // a program that another test starts meanwhile holds a copy for a moment, and what is open for writing cannot be run.
        let mut install = Command::new("install");
        let copied = install.args(["--mode", "755"]).args([safelight(), gateway.at("safelight")]).status();
        assert!(copied.expect("install").success(), "no copy of the command");
        let credential = gateway.at("credential");
        fs::copy(gateway.at("passphrase"), &credential).expect("a copy of the passphrase");
        std::os::unix::fs::chown(&credential, Some(CLINIC), Some(CLINIC)).expect("the clinic's passphrase");
        Self { clinic: None, ingest: None, gateway }
    }

    /// Makes one and serves, with the vault unlocked.
    pub fn serving() -> Self {
        let mut separated = Self::init();
        assert!(separated.start(), "the gateway does not come up");
        separated
    }

    /// Starts both processes. `false` if ingest cannot have its ports.
    pub fn start(&mut self) -> bool {
        self.start_ingest();
        self.start_clinic(true);
        until("both processes", PATIENCE, || {
            if self.ingest.as_mut().is_some_and(Service::has_ended) {
                return Some(false);
            }
            let health = self.gateway.health();
            (health.get("clinic_linked")?.as_bool()?).then_some(true)
        })
    }

    /// Starts ingest alone.
    pub fn start_ingest(&mut self) {
        let ingest = self.as_user(INGEST, &self.program(), &["ingest", "--data", &self.gateway.path("data")]);
        self.ingest = Some(Service::start(ingest, &self.gateway.at("ingest.log")));
    }

    /// Starts the clinic process alone.
    pub fn start_clinic(&mut self, unlocked: bool) {
        let (data, credential) = (self.gateway.path("data"), self.gateway.path("credential"));
        let mut args = vec!["clinic", "--data", data.as_str()];
        if unlocked {
            args.extend(["--passphrase-file", credential.as_str()]);
        }
        let clinic = self.as_user(CLINIC, &self.program(), &args);
        self.clinic = Some(Service::start(clinic, &self.gateway.at("clinic.log")));
    }

    /// Ends ingest, in order.
    pub fn stop_ingest(&mut self) {
        stop(self.ingest.take());
    }

    /// Ends the clinic process, in order.
    pub fn stop_clinic(&mut self) {
        stop(self.clinic.take());
    }

    /// Process id of ingest.
    ///
    /// # Panics
    /// If it does not run.
    pub fn ingest(&self) -> u32 {
        self.ingest.as_ref().expect("a running ingest").id()
    }

    /// Process id of the clinic process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn clinic(&self) -> u32 {
        self.clinic.as_ref().expect("a running clinic process").id()
    }

    /// A command line of any program, as one of the two users: with its groups, without any capability, as the units have it.
    pub fn as_user(&self, user: u32, program: &Path, args: &[&str]) -> Command {
        let (user, groups) = (user.to_string(), SHARED.to_string());
        let mut command = command(
            "setpriv",
            &["--reuid", &user, "--regid", &user, "--groups", &groups, "--inh-caps=-all", "--no-new-privs", "--"],
        );
        command.arg(program).args(args).current_dir("/");
        command
    }

    /// Runs the command itself as one of the users.
    #[track_caller]
    pub fn run_as(&self, user: u32, args: &[&str]) -> Finished {
        finish(self.as_user(user, &self.program(), args), b"")
    }

    /// Whether that user can open the file to read it.
    pub fn can_read(&self, user: u32, path: &str) -> bool {
        self.shell(user, &format!(": < '{path}'"))
    }

    /// Whether a line of shell succeeds as that user.
    pub fn shell(&self, user: u32, line: &str) -> bool {
        finish(self.as_user(user, Path::new("/bin/sh"), &["-c", line]), b"").code == Some(0)
    }

    fn program(&self) -> PathBuf {
        self.gateway.at("safelight")
    }
}

fn stop(service: Option<Service>) {
    let mut service = service.expect("a running process");
    service.terminate();
    assert!(service.wait().success(), "the process did not end well");
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}
