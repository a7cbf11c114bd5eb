//! The envelope of everything that is signed: COSE_Sign1 (RFC 9052 section 4.2) with ES256.
//!
//! Untagged, the payload attached, the signature as r and s (RFC 9053 section 2.1). The protected header is
//! `{1: -7, 3: <content type>}`, the unprotected header is empty, and the external data that is signed along with
//! both is the purpose's label, so that no kind of message passes for another even under the same key. There is
//! one spelling: an envelope that would not encode to the same bytes is refused.

use coset::{CborSerializable, CoseSign1Builder, HeaderBuilder, ProtectedHeader, iana};

use crate::cbor::{self, CborError, Item, Value};
use crate::device_key::{Es256, PublicKey};

/// What an envelope and its signature are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A device's statement about a picture.
    Manifest,
    /// The gateway's statement that a picture is stored.
    Receipt,
    /// The clinic's list of its keys.
    KeySet,
    /// The CA's statement about the key that signs key sets.
    KeyCertificate,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Manifest, Self::Receipt, Self::KeySet, Self::KeyCertificate];

    /// The label that is signed along, as external data.
    #[must_use]
    pub fn label(self) -> &'static [u8] {
        match self {
            Self::Manifest => b"safelight/manifest/1",
            Self::Receipt => b"safelight/receipt/1",
            Self::KeySet => b"safelight/keyset/1",
            Self::KeyCertificate => b"safelight/key-certificate/1",
        }
    }

    /// The content type in the protected header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Manifest => "application/safelight-manifest+cbor",
            Self::Receipt => "application/safelight-receipt+cbor",
            Self::KeySet => "application/safelight-keyset+cbor",
            Self::KeyCertificate => "application/safelight-key-certificate+cbor",
        }
    }

    fn protected(self) -> coset::Header {
        HeaderBuilder::new().algorithm(iana::Algorithm::ES256).content_type(self.content_type().to_owned()).build()
    }

    /// The protected header as it is sent and signed.
    fn protected_bytes(self) -> Result<Vec<u8>, CoseError> {
        self.protected().to_vec().map_err(|_| CoseError::Envelope)
    }
}

/// Why an envelope was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not CBOR as it must be spelled, or too long.
    #[error("the signed message is malformed: {0}")]
    Cbor(#[from] CborError),
    /// CBOR, but not the four parts of an envelope.
    #[error("the signed message is not a COSE_Sign1 as this protocol writes it")]
    Envelope,
    /// An envelope of another purpose or algorithm.
    #[error("the signed message is of another kind than the one expected here")]
    Purpose,
    /// The signature is not by the key over this payload for this purpose.
    #[error("the signature is not by the expected key: the message was altered, or is a forgery")]
    Signature,
}

/// Wraps `payload` for `purpose`, with the signature that `sign` gives for the bytes it is handed.
pub fn sign<E>(purpose: Purpose, payload: Vec<u8>, sign: impl FnOnce(&[u8]) -> Result<Es256, E>) -> Result<Vec<u8>, E>
where
    E: From<CoseError>,
{
    CoseSign1Builder::new()
        .protected(purpose.protected())
        .payload(payload)
        .try_create_signature(purpose.label(), |signed| sign(signed).map(|signature| signature.0.to_vec()))?
        .build()
        .to_vec()
        .map_err(|_| CoseError::Envelope.into())
}

/// An envelope whose form is right and whose signature nobody has checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Unverified {
    purpose: Purpose,
    payload: Vec<u8>,
    signature: Es256,
}

impl Unverified {
    /// Reads an envelope of at most `limit` bytes for `purpose`.
    pub fn parse(purpose: Purpose, bytes: &[u8], limit: usize) -> Result<Self, CoseError> {
        let Value::Array(parts) = cbor::decode(bytes, limit)? else {
            return Err(CoseError::Envelope);
        };
        let [protected, unprotected, payload, signature] =
            <[Value; 4]>::try_from(parts).map_err(|_| CoseError::Envelope)?;
        let part = |value| Item::new(0, value);
        let protected = part(protected).bytes(0..=limit).map_err(|_| CoseError::Envelope)?;
        let payload = part(payload).bytes(1..=limit).map_err(|_| CoseError::Envelope)?;
        let signature = part(signature).byte_array().map_err(|_| CoseError::Envelope)?;
        if unprotected != Value::Map(Vec::new()) {
            return Err(CoseError::Envelope);
        }
        // One purpose has one protected header, so comparing it whole leaves nothing to interpret.
        if protected != purpose.protected_bytes()? {
            return Err(CoseError::Purpose);
        }
        Ok(Self { purpose, payload, signature: Es256(signature) })
    }

    /// The payload, if the signature is by `key`.
    pub fn verify(self, key: &PublicKey) -> Result<Vec<u8>, CoseError> {
        let signed = coset::sig_structure_data(
            coset::SignatureContext::CoseSign1,
            ProtectedHeader { original_data: None, header: self.purpose.protected() },
            None,
            self.purpose.label(),
            &self.payload,
        );
        if key.verifies(&signed, &self.signature) { Ok(self.payload) } else { Err(CoseError::Signature) }
    }

    /// The payload that the envelope claims is signed.
    #[must_use]
    pub fn claimed(&self) -> &[u8] {
        &self.payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_key::SoftwareKey;
    use coset::CoseSign1;
    use getrandom::SysRng;

    fn signed(purpose: Purpose, payload: &[u8]) -> (Vec<u8>, SoftwareKey) {
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        let bytes = sign::<CoseError>(purpose, payload.to_vec(), |m| Ok(key.sign_es256(m))).unwrap();
        (bytes, key)
    }

    fn verify(purpose: Purpose, bytes: &[u8], key: &SoftwareKey) -> Result<Vec<u8>, CoseError> {
        Unverified::parse(purpose, bytes, 1024)?.verify(&key.verifying())
    }

    #[test]
    fn another_implementation_reads_and_verifies_it() {
        let (bytes, key) = signed(Purpose::Receipt, b"payload");
        let read = CoseSign1::from_slice(&bytes).unwrap();
        assert_eq!(read.payload.as_deref(), Some(&b"payload"[..]));
        assert!(read.unprotected.is_empty());
        read.verify_signature(b"safelight/receipt/1", |signature, signed| {
            let signature = Es256(signature.try_into().unwrap());
            key.verifying().verifies(signed, &signature).then_some(()).ok_or(())
        })
        .unwrap();
    }

    #[test]
    fn what_is_signed_is_the_structure_of_the_rfc() {
        // RFC 9052 section 4.4: ["Signature1", protected, external_aad, payload], written out by hand.
        let (bytes, key) = signed(Purpose::Manifest, b"abc");
        let protected = Purpose::Manifest.protected_bytes().unwrap();
        assert_eq!(protected, [&[0xa2, 1, 0x26, 3, 0x78, 35][..], b"application/safelight-manifest+cbor"].concat());
        let mut expected = vec![0x84, 0x6a];
        expected.extend(b"Signature1");
        expected.extend([0x58, u8::try_from(protected.len()).unwrap()]);
        expected.extend(&protected);
        expected.push(0x40 + 20);
        expected.extend(b"safelight/manifest/1");
        expected.extend([0x43, b'a', b'b', b'c']);
        let signature = Es256(bytes[bytes.len() - 64..].try_into().unwrap());
        assert!(key.verifying().verifies(&expected, &signature));
    }

    #[test]
    fn no_purpose_passes_for_another() {
        for made in Purpose::ALL {
            let (bytes, key) = signed(made, b"payload");
            for read in Purpose::ALL {
                let got = verify(read, &bytes, &key);
                if made == read {
                    assert_eq!(got.as_deref(), Ok(&b"payload"[..]));
                } else {
                    assert_eq!(got, Err(CoseError::Purpose), "{made:?} as {read:?}");
                    // Nor with the header exchanged, since the label is signed along.
                    let mut parts = match cbor::decode(&bytes, 1024).unwrap() {
                        Value::Array(parts) => parts,
                        other => panic!("{other:?}"),
                    };
                    parts[0] = Value::Bytes(read.protected_bytes().unwrap());
                    let relabelled = cbor::encode(Value::Array(parts));
                    assert_eq!(verify(read, &relabelled, &key), Err(CoseError::Signature));
                }
            }
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let (bytes, key) = signed(Purpose::KeySet, b"payload");
        assert!(verify(Purpose::KeySet, &bytes, &key).is_ok());
        for at in 0..bytes.len() {
            assert!(verify(Purpose::KeySet, &bytes[..at], &key).is_err());
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(verify(Purpose::KeySet, &altered, &key).is_err(), "bit {bit} of byte {at}");
            }
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(verify(Purpose::KeySet, &longer, &key).is_err());
        assert_eq!(
            Unverified::parse(Purpose::KeySet, &bytes, bytes.len() - 1).err(),
            Some(CoseError::Cbor(CborError::TooLong { limit: bytes.len() - 1 }))
        );
    }

    #[test]
    fn other_forms_of_the_same_message_are_refused() {
        let (bytes, key) = signed(Purpose::Manifest, b"payload");
        let read = CoseSign1::from_slice(&bytes).unwrap();
        let refused = |message: CoseSign1, why: &str| {
            let bytes = message.to_vec().unwrap();
            assert!(verify(Purpose::Manifest, &bytes, &key).is_err(), "{why}");
        };
        refused(CoseSign1 { payload: None, ..read.clone() }, "detached payload");
        refused(CoseSign1 { payload: Some(vec![]), ..read.clone() }, "no payload");
        refused(
            CoseSign1 { unprotected: HeaderBuilder::new().key_id(vec![1]).build(), ..read.clone() },
            "an unprotected header",
        );
        let header = HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).build();
        let protected = ProtectedHeader { original_data: None, header };
        refused(CoseSign1 { protected, ..read.clone() }, "another algorithm");
        refused(CoseSign1 { signature: read.signature[..63].to_vec(), ..read.clone() }, "a short signature");
        refused(CoseSign1 { signature: vec![0; 64], ..read }, "a zero signature");
        let tagged = [&[0xd2][..], &bytes].concat();
        assert!(verify(Purpose::Manifest, &tagged, &key).is_err(), "tagged");
    }

    #[test]
    fn another_key_does_not_verify() {
        let (bytes, _) = signed(Purpose::Manifest, b"payload");
        let (_, other) = signed(Purpose::Manifest, b"payload");
        assert_eq!(verify(Purpose::Manifest, &bytes, &other), Err(CoseError::Signature));
    }
}
