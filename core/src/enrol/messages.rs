//! The messages of the enrolment listener: maps with integer keys, in the order in which they are sent.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::csr::MAX_CSR_LEN;
use crate::cbor::{CborError, Fields, MapWriter};
use crate::ids::DeviceId;
use crate::invitation::Token;
use crate::keyset::{MAX_KEY_SET_LEN, MAX_ROOT_LEN};
use crate::manifest::OperatorId;
use crate::text::is_one_line;

/// The longest device name in bytes of UTF-8.
pub const MAX_DEVICE_NAME_LEN: usize = 64;
/// The longest key attestation in bytes.
pub const MAX_ATTESTATION_LEN: usize = 8 * 1024;
/// The longest device certificate in bytes.
pub const MAX_CERTIFICATE_LEN: usize = 2 * 1024;
/// The longest [`Begin`] in bytes.
pub const MAX_BEGIN_LEN: usize = MAX_CSR_LEN + MAX_ATTESTATION_LEN + 256;
/// The longest [`Offer`] or [`Reveal`] in bytes.
pub const MAX_STEP_LEN: usize = 128;
/// The longest [`Outcome`] in bytes.
pub const MAX_OUTCOME_LEN: usize = MAX_CERTIFICATE_LEN + MAX_ROOT_LEN + MAX_KEY_SET_LEN + 256;

/// Why an enrolment message was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// A field is missing, unknown, or beyond what it may hold.
    #[error("the enrolment message is malformed: {0}")]
    Field(#[from] CborError),
    /// A revealed nonce is not the one that was committed to.
    #[error("the other side changed its nonce after committing to it: someone may sit in between, so start again")]
    Commitment,
}

/// The phone asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Begin {
    /// The invitation's token.
    pub token: Token,
    /// The certificate request, PKCS#10 DER, at most [`MAX_CSR_LEN`] bytes.
    pub csr: Vec<u8>,
    /// What the phone calls itself, such as its model: one line of 1 to [`MAX_DEVICE_NAME_LEN`] bytes.
    pub device_name: String,
    /// The keystore's attestation of the key, if it gives one, for the challenge [`Token::attestation_challenge`]: Android's certificates
    /// in DER, one behind the other, leaf first, at most [`MAX_ATTESTATION_LEN`] bytes.
    pub attestation: Option<Vec<u8>>,
    /// [`phone_commitment`] of the nonce that follows.
    pub commitment: [u8; 32],
}

impl Begin {
    /// The message; it holds the token.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        MapWriter::new()
            .bytes(1, self.token.expose_bytes())
            .bytes(2, &self.csr)
            .text(3, &self.device_name)
            .optional(self.attestation.as_deref(), |map, attestation| map.bytes(4, attestation))
            .bytes(5, &self.commitment)
            .to_secret_bytes()
    }

    /// Reads the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let mut fields = Fields::decode(bytes, MAX_BEGIN_LEN)?;
        let begin = Self {
            token: Token::from_bytes(fields.take(1)?.bytes16()?),
            csr: fields.take(2)?.bytes(1..=MAX_CSR_LEN)?,
            device_name: {
                let item = fields.take(3)?;
                let wrong = item.wrong();
                let name = item.text(1..=MAX_DEVICE_NAME_LEN)?;
                if is_one_line(&name) {
                    name
                } else {
                    return Err(wrong.into());
                }
            },
            attestation: fields.take_optional(4).map(|item| item.bytes(1..=MAX_ATTESTATION_LEN)).transpose()?,
            commitment: fields.take(5)?.bytes32()?,
        };
        fields.finish()?;
        Ok(begin)
    }

    /// Checks the nonce that the phone reveals.
    pub fn check(&self, reveal: &Reveal) -> Result<(), EnrolmentError> {
        check(self.commitment, phone_commitment(&reveal.nonce, &self.csr))
    }
}

// People name phones after themselves.
impl fmt::Debug for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begin")
            .field("csr_len", &self.csr.len())
            .field("attested", &self.attestation.is_some())
            .finish_non_exhaustive()
    }
}

/// The clinic takes note, and commits in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What this attempt is called until there is a device.
    pub enrolment_id: [u8; 16],
    /// [`clinic_commitment`] of the nonce that follows.
    pub commitment: [u8; 32],
}

impl Offer {
    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        MapWriter::new().bytes(1, &self.enrolment_id).bytes(2, &self.commitment).to_bytes()
    }

    /// Reads the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let mut fields = Fields::decode(bytes, MAX_STEP_LEN)?;
        let offer = Self { enrolment_id: fields.take(1)?.bytes16()?, commitment: fields.take(2)?.bytes32()? };
        fields.finish()?;
        Ok(offer)
    }

    /// Checks the nonce that the clinic reveals for the request `csr`.
    pub fn check(&self, reveal: &Reveal, csr: &[u8]) -> Result<(), EnrolmentError> {
        check(self.commitment, clinic_commitment(&reveal.nonce, csr))
    }
}

/// Either side shows the nonce that it committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reveal {
    /// 32 random bytes.
    pub nonce: [u8; 32],
}

impl Reveal {
    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        MapWriter::new().bytes(1, &self.nonce).to_bytes()
    }

    /// Reads the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let mut fields = Fields::decode(bytes, MAX_STEP_LEN)?;
        let reveal = Self { nonce: fields.take(1)?.bytes32()? };
        fields.finish()?;
        Ok(reveal)
    }
}

/// What the phone commits to: SHA-256(label, nonce, request).
#[must_use]
pub fn phone_commitment(nonce: &[u8; 32], csr: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"safelight/enrol/phone").chain_update(nonce).chain_update(csr).finalize().into()
}

/// What the clinic commits to: SHA-256(label, nonce, SHA-256(request)).
#[must_use]
pub fn clinic_commitment(nonce: &[u8; 32], csr: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"safelight/enrol/clinic")
        .chain_update(nonce)
        .chain_update(Sha256::digest(csr))
        .finalize()
        .into()
}

fn check(committed: [u8; 32], revealed: [u8; 32]) -> Result<(), EnrolmentError> {
    if committed == revealed { Ok(()) } else { Err(EnrolmentError::Commitment) }
}

/// The phone is a device of the clinic now. What is in here the phone checks like anything else: the CA against
/// the invitation, the certificate against the CA and its own key, the key set against the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The clinic's name for the device.
    pub device_id: DeviceId,
    /// Who it belongs to.
    pub operator: OperatorId,
    /// The device certificate, DER.
    pub certificate: Vec<u8>,
    /// The CA certificate, DER.
    pub ca: Vec<u8>,
    /// The key set's envelope ([`crate::keyset::SignedKeySet`]).
    pub key_set: Vec<u8>,
}

/// Why a device does not join. An unknown, an expired and a used invitation are one answer, so that nobody can
/// probe for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No invitation is open for this token.
    #[error("this invitation is not valid any more: ask for a new one")]
    Invitation,
    /// The certificate request, the attestation or a commitment is wrong.
    #[error("the gateway could not accept this device's request: update the app, then try again")]
    Request,
    /// The admin said no.
    #[error("the clinic declined this device: ask the clinic's IT")]
    Declined,
    /// Nobody answered while the invitation was open.
    #[error("nobody approved this device in time: ask for a new invitation")]
    TimedOut,
    /// The clinic process is down or cannot reach its CA.
    #[error("the clinic cannot enrol devices just now: tell the clinic's IT, then try again")]
    Unavailable,
    /// Too many attempts.
    #[error("too many attempts: wait a minute, then try again")]
    TooMany,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 6] =
        [Self::Invitation, Self::Request, Self::Declined, Self::TimedOut, Self::Unavailable, Self::TooMany];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Invitation => 1,
            Self::Request => 2,
            Self::Declined => 3,
            Self::TimedOut => 4,
            Self::Unavailable => 5,
            Self::TooMany => 6,
        }
    }

    /// The stable code for logs and for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Invitation => "invitation-not-valid",
            Self::Request => "request-not-accepted",
            Self::Declined => "declined",
            Self::TimedOut => "timed-out",
            Self::Unavailable => "unavailable",
            Self::TooMany => "too-many-attempts",
        }
    }
}

/// How it ends: CBOR `{1: issued}` or `{2: refusal}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The device joins.
    Issued(Box<Issued>),
    /// It does not.
    Refused(Refusal),
}

impl Outcome {
    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Issued(issued) => MapWriter::new().map(
                1,
                MapWriter::new()
                    .bytes(1, issued.device_id.as_bytes())
                    .text(2, issued.operator.as_str())
                    .bytes(3, &issued.certificate)
                    .bytes(4, &issued.ca)
                    .bytes(5, &issued.key_set),
            ),
            Self::Refused(refusal) => MapWriter::new().uint(2, refusal.number()),
        }
        .to_bytes()
    }

    /// Reads the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnrolmentError> {
        let mut fields = Fields::decode(bytes, MAX_OUTCOME_LEN)?;
        let outcome = if let Some(item) = fields.take_optional(1) {
            let mut issued = item.fields()?;
            let read = Issued {
                device_id: DeviceId::from_bytes(issued.take(1)?.bytes16()?),
                operator: OperatorId::from_item(issued.take(2)?)?,
                certificate: issued.take(3)?.bytes(1..=MAX_CERTIFICATE_LEN)?,
                ca: issued.take(4)?.bytes(1..=MAX_ROOT_LEN)?,
                key_set: issued.take(5)?.bytes(1..=MAX_KEY_SET_LEN)?,
            };
            issued.finish()?;
            Self::Issued(Box::new(read))
        } else {
            let item = fields.take(2)?;
            let number = item.uint()?;
            let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.number() == number);
            Self::Refused(refusal.ok_or(item.wrong())?)
        };
        fields.finish()?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor::{self, Value};

    fn begin() -> Begin {
        Begin {
            token: Token::from_bytes([0xa5; 16]),
            csr: vec![2; 300],
            device_name: "Dr Miller's phone".into(),
            attestation: None,
            commitment: [3; 32],
        }
    }

    fn issued() -> Outcome {
        Outcome::Issued(Box::new(Issued {
            device_id: DeviceId::from_bytes([1; 16]),
            operator: "clinician1".parse().unwrap(),
            certificate: vec![2; 500],
            ca: vec![3; 400],
            key_set: vec![4; 900],
        }))
    }

    #[test]
    fn messages_read_back() {
        assert_eq!(Begin::parse(&begin().to_bytes()), Ok(begin()));
        let attested = Begin { attestation: Some(vec![9; MAX_ATTESTATION_LEN]), csr: vec![1; MAX_CSR_LEN], ..begin() };
        assert_eq!(Begin::parse(&attested.to_bytes()), Ok(attested));
        let offer = Offer { enrolment_id: [1; 16], commitment: [2; 32] };
        assert_eq!(Offer::parse(&offer.to_bytes()), Ok(offer));
        let reveal = Reveal { nonce: [1; 32] };
        assert_eq!(Reveal::parse(&reveal.to_bytes()), Ok(reveal));
        assert_eq!(Outcome::parse(&issued().to_bytes()), Ok(issued()));
        for refusal in Refusal::ALL {
            let outcome = Outcome::Refused(refusal);
            assert_eq!(Outcome::parse(&outcome.to_bytes()), Ok(outcome));
        }
    }

    #[test]
    fn every_cut_is_noticed_and_no_flipped_bit_panics() {
        fn each(bytes: &[u8], parse: impl Fn(&[u8]) -> bool) {
            assert!(parse(bytes));
            for at in 0..bytes.len() {
                assert!(!parse(&bytes[..at]), "cut at {at}");
                for bit in 0..8 {
                    let mut altered = bytes.to_vec();
                    altered[at] ^= 1 << bit;
                    parse(&altered);
                }
            }
            assert!(!parse(&[bytes, &[0]].concat()));
        }
        each(&begin().to_bytes(), |bytes| Begin::parse(bytes).is_ok());
        each(&Offer { enrolment_id: [1; 16], commitment: [2; 32] }.to_bytes(), |bytes| Offer::parse(bytes).is_ok());
        each(&Reveal { nonce: [1; 32] }.to_bytes(), |bytes| Reveal::parse(bytes).is_ok());
        each(&issued().to_bytes(), |bytes| Outcome::parse(bytes).is_ok());
        each(&Outcome::Refused(Refusal::Declined).to_bytes(), |bytes| Outcome::parse(bytes).is_ok());
    }

    #[test]
    fn limits_and_wrong_fields_are_refused() {
        let field = |key| Err(EnrolmentError::Field(CborError::Field { key }));
        let parse = |begin: Begin| Begin::parse(&begin.to_bytes());
        assert_eq!(parse(Begin { csr: vec![0; MAX_CSR_LEN + 1], ..begin() }), field(2));
        assert_eq!(parse(Begin { csr: vec![], ..begin() }), field(2));
        for name in ["", " a", "a\nb", "a\u{202e}b", "\u{1b}[2J", &"a".repeat(65)] {
            assert_eq!(parse(Begin { device_name: name.into(), ..begin() }), field(3), "{name:?}");
        }
        assert_eq!(parse(Begin { attestation: Some(vec![]), ..begin() }), field(4));
        let long = Begin { attestation: Some(vec![0; MAX_ATTESTATION_LEN + 1]), ..begin() };
        assert_eq!(parse(long), field(4));

        // Both endings at once, none, and an unknown refusal.
        let Value::Map(mut both) = cbor::decode(&issued().to_bytes(), MAX_OUTCOME_LEN).unwrap() else {
            panic!("a map")
        };
        both.push((2.into(), 1.into()));
        assert!(Outcome::parse(&cbor::encode(Value::Map(both))).is_err());
        assert!(Outcome::parse(&MapWriter::new().to_bytes()).is_err());
        assert!(Outcome::parse(&MapWriter::new().uint(2, 7).to_bytes()).is_err());
    }

    #[test]
    fn a_nonce_that_was_not_committed_to_is_noticed() {
        let (nonce, csr) = ([7; 32], begin().csr);
        let asked = Begin { commitment: phone_commitment(&nonce, &csr), ..begin() };
        let offer = Offer { enrolment_id: [1; 16], commitment: clinic_commitment(&nonce, &csr) };
        let (right, wrong) = (Reveal { nonce }, Reveal { nonce: [8; 32] });
        assert_eq!(asked.check(&right), Ok(()));
        assert_eq!(asked.check(&wrong), Err(EnrolmentError::Commitment));
        assert_eq!(offer.check(&right, &csr), Ok(()));
        assert_eq!(offer.check(&wrong, &csr), Err(EnrolmentError::Commitment));
        assert_eq!(offer.check(&right, b"another request"), Err(EnrolmentError::Commitment));
        // One side's commitment is not the other's.
        assert_ne!(asked.commitment, offer.commitment);
    }

    #[test]
    fn debug_output_shows_neither_token_nor_name() {
        let shown = format!("{:?}", begin());
        assert!(!shown.contains("Miller") && !shown.contains("165"), "{shown}");
    }
}
