//! Conversations between a phone and the clinic process, carried and not understood.
//!
//! A phone that enrols or renews waits on its stream; its messages lie here until the clinic process polls
//! them, and the answers come back by the conversation's number. Dropping a [`Conversation`] (the phone went away)
//! forgets all of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::link::{ConversationKind, Failure, MAX_RELAY_MESSAGES, MAX_RELAYED_LEN, RelayMessage};

/// Most conversations at once.
pub(super) const MAX_CONVERSATIONS: usize = 64;

/// Of these, enrolments: each waits for people who compare words, and renewals must go on meanwhile.
const MAX_ENROLMENTS: usize = 32;

/// Renewals of one device: a second, when it asks again before the gateway has noticed that it was gone.
const MAX_RENEWALS_PER_DEVICE: usize = 2;

/// Most messages that a phone may have waiting for the clinic process.
const MAX_WAITING_PER_CONVERSATION: usize = 4;

/// All conversations.
#[derive(Debug, Clone)]
pub(super) struct Relay {
    inner: Arc<Mutex<Inner>>,
    news: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    next_conversation: u64,
    next_seq: u64,
    open: BTreeMap<u64, (ConversationKind, mpsc::Sender<Reply>)>,
    waiting: VecDeque<RelayMessage>,
}

/// An answer of the clinic process.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) message: Vec<u8>,
    pub(super) last: bool,
}

/// There are too many conversations, or this one has too much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Relay {
    /// `news` is notified when a phone has said something.
    pub(super) fn new(news: Arc<Notify>) -> Self {
        Self { inner: Arc::default(), news }
    }

    pub(super) fn open(&self, kind: ConversationKind) -> Result<Conversation, Full> {
        let (sender, replies) = mpsc::channel(MAX_WAITING_PER_CONVERSATION);
        let mut inner = self.lock();
        let alike = inner.open.values().filter(|(other, _)| *other == kind).count();
        let most = match kind {
            ConversationKind::Enrol => MAX_ENROLMENTS,
            ConversationKind::Renew(_) => MAX_RENEWALS_PER_DEVICE,
        };
        if inner.open.len() >= MAX_CONVERSATIONS || alike >= most {
            return Err(Full);
        }
        inner.next_conversation = inner.next_conversation.saturating_add(1);
        let id = inner.next_conversation;
        inner.open.insert(id, (kind, sender));
        Ok(Conversation { relay: self.clone(), id, kind, shown: None, replies })
    }

    /// Messages after `seq`, oldest first.
    pub(super) fn after(&self, seq: u64) -> Vec<RelayMessage> {
        let inner = self.lock();
        inner.waiting.iter().filter(|message| message.seq > seq).take(MAX_RELAY_MESSAGES).cloned().collect()
    }

    /// Hands a message to the phone of `conversation`.
    pub(super) fn answer(&self, conversation: u64, message: Vec<u8>, last: bool) -> Result<(), Failure> {
        let mut inner = self.lock();
        // What the phone said so far has been answered: it need not be shown again to a clinic process that restarts.
        inner.waiting.retain(|waiting| waiting.conversation != conversation);
        let (_, sender) = inner.open.get(&conversation).ok_or(Failure::NoConversation)?;
        sender.try_send(Reply { message, last }).map_err(|_| Failure::NoConversation)
    }

    /// Ends every conversation: the clinic process that held them is gone.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        inner.open.clear();
        inner.waiting.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The phone's side of one conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    relay: Relay,
    id: u64,
    kind: ConversationKind,
    shown: Option<Vec<u8>>,
    replies: mpsc::Receiver<Reply>,
}

impl Conversation {
    /// The same, of a phone that has connected with this certificate (DER).
    pub(super) fn showing(mut self, certificate: &[u8]) -> Self {
        self.shown = Some(certificate.to_vec());
        self
    }

    /// Lays a message of the phone where the clinic process finds it.
    pub(super) fn say(&self, message: Vec<u8>) -> Result<(), Full> {
        if message.len() > MAX_RELAYED_LEN {
            return Err(Full);
        }
        let mut inner = self.relay.lock();
        let mine = inner.waiting.iter().filter(|waiting| waiting.conversation == self.id).count();
        if mine >= MAX_WAITING_PER_CONVERSATION {
            return Err(Full);
        }
        inner.next_seq = inner.next_seq.saturating_add(1);
        let message = RelayMessage {
            seq: inner.next_seq,
            conversation: self.id,
            kind: self.kind,
            shown: self.shown.clone(),
            message,
        };
        inner.waiting.push_back(message);
        drop(inner);
        self.relay.news.notify_waiters();
        Ok(())
    }

    /// The next answer.
    pub(super) async fn reply(&mut self) -> Option<Reply> {
        self.replies.recv().await
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let mut inner = self.relay.lock();
        inner.open.remove(&self.id);
        inner.waiting.retain(|waiting| waiting.conversation != self.id);
    }
}

#[cfg(test)]
mod tests {
    use safelight_core::ids::DeviceId;

    use super::*;

    #[tokio::test]
    async fn messages_go_both_ways_and_a_phone_that_leaves_is_forgotten() {
        let relay = Relay::new(Arc::default());
        let mut phone = relay.open(ConversationKind::Enrol).unwrap();
        phone.say(vec![1]).unwrap();
        let seen = relay.after(0);
        assert_eq!((seen.len(), seen[0].message.as_slice()), (1, [1u8].as_slice()));
        assert!(relay.after(seen[0].seq).is_empty());
        relay.answer(seen[0].conversation, vec![2], true).unwrap();
        assert!(relay.after(0).is_empty());
        let reply = phone.reply().await.unwrap();
        assert_eq!((reply.message, reply.last), (vec![2], true));
        drop(phone);
        assert_eq!(relay.answer(seen[0].conversation, vec![3], true), Err(Failure::NoConversation));
    }

    #[test]
    fn x51_neither_one_device_nor_enrolments_keep_renewals_of_others_out() {
        let relay = Relay::new(Arc::default());
        let renew = |device| relay.open(ConversationKind::Renew(DeviceId::from_bytes([device; 16])));
        let _enrolments: Vec<_> = (0..MAX_ENROLMENTS).map(|_| relay.open(ConversationKind::Enrol).unwrap()).collect();
        assert_eq!(relay.open(ConversationKind::Enrol).unwrap_err(), Full);
        let mine: Vec<_> = (0..MAX_RENEWALS_PER_DEVICE).map(|_| renew(1).unwrap()).collect();
        assert_eq!(renew(1).unwrap_err(), Full);
        assert!(renew(2).is_ok());
        drop(mine);
        assert!(renew(1).is_ok());
    }

    #[test]
    fn neither_conversations_nor_messages_grow_without_bound() {
        let relay = Relay::new(Arc::default());
        let renew = |device| relay.open(ConversationKind::Renew(DeviceId::from_bytes([device; 16])));
        let phones: Vec<_> = (0..).take(MAX_CONVERSATIONS).map(|device| renew(device).unwrap()).collect();
        assert_eq!(renew(255).unwrap_err(), Full);
        for _ in 0..MAX_WAITING_PER_CONVERSATION {
            phones[0].say(vec![0]).unwrap();
        }
        assert_eq!(phones[0].say(vec![0]), Err(Full));
        drop(phones);
        assert!(relay.after(0).is_empty());
    }
}
