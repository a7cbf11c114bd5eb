//! Whom a receiver's certificate must be of.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::DeliverError;

/// Where Debian and its kin keep the certificates that the system trusts.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// More than any system's.
const MAX_LEN: u64 = 4 << 20;

/// The certificates of `ca_file`, or the system's.
pub(super) fn anchors(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, DeliverError> {
    let path = ca_file.unwrap_or(Path::new(SYSTEM));
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_LEN);
    let pem = is_small.then(|| std::fs::read(path).ok()).flatten().ok_or(DeliverError::Trust)?;
    let anchors: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if anchors.is_empty() { Err(DeliverError::Trust) } else { Ok(anchors) }
}
