//! The phone's check of the gateway's certificate, for both listeners.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::enrolment::PinnedAuthority;
use super::profile::foreign_as_unknown;

/// Where trust begins.
#[derive(Debug)]
pub(super) enum Trust {
    /// The authorities of a verified key set.
    Roots(RootCertStore),
    /// The one authority whose certificate has this SHA-256; the server shows it.
    Pinned {
        /// Of the DER.
        ca_sha256: [u8; 32],
        /// Where it is kept once seen.
        authority: PinnedAuthority,
    },
}

impl Trust {
    /// The pinned certificate among those that the server has shown.
    fn find_pinned<'a>(ca_sha256: &[u8; 32], shown: &'a [CertificateDer<'a>]) -> Result<&'a [u8], Error> {
        shown
            .iter()
            .find(|certificate| Sha256::digest(certificate).as_slice() == ca_sha256)
            .map(AsRef::as_ref)
            .ok_or_else(|| CertificateError::UnknownIssuer.into())
    }
}

/// Demands a server certificate for `server_name`, issued by a trusted authority itself. The name is the clinic's and
/// fixed: the one that the connection was made under does not count.
#[derive(Debug)]
pub(super) struct GatewayVerifier {
    pub(super) trust: Trust,
    pub(super) server_name: ServerName<'static>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl GatewayVerifier {
    fn verify(&self, end_entity: &CertificateDer<'_>, roots: &RootCertStore, now: UnixTime) -> Result<(), Error> {
        let end_entity = ParsedCertificate::try_from(end_entity)?;
        // The authority signs the end entity itself: nothing else that was shown is looked at.
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&end_entity, roots, &[], now, algorithms)
            .map_err(foreign_as_unknown)?;
        verify_server_name(&end_entity, &self.server_name)
    }
}

impl ServerCertVerifier for GatewayVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Roots(roots) => self.verify(end_entity, roots, now)?,
            Trust::Pinned { ca_sha256, authority } => {
                let pinned = Trust::find_pinned(ca_sha256, intermediates)?;
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(pinned))?;
                self.verify(end_entity, &roots, now)?;
                authority.keep(pinned);
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
