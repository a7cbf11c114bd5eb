//! What a process forbids itself before it touches a key.

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal};

use super::outcome::{CliError, Exit};

/// Files that are made from here on are for their owner alone.
pub(super) fn files() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// No core file, and no other process of this user may read this one's memory (prctl(2), PR_SET_DUMPABLE).
///
/// # Errors
/// [`Exit::Failed`]: a process that could be read must not hold keys.
pub(super) fn memory() -> Result<(), CliError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| {
            CliError::new(Exit::Failed, format!("this process cannot be protected against being read: {error}"))
        })
}

/// Keeps this process's keys out of the swap, or says in the log why it cannot.
pub(super) fn swap() {
    if let Err(reason) = crate::vault::lock_memory() {
        tracing::warn!("{reason}");
    }
}

/// Ends this process in order when its supervisor does, however that ends.
///
/// # Errors
/// [`Exit::Failed`] if the supervisor has ended already.
pub(super) fn end_with(supervisor: i32) -> Result<(), CliError> {
    let failed = |error: rustix::io::Errno| {
        CliError::new(Exit::Failed, format!("this process cannot be tied to its supervisor: {error}"))
    };
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).map_err(failed)?;
    // It may have ended before the line above.
    let parent = rustix::process::getppid().map(Pid::as_raw_nonzero).map(std::num::NonZeroI32::get);
    if parent == Some(supervisor) { Ok(()) } else { Err(CliError::new(Exit::Failed, "the supervisor is gone")) }
}
