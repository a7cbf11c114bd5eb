//! The built command `safelight`: run to its end, or kept running.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No command takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long a service has to end after SIGTERM, a little longer than the command gives its own children.
const END_TIME: Duration = Duration::from_secs(25);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The command that was built with these tests: beside the folder that the test's own executable is in.
///
/// # Panics
/// If it was not built.
pub fn safelight() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let built = test.ancestors().skip(1).take(3).map(|folder| folder.join("safelight")).find(|path| path.is_file());
    built.unwrap_or_else(|| {
        panic!(
            "the command `safelight` was not built beside {}: run `cargo test --workspace`, or `cargo build -p safelight-gateway` first",
            test.display()
        )
    })
}

/// A command line of any program. What the environment says to `safelight` is left out: a test must not depend on it.
pub fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SAFELIGHT_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a command said, and how it ended.
pub struct Finished {
    line: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

impl Finished {
    /// Itself, if it ended with this code.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Itself, if it succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Its standard output as JSON, whatever its exit code was.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// Its standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: String = self.text().chars().take(4000).collect();
        write!(f, "`{}` ended with {:?}\n{said}\n{}", self.line, self.code, self.stderr)
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started or hangs.
#[track_caller]
pub fn finish(command: Command, input: &[u8]) -> Finished {
    Running::start(command, input).wait()
}

/// A command that runs. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
    stdout: Drained,
    stderr: Drained,
}

impl Running {
    /// Starts it, with `input` on its standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let line = shown(&command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` cannot be started: {error}"));
        if let Some(mut pipe) = child.stdin.take() {
            // Whoever does not read it has ended, and its exit code says more.
            let _ = pipe.write_all(input);
        }
        let (stdout, stderr) = (Drained::of(child.stdout.take()), Drained::of(child.stderr.take()));
        Self { line, child, stdout, stderr }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it hangs.
    #[track_caller]
    pub fn wait(mut self) -> Finished {
        let status = ended_within(&mut self.child, PATIENCE).unwrap_or_else(|| panic!("`{}` hangs", self.line));
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Finished { line: std::mem::take(&mut self.line), code: status.code(), stdout, stderr }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.so_far()).into_owned()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it at once, as a phone's system ends an app: SIGKILL.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that is read by a thread of its own, so that whoever writes to it never waits.
#[derive(Debug)]
struct Drained {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Drained {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let into = bytes.clone();
        let reader = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(len @ 1..) = pipe.read(&mut piece) {
                    let read = piece.get(..len).unwrap_or_default();
                    into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(read);
                }
            })
        });
        Self { bytes, reader }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }
}

/// A service, with its output in a file. Dropped, it is asked to end and then made to.
#[derive(Debug)]
pub struct Service {
    line: String,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts it; its output is appended to `log`. It has no terminal and nothing to read.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("a file for the log");
        let err = out.try_clone().expect("a file for the log");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let line = shown(&command);
        let child = command.spawn().unwrap_or_else(|error| panic!("`{line}` cannot be started: {error}"));
        Self { line, child, log: log.to_owned() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        signal(self.id(), Signal::TERM);
    }

    /// Its exit status, once it has ended after [`Service::terminate`].
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        ended_within(&mut self.child, END_TIME).unwrap_or_else(|| panic!("`{}` does not end", self.line))
    }

    /// Ends it at once: SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.terminate();
            if ended_within(&mut self.child, END_TIME).is_none() {
                self.kill();
            }
        }
        if thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
            eprintln!("the last lines of `{}`:\n{}", self.line, last.join("\n"));
        }
    }
}

/// Sends a signal to one process.
pub fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The child of `parent` whose first argument is `kind`.
pub fn child_of(parent: u32, kind: &str) -> Option<u32> {
    let ids =
        std::fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut ids = ids.filter(|id| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let is_child =
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|of| of.trim() == parent.to_string()));
        is_child && arguments.split(|byte| *byte == 0).nth(1) == Some(kind.as_bytes())
    });
    ids.next()
}

/// Bytes of a process that lie in memory.
///
/// # Panics
/// If there is no such process.
pub fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kibibytes * 1024
}

/// Looks until there is something to see.
///
/// # Panics
/// If there is nothing within `patience`.
#[track_caller]
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        thread::sleep(LOOK_EVERY);
    }
}

fn ended_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
