//! ICC profiles (ICC.1:2022) with their colour tags only.
//!
//! A profile says how numbers become colours, and beside it who made it, when, for which device, in which
//! words. The first part is laid out anew, byte for byte; the second is gone. Description and copyright are
//! required by readers, so neutral ones stand in their place.

mod content;
mod known;
mod lut;
mod tag;
mod text;

use super::pieces::Pieces;
use super::{MAX_GROWTH, Removed, Report, StripError};
use content::Content;
use tag::Role;

/// The longest profile that is taken, in bytes.
pub const MAX_PROFILE_LEN: usize = 4 * 1024 * 1024;
/// The most tags that a profile may have. Common readers refuse more.
pub const MAX_PROFILE_TAGS: usize = 100;

const HEADER_LEN: usize = 128;
const ENTRY_LEN: usize = 12;

/// Why a colour profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Segments are missing, doubled or contradict each other.
    #[error("the parts of the picture's colour profile do not fit together")]
    Parts,
    /// More than [`MAX_PROFILE_LEN`].
    #[error("the picture's colour profile is longer than is taken")]
    TooLong,
    /// The profile is shorter than it says.
    #[error("the picture's colour profile is cut off")]
    CutOff,
    /// A class or colour space that no photograph has.
    #[error("the picture's colour profile is of a kind that no photograph has")]
    Kind,
    /// More than [`MAX_PROFILE_TAGS`].
    #[error("the picture's colour profile has more tags than are taken")]
    TooManyTags,
    /// A colour tag that cannot be read.
    #[error("a colour tag of the picture's colour profile is damaged")]
    Tag,
}

impl ProfileError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ProfileError::Parts => "profile-parts",
            ProfileError::TooLong => "profile-too-long",
            ProfileError::CutOff => "profile-cut-off",
            ProfileError::Kind => "profile-kind",
            ProfileError::TooManyTags => "profile-too-many-tags",
            ProfileError::Tag => "profile-tag",
        }
    }
}

/// A profile as it lies in a file, perhaps in several parts.
#[derive(Default)]
pub(super) struct Profile<'a> {
    parts: Vec<Part<'a>>,
    len: usize,
}

struct Part<'a> {
    number: u8,
    total: u8,
    bytes: &'a [u8],
}

impl<'a> Profile<'a> {
    /// A profile that lies in one piece.
    pub(super) fn whole(bytes: &'a [u8]) -> Result<Self, ProfileError> {
        let len = bytes.len();
        if len > MAX_PROFILE_LEN {
            return Err(ProfileError::TooLong);
        }
        Ok(Profile { parts: vec![Part { number: 1, total: 1, bytes }], len })
    }

    /// Adds a part: its number from 1, the number of parts, its bytes.
    pub(super) fn add(&mut self, part: &'a [u8]) -> Result<(), ProfileError> {
        let &[number, total, ref bytes @ ..] = part else {
            return Err(ProfileError::Parts);
        };
        self.len += bytes.len();
        if self.len > MAX_PROFILE_LEN {
            return Err(ProfileError::TooLong);
        }
        if self.parts.len() == usize::from(u8::MAX) {
            return Err(ProfileError::Parts);
        }
        self.parts.push(Part { number, total, bytes });
        Ok(())
    }

    /// Puts the parts into their order; each must be there once.
    fn order(&mut self) -> Result<(), ProfileError> {
        self.parts.sort_unstable_by_key(|part| part.number);
        let total = self.parts.len();
        let complete = self
            .parts
            .iter()
            .enumerate()
            .all(|(at, part)| usize::from(part.number) == at + 1 && usize::from(part.total) == total);
        if complete { Ok(()) } else { Err(ProfileError::Parts) }
    }

    /// The slices that a stretch of the profile consists of.
    fn slices(&self, from: usize, len: usize) -> impl Iterator<Item = &'a [u8]> {
        let end = from.saturating_add(len);
        let starts = self.parts.iter().scan(0usize, |start, part| {
            let this = *start;
            *start += part.bytes.len();
            Some((this, part.bytes))
        });
        starts.filter_map(move |(start, bytes)| {
            let (first, last) = (from.max(start), end.min(start + bytes.len()));
            bytes.get(first.checked_sub(start)?..last.checked_sub(start)?)
        })
    }

    /// A few bytes as an array; `None` where they are not all there.
    fn array<const N: usize>(&self, from: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut source = self.slices(from, N).flatten();
        for byte in &mut bytes {
            *byte = *source.next()?;
        }
        Some(bytes)
    }

    fn u32(&self, from: usize) -> Option<usize> {
        self.array(from).and_then(|bytes| usize::try_from(u32::from_be_bytes(bytes)).ok())
    }
}

/// Lays a profile out anew. `None` where there is none, or none that any reader takes for one.
pub(super) fn rebuild<'a>(mut profile: Profile<'a>, report: &mut Report) -> Result<Option<Pieces<'a>>, StripError> {
    if profile.parts.is_empty() {
        return Ok(None);
    }
    profile.order()?;
    if profile.array(36) != Some(*b"acsp") || profile.len < HEADER_LEN + 4 {
        report.add(Removed::UnreadableProfile);
        return Ok(None);
    }
    let present = profile.len;
    profile.len = profile.u32(0).filter(|len| (HEADER_LEN + 4..=present).contains(len)).ok_or(ProfileError::CutOff)?;
    let tags = read_tags(&profile)?;
    let out = write(&profile, &tags)?;
    let same = out.len() == present && out.iter().flatten().eq(profile.slices(0, present).flatten());
    if !same {
        report.add(Removed::ProfileDetails);
    }
    Ok(Some(out))
}

/// A tag of the new profile.
struct Tag {
    signature: [u8; 4],
    role: Role,
    content: Content,
    /// Where the content lies in the new profile.
    at: usize,
    /// Whether an earlier tag has the same content.
    shared: bool,
}

fn read_tags(profile: &Profile<'_>) -> Result<Vec<Tag>, ProfileError> {
    let count = profile.u32(HEADER_LEN).ok_or(ProfileError::CutOff)?;
    if count > MAX_PROFILE_TAGS {
        return Err(ProfileError::TooManyTags);
    }
    let space = profile.array(SPACE).unwrap_or_default();
    let channels = channels(space).ok_or(ProfileError::Kind)?;
    let mut tags: Vec<Tag> = Vec::with_capacity(count);
    for entry in (0..count).map(|index| HEADER_LEN + 4 + index * ENTRY_LEN) {
        let signature = profile.array::<4>(entry).ok_or(ProfileError::CutOff)?;
        let known = tags.iter().any(|tag| tag.signature == signature);
        let (Some(role), false) = (tag::role(signature, space), known) else {
            continue;
        };
        let at = profile.u32(entry + 4).ok_or(ProfileError::CutOff)?;
        let len = profile.u32(entry + 8).ok_or(ProfileError::CutOff)?;
        let content = match role {
            Role::Colour => tag::read(profile, signature, channels, at, len)?,
            Role::Name | Role::Copyright => text::content(profile.array(at), len, text::NOTHING),
        };
        tags.push(Tag { signature, role, content, at: 0, shared: false });
    }
    name(profile, &mut tags);
    lay_out(&mut tags);
    Ok(tags)
}

/// Gives a known profile its name.
fn name(profile: &Profile<'_>, tags: &mut [Tag]) {
    let colour = tags.iter().filter(|tag| tag.role == Role::Colour).map(|tag| (tag.signature, &tag.content));
    let Some(name) = known::name(profile, colour) else {
        return;
    };
    if let Some(tag) = tags.iter_mut().find(|tag| tag.role == Role::Name) {
        let kind = tag.content.bytes(profile).next().map(|first| if first == b'd' { *b"desc" } else { *b"mluc" });
        tag.content = text::content(kind, usize::MAX, name);
    }
}

/// Gives every content its place; equal ones share it.
fn lay_out(tags: &mut [Tag]) {
    let mut end = HEADER_LEN + 4 + tags.len() * ENTRY_LEN;
    for index in 0..tags.len() {
        let (before, from) = tags.split_at_mut(index);
        let Some(tag) = from.first_mut() else {
            continue;
        };
        match before.iter().find(|earlier| earlier.content == tag.content) {
            Some(earlier) => (tag.at, tag.shared) = (earlier.at, true),
            None => {
                tag.at = end;
                end += tag.content.len().next_multiple_of(4);
            }
        }
    }
}

fn write<'a>(profile: &Profile<'a>, tags: &[Tag]) -> Result<Pieces<'a>, StripError> {
    let own = || tags.iter().filter(|tag| !tag.shared);
    let table = HEADER_LEN + 4 + tags.len() * ENTRY_LEN;
    let len = table + own().map(|tag| tag.content.len().next_multiple_of(4)).sum::<usize>();
    // Tags that overlap are written one by one, which could make much out of little.
    if len > profile.len.saturating_add(MAX_GROWTH) {
        return Err(ProfileError::TooLong.into());
    }
    let mut out = Pieces::default();
    out.build(&header(profile, len)?)?;
    out.build(&be32(tags.len())?)?;
    for tag in tags {
        out.build(&tag.signature)?;
        out.build(&be32(tag.at)?)?;
        out.build(&be32(tag.content.len())?)?;
    }
    for tag in own() {
        tag.content.write(profile, &mut out)?;
        let padding = tag.content.len().next_multiple_of(4) - tag.content.len();
        out.build([0; 3].get(..padding).unwrap_or_default())?;
    }
    Ok(out)
}

/// Where the header holds class, colour space and connection space.
const CLASS: usize = 12;
const SPACE: usize = 16;
const CONNECTION: usize = 20;

/// The header (ICC.1:2022 section 7.2) with the fields that decide colour. The illuminant can be D50 alone;
/// the rest, among it CMM, date, platform, maker, model, creator and identifier, is zero.
fn header(profile: &Profile<'_>, len: usize) -> Result<[u8; HEADER_LEN], ProfileError> {
    const VERSION_2: [u8; 4] = [2, 0x10, 0, 0];
    const VERSION_4: [u8; 4] = [4, 0x30, 0, 0];
    const D50: [u8; 12] = [0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D];
    let field = |at| profile.array::<4>(at).ok_or(ProfileError::CutOff);
    let (class, space, connection) = (field(CLASS)?, field(SPACE)?, field(CONNECTION)?);
    let sound = [*b"mntr", *b"scnr", *b"prtr", *b"spac"].contains(&class)
        && channels(space).is_some()
        && [*b"XYZ ", *b"Lab "].contains(&connection);
    let [major, ..] = field(8)?;
    let version = if major < 4 { VERSION_2 } else { VERSION_4 };
    if !sound || major > 4 {
        return Err(ProfileError::Kind);
    }
    let [intent] = profile.array(67).ok_or(ProfileError::CutOff)?;
    let mut new = [0; HEADER_LEN];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = new.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, &be32(len)?);
    put(8, &version);
    put(CLASS, &class);
    put(SPACE, &space);
    put(CONNECTION, &connection);
    put(36, b"acsp");
    put(67, &[if intent > 3 { 0 } else { intent }]);
    put(68, &D50);
    Ok(new)
}

/// How many samples a pixel of a colour space has; `None` for one that no photograph has.
fn channels(space: [u8; 4]) -> Option<u8> {
    match &space {
        b"GRAY" => Some(1),
        b"RGB " | b"Lab " => Some(3),
        b"CMYK" => Some(4),
        _ => None,
    }
}

fn be32(number: usize) -> Result<[u8; 4], ProfileError> {
    u32::try_from(number).map(u32::to_be_bytes).map_err(|_| ProfileError::TooLong)
}

#[cfg(test)]
mod tests;
