//! The clinic's keys but for the vault key: CA, clinic key, handle key, access-log key, and the key set that they make.

use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use safelight_core::device_key::SoftwareKey;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_core::keyset::{KeyCertificate, KeySet, MAX_OVERLAPS, Overlap, SignedKeySet, VerifiedKeySet, root_key};
use safelight_core::label::{Label, RecordNumberRules, normalised};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ClinicError;
use super::pictures::Handle;
use crate::config::{Config, RecordNumbers};
use crate::enrol::ca::Ca;
use crate::keyfile::{self, KeyFileError};

/// Whose clinic this is.
pub const CLINIC_ID_FILE: &str = "clinic-id";
/// CA key.
pub const CA_KEY_FILE: &str = "ca.key";
/// CA certificate.
pub const CA_CERTIFICATE_FILE: &str = "ca.crt";
/// Clinic key.
pub const CLINIC_KEY_FILE: &str = "clinic.key";
/// The CA's word for it.
pub const CLINIC_CERTIFICATE_FILE: &str = "clinic.cert";
/// Handle key: 32 random bytes.
pub const HANDLE_KEY_FILE: &str = "handle.key";
/// Access-log key.
pub const ACCESS_LOG_KEY_FILE: &str = "access-log.key";
/// The key set in force.
pub const KEY_SET_FILE: &str = "key-set.cbor";
/// The vault key under the passphrase.
pub const VAULT_FILE: &str = "vault.age";

/// Why the clinic's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClinicKeysError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// A file holds something else.
    #[error("{0}: this is not what the gateway wrote there: restore it from the backup")]
    Malformed(PathBuf),
}

/// The keys.
#[derive(Debug)]
pub struct ClinicKeys {
    clinic_id: ClinicId,
    clinic: SoftwareKey,
    certificate: KeyCertificate,
    access_log: SigningKey,
    handle: HandleKey,
}

impl ClinicKeys {
    /// From the clinic's folder.
    pub fn load(folder: &Path) -> Result<Self, ClinicKeysError> {
        let malformed = |name: &str| ClinicKeysError::Malformed(folder.join(name));
        let id = String::from_utf8(keyfile::read(&folder.join(CLINIC_ID_FILE))?).unwrap_or_default();
        let certificate = keyfile::read(&folder.join(CLINIC_CERTIFICATE_FILE))?;
        let handle = keyfile::read_secret(&folder.join(HANDLE_KEY_FILE))?;
        Ok(Self {
            clinic_id: id.trim().parse().map_err(|_| malformed(CLINIC_ID_FILE))?,
            clinic: keyfile::read_p256(&folder.join(CLINIC_KEY_FILE))?,
            certificate: KeyCertificate::from_bytes(&certificate).map_err(|_| malformed(CLINIC_CERTIFICATE_FILE))?,
            access_log: keyfile::read_ed25519(&folder.join(ACCESS_LOG_KEY_FILE))?,
            handle: HandleKey::from_slice(&handle).ok_or_else(|| malformed(HANDLE_KEY_FILE))?,
        })
    }

    /// Whose clinic this is.
    pub fn clinic_id(&self) -> ClinicId {
        self.clinic_id
    }

    /// The key that signs key sets.
    pub fn clinic_key(&self) -> &SoftwareKey {
        &self.clinic
    }

    /// The CA's word for it.
    pub fn certificate(&self) -> &KeyCertificate {
        &self.certificate
    }

    /// The key that signs the access log's checkpoints.
    pub fn access_log(&self) -> &SigningKey {
        &self.access_log
    }

    /// The key that makes patients' handles.
    pub fn handle(&self) -> &HandleKey {
        &self.handle
    }

    pub(super) fn load_ca(&self, folder: &Path) -> Result<Ca, ClinicError> {
        Ok(Ca::load(&folder.join(CA_KEY_FILE), &folder.join(CA_CERTIFICATE_FILE), self.clinic_id)?)
    }

    pub(super) fn load_key_set(
        &self,
        folder: &Path,
        roots: &[Vec<u8>],
        now: UnixMillis,
    ) -> Result<VerifiedKeySet, ClinicError> {
        let envelope = keyfile::read(&folder.join(KEY_SET_FILE)).map_err(ClinicKeysError::from)?;
        let keys = roots.iter().map(|root| root_key(root)).collect::<Result<Vec<_>, _>>()?;
        Ok(SignedKeySet::parse(&envelope)?.verify(&keys, self.clinic_id, now, 0)?)
    }

    /// Puts a signed key set in the place of the one in force. It is in force once the clinic is opened anew.
    pub(super) fn replace_key_set(&self, folder: &Path, envelope: &[u8]) -> Result<(), ClinicError> {
        Ok(keyfile::replace(&folder.join(KEY_SET_FILE), 0o600, envelope).map_err(ClinicKeysError::from)?)
    }
}

/// A key set that was replaced is taken for so long after: longer than a phone is away that is used at all, and as long as a device
/// certificate holds.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// What follows `held`: the next number, and nothing changed yet. `held` and the ones before it are taken for their overlap.
pub(super) fn next_key_set(held: &KeySet, now: UnixMillis) -> KeySet {
    let mut previous = vec![Overlap { number: held.number, until: now.plus(OVERLAP), receipt_key: None }];
    previous.extend(held.previous.iter().filter(|overlap| overlap.until > now).cloned());
    previous.truncate(MAX_OVERLAPS);
    KeySet { number: held.number.saturating_add(1), previous, issued_at: now, ..held.clone() }
}

/// The same with the clinic's name and addresses of today and these CAs.
pub(super) fn next_key_set_for(held: &KeySet, config: &Config, roots: Vec<Vec<u8>>, now: UnixMillis) -> KeySet {
    KeySet { clinic_name: config.clinic_name.clone(), addresses: config.addresses(), roots, ..next_key_set(held, now) }
}

impl ClinicKeys {
    /// Signs under this certificate of the clinic key.
    pub(super) fn sign(&self, certificate: &KeyCertificate, next: &KeySet) -> Result<Vec<u8>, ClinicError> {
        Ok(next.sign(&self.clinic, certificate)?.bytes().to_vec())
    }

    /// Signs, and puts in the place of the one in force, durably.
    pub(super) fn sign_and_keep(
        &self,
        folder: &Path,
        next: &KeySet,
        now: UnixMillis,
    ) -> Result<VerifiedKeySet, ClinicError> {
        let envelope = self.sign(&self.certificate, next)?;
        self.replace_key_set(folder, &envelope)?;
        self.load_key_set(folder, &next.roots, now)
    }
}

/// The access log's name in its checkpoints.
pub fn access_origin(clinic: ClinicId) -> String {
    format!("safelight.internal/{clinic}/access")
}

/// Makes patients' handles. Whoever has the handles alone cannot try record numbers against them.
pub struct HandleKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for HandleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandleKey")
    }
}

impl HandleKey {
    /// From its 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// HMAC-SHA-256 of issuer and normalised record number, each with its length before it, so that no two pairs are one.
    pub fn of(&self, label: &Label, rules: &RecordNumbers) -> Handle {
        self.of_number(&label.issuer, &label.record_number, rules)
    }

    /// The same of what somebody has typed.
    pub fn of_number(&self, issuer: &str, record_number: &str, rules: &RecordNumbers) -> Handle {
        let rules = RecordNumberRules {
            fold_case: rules.fold_case,
            strip_spaces: rules.strip_spaces,
            strip_leading_zeros: rules.strip_leading_zeros,
        };
        let number = normalised(record_number, &rules);
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else { return [0; 32] };
        mac.update(b"safelight/handle/1");
        for part in [issuer.as_bytes(), number.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
