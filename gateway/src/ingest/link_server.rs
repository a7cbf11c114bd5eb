//! Ingest's end of the link: answers the clinic process, one question at a time on each connection.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use getrandom::SysRng;
use tokio::time::{Instant, timeout_at};

use super::inbox::InboxError;
use super::key_set::InForce;
use super::{Ingest, connection, timekeeping};
use crate::link::{Answer, Ask, Failure, IngestStatus, Link, LinkError, LinkListener, MAX_POLL_WAIT_MS};
use crate::log::LogError;
use crate::store::blobs::Blobs;

/// Answers every clinic process that connects.
pub(super) async fn serve(ingest: Arc<Ingest>, listener: LinkListener, phones: SocketAddr, enrolling: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(link) => {
                tokio::spawn(converse(ingest.clone(), link, phones.port(), enrolling.port()));
            }
            Err(LinkError::Peer) => tracing::warn!("a process of another user tried the link"),
            Err(error) => {
                tracing::error!(%error, "the link cannot accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(ingest: Arc<Ingest>, mut link: Link, port: u16, enrol_port: u16) {
    let mut polled = false;
    if let Err(error) = answer_all(&ingest, &mut link, port, enrol_port, &mut polled).await {
        tracing::warn!(%error, "the link broke");
    }
    if polled {
        // Whoever comes next knows nothing of these conversations.
        ingest.relay.abandon();
    }
}

async fn answer_all(
    ingest: &Ingest,
    link: &mut Link,
    port: u16,
    enrol_port: u16,
    polled: &mut bool,
) -> Result<(), LinkError> {
    while let Some(ask) = link.next_ask().await? {
        *polled |= matches!(ask, Ask::Poll { .. });
        let answer = match ask {
            Ask::Status => status(ingest, port, enrol_port).await,
            ask => answer(ingest, ask).await,
        };
        link.answer(&answer.unwrap_or_else(Answer::Failed)).await?;
    }
    Ok(())
}

async fn answer(ingest: &Ingest, ask: Ask) -> Result<Answer, Failure> {
    match ask {
        Ask::Poll { relay_after, wait_ms, unlocked, knocks_after } => {
            ingest.clinic_seen(unlocked);
            poll(ingest, relay_after, wait_ms, knocks_after).await
        }
        Ask::Settled(captures) => {
            ingest.inbox.settle(&captures).await.map_err(|_| Failure::Store)?;
            Ok(Answer::Done)
        }
        Ask::Devices { generation, devices } => {
            // In force first and kept second: keeping it waits for the transaction that is being written, so that when this is answered every
            // picture of a device that was revoked is either in the log already or never will be.
            ingest.devices.replace(generation, devices.clone());
            connection::close_unwelcome(ingest).await;
            ingest.inbox.set_devices(generation, &devices).await.map_err(|_| Failure::Store)?;
            Ok(Answer::Done)
        }
        Ask::Invitations(open) => {
            let mut held = ingest.invitations.lock().unwrap_or_else(PoisonError::into_inner);
            // The list is also pushed anew when one has ended, and by every clinic process that connects.
            let is_new = open.iter().any(|invitation| held.iter().all(|known| known.id != invitation.id));
            *held = open;
            drop(held);
            if is_new {
                ingest.wrong_tokens.clear();
            }
            ingest.invited.notify_waiters();
            Ok(Answer::Done)
        }
        Ask::KeySet { envelope, accepted, receipt_keys } => {
            let in_force = InForce { envelope, accepted, receipt_keys };
            ingest.inbox.set_key_set(in_force.clone()).await.map_err(|_| Failure::Store)?;
            super::put_in_force(ingest, in_force).map_err(|_| Failure::Store)?;
            Ok(Answer::Done)
        }
        Ask::ReceiptKeyRequest => {
            let mut keys = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let next = keys.receipt().prepare(&mut SysRng).map_err(|error| {
                tracing::error!(%error, "a new receipt key could not be made");
                Failure::Store
            })?;
            Ok(Answer::PublicKey(next.to_sec1()))
        }
        Ask::Answer { conversation, message, last } => {
            ingest.relay.answer(conversation, message, last)?;
            Ok(Answer::Done)
        }
        Ask::Checkpoint { from } => {
            let (checkpoint, consistency) = ingest.inbox.checkpoint_since(from).await.map_err(|_| Failure::Store)?;
            Ok(Answer::Checkpoint { checkpoint, consistency })
        }
        Ask::Inclusion { index, size } => match ingest.inbox.inclusion(index, size).await {
            Ok(proof) => Ok(Answer::Inclusion(proof)),
            Err(InboxError::Log(LogError::OutOfRange)) => Err(Failure::Unusable),
            Err(_) => Err(Failure::Store),
        },
        Ask::CertificateRequest => {
            let keys = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(Answer::PublicKey(keys.tls_public_key().to_sec1()))
        }
        Ask::Certificate(chain) => {
            let replaced = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner).replace_chain(chain);
            replaced.map_err(|_| Failure::Unusable)?;
            ingest.reconfigured.notify_one();
            Ok(Answer::Done)
        }
        Ask::InForce => {
            let (generation, devices) = ingest.inbox.devices().await.map_err(|_| Failure::Store)?;
            let key_set = ingest.inbox.key_set().await.map_err(|_| Failure::Store)?.map(|kept| kept.envelope);
            Ok(Answer::InForce { generation, devices, key_set })
        }
        Ask::ClockAccepted { number, at } => {
            timekeeping::accept(ingest, number, at).await.map_err(|_| Failure::Store)?;
            Ok(Answer::Done)
        }
        Ask::Sightings { after } => Ok(Answer::Sightings(ingest.sightings.after(after))),
        // Answered by the caller, who knows the ports.
        Ask::Status => Err(Failure::Unusable),
    }
}

async fn poll(ingest: &Ingest, relay_after: u64, wait_ms: u32, knocks_after: u64) -> Result<Answer, Failure> {
    let deadline = Instant::now() + Duration::from_millis(wait_ms.min(MAX_POLL_WAIT_MS).into());
    loop {
        // Registered before looking, so that news between the look and the wait is not missed.
        let news = ingest.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        let inbox = ingest.inbox.unsettled().await.map_err(|_| Failure::Store)?;
        let relay = ingest.relay.after(relay_after);
        let late = Instant::now() >= deadline;
        if late || !inbox.is_empty() || !relay.is_empty() {
            return Ok(Answer::Events { inbox, relay, knocks: ingest.knocks.after(knocks_after) });
        }
        let _ = timeout_at(deadline, news).await;
    }
}

async fn status(ingest: &Ingest, port: u16, enrol_port: u16) -> Result<Answer, Failure> {
    let counts = ingest.inbox.counts().await.map_err(|_| Failure::Store)?;
    let certificate_until = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner).certificate_until();
    Ok(Answer::Status(IngestStatus {
        port,
        enrol_port,
        enrol_open: ingest.enrol_open.load(Ordering::Acquire),
        connections: ingest.live.count() as u64,
        inbox: counts.unsettled,
        log_size: counts.log_size,
        clinic_seen_ms: ingest.clinic_seen_ms_ago(),
        unlocked: ingest.clinic_unlocked.load(Ordering::Acquire),
        store_trusted: ingest.inbox.is_trusted() && ingest.blobs.trust().holds(),
        devices_generation: ingest.devices.generation(),
        certificate_until,
    }))
}
