//! The keys that ingest holds: its TLS key, the receipt key and the intake-log key. No other key is ever in this process.

use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use safelight_core::client::tls::Validity;
use safelight_core::device_key::{PublicKey, SoftwareKey};
use safelight_core::ids::{ClinicId, UnixMillis};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::receipt_keys::ReceiptKeys;
use crate::keyfile::{self, KeyFileError};

/// Whose gateway this is.
pub const CLINIC_ID_FILE: &str = "clinic-id";
/// TLS key.
pub const TLS_KEY_FILE: &str = "tls.key";
/// TLS certificate and the CA's, in this order.
pub const TLS_CHAIN_FILE: &str = "tls.crt";
/// Receipt key.
pub const RECEIPT_KEY_FILE: &str = "receipt.key";
/// Intake-log key.
pub const LOG_KEY_FILE: &str = "intake-log.key";

/// Why ingest's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The clinic's id cannot be read.
    #[error("{0}: this is not a clinic id: restore it from the backup")]
    ClinicId(PathBuf),
    /// The source of randomness failed.
    #[error("the machine could not produce random numbers: check the system, then try again")]
    Randomness,
    /// The certificate chain is not ingest's and the CA's.
    #[error("{0}: two certificates are expected, ingest's and the CA's")]
    Chain(PathBuf),
}

/// The keys.
#[derive(Debug)]
pub struct IngestKeys {
    folder: PathBuf,
    clinic_id: ClinicId,
    tls_key: SoftwareKey,
    chain: Vec<Vec<u8>>,
    receipt: ReceiptKeys,
    log: SigningKey,
}

impl IngestKeys {
    /// From ingest's folder.
    pub fn load(folder: &Path) -> Result<Self, KeysError> {
        let id_path = folder.join(CLINIC_ID_FILE);
        let text = String::from_utf8(keyfile::read(&id_path)?).unwrap_or_default();
        let clinic_id = text.trim().parse().map_err(|_| KeysError::ClinicId(id_path))?;
        let chain = checked_chain(folder, keyfile::read_certificates(&folder.join(TLS_CHAIN_FILE))?)?;
        Ok(Self {
            folder: folder.to_owned(),
            clinic_id,
            tls_key: keyfile::read_p256(&folder.join(TLS_KEY_FILE))?,
            chain,
            receipt: ReceiptKeys::load(folder)?,
            log: keyfile::read_ed25519(&folder.join(LOG_KEY_FILE))?,
        })
    }

    /// Whose gateway this is.
    pub fn clinic_id(&self) -> ClinicId {
        self.clinic_id
    }

    /// Certificate chain for TLS.
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.iter().cloned().map(CertificateDer::from).collect()
    }

    /// The CA certificates that devices come from.
    pub(super) fn roots(&self) -> Vec<CertificateDer<'static>> {
        self.chain().split_off(1)
    }

    /// The key for TLS. Empty if it cannot be encoded, which rustls refuses.
    pub(super) fn tls_key(&self) -> PrivateKeyDer<'static> {
        let der = self.tls_key.to_pkcs8().map(|der| der.to_vec()).unwrap_or_default();
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der))
    }

    /// A secret that outlives a restart, from which QUIC's stateless resets are made.
    pub(super) fn reset_secret(&self) -> Zeroizing<[u8; 32]> {
        self.derived(b"safelight/stateless-reset/1")
    }

    /// Another, for connection ids: their hash is not made to keep a secret, so it gets one of its own.
    pub(super) fn connection_id_secret(&self) -> Zeroizing<[u8; 32]> {
        self.derived(b"safelight/connection-id/1")
    }

    fn derived(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let der = self.tls_key.to_pkcs8().unwrap_or_default();
        Zeroizing::new(Sha256::new().chain_update(label).chain_update(&*der).finalize().into())
    }

    /// What the clinic process certifies.
    pub(super) fn tls_public_key(&self) -> PublicKey {
        self.tls_key.verifying()
    }

    /// When the TLS certificate ends.
    pub(super) fn certificate_until(&self) -> UnixMillis {
        let validity = self.chain.first().and_then(|der| Validity::of_certificate(der));
        validity.map_or(UnixMillis(0), |validity| validity.not_after)
    }

    /// The keys that sign receipts.
    pub(super) fn receipt(&mut self) -> &mut ReceiptKeys {
        &mut self.receipt
    }

    /// Whether receipts can be signed by this key.
    pub fn signs_receipts_as(&self, key: &PublicKey) -> bool {
        self.receipt.of(key).is_some()
    }

    /// Signs checkpoints.
    pub fn log(&self) -> &SigningKey {
        &self.log
    }

    /// Takes a new certificate from the clinic process, if it is for the TLS key.
    pub(super) fn replace_chain(&mut self, chain: Vec<Vec<u8>>) -> Result<(), KeysError> {
        let chain = checked_chain(&self.folder, chain)?;
        let path = self.folder.join(TLS_CHAIN_FILE);
        let own = chain.first().and_then(|der| PublicKey::of_certificate(der));
        if own.as_ref() != Some(&self.tls_key.verifying()) {
            return Err(KeysError::Chain(path));
        }
        let pem: String = chain.iter().map(|der| keyfile::certificate_pem(der)).collect();
        keyfile::replace(&path, 0o644, pem.as_bytes())?;
        self.chain = chain;
        Ok(())
    }
}

fn checked_chain(folder: &Path, chain: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, KeysError> {
    if chain.len() < 2 { Err(KeysError::Chain(folder.join(TLS_CHAIN_FILE))) } else { Ok(chain) }
}
