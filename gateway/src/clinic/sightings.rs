//! When each device was last there, as ingest says.
//!
//! Attacker: an intruder in ingest, who says of phones that they were there, or of an hour that has not come. Nothing is decided by it. A device that the
//! catalog does not have stays unknown, a time to come is now, and no time goes back but one that a clock which was ahead has left.

use std::time::Duration;

use safelight_core::ids::UnixMillis;
use tokio::time::Instant;

use super::{Clinic, ClinicError, devices};
use crate::link::{Answer, Ask, Link, LinkError};

/// Asked so often: the catalog is written once for all that were there since.
const EVERY: Duration = Duration::from_secs(5);

/// How far they are known on this link.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    asked: Option<Instant>,
    after: u64,
}

impl Sightings {
    /// Asks, if it is time, and keeps what is new.
    pub(super) async fn bring_up_to_date(
        &mut self,
        clinic: &Clinic,
        link: &mut Link,
        now: UnixMillis,
    ) -> Result<(), ClinicError> {
        if self.asked.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        self.asked = Some(Instant::now());
        let Answer::Sightings(sightings) = link.ask(&Ask::Sightings { after: self.after }).await? else {
            return Err(LinkError::Unexpected.into());
        };
        if sightings.is_empty() {
            return Ok(());
        }
        let mut tx = clinic.catalog.write().await?;
        for sighting in &sightings {
            devices::seen_at(&mut tx, sighting.device, sighting.at, now).await?;
        }
        tx.commit().await?;
        self.after = sightings.iter().map(|sighting| sighting.seq).fold(self.after, u64::max);
        Ok(())
    }
}
