//! Whom a receiver's certificate must be of.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::DeliverError;

/// Where Debian and its kin keep the certificates that the system trusts.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// More than any system's.
const MAX_LEN: u64 = 4 << 20;

/// The certificates of `ca_file`, or the system's, as far as they can be anybody's anchor.
pub(super) fn anchors(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, DeliverError> {
    let path = ca_file.unwrap_or(Path::new(SYSTEM));
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_LEN);
    let pem = is_small.then(|| std::fs::read(path).ok()).flatten().ok_or(DeliverError::Trust)?;
    let is_anchor = |der: &CertificateDer<'static>| RootCertStore::empty().add(der.clone()).is_ok();
    let anchors: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).filter(is_anchor).collect();
    if anchors.is_empty() { Err(DeliverError::Trust) } else { Ok(anchors) }
}

/// TLS to whoever has a certificate of these.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, DeliverError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(anchors(ca_file)?);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| DeliverError::Trust)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Why there is no connection, or none that could be trusted.
pub(super) fn broken(error: io::Error) -> DeliverError {
    if is_of_certificate(&error) { DeliverError::Certificate } else { DeliverError::Unreachable(error) }
}

/// Whether a certificate was refused, however deep that lies.
pub(super) fn is_of_certificate(error: &(dyn Error + 'static)) -> bool {
    let is_refusal = |error: &(dyn Error + 'static)| {
        // What an error of the system carries is not its source, but itself.
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<rustls::Error>().or_else(|| carried?.downcast_ref());
        matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
    };
    std::iter::successors(Some(error), |&error| error.source()).any(is_refusal)
}
