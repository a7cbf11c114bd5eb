//! A panic is a fault of this program, wherever it happens: the process says where, ends in order, and is started anew.
//!
//! What a panic says may quote what was worked on, so it goes nowhere; the place in the source goes into the log.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::outcome::{CliError, Exit};

static PANICKED: AtomicBool = AtomicBool::new(false);
static NOTICE: Notify = Notify::const_new();

/// Notices every panic of this process from here on.
pub(super) fn notice() {
    std::panic::set_hook(Box::new(|panic| {
        let (file, line) = panic.location().map_or(("unknown", 0), |place| (place.file(), place.line()));
        tracing::error!(code = "panic", file, line, "a fault of this program: the process stops, to be started anew");
        PANICKED.store(true, Ordering::SeqCst);
        NOTICE.notify_waiters();
        NOTICE.notify_one();
    }));
}

/// Returns once there was one.
pub(super) async fn happened() {
    while !PANICKED.load(Ordering::SeqCst) {
        NOTICE.notified().await;
    }
}

/// How a process ends that has otherwise ended well.
///
/// # Errors
/// [`Exit::Failed`] if there was a panic.
pub(super) fn verdict() -> Result<(), CliError> {
    if PANICKED.load(Ordering::SeqCst) {
        return Err(CliError::new(Exit::Failed, "a fault of this program ended it: its log says where"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_anywhere_ends_the_process_with_a_failure() {
        let usual = std::panic::take_hook();
        notice();
        assert!(verdict().is_ok());
        let handler = tokio::spawn(async { assert!(std::hint::black_box(false), "on purpose") });
        happened().await;
        assert!(handler.await.is_err());
        std::panic::set_hook(usual);
        assert_eq!(verdict().unwrap_err().exit, Exit::Failed);
    }
}
