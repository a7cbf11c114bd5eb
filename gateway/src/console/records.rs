//! Patients and pictures, for whoever brings a grant. Nothing else in the console opens anything.

use std::sync::Arc;

use safelight_core::label::Label;
use zeroize::Zeroizing;

use super::Console;
use super::permit::{
    DownloadPicture, Grant, ListReported, ReviewEmergencies, SearchPatients, ViewPatient, ViewPicture, ViewReported,
};
use super::tickets::{MayShowPicture, MayShowThumbnail};
use crate::clinic::access::Event;
use crate::clinic::directory::Found;
use crate::clinic::downloads::Purpose;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::pictures::{self, Picture};
use crate::clinic::sealed::MarkError;
use crate::clinic::{ClinicError, sealed};
use crate::vault::Unlocked;

/// Patients that one search shows.
pub(super) const MAX_FOUND: usize = 20;

/// Pictures of one page of a timeline.
pub(super) const TIMELINE_PAGE: u32 = 60;

/// Why nothing is shown.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The vault is locked: nobody can read anything.
    Locked,
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

/// Patients by name, number or birth date, among those whom the person treats, and whether there are more. On record before they are shown.
pub(super) async fn search(
    console: &Console,
    grant: &Grant<SearchPatients>,
    query: &str,
) -> Result<(Vec<Found>, bool), Unreadable> {
    drop(vault(console)?);
    let (found, more) = console.desk.directory().search(query, grant.subject(), MAX_FOUND);
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    console.desk.record(grant.by(), &[Event::Searched(count)]).await?;
    Ok((found, more))
}

/// Who a patient is.
pub(super) async fn identity(console: &Console, grant: &Grant<ViewPatient>) -> Result<PatientIdentity, Unreadable> {
    let vault = vault(console)?;
    let identity = sealed::identity(console.desk.clinic(), &vault, grant.subject()).await?;
    identity.ok_or(Unreadable::Failed(ClinicError::Destroyed))
}

/// A picture of a timeline, with its label.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) picture: Picture,
    pub(super) label: Label,
}

/// A patient's newest pictures, each with its label. One that cannot be opened is left out, and said in the log.
pub(super) async fn timeline(console: &Console, grant: &Grant<ViewPatient>) -> Result<Vec<Shown>, Unreadable> {
    let vault = vault(console)?;
    let clinic = console.desk.clinic();
    let mut shown = Vec::new();
    for picture in pictures::timeline(&clinic.catalog, grant.subject(), None, TIMELINE_PAGE).await? {
        match sealed::label(clinic, &vault, &picture).await {
            Ok(label) => shown.push(Shown { picture, label }),
            Err(error) => tracing::error!(capture = %picture.capture, %error, "a label does not open"),
        }
    }
    Ok(shown)
}

/// A picture's label.
pub(super) async fn label(console: &Console, grant: &Grant<ViewPicture>) -> Result<Label, Unreadable> {
    let (picture, _) = grant.subject();
    Ok(sealed::label(console.desk.clinic(), &*vault(console)?, picture).await?)
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
    words(console, sealed)
}

/// What was said of a reported picture, likewise.
pub(super) fn reported_words(console: &Console, _: &Grant<ListReported>, sealed: &[u8]) -> Option<String> {
    words(console, sealed)
}

fn words(console: &Console, sealed: &[u8]) -> Option<String> {
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
    let label = sealed::label(console.desk.clinic(), &vault, picture).await?;
    let identity = sealed::identity(console.desk.clinic(), &vault, &report.patient).await?;
    let identity = identity.ok_or(Unreadable::Failed(ClinicError::Destroyed))?;
    Ok((label, identity, words(console, &report.words)))
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

impl From<MarkError> for Unmarked {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Clinic(error) => error.into(),
            MarkError::TooLarge => Self::TooLarge,
        }
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
    Ok(sealed::marked(console.desk.clinic(), &vault, picture, mark).await?)
}

/// A picture, whole and verified to its last chunk, or not at all.
pub(super) async fn photograph(console: &Console, may: &MayShowPicture) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    Ok(sealed::photograph(console.desk.clinic(), &*vault(console)?, may.picture()).await?)
}

/// Its thumbnail, if it has one.
pub(super) async fn thumbnail(
    console: &Console,
    may: &MayShowThumbnail,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    Ok(sealed::thumbnail(console.desk.clinic(), &*vault(console)?, may.picture()).await?)
}
