//! Keys that are never written to swap.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};

/// Why the process's memory can be swapped out, keys and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryNotLocked {
    /// With a limit, locking would let later allocations fail, so nothing was locked.
    #[error("memory is not locked, so keys could reach the swap: set LimitMEMLOCK=infinity or encrypt the swap")]
    Limited,
    /// The system refused.
    #[error("memory could not be locked, so keys could reach the swap: encrypt the swap")]
    Refused,
}

/// Keeps all memory of this process, now and later, out of the swap.
///
/// The whole process rather than the pages of the keys: single pages cannot be locked without unsafe code,
/// and copies that a computation leaves on the stack would not be on them.
pub fn lock_memory() -> Result<(), MemoryNotLocked> {
    if getrlimit(Resource::Memlock).current.is_some() && !may_lock_without_limit() {
        return Err(MemoryNotLocked::Limited);
    }
    // On fault: what is reserved and never touched needs no memory.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(flags).map_err(|_| MemoryNotLocked::Refused)
}

/// Whether the process has `CAP_IPC_LOCK`, as root has: the limit does not count for it (mlock(2)).
fn may_lock_without_limit() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> CAP_IPC_LOCK & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_locked_or_the_reason_is_told() {
        let limited = getrlimit(Resource::Memlock).current.is_some() && !may_lock_without_limit();
        match lock_memory() {
            Ok(()) => {
                let status = std::fs::read_to_string("/proc/self/status").unwrap();
                let locked = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
                assert!(!locked.ends_with(" 0 kB"), "{locked}");
            }
            Err(reason) => assert_eq!(reason == MemoryNotLocked::Limited, limited),
        }
    }
}
