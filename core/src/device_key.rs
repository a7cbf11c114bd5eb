//! The device key: P-256, ES256, held by the phone's secure hardware and never exported.
//!
//! The trait is synchronous because the keystores answer synchronously, and rustls asks synchronously.
//! [`SoftwareKey`] is for capture stations and tests.

use std::fmt;
use std::sync::Arc;

use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

/// Why a device key did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceKeyError {
    /// The keystore has invalidated the key (a new fingerprint, a restored phone): the device enrols anew.
    #[error("the device key is no longer valid: enrol this device again")]
    Invalidated,
    /// The keystore asked the user, and the user did not agree or was not there.
    #[error("the device key could not be used without the user's consent: unlock the device and try again")]
    NotAuthorised,
    /// Anything else, by the keystore's own code.
    #[error("the device key failed: try again, then enrol this device again")]
    Failed,
}

/// A key that signs for the device. Implementations keep the private half to themselves.
pub trait DeviceKey: Send + Sync + fmt::Debug {
    /// The public half.
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError>;

    /// An ES256 signature of SHA-256(`message`), as ASN.1 DER (RFC 3279 section 2.2.3), which is what both
    /// keystores and TLS speak. [`Es256::from_der`] gives the form that COSE wants.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError>;

    /// Makes a further key of the same kind. This one stays usable: a renewal changes over only when the new
    /// certificate has arrived.
    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError>;
}

/// A P-256 public key that is a point on the curve.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Bytes that are not a point on P-256, or not a signature in the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key or signature")]
pub struct MalformedKey;

impl PublicKey {
    /// From SEC1 bytes, compressed or not.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, MalformedKey> {
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| MalformedKey)
    }

    /// The key that an X.509 certificate (DER) is for, if it is a P-256 key. Nothing else of the certificate is looked at.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Self::from_sec1(&certificate.public_key().subject_public_key.data).ok()
    }

    /// 65 bytes: 4, x, y.
    pub fn to_sec1(&self) -> Vec<u8> {
        self.0.to_sec1_point(false).as_bytes().to_vec()
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Es256) -> bool {
        Signature::from_slice(&signature.0).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }

    /// The same for a DER signature, as X.509 carries it.
    #[must_use]
    pub fn verifies_der(&self, message: &[u8], signature: &[u8]) -> bool {
        Es256::from_der(signature).is_ok_and(|signature| self.verifies(message, &signature))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", data_encoding::HEXLOWER.encode(&self.to_sec1()))
    }
}

/// An ES256 signature as COSE carries it: r and s, 32 bytes each (RFC 9053 section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Es256(pub [u8; 64]);

impl Es256 {
    /// From ASN.1 DER.
    pub fn from_der(der: &[u8]) -> Result<Self, MalformedKey> {
        let signature = Signature::from_der(der).map_err(|_| MalformedKey)?;
        Ok(Self(signature.to_bytes().into()))
    }
}

/// A device key in memory, wiped when dropped.
#[derive(Clone)]
pub struct SoftwareKey(SigningKey);

impl SoftwareKey {
    /// A fresh key from `rng`; fails if the source of randomness does.
    pub fn generate<R: TryCryptoRng>(rng: &mut R) -> Result<Self, DeviceKeyError> {
        // Rejection sampling: about one candidate in 2^32 is not a scalar of P-256, so a few tries that all
        // fail mean a broken source.
        for _ in 0..8 {
            let mut candidate = Zeroizing::new([0u8; 32]);
            rng.try_fill_bytes(candidate.as_mut()).map_err(|_| DeviceKeyError::Failed)?;
            if let Ok(key) = SigningKey::from_slice(candidate.as_ref()) {
                return Ok(Self(key));
            }
        }
        Err(DeviceKeyError::Failed)
    }

    /// From PKCS#8 DER.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, MalformedKey> {
        SigningKey::from_pkcs8_der(der).map(Self).map_err(|_| MalformedKey)
    }

    /// As PKCS#8 DER, for a protected file.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, MalformedKey> {
        self.0.to_pkcs8_der().map(|der| der.to_bytes()).map_err(|_| MalformedKey)
    }

    /// The public half.
    pub fn verifying(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// An ES256 signature in COSE's form.
    pub fn sign_es256(&self, message: &[u8]) -> Es256 {
        let signature: Signature = self.0.sign(message);
        Es256(signature.to_bytes().into())
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({:?})", self.verifying())
    }
}

/// A [`SoftwareKey`] with the source of randomness that [`DeviceKey::new_key`] needs.
#[derive(Debug, Clone)]
pub struct SoftwareDeviceKey<R> {
    key: SoftwareKey,
    rng: R,
}

impl<R: TryCryptoRng + Clone> SoftwareDeviceKey<R> {
    /// `key`, and `rng` for its successors.
    pub fn new(key: SoftwareKey, rng: R) -> Self {
        Self { key, rng }
    }
}

impl<R: TryCryptoRng + Clone + Send + Sync + fmt::Debug + 'static> DeviceKey for SoftwareDeviceKey<R> {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        Ok(self.key.verifying())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        let signature: DerSignature = self.key.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        let mut rng = self.rng.clone();
        let key = SoftwareKey::generate(&mut rng)?;
        Ok(Arc::new(Self { key, rng }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;

    #[test]
    fn both_forms_of_a_signature_verify_and_another_message_does_not() {
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        let device = SoftwareDeviceKey::new(key.clone(), SysRng);
        let der = device.sign(b"message").unwrap();
        assert!(key.verifying().verifies_der(b"message", &der));
        assert!(!key.verifying().verifies_der(b"messagf", &der));
        assert!(key.verifying().verifies(b"message", &key.sign_es256(b"message")));
        assert!(!device.new_key().unwrap().public_key().unwrap().verifies_der(b"message", &der));
    }

    #[test]
    fn pkcs8_round_trips() {
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        let again = SoftwareKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.verifying(), again.verifying());
        assert!(SoftwareKey::from_pkcs8(b"").is_err());
    }

    #[test]
    fn only_points_on_the_curve_are_keys() {
        assert!(PublicKey::from_sec1(&[4; 65]).is_err());
        assert!(PublicKey::from_sec1(&[0]).is_err());
    }
}
