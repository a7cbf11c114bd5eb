//! What an app is told while it does something else.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::super::ClientError;
use super::super::connect::Observer;
use crate::ids::{CaptureId, UnixMillis};
use crate::wire::CloseReason;

/// Events that wait for an app which does not ask. Above that the oldest go: what holds now can be asked for.
const MAX_WAITING: usize = 128;

/// Something that has happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A picture was taken, sent or discarded: how many more fit now, and how many are held.
    Room {
        /// How many more fit.
        room: usize,
        /// How many are held.
        held: usize,
    },
    /// There is a connection.
    Connected,
    /// The connection is gone, with the reason. It is made again when it is needed.
    Disconnected(ClientError),
    /// A picture is stored, and has been freed.
    Stored {
        /// Which.
        capture: CaptureId,
        /// Its entry in the intake log.
        index: u64,
    },
    /// The certificate has been renewed, for a new key: [`super::certified_key`] of what was kept last says which.
    CertificateRenewed {
        /// Until when it holds.
        until: Option<UnixMillis>,
    },
    /// The clinic's newest key set is in force.
    KeySetUpdated {
        /// Its number.
        number: u64,
    },
    /// The clinic has shut this device out, with the reason: it has to be enrolled again. The shutter is made ready no more.
    ShutOut(ClientError),
    /// The app could not keep what the device remembers. What was done is done; the next time it keeps will do.
    NotKept,
}

#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    closed: bool,
    /// The clinic's last word on this device, if that was a no.
    shut_out: Option<CloseReason>,
    /// How often it said no.
    times: u64,
}

impl Events {
    pub(super) fn tell(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        // Of the room only what holds now is of interest.
        if matches!((waiting.events.back(), &event), (Some(Event::Room { .. }), Event::Room { .. })) {
            waiting.events.pop_back();
        }
        if waiting.events.len() == MAX_WAITING {
            waiting.events.pop_front();
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.news.notify_waiters();
    }

    /// Why the clinic has shut this device out, as far as is known.
    pub(super) fn shut_out(&self) -> Option<CloseReason> {
        self.lock().shut_out
    }

    /// How often the clinic has shut this device out: for whoever is about to ask something of it.
    pub(super) fn times_shut_out(&self) -> u64 {
        self.lock().times
    }

    /// The gateway has answered this device, which had been shut out `times` when it asked: a no that came since is the newer word. A connection
    /// alone is no answer: the gateway looks at a device after its handshake.
    pub(super) fn let_in(&self, times: u64) {
        let mut waiting = self.lock();
        if waiting.times == times {
            waiting.shut_out = None;
        }
    }

    /// What a request ended with, before whoever watches the connection has told it.
    pub(super) fn heard(&self, error: &ClientError) {
        if let ClientError::Closed(why) = error
            && error.is_shut_out()
        {
            let mut waiting = self.lock();
            waiting.shut_out = Some(*why);
            waiting.times = waiting.times.saturating_add(1);
        }
    }

    pub(super) fn room(&self, room: usize, held: usize) {
        self.tell(Event::Room { room, held });
    }

    /// No more: whoever waits is told so.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.events.clear();
        drop(waiting);
        self.news.notify_waiters();
    }

    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // From here on nothing is missed.
            news.as_mut().enable();
            {
                let mut waiting = self.lock();
                if let Some(event) = waiting.events.pop_front() {
                    return Some(event);
                }
                if waiting.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Events {
    fn connected(&self) {
        self.tell(Event::Connected);
    }

    fn disconnected(&self, reason: ClientError) {
        self.heard(&reason);
        self.tell(if reason.is_shut_out() { Event::ShutOut(reason) } else { Event::Disconnected(reason) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_app_that_never_asks_costs_a_bounded_amount_and_hears_what_is_newest() {
        let events = Events::default();
        for index in 0..1_000 {
            events.tell(Event::Stored { capture: CaptureId::from_bytes([0; 16]), index });
        }
        for held in 0..1_000 {
            events.room(1, held);
        }
        let mut last = None;
        for _ in 0..MAX_WAITING {
            last = events.next().await;
        }
        assert!(matches!(last, Some(Event::Room { held: 999, .. })), "{last:?}");
        events.close();
        assert!(events.next().await.is_none());
        events.tell(Event::Connected);
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn everyone_who_waits_is_told_of_the_end() {
        let events = std::sync::Arc::new(Events::default());
        let waiting = [(); 3].map(|()| {
            tokio::spawn({
                let events = events.clone();
                async move { events.next().await.is_none() }
            })
        });
        tokio::task::yield_now().await;
        events.close();
        for one in waiting {
            assert!(one.await.unwrap());
        }
    }
}
