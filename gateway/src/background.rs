//! Work that a process does beside its main one, and none of which may end before the process does.
//!
//! A task that has panicked is gone without a word: captures are pulled no more, or revocations heard no more, and everything else goes on as if
//! nothing were. So whoever starts such work waits for its end as well, and ends with it: a service manager starts the process again.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

/// The tasks, by name. What still runs is ended when this is dropped.
#[derive(Debug)]
pub struct Background<E> {
    tasks: JoinSet<Option<E>>,
    names: HashMap<Id, &'static str>,
}

impl<E: Send + 'static> Default for Background<E> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new() }
    }
}

impl<E: Send + 'static> Background<E> {
    /// Starts work that is not expected to end.
    pub fn start(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.start_until(name, async {
            work.await;
            None
        });
    }

    /// Starts work that ends with a reason, or never.
    pub fn start_until(&mut self, name: &'static str, work: impl Future<Output = Option<E>> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.names.insert(task.id(), name);
    }

    /// Returns when the first of them has ended: its name, and the reason if it gave one. A panic is none.
    pub async fn ended(&mut self) -> (&'static str, Option<E>) {
        let (id, reason) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, reason))) => (id, reason),
            Some(Err(died)) => (died.id(), None),
            None => return std::future::pending().await,
        };
        let name = self.names.get(&id).copied().unwrap_or("unknown");
        if reason.is_none() {
            tracing::error!(
                code = "task-ended",
                task = name,
                "a part of this process has ended: it stops, to be started anew"
            );
        }
        (name, reason)
    }

    /// Ends them all, and returns when they have.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_a_panic_and_a_reason_are_noticed_by_name() {
        let mut background = Background::<u8>::default();
        background.start("steady", std::future::pending());
        background.start("ends", async {});
        assert_eq!(background.ended().await, ("ends", None));
        background.start("panics", async { assert!(std::hint::black_box(false), "on purpose") });
        assert_eq!(background.ended().await, ("panics", None));
        background.start_until("says why", async { Some(7) });
        assert_eq!(background.ended().await, ("says why", Some(7)));
        background.stop().await;
    }
}
