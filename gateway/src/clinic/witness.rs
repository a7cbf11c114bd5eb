//! The clinic process is the intake log's first witness: it remembers what ingest has signed, and puts it on record in the
//! access log, which ingest cannot reach.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use safelight_core::ids::UnixMillis;
use safelight_core::log::checkpoint::SignedCheckpoint;
use safelight_core::log::verify_consistency;
use tokio::time::sleep;

use super::access::{Actor, Event};
use super::{Clinic, ClinicError, Running, settings};
use crate::link::{self, Answer, Ask, Link, LinkError};
use crate::store::catalog::Catalog;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(60);

/// The same while ingest is away.
const AGAIN: Duration = Duration::from_secs(1);

/// The newest checkpoint that was witnessed: its size, and its root. It outlives restarts, so that a log that was exchanged meanwhile is seen.
const SEEN: &str = "intake-seen";

/// When the log was last found not to continue it. It stays, whatever comes: a person must know.
const FORKED: &str = "intake-forked-at";

/// Witnesses for as long as the process runs.
pub(super) async fn run(running: Arc<Running>) {
    let (mut link, mut complained): (Option<Link>, bool) = (None, false);
    loop {
        let connected = match link.take() {
            Some(connected) => Ok(connected),
            None => link::connect(&running.ingest_folder).await,
        };
        // `pull` says it when ingest is away.
        let Ok(mut connected) = connected else {
            sleep(AGAIN).await;
            continue;
        };
        match look(&running.clinic, &mut connected, &mut complained).await {
            Ok(()) => link = Some(connected),
            Err(error) => tracing::warn!(%error, "the intake log could not be witnessed"),
        }
        sleep(INTERVAL).await;
    }
}

/// When ingest last showed a log that does not continue what it had signed before, if it ever did.
pub async fn forked_at(catalog: &Catalog) -> Result<Option<UnixMillis>, ClinicError> {
    Ok(settings::number(&mut *catalog.read().await?, FORKED).await?.map(UnixMillis))
}

/// Looks at the newest checkpoint, and keeps it if it continues the one that was kept.
async fn look(clinic: &Clinic, link: &mut Link, complained: &mut bool) -> Result<(), ClinicError> {
    let last = seen(&clinic.catalog).await?;
    let from = last.as_ref().map_or(0, |(size, _)| *size);
    let Answer::Checkpoint { checkpoint, consistency } = link.ask(&Ask::Checkpoint { from }).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    let text = std::str::from_utf8(&checkpoint).map_err(|_| LinkError::Unexpected)?;
    let key = VerifyingKey::from_bytes(&key_set.log_key).map_err(|_| LinkError::Unexpected)?;
    let signed =
        SignedCheckpoint::parse_and_verify(text, &key_set.log_origin, &key).map_err(|_| LinkError::Unexpected)?;
    let newest = signed.checkpoint();
    if let Some((size, root)) = last {
        if (newest.size, newest.root) == (size, root) {
            return Ok(());
        }
        if !verify_consistency(size, &root, newest.size, &newest.root, &consistency) {
            return alarm(clinic, size, complained).await;
        }
    }
    let mut tx = clinic.catalog.write().await?;
    settings::set(&mut tx, SEEN, [&newest.size.to_be_bytes()[..], &newest.root].concat()).await?;
    let event = Event::IntakeSeen(newest.size, newest.root);
    clinic.access.record(&mut tx, &Actor::Gateway, clinic.now(), &[event]).await?;
    Ok(tx.commit().await?)
}

/// What was kept stays, so that the next look, and the next process, find the same. It is on record once for each process.
async fn alarm(clinic: &Clinic, size: u64, complained: &mut bool) -> Result<(), ClinicError> {
    tracing::error!(
        code = "intake-forked",
        size,
        "ingest's log is not a continuation of what it signed before: keep everything as it is and tell the privacy officer"
    );
    if std::mem::replace(complained, true) {
        return Ok(());
    }
    let now = clinic.now();
    let mut tx = clinic.catalog.write().await?;
    settings::set_number(&mut tx, FORKED, now.0).await?;
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[Event::IntakeForked(size)]).await?;
    Ok(tx.commit().await?)
}

async fn seen(catalog: &Catalog) -> Result<Option<(u64, [u8; 32])>, ClinicError> {
    let Some(value) = settings::get(&mut *catalog.read().await?, SEEN).await? else { return Ok(None) };
    let (size, root) = value.split_first_chunk::<8>().ok_or(ClinicError::CatalogDamaged)?;
    Ok(Some((u64::from_be_bytes(*size), root.try_into().map_err(|_| ClinicError::CatalogDamaged)?)))
}
