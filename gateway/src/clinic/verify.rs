//! Judging what ingest has stored, before anybody is shown it.
//!
//! ingest is not believed: the manifest's signature is checked through the certificates that this clinic issued, the payload through the
//! manifest's digest and its own seal, the label likewise, the picture by the inspector. What passes gets a header of the clinic's own, so that
//! a lying phone cannot have left the recovery key out; what does not is quarantined under a code.

use std::num::TryFromIntError;
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::tls::GRACE;
use safelight_core::ids::UnixMillis;
use safelight_core::label::Label;
use safelight_core::manifest::{Manifest, SignedManifest};
use safelight_core::seal::{self, Recipient, Stanza};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::access::{Actor, Event};
use super::flags::{self, Seen};
use super::identity::PatientIdentity;
use super::pictures::{self, Judged, Picture};
use super::{Clinic, ClinicError, Running, care, devices, restored, revocations, rotation};
use crate::enrol::issue::DEVICE_LIFETIME;
use crate::inspector::{Declared, Verdict};
use crate::store::blobs::{BlobError, Blobs, MAX_PIECE, payload_key};
use crate::store::headers::{Header, HeaderError, HeaderId, Headers, Kind, wiped_later};
use crate::vault::{RewrapError, Unlocked};

/// Looked at in one round.
const BATCH: u32 = 16;

/// Looked for again after this time even if nobody said that there is something new.
const IDLE: Duration = Duration::from_secs(5);

/// After a restore a device's certificate may be one that the catalog has forgotten, and learns when the device renews it. As long as a
/// certificate and its grace last, its pictures wait for that; then it is too late for the device as well.
const WAIT_FOR_CERTIFICATE: Duration = Duration::from_secs(DEVICE_LIFETIME.as_secs() + GRACE.as_secs());

/// Why a picture is not shown, by stable codes.
#[derive(Debug)]
enum Fault {
    /// For good.
    Quarantine(&'static str),
    /// Not now: the store or the machine failed, the picture may be fine.
    Later(ClinicError),
}

impl<E: Into<ClinicError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Later(error.into())
    }
}

/// Judges for as long as the process runs. Without an unlocked vault there is nothing that it could do.
pub(super) async fn run(running: Arc<Running>) {
    let mut vaults = running.vault.subscribe();
    loop {
        let vault = vaults.borrow_and_update().clone();
        if let Some(vault) = vault {
            if let Err(error) = pass(&running, &vault).await {
                tracing::error!(%error, "pictures could not be judged");
            }
            tokio::select! {
                _ = timeout(IDLE, running.pulled.notified()) => {}
                _ = vaults.changed() => {}
            }
        } else if vaults.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Judges everything that waits. One picture that cannot be judged now does not keep the others waiting; the next pass tries it again.
async fn pass(running: &Running, vault: &Unlocked) -> Result<(), ClinicError> {
    let mut after = 0;
    loop {
        let waiting = pictures::received(&running.clinic.catalog, after, BATCH).await?;
        let Some(last) = waiting.last() else { return Ok(()) };
        after = last.seq;
        for picture in &waiting {
            // Whoever locked the vault meant it.
            if !running.vault.is_open() {
                return Ok(());
            }
            match judge(&running.clinic, vault, picture, running.clock.now()).await {
                Ok(()) => {}
                // It may wait for weeks, and is tried every few seconds.
                Err(error @ ClinicError::CertificateNotKnownYet) => {
                    tracing::debug!(capture = %picture.capture, %error, "a picture waits");
                }
                Err(error) => tracing::error!(capture = %picture.capture, %error, "a picture could not be judged"),
            }
        }
    }
}

/// Judges one received picture.
///
/// # Errors
/// [`ClinicError`] if the store or the machine failed; the picture stays received.
pub async fn judge(clinic: &Clinic, vault: &Unlocked, picture: &Picture, now: UnixMillis) -> Result<(), ClinicError> {
    match examine(clinic, vault, picture, now).await {
        Ok(passed) => accept(clinic, picture, passed, now).await,
        Err(Fault::Quarantine(reason)) => {
            tracing::warn!(capture = %picture.capture, reason, "quarantined");
            let mut tx = clinic.catalog.write().await?;
            if pictures::quarantine(&mut tx, picture.capture, reason, now).await? {
                let event = Event::Quarantined(picture.capture, reason);
                clinic.access.record(&mut tx, &Actor::Gateway, now, &[event]).await?;
            }
            Ok(tx.commit().await?)
        }
        Err(Fault::Later(error)) => Err(error),
    }
}

/// A picture that passed, with everything of it sealed anew: headers for the header store, the rest for the catalog.
struct Passed {
    /// Whose the label says that it is.
    patient: pictures::Handle,
    picture_header: Vec<u8>,
    label_header: Vec<u8>,
    /// Sealed identity and thumbnail, whole age files.
    identity: Vec<u8>,
    thumbnail: Option<Vec<u8>>,
    flags: Vec<&'static str>,
}

async fn examine(clinic: &Clinic, vault: &Unlocked, picture: &Picture, now: UnixMillis) -> Result<Passed, Fault> {
    let manifest = check_manifest(clinic, picture, now).await?;
    let said = manifest.manifest();
    let header = stored_header(clinic, picture, Kind::Picture).await?;
    let recipients = recipients(clinic)?;
    let stanza = Stanza::manifest(said.key_set, &manifest.hash().0);
    let picture_header = match vault.rewrap(&header, Some(&stanza), &recipients, &mut SysRng) {
        // It may be sealed to the very key that the vault's file lacks, and waits for the right file.
        Err(RewrapError::Open(_)) if rotation::lacks_a_key(clinic, vault).await? => {
            return Err(ClinicError::VaultBehind.into());
        }
        rewrapped => rewrapped.map_err(|error| rewrap_fault(&error))?,
    };
    let plain = {
        let payload = read_payload(clinic, picture, said).await?;
        open(vault, &header, &payload).ok_or(Fault::Quarantine("payload-damaged"))?
    };

    let label_header = stored_header(clinic, picture, Kind::Label).await?;
    let label = open_label(vault, &label_header, picture, said)?;
    let label_header =
        vault.rewrap(&label_header, None, &recipients, &mut SysRng).map_err(|error| rewrap_fault(&error))?;

    let thumbnail = inspect(clinic, &plain, said).await?;
    drop(plain);

    let seal_small =
        |plain: &[u8]| seal::seal_bytes(plain, &recipients, &mut SysRng).map_err(|_| ClinicError::Randomness);
    let identity = PatientIdentity::of(&label).to_json().ok_or(Fault::Quarantine("label-unreadable"))?;
    let patient = clinic.keys.handle().of(&label, &clinic.record_numbers);
    Ok(Passed {
        flags: flags::of(clinic, vault, &Seen { said, label: &label, patient: &patient, now }).await?,
        patient,
        picture_header,
        label_header,
        identity: seal_small(&identity)?,
        thumbnail: thumbnail.as_deref().map(seal_small).transpose()?,
    })
}

async fn stored_header(clinic: &Clinic, picture: &Picture, kind: Kind) -> Result<Vec<u8>, Fault> {
    let header = clinic.headers.get(picture.capture.into(), kind).await?;
    header.ok_or(Fault::Quarantine("header-missing"))
}

fn rewrap_fault(error: &RewrapError) -> Fault {
    match error {
        RewrapError::Open(_) => Fault::Quarantine("not-for-this-vault"),
        RewrapError::OtherManifest => Fault::Quarantine("header-of-another-manifest"),
        RewrapError::Seal(_) => Fault::Later(ClinicError::Randomness),
    }
}

/// The plaintext, in memory that is wiped; the right size from the beginning, so that growing leaves no copy behind.
fn open(vault: &Unlocked, header: &[u8], payload: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(payload.len()));
    tokio::task::block_in_place(|| vault.open(header, payload, &mut *plain)).ok()?;
    Some(plain)
}

/// The signature, through the certificates that this clinic issued to the device.
async fn check_manifest(clinic: &Clinic, picture: &Picture, now: UnixMillis) -> Result<SignedManifest, Fault> {
    let device = devices::find(&clinic.catalog, picture.device).await?;
    let device = device.ok_or(Fault::Quarantine("unknown-device"))?;
    let certificates = devices::certificates(&clinic.catalog, device.id).await?;
    let verified = certificates
        .iter()
        .find_map(|certificate| SignedManifest::parse(&picture.manifest).ok()?.verify(&certificate.public_key).ok());
    let Some(manifest) = verified else {
        let waits = now.since(picture.pulled_at) < WAIT_FOR_CERTIFICATE
            && !restored::adopted(&mut *clinic.catalog.read().await?, device.id).await?.is_empty();
        return Err(if waits {
            Fault::Later(ClinicError::CertificateNotKnownYet)
        } else {
            Fault::Quarantine("bad-signature")
        });
    };
    let said = manifest.manifest();
    if said.clinic_id != clinic.id() || said.device_id != device.id || said.capture_id != picture.capture {
        return Err(Fault::Quarantine("manifest-of-another-capture"));
    }
    if device.revoked_at.is_some_and(|revoked| revocations::is_after(picture, said.captured_at, revoked)) {
        return Err(Fault::Quarantine(revocations::REVOKED));
    }
    Ok(manifest)
}

/// The ciphertext, whole in memory: one picture at a time is judged, and a payload is bounded on the wire.
async fn read_payload(clinic: &Clinic, picture: &Picture, said: &Manifest) -> Result<Vec<u8>, Fault> {
    let key = payload_key(picture.capture, &safelight_core::manifest::ManifestHash(picture.manifest_hash));
    let blob = match clinic.blobs.open(&key).await {
        Ok(blob) => blob,
        Err(BlobError::NotFound) => return Err(Fault::Quarantine("payload-missing")),
        Err(BlobError::NotAFile) => return Err(Fault::Quarantine("payload-not-a-file")),
        Err(error) => return Err(error.into()),
    };
    if blob.len() != said.picture.len {
        return Err(Fault::Quarantine("payload-damaged"));
    }
    let too_large = |_: TryFromIntError| Fault::Quarantine("payload-damaged");
    let mut payload = Vec::with_capacity(usize::try_from(blob.len()).map_err(too_large)?);
    let mut offset = 0;
    while offset < blob.len() {
        let end = offset.saturating_add(MAX_PIECE as u64).min(blob.len());
        payload.extend_from_slice(&blob.read(offset..end).await?);
        offset = end;
    }
    if Sha256::digest(&payload).as_slice() != said.picture.sha256 {
        return Err(Fault::Quarantine("payload-damaged"));
    }
    Ok(payload)
}

fn open_label(vault: &Unlocked, header: &[u8], picture: &Picture, said: &Manifest) -> Result<Label, Fault> {
    let payload = &picture.label;
    if payload.len() as u64 != said.label.len || Sha256::digest(payload).as_slice() != said.label.sha256 {
        return Err(Fault::Quarantine("label-of-another-manifest"));
    }
    let json = open(vault, header, payload).ok_or(Fault::Quarantine("label-damaged"))?;
    Label::from_json_bytes(&json).map_err(|_| Fault::Quarantine("label-unreadable"))
}

/// The thumbnail that the inspector makes of a picture against which it finds nothing; `None` for one that is too large to be decoded.
async fn inspect(clinic: &Clinic, plain: &[u8], said: &Manifest) -> Result<Option<Vec<u8>>, Fault> {
    let declared = Declared { content_type: said.content_type.as_str(), width: said.width, height: said.height };
    let error = match clinic.inspector.inspect(plain, declared).await {
        Ok(inspection) => return Ok(Some(inspection.thumbnail)),
        Err(error) => error,
    };
    match error.verdict() {
        Verdict::NoThumbnail => Ok(None),
        Verdict::Quarantine => Err(Fault::Quarantine(error.code())),
        Verdict::TryAgain => {
            tracing::error!(%error, "the inspector could not work");
            Err(Fault::Later(ClinicError::Inspector))
        }
    }
}

/// Vault and recovery key, as the key set in force names them.
pub fn recipients(clinic: &Clinic) -> Result<[Recipient; 2], ClinicError> {
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    let recipient = |bytes| Recipient::from_bytes(bytes).map_err(|_| ClinicError::CatalogDamaged);
    Ok([recipient(key_set.vault)?, recipient(key_set.recovery)?])
}

/// Headers first: should this process end in between, the picture is judged again and its headers are replaced again.
async fn accept(clinic: &Clinic, picture: &Picture, passed: Passed, now: UnixMillis) -> Result<(), ClinicError> {
    let capture = picture.capture;
    let header = |kind, bytes| Header { id: capture.into(), kind, bytes };
    let rewritten = [header(Kind::Picture, passed.picture_header), header(Kind::Label, passed.label_header)];
    wiped_later(clinic.headers.replace(&rewritten).await)?;
    let thumbnail = match passed.thumbnail.as_deref().map(split).transpose()? {
        None => None,
        Some((thumbnail_header, thumbnail)) => {
            keep(clinic, header(Kind::Thumbnail, thumbnail_header)).await?;
            Some(thumbnail)
        }
    };
    let (identity_header, identity) = split(&passed.identity)?;
    let naming = clinic.naming.lock().await;
    if pictures::identity(&clinic.catalog, &passed.patient).await?.is_none() {
        keep(clinic, Header { id: patient_header(&passed.patient), kind: Kind::Identity, bytes: identity_header })
            .await?;
    }
    let judged =
        Judged { filed: passed.patient, identity: &identity, thumbnail: thumbnail.as_deref(), flags: &passed.flags };
    let mut tx = clinic.catalog.write().await?;
    if pictures::verified(&mut tx, capture, &judged, now).await? {
        let mut events = vec![Event::Verified(capture, passed.patient)];
        // Whoever treats a patient sees that patient's pictures.
        care::joined(&mut tx, &passed.patient, &picture.operator, now).await?;
        events.extend(passed.flags.iter().map(|flag| Event::Flagged(capture, flag)));
        clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    }
    tx.commit().await?;
    drop(naming);
    for flag in &passed.flags {
        tracing::warn!(%capture, flag, "verified, and somebody should look at it");
    }
    tracing::info!(%capture, "verified");
    Ok(())
}

/// Puts a header in its place, whether or not there is one.
pub(super) async fn keep(clinic: &Clinic, header: Header) -> Result<(), ClinicError> {
    let header = [header];
    match clinic.headers.put(&header).await {
        Err(HeaderError::Exists) => Ok(wiped_later(clinic.headers.replace(&header).await)?),
        other => Ok(other?),
    }
}

/// Under which id a patient's identity header lies.
pub(super) fn patient_header(patient: &pictures::Handle) -> HeaderId {
    let mut id = [0; 16];
    id.iter_mut().zip(patient).for_each(|(to, from)| *to = *from);
    HeaderId::from_bytes(id)
}

/// Header and payload of an age file that this program has just made.
pub(super) fn split(file: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ClinicError> {
    let (header, payload) = seal::split(file).map_err(|_| ClinicError::CatalogDamaged)?;
    Ok((header.to_vec(), payload.to_vec()))
}
