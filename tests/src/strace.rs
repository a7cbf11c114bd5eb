//! Faults in the real command, at one system call on one file: strace takes the place of the kernel for that call.
//!
//! Nothing is built into the command for it.
#![allow(clippy::expect_used, reason = "a harness of tests: what does not go as it should is a failed test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::gateway::program::until;

/// For attaching to a few threads.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens instead of the call.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The process is killed as it makes the call.
    Kill,
    /// The call fails so, once, and the kernel does nothing.
    Fails(&'static str),
}

/// strace, for as long as the process runs.
#[derive(Debug)]
pub struct Tracer(Child);

/// From now on, the first `call` on `path` by each thread of the process `pid` has this fault. `call` may name several calls that are the same
/// thing on different machines: `rename,renameat`. What the process did before, to start, has none.
///
/// # Panics
/// If strace cannot attach.
#[track_caller]
pub fn attach(pid: u32, call: &str, path: &Path, fault: Fault) -> Tracer {
    let calls: Vec<String> = call.split(',').map(|call| format!("?{call}")).collect();
    let calls = calls.join(",");
    let fault = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Fails(errno) => format!("error={errno}"),
    };
    let strace = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-P"])
        .arg(path)
        .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}:when=1")])
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .expect("strace");
    until("strace has attached", PATIENCE, || all_traced(pid).then_some(()));
    Tracer(strace)
}

/// Whether each thread has a tracer (proc(5), `TracerPid`).
fn all_traced(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
