//! How far the first run of the console is: what cannot be seen from the clinic itself. Where there is a clinician, a phone or a picture the catalog says so.

use safelight_core::ids::UnixMillis;

use super::{ClinicError, settings};
use crate::store::catalog::{Catalog, WriteTx};

const NAMED: &str = "first-run-named";
const KIT_TESTED: &str = "first-run-kit-tested";
const FINISHED: &str = "first-run-finished";

/// When each was done, if it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstRun {
    /// An admin has read the clinic's name and found it right.
    pub named: Option<UnixMillis>,
    /// The recovery kit has opened a sample that was sealed to the recovery key in force.
    pub kit_tested: Option<UnixMillis>,
    /// All of it is done.
    pub finished: Option<UnixMillis>,
}

/// How far it is.
pub async fn state(catalog: &Catalog) -> Result<FirstRun, ClinicError> {
    let mut tx = catalog.read().await?;
    let named = settings::number(&mut tx, NAMED).await?.map(UnixMillis);
    let kit_tested = settings::number(&mut tx, KIT_TESTED).await?.map(UnixMillis);
    let finished = settings::number(&mut tx, FINISHED).await?.map(UnixMillis);
    Ok(FirstRun { named, kit_tested, finished })
}

/// The clinic's name is right.
pub async fn name(tx: &mut WriteTx, now: UnixMillis) -> Result<(), ClinicError> {
    settings::set_number(tx, NAMED, now.0).await
}

/// The recovery kit works.
pub async fn kit_tested(tx: &mut WriteTx, now: UnixMillis) -> Result<(), ClinicError> {
    settings::set_number(tx, KIT_TESTED, now.0).await
}

/// Nobody is led through it any more.
pub async fn finish(tx: &mut WriteTx, now: UnixMillis) -> Result<(), ClinicError> {
    settings::set_number(tx, FINISHED, now.0).await
}
