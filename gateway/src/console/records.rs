//! Patients and pictures, for whoever brings a grant. Nothing else in the console opens anything.

use std::sync::Arc;

use bytes::Bytes;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::label::Label;
use safelight_core::manifest::OperatorId;
use zeroize::Zeroizing;

use super::permit::{
    ChangeRecord, DownloadPicture, Grant, ListMerges, ListOwnReported, ListReported, ReviewEmergencies, SearchPatients,
    SeeAlerts, Treated, ViewPatient, ViewPicture, ViewReported,
};
use super::room::Place;
use super::tickets::{MayShowPicture, MayShowThumbnail};
use super::{Console, addresses};
use crate::clinic::access::{Actor, Event};
use crate::clinic::directory::Found;
use crate::clinic::downloads::Purpose;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::merges::{self, Outcome};
use crate::clinic::pictures::{self, Handle, Picture};
use crate::clinic::sealed::MarkError;
use crate::clinic::sessions::SessionId;
use crate::clinic::{ClinicError, aliases, care, sealed};
use crate::vault::Unlocked;

/// Patients that one search shows.
pub(super) const MAX_FOUND: usize = 20;

/// Bytes of what is searched for: as long as a name and a number may be together. Each word of it is looked for in every name.
const MAX_QUERY_LEN: usize = 320;

/// Patients of whom one statement asks at most whether somebody treats them.
const ASKED_ABOUT_AT_ONCE: usize = 200;

/// Pictures of one page of a timeline.
pub(super) const TIMELINE_PAGE: u32 = 60;

/// Why nothing is shown.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The vault is locked: nobody can read anything.
    Locked,
    /// What is stored of it is damaged or gone. That is on record.
    Damaged,
    /// The stores.
    Failed(ClinicError),
}

impl<E: Into<ClinicError>> From<E> for Unreadable {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn vault(console: &Console) -> Result<Arc<Unlocked>, Unreadable> {
    console.desk.vault().ok_or(Unreadable::Locked)
}

/// What was opened of a picture. Where what is stored of it is damaged, that is put on record, from where an alert follows.
async fn opened_of<T>(console: &Console, picture: CaptureId, opened: Result<T, ClinicError>) -> Result<T, Unreadable> {
    let error = match opened {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    let Some(damage) = error.damage() else { return Err(Unreadable::Failed(error)) };
    let now = console.desk.now();
    if !console.inner.noise.is_damage_on_record(picture, now) {
        tracing::error!(code = "picture-damaged", capture = %picture, %error, "a picture cannot be shown: what is stored of it is damaged");
        console.desk.record(&Actor::Gateway, &[Event::PictureDamaged(picture, damage)]).await?;
        console.inner.noise.damage_on_record(picture, now);
    }
    Err(Unreadable::Damaged)
}

/// Patients by name, number or birth date, among those whom the person treats, and whether there are more. On record before they are shown, by an entry of
/// this search or of one a moment ago that showed them all.
pub(super) async fn search(
    console: &Console,
    grant: &Grant<SearchPatients>,
    session: &SessionId,
    query: &str,
) -> Result<(Vec<Found>, bool), Unreadable> {
    drop(vault(console)?);
    let directory = console.desk.directory();
    let one_more = MAX_FOUND.saturating_add(1);
    let mut found = match grant.subject() {
        _ if query.len() > MAX_QUERY_LEN => Vec::new(),
        Treated::Few(patients) => directory.among(query, patients, one_more),
        Treated::Many(person) => treated_by(console, person, query, grant.at(), one_more).await?,
    };
    let more = found.len() > MAX_FOUND;
    found.truncate(MAX_FOUND);
    found_on_record(console, grant, session, &found).await?;
    Ok((found, more))
}

/// Before they are shown.
async fn found_on_record(
    console: &Console,
    grant: &Grant<SearchPatients>,
    session: &SessionId,
    found: &[Found],
) -> Result<(), ClinicError> {
    if !console.inner.noise.is_on_record(session, found, grant.at()) {
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        console.desk.record(grant.by(), &[Event::Searched(count)]).await?;
        console.inner.noise.searched_on_record(session, found, grant.at());
    }
    Ok(())
}

/// Those of these records whom the person treats now, with their names: for a page that has them by reference. On record as a search that had found them,
/// and as that, nobody while the vault is locked.
pub(super) async fn treated_among(
    console: &Console,
    grant: &Grant<SearchPatients>,
    session: &SessionId,
    records: &[Handle],
) -> Result<Vec<Found>, Unreadable> {
    drop(vault(console)?);
    let treated: Vec<Handle> = match grant.subject() {
        Treated::Few(patients) => records.iter().copied().filter(|record| patients.contains(record)).collect(),
        Treated::Many(person) => {
            let mut treated = Vec::new();
            for some in records.chunks(ASKED_ABOUT_AT_ONCE) {
                treated.extend(care::among(&console.desk.clinic().catalog, some, person, grant.at()).await?);
            }
            treated
        }
    };
    let found = console.desk.directory().among("", &treated, treated.len());
    if !found.is_empty() {
        found_on_record(console, grant, session, &found).await?;
    }
    Ok(found)
}

/// Goes through those whom the query fits until there are enough whom `person` treats.
async fn treated_by(
    console: &Console,
    person: &OperatorId,
    query: &str,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<Found>, ClinicError> {
    let (mut found, mut last): (Vec<Found>, Option<Found>) = (Vec::new(), None);
    // Few first: whoever treats most of them need not ask about more than are shown.
    let mut at_once = limit;
    while found.len() < limit {
        let some = console.desk.directory().matches(query, last.as_ref(), at_once);
        at_once = at_once.saturating_mul(2).min(ASKED_ABOUT_AT_ONCE);
        let Some(end) = some.last().cloned() else { break };
        let handles: Vec<_> = some.iter().map(|one| one.handle).collect();
        let treated = care::among(&console.desk.clinic().catalog, &handles, person, now).await?;
        found.extend(some.into_iter().filter(|one| treated.contains(&one.handle)));
        last = Some(end);
    }
    found.truncate(limit);
    Ok(found)
}

/// How many pictures each of these has, and when the last was taken. For what a search has found, and nothing else.
pub(super) async fn summaries(
    console: &Console,
    _: &Grant<SearchPatients>,
    found: &[Found],
) -> Result<Vec<pictures::Summary>, Unreadable> {
    let handles: Vec<_> = found.iter().map(|found| found.handle).collect();
    Ok(pictures::summaries(&console.desk.clinic().catalog, &handles).await?)
}

/// Who a patient is.
pub(super) async fn identity(console: &Console, grant: &Grant<ViewPatient>) -> Result<PatientIdentity, Unreadable> {
    let vault = vault(console)?;
    let identity = sealed::identity(console.desk.clinic(), &vault, grant.subject()).await?;
    identity.ok_or(Unreadable::Failed(ClinicError::Destroyed))
}

/// The other numbers of a patient, as they were typed. One that does not open is left out, and said in the log.
pub(super) async fn other_numbers(console: &Console, grant: &Grant<ViewPatient>) -> Result<Vec<String>, Unreadable> {
    let (vault, clinic) = (vault(console)?, console.desk.clinic());
    let handles = aliases::handles(&mut *clinic.catalog.read().await?, grant.subject()).await?;
    let mut numbers = Vec::new();
    for alias in handles.iter().skip(1) {
        match sealed::identity(clinic, &vault, alias).await {
            Ok(Some(identity)) => numbers.push(identity.record_number.clone()),
            Ok(None) => {}
            Err(error) => tracing::error!(code = "identity-unreadable", %error, "a further number does not open"),
        }
    }
    Ok(numbers)
}

/// How many pictures a patient has, and when the last was taken.
pub(super) async fn summary(console: &Console, grant: &Grant<ViewPatient>) -> Result<pictures::Summary, Unreadable> {
    let found = pictures::summaries(&console.desk.clinic().catalog, &[*grant.subject()]).await?;
    found.into_iter().next().ok_or(Unreadable::Failed(ClinicError::CatalogDamaged))
}

/// Gives a record a number that nobody has, of an issuer; both must be what a label may have.
pub(super) async fn renumber(
    console: &Console,
    grant: &Grant<ChangeRecord>,
    number: &Handle,
    typed: (&str, &str),
    why: merges::Why<'_>,
) -> Result<Outcome, Unreadable> {
    let (vault, (issuer, text)) = (vault(console)?, typed);
    Ok(merges::renumber(console.desk.clinic(), &vault, grant.subject(), (number, issuer, text), why).await?)
}

/// Nothing, while the vault is unlocked: two records are merged by somebody who can look at them.
pub(super) fn must_be_readable(console: &Console) -> Result<(), Unreadable> {
    vault(console).map(drop)
}

/// A picture of a timeline, with its label.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) picture: Picture,
    pub(super) label: Label,
}

/// A patient's newest pictures, or those before one of them, each with its label, and whether there are older ones. One that cannot be opened is left out,
/// and is on record as damaged. `None` if `before` is not one of this patient's.
pub(super) async fn timeline(
    console: &Console,
    grant: &Grant<ViewPatient>,
    before: Option<CaptureId>,
) -> Result<Option<(Vec<Shown>, Option<CaptureId>)>, Unreadable> {
    let vault = vault(console)?;
    let clinic = console.desk.clinic();
    let start = match before {
        None => None,
        Some(before) => {
            let picture = pictures::find(&clinic.catalog, before).await?;
            let Some(picture) = picture.filter(|picture| picture.patient == Some(*grant.subject())) else {
                return Ok(None);
            };
            Some((picture.captured_at, picture.capture))
        }
    };
    let mut shown = Vec::new();
    let page = pictures::timeline(&clinic.catalog, grant.subject(), start, TIMELINE_PAGE).await?;
    let last = addresses::last_of_full(&page, TIMELINE_PAGE).map(|picture| picture.capture);
    for picture in page {
        let label = sealed::label(clinic, &vault, &picture).await;
        match opened_of(console, picture.capture, label).await {
            Ok(label) => shown.push(Shown { picture, label }),
            // It is said in the log.
            Err(Unreadable::Damaged) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some((shown, last)))
}

/// A picture's label.
pub(super) async fn label(console: &Console, grant: &Grant<ViewPicture>) -> Result<Label, Unreadable> {
    let (picture, _) = grant.subject();
    let label = sealed::label(console.desk.clinic(), &*vault(console)?, picture).await;
    opened_of(console, picture.capture, label).await
}

/// Whether what is stored of a picture is what its device signed for, before a page says so.
pub(super) async fn is_sound(console: &Console, grant: &Grant<ViewPicture>) -> Result<bool, Unreadable> {
    let (picture, _) = grant.subject();
    let checked = sealed::check(console.desk.clinic(), picture).await;
    match opened_of(console, picture.capture, checked).await {
        Ok(()) => Ok(true),
        Err(Unreadable::Damaged) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Who the patient of a picture is.
pub(super) async fn patient_of(console: &Console, grant: &Grant<ViewPicture>) -> Result<PatientIdentity, Unreadable> {
    let (_, patient) = grant.subject();
    let identity = sealed::identity(console.desk.clinic(), &*vault(console)?, patient).await?;
    identity.ok_or(Unreadable::Failed(ClinicError::Destroyed))
}

/// A reason in words, sealed as pictures are: for the vault and the recovery key.
pub(super) fn seal_words(console: &Console, words: &str) -> Result<Vec<u8>, ClinicError> {
    sealed::words(console.desk.clinic(), words)
}

/// Such a reason, while the vault is unlocked.
pub(super) fn open_words(console: &Console, _: &Grant<ReviewEmergencies>, sealed: &[u8]) -> Option<String> {
    opened(console, sealed)
}

/// The note of an alert, likewise.
pub(super) fn open_note(console: &Console, _: &Grant<SeeAlerts>, sealed: &[u8]) -> Option<String> {
    opened(console, sealed)
}

/// Why records were merged, likewise.
pub(super) fn merge_words(console: &Console, _: &Grant<ListMerges>, sealed: &[u8]) -> Option<String> {
    opened(console, sealed)
}

/// What was said of a reported picture, likewise.
pub(super) fn reported_words(console: &Console, _: &Grant<ListReported>, sealed: &[u8]) -> Option<String> {
    opened(console, sealed)
}

/// The same of a picture of one's own.
pub(super) fn own_reported_words(console: &Console, _: &Grant<ListOwnReported>, sealed: &[u8]) -> Option<String> {
    opened(console, sealed)
}

fn opened(console: &Console, sealed: &[u8]) -> Option<String> {
    // Nothing that was said needs no vault.
    if sealed.is_empty() {
        return Some(String::new());
    }
    let words = console.desk.vault()?.open_small(sealed).ok()?;
    std::str::from_utf8(&words).ok().map(str::to_owned)
}

/// A picture of one's own that was reported: its label, whose it was, and what was said of it.
pub(super) async fn reported(
    console: &Console,
    grant: &Grant<ViewReported>,
) -> Result<(Label, PatientIdentity, Option<String>), Unreadable> {
    let vault = vault(console)?;
    let (report, picture) = grant.subject();
    let label = sealed::label(console.desk.clinic(), &vault, picture).await;
    let label = opened_of(console, picture.capture, label).await?;
    let patient = picture.patient.unwrap_or(report.filed);
    let identity = sealed::identity(console.desk.clinic(), &vault, &patient).await?;
    let identity = identity.ok_or(Unreadable::Failed(ClinicError::Destroyed))?;
    Ok((label, identity, opened(console, &report.words)))
}

/// Why there is no marked picture.
#[derive(Debug)]
pub(super) enum Unmarked {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It has more pixels than are decoded here.
    TooLarge,
}

impl From<Unreadable> for Unmarked {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<ClinicError> for Unmarked {
    fn from(error: ClinicError) -> Self {
        Self::Unreadable(error.into())
    }
}

/// A picture as a JPEG with `mark` in its pixels. Whoever takes it out is on record before, under these sealed words.
pub(super) async fn marked(
    console: &Console,
    grant: &Grant<DownloadPicture>,
    (purpose, words): (Purpose, &[u8]),
    mark: &str,
) -> Result<Vec<u8>, Unmarked> {
    let vault = vault(console)?;
    let (picture, patient) = grant.subject();
    let event = Event::PictureDownloaded(picture.capture, *patient, purpose.name(), words);
    console.desk.record(grant.by(), &[event]).await?;
    match sealed::marked(console.desk.clinic(), &vault, picture, mark).await {
        Ok(marked) => Ok(marked),
        Err(MarkError::TooLarge) => Err(Unmarked::TooLarge),
        Err(MarkError::Clinic(error)) => Ok(opened_of(console, picture.capture, Err(error)).await?),
    }
}

/// A picture, whole and verified to its last chunk, or not at all. It keeps its place until it is sent.
pub(super) async fn photograph(console: &Console, may: &MayShowPicture, place: Place) -> Result<Bytes, Unreadable> {
    let opened = sealed::photograph(console.desk.clinic(), &*vault(console)?, may.picture()).await;
    Ok(place.hold(opened_of(console, may.picture().capture, opened).await?))
}

/// Its thumbnail, if it has one.
pub(super) async fn thumbnail(
    console: &Console,
    may: &MayShowThumbnail,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    let opened = sealed::thumbnail(console.desk.clinic(), &*vault(console)?, may.picture()).await;
    opened_of(console, may.picture().capture, opened).await
}
