//! Rights to report pictures, and to decide about reported ones.

use safelight_core::ids::CaptureId;

use super::{Right, seen};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::corrections::{self, Report};
use crate::clinic::people::Role;
use crate::clinic::pictures::{self, Handle, Picture};
use crate::console::Console;
use crate::console::session::LoggedIn;

/// To report a picture: whoever may see it. What is reported is on record by itself.
#[derive(Debug)]
pub(in crate::console) struct ReportPicture(pub(in crate::console) CaptureId);

impl Right for ReportPicture {
    /// The picture, and whose it is.
    type Subject = (Picture, Handle);
    const CODE: &'static str = "report";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Picture, Handle)>, ClinicError> {
        seen(console, who, self.0).await
    }

    fn event(_: &(Picture, Handle)) -> Option<Event<'_>> {
        None
    }
}

/// A report that waits, with its picture.
async fn waiting(console: &Console, id: [u8; 16]) -> Result<Option<(Report, Picture)>, ClinicError> {
    let catalog = &console.desk.clinic().catalog;
    let Some(report) = corrections::find(catalog, &id).await? else { return Ok(None) };
    Ok(pictures::find(catalog, report.capture).await?.map(|picture| (report, picture)))
}

/// The same, if this person has taken the picture.
async fn own_waiting(
    console: &Console,
    who: &LoggedIn,
    id: [u8; 16],
) -> Result<Option<(Report, Picture)>, ClinicError> {
    let is_own = |found: &(Report, Picture)| found.1.operator == who.person.id.as_str();
    Ok(waiting(console, id).await?.filter(is_own))
}

/// To see a picture of one's own that was reported, so as to decide.
#[derive(Debug)]
pub(in crate::console) struct ViewReported(pub(in crate::console) [u8; 16]);

impl Right for ViewReported {
    type Subject = (Report, Picture);
    const CODE: &'static str = "reported";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Report, Picture)>, ClinicError> {
        own_waiting(console, who, self.0).await
    }

    fn event((report, picture): &(Report, Picture)) -> Option<Event<'_>> {
        Some(Event::PictureViewed(picture.capture, picture.patient.unwrap_or(report.filed)))
    }
}

/// To decide about such a picture. What is decided is on record by itself.
#[derive(Debug)]
pub(in crate::console) struct CorrectOwn(pub(in crate::console) [u8; 16]);

impl Right for CorrectOwn {
    type Subject = (Report, Picture);
    const CODE: &'static str = "correct-own";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Report, Picture)>, ClinicError> {
        own_waiting(console, who, self.0).await
    }

    fn event(_: &(Report, Picture)) -> Option<Event<'_>> {
        None
    }
}

/// To decide about anybody's. What is decided is on record by itself.
#[derive(Debug)]
pub(in crate::console) struct CorrectAny(pub(in crate::console) [u8; 16]);

impl Right for CorrectAny {
    type Subject = (Report, Picture);
    const CODE: &'static str = "correct";
    const ROLE: Role = Role::PrivacyOfficer;

    async fn subject(self, console: &Console, _: &LoggedIn) -> Result<Option<(Report, Picture)>, ClinicError> {
        waiting(console, self.0).await
    }

    fn event(_: &(Report, Picture)) -> Option<Event<'_>> {
        None
    }
}
