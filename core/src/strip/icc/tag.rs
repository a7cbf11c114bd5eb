//! Tags of an ICC profile: which decide colour, and how long their content really is.

use super::content::Content;
use super::{Profile, ProfileError, lut};

/// What a tag is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It decides colour.
    Colour,
    /// The profile's name, which readers require.
    Name,
    /// The copyright text, which readers require.
    Copyright,
}

/// What a signature is there for in a profile of a colour space; `None` for everything that is left out
/// (ICC.1:2022 section 9.2). A black point is left out: version 4 has none, and readers ignore it.
pub(super) fn role(signature: [u8; 4], space: [u8; 4]) -> Option<Role> {
    const LUTS: &[&[u8; 4]] =
        &[b"wtpt", b"chad", b"cicp", b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"D2B0", b"D2B1", b"D2B2"];
    const RGB: &[&[u8; 4]] = &[b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"];
    match (&signature, &space) {
        (b"desc", _) => Some(Role::Name),
        (b"cprt", _) => Some(Role::Copyright),
        (b"kTRC", b"GRAY") => Some(Role::Colour),
        (known, b"RGB ") if RGB.contains(&known) => Some(Role::Colour),
        (known, _) if LUTS.contains(&known) => Some(Role::Colour),
        _ => None,
    }
}

/// The kinds of content that a colour tag may have (ICC.1:2022 section 9.2).
fn kinds(signature: [u8; 4]) -> &'static [&'static [u8; 4]] {
    match &signature {
        b"wtpt" | b"rXYZ" | b"gXYZ" | b"bXYZ" => &[b"XYZ "],
        b"rTRC" | b"gTRC" | b"bTRC" | b"kTRC" => &[b"curv", b"para"],
        b"chad" => &[b"sf32"],
        b"cicp" => &[b"cicp"],
        [b'A', ..] => &[b"mft1", b"mft2", b"mAB "],
        [b'B', ..] => &[b"mft1", b"mft2", b"mBA "],
        _ => &[],
    }
}

/// What every colour goes through on its way to another profile has three numbers.
const CONNECTION_CHANNELS: u8 = 3;

/// Reads the content of a colour tag, which lies at a stretch of the profile. `channels` is how many samples a
/// pixel of its colour space has.
pub(super) fn read(
    profile: &Profile<'_>,
    signature: [u8; 4],
    channels: u8,
    from: usize,
    len: usize,
) -> Result<Content, ProfileError> {
    let end = from.checked_add(len).ok_or(ProfileError::Tag)?;
    if from < super::HEADER_LEN || end > profile.len() {
        return Err(ProfileError::Tag);
    }
    let kind = profile.array::<4>(from).ok_or(ProfileError::Tag)?;
    let mut content = Content::default();
    match &kind {
        // Processing elements know no end but that of the tag.
        b"mpet" => return Err(ProfileError::Kind),
        _ if !kinds(signature).contains(&&kind) => return Err(ProfileError::Tag),
        b"mft1" | b"mft2" | b"mAB " | b"mBA " if !maps(profile, signature, channels, from) => {
            return Err(ProfileError::Tag);
        }
        b"mAB " | b"mBA " => lut::read(profile, from, len, &mut content)?,
        _ => {
            let needed = simple_len(profile, from).ok_or(ProfileError::Tag)?;
            if needed > len {
                return Err(ProfileError::Tag);
            }
            push_simple(profile, from, needed, &mut content)?;
        }
    }
    Ok(content)
}

/// Whether a table leads from the picture's samples to the connection space, or back, as its tag says.
fn maps(profile: &Profile<'_>, signature: [u8; 4], channels: u8, from: usize) -> bool {
    let ends =
        if signature.starts_with(b"A") { [channels, CONNECTION_CHANNELS] } else { [CONNECTION_CHANNELS, channels] };
    profile.array(from + 8) == Some(ends)
}

/// Reads a curve, which must end before `end`; gives its length.
pub(super) fn read_curve(
    profile: &Profile<'_>,
    from: usize,
    end: usize,
    content: &mut Content,
) -> Result<usize, ProfileError> {
    let kind = profile.array::<4>(from).ok_or(ProfileError::Tag)?;
    if ![*b"curv", *b"para"].contains(&kind) {
        return Err(ProfileError::Tag);
    }
    let len = simple_len(profile, from).ok_or(ProfileError::Tag)?;
    if from.checked_add(len).is_none_or(|curve_end| curve_end > end) {
        return Err(ProfileError::Tag);
    }
    push_simple(profile, from, len, content)?;
    Ok(len)
}

/// The head with its reserved bytes zeroed, then `len` less that from the profile.
fn push_simple(profile: &Profile<'_>, from: usize, len: usize, content: &mut Content) -> Result<(), ProfileError> {
    let head = profile.array::<HEAD_LEN>(from).ok_or(ProfileError::Tag)?;
    content.build(&without_reserved(head));
    let mut at = HEAD_LEN;
    if head.starts_with(b"mft") && head.get(8) != Some(&CONNECTION_CHANNELS) {
        // A matrix that is there for three inputs only.
        content.build(&IDENTITY);
        at += IDENTITY.len();
    }
    content.keep(from + at, len - at);
    Ok(())
}

/// The matrix that changes nothing, nine numbers in 1/65536.
const IDENTITY: [u8; 36] =
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];

/// The shortest colour tag that there is.
const HEAD_LEN: usize = 12;

/// How long a tag's content is by its own account (ICC.1:2022 section 10), whatever the table claims.
fn simple_len(profile: &Profile<'_>, from: usize) -> Option<usize> {
    let head = profile.array::<HEAD_LEN>(from)?;
    let [k0, k1, k2, k3, _, _, _, _, n0, n1, n2, n3] = head;
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
        _ => None,
    }
}

/// The head of a tag with its reserved bytes zeroed.
fn without_reserved(head: [u8; HEAD_LEN]) -> [u8; HEAD_LEN] {
    let [k0, k1, k2, k3, _, _, _, _, a, b, c, d] = head;
    let (c, d) = match &[k0, k1, k2, k3] {
        b"para" => (0, 0),
        b"mft1" | b"mft2" => (c, 0),
        _ => (c, d),
    };
    [k0, k1, k2, k3, 0, 0, 0, 0, a, b, c, d]
}
