//! The algorithms and names that both ends share.

use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{SignatureVerificationAlgorithm, alg_id};
use rustls::{CertificateError, Error, SignatureScheme};

use crate::ids::DeviceId;

/// ALPN of the main listener: sending, renewal, key sets.
pub const ALPN_MAIN: &[u8] = b"safelight/1";

/// ALPN of the enrolment listener.
pub const ALPN_ENROL: &[u8] = b"safelight-enrol/1";

/// What stands before a device's id in the URI by which its certificate names it.
const DEVICE_URI: &str = "safelight:device:";

/// The URI by which a certificate names its device (RFC 5280 section 4.2.1.6).
#[must_use]
pub fn device_uri(device: DeviceId) -> String {
    format!("{DEVICE_URI}{device}")
}

/// The device that a URI names, if it is exactly of that form.
#[must_use]
pub fn device_of_uri(uri: &str) -> Option<DeviceId> {
    let device = uri.strip_prefix(DEVICE_URI)?.parse().ok()?;
    // One spelling: upper case is another.
    (device_uri(device) == uri).then_some(device)
}

/// The algorithms of every connection, phone or gateway: key exchange X25519MLKEM768 and no other, signatures
/// ECDSA P-256 with SHA-256 and no other.
///
/// Only the hybrid group is offered: a connection that stands has negotiated it. AES-128-GCM comes first
/// because it is the fastest where the processor has AES, and because QUIC's first packets use it anyhow.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        Arc::new(CryptoProvider {
            cipher_suites: vec![
                cipher_suite::TLS13_AES_128_GCM_SHA256,
                cipher_suite::TLS13_AES_256_GCM_SHA384,
                cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![kx_group::X25519MLKEM768],
            signature_verification_algorithms: es256(),
            ..aws_lc_rs::default_provider()
        })
    });
    PROVIDER.clone()
}

/// A certificate that names our CA as its issuer but does not carry its signature comes from another CA of that
/// name: it is answered like any other unknown one.
#[must_use]
pub fn foreign_as_unknown(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
        error => error,
    }
}

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// ES256 alone, out of what the provider has: certificates and handshakes here know nothing else.
fn es256() -> WebPkiSupportedAlgorithms {
    static ALL: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> = LazyLock::new(|| {
        let every = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        every
            .iter()
            .copied()
            .filter(|algorithm| {
                algorithm.public_key_alg_id() == alg_id::ECDSA_P256
                    && algorithm.signature_alg_id() == alg_id::ECDSA_SHA256
            })
            .collect()
    });
    static MAPPING: LazyLock<[(SignatureScheme, Algorithms); 1]> =
        LazyLock::new(|| [(SignatureScheme::ECDSA_NISTP256_SHA256, ALL.as_slice())]);
    WebPkiSupportedAlgorithms { all: ALL.as_slice(), mapping: MAPPING.as_slice() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_uri_has_one_spelling() {
        let device = DeviceId::from_bytes([0xab; 16]);
        let uri = device_uri(device);
        assert_eq!(device_of_uri(&uri), Some(device));
        let spelt =
            [uri.to_uppercase(), format!("{uri} "), uri.replace("ab", "AB"), uri.replace(':', "/"), String::new()];
        for other in spelt {
            assert_eq!(device_of_uri(&other), None, "{other}");
        }
    }

    #[test]
    fn one_group_one_signature_and_aes_128_first() {
        let provider = provider();
        let groups: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups, [rustls::NamedGroup::X25519MLKEM768]);
        assert_eq!(provider.signature_verification_algorithms.all.len(), 1);
        assert_eq!(
            provider.signature_verification_algorithms.supported_schemes(),
            [SignatureScheme::ECDSA_NISTP256_SHA256]
        );
        let first = provider.cipher_suites[0].suite();
        assert_eq!(first, rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert!(provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    }
}
