//! Locks the child in before it reads a byte: limits (setrlimit(2)) and a seccomp(2) allow-list.

use std::collections::BTreeMap;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Address space in bytes: a progressive picture of the largest size that is decoded, and its pixels.
const MAX_MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// Processor time in seconds.
const MAX_CPU_SECONDS: u64 = 20;

/// This system cannot lock a process in.
pub(super) struct NoSandbox;

/// Gives up every right that decoding does not need. There is no way back.
pub(super) fn enter() -> Result<(), NoSandbox> {
    let limits = [
        (Resource::As, MAX_MEMORY),
        (Resource::Cpu, MAX_CPU_SECONDS),
        (Resource::Nofile, 0),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        setrlimit(resource, limit).map_err(|_| NoSandbox)?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|_| NoSandbox)?;
    let filter = filter().map_err(|_| NoSandbox)?;
    // Every thread of the process, should the caller have started one.
    seccompiler::apply_filter_all_threads(&filter).map_err(|_| NoSandbox)
}

/// Reading standard input, writing standard output, memory, and ending. Anything else kills the process.
fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let always = [
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_read, when(0, SeccompCmpOp::Eq, 0)?);
    rules.insert(libc::SYS_write, when(0, SeccompCmpOp::Eq, 1)?);
    // Memory is never made executable.
    let executable = u64::from(libc::PROT_EXEC.cast_unsigned());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, when(2, SeccompCmpOp::MaskedEq(executable), 0)?);
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    BpfProgram::try_from(filter)
}

fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus, Stdio};

    use super::*;

    const ACT: &str = "SAFELIGHT_TEST_SANDBOX_ACT";

    /// Not a test of its own, and nothing without its variable: the process that [`what_decoding_does_not_need_kills`] starts.
    #[test]
    fn locked_in() {
        let Ok(act) = std::env::var(ACT) else { return };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(enter().is_ok());
        match act.as_str() {
            "open" => drop(std::fs::File::open("/etc/passwd")),
            "connect" => drop(std::net::TcpStream::connect("127.0.0.1:1")),
            "send" => drop(socket.send_to(b"x", "127.0.0.1:1")),
            "start" => drop(Command::new("/bin/true").status()),
            "thread" => drop(std::thread::Builder::new().spawn(|| {})),
            "stderr" => drop(std::io::stderr().write_all(b"x")),
            "memory" => drop(std::hint::black_box(vec![1u8; 64 << 20])),
            _ => {}
        }
        std::process::exit(7);
    }

    fn run(act: &str) -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "inspector::sandbox::tests::locked_in"])
            .env(ACT, act)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }

    #[test]
    fn what_decoding_does_not_need_kills() {
        for act in ["open", "connect", "send", "start", "thread", "stderr"] {
            let status = run(act);
            assert_eq!(status.signal(), Some(libc::SIGSYS), "{act}: {status}");
        }
        for act in ["nothing", "memory"] {
            assert_eq!(run(act).code(), Some(7), "{act}");
        }
    }
}
