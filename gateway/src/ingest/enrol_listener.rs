//! The enrolment listener: open while an invitation is, and a mere relay.
//!
//! It compares the token's hash with those of the open invitations, so that a stranger's guesses end here, and carries
//! everything else unread to the clinic process and back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use safelight_core::enrol::messages::MAX_BEGIN_LEN;
use safelight_core::enrol::{Begin, Outcome, Refusal};
use safelight_core::wire::{CloseReason, FrameReader, frame};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, timeout, timeout_at};

use super::Ingest;
use super::connection::{HANDSHAKE_DEADLINE, READ_LEN};
use super::live::close;
use super::relay::Conversation;
use crate::link::ConversationKind;
use crate::network::network;

/// Wrong tokens that one network may try before it is no longer listened to, until there is a new invitation.
const MAX_WRONG_TOKENS: u32 = 10;

/// Wrong tokens of all networks together, likewise. This ends the round for whoever is invited at the moment; phones that are enrolled
/// notice nothing, and the next invitation begins a new round.
const MAX_WRONG_IN_ALL: u32 = 500;

/// Connections at once.
pub(super) const MAX_ENROLLING: usize = 32;

/// How long the phone has for each of its messages.
const PHONE_DEADLINE: Duration = Duration::from_secs(20);

/// How long an approval may take.
const APPROVAL_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Wrong tokens by network, which are never more than [`MAX_WRONG_IN_ALL`].
#[derive(Debug, Default)]
pub(super) struct WrongTokens(Mutex<HashMap<IpAddr, u32>>);

impl WrongTokens {
    fn may_try(&self, address: IpAddr) -> bool {
        let network = network(address);
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all = tried.values().fold(0, |sum: u32, count| sum.saturating_add(*count));
        in_all < MAX_WRONG_IN_ALL && tried.get(&network).is_none_or(|count| *count < MAX_WRONG_TOKENS)
    }

    fn note(&self, address: IpAddr) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tried.entry(network(address)).or_default();
        *count = count.saturating_add(1);
    }

    /// A new round, for a new invitation: nobody is shut out for good by whoever shares its network.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Carries one phone through its enrolment.
pub(super) async fn serve(ingest: Arc<Ingest>, incoming: quinn::Incoming) {
    let address = incoming.remote_address().ip();
    if !ingest.wrong_tokens.may_try(address) {
        ingest.turn_away("too-many-wrong-tokens");
        incoming.refuse();
        return;
    }
    let Ok(Ok(connection)) = timeout(HANDSHAKE_DEADLINE, incoming).await else { return };
    let Ok(Ok((mut send, mut recv))) = timeout(PHONE_DEADLINE, connection.accept_bi()).await else {
        close(&connection, CloseReason::Protocol);
        return;
    };
    let outcome = converse(&ingest, address, &mut send, &mut recv).await;
    if let Err(refusal) = outcome {
        ingest.turn_away(refusal.code());
        // Somebody who does not read it does not keep the place for it.
        let _ = timeout(PHONE_DEADLINE, send.write_all(&frame(&Outcome::Refused(refusal).to_bytes()))).await;
    }
    let _ = send.finish();
    let _ = timeout(PHONE_DEADLINE, send.stopped()).await;
    close(&connection, CloseReason::Done);
}

async fn converse(
    ingest: &Arc<Ingest>,
    address: IpAddr,
    send: &mut quinn::SendStream,
    recv: &mut quinn::RecvStream,
) -> Result<(), Refusal> {
    let mut phone = PhoneFrames { recv, reader: FrameReader::new(MAX_BEGIN_LEN), pending: Vec::new() };
    let begin = phone.next().await?;
    let parsed = Begin::parse(&begin).map_err(|_| Refusal::Request)?;
    // Asked again: of many connections that came at once, all passed the first question.
    if !ingest.wrong_tokens.may_try(address) {
        return Err(Refusal::TooMany);
    }
    if !is_open(ingest, &parsed.token.hash()) {
        ingest.wrong_tokens.note(address);
        return Err(Refusal::Invitation);
    }
    let mut conversation = ingest.relay.open(ConversationKind::Enrol).map_err(|_| Refusal::TooMany)?;
    conversation.say(begin).map_err(|_| Refusal::TooMany)?;
    let deadline = Instant::now() + APPROVAL_DEADLINE;
    // Offer for Begin, Reveal for Reveal, then the verdict.
    let first = forward(&mut conversation, send, Instant::now() + PHONE_DEADLINE).await?;
    if first {
        return Ok(());
    }
    conversation.say(phone.next().await?).map_err(|_| Refusal::TooMany)?;
    while !forward(&mut conversation, send, deadline).await? {}
    Ok(())
}

/// Carries one message of the clinic process to the phone; says whether it was the last.
async fn forward(
    conversation: &mut Conversation,
    send: &mut quinn::SendStream,
    deadline: Instant,
) -> Result<bool, Refusal> {
    tokio::select! {
        reply = timeout_at(deadline, conversation.reply()) => {
            let reply = reply.ok().flatten().ok_or(Refusal::Unavailable)?;
            let sent = timeout(PHONE_DEADLINE, send.write_all(&frame(&reply.message))).await;
            sent.map_err(|_| Refusal::TimedOut)?.map_err(|_| Refusal::TimedOut)?;
            Ok(reply.last)
        }
        // The phone went away: there is nobody to approve.
        _ = send.stopped() => Err(Refusal::TimedOut),
    }
}

fn is_open(ingest: &Ingest, token_hash: &[u8; 32]) -> bool {
    let now = ingest.clock.now();
    let open = ingest.invitations.lock().unwrap_or_else(PoisonError::into_inner);
    open.iter().any(|invitation| invitation.expires_at > now && bool::from(invitation.token_hash.ct_eq(token_hash)))
}

struct PhoneFrames<'a> {
    recv: &'a mut quinn::RecvStream,
    reader: FrameReader,
    pending: Vec<u8>,
}

impl PhoneFrames<'_> {
    async fn next(&mut self) -> Result<Vec<u8>, Refusal> {
        let deadline = Instant::now() + PHONE_DEADLINE;
        loop {
            let pending = std::mem::take(&mut self.pending);
            let mut input = pending.as_slice();
            if let Some(body) = self.reader.read(&mut input).map_err(|_| Refusal::Request)? {
                self.pending = input.to_vec();
                return Ok(body);
            }
            match timeout_at(deadline, self.recv.read_chunk(READ_LEN, true)).await {
                Err(_) => return Err(Refusal::TimedOut),
                Ok(Err(_)) | Ok(Ok(None)) => return Err(Refusal::Request),
                Ok(Ok(Some(chunk))) => self.pending = chunk.bytes.to_vec(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn e05_guesses_end_for_one_address_and_for_all_together_until_the_next_round() {
        let tried = WrongTokens::default();
        for _ in 0..MAX_WRONG_TOKENS {
            assert!(tried.may_try(address(1)));
            tried.note(address(1));
        }
        assert!(!tried.may_try(address(1)), "one address");
        assert!(tried.may_try(address(2)), "others are not shut out by it");
        let mut guesses = MAX_WRONG_TOKENS;
        while tried.may_try(address(100 + guesses)) {
            tried.note(address(100 + guesses));
            guesses += 1;
        }
        assert_eq!(guesses, MAX_WRONG_IN_ALL, "all together");
        assert!(!tried.may_try(address(2)));
        tried.clear();
        assert!(tried.may_try(address(1)) && tried.may_try(address(2)));
    }

    /// Whoever has a /64 has as many addresses as there are guesses.
    #[test]
    fn x63_one_network_does_not_use_up_what_all_may_try() {
        let tried = WrongTokens::default();
        let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for guess in 0..10_000 {
            if tried.may_try(address(guess)) {
                tried.note(address(guess));
            }
        }
        assert_eq!(tried.0.lock().unwrap().values().sum::<u32>(), MAX_WRONG_TOKENS);
        assert!(tried.may_try(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1])), "another network");
    }
}
