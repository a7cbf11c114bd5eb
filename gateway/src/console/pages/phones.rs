//! One's own phones: whoever misses theirs does not have to find an admin first.
//!
//! Attacker: a thief with the phone, in the minutes until somebody is told; a colleague who would like another's phone shut out, and gets what does not exist.

use axum::extract::{Path, State};
use axum::response::Response;
use safelight_core::ids::DeviceId;

use super::login::Nothing;
use super::{Failure, led, shown};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::devices::{self, Status};
use crate::console::Console;
use crate::console::session::{LoggedIn, Posted};

/// A phone as its owner sees it.
pub(super) struct Own {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) state_words: &'static str,
    pub(super) since: String,
}

/// Those of whoever is logged in, newest first.
pub(super) async fn own(console: &Console, who: &LoggedIn) -> Result<Vec<Own>, ClinicError> {
    let all = devices::of_person(&console.desk.clinic().catalog, &who.person.id).await?;
    let own = |device: devices::Device| Own {
        id: device.id.to_string(),
        name: device.name,
        state: device.status.name(),
        state_words: super::devices::status_words(device.status),
        since: shown::time(device.revoked_at.or(device.approved_at).unwrap_or(device.created_at)),
    };
    Ok(all.into_iter().map(own).collect())
}

/// A phone that is lost may not send any more, for good: in whose hands its key was cannot be known when it turns up again, and enrolling it anew takes two
/// minutes.
pub(super) async fn lost(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let device = devices::find(&clinic.catalog, id).await?;
    let device = device.filter(|device| device.person == posted.by.person.id && device.status != Status::Revoked);
    let device = device.ok_or(Failure::NotFound)?;
    let now = console.desk.now();
    let mut tx = clinic.catalog.write().await?;
    let has_changed = devices::revoke(&mut tx, device.id, now).await?;
    if has_changed {
        let events = [Event::DeviceLost(device.id), Event::DeviceRevoked(device.id)];
        clinic.access.record(&mut tx, &posted.by.actor(), now, &events).await?;
        tx.commit().await?;
        tracing::warn!(code = "device-lost", device = %device.id, "its owner says that a phone is lost: it may not send any more");
    }
    Ok(led("/account", has_changed))
}
