//! From the leaf up to a root: each certificate issued by the next, each issuer allowed to issue (RFC 5280 section 6.1, as far as these
//! chains use it).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;
use x509_parser::asn1_rs::Oid;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_PKCS1_SHA256WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE,
    OID_X509_SERIALNUMBER,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{BIT_STRING, Elements, NULL, OBJECT_IDENTIFIER, SEQUENCE};
use super::roots::Roots;
use super::{MAX_CERTIFICATES, Unproved};

/// The extension `KeyDescription`: 1.3.6.1.4.1.11129.2.1.17.
const KEY_DESCRIPTION: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x01, 0x11];

/// How far the clocks of the clinic and of whoever issues may be apart.
const LEEWAY_MS: u64 = 5 * 60 * 1000;

/// The certificate of the key, which leads to a root.
pub(super) struct Leaf<'a>(&'a X509Certificate<'a>);

impl<'a> Leaf<'a> {
    /// Whether it certifies this key.
    pub(super) fn is_for(&self, key: &PublicKey) -> bool {
        let spki = self.0.public_key();
        spki.subject_public_key.unused_bits == 0
            && Kind::of(spki) == Some(Kind::P256)
            && spki.subject_public_key.data.as_ref() == key.to_sec1()
    }

    /// The extension's content.
    pub(super) fn description(&self) -> Result<&'a [u8], Unproved> {
        let found = self.0.extensions().iter().find(|extension| extension.oid.as_bytes() == KEY_DESCRIPTION);
        found.map(|extension| extension.value).ok_or(Unproved::NoDescription)
    }
}

/// The certificates, all of the bytes.
pub(super) fn read(mut bytes: &[u8]) -> Result<Vec<X509Certificate<'_>>, Unproved> {
    let mut certificates = Vec::new();
    while !bytes.is_empty() {
        if certificates.len() == MAX_CERTIFICATES {
            return Err(Unproved::ChainTooLong);
        }
        let (rest, certificate) = X509Certificate::from_der(bytes).map_err(|_| Unproved::Malformed)?;
        one_spelling(certificate.as_raw())?;
        // Twice the same extension could be read as either (RFC 5280 section 4.2), and two names for the algorithm (section 4.1.1.2).
        certificate.extensions_map().map_err(|_| Unproved::Malformed)?;
        if certificate.signature_algorithm != certificate.tbs_certificate.signature {
            return Err(Unproved::Malformed);
        }
        certificates.push(certificate);
        bytes = rest;
    }
    if certificates.is_empty() { Err(Unproved::Malformed) } else { Ok(certificates) }
}

/// What of a certificate no signature covers: its frame, the algorithm's name, the signature's frame.
fn one_spelling(der: &[u8]) -> Result<(), Unproved> {
    let mut outer = Elements(der);
    let mut parts = Elements(outer.universal(SEQUENCE)?);
    outer.end()?;
    parts.universal(SEQUENCE)?;
    let mut algorithm = Elements(parts.universal(SEQUENCE)?);
    algorithm.universal(OBJECT_IDENTIFIER)?;
    // RSA has a NULL here (RFC 4055 section 5), ECDSA nothing (RFC 5758 section 3.2).
    if !algorithm.is_empty() {
        algorithm.universal(NULL)?;
    }
    algorithm.end()?;
    parts.universal(BIT_STRING)?;
    parts.end()
}

/// The leaf of a chain that holds.
pub(super) fn verify<'a>(
    certificates: &'a [X509Certificate<'a>],
    roots: &Roots,
    now: UnixMillis,
) -> Result<Leaf<'a>, Unproved> {
    // Of a root its key is believed, wherever that comes from: what its certificate says is nobody's word.
    let path = match certificates.split_last() {
        Some((last, below)) if roots.has_key(last.public_key().raw) => below,
        _ => certificates,
    };
    let (Some((leaf, issuers)), Some(top)) = (path.split_first(), path.last()) else {
        return Err(Unproved::NoDescription);
    };
    // A root issues and is issued by nobody: what stands above it would be a second end.
    if path.iter().any(|certificate| roots.has_key(certificate.public_key().raw)) {
        return Err(Unproved::BrokenChain);
    }
    for (certificate, issuer) in path.iter().zip(issuers) {
        if certificate.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(Unproved::BrokenChain);
        }
        if !is_signed_by(certificate, issuer.public_key())? {
            return Err(Unproved::BrokenChain);
        }
    }
    anchored(top, roots)?;
    for certificate in path {
        known_extensions(certificate)?;
    }
    for (below, issuer) in issuers.iter().enumerate() {
        if issuer.extensions().iter().any(|extension| extension.oid.as_bytes() == KEY_DESCRIPTION) {
            return Err(Unproved::ExtendedChain);
        }
        if !may_issue(issuer, below) {
            return Err(Unproved::NotAnIssuer);
        }
    }
    in_time(issuers, now)?;
    Ok(Leaf(leaf))
}

/// Whether a root has issued it.
fn anchored(top: &X509Certificate<'_>, roots: &Roots) -> Result<(), Unproved> {
    for key in roots.of_subject(top.issuer().as_raw()) {
        let Ok((_, key)) = SubjectPublicKeyInfo::from_der(key) else { continue };
        // A root of that name whose key cannot have signed it is not the one.
        if is_signed_by(top, &key) == Ok(true) {
            return Ok(());
        }
    }
    Err(Unproved::UnknownRoot)
}

/// Whether a certificate may issue others, with so many below it that are neither it nor the leaf.
fn may_issue(certificate: &X509Certificate<'_>, below: usize) -> bool {
    let Ok(Some(constraints)) = certificate.basic_constraints() else { return false };
    let Ok(Some(usage)) = certificate.key_usage() else { return false };
    let is_deep_enough = |most: u32| usize::try_from(most).is_ok_and(|most| below <= most);
    constraints.value.ca
        && constraints.value.path_len_constraint.is_none_or(is_deep_enough)
        && usage.value.key_cert_sign()
}

/// No condition that is not looked at here (RFC 5280 section 4.2).
fn known_extensions(certificate: &X509Certificate<'_>) -> Result<(), Unproved> {
    let known = |oid: &Oid<'_>| {
        *oid == OID_X509_EXT_BASIC_CONSTRAINTS || *oid == OID_X509_EXT_KEY_USAGE || oid.as_bytes() == KEY_DESCRIPTION
    };
    let all_known = certificate.extensions().iter().all(|extension| !extension.critical || known(&extension.oid));
    if all_known { Ok(()) } else { Err(Unproved::UnknownExtension) }
}

/// The issuers' time, as Google's own verifier looks at it. The leaf's is the phone's word, whose clock nobody knows. A chain that was put
/// into the phone at the factory cannot be replaced and does not end: its topmost certificate has a serial number in its name, which a root
/// has signed. Chains that the phone fetches live for weeks.
fn in_time(issuers: &[X509Certificate<'_>], now: UnixMillis) -> Result<(), Unproved> {
    let is_of_the_factory =
        issuers.last().is_some_and(|top| top.subject().iter_by_oid(&OID_X509_SERIALNUMBER).next().is_some());
    let seconds = |millis: u64| i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let (latest, earliest) = (seconds(now.0.saturating_add(LEEWAY_MS)), seconds(now.0.saturating_sub(LEEWAY_MS)));
    let holds = |certificate: &X509Certificate<'_>| {
        let validity = certificate.validity();
        let has_begun = validity.not_before.timestamp() <= latest;
        has_begun && (is_of_the_factory || validity.not_after.timestamp() >= earliest)
    };
    if issuers.iter().all(holds) { Ok(()) } else { Err(Unproved::OutOfTime) }
}

/// The kinds of keys in these chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    P256,
    P384,
    Rsa,
}

impl Kind {
    /// That of a key; `None` for any other.
    pub(super) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let algorithm = &spki.algorithm;
        if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            return Some(Self::Rsa);
        }
        let curve = algorithm.parameters.as_ref()?.as_oid().ok()?;
        match algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            true if curve == OID_EC_P256 => Some(Self::P256),
            true if curve == OID_NIST_EC_P384 => Some(Self::P384),
            _ => None,
        }
    }
}

/// Whether this key has signed it.
fn is_signed_by(certificate: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>) -> Result<bool, Unproved> {
    let signed_as = &certificate.signature_algorithm.algorithm;
    let algorithm: &'static dyn VerificationAlgorithm = match Kind::of(key) {
        Some(Kind::P256) if *signed_as == OID_SIG_ECDSA_WITH_SHA256 => &ECDSA_P256_SHA256_ASN1,
        Some(Kind::P256) if *signed_as == OID_SIG_ECDSA_WITH_SHA384 => &ECDSA_P256_SHA384_ASN1,
        Some(Kind::P384) if *signed_as == OID_SIG_ECDSA_WITH_SHA256 => &ECDSA_P384_SHA256_ASN1,
        Some(Kind::P384) if *signed_as == OID_SIG_ECDSA_WITH_SHA384 => &ECDSA_P384_SHA384_ASN1,
        Some(Kind::Rsa) if *signed_as == OID_PKCS1_SHA256WITHRSA => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Unproved::UnknownAlgorithm),
    };
    let signature = &certificate.signature_value;
    if signature.unused_bits != 0 || key.subject_public_key.unused_bits != 0 {
        return Ok(false);
    }
    let key = UnparsedPublicKey::new(algorithm, &key.subject_public_key.data);
    Ok(key.verify(certificate.tbs_certificate.as_ref(), &signature.data).is_ok())
}
