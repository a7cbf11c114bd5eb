//! The tags of the new profile (ICC.1:2022 section 7.3), and where each lies.

use super::content::Content;
use super::header::{SPACE, channels, header};
use super::tag::{self, Role};
use super::{HEADER_LEN, MAX_PROFILE_TAGS, Profile, ProfileError, be32, known, text};
use crate::strip::pieces::Pieces;
use crate::strip::{MAX_GROWTH, StripError};

const ENTRY_LEN: usize = 12;

/// The tags that are kept, in the order of the old profile.
pub(super) struct Tags {
    tags: Vec<Tag>,
    /// Length of the new profile in bytes.
    len: usize,
}

struct Tag {
    signature: [u8; 4],
    role: Role,
    content: Content,
    /// Where the content lies in the new profile.
    at: usize,
    /// Whether an earlier tag has the same content.
    shared: bool,
}

impl Tags {
    /// Reads the tags that decide colour, and the texts that readers require.
    pub(super) fn read(profile: &Profile<'_>) -> Result<Self, ProfileError> {
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
        let len = lay_out(profile, &mut tags)?;
        Ok(Tags { tags, len })
    }

    /// Writes the new profile: header, table, contents.
    pub(super) fn write<'a>(&self, profile: &Profile<'a>) -> Result<Pieces<'a>, StripError> {
        let mut out = Pieces::default();
        out.build(&header(profile, self.len)?)?;
        out.build(&be32(self.tags.len())?)?;
        for tag in &self.tags {
            out.build(&tag.signature)?;
            out.build(&be32(tag.at)?)?;
            out.build(&be32(tag.content.len())?)?;
        }
        for tag in self.tags.iter().filter(|tag| !tag.shared) {
            tag.content.write(profile, &mut out)?;
            let padding = tag.content.len().next_multiple_of(4) - tag.content.len();
            out.build([0; 3].get(..padding).unwrap_or_default())?;
        }
        Ok(out)
    }
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

/// Gives every content its place and returns where the last one ends. Equal ones share a place, wherever they lay before:
/// a deflater does not see from one table to the next.
///
/// Tags that overlap are written one by one, which could make much out of little. Giving up where they exceed the old profile
/// bounds the comparing too, for only contents of one length are compared.
fn lay_out(profile: &Profile<'_>, tags: &mut [Tag]) -> Result<usize, ProfileError> {
    let mut end = HEADER_LEN + 4 + tags.len() * ENTRY_LEN;
    for index in 0..tags.len() {
        let (before, from) = tags.split_at_mut(index);
        let Some(tag) = from.first_mut() else {
            continue;
        };
        let mut own = before.iter().filter(|earlier| !earlier.shared);
        match own.find(|earlier| earlier.content.equals(&tag.content, profile)) {
            Some(earlier) => (tag.at, tag.shared) = (earlier.at, true),
            None => {
                tag.at = end;
                end += tag.content.len().next_multiple_of(4);
            }
        }
        if end > profile.len().saturating_add(MAX_GROWTH) {
            return Err(ProfileError::TooLong);
        }
    }
    Ok(end)
}
