//! A token that ends an upload from any thread.

use tokio::sync::watch;

use super::ClientError;

/// Shared by clones: cancelling one cancels all.
#[derive(Debug, Clone)]
pub struct CancelToken(watch::Sender<bool>);

impl Default for CancelToken {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl CancelToken {
    /// A token that has not been cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels; doing it again changes nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is cancelled.
    pub async fn cancelled(&self) {
        // The sender is in `self`, so waiting ends with the value alone.
        let _ = self.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// What `work` gives, unless it is cancelled first.
    ///
    /// # Errors
    /// [`ClientError::Cancelled`].
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, ClientError> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(ClientError::Cancelled),
            done = work => Ok(done),
        }
    }
}
