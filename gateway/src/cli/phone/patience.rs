//! Waiting for the gateway: said at once, and not for ever.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use safelight_core::client::CancelToken;
use tokio::time::{Instant, sleep_until};

use crate::cli::duration;
use crate::cli::outcome::{CliError, Exit};

/// Silence that a person notices.
const NOTICEABLE: Duration = Duration::from_secs(3);

/// How long a gateway may say nothing, and when it was last heard.
#[derive(Debug)]
pub(super) struct Patience {
    addresses: String,
    allowed: Duration,
    heard: Mutex<Instant>,
}

impl Patience {
    pub(super) fn new(addresses: String, allowed: Duration) -> Self {
        Self { addresses, allowed, heard: Mutex::new(Instant::now()) }
    }

    /// The gateway has shown that it is there.
    pub(super) fn heard(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Waits for `work`, and says what it waits for once that has become noticeable. Work that can be ended by a token is, and has put its
    /// things in order when this returns.
    ///
    /// # Errors
    /// [`Exit::TimedOut`] if nothing was heard for as long as is allowed.
    pub(super) async fn wait_for<T>(
        &self,
        work: impl Future<Output = T>,
        end: Option<&CancelToken>,
        say: impl Fn(&str),
    ) -> Result<T, CliError> {
        self.heard();
        tokio::pin!(work);
        let mut said = None;
        loop {
            let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            // Once a silence; the next one is said anew.
            let silence = if said == Some(heard) { self.allowed } else { NOTICEABLE.min(self.allowed / 2) };
            tokio::select! {
                done = &mut work => return Ok(done),
                () = sleep_until(heard + silence) => {}
            }
            if *self.heard.lock().unwrap_or_else(PoisonError::into_inner) != heard {
                continue;
            }
            if heard.elapsed() >= self.allowed {
                if let Some(end) = end {
                    end.cancel();
                    work.await;
                }
                return Err(CliError::new(Exit::TimedOut, self.ended()));
            }
            say(&format!("{}, going on for up to {}", self.silence(), duration::show(self.allowed)));
            said = Some(heard);
        }
    }

    fn silence(&self) -> String {
        format!("no answer yet from the gateway at {} (UDP)", self.addresses)
    }

    fn ended(&self) -> String {
        format!(
            "the gateway at {} has not answered for {}: check that it runs, and that UDP passes; `safelight phone status` says more",
            self.addresses,
            duration::show(self.allowed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[tokio::test]
    async fn silence_is_said_once_and_ends_when_it_has_lasted_long_enough() {
        let patience = Patience::new("gateway:1".to_owned(), Duration::from_millis(200));
        let (said, token) = (RefCell::new(Vec::new()), CancelToken::new());
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        // What can be ended is ended, and waited for.
        let error = patience.wait_for(token.cancelled(), Some(&token), say).await.unwrap_err();
        assert_eq!(error.exit, Exit::TimedOut);
        assert!(error.message.contains("gateway:1") && error.message.contains("UDP"), "{}", error.message);
        assert_eq!(said.borrow().len(), 1);
        assert!(said.borrow()[0].contains("gateway:1") && said.borrow()[0].contains("200ms"), "{:?}", said.borrow());
        let never = patience.wait_for(std::future::pending::<()>(), None, say).await;
        assert_eq!(never.unwrap_err().exit, Exit::TimedOut);
    }

    #[tokio::test]
    async fn whoever_is_heard_now_and_then_is_waited_for() {
        let allowed = Duration::from_secs(2);
        let patience = Patience::new("gateway:1".to_owned(), allowed);
        let slow = async {
            for _ in 0..6 {
                tokio::time::sleep(allowed / 4).await;
                patience.heard();
            }
            7
        };
        assert_eq!(patience.wait_for(slow, None, |_| {}).await.unwrap(), 7);
    }
}
