//! ICC profiles (ICC.1:2022) with their colour tags only.
//!
//! A profile says how numbers become colours, and beside it who made it, when, for which device, in which
//! words. The first part is laid out anew, byte for byte; the second is gone. Description and copyright are
//! required by readers, so neutral ones stand in their place.

mod content;
mod error;
mod header;
mod known;
mod lut;
mod profile;
mod table;
mod tag;
mod text;

use super::pieces::Pieces;
use super::{Removed, Report, StripError};
pub use error::ProfileError;
pub(super) use profile::Profile;
use table::Tags;

/// The longest profile that is taken, in bytes.
pub const MAX_PROFILE_LEN: usize = 4 * 1024 * 1024;
/// The most tags that a profile may have. Common readers refuse more.
pub const MAX_PROFILE_TAGS: usize = 100;

const HEADER_LEN: usize = 128;

/// Lays a profile out anew. `None` where there is none, or none that any reader takes for one.
pub(super) fn rebuild<'a>(mut profile: Profile<'a>, report: &mut Report) -> Result<Option<Pieces<'a>>, StripError> {
    if profile.is_empty() {
        return Ok(None);
    }
    profile.order()?;
    if profile.array(36) != Some(*b"acsp") || profile.len() < HEADER_LEN + 4 {
        report.add(Removed::UnreadableProfile);
        return Ok(None);
    }
    let present = profile.len();
    let len = profile.u32(0).filter(|len| (HEADER_LEN + 4..=present).contains(len)).ok_or(ProfileError::CutOff)?;
    let profile = profile.bounded(len);
    let out = Tags::read(&profile)?.write(&profile)?;
    let same = out.len() == present && out.iter().flatten().eq(profile.slices(0, present).flatten());
    if !same {
        report.add(Removed::ProfileDetails);
    }
    Ok(Some(out))
}

fn be32(number: usize) -> Result<[u8; 4], ProfileError> {
    u32::try_from(number).map(u32::to_be_bytes).map_err(|_| ProfileError::TooLong)
}

#[cfg(test)]
mod tests;
