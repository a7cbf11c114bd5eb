//! DER with one spelling, over the parser of `asn1-rs`, which takes more than that.

use x509_parser::asn1_rs::{Any, Class, FromDer};

use super::Unproved;

/// Universal tags.
pub(super) const BOOLEAN: u32 = 1;
pub(super) const INTEGER: u32 = 2;
pub(super) const BIT_STRING: u32 = 3;
pub(super) const OBJECT_IDENTIFIER: u32 = 6;
pub(super) const OCTET_STRING: u32 = 4;
pub(super) const NULL: u32 = 5;
pub(super) const ENUMERATED: u32 = 10;
pub(super) const SEQUENCE: u32 = 16;
pub(super) const SET: u32 = 17;

/// A number from 0, of at most eight bytes, with no byte that it does not need (X.690 section 8.3.2).
pub(super) fn number(content: &[u8]) -> Result<u64, Unproved> {
    let digits = match content {
        [0] => content,
        [0, second, ..] if second & 0x80 != 0 => content.get(1..).unwrap_or_default(),
        [first, ..] if (1..0x80).contains(first) => content,
        _ => return Err(Unproved::Malformed),
    };
    if digits.len() > 8 {
        return Err(Unproved::Malformed);
    }
    Ok(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
}

/// What is left of a sequence's content.
#[derive(Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next one, whatever it is.
    pub(super) fn next(&mut self) -> Result<Any<'a>, Unproved> {
        let (rest, element) = Any::from_der(self.0).map_err(|_| Unproved::Malformed)?;
        // The parser takes tags and lengths with more bytes than they need.
        let len = self.0.len().saturating_sub(rest.len());
        if len != tag_len(element.tag().0) + length_len(element.data.len()) + element.data.len() {
            return Err(Unproved::Malformed);
        }
        self.0 = rest;
        Ok(element)
    }

    /// The content of the next one, which has this universal tag.
    pub(super) fn universal(&mut self, tag: u32) -> Result<&'a [u8], Unproved> {
        let element = self.next()?;
        let header = &element.header;
        let is_list = tag == SEQUENCE || tag == SET;
        let right = header.class() == Class::Universal && header.tag().0 == tag && header.constructed() == is_list;
        let empty_null = tag != NULL || element.data.is_empty();
        if right && empty_null { Ok(element.data) } else { Err(Unproved::Malformed) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Result<(), Unproved> {
        if self.is_empty() { Ok(()) } else { Err(Unproved::Malformed) }
    }
}

/// Bytes of a tag (X.690 section 8.1.2).
const fn tag_len(tag: u32) -> usize {
    match tag {
        0..=30 => 1,
        31..=0x7f => 2,
        0x80..=0x3fff => 3,
        0x4000..=0x001f_ffff => 4,
        _ => 5,
    }
}

/// Bytes of a length (X.690 section 10.1).
const fn length_len(len: usize) -> usize {
    match len {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling_and_an_end() {
        for (content, expected) in [
            (&[0][..], Some(0)),
            (&[0x7f], Some(0x7f)),
            (&[0, 0x80], Some(0x80)),
            (&[1, 0], Some(0x100)),
            (&[0, 0xff, 0, 0, 0, 0, 0, 0, 0], Some(0xff00_0000_0000_0000)),
            (&[], None),
            (&[0, 0], None),
            (&[0, 1], None),
            (&[0x80], None),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ] {
            assert_eq!(number(content).ok(), expected, "{content:?}");
        }
    }
}
