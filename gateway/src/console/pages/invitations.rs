//! Invitations of phones that are still open, and how one is taken back.
//!
//! Attacker: whoever has photographed a code on an admin's screen. Until a phone has used it or its time is over, an admin sees that it is open, and shuts it.

use axum::extract::{Path, State};
use axum::response::Redirect;
use safelight_core::ids::InvitationId;

use super::entries::Names;
use super::login::Nothing;
use super::{Failure, shown};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::invitations::{self, Standing};
use crate::console::Console;
use crate::console::permit::{self, Grant, ManageDevices};
use crate::console::session::Posted;

pub(super) struct Row {
    pub(super) id: String,
    /// What the phone will be called.
    pub(super) name: String,
    pub(super) person: String,
    pub(super) until: String,
}

/// Those that a phone may use now, newest first.
pub(super) async fn open(console: &Console, grant: &Grant<ManageDevices>) -> Result<Vec<Row>, ClinicError> {
    let (catalog, names) = (&console.desk.clinic().catalog, Names::read(console).await?);
    let all = invitations::list(catalog).await?;
    let open = all.into_iter().filter(|invitation| invitation.standing(grant.at()) == Standing::Open);
    let row = |invitation: invitations::Invitation| Row {
        id: invitation.id.to_string(),
        person: names.person_and_id(invitation.person.as_str()),
        until: shown::time(invitation.expires_at),
        name: invitation.device_name,
    };
    Ok(open.map(row).collect())
}

/// What a phone has used meanwhile is a device that waits, to be declined there.
pub(super) async fn withdraw(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let id: InvitationId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !invitations::withdraw(&mut tx, id, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::InvitationWithdrawn(id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/devices"))
}
