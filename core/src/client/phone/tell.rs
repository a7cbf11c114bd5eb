//! Tells an app how far an upload is: as often as a person can look, on a thread where the app may take its time, one call at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::Progress;

/// The shortest time between two calls.
const EVERY: Duration = Duration::from_millis(100);

/// How long the last call may take before the receipt is handed out all the same.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Is told of progress; `false` if it wants to hear no more.
pub type Listener = Arc<dyn Fn(Progress) -> bool + Send + Sync>;

/// Between an upload and its listener.
pub(super) struct Teller {
    newest: Option<watch::Sender<Option<Progress>>>,
    /// There is nothing to wait for between two calls any more.
    ending: Arc<Notify>,
    telling: JoinHandle<()>,
}

impl Teller {
    pub(super) fn new(listener: Listener) -> Self {
        let (newest, mut news) = watch::channel(None);
        let ending = Arc::new(Notify::new());
        let ends = ending.clone();
        let telling = tokio::spawn(async move {
            while news.changed().await.is_ok() {
                let Some(progress) = *news.borrow_and_update() else { continue };
                let listener = listener.clone();
                // A listener that panics wants to hear no more either.
                let more = tokio::task::spawn_blocking(move || listener(progress)).await;
                if !more.unwrap_or(false) {
                    return;
                }
                if progress.sent < progress.total {
                    let _ = timeout(EVERY, ends.notified()).await;
                }
            }
        });
        Self { newest: Some(newest), ending, telling }
    }

    pub(super) fn tell(&self, progress: Progress) {
        if let Some(newest) = &self.newest {
            newest.send_replace(Some(progress));
        }
    }

    /// Has the last word said.
    pub(super) async fn finish(mut self) {
        self.newest = None;
        self.ending.notify_one();
        let _ = timeout(LAST_CALL, &mut self.telling).await;
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn a_thousand_steps_are_told_seldom_and_the_last_of_them_always() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = told.clone();
        let teller = Teller::new(Arc::new(move |progress: Progress| {
            into.lock().unwrap().push(progress.sent);
            true
        }));
        let begun = Instant::now();
        for sent in 1..=1_000 {
            teller.tell(Progress { sent, total: 1_000 });
            sleep(Duration::from_millis(1)).await;
        }
        teller.finish().await;
        // However slow this machine is: the first, one for each time that may pass between two, and the last.
        let seldom = 2 + usize::try_from(begun.elapsed().as_millis() / EVERY.as_millis()).unwrap();
        let told = told.lock().unwrap();
        assert!((2..=seldom).contains(&told.len()), "{told:?}");
        assert_eq!(told.last(), Some(&1_000));
        assert!(told.is_sorted());
    }

    #[tokio::test]
    async fn one_that_has_heard_enough_is_left_alone() {
        let calls = Arc::new(Mutex::new(0));
        let count = calls.clone();
        let teller = Teller::new(Arc::new(move |_| {
            *count.lock().unwrap() += 1;
            false
        }));
        teller.tell(Progress { sent: 2, total: 2 });
        while *calls.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        teller.tell(Progress { sent: 2, total: 2 });
        teller.finish().await;
        assert_eq!(*calls.lock().unwrap(), 1);
    }
}
