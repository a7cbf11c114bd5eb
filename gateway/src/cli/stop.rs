//! The signals that mean: stop in order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::outcome::{CliError, Exit};

/// Both, caught from the moment that this exists.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// # Errors
    /// [`Exit::Failed`] if they cannot be caught.
    pub(super) fn catch() -> Result<Self, CliError> {
        let on = |kind| signal(kind).map_err(CliError::with(Exit::Failed));
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// Returns when one arrives.
    pub(super) async fn arrived(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
