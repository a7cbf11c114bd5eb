//! Who may do what: the only place that decides it.
//!
//! A handler asks for a right, and gets a `Grant` once the access log has it. What shows patients and pictures, or changes something, takes a grant of
//! the kind that it needs, and nothing else can make one: a handler that does not ask does not compile. Whoever may not is told what somebody is told
//! who asks for what does not exist.

mod merging;
mod reported;

use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::OperatorId;

pub(super) use self::merging::{ChangeRecord, ListMerges, UndoMerge};
pub(super) use self::reported::{CorrectAny, CorrectOwn, ReportPicture, ViewReported};
use super::session::LoggedIn;
use super::{Console, addresses};
use crate::alert::book::{self, Alert};
use crate::alert::rules::is_technical;
use crate::clinic::ClinicError;
use crate::clinic::access::{Actor, Event};
use crate::clinic::people::{self, Person, Role, Roles};
use crate::clinic::pictures::{self, Handle, Picture};
use crate::clinic::{aliases, care, downloads, emergency, first_run};
use crate::config::alert::Code;
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

/// A right as docs/ROLES.md lists it: its code in the log, who has it, and what it is.
pub type Listed = (&'static str, Role, Option<Role>, &'static str);

const fn listed<R: Right>(words: &'static str) -> Listed {
    (R::CODE, R::ROLE, R::ALSO, words)
}

/// Every right. A test counts them.
pub const RIGHTS: &[Listed] = &[
    listed::<SearchPatients>("find the patients whom one treats"),
    listed::<ViewPatient>("see the page of a patient whom one treats, or to whom one has emergency access"),
    listed::<ViewPicture>("see a picture of such a patient, and what is recorded of it"),
    listed::<ComparePictures>("see two to four such pictures side by side"),
    listed::<ReportPicture>("put such a picture out of sight, as another patient's or as not wanted"),
    listed::<DownloadPicture>("download such a picture with a mark in it, if an admin has allowed it to this person"),
    listed::<ChangeTeam>(
        "add colleagues and teams to the care team of a patient whom one treats, end what one added or what somebody added who has gone, and leave",
    ),
    listed::<ChangeRecord>(
        "merge two records of one patient whom one treats by both numbers, and give a record that one treats another number",
    ),
    listed::<ListOwnReported>("list the pictures that one took and that were reported, and what became of them"),
    listed::<ViewReported>("see such a picture once more, so as to decide"),
    listed::<CorrectOwn>(
        "decide about it: show it again, give it to a patient whom one treats, or keep it out of sight",
    ),
    listed::<AskEmergency>("take emergency access to a patient whom one does not treat"),
    listed::<EndEmergency>("end one's own emergency accesses before their time"),
    listed::<ManageDevices>("invite, approve and revoke phones"),
    listed::<ManagePeople>("add people, give roles, shut people out and let them in"),
    listed::<ManageTeams>("make, rename and dissolve teams, and put clinicians in and out"),
    listed::<RunVault>("unlock and lock the vault"),
    listed::<SeeSystem>("see what `doctor` finds of the gateway"),
    listed::<RunFirst>("be led through the first run, until it is finished"),
    listed::<ReviewEmergencies>("see emergency accesses with their reasons, and judge them"),
    listed::<ReviewCare>(
        "see additions to care teams of which somebody was not sure, and to teams that treat patients, and decide",
    ),
    listed::<ListReported>("list reported pictures and what became of them, with the words, without picture or name"),
    listed::<CorrectAny>("decide about any of them"),
    listed::<ListMerges>("list merged and renumbered records with their reasons, without names"),
    listed::<UndoMerge>("undo one of them"),
    listed::<SeeAlerts>("see alerts: an admin those about the machine, the privacy officer all"),
    listed::<HandleAlert>("take and close such an alert"),
    listed::<ReadLog>("read the access log"),
    listed::<SearchLog>("say what to look for in it"),
    listed::<VerifyLog>("have the whole log verified"),
    listed::<ChooseReport>("choose what a report is to be of"),
    listed::<ReportPatient>("have a report of everybody who saw a patient"),
    listed::<ReportPerson>("have a report of all that a person saw"),
];

/// Something that a person may be allowed to do.
pub(super) trait Right: Send {
    /// What it is a right to.
    type Subject: Send + Sync;

    /// A stable code, for the log of what was denied.
    const CODE: &'static str;

    /// Who has it by role. More may be asked by [`Right::subject`].
    const ROLE: Role;

    /// Who else may have it, where there is a second role.
    const ALSO: Option<Role> = None;

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
    let roles = who.person.roles;
    let has_role = who.person.is_active() && (roles.has(R::ROLE) || R::ALSO.is_some_and(|role| roles.has(role)));
    let subject = if has_role { right.subject(console, who).await? } else { None };
    let Some(subject) = subject else {
        let (noise, person, now) = (&console.inner.noise, &who.person.id, console.desk.now());
        if let Some(unrecorded) = noise.denied(person, R::CODE, now) {
            console.desk.record(&who.actor(), &[Event::Denied(R::CODE, unrecorded)]).await?;
            noise.denied_on_record(person, R::CODE, now);
        }
        return Err(Denied::No);
    };
    if let Some(event) = R::event(&subject) {
        console.desk.record(&who.actor(), &[event]).await?;
    }
    Ok(Grant { by: who.actor(), at: console.desk.now(), subject })
}

/// The record that stands for a handle: every right to a patient is one to that.
async fn standing(console: &Console, handle: &Handle) -> Result<Handle, ClinicError> {
    aliases::standing(&mut *console.desk.clinic().catalog.read().await?, handle).await
}

/// Whoever treats a patient, or has emergency access.
pub(super) async fn may_see(
    catalog: &Catalog,
    patient: &Handle,
    who: &LoggedIn,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    emergency::may_see(&mut *catalog.read().await?, patient, &who.person.id, now).await
}

/// To search among the patients whom one treats.
#[derive(Debug)]
pub(super) struct SearchPatients;

/// Whom somebody treats.
#[derive(Debug)]
pub(super) enum Treated {
    /// These.
    Few(Vec<Handle>),
    /// So many that each who is found is asked about.
    Many(OperatorId),
}

/// So many patients are few.
const FEW: u32 = 2000;

impl Right for SearchPatients {
    type Subject = Treated;
    const CODE: &'static str = "search";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Treated>, ClinicError> {
        let (catalog, person) = (&console.desk.clinic().catalog, &who.person.id);
        let few = care::few_patients_of(catalog, person, console.desk.now(), FEW).await?;
        Ok(Some(few.map_or_else(|| Treated::Many(person.clone()), Treated::Few)))
    }

    /// The search itself is, with how many were shown.
    fn event(_: &Treated) -> Option<Event<'_>> {
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
        let (catalog, record) = (&console.desk.clinic().catalog, standing(console, &self.0).await?);
        Ok(may_see(catalog, &record, who, console.desk.now()).await?.then_some(record))
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

/// To see these pictures beside each other: all of them, or nobody has looked at any. Each is then asked for by itself.
#[derive(Debug)]
pub(super) struct ComparePictures(pub(super) Vec<CaptureId>);

impl Right for ComparePictures {
    /// Whose each of them is.
    type Subject = Vec<Handle>;
    const CODE: &'static str = "compare";
    const ROLE: Role = Role::Clinician;

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Vec<Handle>>, ClinicError> {
        let mut patients = Vec::with_capacity(self.0.len());
        for capture in self.0 {
            let Some((_, patient)) = seen(console, who, capture).await? else { return Ok(None) };
            patients.push(patient);
        }
        Ok(Some(patients))
    }

    fn event(_: &Vec<Handle>) -> Option<Event<'_>> {
        None
    }
}

/// The picture and whose it is, for whoever may see it.
async fn seen(console: &Console, who: &LoggedIn, capture: CaptureId) -> Result<Option<(Picture, Handle)>, ClinicError> {
    let catalog = &console.desk.clinic().catalog;
    let Some(picture) = pictures::find(catalog, capture).await? else { return Ok(None) };
    let Some(patient) = picture.shown_under() else { return Ok(None) };
    Ok(may_see(catalog, &patient, who, console.desk.now()).await?.then_some((picture, patient)))
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
        let (catalog, record) = (&console.desk.clinic().catalog, standing(console, &self.0).await?);
        Ok(care::is_on(catalog, &record, &who.person.id, console.desk.now()).await?.then_some(record))
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

/// To have a report of everybody who saw a patient. The patient's name is no part of it.
#[derive(Debug)]
pub(super) struct ReportPatient(pub(super) Handle);

impl Right for ReportPatient {
    /// Known or not: that it was asked is on record before anybody is told.
    type Subject = Handle;
    const CODE: &'static str = "patient-report";
    const ROLE: Role = Role::PrivacyOfficer;

    async fn subject(self, console: &Console, _: &LoggedIn) -> Result<Option<Handle>, ClinicError> {
        standing(console, &self.0).await.map(Some)
    }

    fn event(subject: &Handle) -> Option<Event<'_>> {
        Some(Event::PatientReported(*subject))
    }
}

/// To have a report of all that a person saw.
#[derive(Debug)]
pub(super) struct ReportPerson(pub(super) OperatorId);

impl Right for ReportPerson {
    type Subject = Person;
    const CODE: &'static str = "person-report";
    const ROLE: Role = Role::PrivacyOfficer;

    async fn subject(self, console: &Console, _: &LoggedIn) -> Result<Option<Person>, ClinicError> {
        people::find(&console.desk.clinic().catalog, &self.0).await
    }

    fn event(subject: &Person) -> Option<Event<'_>> {
        Some(Event::PersonReported(&subject.id))
    }
}

/// To be led through the first run, while it lasts. What is done in it is on record by itself.
#[derive(Debug)]
pub(super) struct RunFirst;

impl Right for RunFirst {
    type Subject = first_run::FirstRun;
    const CODE: &'static str = "first-run";
    const ROLE: Role = Role::Admin;

    async fn subject(self, console: &Console, _: &LoggedIn) -> Result<Option<first_run::FirstRun>, ClinicError> {
        let state = first_run::state(&console.desk.clinic().catalog).await?;
        Ok(state.finished.is_none().then_some(state))
    }

    fn event(_: &first_run::FirstRun) -> Option<Event<'_>> {
        None
    }
}

/// The codes of the alerts that somebody of these roles sees: all of them the privacy officer, those about the machine an admin.
pub(super) fn alert_codes(roles: Roles) -> Vec<Code> {
    let all = roles.has(Role::PrivacyOfficer);
    let technical = roles.has(Role::Admin);
    Code::ALL.into_iter().filter(|code| all || (technical && is_technical(*code))).collect()
}

/// To see alerts, and what was noted of them.
#[derive(Debug)]
pub(super) struct SeeAlerts;

impl Right for SeeAlerts {
    /// Those of these codes.
    type Subject = Vec<Code>;
    const CODE: &'static str = "alerts";
    const ROLE: Role = Role::PrivacyOfficer;
    const ALSO: Option<Role> = Some(Role::Admin);

    async fn subject(self, _: &Console, who: &LoggedIn) -> Result<Option<Vec<Code>>, ClinicError> {
        Ok(Some(alert_codes(who.person.roles)))
    }

    fn event(_: &Vec<Code>) -> Option<Event<'_>> {
        None
    }
}

/// To take or close the alert of this name, which is on record by itself.
#[derive(Debug)]
pub(super) struct HandleAlert(pub(super) String);

impl Right for HandleAlert {
    type Subject = Alert;
    const CODE: &'static str = "alert";
    const ROLE: Role = Role::PrivacyOfficer;
    const ALSO: Option<Role> = Some(Role::Admin);

    async fn subject(self, console: &Console, who: &LoggedIn) -> Result<Option<Alert>, ClinicError> {
        let Some(id) = addresses::id(&self.0) else { return Ok(None) };
        let alert = book::find(&console.desk.clinic().catalog, &id).await?;
        let codes = alert_codes(who.person.roles);
        Ok(alert.filter(|alert| codes.contains(&alert.code)))
    }

    fn event(_: &Alert) -> Option<Event<'_>> {
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
    /// To see and change teams and who is in them. What is changed is on record by itself.
    ManageTeams, "teams", Admin, None;
    /// To unlock and lock the vault, which is on record by itself.
    RunVault, "vault", Admin, None;
    /// To see the state of the gateway, which tells nothing of patients.
    SeeSystem, "system", Admin, None;
    /// To ask for emergency access, which is on record by itself.
    AskEmergency, "emergency", Clinician, None;
    /// To end what runs of one's own, which is on record by itself.
    EndEmergency, "emergency-end", Clinician, None;
    /// To look at additions to care teams of which somebody was not sure, and decide. What is decided is on record by itself.
    ReviewCare, "care-review", PrivacyOfficer, None;
    /// To list the pictures of one's own that were reported.
    ListOwnReported, "own-corrections", Clinician, Some(Event::CorrectionsRead);
    /// To list all that were reported, with the words but without picture or name.
    ListReported, "corrections", PrivacyOfficer, Some(Event::CorrectionsRead);
    /// To look at emergency accesses, and their reasons.
    ReviewEmergencies, "emergencies", PrivacyOfficer, None;
    /// To read the access log.
    ReadLog, "log", PrivacyOfficer, Some(Event::LogRead);
    /// To say what to look for in it. What is found is read, and that is asked for by itself.
    SearchLog, "search-log", PrivacyOfficer, None;
    /// To have the whole log verified.
    VerifyLog, "verify-log", PrivacyOfficer, Some(Event::LogVerified);
    /// To choose what a report is to be of. The report itself is asked for by itself.
    ChooseReport, "reports", PrivacyOfficer, None;
}
