//! Opening what is sealed: for whoever has unlocked the vault and has put on record that it is opened.

use std::collections::HashMap;
use std::sync::Arc;

use getrandom::SysRng;
use safelight_core::label::Label;
use safelight_core::manifest::SignedManifest;
use safelight_core::seal;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::identity::PatientIdentity;
use super::pictures::{self, Handle, Picture, SealedIdentity};
use super::verify::{patient_header, recipients};
use super::{Clinic, ClinicError, thumbnails};
use crate::inspector::InspectError;
use crate::store::blobs::{Blob, Blobs, MAX_PIECE, payload_key};
use crate::store::headers::{HeaderId, Headers, Kind};
use crate::vault::Unlocked;

/// A picture's label.
pub async fn label(clinic: &Clinic, vault: &Unlocked, picture: &Picture) -> Result<Label, ClinicError> {
    let json = small(clinic, vault, picture.capture.into(), Kind::Label, &picture.label).await?;
    Label::from_json_bytes(&json).map_err(|_| ClinicError::CatalogDamaged)
}

/// A picture's thumbnail, a JPEG; `None` while it has none.
pub async fn thumbnail(
    clinic: &Clinic,
    vault: &Unlocked,
    picture: &Picture,
) -> Result<Option<Zeroizing<Vec<u8>>>, ClinicError> {
    let Some(payload) = thumbnails::find(&clinic.catalog, picture.capture).await? else { return Ok(None) };
    small(clinic, vault, picture.capture.into(), Kind::Thumbnail, &payload).await.map(Some)
}

/// Who a patient is; `None` for a handle that nobody has.
pub async fn identity(
    clinic: &Clinic,
    vault: &Unlocked,
    patient: &Handle,
) -> Result<Option<PatientIdentity>, ClinicError> {
    let Some(payload) = pictures::identity(&clinic.catalog, patient).await? else { return Ok(None) };
    let json = small(clinic, vault, patient_header(patient), Kind::Identity, &payload).await?;
    PatientIdentity::from_json(&json).ok_or(ClinicError::CatalogDamaged).map(Some)
}

/// Who these patients are, opened on the threads that may block. One whose header is destroyed has no name any more, and one that does not open is said in
/// the log: both are left out.
pub async fn identities(
    clinic: &Clinic,
    vault: &Arc<Unlocked>,
    sealed: Vec<SealedIdentity>,
) -> Result<Vec<(Handle, PatientIdentity)>, ClinicError> {
    let ids: Vec<HeaderId> = sealed.iter().map(|sealed| patient_header(&sealed.patient)).collect();
    let headers: HashMap<_, _> = clinic.headers.get_many(&ids, Kind::Identity).await?.into_iter().collect();
    let vault = vault.clone();
    let open_all = move || {
        let mut opened = Vec::with_capacity(sealed.len());
        for SealedIdentity { number, patient, payload } in sealed {
            let Some(header) = headers.get(&patient_header(&patient)) else { continue };
            let json = open(&vault, &[header.as_slice(), &payload].concat());
            match json.ok().as_deref().and_then(|json| PatientIdentity::from_json(json)) {
                Some(identity) => opened.push((patient, identity)),
                None => tracing::error!(code = "identity-unreadable", number, "a patient's name does not open"),
            }
        }
        opened
    };
    tokio::task::spawn_blocking(open_all).await.map_err(|_| ClinicError::TaskEnded("names"))
}

/// A picture as a whole age file: header, then payload. It needs no vault, and gives away nothing without its key.
pub async fn age_file(clinic: &Clinic, picture: &Picture) -> Result<Vec<u8>, ClinicError> {
    let mut file = picture_header(clinic, picture).await?;
    read_payload(clinic, picture, |piece| file.extend_from_slice(piece)).await?;
    Ok(file)
}

/// Whether a picture's header is there, and its payload is what the device signed for: read to its end, and not opened.
pub async fn check(clinic: &Clinic, picture: &Picture) -> Result<(), ClinicError> {
    picture_header(clinic, picture).await?;
    read_payload(clinic, picture, |_| {}).await
}

async fn picture_header(clinic: &Clinic, picture: &Picture) -> Result<Vec<u8>, ClinicError> {
    clinic.headers.get(picture.capture.into(), Kind::Picture).await?.ok_or(ClinicError::Destroyed)
}

/// The payload, a piece at a time. What was handed out is the payload only if this returns well.
async fn read_payload(clinic: &Clinic, picture: &Picture, mut each: impl FnMut(&[u8])) -> Result<(), ClinicError> {
    // Ingest keeps the payloads: what lies there is this picture's only if it is what the manifest says.
    let manifest = SignedManifest::parse(&picture.manifest).map_err(|_| ClinicError::CatalogDamaged)?;
    let said = manifest.claimed().picture;
    let blob = open_payload(clinic, picture).await?;
    if blob.len() != said.len {
        return Err(ClinicError::PayloadDamaged);
    }
    let mut digest = Sha256::new();
    let mut offset = 0;
    while offset < blob.len() {
        let end = offset.saturating_add(MAX_PIECE as u64).min(blob.len());
        let piece = blob.read(offset..end).await?;
        digest.update(&piece);
        each(&piece);
        offset = end;
    }
    if digest.finalize().as_slice() == said.sha256 { Ok(()) } else { Err(ClinicError::PayloadDamaged) }
}

/// A picture's photograph, whole and authentic or not at all.
pub async fn photograph(
    clinic: &Clinic,
    vault: &Unlocked,
    picture: &Picture,
) -> Result<Zeroizing<Vec<u8>>, ClinicError> {
    let file = age_file(clinic, picture).await?;
    open(vault, &file)
}

/// Why there is no marked picture.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// It cannot be opened.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
    /// It has more pixels than are decoded here.
    #[error("the picture is too large to be marked")]
    TooLarge,
}

/// A picture's photograph as an upright JPEG with `mark` drawn into its pixels, by the inspector.
pub async fn marked(clinic: &Clinic, vault: &Unlocked, picture: &Picture, mark: &str) -> Result<Vec<u8>, MarkError> {
    let plain = photograph(clinic, vault, picture).await?;
    match clinic.inspector.mark(&plain, mark).await {
        Ok(marked) => Ok(marked),
        Err(InspectError::TooLarge) => Err(MarkError::TooLarge),
        Err(error) => {
            tracing::error!(capture = %picture.capture, %error, "the inspector could not mark a picture");
            Err(ClinicError::Inspector.into())
        }
    }
}

/// Words that only whoever opens the vault may read again, such as a reason.
pub fn words(clinic: &Clinic, words: &str) -> Result<Vec<u8>, ClinicError> {
    seal::seal_bytes(words.as_bytes(), &recipients(clinic)?, &mut SysRng).map_err(|_| ClinicError::Randomness)
}

async fn open_payload(clinic: &Clinic, picture: &Picture) -> Result<Box<dyn Blob>, ClinicError> {
    let manifest = safelight_core::manifest::ManifestHash(picture.manifest_hash);
    Ok(clinic.blobs.open(&payload_key(picture.capture, &manifest)).await?)
}

async fn small(
    clinic: &Clinic,
    vault: &Unlocked,
    id: HeaderId,
    kind: Kind,
    payload: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ClinicError> {
    let header = clinic.headers.get(id, kind).await?.ok_or(ClinicError::Destroyed)?;
    open(vault, &[header.as_slice(), payload].concat())
}

fn open(vault: &Unlocked, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, ClinicError> {
    let (header, payload) = seal::split(file)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(payload.len()));
    vault.open(header, payload, &mut *plain)?;
    Ok(plain)
}
