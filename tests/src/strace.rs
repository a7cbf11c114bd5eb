//! Faults in the real command, at one system call on one file: strace takes the place of the kernel for that call.
//!
//! Nothing is built into the command for it.

use std::path::Path;

/// What happens instead of the call.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The process is killed as it makes the call.
    Kill,
    /// The call fails so, once, and the kernel does nothing.
    Fails(&'static str),
}

/// strace's command line, up to the traced program's, for a fault at the first call on `path` by a thread. `call` may name several calls that
/// are the same thing on different machines: `rename,renameat`.
pub fn strace(call: &str, path: &Path, fault: Fault) -> Vec<String> {
    let calls: Vec<String> = call.split(',').map(|call| format!("?{call}")).collect();
    let calls = calls.join(",");
    let fault = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Fails(errno) => format!("error={errno}"),
    };
    let path = path.to_str().unwrap_or_default();
    let options = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        path,
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:{fault}:when=1"),
        "--",
    ];
    options.map(str::to_owned).to_vec()
}
