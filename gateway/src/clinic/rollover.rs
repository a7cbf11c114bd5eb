//! From one CA to the next, without a phone that must be enrolled again.
//!
//! ```text
//! begin    a new CA is made. It issues nothing; the key set that the old one vouches for tells phones to trust both.
//!   wait   as long as a device certificate and its grace last: a phone that was not there in all of that time has none left
//! switch   the new CA takes the old one's place: ingest, devices and the clinic key are certified by it. Both are trusted.
//!   wait   as long again: then no certificate of the old CA is left
//! retire   the old CA's certificate is trusted no more; its key is gone since the switch
//! ```
//! Each step is one run of `safelight ca rollover` with the clinic process stopped, and signs a new key set.

use std::path::Path;
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::tls::GRACE;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_core::keyset::KeyCertificate;
use sha2::{Digest, Sha256};

use super::access::{Actor, Event};
use super::keys::{CA_CERTIFICATE_FILE, CA_KEY_FILE, CLINIC_CERTIFICATE_FILE, ClinicKeysError, next_key_set_for};
use super::{Clinic, ClinicError, settings};
use crate::config::Config;
use crate::enrol::ca::Ca;
use crate::enrol::issue::DEVICE_LIFETIME;
use crate::keyfile;

/// The key of the CA that is to come.
pub const NEXT_KEY_FILE: &str = "ca-next.key";
/// Its certificate.
const NEXT_CERTIFICATE_FILE: &str = "ca-next.crt";
/// The certificate of the CA that was.
const PREVIOUS_CERTIFICATE_FILE: &str = "ca-previous.crt";

/// The setting with the time of the last step.
const STEP_AT: &str = "ca-step-at";

/// The CAs beside the one that issues.
#[derive(Debug, Default)]
pub(super) struct OtherCas {
    next: Option<Ca>,
    previous: Option<Vec<u8>>,
}

impl OtherCas {
    /// From the clinic's folder. Finishes a switch that was cut off between its two files.
    pub(super) fn load(folder: &Path, clinic: ClinicId) -> Result<Self, ClinicError> {
        let path = |name: &str| folder.join(name);
        let (key, certificate) = (path(NEXT_KEY_FILE), path(NEXT_CERTIFICATE_FILE));
        let next = match (key.exists(), certificate.exists()) {
            (true, true) => Some(Ca::load(&key, &certificate, clinic)?),
            (false, true) => {
                rename(&certificate, &path(CA_CERTIFICATE_FILE))?;
                None
            }
            // Beginning was cut off: there is nothing yet.
            (_, false) => None,
        };
        let previous = match path(PREVIOUS_CERTIFICATE_FILE) {
            path if path.exists() => {
                keyfile::read_certificates(&path).map_err(ClinicKeysError::from)?.into_iter().next()
            }
            _ => None,
        };
        Ok(Self { next, previous })
    }

    /// All certificates that are trusted, the issuing one first.
    pub(super) fn roots(&self, current: &Ca) -> Vec<Vec<u8>> {
        let mut roots = vec![current.certificate().to_vec()];
        let others = self.next.iter().map(|next| next.certificate().to_vec()).chain(self.previous.clone());
        // Between two files of a switch the previous one is still the current one.
        roots.extend(others.filter(|other| *other != current.certificate().to_vec()));
        roots
    }
}

/// How far a rollover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is one CA, and nothing to do.
    One,
    /// The new CA was made, and phones learn it. It may take over from this time on.
    Begun(UnixMillis),
    /// The new CA has taken over. The old one may go from this time on.
    Switched(UnixMillis),
}

/// Why no step was taken.
#[derive(Debug, thiserror::Error)]
pub enum RolloverError {
    /// Phones that are away would be locked out.
    #[error("phones that are away have not learned the new CA yet: the next step may be taken from {0:?} on")]
    TooEarly(UnixMillis),
    /// Anything else.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
}

/// How long each step must have stood before the next.
const WAIT: Duration = Duration::from_secs(DEVICE_LIFETIME.as_secs() + GRACE.as_secs() + 24 * 60 * 60);

/// How far a rollover is.
pub async fn step(clinic: &Clinic) -> Result<Step, ClinicError> {
    let at = settings::number(&mut *clinic.catalog.read().await?, STEP_AT).await?.unwrap_or(0);
    let from = UnixMillis(at).plus(WAIT);
    Ok(match &clinic.other_cas {
        OtherCas { next: Some(_), .. } => Step::Begun(from),
        OtherCas { previous: Some(_), .. } => Step::Switched(from),
        _ => Step::One,
    })
}

/// Takes the next step, on record before it is taken. `clinic` has to be opened anew afterwards.
///
/// # Errors
/// [`RolloverError::TooEarly`] if phones could be locked out by it; else what failed.
pub async fn advance(clinic: &Clinic, config: &Config, actor: &Actor) -> Result<(), RolloverError> {
    let now = clinic.time_to_issue()?;
    let folder = clinic.folder.as_path();
    match step(clinic).await? {
        Step::One => {
            let next = Ca::create(clinic.id(), now, &mut SysRng).map_err(ClinicError::from)?;
            taken(clinic, actor, now, Event::CaRolloverBegun(next.sha256())).await?;
            remove(&folder.join(NEXT_KEY_FILE))?;
            next.save(&folder.join(NEXT_KEY_FILE), &folder.join(NEXT_CERTIFICATE_FILE)).map_err(ClinicError::from)?;
        }
        Step::Begun(from) | Step::Switched(from) if now < from => return Err(RolloverError::TooEarly(from)),
        Step::Begun(_) => switch(clinic, config, actor, now).await?,
        Step::Switched(_) => {
            let old = clinic.other_cas.previous.as_deref().unwrap_or_default();
            taken(clinic, actor, now, Event::CaRetired(Sha256::digest(old).into())).await?;
            remove(&folder.join(PREVIOUS_CERTIFICATE_FILE))?;
        }
    }
    Ok(())
}

/// The order is such that whatever is written last, the clinic opens: a key set is believed by any of the CAs that are there.
async fn switch(clinic: &Clinic, config: &Config, actor: &Actor, now: UnixMillis) -> Result<(), ClinicError> {
    let Some(next) = &clinic.other_cas.next else { return Ok(()) };
    let folder = clinic.folder.as_path();
    taken(clinic, actor, now, Event::CaRolledOver(next.sha256())).await?;
    let previous = clinic.ca.certificate_pem();
    let replace = |name: &str, mode, bytes: &[u8]| {
        keyfile::replace(&folder.join(name), mode, bytes)
            .map_err(|error| ClinicError::from(ClinicKeysError::from(error)))
    };
    replace(PREVIOUS_CERTIFICATE_FILE, 0o644, previous.as_bytes())?;
    let life = next.validity();
    let certificate = KeyCertificate::issue(
        next.key(),
        clinic.id(),
        &clinic.keys.clinic_key().verifying(),
        life.not_before,
        life.not_after,
    )?;
    let roots = vec![next.certificate().to_vec(), clinic.ca.certificate().to_vec()];
    let held = clinic.key_set();
    let next = next_key_set_for(held.key_set(), config, roots, now);
    let envelope = clinic.keys.sign(&certificate, &next)?;
    clinic.keys.replace_key_set(folder, &envelope)?;
    replace(CLINIC_CERTIFICATE_FILE, 0o600, certificate.bytes())?;
    rename(&folder.join(NEXT_KEY_FILE), &folder.join(CA_KEY_FILE))?;
    rename(&folder.join(NEXT_CERTIFICATE_FILE), &folder.join(CA_CERTIFICATE_FILE))
}

async fn taken(clinic: &Clinic, actor: &Actor, now: UnixMillis, event: Event<'_>) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    settings::set_number(&mut tx, STEP_AT, now.0).await?;
    clinic.access.record(&mut tx, actor, now, &[event]).await?;
    Ok(tx.commit().await?)
}

fn rename(from: &Path, to: &Path) -> Result<(), ClinicError> {
    Ok(keyfile::rename(from, to).map_err(ClinicKeysError::from)?)
}

fn remove(path: &Path) -> Result<(), ClinicError> {
    Ok(keyfile::remove(path).map_err(ClinicKeysError::from)?)
}
