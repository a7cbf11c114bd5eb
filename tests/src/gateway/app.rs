//! An app: the Python bindings in a process of their own (`tests/python`), which run one scenario and talk to the test in lines. The test sees to what an
//! app cannot: network and gateway.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::Gateway;
use super::program::safelight;
use crate::tools::PYTHON;

/// No scenario is silent for longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// An app that runs. Killed when dropped.
#[derive(Debug)]
pub struct App {
    child: Child,
    stdin: ChildStdin,
    said: Receiver<String>,
    log: PathBuf,
}

impl App {
    /// Starts a scenario of `tests/python`. `more` goes into its configuration; what it keeps is in the folder `apps` beside the gateway.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(gateway: &Gateway, scenario: &str, more: &Value) -> Self {
        let bindings = bindings(gateway);
        let folder = gateway.at("apps");
        fs::create_dir_all(folder.join("tmp")).expect("a folder");
        let mut config = json!({
            "safelight": safelight(),
            "data": gateway.data(),
            "folder": folder,
            "bindings": bindings,
        });
        if let (Some(config), Some(more)) = (config.as_object_mut(), more.as_object()) {
            config.extend(more.clone());
        }
        let written = gateway.at(&format!("{scenario}.json"));
        fs::write(&written, config.to_string()).expect("a file");
        let log = gateway.at("app.log");
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/scenarios.py");
        let mut child = Command::new(PYTHON)
            .args([scenarios.as_os_str(), scenario.as_ref(), written.as_os_str()])
            // Wherever a careless library would write to is where a test looks.
            .env_clear()
            .envs([("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("PYTHONDONTWRITEBYTECODE", "1")])
            .envs([("HOME", &folder), ("TMPDIR", &folder.join("tmp"))])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).expect("a file"))
            .spawn()
            .expect("Debian's Python");
        let stdout = child.stdout.take().expect("a pipe");
        let (tell, said) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        let stdin = child.stdin.take().expect("a pipe");
        Self { child, stdin, said, log }
    }

    /// The next line that it says.
    ///
    /// # Panics
    /// If it ends or hangs instead.
    #[track_caller]
    pub fn says(&self) -> String {
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("the app hangs: {}", self.log()),
            Err(RecvTimeoutError::Disconnected) => panic!("the app has ended: {}", self.log()),
        }
    }

    /// Waits until it says this and nothing else.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn expect(&self, line: &str) {
        assert_eq!(self.says(), line, "{}", self.log());
    }

    /// Waits until it says this, does something, and tells it so.
    #[track_caller]
    pub fn when(&mut self, line: &str, then: impl FnOnce(), answer: &str) {
        self.expect(line);
        then();
        self.tell(answer);
    }

    /// Tells it something.
    ///
    /// # Panics
    /// If it has ended.
    #[track_caller]
    pub fn tell(&mut self, line: &str) {
        let told = writeln!(self.stdin, "{line}");
        assert!(told.is_ok(), "the app has ended: {}", self.log());
    }

    /// Waits until it has done all that the scenario has, without a fault of the library.
    ///
    /// # Panics
    /// If it has not.
    #[track_caller]
    pub fn ends_well(self) {
        self.ends_well_after(0);
    }

    /// The same where so many faults of the library were provoked, which say their place and nothing else.
    ///
    /// # Panics
    /// As [`App::ends_well`].
    #[track_caller]
    pub fn ends_well_after(mut self, faults: usize) {
        self.expect("done");
        let status = self.child.wait().expect("its end");
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        let said: Vec<&str> = log.lines().collect();
        assert_eq!(said.len(), faults, "{log}");
        assert!(said.iter().all(|line| line.starts_with("safelight: a fault of this library at ")), "{log}");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a phone's system ends an app.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has complained about.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bindings, written from the library that was built with these tests, with that library beside them.
fn bindings(gateway: &Gateway) -> PathBuf {
    let (out, library) = (gateway.at("bindings"), library());
    let python = out.join("python");
    if !python.exists() {
        safelight_bindgen::write(&library, &out).unwrap_or_else(|error| panic!("no bindings: {error}"));
        let beside = python.join(library.file_name().expect("a name"));
        std::os::unix::fs::symlink(&library, beside).expect("a link");
    }
    python
}

/// The library that was built with these tests.
///
/// # Panics
/// If there is none.
pub fn library() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let places = test.ancestors().skip(1).take(2).map(|folder| folder.join("libsafelight_mobile.so"));
    let built = places.into_iter().find(|path| path.is_file());
    built.unwrap_or_else(|| panic!("libsafelight_mobile.so was not built beside {}", test.display()))
}
