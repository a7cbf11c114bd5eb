//! The clinic process is the intake log's first witness: it remembers what ingest has signed, and puts it on record in the
//! access log, which ingest cannot reach.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use safelight_core::log::checkpoint::{Checkpoint, SignedCheckpoint};
use safelight_core::log::verify_consistency;
use tokio::time::sleep;

use super::access::Event;
use super::{ClinicError, Running, record};
use crate::link::{self, Answer, Ask, Link, LinkError};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(60);

/// Witnesses for as long as the process runs. The first look waits until the link is likely to stand.
pub(super) async fn run(running: Arc<Running>) {
    let mut last: Option<Checkpoint> = None;
    let mut link: Option<Link> = None;
    loop {
        sleep(INTERVAL).await;
        let connected = match link.take() {
            Some(connected) => Ok(connected),
            None => link::connect(&running.ingest_folder).await,
        };
        // `pull` says it when ingest is away.
        let Ok(mut connected) = connected else { continue };
        match look(&running, &mut connected, last.as_ref()).await {
            Ok(Some(newest)) => last = Some(newest),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the intake log could not be witnessed");
                continue;
            }
        }
        link = Some(connected);
    }
}

/// The newest checkpoint, if it is a continuation of the last that grew.
async fn look(
    running: &Running,
    link: &mut Link,
    last: Option<&Checkpoint>,
) -> Result<Option<Checkpoint>, ClinicError> {
    let from = last.map_or(0, |last| last.size);
    let Answer::Checkpoint { checkpoint, consistency } = link.ask(&Ask::Checkpoint { from }).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let key_set = running.clinic.key_set();
    let key_set = key_set.key_set();
    let text = std::str::from_utf8(&checkpoint).map_err(|_| LinkError::Unexpected)?;
    let key = VerifyingKey::from_bytes(&key_set.log_key).map_err(|_| LinkError::Unexpected)?;
    let signed =
        SignedCheckpoint::parse_and_verify(text, &key_set.log_origin, &key).map_err(|_| LinkError::Unexpected)?;
    let newest = signed.checkpoint().clone();
    if let Some(last) = last {
        if newest == *last {
            return Ok(None);
        }
        if !verify_consistency(last.size, &last.root, newest.size, &newest.root, &consistency) {
            tracing::error!(size = last.size, "ingest's log is not a continuation of what it signed before");
            record(&running.clinic, &[Event::IntakeForked(last.size)]).await?;
            return Ok(None);
        }
    }
    record(&running.clinic, &[Event::IntakeSeen(newest.size, newest.root)]).await?;
    Ok(Some(newest))
}
