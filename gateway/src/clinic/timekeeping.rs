//! The clinic's time: watched, kept across restarts, and accepted by a person where no program can know.

use std::sync::Arc;
use std::time::Duration;

use safelight_core::ids::UnixMillis;
use tokio::time::sleep;

use super::access::{Actor, Event};
use super::{Clinic, ClinicError, Running, settings};
use crate::clock::Clock;
use crate::clock::guard::{Guard, Judgement, Outage, Reading};
use crate::store::catalog::Catalog;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// The mark is written when it has moved by so much.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The latest time that was believed, in milliseconds since 1970.
const MARK: &str = "clock-mark";

/// When the gateway was last off.
const OUTAGE: [&str; 2] = ["outage-from", "outage-until"];

/// How often a person has accepted the clock, and what it said the last time.
const ACCEPTED: &str = "clock-accepted";
const ACCEPTED_AT: &str = "clock-accepted-at";

/// A person's word that the clock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acceptance {
    /// Ascends with each.
    pub(super) number: u64,
    /// What the clock said.
    pub(super) at: UnixMillis,
}

/// Watches `clock` from where it was left.
pub(super) async fn guard(catalog: &Catalog, clock: &Clock) -> Result<Guard, ClinicError> {
    let mut tx = catalog.read().await?;
    let mut kept = [None; 3];
    for (name, value) in [MARK, OUTAGE[0], OUTAGE[1]].into_iter().zip(&mut kept) {
        *value = settings::number(&mut tx, name).await?.map(UnixMillis);
    }
    let [mark, from, until] = kept;
    let outage = from.zip(until).map(|(from, until)| Outage { from, until });
    Ok(Guard::new(clock.clone(), mark).after(outage))
}

/// Watches for as long as the process runs: says when the clock cannot be right, keeps the mark, and hears when somebody accepts it.
pub(super) async fn run(running: Arc<Running>) {
    let clinic = &running.clinic;
    let (mut kept, mut said, mut heard) = (None::<Reading>, Judgement::Right, None);
    loop {
        if let Err(error) = keep(clinic, &mut kept, &mut said, &mut heard).await {
            tracing::error!(%error, "the time could not be kept");
        }
        sleep(INTERVAL).await;
    }
}

async fn keep(
    clinic: &Clinic,
    kept: &mut Option<Reading>,
    said: &mut Judgement,
    heard: &mut Option<Acceptance>,
) -> Result<(), ClinicError> {
    let accepted = acceptance(&clinic.catalog).await?;
    if heard.replace(accepted).is_some_and(|before| before != accepted) {
        clinic.guard.accept();
    }
    let reading = clinic.guard.look();
    say(clinic, said, reading).await?;
    let moved = |kept: Reading| reading.mark < kept.mark || reading.mark.since(kept.mark) >= KEEP_EVERY;
    if kept.is_none_or(|kept| moved(kept) || reading.outage != kept.outage) {
        let mut tx = clinic.catalog.write().await?;
        settings::set_number(&mut tx, MARK, reading.mark.0).await?;
        if let Some(outage) = reading.outage {
            for (name, value) in OUTAGE.into_iter().zip([outage.from, outage.until]) {
                settings::set_number(&mut tx, name, value.0).await?;
            }
        }
        tx.commit().await?;
        *kept = Some(reading);
    }
    Ok(())
}

/// Puts it on record when the clock turns wrong or right.
async fn say(clinic: &Clinic, said: &mut Judgement, reading: Reading) -> Result<(), ClinicError> {
    let judgement = reading.judgement;
    if std::mem::replace(said, judgement).may_issue() == judgement.may_issue() {
        return Ok(());
    }
    if judgement.may_issue() {
        tracing::info!("the clock is right again");
        return super::record(clinic, &[Event::ClockRight]).await;
    }
    tracing::error!(
        judgement = judgement.name(),
        "the clock cannot be right: nobody is enrolled and no certificate issued. Set it; if it is right, run `safelight clock accept`"
    );
    super::record(clinic, &[Event::ClockWrong(judgement.name(), reading.wall, reading.mark)]).await
}

/// What was last accepted.
pub(super) async fn acceptance(catalog: &Catalog) -> Result<Acceptance, ClinicError> {
    let mut tx = catalog.read().await?;
    Ok(Acceptance {
        number: settings::number(&mut tx, ACCEPTED).await?.unwrap_or(0),
        at: UnixMillis(settings::number(&mut tx, ACCEPTED_AT).await?.unwrap_or(0)),
    })
}

/// Believes the clock as it is, and puts on record who said so. A running clinic process hears of it, and tells ingest.
///
/// # Errors
/// Any [`ClinicError`]; nothing is accepted then.
pub async fn accept(clinic: &Clinic, actor: &Actor) -> Result<Reading, ClinicError> {
    let accepted = acceptance(&clinic.catalog).await?;
    let before = clinic.guard.look();
    let mut tx = clinic.catalog.write().await?;
    settings::set_number(&mut tx, ACCEPTED, accepted.number.saturating_add(1)).await?;
    settings::set_number(&mut tx, ACCEPTED_AT, before.wall.0).await?;
    settings::set_number(&mut tx, MARK, before.wall.0).await?;
    let event = Event::ClockAccepted(before.wall, before.mark);
    clinic.access.record(&mut tx, actor, before.wall, &[event]).await?;
    tx.commit().await?;
    clinic.guard.accept();
    Ok(before)
}
