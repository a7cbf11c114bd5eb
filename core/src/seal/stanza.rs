//! One recipient stanza: a tag, arguments and a body.

use data_encoding::BASE64_NOPAD;

use super::error::{HeaderError, SealError};

/// The tag of the stanza that binds a header to its manifest.
pub const MANIFEST_TAG: &str = "safelight/manifest";

/// The longest line of a body, in characters; a shorter one ends it.
pub(super) const COLUMNS: usize = 64;

/// How an argument line starts.
pub(super) const PREFIX: &str = "-> ";

/// A stanza of an age header: `-> tag arg arg`, then the body in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    /// The first argument, which says what kind of stanza this is.
    pub tag: String,
    /// The arguments behind the tag: visible ASCII characters, none empty.
    pub args: Vec<String>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Stanza {
    /// The stanza that names the key set with which, and the manifest for which, a picture was sealed.
    #[must_use]
    pub fn manifest(key_set_number: u64, manifest_hash: &[u8; 32]) -> Self {
        Self { tag: MANIFEST_TAG.to_owned(), args: vec![key_set_number.to_string()], body: manifest_hash.to_vec() }
    }

    /// What [`Stanza::manifest`] wrote, if this is such a stanza in exactly that form.
    pub(super) fn as_manifest(&self) -> Option<(u64, [u8; 32])> {
        let [number] = self.args.as_slice() else {
            return None;
        };
        let hash = self.body.as_slice().try_into().ok()?;
        let parsed = (parse_decimal(number)?, hash);
        (self.tag == MANIFEST_TAG).then_some(parsed)
    }

    /// The argument line without its line feed, split.
    pub(super) fn parse_arguments(line: &str) -> Result<(String, Vec<String>), HeaderError> {
        let mut args =
            line.split(' ').map(|arg| is_argument(arg).then(|| arg.to_owned()).ok_or(HeaderError::Malformed));
        let tag = args.next().ok_or(HeaderError::Malformed)??;
        Ok((tag, args.collect::<Result<_, _>>()?))
    }

    /// Appends the stanza to a header.
    pub(super) fn write(&self, header: &mut String) -> Result<(), SealError> {
        header.push_str(PREFIX.trim_end());
        for arg in std::iter::once(&self.tag).chain(&self.args) {
            if !is_argument(arg) {
                return Err(SealError::Stanza);
            }
            header.push(' ');
            header.push_str(arg);
        }
        header.push('\n');
        let body = BASE64_NOPAD.encode(&self.body);
        let mut rest = body.as_str();
        // A full line is followed by another, which may be empty.
        while let Some((line, behind)) = rest.split_at_checked(COLUMNS) {
            header.push_str(line);
            header.push('\n');
            rest = behind;
        }
        header.push_str(rest);
        header.push('\n');
        Ok(())
    }
}

/// `1*VCHAR` of RFC 5234.
fn is_argument(arg: &str) -> bool {
    !arg.is_empty() && arg.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A decimal number in its one spelling: no sign, no leading zero.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Bytes from canonical base64 without padding (RFC 4648 sections 3.5 and 4).
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, HeaderError> {
    BASE64_NOPAD.decode(text).map_err(|_| HeaderError::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s15_a_manifest_stanza_has_one_form() {
        let stanza = Stanza::manifest(u64::MAX, &[7; 32]);
        assert_eq!(stanza.as_manifest(), Some((u64::MAX, [7; 32])));
        let with = |change: &dyn Fn(&mut Stanza)| {
            let mut stanza = stanza.clone();
            change(&mut stanza);
            stanza.as_manifest()
        };
        assert_eq!(with(&|s| s.tag = "safelight/manifesto".into()), None);
        assert_eq!(with(&|s| s.args.clear()), None);
        assert_eq!(with(&|s| s.args.push("1".into())), None);
        for number in ["01", "+1", "-1", "", "1e3", "18446744073709551616"] {
            assert_eq!(with(&|s| s.args = vec![number.into()]), None, "{number}");
        }
        assert_eq!(with(&|s| s.body.push(0)), None);
    }

    #[test]
    fn bodies_wrap_and_end_with_a_short_line() {
        for (len, expected) in [(0, vec![0]), (3, vec![4]), (47, vec![63]), (48, vec![64, 0]), (97, vec![64, 64, 2])] {
            let stanza = Stanza { tag: "t".into(), args: vec![], body: vec![1; len] };
            let mut text = String::new();
            stanza.write(&mut text).unwrap();
            let lines: Vec<usize> = text.split('\n').map(str::len).collect();
            assert_eq!(lines[0], 4);
            assert_eq!(&lines[1..lines.len() - 1], expected);
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn arguments_that_break_the_grammar_are_not_written() {
        for arg in ["", "a b", "a\n", "é", "\0"] {
            let stanza = Stanza { tag: "t".into(), args: vec![arg.into()], body: vec![] };
            assert_eq!(stanza.write(&mut String::new()), Err(SealError::Stanza));
        }
    }
}
