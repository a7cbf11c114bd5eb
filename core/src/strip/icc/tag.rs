//! Tags of an ICC profile: which decide colour, and how long their content really is.

use super::{Profile, ProfileError};
use crate::strip::StripError;
use crate::strip::pieces::Pieces;

/// What a tag is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It decides colour.
    Colour,
    /// Text that readers require.
    RequiredText,
}

/// What a signature is there for; `None` for everything that is left out (ICC.1:2022 section 9.2).
pub(super) fn role(signature: [u8; 4]) -> Option<Role> {
    const COLOUR: &[&[u8; 4]] = &[
        b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"bkpt", b"chad", b"cicp", b"A2B0",
        b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2",
        b"B2D3",
    ];
    if COLOUR.contains(&&signature) {
        return Some(Role::Colour);
    }
    [*b"desc", *b"cprt"].contains(&signature).then_some(Role::RequiredText)
}

/// The content of a tag in the new profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// `len` bytes from `from` of the old profile, the reserved bytes of their head zeroed.
    Colour { from: usize, len: usize, head: [u8; 12] },
    /// A neutral text.
    Text(&'static [u8]),
}

/// The shortest description that every reader of version 2 takes (ICC.1:2001 section 6.5.17): one ASCII
/// character and its terminator, no Unicode, no script code.
#[allow(clippy::indexing_slicing, reason = "computed when compiled")]
const DESCRIPTION: &[u8; 92] = &{
    let mut text = [0; 92];
    let start = *b"desc\0\0\0\0\0\0\0\x02-\0";
    let mut at = 0;
    while at < start.len() {
        text[at] = start[at];
        at += 1;
    }
    text
};
/// ICC.1:2001 section 6.5.18.
const TEXT: &[u8; 10] = b"text\0\0\0\0-\0";
/// ICC.1:2022 section 10.15: one record, `enUS`, one character.
const LOCALISED: &[u8; 30] = b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS\0\0\0\x02\0\0\0\x1C\0-";

/// Reads the tag at a stretch of the profile.
pub(super) fn read(profile: &Profile<'_>, role: Role, from: usize, len: usize) -> Result<Content, ProfileError> {
    let kind = profile.array::<4>(from);
    if role == Role::RequiredText {
        return Ok(Content::Text(match kind {
            Some(kind) if &kind == b"desc" && len >= DESCRIPTION.len() => DESCRIPTION,
            Some(kind) if &kind == b"text" => TEXT,
            _ => LOCALISED,
        }));
    }
    let end = from.checked_add(len).ok_or(ProfileError::Tag)?;
    let head = profile.array::<12>(from).ok_or(ProfileError::Tag)?;
    if from < super::HEADER_LEN || end > profile.len {
        return Err(ProfileError::Tag);
    }
    let needed = content_len(profile, from, len, &head).ok_or(ProfileError::Tag)?;
    if needed > len {
        return Err(ProfileError::Tag);
    }
    Ok(Content::Colour { from, len: needed, head: without_reserved(head) })
}

/// How long a tag's content is by its own account (ICC.1:2022 section 10), whatever the table claims.
fn content_len(profile: &Profile<'_>, from: usize, len: usize, head: &[u8; 12]) -> Option<usize> {
    let &[k0, k1, k2, k3, _, _, _, _, n0, n1, n2, n3] = head;
    let number = usize::try_from(u32::from_be_bytes([n0, n1, n2, n3])).ok()?;
    let (inputs, outputs, grid) = (usize::from(n0), usize::from(n1), usize::from(n2));
    match &[k0, k1, k2, k3] {
        b"XYZ " => Some(20),
        b"cicp" => Some(12),
        b"sf32" => Some(8 + 9 * 4),
        b"curv" => number.checked_mul(2)?.checked_add(12),
        b"para" => [1, 3, 4, 5, 7].get(number >> 16).map(|count| 12 + 4 * count),
        b"mft1" => {
            let table = grid.checked_pow(u32::from(n0))?.checked_mul(outputs)?;
            table.checked_add(48 + 256 * (inputs + outputs))
        }
        b"mft2" => {
            let [i1, i0, o1, o0] = profile.array(from.checked_add(48)?)?;
            let input = usize::from(u16::from_be_bytes([i1, i0])) * inputs;
            let output = usize::from(u16::from_be_bytes([o1, o0])) * outputs;
            let table = grid.checked_pow(u32::from(n0))?.checked_mul(outputs)?;
            table.checked_add(input + output)?.checked_mul(2)?.checked_add(52)
        }
        b"mAB " | b"mBA " | b"mpet" => Some(len),
        _ => None,
    }
}

/// The head of a tag with its reserved bytes zeroed.
fn without_reserved(head: [u8; 12]) -> [u8; 12] {
    let [k0, k1, k2, k3, _, _, _, _, a, b, c, d] = head;
    let (c, d) = match &[k0, k1, k2, k3] {
        b"para" | b"mAB " | b"mBA " => (0, 0),
        b"mft1" | b"mft2" => (c, 0),
        _ => (c, d),
    };
    [k0, k1, k2, k3, 0, 0, 0, 0, a, b, c, d]
}

impl Content {
    pub(super) fn len(&self) -> usize {
        match self {
            Content::Colour { len, .. } => *len,
            Content::Text(text) => text.len(),
        }
    }

    pub(super) fn write<'a>(&self, profile: &Profile<'a>, out: &mut Pieces<'a>) -> Result<(), StripError> {
        match self {
            Content::Text(text) => out.build(text),
            Content::Colour { from, len, head } => {
                out.build(head)?;
                let rest = len.saturating_sub(head.len());
                profile.slices(from + head.len(), rest).try_for_each(|slice| out.borrow(slice))
            }
        }
    }
}
