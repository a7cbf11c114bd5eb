//! What took a picture, as it says of itself: name and version of an app.

use std::fmt;
use std::str::FromStr;

use crate::cbor::{CborError, Item};

/// The longest in characters.
pub const MAX_SOFTWARE_LEN: usize = 64;

/// Name and version of the software that took a picture, such as `safelight/0.1.0`: 1 to [`MAX_SOFTWARE_LEN`] characters of `A-Z a-z 0-9 . _ + - / ( )` and
/// spaces, none of them at either end. It is signed, and no more than a claim: whoever has the device's key writes what they like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Software(String);

/// Text that names no software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of software: 1 to 64 letters, digits, spaces or `._+-/()` are expected")]
pub struct ParseSoftwareError;

impl Software {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As an app calls itself, whatever it is: what cannot stand there is a hyphen, and what is too long is cut. `None` if nothing is left.
    #[must_use]
    pub fn of_app(name: &str) -> Option<Self> {
        let plain = |letter: char| if letter.is_ascii() && is_plain(letter as u8) { letter } else { '-' };
        let plain: String = name.trim().chars().take(MAX_SOFTWARE_LEN).map(plain).collect();
        plain.trim().parse().ok()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
        let wrong = item.wrong();
        item.text(1..=MAX_SOFTWARE_LEN)?.parse().map_err(|_| wrong)
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'/' | b'(' | b')' | b' ')
}

impl FromStr for Software {
    type Err = ParseSoftwareError;

    fn from_str(text: &str) -> Result<Self, ParseSoftwareError> {
        let is_clean =
            (1..=MAX_SOFTWARE_LEN).contains(&text.len()) && text.bytes().all(is_plain) && text.trim() == text;
        if is_clean { Ok(Self(text.to_owned())) } else { Err(ParseSoftwareError) }
    }
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_a_short_plain_name() {
        for text in ["a", "safelight/0.1.0", "Wound app 4.2+17 (Android 15)", &"a".repeat(64)] {
            assert_eq!(text.parse::<Software>().unwrap().as_str(), text);
        }
        for text in ["", " a", "a ", "a\n", "ä", "<b>", "a;b", "\u{202e}a", &"a".repeat(65)] {
            assert!(text.parse::<Software>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_app_s_name_is_made_plain_or_left_out() {
        let of = |name: &str| Software::of_app(name).map(|software| software.to_string());
        assert_eq!(of("  Wundäpp 4\n"), Some("Wund-pp 4".to_owned()));
        assert_eq!(of("<b>x</b>"), Some("-b-x-/b-".to_owned()));
        assert_eq!(of(&"é".repeat(1000)), Some("-".repeat(64)));
        assert_eq!(of(&format!("{} {}", "a".repeat(63), "b")), Some("a".repeat(63)));
        assert_eq!(of(" \u{a0} "), None);
    }
}
