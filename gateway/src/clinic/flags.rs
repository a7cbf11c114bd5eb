//! What a person should look at although a picture is sound: who took it and of whom is the phone's word, and the phone is not believed either.
//!
//! | code | what it says |
//! |---|---|
//! | `operator-unknown` | the device names somebody as the one who took it for whom no device was ever invited |
//! | `birth-date-ahead` | the patient's birth date is still to come |
//! | `identity-differs` | an earlier picture under this record number bears another name or birth date |
//! | `identity-unreadable` | whose that earlier picture was cannot be read, so that nothing could be compared |
//!
//! The pictures are shown: a married name is no forgery, and a picture under a wrong number is found sooner where it is seen.

use safelight_core::ids::UnixMillis;
use safelight_core::label::Label;
use safelight_core::manifest::Manifest;

use super::pictures::Handle;
use super::{Clinic, ClinicError, devices, sealed};
use crate::vault::Unlocked;

/// What is known of a picture that has passed.
pub(super) struct Seen<'a> {
    pub(super) said: &'a Manifest,
    pub(super) label: &'a Label,
    pub(super) patient: &'a Handle,
    pub(super) now: UnixMillis,
}

/// The codes that it earns.
///
/// # Errors
/// [`ClinicError`] if the catalog failed.
pub(super) async fn of(clinic: &Clinic, vault: &Unlocked, seen: &Seen<'_>) -> Result<Vec<&'static str>, ClinicError> {
    let mut flags = Vec::new();
    if !devices::is_known_person(&clinic.catalog, &seen.said.operator).await? {
        flags.push("operator-unknown");
    }
    if seen.label.birth_date.is_ahead_of(seen.now) {
        flags.push("birth-date-ahead");
    }
    match sealed::identity(clinic, vault, seen.patient).await {
        Ok(None) => {}
        Ok(Some(known)) if seen.label.is_same_person(&known.name, &known.birth_date) => {}
        Ok(Some(_)) => flags.push("identity-differs"),
        Err(
            ClinicError::Destroyed | ClinicError::CatalogDamaged | ClinicError::Open(_) | ClinicError::SealedFile(_),
        ) => {
            flags.push("identity-unreadable");
        }
        Err(error) => return Err(error),
    }
    Ok(flags)
}
