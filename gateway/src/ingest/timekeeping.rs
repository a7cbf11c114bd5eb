//! Ingest's time: watched, and kept across restarts, so that a certificate that has ended stays ended.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use safelight_core::ids::UnixMillis;
use tokio::time::sleep;

use super::Ingest;
use super::inbox::{self, InboxError};
use crate::clock::Clock;
use crate::clock::guard::{Guard, MAX_LEAP, Reading, TOLERANCE};
use crate::clock::keeping::{self, Keeping};
use crate::store::catalog::Catalog;

/// How often a person has accepted the clock, as the clinic process counts it.
const ACCEPTED: &str = "clock-accepted";

/// Watches `clock` from where it was left.
pub(super) async fn guard(catalog: &Catalog, clock: &Clock) -> Result<Guard, InboxError> {
    let mut kept = [None; 3];
    for (name, value) in keeping::NAMES.into_iter().zip(&mut kept) {
        *value = inbox::number(catalog, name).await?;
    }
    Ok(keeping::guard(clock, kept))
}

/// Watches for as long as the process runs.
pub(super) async fn run(ingest: Arc<Ingest>) {
    let mut keeping = Keeping::default();
    loop {
        let reading = ingest.guard.look();
        keeping.has_turned(reading);
        if keeping.is_due(reading) {
            match keep(&ingest, reading).await {
                Ok(()) => keeping.kept(reading),
                Err(error) => tracing::error!(%error, "the time could not be kept"),
            }
        }
        sleep(keeping::INTERVAL).await;
    }
}

async fn keep(ingest: &Ingest, reading: Reading) -> Result<(), InboxError> {
    for (name, value) in keeping::values(reading) {
        ingest.inbox.set_number(name, value).await?;
    }
    Ok(())
}

/// A person said at the clinic process that its clock is right, which said `at`. This machine's is believed with it, once, unless it says
/// something else.
pub(super) async fn accept(ingest: &Ingest, number: u64, at: UnixMillis) -> Result<(), InboxError> {
    if ingest.inbox.number(ACCEPTED).await?.unwrap_or(0) >= number {
        return Ok(());
    }
    let wall = ingest.guard.look().wall;
    if wall.plus(TOLERANCE) < at || wall > at.plus(MAX_LEAP) {
        tracing::error!("the clinic process's clock was accepted, and this machine's says something else: set it");
        return Ok(());
    }
    ingest.inbox.set_number(ACCEPTED, number).await?;
    ingest.inbox.set_number(keeping::MARK, wall.0).await?;
    ingest.guard.accept();
    tracing::warn!("the clock was accepted");
    Ok(())
}

/// The watched time for TLS.
#[derive(Debug)]
pub(super) struct TlsTime(pub(super) Clock);

impl TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().0)))
    }
}
