//! Whom a phone's key attestation may lead to: Google's roots, and those of the file that the configuration names.

use std::path::PathBuf;

use crate::config::Config;
use crate::enrol::attestation::{Roots, RootsError};
use crate::keyfile::{self, KeyFileError};

/// Why the file of roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AttestationRootsError {
    /// It cannot be read.
    #[error("attestation_roots: {0}")]
    File(#[from] KeyFileError),
    /// It does not hold what it should.
    #[error("attestation_roots: {path}: {source}", path = path.display())]
    Roots {
        /// Which.
        path: PathBuf,
        /// Why.
        source: RootsError,
    },
}

/// Those that the configuration says.
///
/// # Errors
/// [`AttestationRootsError`].
pub fn load(config: &Config) -> Result<Roots, AttestationRootsError> {
    let google = Roots::google();
    let Some(path) = &config.attestation_roots else { return Ok(google) };
    let pem = keyfile::read(path)?;
    google.and(&pem).map_err(|source| AttestationRootsError::Roots { path: path.clone(), source })
}

/// The same for a process that starts. With a file that cannot be used phones are judged by Google's alone: pictures must not wait for it.
pub(super) fn in_force(config: &Config) -> Roots {
    load(config).unwrap_or_else(|error| {
        tracing::error!(code = "attestation-roots", %error, "phones are judged by Google's roots alone");
        Roots::google()
    })
}
