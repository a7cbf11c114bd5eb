//! The vault in this process: open while somebody has unlocked it.
//!
//! Attacker: an admin, or somebody at an admin's screen, who sends passphrases all at once. Each takes a quarter of a gigabyte while it is tried, and a
//! process that the machine ends for want of memory takes the keys with it. So one is tried at a time, and the next one's turn comes when that memory is free
//! again, also where whoever asked has hung up. Whoever locks means it: what somebody had begun to unlock before stays locked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;

use super::ClinicError;
use crate::vault::Unlocked;

/// The vault, locked or not.
#[derive(Debug)]
pub(super) struct Door {
    vault: watch::Sender<Option<Arc<Unlocked>>>,
    /// Held by whoever tries a passphrase.
    turn: Arc<Mutex<()>>,
    /// How often it was locked. Changed and compared while `vault` is held.
    locked: AtomicU64,
}

/// A vault that a passphrase has opened, and that nobody has yet.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) vault: Unlocked,
    /// How often it had been locked when somebody asked for it.
    locked: u64,
}

impl Door {
    pub(super) fn new(vault: Option<Unlocked>) -> Self {
        Self { vault: watch::Sender::new(vault.map(Arc::new)), turn: Arc::default(), locked: AtomicU64::new(0) }
    }

    /// The vault, while it is unlocked.
    pub(super) fn vault(&self) -> Option<Arc<Unlocked>> {
        self.vault.borrow().clone()
    }

    /// Whether it is unlocked.
    pub(super) fn is_open(&self) -> bool {
        self.vault.borrow().is_some()
    }

    /// Whether `vault` is the one that is unlocked, and not one of before it was locked.
    pub(super) fn is_open_with(&self, vault: &Arc<Unlocked>) -> bool {
        self.vault.borrow().as_ref().is_some_and(|open| Arc::ptr_eq(open, vault))
    }

    /// Hears when that changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Arc<Unlocked>>> {
        self.vault.subscribe()
    }

    /// Tries a passphrase with `open`, which may take its time, once nobody else does.
    pub(super) async fn open(
        &self,
        open: impl FnOnce() -> Result<Unlocked, ClinicError> + Send + 'static,
    ) -> Result<Opened, ClinicError> {
        let locked = self.locked.load(Ordering::SeqCst);
        let turn = self.turn.clone().lock_owned().await;
        let trying = spawn_blocking(move || {
            // Goes with the work, which nobody can stop, and not with whoever waits for it.
            let _turn = turn;
            open()
        });
        Ok(Opened { vault: trying.await.map_err(|_| ClinicError::TaskEnded("unlock"))??, locked })
    }

    /// Whether nobody has locked it since that was asked for.
    pub(super) fn may_be_unlocked(&self, opened: &Opened) -> bool {
        self.locked.load(Ordering::SeqCst) == opened.locked
    }

    /// Unlocks it, unless somebody has locked it since that was asked for. Says whether it is.
    pub(super) fn unlock(&self, opened: Opened) -> bool {
        self.vault.send_if_modified(|vault| {
            let may = self.may_be_unlocked(&opened);
            if may {
                *vault = Some(Arc::new(opened.vault));
            }
            may
        })
    }

    /// Locks it: its keys go as soon as whoever uses them at this moment is done.
    pub(super) fn lock(&self) {
        self.vault.send_modify(|vault| {
            self.locked.fetch_add(1, Ordering::SeqCst);
            *vault = None;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_passphrase_is_tried_at_a_time_also_after_whoever_asked_has_hung_up() {
        let door = Arc::new(Door::new(None));
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go, wait) = mpsc::channel::<()>();
        let (begun, mut has_begun) = tokio::sync::oneshot::channel();
        let counted = {
            let (at_once, most) = (at_once.clone(), most.clone());
            move |work: Box<dyn FnOnce() + Send>| {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                work();
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(Unlocked::without_keys())
            }
        };
        let (first, works) = (door.clone(), counted.clone());
        let first = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                wait.recv().unwrap();
            };
            first.open(move || works(Box::new(work))).await
        });
        (&mut has_begun).await.unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled(), "whoever asked has hung up");
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (door, works) = (door.clone(), counted.clone());
                let work = || std::thread::sleep(Duration::from_millis(5));
                tokio::spawn(async move { door.open(move || works(Box::new(work))).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(at_once.load(Ordering::SeqCst), 1, "the first one's work goes on, and nobody else's has begun");
        go.send(()).unwrap();
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert_eq!((most.load(Ordering::SeqCst), at_once.load(Ordering::SeqCst)), (1, 0));
    }

    #[tokio::test]
    async fn what_was_being_unlocked_when_somebody_locked_stays_locked() {
        let door = Door::new(None);
        let before = door.open(|| Ok(Unlocked::without_keys())).await.unwrap();
        assert!(door.may_be_unlocked(&before));
        door.lock();
        assert!(!door.may_be_unlocked(&before) && !door.unlock(before) && !door.is_open());
        // Whoever waited for a turn when it was locked had asked before it was.
        let turn = door.turn.clone().lock_owned().await;
        let waiting = door.open(|| Ok(Unlocked::without_keys()));
        let waited = async {
            tokio::task::yield_now().await;
            door.lock();
            drop(turn);
        };
        let (opened, ()) = tokio::join!(waiting, waited);
        assert!(!door.unlock(opened.unwrap()) && !door.is_open());
        let after = door.open(|| Ok(Unlocked::without_keys())).await.unwrap();
        assert!(door.unlock(after) && door.is_open(), "the control");
    }
}
