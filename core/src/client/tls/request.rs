//! The certificate request, and P-256 keys in the form that rcgen wants.

use rcgen::{CertificateParams, DnType, PublicKeyData, SignatureAlgorithm, SigningKey};

use super::identity::KeyFailures;
use crate::device_key::{DeviceKey, DeviceKeyError, PublicKey};
use crate::text::is_one_line;

/// The longest name of a device in characters: that of a common name (RFC 5280 appendix A.1, ub-common-name).
pub const MAX_DEVICE_NAME_CHARS: usize = 64;

/// Why there is no certificate request.
#[derive(Debug, thiserror::Error)]
pub enum CsrError {
    /// The name is empty, too long or has control characters.
    #[error("the device's name must have 1 to {MAX_DEVICE_NAME_CHARS} characters that show")]
    Name,
    /// The keystore did not sign.
    #[error(transparent)]
    Key(#[from] DeviceKeyError),
    /// The request could not be encoded: a fault of this program.
    #[error("the certificate request could not be made")]
    Encoding(#[source] rcgen::Error),
}

/// A PKCS#10 request in DER (RFC 2986), signed by `key`, with `device_name` as its common name and nothing else.
/// The clinic takes the public key from it and ignores the rest.
pub fn make_csr(key: &dyn DeviceKey, device_name: &str) -> Result<Vec<u8>, CsrError> {
    if device_name.chars().count() > MAX_DEVICE_NAME_CHARS || !is_one_line(device_name) {
        return Err(CsrError::Name);
    }
    let signer = CertificateSigner::new(key)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, device_name);
    match params.serialize_request(&signer) {
        Ok(request) => Ok(request.der().to_vec()),
        Err(error) => Err(signer.failures.take().map_or(CsrError::Encoding(error), CsrError::Key)),
    }
}

/// A public key to be certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateKey {
    sec1: Vec<u8>,
}

impl From<&PublicKey> for CertificateKey {
    fn from(key: &PublicKey) -> Self {
        Self { sec1: key.to_sec1() }
    }
}

impl PublicKeyData for CertificateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.sec1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A key that signs requests and certificates.
#[derive(Debug)]
pub struct CertificateSigner<'a> {
    key: &'a dyn DeviceKey,
    public: CertificateKey,
    failures: KeyFailures,
}

impl<'a> CertificateSigner<'a> {
    /// Around `key`, if it tells its public half.
    pub fn new(key: &'a dyn DeviceKey) -> Result<Self, DeviceKeyError> {
        let public = CertificateKey::from(&key.public_key()?);
        Ok(Self { key, public, failures: KeyFailures::default() })
    }
}

impl PublicKeyData for CertificateSigner<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl SigningKey for CertificateSigner<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message).map_err(|error| {
            self.failures.keep(error);
            rcgen::Error::RemoteKeyError
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use getrandom::SysRng;
    use x509_parser::prelude::{FromDer, X509CertificationRequest};

    use super::*;
    use crate::device_key::{SoftwareDeviceKey, SoftwareKey};

    fn key() -> SoftwareDeviceKey<SysRng> {
        SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).unwrap(), SysRng)
    }

    #[test]
    fn the_request_names_the_key_and_proves_possession() {
        let key = key();
        let der = make_csr(&key, "Room 3").unwrap();
        let (rest, request) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let info = &request.certification_request_info;
        let public = key.public_key().unwrap();
        assert_eq!(info.subject_pki.subject_public_key.data.as_ref(), public.to_sec1());
        assert_eq!(info.subject.to_string(), "CN=Room 3");
        assert_eq!(info.attributes().len(), 0);
        assert!(public.verifies_der(info.raw, &request.signature_value.data));
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(make_csr(&key(), &"ä".repeat(MAX_DEVICE_NAME_CHARS)).is_ok());
        for name in [String::new(), "ä".repeat(MAX_DEVICE_NAME_CHARS + 1), "a\nb".into()] {
            assert!(matches!(make_csr(&key(), &name), Err(CsrError::Name)), "{name:?}");
        }
    }

    #[test]
    fn a_failing_keystore_is_named() {
        #[derive(Debug)]
        struct Failing(SoftwareDeviceKey<SysRng>);
        impl DeviceKey for Failing {
            fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
                self.0.public_key()
            }
            fn sign(&self, _: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
                Err(DeviceKeyError::NotAuthorised)
            }
            fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
                Err(DeviceKeyError::Failed)
            }
        }
        let refused = make_csr(&Failing(key()), "Room 3");
        assert!(matches!(refused, Err(CsrError::Key(DeviceKeyError::NotAuthorised))), "{refused:?}");
    }
}
