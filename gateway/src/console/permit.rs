//! Who may do what: the only place that decides it.
//!
//! A handler asks for a right, and gets a [`Grant`] once the access log has it. What shows patients and pictures, or changes something, takes a grant of
//! the kind that it needs, and nothing else can make one: a handler that does not ask does not compile. Whoever may not is told what somebody is told
//! who asks for what does not exist.

use safelight_core::ids::{CaptureId, UnixMillis};

use super::Console;
use super::session::LoggedIn;
use crate::clinic::ClinicError;
use crate::clinic::access::{Actor, Event};
use crate::clinic::corrections::{self, Report};
use crate::clinic::people::Role;
use crate::clinic::pictures::{self, Handle, Picture, State};
use crate::clinic::{care, downloads, emergency};
use crate::store::catalog::Catalog;

/// Why there is no grant.
#[derive(Debug)]
pub(super) enum Denied {
    /// Not for this person, or not there: the same to whoever asks.
    No,
    /// It could not be decided, or not be put on record: then it is not granted.
    Failed(ClinicError),
}

impl<E: Into<ClinicError>> From<E> for Denied {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A right that was asked for, decided, and put on record.
#[derive(Debug)]
pub(super) struct Grant<R: Right> {
    by: Actor,
    at: UnixMillis,
    subject: R::Subject,
}

impl<R: Right> Grant<R> {
    /// Who has it.
    pub(super) fn by(&self) -> &Actor {
        &self.by
    }

    /// When it was given. It is for this request alone.
    pub(super) fn at(&self) -> UnixMillis {
        self.at
    }

    /// For what.
    pub(super) fn subject(&self) -> &R::Subject {
        &self.subject
    }
}

/// Something that a person may be allowed to do.
pub(super) trait Right: Send {
    /// What it is a right to.
    type Subject: Send + Sync;

    /// A stable code, for the log of what was denied.
    const CODE: &'static str;

    /// Who has it by role. More may be asked by [`Right::subject`].
    const ROLE: Role;

    /// What it is a right to, if this person may have it.
    fn subject(
        self,
        console: &Console,
        who: &LoggedIn,
    ) -> impl Future<Output = Result<Option<Self::Subject>, ClinicError>> + Send;

    /// How the log has it. None where whatever is done with it is put on record by itself.
    fn event(subject: &Self::Subject) -> Option<Event<'_>>;
}

/// Asks.
///
/// # Errors
/// [`Denied`].
pub(super) async fn ask<R: Right>(console: &Console, who: &LoggedIn, right: R) -> Result<Grant<R>, Denied> {
    let has_role = who.person.is_active() && who.person.roles.has(R::ROLE);
    let subject = if has_role { right.subject(console, who).await? } else { None };
    let Some(subject) = subject else {
        console.desk.record(&who.actor(), &[Event::Denied(R::CODE)]).await?;
        return Err(Denied::No);
    };
    if let Some(event) = R::event(&subject) {
        console.desk.record(&who.actor(), &[event]).await?;
    }
    Ok(Grant { by: who.actor(), at: console.desk.now(), subject })
}

/// Whoever treats a patient, or has emergency access.
async fn may_see(catalog: &Catalog, patient: &Handle, who: &LoggedIn, now: UnixMillis) -> Result<bool, ClinicError> {
    let person = &who.person.id;
    Ok(care::is_on(catalog, patient, person, now).await? || emergency::is_open(catalog, patient, person, now).await?)
}

/// To search among the patients whom one treats.
#[derive(Debug)]
pub(super) struct SearchPatients;

impl Right for SearchPatients {
    /// Those patients.
    type Subject = Vec<Handle>;
    const CODE: &'static str = "search";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Vec<Handle>>, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        care::patients_of(catalog, &who.person.id, console.desk.now()).await.map(Some)
    }

    /// The search itself is, with how many were shown.
    fn event(_: &Vec<Handle>) -> Option<Event<'_>> {
        None
    }
}

/// To see a patient's page.
#[derive(Debug)]
pub(super) struct ViewPatient(pub(super) Handle);

impl Right for ViewPatient {
    type Subject = Handle;
    const CODE: &'static str = "patient";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Handle>, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        Ok(may_see(catalog, &self.0, who, console.desk.now()).await?.then_some(self.0))
    }

    fn event(subject: &Handle) -> Option<Event<'_>> {
        Some(Event::PatientViewed(*subject))
    }
}

/// To see a picture in full, and what is recorded of it.
#[derive(Debug)]
pub(super) struct ViewPicture(pub(super) CaptureId);

impl Right for ViewPicture {
    /// The picture, and whose it is.
    type Subject = (Picture, Handle);
    const CODE: &'static str = "picture";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Picture, Handle)>, ClinicError> {
        seen(console, who, self.0).await
    }

    fn event((picture, patient): &(Picture, Handle)) -> Option<Event<'_>> {
        Some(Event::PictureViewed(picture.capture, *patient))
    }
}

/// The picture and whose it is, for whoever may see it.
async fn seen(console: &Console, who: &LoggedIn, capture: CaptureId) -> Result<Option<(Picture, Handle)>, ClinicError> {
    let catalog = &console.desk.clinic().catalog;
    let Some(picture) = pictures::find(catalog, capture).await? else { return Ok(None) };
    let (State::Verified, Some(patient)) = (picture.state, picture.patient) else { return Ok(None) };
    Ok(may_see(catalog, &patient, who, console.desk.now()).await?.then_some((picture, patient)))
}

/// To report a picture: whoever may see it. What is reported is on record by itself.
#[derive(Debug)]
pub(super) struct ReportPicture(pub(super) CaptureId);

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

/// To change a patient's care team: whoever is on it. What is changed is on record by itself.
#[derive(Debug)]
pub(super) struct ChangeTeam(pub(super) Handle);

impl Right for ChangeTeam {
    type Subject = Handle;
    const CODE: &'static str = "care-team";
    const ROLE: Role = Role::Clinician;

    /// Emergency access is not enough: it would last for four hours and bring others in for good.
    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Handle>, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        Ok(care::is_on(catalog, &self.0, &who.person.id, console.desk.now()).await?.then_some(self.0))
    }

    fn event(_: &Handle) -> Option<Event<'_>> {
        None
    }
}

/// To take a picture out of the console: whoever may see it, and was given the right to. What is taken is on record by itself.
#[derive(Debug)]
pub(super) struct DownloadPicture(pub(super) CaptureId);

impl Right for DownloadPicture {
    /// The picture, and whose it is.
    type Subject = (Picture, Handle);
    const CODE: &'static str = "download";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Picture, Handle)>, ClinicError> {
        if !downloads::may(&console.desk.clinic().catalog, &who.person.id).await? {
            return Ok(None);
        }
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
pub(super) struct ViewReported(pub(super) [u8; 16]);

impl Right for ViewReported {
    type Subject = (Report, Picture);
    const CODE: &'static str = "reported";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<(Report, Picture)>, ClinicError> {
        own_waiting(console, who, self.0).await
    }

    fn event((report, picture): &(Report, Picture)) -> Option<Event<'_>> {
        Some(Event::PictureViewed(picture.capture, report.patient))
    }
}

/// To decide about such a picture. What is decided is on record by itself.
#[derive(Debug)]
pub(super) struct CorrectOwn(pub(super) [u8; 16]);

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
pub(super) struct CorrectAny(pub(super) [u8; 16]);

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

macro_rules! by_role {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $role:ident, $event:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl Right for $name {
            type Subject = ();
            const CODE: &'static str = $code;
            const ROLE: Role = Role::$role;

            async fn subject(self, _: &Console, _: &LoggedIn) -> Result<Option<()>, ClinicError> {
                Ok(Some(()))
            }

            fn event((): &()) -> Option<Event<'_>> {
                $event
            }
        }
    )*};
}

by_role! {
    /// To see, approve and revoke devices, and to invite new ones. What is changed is on record by itself.
    ManageDevices, "devices", Admin, None;
    /// To see and change people and their roles. What is changed is on record by itself.
    ManagePeople, "people", Admin, None;
    /// To unlock and lock the vault, which is on record by itself.
    RunVault, "vault", Admin, None;
    /// To compare pictures, each of which is asked for by itself.
    ComparePictures, "compare", Clinician, None;
    /// To ask for emergency access, which is on record by itself.
    AskEmergency, "emergency", Clinician, None;
    /// To look at emergency accesses, and their reasons.
    ReviewEmergencies, "emergencies", PrivacyOfficer, None;
    /// To look at additions to care teams of which somebody was not sure, and decide. What is decided is on record by itself.
    ReviewCare, "care-review", PrivacyOfficer, None;
    /// To list the pictures of one's own that were reported.
    ListOwnReported, "own-corrections", Clinician, Some(Event::CorrectionsRead);
    /// To list all that were reported, with the words but without picture or name.
    ListReported, "corrections", PrivacyOfficer, Some(Event::CorrectionsRead);
    /// To read the access log.
    ReadLog, "log", PrivacyOfficer, Some(Event::LogRead);
}
