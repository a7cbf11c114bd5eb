//! The conversation with ingest: captures, enrolments and renewals come in; answers and lists go out.

use std::sync::Arc;
use std::time::Duration;

use safelight_core::ids::DeviceId;
use safelight_core::manifest::SignedManifest;
use safelight_core::seal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::access::{Actor, Event};
use super::enrolments::{Enrolments, Say};
use super::knocks::Knocks;
use super::pictures::{self, Claimed};
use super::push::Pushed;
use super::sightings::Sightings;
use super::{ClinicError, RECONNECT, Running, devices, renewals, restored, revocations};
use crate::link::{self, Answer, Ask, ConversationKind, Failure, InboxEntry, Link, LinkError, RelayMessage};
use crate::store::headers::{Header, HeaderError, Headers, Kind};

/// How long one poll waits. Approvals and revocations made at the shell are noticed this often.
const POLL_WAIT: Duration = Duration::from_millis(250);

/// Says that the link is down again after this time, so that the log is not flooded.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Holds the link for as long as the process runs. It ends only with [`ClinicError::KeySetLearned`], which needs a new start.
pub(super) async fn run(running: Arc<Running>, linked: watch::Sender<bool>) -> ClinicError {
    let (mut complained, mut learned): (Option<Instant>, _) = (None, false);
    // Beyond the link's end: whoever breaks it does not begin anew.
    let mut knocks = Knocks::default();
    loop {
        let error = match hold(&running, &linked, &mut learned, &mut knocks).await {
            Ok(()) => continue,
            Err(error @ ClinicError::KeySetLearned) => return error,
            Err(error) => error,
        };
        linked.send_replace(false);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            tracing::warn!(%error, "no link to ingest");
            complained = Some(Instant::now());
        }
        sleep(RECONNECT).await;
    }
}

async fn hold(
    running: &Running,
    linked: &watch::Sender<bool>,
    learned: &mut bool,
    knocks: &mut Knocks,
) -> Result<(), ClinicError> {
    let mut link = link::connect(&running.ingest_folder).await?;
    // Before anything is said or served: this catalog may be older than what is in force.
    restored::catch_up(&running.clinic, &mut link, learned).await?;
    let mut enrolments = Enrolments::new(running.attestation_roots.clone());
    let (mut pushed, mut sightings) = (Pushed::default(), Sightings::default());
    let (mut relay_after, mut knocks_after) = (0, 0);
    loop {
        let now = running.clock.now();
        pushed.bring_up_to_date(&running.clinic, &mut link).await?;
        for say in enrolments.decided(&running.clinic, now).await? {
            // The phone connects at once: ingest must know it before it has its certificate.
            pushed.bring_up_to_date(&running.clinic, &mut link).await?;
            tell(&mut link, &mut enrolments, say).await?;
        }
        linked.send_replace(true);
        let wait_ms = u32::try_from(POLL_WAIT.as_millis()).unwrap_or(u32::MAX);
        let unlocked = running.vault.is_open();
        let poll = Ask::Poll { relay_after, wait_ms, unlocked, knocks_after };
        let Answer::Events { inbox, relay, knocks: knocked } = link.ask(&poll).await? else {
            return Err(LinkError::Unexpected.into());
        };
        knocks.take_in(&running.clinic, &knocked, now).await?;
        sightings.bring_up_to_date(&running.clinic, &mut link, now).await?;
        knocks_after = knocked.iter().map(|knock| knock.seq).fold(knocks_after, u64::max);
        // A revocation that was made while ingest took its time to answer holds for what it answers.
        if !inbox.is_empty() {
            pushed.bring_up_to_date(&running.clinic, &mut link).await?;
        }
        for entry in &inbox {
            take_over(running, &mut link, entry).await?;
        }
        // What is settled is not shown again.
        settle(&mut link, &inbox).await?;
        let (mut says, mut failed) = (Vec::with_capacity(relay.len()), Ok(()));
        for message in relay {
            relay_after = relay_after.max(message.seq);
            match answer(running, &mut enrolments, message).await {
                Ok(say) => says.push(say),
                // Those before it have their certificates, and are told.
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        // A phone connects as soon as it has its certificate: ingest must know it before. Once for all, since it is told of every device each time,
        // and after an outage all of them ask.
        if !says.is_empty() {
            pushed.bring_up_to_date(&running.clinic, &mut link).await?;
        }
        for say in says {
            tell(&mut link, &mut enrolments, say).await?;
        }
        failed?;
    }
}

async fn answer(running: &Running, enrolments: &mut Enrolments, message: RelayMessage) -> Result<Say, ClinicError> {
    let now = running.clock.now();
    match message.kind {
        ConversationKind::Enrol => {
            enrolments.handle(&running.clinic, message.conversation, &message.message, now).await
        }
        ConversationKind::Renew(device) => {
            let shown = message.shown.as_deref().unwrap_or_default();
            let response = renewals::renew(&running.clinic, device, shown, &message.message, now).await?;
            Ok(Say { conversation: message.conversation, message: response, last: true })
        }
    }
}

async fn tell(link: &mut Link, enrolments: &mut Enrolments, say: Say) -> Result<(), ClinicError> {
    let conversation = say.conversation;
    let ask = Ask::Answer { conversation, message: say.message, last: say.last };
    match link.tell(&ask).await {
        // The phone did not wait. It may come again.
        Err(LinkError::Failed(Failure::NoConversation)) => {
            enrolments.forget(conversation);
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Takes a capture over: the header into the header store, the rest into the catalog. Nothing of it is believed yet.
async fn take_over(running: &Running, link: &mut Link, entry: &InboxEntry) -> Result<(), ClinicError> {
    let clinic = &running.clinic;
    let now = running.clock.now();
    let (claimed, mut quarantined) = read_claims(entry);
    if quarantined.is_none() && revocations::came_too_late(clinic, link, entry, &claimed).await? {
        quarantined = Some(revocations::REVOKED);
    }
    let header = |kind, bytes: &[u8]| Header { id: entry.capture_id.into(), kind, bytes: bytes.to_vec() };
    let mut headers = vec![header(Kind::Picture, &entry.header)];
    let label_payload = match seal::split(&entry.label) {
        Ok((label_header, payload)) => {
            headers.push(header(Kind::Label, label_header));
            payload
        }
        Err(_) => {
            quarantined = Some("label-damaged");
            &[]
        }
    };
    match clinic.headers.put(&headers).await {
        // Taken over before, and cut off before ingest was told.
        Ok(()) | Err(HeaderError::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    let mut tx = clinic.catalog.write().await?;
    if pictures::insert(&mut tx, entry, label_payload, &claimed, quarantined, now).await? {
        devices::seen_at(&mut tx, claimed.device, entry.stored_at, now).await?;
        let mut events = vec![Event::Pulled(entry.capture_id)];
        events.extend(quarantined.map(|reason| Event::Quarantined(entry.capture_id, reason)));
        clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    }
    tx.commit().await?;
    running.pulled.notify_one();
    Ok(())
}

/// What the manifest says of itself. An entry whose manifest cannot even be read is kept under what ingest calls it, and quarantined.
fn read_claims(entry: &InboxEntry) -> (Claimed, Option<&'static str>) {
    let unreadable = || Claimed {
        device: DeviceId::from_bytes([0; 16]),
        operator: None,
        sequence: 0,
        captured_at: entry.stored_at,
        manifest_hash: [0; 32],
    };
    let Ok(unverified) = SignedManifest::parse(&entry.manifest) else {
        return (unreadable(), Some("manifest-unreadable"));
    };
    let said = unverified.claimed();
    let claimed = Claimed {
        device: said.device_id,
        operator: Some(said.operator.clone()),
        sequence: said.sequence,
        captured_at: said.captured_at,
        manifest_hash: said.hash().0,
    };
    let other = said.capture_id != entry.capture_id;
    (claimed, other.then_some("manifest-of-another-capture"))
}

async fn settle(link: &mut Link, entries: &[InboxEntry]) -> Result<(), ClinicError> {
    if entries.is_empty() {
        return Ok(());
    }
    let ids = entries.iter().map(|entry| entry.capture_id).collect();
    Ok(link.tell(&Ask::Settled(ids)).await?)
}
