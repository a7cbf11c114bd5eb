//! Who can open a file, and the key inside it.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use rand_core::TryCryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use super::error::{KeyTextError, SealError};

const RECIPIENT_HRP: &str = "age";
const IDENTITY_HRP: &str = "AGE-SECRET-KEY-";

/// The 16-byte key of one file. On the heap, so that moving it leaves no copies behind; wiped when dropped.
pub struct FileKey(Box<Zeroizing<[u8; Self::LEN]>>);

impl FileKey {
    pub(super) const LEN: usize = 16;

    pub(super) fn generate<R: TryCryptoRng>(rng: &mut R) -> Result<Self, SealError> {
        let mut key = Self(Box::default());
        rng.try_fill_bytes(key.0.as_mut_slice()).map_err(|_| SealError::Randomness)?;
        Ok(key)
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        Self(Box::new(Zeroizing::new(*bytes)))
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(hidden)")
    }
}

/// An X25519 public key to which files are sealed: `age1...`.
///
/// Always a canonical point that is not of low order, so that what is sealed to it can be opened by its
/// identity and by nobody else.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// From the 32 bytes of RFC 7748 section 5. Refuses points of low order and second spellings.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyTextError> {
        // Clamped scalars are multiples of the cofactor, so any of them takes a point of low order to zero.
        let probe = StaticSecret::from([1; 32]);
        let contributes = probe.diffie_hellman(&PublicKey::from(bytes)).was_contributory();
        if !contributes || !is_canonical(&bytes) {
            return Err(KeyTextError::WeakRecipient);
        }
        Ok(Self(bytes))
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Below 2^255 - 19, with the unused top bit clear.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *high < 0x7f || (*high == 0x7f && (*low < 0xed || middle.iter().any(|byte| *byte != 0xff)))
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hrp = Hrp::parse(RECIPIENT_HRP).map_err(|_| fmt::Error)?;
        bech32::encode_lower_to_fmt::<Bech32, _>(f, hrp, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl FromStr for Recipient {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let bytes = decode(text, RECIPIENT_HRP).ok_or(KeyTextError::Recipient)?;
        Self::from_bytes(*bytes)
    }
}

/// An X25519 secret key that opens files: `AGE-SECRET-KEY-1...`. Wiped when dropped.
pub struct Identity {
    secret: Box<StaticSecret>,
    recipient: Recipient,
}

impl Identity {
    /// A fresh identity from `rng`; fails if the source of randomness does.
    pub fn generate<R: TryCryptoRng>(rng: &mut R) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(bytes.as_mut()).map_err(|_| SealError::Randomness)?;
        Ok(Self::from_bytes(&bytes))
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let secret = Box::new(StaticSecret::from(*bytes));
        // A clamped scalar times the base point is never of low order, and the encoding is canonical.
        let recipient = Recipient(PublicKey::from(secret.as_ref()).to_bytes());
        Self { secret, recipient }
    }

    /// The public half.
    pub const fn to_recipient(&self) -> Recipient {
        self.recipient
    }

    /// The text form, which is the secret itself.
    pub fn to_text(&self) -> Zeroizing<String> {
        let hrp = Hrp::parse_unchecked(IDENTITY_HRP);
        // Large enough to never move, so that no copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(128));
        let written = bech32::encode_upper_to_fmt::<Bech32, _>(&mut *text, hrp, self.secret.as_bytes());
        debug_assert!(written.is_ok(), "32 bytes fit into a Bech32 string");
        text
    }

    pub(super) fn secret(&self) -> &StaticSecret {
        &self.secret
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(of {})", self.recipient)
    }
}

impl FromStr for Identity {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let bytes = decode(text, IDENTITY_HRP).ok_or(KeyTextError::Identity)?;
        Ok(Self::from_bytes(&bytes))
    }
}

/// The 32 bytes in a Bech32 string (BIP 173) whose human-readable part is `hrp` in exactly this case.
fn decode(text: &str, hrp: &str) -> Option<Zeroizing<[u8; 32]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if checked.hrp().as_str() != hrp {
        return None;
    }
    let mut bytes = Zeroizing::new([0u8; 32]);
    let mut decoded = checked.byte_iter();
    if decoded.len() != bytes.len() {
        return None;
    }
    for byte in bytes.iter_mut() {
        *byte = decoded.next()?;
    }
    // 32 bytes are 51.2 characters of five bits: the four bits left over must be zero, or one key would
    // have several spellings.
    let mut last = checked.fe32_iter().last()?.to_u8();
    let padded = last & 0x0f != 0;
    last.zeroize();
    (!padded).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;

    // The example pair of the age specification: the identity is 32 times 0x42.
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn the_example_of_the_specification() {
        let identity: Identity = IDENTITY.parse().unwrap();
        assert_eq!(identity.secret().as_bytes(), &[0x42; 32]);
        assert_eq!(identity.to_recipient().to_string(), RECIPIENT);
        assert_eq!(RECIPIENT.parse(), Ok(identity.to_recipient()));
        assert_eq!(*identity.to_text(), IDENTITY);
    }

    #[test]
    fn keys_have_one_spelling() {
        for text in ["", &IDENTITY.to_lowercase(), &IDENTITY[1..], &IDENTITY.replace("EX", "XE"), RECIPIENT] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
        for text in ["", &RECIPIENT.to_uppercase(), &RECIPIENT.replace('z', "y"), IDENTITY, &format!("{RECIPIENT}q")] {
            assert!(text.parse::<Recipient>().is_err(), "{text}");
        }
        // Another length, Bech32m, and padding bits that are not zero.
        let hrp = Hrp::parse("age").unwrap();
        let bytes = *RECIPIENT.parse::<Recipient>().unwrap().as_bytes();
        for text in [
            bech32::encode::<Bech32>(hrp, &bytes[..31]).unwrap(),
            bech32::encode::<Bech32>(hrp, &[&bytes[..], &[0]].concat()).unwrap(),
            bech32::encode::<bech32::Bech32m>(hrp, &bytes).unwrap(),
        ] {
            assert_eq!(text.parse::<Recipient>(), Err(KeyTextError::Recipient));
        }
        use bech32::{ByteIterExt, Fe32, Fe32IterExt};
        let mut digits: Vec<Fe32> = bytes.iter().copied().bytes_to_fes().collect();
        let last = digits.pop().unwrap();
        digits.push(Fe32::try_from(last.to_u8() | 1).unwrap());
        let text: String = digits.into_iter().with_checksum::<Bech32>(&hrp).chars().collect();
        assert_eq!(text.parse::<Recipient>(), Err(KeyTextError::Recipient));
    }

    #[test]
    fn weak_recipients_are_refused() {
        let mut order_two = [0; 32];
        order_two[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        // 2^255 - 19 + 9, the base point by a second name, and the base point with the top bit set.
        let mut above = [0xff; 32];
        (above[0], above[31]) = (0xf6, 0x7f);
        let mut top = [0; 32];
        (top[0], top[31]) = (9, 0x80);
        for weak in [[0; 32], order_two, minus_one, above, top] {
            assert_eq!(Recipient::from_bytes(weak), Err(KeyTextError::WeakRecipient));
        }
        let mut base = [0; 32];
        base[0] = 9;
        assert!(Recipient::from_bytes(base).is_ok());
        let mut largest = minus_one;
        largest[0] = 0xeb;
        assert!(Recipient::from_bytes(largest).is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let identity = Identity::generate(&mut SysRng).unwrap();
        let text = format!("{identity:?}");
        assert!(!text.contains("SECRET") && text.contains("age1"));
        let key = FileKey::from_bytes(&[0xab; 16]);
        assert_eq!(format!("{key:?}"), "FileKey(hidden)");
    }
}
