//! The colour profile: inflated, laid out anew, deflated again.

use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

use super::super::icc::{self, MAX_PROFILE_LEN, Profile, ProfileError};
use super::super::{Removed, Report, StripError};
use super::deflate;
use crate::photo::png::Colour;

/// What the new chunk begins with: the profile's name, always the same, and the compression method.
const START: &[u8] = b"icc\0\0";
/// The longest name of a profile, in bytes (section 11.3.2.3).
const MAX_NAME_LEN: usize = 79;

/// The data of the new iCCP chunk. `None` where decoders would ignore the old one.
pub(super) fn rebuild(data: &[u8], colour: Colour, report: &mut Report) -> Result<Option<Vec<u8>>, StripError> {
    let stream = stream(data);
    let inflated = stream.map(|stream| decompress_to_vec_zlib_with_limit(stream, MAX_PROFILE_LEN));
    let old = match inflated {
        Some(Ok(profile)) if fits(&profile, colour) => profile,
        Some(Err(error)) if error.status == TINFLStatus::HasMoreOutput => return Err(ProfileError::TooLong.into()),
        _ => {
            report.add(Removed::UnreadableProfile);
            return Ok(None);
        }
    };
    let Some(new) = icc::rebuild(Profile::whole(&old)?, report)? else {
        return Ok(None);
    };
    let new: Vec<u8> = new.iter().flatten().copied().collect();
    if !data.starts_with(START) {
        report.add(Removed::ProfileDetails);
    }
    // Phones and clinic may have other versions of the deflater: what needs no change must get none.
    match stream {
        Some(stream) if new == old && is_whole(stream, new.len()) => Ok(Some([START, stream].concat())),
        _ => Ok(Some([START, &deflate::no_longer_than(stream.map_or(0, <[u8]>::len), &new)].concat())),
    }
}

/// Whether a stream of `len` bytes ends where the chunk does.
fn is_whole(stream: &[u8], len: usize) -> bool {
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut out = vec![0; len];
    let (status, read, _) = decompress(&mut Box::<DecompressorOxide>::default(), stream, &mut out, 0, flags);
    status == TINFLStatus::Done && read == stream.len()
}

/// What follows the profile's name and the compression method.
fn stream(data: &[u8]) -> Option<&[u8]> {
    let name_len = memchr::memchr(0, data)?;
    let (method, stream) = data.get(name_len + 1..)?.split_first()?;
    ((1..=MAX_NAME_LEN).contains(&name_len) && *method == 0).then_some(stream)
}

/// Whether the profile speaks about the samples that the picture has.
fn fits(profile: &[u8], colour: Colour) -> bool {
    let space: &[u8] = match colour {
        Colour::Grey | Colour::GreyAlpha => b"GRAY",
        Colour::Rgb | Colour::Palette | Colour::Rgba => b"RGB ",
    };
    profile.get(16..20) == Some(space)
}
