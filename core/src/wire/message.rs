//! The messages of the normal connection. Their shapes are those of `protocol.cddl`.

use super::limits::{
    MAX_CERTIFICATE_LEN, MAX_CSR_LEN, MAX_HEADER_LEN, MAX_KEY_SET_LEN, MAX_LABEL_LEN, MAX_MANIFEST_LEN,
    MAX_PROOF_HASHES, MAX_REQUEST_LEN, MAX_RESPONSE_LEN,
};
use super::{Refusal, RefusalCode};
use sha2::{Digest, Sha256};

use crate::cbor::{CborError, Fields, MapWriter, Value};
use crate::ids::{ClinicId, DeviceId};
use crate::log::Hash;

/// Bytes that are not a message of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame says that it is longer than its limit, or a message would be.
    #[error("a message is longer than the protocol allows")]
    TooLong,
    /// A frame without a body.
    #[error("a message is empty")]
    Empty,
    /// Not the CBOR that the protocol fixes.
    #[error("a message is malformed: {0}")]
    Cbor(#[from] CborError),
    /// A message of a kind that this end does not know.
    #[error("a message is of an unknown kind")]
    UnknownKind,
}

/// What opens an upload. The payload follows on the same stream, from the offset that the gateway asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRequest {
    /// COSE_Sign1 of the manifest.
    pub manifest: Vec<u8>,
    /// The picture's age header.
    pub header: Vec<u8>,
    /// The sealed label.
    pub label: Vec<u8>,
    /// Size of the newest checkpoint that the phone holds, 0 if none.
    pub known_log_size: u64,
}

/// What a phone asks; one bidirectional stream each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Take this picture.
    Upload(UploadRequest),
    /// The key set, if it is newer than number `have`.
    KeySet {
        /// The number that the phone holds.
        have: u64,
    },
    /// A new certificate for the key of this PKCS#10 request.
    Renew {
        /// DER.
        csr: Vec<u8>,
        /// By the device's present key, over [`renewal_message`]: the clinic process takes nobody else's word for who asks.
        proof: [u8; 64],
    },
}

/// What the gateway answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// No, and why.
    Refused(Refusal),
    /// Send the payload from this byte on, then finish the stream.
    Continue {
        /// Bytes that the gateway holds already.
        offset: u64,
    },
    /// The picture is stored.
    Stored {
        /// COSE_Sign1 of the receipt.
        receipt: Vec<u8>,
        /// From the phone's checkpoint to the receipt's.
        consistency: Vec<Hash>,
    },
    /// A newer key set.
    KeySet {
        /// The envelope that `keyset` reads.
        envelope: Vec<u8>,
    },
    /// The phone's key set is the newest.
    KeySetCurrent,
    /// The new certificate.
    Certificate {
        /// DER.
        certificate: Vec<u8>,
    },
}

mod kind {
    pub(super) const UPLOAD: u64 = 1;
    pub(super) const KEY_SET: u64 = 2;
    pub(super) const RENEW: u64 = 3;

    pub(super) const REFUSED: u64 = 1;
    pub(super) const CONTINUE: u64 = 2;
    pub(super) const STORED: u64 = 3;
    pub(super) const NEW_KEY_SET: u64 = 4;
    pub(super) const KEY_SET_CURRENT: u64 = 5;
    pub(super) const CERTIFICATE: u64 = 6;
}

impl Request {
    /// The body of its frame.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if it would pass the limit of a request.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let map = MapWriter::new();
        let bytes = match self {
            Self::Upload(upload) => map
                .uint(1, kind::UPLOAD)
                .bytes(2, &upload.manifest)
                .bytes(3, &upload.header)
                .bytes(4, &upload.label)
                .uint(5, upload.known_log_size),
            Self::KeySet { have } => map.uint(1, kind::KEY_SET).uint(2, *have),
            Self::Renew { csr, proof } => map.uint(1, kind::RENEW).bytes(2, csr).bytes(3, proof),
        }
        .to_bytes();
        within(bytes, MAX_REQUEST_LEN)
    }

    /// From the body of a frame.
    ///
    /// # Errors
    /// Any [`WireError`]: a field too long, missing, unknown, or spelt in another way than the one.
    pub fn from_bytes(body: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::decode(body, MAX_REQUEST_LEN)?;
        let request = match fields.take(1)?.uint()? {
            kind::UPLOAD => Self::Upload(UploadRequest {
                manifest: fields.take(2)?.bytes(1..=MAX_MANIFEST_LEN)?,
                header: fields.take(3)?.bytes(1..=MAX_HEADER_LEN)?,
                label: fields.take(4)?.bytes(1..=MAX_LABEL_LEN)?,
                known_log_size: fields.take(5)?.uint()?,
            }),
            kind::KEY_SET => Self::KeySet { have: fields.take(2)?.uint()? },
            kind::RENEW => {
                Self::Renew { csr: fields.take(2)?.bytes(1..=MAX_CSR_LEN)?, proof: fields.take(3)?.byte_array()? }
            }
            _ => return Err(WireError::UnknownKind),
        };
        fields.finish()?;
        Ok(request)
    }
}

impl Response {
    /// The body of its frame.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if it would pass the limit of a response.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let map = MapWriter::new();
        let bytes = match self {
            Self::Refused(refusal) => map.uint(1, kind::REFUSED).uint(2, refusal.code.number().into()),
            Self::Continue { offset } => map.uint(1, kind::CONTINUE).uint(2, *offset),
            Self::Stored { receipt, consistency } => map
                .uint(1, kind::STORED)
                .bytes(2, receipt)
                .array(3, consistency.iter().map(|hash| Value::Bytes(hash.to_vec()))),
            Self::KeySet { envelope } => map.uint(1, kind::NEW_KEY_SET).bytes(2, envelope),
            Self::KeySetCurrent => map.uint(1, kind::KEY_SET_CURRENT),
            Self::Certificate { certificate } => map.uint(1, kind::CERTIFICATE).bytes(2, certificate),
        }
        .to_bytes();
        within(bytes, MAX_RESPONSE_LEN)
    }

    /// From the body of a frame.
    ///
    /// # Errors
    /// Any [`WireError`], as [`Request::from_bytes`].
    pub fn from_bytes(body: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::decode(body, MAX_RESPONSE_LEN)?;
        let response = match fields.take(1)?.uint()? {
            kind::REFUSED => {
                let number = fields.take(2)?.uint32()?;
                Self::Refused(RefusalCode::from_number(number).ok_or(WireError::UnknownKind)?.into())
            }
            kind::CONTINUE => Self::Continue { offset: fields.take(2)?.uint()? },
            kind::STORED => {
                let receipt = fields.take(2)?.bytes(1..=MAX_RESPONSE_LEN)?;
                let hashes = fields.take(3)?.array(0..=MAX_PROOF_HASHES)?;
                let consistency = hashes.into_iter().map(|hash| hash.bytes32()).collect::<Result<_, _>>()?;
                Self::Stored { receipt, consistency }
            }
            kind::NEW_KEY_SET => Self::KeySet { envelope: fields.take(2)?.bytes(1..=MAX_KEY_SET_LEN)? },
            kind::KEY_SET_CURRENT => Self::KeySetCurrent,
            kind::CERTIFICATE => Self::Certificate { certificate: fields.take(2)?.bytes(1..=MAX_CERTIFICATE_LEN)? },
            _ => return Err(WireError::UnknownKind),
        };
        fields.finish()?;
        Ok(response)
    }
}

/// What a device signs with its present key (ES256) to have `csr` certified: ingest, which only carries it, cannot make one.
#[must_use]
pub fn renewal_message(clinic: ClinicId, device: DeviceId, csr: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(csr);
    [b"safelight/renew/1".as_slice(), clinic.as_bytes(), device.as_bytes(), digest.as_slice()].concat()
}

fn within(bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, WireError> {
    if bytes.len() > limit { Err(WireError::TooLong) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<Request> {
        let upload =
            UploadRequest { manifest: vec![1; 300], header: vec![2; 400], label: vec![3; 900], known_log_size: 7 };
        vec![Request::Upload(upload), Request::KeySet { have: 3 }, Request::Renew { csr: vec![4; 200], proof: [5; 64] }]
    }

    fn responses() -> Vec<Response> {
        vec![
            Response::Refused(RefusalCode::TooSlow.into()),
            Response::Continue { offset: 1 << 20 },
            Response::Stored { receipt: vec![5; 700], consistency: vec![[6; 32], [7; 32]] },
            Response::KeySet { envelope: vec![8; 1000] },
            Response::KeySetCurrent,
            Response::Certificate { certificate: vec![9; 600] },
        ]
    }

    #[test]
    fn messages_round_trip() {
        for request in requests() {
            assert_eq!(Request::from_bytes(&request.to_bytes().unwrap()), Ok(request));
        }
        for response in responses() {
            assert_eq!(Response::from_bytes(&response.to_bytes().unwrap()), Ok(response));
        }
    }

    #[test]
    fn a_message_cut_or_lengthened_anywhere_is_refused() {
        let bodies = requests()
            .iter()
            .map(|r| r.to_bytes().unwrap())
            .chain(responses().iter().map(|r| r.to_bytes().unwrap()))
            .collect::<Vec<_>>();
        for body in bodies {
            for end in 0..body.len() {
                assert!(Request::from_bytes(&body[..end]).is_err());
                assert!(Response::from_bytes(&body[..end]).is_err());
            }
            let longer = [body.as_slice(), &[0]].concat();
            assert!(Request::from_bytes(&longer).is_err());
            assert!(Response::from_bytes(&longer).is_err());
        }
    }

    #[test]
    fn a_field_over_its_limit_is_refused() {
        let label = vec![0; MAX_LABEL_LEN + 1];
        let upload = UploadRequest { manifest: vec![1], header: vec![2], label, known_log_size: 0 };
        let body = Request::Upload(upload).to_bytes().unwrap();
        assert!(Request::from_bytes(&body).is_err());
        let csr = vec![0; MAX_REQUEST_LEN];
        assert_eq!(Request::Renew { csr, proof: [0; 64] }.to_bytes(), Err(WireError::TooLong));
    }
}
