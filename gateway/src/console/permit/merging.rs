//! Rights to merge and renumber records, and to undo that.

use super::{Right, standing};
use crate::clinic::access::Event;
use crate::clinic::merges::{self, Merge};
use crate::clinic::people::Role;
use crate::clinic::pictures::Handle;
use crate::clinic::{ClinicError, care};
use crate::console::Console;
use crate::console::session::LoggedIn;

/// To merge a record with another, or give it another number: whoever is on its care team, and for a merge on the other's. What is changed is on record by
/// itself.
#[derive(Debug)]
pub(in crate::console) struct ChangeRecord(pub(in crate::console) Handle);

impl Right for ChangeRecord {
    /// The record that stands.
    type Subject = Handle;
    const CODE: &'static str = "change-record";
    const ROLE: Role = Role::Clinician;

    /// Emergency access is not enough: it would last for four hours and join two teams for good.
    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Handle>, ClinicError> {
        let (catalog, record) = (&console.desk.clinic().catalog, standing(console, &self.0).await?);
        Ok(care::is_on(catalog, &record, &who.person.id, console.desk.now()).await?.then_some(record))
    }

    fn event(_: &Handle) -> Option<Event<'_>> {
        None
    }
}

/// To list what was merged and renumbered, with the words but without names.
#[derive(Debug)]
pub(in crate::console) struct ListMerges;

impl Right for ListMerges {
    type Subject = ();
    const CODE: &'static str = "merges";
    const ROLE: Role = Role::PrivacyOfficer;

    async fn subject(self, _: &Console, _: &LoggedIn) -> Result<Option<()>, ClinicError> {
        Ok(Some(()))
    }

    fn event((): &()) -> Option<Event<'_>> {
        Some(Event::MergesRead)
    }
}

/// To undo one that holds, which is on record by itself.
#[derive(Debug)]
pub(in crate::console) struct UndoMerge(pub(in crate::console) [u8; 16]);

impl Right for UndoMerge {
    type Subject = Merge;
    const CODE: &'static str = "undo-merge";
    const ROLE: Role = Role::PrivacyOfficer;

    async fn subject(self, console: &Console, _: &LoggedIn) -> Result<Option<Merge>, ClinicError> {
        merges::find(&console.desk.clinic().catalog, &self.0).await
    }

    fn event(_: &Merge) -> Option<Event<'_>> {
        None
    }
}
