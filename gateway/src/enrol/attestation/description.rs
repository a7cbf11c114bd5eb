//! `KeyDescription`: what secure hardware says of a key, in DER with one spelling. All versions have the same eight fields; of the two lists
//! only the entries that are asked for are read.

use x509_parser::asn1_rs::Class;

use super::Unproved;
use super::der::{BOOLEAN, ENUMERATED, Elements, INTEGER, NULL, OCTET_STRING, SEQUENCE, SET, number};

/// Tags of `AuthorizationList`.
const PURPOSE: u32 = 1;
const ALL_APPLICATIONS: u32 = 600;
const ORIGIN: u32 = 702;
const ROOT_OF_TRUST: u32 = 704;

/// Values of `KeyPurpose`: SIGN, and VERIFY, which needs the public half alone.
const SIGN: u64 = 2;
const VERIFY: u64 = 3;

/// `KeyOrigin.GENERATED`.
const GENERATED: u64 = 0;

/// `VerifiedBootState.Verified`: the maker's system, started by a locked bootloader.
pub(super) const VERIFIED: u64 = 0;

/// Who answers for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecurityLevel {
    Software,
    TrustedEnvironment,
    StrongBox,
}

/// What is read of the extension.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyDescription<'a> {
    /// Who made the attestation.
    pub(super) attestation_level: SecurityLevel,
    /// Who keeps the key.
    pub(super) keymint_level: SecurityLevel,
    pub(super) challenge: &'a [u8],
    /// What Android says of the key.
    pub(super) software: Authorizations,
    /// What the hardware says of it.
    pub(super) hardware: Authorizations,
}

/// What is read of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Authorizations {
    /// It may sign, and do nothing else that needs the private half.
    pub(super) signs_alone: bool,
    pub(super) all_applications: bool,
    /// It was made where it lies.
    pub(super) generated: bool,
    pub(super) root_of_trust: Option<RootOfTrust>,
}

/// What the phone has started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RootOfTrust {
    pub(super) locked: bool,
    pub(super) verified_boot_state: u64,
}

impl<'a> KeyDescription<'a> {
    /// Reads the extension's content.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, Unproved> {
        let mut outer = Elements(der);
        let mut fields = Elements(outer.universal(SEQUENCE)?);
        outer.end()?;
        let _version = number(fields.universal(INTEGER)?)?;
        let attestation_level = level(fields.universal(ENUMERATED)?)?;
        let _keymint_version = number(fields.universal(INTEGER)?)?;
        let keymint_level = level(fields.universal(ENUMERATED)?)?;
        let challenge = fields.universal(OCTET_STRING)?;
        let _unique_id = fields.universal(OCTET_STRING)?;
        let software = Authorizations::parse(fields.universal(SEQUENCE)?)?;
        let hardware = Authorizations::parse(fields.universal(SEQUENCE)?)?;
        fields.end()?;
        Ok(Self { attestation_level, keymint_level, challenge, software, hardware })
    }
}

impl Authorizations {
    fn parse(content: &[u8]) -> Result<Self, Unproved> {
        let mut elements = Elements(content);
        let mut list = Self::default();
        let mut seen = Vec::new();
        while !elements.is_empty() {
            let entry = elements.next()?;
            let tag = entry.tag().0;
            // Some phones do not keep the order of the tags, which says nothing; the same one twice would have two readings.
            if entry.class() != Class::ContextSpecific || !entry.header.constructed() || seen.contains(&tag) {
                return Err(Unproved::Malformed);
            }
            seen.push(tag);
            let mut inner = Elements(entry.data);
            match tag {
                PURPOSE => list.signs_alone = signs_alone(inner.universal(SET)?)?,
                ALL_APPLICATIONS => list.all_applications = inner.universal(NULL).map(|_| true)?,
                ORIGIN => list.generated = number(inner.universal(INTEGER)?)? == GENERATED,
                ROOT_OF_TRUST => list.root_of_trust = Some(RootOfTrust::parse(inner.universal(SEQUENCE)?)?),
                _ => drop(inner.next()?),
            }
            inner.end()?;
        }
        Ok(list)
    }
}

impl RootOfTrust {
    fn parse(content: &[u8]) -> Result<Self, Unproved> {
        let mut fields = Elements(content);
        let _verified_boot_key = fields.universal(OCTET_STRING)?;
        let locked = match fields.universal(BOOLEAN)? {
            [0xff] => true,
            [0] => false,
            _ => return Err(Unproved::Malformed),
        };
        let verified_boot_state = number(fields.universal(ENUMERATED)?)?;
        // Since version 3.
        if !fields.is_empty() {
            let _verified_boot_hash = fields.universal(OCTET_STRING)?;
        }
        fields.end()?;
        Ok(Self { locked, verified_boot_state })
    }
}

/// Whether a set of purposes has SIGN, and VERIFY at most beside it.
fn signs_alone(content: &[u8]) -> Result<bool, Unproved> {
    let mut elements = Elements(content);
    let (mut signs, mut more) = (false, false);
    while !elements.is_empty() {
        match number(elements.universal(INTEGER)?)? {
            SIGN => signs = true,
            VERIFY => {}
            _ => more = true,
        }
    }
    Ok(signs && !more)
}

fn level(content: &[u8]) -> Result<SecurityLevel, Unproved> {
    match number(content)? {
        0 => Ok(SecurityLevel::Software),
        1 => Ok(SecurityLevel::TrustedEnvironment),
        2 => Ok(SecurityLevel::StrongBox),
        _ => Err(Unproved::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a Pixel 8a, January 2025: the test vector of py_webauthn (BSD-3-Clause) for the format `android-key`.
    const PIXEL: &[u8] = include_bytes!("pixel-8a-description.der");

    #[test]
    fn a_phone_s_own_is_read() {
        let description = KeyDescription::parse(PIXEL).unwrap();
        assert_eq!(description.attestation_level, SecurityLevel::TrustedEnvironment);
        assert_eq!(description.keymint_level, SecurityLevel::TrustedEnvironment);
        assert_eq!(description.challenge.len(), 32);
        assert_eq!(description.software, Authorizations::default());
        let root_of_trust = Some(RootOfTrust { locked: true, verified_boot_state: VERIFIED });
        let hardware = Authorizations { signs_alone: true, all_applications: false, generated: true, root_of_trust };
        assert_eq!(description.hardware, hardware);
    }

    #[test]
    fn every_cut_and_every_byte_too_many_is_refused() {
        for at in 0..PIXEL.len() {
            assert_eq!(KeyDescription::parse(&PIXEL[..at]), Err(Unproved::Malformed), "cut at {at}");
        }
        assert!(KeyDescription::parse(&[PIXEL, &[0]].concat()).is_err());
        for (at, bit) in (0..PIXEL.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut altered = PIXEL.to_vec();
            altered[at] ^= 1 << bit;
            let _ = KeyDescription::parse(&altered);
        }
    }

    #[test]
    fn a_length_has_one_spelling() {
        let [0x30, 0x82, high, low, content @ ..] = PIXEL else { panic!("a sequence of two bytes of length") };
        let longer = [&[0x30, 0x83, 0, *high, *low], content].concat();
        assert_eq!(KeyDescription::parse(&longer), Err(Unproved::Malformed));
    }

    #[test]
    fn a_list_has_each_entry_once() {
        let origin: &[u8] = &[0xbf, 0x85, 0x3e, 0x03, 0x02, 0x01, 0x00];
        assert!(Authorizations::parse(origin).unwrap().generated);
        assert_eq!(Authorizations::parse(&[origin, origin].concat()), Err(Unproved::Malformed));
        // Imported, in two bytes where one is needed, with something behind it, and as a tag of too many bytes.
        assert!(!Authorizations::parse(&[0xbf, 0x85, 0x3e, 0x03, 0x02, 0x01, 0x02]).unwrap().generated);
        for wrong in [
            &[0xbf, 0x85, 0x3e, 0x04, 0x02, 0x02, 0x00, 0x00][..],
            &[0xbf, 0x85, 0x3e, 0x05, 0x02, 0x01, 0x00, 0x05, 0x00],
            &[0xbf, 0x80, 0x85, 0x3e, 0x03, 0x02, 0x01, 0x00],
            &[0x9f, 0x85, 0x3e, 0x01, 0x00],
            &[0x02, 0x01, 0x00],
        ] {
            assert_eq!(Authorizations::parse(wrong), Err(Unproved::Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn purposes_are_to_sign_and_nothing_that_needs_the_private_half() {
        let purposes = |list: &[u8]| list.iter().flat_map(|purpose| [0x02, 0x01, *purpose]).collect::<Vec<u8>>();
        for (list, expected) in
            [(&[2][..], true), (&[2, 3], true), (&[3], false), (&[], false), (&[2, 1], false), (&[2, 7], false)]
        {
            assert_eq!(signs_alone(&purposes(list)), Ok(expected), "{list:?}");
        }
    }
}
