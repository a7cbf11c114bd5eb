//! Before enrolment the phone knows one thing of the clinic's TLS: the hash of its CA certificate, from the QR code.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use super::verifier::Trust;
use super::{ALPN_ENROL, TlsConfigError, builder, finished};
use crate::ids::ClinicId;

/// TLS for the enrolment connection.
#[derive(Debug, Clone)]
pub struct EnrolTls {
    /// The configuration.
    pub config: ClientConfig,
    /// The name to connect under, whatever the address is.
    pub server_name: String,
    /// The CA certificate, once a handshake has shown it.
    pub authority: PinnedAuthority,
}

/// The CA certificate whose hash was pinned.
#[derive(Debug, Clone, Default)]
pub struct PinnedAuthority(Arc<OnceLock<Vec<u8>>>);

impl PinnedAuthority {
    /// X.509 in DER; nothing before a server of that authority was met. It is the pinned one by its SHA-256.
    #[must_use]
    pub fn der(&self) -> Option<&[u8]> {
        self.0.get().map(Vec::as_slice)
    }

    pub(super) fn keep(&self, der: &[u8]) {
        // What is there already has the same hash, hence the same bytes.
        self.0.get_or_init(|| der.to_vec());
    }
}

/// The configuration of the enrolment connection: no client certificate yet; the server shows a chain that holds the
/// CA certificate with the SHA-256 `ca_sha256`, and its own certificate for `clinic` comes from that CA.
///
/// The whole certificate is pinned: a CA of the same name, or the right CA's certificate appended to another
/// chain, is refused in the handshake, before the token is sent.
pub fn enrol_config(ca_sha256: [u8; 32], clinic: ClinicId) -> Result<EnrolTls, TlsConfigError> {
    let authority = PinnedAuthority::default();
    let trust = Trust::Pinned { ca_sha256, authority: authority.clone() };
    let config = finished(builder(trust, clinic)?.with_no_client_auth(), ALPN_ENROL);
    Ok(EnrolTls { config, server_name: clinic.server_name(), authority })
}
