//! Reading what the clinic holds, for somebody at the shell: the access log has it before a byte is read.

use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::label::Label;
use zeroize::Zeroizing;

use super::access::{Actor, Event};
use super::pictures::{self, Picture, State};
use super::{Clinic, ClinicError, corrections, sealed};
use crate::vault::Unlocked;

/// Longest reason for opening a picture, in bytes.
pub const MAX_REASON_LEN: usize = 1024;

/// Pictures read from the catalog at once.
const PAGE: u32 = 256;

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such picture.
    #[error("there is no picture {0}: `safelight vault list` shows those that there are")]
    NotFound(CaptureId),
    /// It has not been judged yet.
    #[error("this picture has not been verified yet: wait until `safelight vault list` shows it as verified")]
    NotVerified,
    /// Something was wrong with it.
    #[error("this picture is quarantined ({0}) and is not opened: tell your privacy officer")]
    Quarantined(String),
    /// No reason was given, or too long a one.
    #[error("a reason of 1 to {MAX_REASON_LEN} bytes is expected: it goes into the access log, sealed")]
    Reason,
    /// The clinic's stores.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
}

/// A picture with its label, as far as it could be opened.
#[derive(Debug)]
pub struct Listed {
    /// The picture.
    pub picture: Picture,
    /// Its label: of a verified picture, with the vault unlocked.
    pub label: Option<Label>,
}

/// All pictures in the order of their arrival. With the vault, also whose they are; that is on record before a label is opened.
///
/// # Errors
/// [`ReadError::Clinic`].
pub async fn list(
    clinic: &Clinic,
    vault: Option<&Unlocked>,
    actor: &Actor,
    now: UnixMillis,
) -> Result<Vec<Listed>, ReadError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |picture: &Picture| picture.seq);
        let page = pictures::list(&clinic.catalog, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let Some(vault) = vault else {
        return Ok(all.into_iter().map(|picture| Listed { picture, label: None }).collect());
    };
    record(clinic, actor, now, &Event::Listed(u64::try_from(all.len()).unwrap_or(u64::MAX))).await?;
    let mut listed = Vec::with_capacity(all.len());
    for picture in all {
        let label = match picture.state {
            // A label that does not open is left out: the picture is listed all the same.
            State::Verified => corrected(clinic, vault, &picture).await.ok(),
            State::Received | State::Quarantined => None,
        };
        listed.push(Listed { picture, label });
    }
    Ok(listed)
}

/// A verified picture in the clear, whole and checked, in memory alone. Before a byte of it is read, the access log has who opened it,
/// when and why.
///
/// # Errors
/// Any [`ReadError`].
pub async fn open(
    clinic: &Clinic,
    vault: &Unlocked,
    capture: CaptureId,
    reason: &str,
    actor: &Actor,
    now: UnixMillis,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let reason = reason.trim();
    if !(1..=MAX_REASON_LEN).contains(&reason.len()) {
        return Err(ReadError::Reason);
    }
    let picture = verified(clinic, capture).await?;
    let reason = sealed::words(clinic, reason)?;
    record(clinic, actor, now, &Event::Opened(capture, &reason)).await?;

    let opened = sealed::photograph(clinic, vault, &picture).await;
    whole(clinic, capture, now, opened).await
}

/// A picture as an age file, still sealed: header and payload together. On record as well.
///
/// # Errors
/// Any [`ReadError`] but those about the vault.
pub async fn export(clinic: &Clinic, capture: CaptureId, actor: &Actor, now: UnixMillis) -> Result<Vec<u8>, ReadError> {
    let picture = verified(clinic, capture).await?;
    record(clinic, actor, now, &Event::Exported(capture)).await?;
    let file = sealed::age_file(clinic, &picture).await;
    whole(clinic, capture, now, file).await
}

/// What was read of a picture. Where what is stored of it is damaged, that is on record too, from where an alert follows.
async fn whole<T>(
    clinic: &Clinic,
    capture: CaptureId,
    now: UnixMillis,
    read: Result<T, ClinicError>,
) -> Result<T, ReadError> {
    if let Some(damage) = read.as_ref().err().and_then(ClinicError::damage) {
        record(clinic, &Actor::Gateway, now, &Event::PictureDamaged(capture, damage)).await?;
    }
    Ok(read?)
}

/// The label as it was signed, under the patient whose the picture is: a correction, or another number of the patient's, leaves the label as it is.
async fn corrected(clinic: &Clinic, vault: &Unlocked, picture: &Picture) -> Result<Label, ClinicError> {
    let mut label = sealed::label(clinic, vault, picture).await?;
    let is_elsewhere =
        picture.patient != picture.filed || corrections::is_moved(&clinic.catalog, picture.capture).await?;
    if let (Some(to), true) = (&picture.patient, is_elsewhere) {
        let known = sealed::identity(clinic, vault, to).await?.ok_or(ClinicError::Destroyed)?;
        label.issuer.clone_from(&known.issuer);
        label.record_number.clone_from(&known.record_number);
        label.name.clone_from(&known.name);
        label.birth_date = known.birth_date.parse().map_err(|_| ClinicError::CatalogDamaged)?;
    }
    Ok(label)
}

async fn verified(clinic: &Clinic, capture: CaptureId) -> Result<Picture, ReadError> {
    let picture = pictures::find(&clinic.catalog, capture).await?.ok_or(ReadError::NotFound(capture))?;
    match picture.state {
        State::Verified => Ok(picture),
        State::Received => Err(ReadError::NotVerified),
        State::Quarantined => Err(ReadError::Quarantined(picture.reason)),
    }
}

async fn record(clinic: &Clinic, actor: &Actor, now: UnixMillis, event: &Event<'_>) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    clinic.access.record(&mut tx, actor, now, std::slice::from_ref(event)).await?;
    Ok(tx.commit().await?)
}
