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
use crate::clock::guard::{Guard, Judgement, MAX_LEAP, Outage, Reading, TOLERANCE};
use crate::store::catalog::Catalog;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// The mark is written when it has moved by so much.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Names of what is kept.
const MARK: &str = "clock-mark";
const OUTAGE: [&str; 2] = ["outage-from", "outage-until"];
const ACCEPTED: &str = "clock-accepted";

/// Watches `clock` from where it was left.
pub(super) async fn guard(catalog: &Catalog, clock: &Clock) -> Result<Guard, InboxError> {
    let mut kept = [None; 3];
    for (name, value) in [MARK, OUTAGE[0], OUTAGE[1]].into_iter().zip(&mut kept) {
        *value = inbox::number(catalog, name).await?.map(UnixMillis);
    }
    let [mark, from, until] = kept;
    let outage = from.zip(until).map(|(from, until)| Outage { from, until });
    Ok(Guard::new(clock.clone(), mark).after(outage))
}

/// Watches for as long as the process runs.
pub(super) async fn run(ingest: Arc<Ingest>) {
    let (mut kept, mut said) = (None::<Reading>, Judgement::Right);
    loop {
        let reading = ingest.guard.look();
        if std::mem::replace(&mut said, reading.judgement).may_issue() != reading.judgement.may_issue() {
            if reading.judgement.may_issue() {
                tracing::info!("the clock is right again");
            } else {
                tracing::error!(
                    judgement = reading.judgement.name(),
                    "the clock cannot be right: set it; if it is right, run `safelight clock accept`"
                );
            }
        }
        let moved = |kept: Reading| reading.mark < kept.mark || reading.mark.since(kept.mark) >= KEEP_EVERY;
        if kept.is_none_or(|kept| moved(kept) || reading.outage != kept.outage) {
            match keep(&ingest, reading).await {
                Ok(()) => kept = Some(reading),
                Err(error) => tracing::error!(%error, "the time could not be kept"),
            }
        }
        sleep(INTERVAL).await;
    }
}

async fn keep(ingest: &Ingest, reading: Reading) -> Result<(), InboxError> {
    if let Some(outage) = reading.outage {
        for (name, value) in OUTAGE.into_iter().zip([outage.from, outage.until]) {
            ingest.inbox.set_number(name, value.0).await?;
        }
    }
    ingest.inbox.set_number(MARK, reading.mark.0).await
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
    ingest.inbox.set_number(MARK, wall.0).await?;
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
