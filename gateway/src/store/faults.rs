//! The named steps between a byte and the disk, and a hook that can make any of them fail.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// One step on the way to durable storage, in the order in which a capture takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// An incoming file is created or opened again.
    OpenIncoming,
    /// Bytes are written to an incoming file.
    Write,
    /// The incoming file's contents are made durable.
    FsyncFile,
    /// The folder that the blob belongs to is created.
    CreateShard,
    /// The entry of that folder in the folder above is made durable.
    FsyncRoot,
    /// The incoming file becomes the blob.
    Rename,
    /// The blob's new name is made durable.
    FsyncShard,
    /// The disappearance of the incoming name is made durable.
    FsyncIncoming,
    /// A write transaction begins.
    Begin,
    /// Entries and nodes are added to a Merkle log, inside a transaction.
    LogAppend,
    /// A write transaction is committed.
    Commit,
    /// A blob's name is removed.
    Delete,
    /// The removal of a blob's name is made durable.
    FsyncDelete,
    /// An incoming file is given up.
    Abort,
    /// The write-ahead log is copied into the database file and emptied.
    Truncate,
}

impl Step {
    /// Every step, for a test that fails each in turn.
    pub const ALL: [Self; 15] = [
        Self::OpenIncoming,
        Self::Write,
        Self::FsyncFile,
        Self::CreateShard,
        Self::FsyncRoot,
        Self::Rename,
        Self::FsyncShard,
        Self::FsyncIncoming,
        Self::Begin,
        Self::LogAppend,
        Self::Commit,
        Self::Delete,
        Self::FsyncDelete,
        Self::Abort,
        Self::Truncate,
    ];
}

/// Asked before each [`Step`]. An error is treated exactly as if the operating system had returned it; a
/// hook may also end the process, which is what a test of sudden death does.
pub trait Faults: Send + Sync + Debug {
    /// `Ok` lets the step happen.
    fn before(&self, step: Step) -> io::Result<()>;
}

/// No faults: what everything but a test uses.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn before(&self, _step: Step) -> io::Result<()> {
        Ok(())
    }
}

/// [`NoFaults`] as the trait object that the stores take.
pub fn none() -> Arc<dyn Faults> {
    Arc::new(NoFaults)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::sync::Mutex;

    /// Fails chosen steps with chosen errors and records the steps that it was asked about.
    #[derive(Debug, Default)]
    pub(crate) struct Script {
        plan: Mutex<Vec<(Step, i32)>>,
        seen: Mutex<Vec<Step>>,
    }

    impl Script {
        pub(crate) fn new() -> Arc<Self> {
            Arc::new(Self::default())
        }

        /// The next time `step` comes up it fails with `errno`.
        pub(crate) fn fail(&self, step: Step, errno: rustix::io::Errno) {
            self.plan.lock().unwrap().push((step, errno.raw_os_error()));
        }

        pub(crate) fn take_seen(&self) -> Vec<Step> {
            std::mem::take(&mut self.seen.lock().unwrap())
        }
    }

    impl Faults for Script {
        fn before(&self, step: Step) -> io::Result<()> {
            self.seen.lock().unwrap().push(step);
            let mut plan = self.plan.lock().unwrap();
            match plan.iter().position(|(planned, _)| *planned == step) {
                Some(at) => Err(io::Error::from_raw_os_error(plan.remove(at).1)),
                None => Ok(()),
            }
        }
    }
}
