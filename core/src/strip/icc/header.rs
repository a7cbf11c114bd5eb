//! The header of the new profile (ICC.1:2022 section 7.2).

use super::{HEADER_LEN, Profile, ProfileError, be32};

/// Where the header holds class, colour space and connection space.
const CLASS: usize = 12;
pub(super) const SPACE: usize = 16;
const CONNECTION: usize = 20;

/// The header with the fields that decide colour. The illuminant can be D50 alone;
/// the rest, among it CMM, date, platform, maker, model, creator and identifier, is zero.
pub(super) fn header(profile: &Profile<'_>, len: usize) -> Result<[u8; HEADER_LEN], ProfileError> {
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
pub(super) fn channels(space: [u8; 4]) -> Option<u8> {
    match &space {
        b"GRAY" => Some(1),
        b"RGB " | b"Lab " => Some(3),
        b"CMYK" => Some(4),
        _ => None,
    }
}
