//! The clinic's time: watched, kept across restarts, and accepted by a person where no program can know.

use std::sync::Arc;

use safelight_core::ids::UnixMillis;
use tokio::time::sleep;

use super::access::{Actor, Event};
use super::{Clinic, ClinicError, Running, settings};
use crate::clock::Clock;
use crate::clock::guard::{Guard, Reading};
use crate::clock::keeping::{self, Keeping};
use crate::store::catalog::Catalog;

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
    for (name, value) in keeping::NAMES.into_iter().zip(&mut kept) {
        *value = settings::number(&mut tx, name).await?;
    }
    Ok(keeping::guard(clock, kept))
}

/// Watches for as long as the process runs: says when the clock cannot be right, keeps the mark, and hears when somebody accepts it.
pub(super) async fn run(running: Arc<Running>) {
    let (mut keeping, mut heard) = (Keeping::default(), None);
    loop {
        if let Err(error) = keep(&running.clinic, &mut keeping, &mut heard).await {
            tracing::error!(%error, "the time could not be kept");
        }
        sleep(keeping::INTERVAL).await;
    }
}

async fn keep(clinic: &Clinic, keeping: &mut Keeping, heard: &mut Option<Acceptance>) -> Result<(), ClinicError> {
    let accepted = acceptance(&clinic.catalog).await?;
    if heard.replace(accepted).is_some_and(|before| before != accepted) {
        clinic.guard.accept();
    }
    let reading = clinic.guard.look();
    if keeping.has_turned(reading) {
        let judgement = reading.judgement;
        let event = match judgement.may_issue() {
            true => Event::ClockRight,
            false => Event::ClockWrong(judgement.name(), reading.wall, reading.mark),
        };
        super::record(clinic, &[event]).await?;
    }
    if keeping.is_due(reading) {
        let mut tx = clinic.catalog.write().await?;
        for (name, value) in keeping::values(reading) {
            settings::set_number(&mut tx, name, value).await?;
        }
        tx.commit().await?;
        keeping.kept(reading);
    }
    Ok(())
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
    settings::set_number(&mut tx, keeping::MARK, before.wall.0).await?;
    let event = Event::ClockAccepted(before.wall, before.mark);
    clinic.access.record(&mut tx, actor, before.wall, &[event]).await?;
    tx.commit().await?;
    clinic.guard.accept();
    Ok(before)
}
