//! Whether a phone's key lies in secure hardware: judges an Android key attestation. Bytes in, a verdict out; no clock, disk or network.
//!
//! | file | what |
//! |---|---|
//! | `chain` | the certificates, from the leaf up to a root that is trusted |
//! | `der` | DER with one spelling |
//! | `description` | what the secure hardware says of the key: the extension `KeyDescription` |
//! | `roots` | Google's roots, and those that a clinic adds |
//!
//! Source: <https://source.android.com/docs/security/features/keystore/attestation> and
//! <https://developer.android.com/privacy-and-security/security-key-attestation>. Why it is judged so: docs/adr/0034.
//!
//! # What an attacker does to it
//!
//! They have phones of their own, whole and rooted, with real chains up to Google's root, and an invitation that they should not have.
//!
//! | they send | it fails because |
//! |---|---|
//! | another phone's chain for a key in software | the leaf certifies the key that signed the certificate request, and no other |
//! | an old chain, or one made for another invitation | the challenge is of this invitation's token |
//! | a "leaf" of their own, signed by a key that is attested itself | an issuer is a CA that may sign certificates; the extension stands in the leaf and in no other certificate |
//! | a chain made by an emulator, or a key that Android's software keeps | it ends in no root that is trusted, or its levels say software |
//! | a key of a phone with an unlocked bootloader or another system, which says of the key what it likes | `rootOfTrust` must be locked and verified, and is read from the list that the hardware answers for |
//! | a key that they made elsewhere and imported | its origin is `GENERATED`, of the hardware's own list |
//! | a key that may do more than sign, and so also certify, or one that every app may use | its purposes are to sign (and to verify, for which the public half will do), and `allApplications` is absent |
//! | certificates out of order, twice, with trailing bytes, too many of them, DER with a second spelling | each byte belongs to a certificate, each certificate to the chain, of at most [`MAX_CERTIFICATES`] |
//! | a root of the same name with a key of their own | roots are known by their public key |
//!
//! What it does not see: a phone whose secure hardware was broken into or whose attestation key has leaked (Google's list of those is
//! online), how old the phone's system is, which app holds the key, and what becomes of the key when it is renewed.

mod chain;
mod der;
mod description;
mod roots;

use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;

use self::description::{KeyDescription, SecurityLevel, VERIFIED};
pub use self::roots::{Roots, RootsError};

/// The most certificates of a chain, its root with them. Phones send four or five.
pub const MAX_CERTIFICATES: usize = 6;

/// The most bytes of a chain: as much as an enrolment request carries.
pub const MAX_LEN: usize = safelight_core::enrol::messages::MAX_ATTESTATION_LEN;

/// Which hardware keeps the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The trusted execution environment of the phone's processor.
    TrustedEnvironment,
    /// A chip of its own.
    StrongBox,
}

impl Level {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::TrustedEnvironment, Self::StrongBox];

    /// As the catalog and `--json` have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrustedEnvironment => "trusted-environment",
            Self::StrongBox => "strongbox",
        }
    }
}

/// What is asked of an attestation.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The challenge of the invitation: `safelight_core::invitation::Token::attestation_challenge`.
    pub challenge: &'a [u8],
    /// The key that enrols.
    pub key: &'a PublicKey,
    /// The time.
    pub now: UnixMillis,
}

/// Why an attestation does not prove that the key lies in secure hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Not certificates in DER, one behind the other, with extensions that can be read.
    #[error("it is no chain of certificates")]
    Malformed,
    /// More than [`MAX_CERTIFICATES`], or more than [`MAX_LEN`] bytes.
    #[error("its chain is too long")]
    ChainTooLong,
    /// A certificate is not issued by the next one.
    #[error("its certificates do not belong together")]
    BrokenChain,
    /// A key or a signature of a kind that is not known.
    #[error("it is signed in a way that is not known")]
    UnknownAlgorithm,
    /// A certificate that may not issue others has issued one.
    #[error("one of its certificates was issued by one that may not issue any")]
    NotAnIssuer,
    /// A critical extension that is not understood.
    #[error("one of its certificates has a condition that is not understood")]
    UnknownExtension,
    /// The extension stands in another certificate than the leaf: somebody has made a chain longer.
    #[error("an attested key has issued a certificate")]
    ExtendedChain,
    /// No root that is trusted.
    #[error("it comes from no maker that is trusted")]
    UnknownRoot,
    /// Out of time.
    #[error("one of its certificates is out of its time")]
    OutOfTime,
    /// It is for another key.
    #[error("it is of another key")]
    OtherKey,
    /// It is for another challenge.
    #[error("it was made for another invitation")]
    OtherChallenge,
    /// The leaf says nothing of the key.
    #[error("it says nothing of the key")]
    NoDescription,
    /// The key or what speaks of it is software.
    #[error("the key is kept by software")]
    SoftwareLevel,
    /// Not generated in the hardware.
    #[error("the key was not made in the hardware")]
    NotGenerated,
    /// It may be used for more, or less, than to sign.
    #[error("the key may be used for other than signing")]
    Purpose,
    /// All apps of the phone may use it.
    #[error("every app of the phone may use the key")]
    AllApplications,
    /// The bootloader is unlocked.
    #[error("the phone's bootloader is unlocked")]
    Unlocked,
    /// The system that started is not the maker's, or that is not said.
    #[error("the phone's system is not verified as its maker's")]
    NotVerified,
}

impl Unproved {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::ChainTooLong,
        Self::BrokenChain,
        Self::UnknownAlgorithm,
        Self::NotAnIssuer,
        Self::UnknownExtension,
        Self::ExtendedChain,
        Self::UnknownRoot,
        Self::OutOfTime,
        Self::OtherKey,
        Self::OtherChallenge,
        Self::NoDescription,
        Self::SoftwareLevel,
        Self::NotGenerated,
        Self::Purpose,
        Self::AllApplications,
        Self::Unlocked,
        Self::NotVerified,
    ];

    /// A stable code, for the catalog, `--json` and the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::ChainTooLong => "chain-too-long",
            Self::BrokenChain => "broken-chain",
            Self::UnknownAlgorithm => "unknown-algorithm",
            Self::NotAnIssuer => "not-an-issuer",
            Self::UnknownExtension => "unknown-extension",
            Self::ExtendedChain => "extended-chain",
            Self::UnknownRoot => "unknown-root",
            Self::OutOfTime => "out-of-time",
            Self::OtherKey => "other-key",
            Self::OtherChallenge => "other-challenge",
            Self::NoDescription => "no-description",
            Self::SoftwareLevel => "software-level",
            Self::NotGenerated => "not-generated",
            Self::Purpose => "purpose",
            Self::AllApplications => "all-applications",
            Self::Unlocked => "bootloader-unlocked",
            Self::NotVerified => "system-not-verified",
        }
    }

    /// From [`Unproved::code`].
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// Judges the certificates of `attestation` (DER, one behind the other, leaf first, the root may be missing).
///
/// # Errors
/// The first reason that was found. The chain comes first: what an unproved one says of the phone is anybody's word.
pub fn judge(attestation: &[u8], expected: &Expected<'_>, roots: &Roots) -> Result<Level, Unproved> {
    if attestation.len() > MAX_LEN {
        return Err(Unproved::ChainTooLong);
    }
    let certificates = chain::read(attestation)?;
    let leaf = chain::verify(&certificates, roots, expected.now)?;
    if !leaf.is_for(expected.key) {
        return Err(Unproved::OtherKey);
    }
    let description = KeyDescription::parse(leaf.description()?)?;
    if description.challenge != expected.challenge {
        return Err(Unproved::OtherChallenge);
    }
    vouched(&description)
}

/// What the hardware must say of the key.
fn vouched(description: &KeyDescription<'_>) -> Result<Level, Unproved> {
    let level = match (description.attestation_level, description.keymint_level) {
        (SecurityLevel::StrongBox, SecurityLevel::StrongBox) => Level::StrongBox,
        (SecurityLevel::Software, _) | (_, SecurityLevel::Software) => return Err(Unproved::SoftwareLevel),
        // The lower one, where they differ.
        _ => Level::TrustedEnvironment,
    };
    let key = &description.hardware;
    if !key.generated {
        return Err(Unproved::NotGenerated);
    }
    if !key.signs_alone {
        return Err(Unproved::Purpose);
    }
    // Whichever list says so: here a word of the software's can only harm the key.
    if key.all_applications || description.software.all_applications {
        return Err(Unproved::AllApplications);
    }
    let Some(root) = &key.root_of_trust else { return Err(Unproved::NotVerified) };
    if !root.locked {
        return Err(Unproved::Unlocked);
    }
    if root.verified_boot_state != VERIFIED {
        return Err(Unproved::NotVerified);
    }
    Ok(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_their_own_and_read_back() {
        for reason in Unproved::ALL {
            assert_eq!(Unproved::parse(reason.code()), Some(reason));
            assert!(reason.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
        assert_eq!(Unproved::parse("strongbox"), None);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let key = safelight_core::device_key::SoftwareKey::generate(&mut getrandom::SysRng).unwrap().verifying();
        let expected = Expected { challenge: &[1; 32], key: &key, now: UnixMillis(0) };
        for bytes in [&[][..], &[0x30], &[0x30, 0x80, 0, 0], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0; 300]] {
            assert_eq!(judge(bytes, &expected, &Roots::google()), Err(Unproved::Malformed), "{bytes:?}");
        }
        let long = vec![0x30; MAX_LEN + 1];
        assert_eq!(judge(&long, &expected, &Roots::google()), Err(Unproved::ChainTooLong));
    }
}
