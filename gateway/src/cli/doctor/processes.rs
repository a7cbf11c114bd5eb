//! The two processes as they run now: as which users, and whether one of them could leave a core file.
//!
//! Which process it is the kernel says: each holds a lock on a file in its folder (proc(5), `/proc/locks`).

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::config::Layout;
use crate::owner;

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    id: u32,
    user: u32,
    /// Whether its limit lets it write a core file, now or after raising it.
    may_dump: bool,
}

pub(super) fn examine(layout: &Layout) -> Vec<Finding> {
    let running = [layout.ingest(), layout.clinic()].map(|folder| holder(&folder.join(owner::LOCK_FILE)));
    let mut findings = vec![core_dumps(&running)];
    if let [Some(ingest), Some(clinic)] = running {
        findings.push(users(ingest, clinic));
    }
    findings
}

fn users(ingest: Process, clinic: Process) -> Finding {
    if ingest.user == 0 || clinic.user == 0 {
        return Finding::warn(
            "users",
            "Not separated: a process of the gateway runs as root, from which no file and no memory is safe.",
            "Run the two units of the packaged set-up: see OPERATIONS.md, \"Two users\".",
        );
    }
    if ingest.user == clinic.user {
        return Finding::warn(
            "users",
            "Not separated: both processes run as one user.",
            "Fine for trying out. For more, run the two units of the packaged set-up: see OPERATIONS.md, \"Two users\".",
        );
    }
    Finding::ok("users", "The two processes run as two users.")
}

/// The gateway's own processes forbid themselves core files. Whether that holds is looked up where they run.
fn core_dumps(running: &[Option<Process>]) -> Finding {
    if let Some(open) = running.iter().flatten().find(|process| process.may_dump) {
        return Finding::fail(
            "core-dumps",
            format!("Process {} may write a core file, with whatever is in its memory.", open.id),
            "Start the gateway again; if that does not help, set LimitCORE=0.",
        );
    }
    if running.iter().all(Option::is_none) {
        return Finding::ok("core-dumps", "The gateway's processes will make no core dumps; none runs now.");
    }
    Finding::ok("core-dumps", "The gateway's processes make no core dumps.")
}

/// Who holds the lock on that file, if anybody does.
fn holder(lock: &Path) -> Option<Process> {
    let inode = std::fs::symlink_metadata(lock).ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let id = locks.lines().find_map(|line| holder_in(line, inode))?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()?;
    Some(Process { id, user, may_dump: may_dump(&limits)? })
}

/// `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`: the process in front of major, minor and inode number.
fn holder_in(line: &str, inode: u64) -> Option<u32> {
    let mut fields = line.split_whitespace().skip_while(|field| *field != "FLOCK").skip(3);
    let process = fields.next()?.parse().ok()?;
    let of: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    (of == inode).then_some(process)
}

/// `Max core file size        0                    unlimited            bytes`
fn may_dump(limits: &str) -> Option<bool> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    Some(line.split_whitespace().take(2).any(|limit| limit != "0"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    /// This test's own process in the place of one of the gateway's: it holds the lock, and has the limit that it was started with.
    #[test]
    fn whoever_holds_the_lock_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), None);
        let file = std::fs::File::create(&path).unwrap();
        assert_eq!(holder(&path), None);
        file.try_lock().unwrap();
        let held = holder(&path).unwrap();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!((held.id, held.user), (std::process::id(), rustix::process::geteuid().as_raw()));
        assert_eq!(held.may_dump, limit.current != Some(0) || limit.maximum != Some(0));
        drop(file);
        assert_eq!(holder(&path), None);
    }

    #[test]
    fn an_open_core_limit_and_one_user_are_said() {
        let process = |id, user, may_dump| Process { id, user, may_dump };
        let open = core_dumps(&[Some(process(7, 1, false)), Some(process(8, 1, true))]);
        assert!(open.level == Level::Fail && open.message.contains('8'), "{}", open.message);
        assert_eq!(core_dumps(&[Some(process(7, 1, false)), None]).level, Level::Ok);
        for (limits, open) in [("0  0", false), ("0  unlimited", true), ("unlimited  unlimited", true)] {
            assert_eq!(may_dump(&format!("Max cpu time 1 1\nMax core file size   {limits}  bytes\n")), Some(open));
        }
        for (ingest, clinic, level) in
            [(1, 1, Level::Warn), (0, 2, Level::Warn), (1, 0, Level::Warn), (1, 2, Level::Ok)]
        {
            assert_eq!(users(process(7, ingest, false), process(8, clinic, false)).level, level, "{ingest} {clinic}");
        }
    }
}
