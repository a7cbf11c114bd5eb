//! Android key attestations: what a phone's secure hardware would say, made here, so that each part of it can be wrong; and what must hold of
//! whatever judges them.

use data_encoding::BASE64;
use safelight_core::device_key::{PublicKey, SoftwareKey};
use safelight_core::ids::UnixMillis;
use sha2::{Digest, Sha256};

use super::clinic::Steady;
use super::joining::{p256_der, tlv};
use crate::attestation::{Expected, Roots, Unproved, judge};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const ENUMERATED: u8 = 0x0a;
const OCTETS: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const OID: u8 = 0x06;

/// Values of `SecurityLevel`.
pub const SOFTWARE: u8 = 0;
/// The processor's trusted execution environment.
pub const TEE: u8 = 1;
/// A chip of its own.
pub const STRONGBOX: u8 = 2;

/// Tags of `AuthorizationList`.
pub const PURPOSE: u32 = 1;
/// Every app may use the key.
pub const ALL_APPLICATIONS: u32 = 600;
/// Where the key comes from.
pub const ORIGIN: u32 = 702;
/// What the phone has started.
pub const ROOT_OF_TRUST: u32 = 704;

/// When the chains here are judged: 2026-11-29.
pub const NOW: UnixMillis = UnixMillis(1_795_910_400_000);

/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
pub const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// An extension of a certificate.
pub fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { tlv(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    tlv(SEQUENCE, &[&tlv(OID, &[oid]), &flag, &tlv(OCTETS, &[value])])
}

/// BasicConstraints: a CA, with so many CAs below it at most.
pub fn authority(path_len: Option<u8>) -> Vec<u8> {
    let path_len = path_len.map(|most| tlv(INTEGER, &[&[most]])).unwrap_or_default();
    extension(&[0x55, 0x1d, 0x13], true, &tlv(SEQUENCE, &[&tlv(BOOLEAN, &[&[0xff]]), &path_len]))
}

/// BasicConstraints: none.
pub fn no_authority() -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x13], true, &tlv(SEQUENCE, &[]))
}

/// KeyUsage: keyCertSign.
pub fn signs_certificates() -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0f], true, &[0x03, 0x02, 0x02, 0x04])
}

/// KeyUsage: digitalSignature.
pub fn signs_data() -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0f], true, &[0x03, 0x02, 0x07, 0x80])
}

/// KeyDescription.
pub fn describes(description: &[u8]) -> Vec<u8> {
    extension(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x01, 0x11], false, description)
}

/// A name of one attribute: a serial number (2.5.4.5) where the chain is the factory's, a common name else.
pub fn name(text: &str) -> Vec<u8> {
    let attribute: &[u8] = if text.starts_with("factory") { &[0x55, 0x04, 0x05] } else { &[0x55, 0x04, 0x03] };
    tlv(SEQUENCE, &[&tlv(SET, &[&tlv(SEQUENCE, &[&tlv(OID, &[attribute]), &tlv(0x13, &[text.as_bytes()])])])])
}

/// A certificate before it is signed.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who has issued it.
    pub issuer: String,
    /// For which key.
    pub key: PublicKey,
    /// Its first and its last second, `YYMMDDhhmmssZ`.
    pub validity: [&'static str; 2],
    /// Each in DER.
    pub extensions: Vec<Vec<u8>>,
    /// What it says that it is signed with.
    pub algorithm: &'static [u8],
}

impl Certificate {
    /// A CA's.
    pub fn authority(subject: &str, issuer: &str, key: &SoftwareKey) -> Self {
        Self {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            key: key.verifying(),
            validity: ["260101000000Z", "270101000000Z"],
            extensions: vec![authority(None), signs_certificates()],
            algorithm: ECDSA_SHA256,
        }
    }

    /// That of a key which the hardware describes.
    pub fn leaf(issuer: &str, key: PublicKey, description: &[u8]) -> Self {
        Self {
            subject: "Android Keystore Key".to_owned(),
            issuer: issuer.to_owned(),
            key,
            validity: ["700101000000Z", "480101000000Z"],
            extensions: vec![signs_data(), describes(description)],
            algorithm: ECDSA_SHA256,
        }
    }

    /// Signed; DER.
    pub fn signed_by(&self, key: &SoftwareKey) -> Vec<u8> {
        let algorithm = tlv(SEQUENCE, &[&tlv(OID, &[self.algorithm])]);
        let [from, until] = self.validity.map(|moment| tlv(0x17, &[moment.as_bytes()]));
        let kind = tlv(
            SEQUENCE,
            &[
                &tlv(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]]),
                &tlv(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]]),
            ],
        );
        let signed = tlv(
            SEQUENCE,
            &[
                &tlv(0xa0, &[&tlv(INTEGER, &[&[2]])]),
                &tlv(INTEGER, &[&[1]]),
                &algorithm,
                &name(&self.issuer),
                &tlv(SEQUENCE, &[&from, &until]),
                &name(&self.subject),
                &tlv(SEQUENCE, &[&kind, &tlv(0x03, &[&[0], &self.key.to_sec1()])]),
                &tlv(0xa3, &[&tlv(SEQUENCE, &[&self.extensions.concat()])]),
            ],
        );
        let signature = p256_der(&key.sign_es256(&signed).0);
        tlv(SEQUENCE, &[&signed, &algorithm, &tlv(0x03, &[&[0], &signature])])
    }
}

/// What the hardware says of a key.
#[derive(Debug, Clone)]
pub struct Description {
    /// Who attests.
    pub attestation_level: u8,
    /// Who keeps the key.
    pub keymint_level: u8,
    /// What it was asked with.
    pub challenge: Vec<u8>,
    /// What Android says: tags and values.
    pub software: Vec<(u32, Vec<u8>)>,
    /// What the hardware says.
    pub hardware: Vec<(u32, Vec<u8>)>,
}

impl Description {
    /// As a locked phone's trusted execution environment says it of a key that was made there to sign.
    pub fn good(challenge: &[u8]) -> Self {
        Self {
            attestation_level: TEE,
            keymint_level: TEE,
            challenge: challenge.to_vec(),
            // When it was made.
            software: vec![(701, tlv(INTEGER, &[&[0x01, 0x9d, 0, 0, 0, 0]]))],
            hardware: vec![
                (PURPOSE, numbers(&[2])),
                // An elliptic curve, P-256.
                (2, number(3)),
                (3, tlv(INTEGER, &[&[1, 0]])),
                (10, number(1)),
                (ORIGIN, number(0)),
                (ROOT_OF_TRUST, root_of_trust(true, 0)),
            ],
        }
    }

    /// With another entry of the hardware's, or without that one.
    #[must_use]
    pub fn with(mut self, tag: u32, value: Option<Vec<u8>>) -> Self {
        self.hardware.retain(|(other, _)| *other != tag);
        self.hardware.extend(value.map(|value| (tag, value)));
        self.hardware.sort_by_key(|(tag, _)| *tag);
        self
    }

    /// DER.
    pub fn to_der(&self) -> Vec<u8> {
        let list = |entries: &[(u32, Vec<u8>)]| {
            let entries: Vec<u8> = entries.iter().flat_map(|(tag, value)| explicit(*tag, value)).collect();
            tlv(SEQUENCE, &[&entries])
        };
        tlv(
            SEQUENCE,
            &[
                &tlv(INTEGER, &[&[0x01, 0x2c]]),
                &tlv(ENUMERATED, &[&[self.attestation_level]]),
                &tlv(INTEGER, &[&[0x01, 0x2c]]),
                &tlv(ENUMERATED, &[&[self.keymint_level]]),
                &tlv(OCTETS, &[&self.challenge]),
                &tlv(OCTETS, &[]),
                &list(&self.software),
                &list(&self.hardware),
            ],
        )
    }
}

/// A small number.
pub fn number(value: u8) -> Vec<u8> {
    tlv(INTEGER, &[&[value]])
}

/// A set of small numbers.
pub fn numbers(values: &[u8]) -> Vec<u8> {
    let values: Vec<Vec<u8>> = values.iter().map(|value| number(*value)).collect();
    tlv(SET, &[&values.concat()])
}

/// `RootOfTrust`.
pub fn root_of_trust(locked: bool, verified_boot_state: u8) -> Vec<u8> {
    let locked = if locked { 0xff } else { 0 };
    let (key, hash) = ([7; 32], [8; 32]);
    tlv(
        SEQUENCE,
        &[
            &tlv(OCTETS, &[&key]),
            &tlv(BOOLEAN, &[&[locked]]),
            &tlv(ENUMERATED, &[&[verified_boot_state]]),
            &tlv(OCTETS, &[&hash]),
        ],
    )
}

/// A context tag, explicit.
fn explicit(tag: u32, value: &[u8]) -> Vec<u8> {
    let [small, high, low] = [tag & 0x1f, tag >> 7 & 0x7f, tag & 0x7f].map(|bits| u8::try_from(bits).unwrap_or(0));
    match tag {
        0..=30 => tlv(0xa0 | small, &[value]),
        31..=0x7f => [&[0xbf], &tlv(low, &[value])[..]].concat(),
        _ => [&[0xbf, 0x80 | high], &tlv(low, &[value])[..]].concat(),
    }
}

/// Who makes phones here: a root, and the keys between it and the phones' hardware. The same every time.
#[derive(Debug)]
pub struct Maker {
    /// The root's.
    pub root: SoftwareKey,
    /// That of the CA between.
    pub batch: SoftwareKey,
    /// That of one phone's hardware.
    pub hardware: SoftwareKey,
}

impl Default for Maker {
    fn default() -> Self {
        let key = |name| SoftwareKey::generate(&mut Steady::new(name)).expect("a key");
        Self { root: key("maker's root"), batch: key("maker's batch"), hardware: key("a phone's hardware") }
    }
}

impl Maker {
    /// The root's certificate.
    pub fn root_certificate(&self) -> Vec<u8> {
        Certificate::authority("root", "root", &self.root).signed_by(&self.root)
    }

    /// It as PEM, for a configuration.
    pub fn root_pem(&self) -> String {
        Self::pem(&self.root_certificate())
    }

    /// A certificate as PEM.
    pub fn pem(der: &[u8]) -> String {
        let text = BASE64.encode(der);
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// Google's roots and this maker's.
    pub fn roots(&self) -> Roots {
        Roots::google().and(self.root_pem().as_bytes()).expect("a root")
    }

    /// The certificate of the CA between.
    pub fn batch_certificate(&self) -> Certificate {
        Certificate::authority("batch", "root", &self.batch)
    }

    /// That of the phone's hardware.
    pub fn hardware_certificate(&self) -> Certificate {
        Certificate::authority("hardware", "batch", &self.hardware)
    }

    /// The chain of a phone's key, without the root: leaf, hardware, batch.
    pub fn chain(&self, key: PublicKey, description: &[u8]) -> Vec<Vec<u8>> {
        vec![
            Certificate::leaf("hardware", key, description).signed_by(&self.hardware),
            self.hardware_certificate().signed_by(&self.batch),
            self.batch_certificate().signed_by(&self.root),
        ]
    }

    /// A chain that was put into the phone at the factory and has no end, whatever its certificates say.
    pub fn factory_chain(&self, key: PublicKey, description: &[u8]) -> Vec<Vec<u8>> {
        const ENDED: [&str; 2] = ["160526000000Z", "260524000000Z"];
        let batch = Certificate { subject: "factory".into(), validity: ENDED, ..self.batch_certificate() };
        let hardware = Certificate { issuer: "factory".into(), validity: ENDED, ..self.hardware_certificate() };
        let leaf = Certificate::leaf("hardware", key, description);
        vec![leaf.signed_by(&self.hardware), hardware.signed_by(&self.batch), batch.signed_by(&self.root)]
    }
}

/// Bytes as an attestation, and as what a trusted phone's hardware says of a key. Whatever they are, none is for a challenge that is made of
/// them.
pub fn android_attestation(bytes: &[u8]) {
    let maker = Maker::default();
    let key = SoftwareKey::generate(&mut Steady::new("a phone's key")).expect("a key").verifying();
    let roots = maker.roots();
    let challenge: [u8; 32] = Sha256::digest(bytes).into();
    let expected = Expected { challenge: &challenge, key: &key, now: NOW };
    let described = maker.chain(key.clone(), bytes).concat();
    for attestation in [bytes, &described] {
        let verdict = judge(attestation, &expected, &roots);
        let reason = verdict.expect_err("an attestation of another challenge");
        assert_eq!(Unproved::parse(reason.code()), Some(reason));
    }
}
