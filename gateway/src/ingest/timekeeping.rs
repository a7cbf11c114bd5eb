//! Ingest's time: watched, and kept across restarts, so that a certificate that has ended stays ended.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use safelight_core::ids::UnixMillis;
use tokio::time::sleep;

use super::Ingest;
use super::inbox::{Inbox, InboxError};
use crate::clock::Clock;
use crate::clock::guard::{Guard, Judgement, MAX_LEAP, TOLERANCE};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// The mark is written when it has moved by so much.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Names of what is kept.
const MARK: &str = "clock-mark";
const ACCEPTED: &str = "clock-accepted";

/// Watches `clock` from where it was left.
pub(super) async fn guard(inbox: &Inbox, clock: &Clock) -> Result<Guard, InboxError> {
    let mark = inbox.number(MARK).await?.map(UnixMillis);
    Ok(Guard::new(clock.clone(), mark))
}

/// Watches for as long as the process runs.
pub(super) async fn run(ingest: Arc<Ingest>) {
    let (mut kept, mut said): (Option<UnixMillis>, _) = (None, Judgement::Right);
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
        if kept.is_none_or(|kept| reading.mark < kept || reading.mark.since(kept) >= KEEP_EVERY) {
            match ingest.inbox.set_number(MARK, reading.mark.0).await {
                Ok(()) => kept = Some(reading.mark),
                Err(error) => tracing::error!(%error, "the time could not be kept"),
            }
        }
        sleep(INTERVAL).await;
    }
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
