//! zlib streams (RFC 1950) inside pictures, inflated to be searched and measured.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// More than any test needs.
const MAX_LEN: usize = 256 * 1024 * 1024;

/// A stream that is whole: its content, and how many bytes of `bytes` it takes, checksum included. Content beyond `limit` is an error.
///
/// # Errors
/// What is wrong with the stream.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<(Vec<u8>, usize), String> {
    let mut content = vec![0; limit.min(MAX_LEN) + 1];
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_COMPUTE_ADLER32;
    let (status, consumed, written) =
        decompress(&mut Box::<DecompressorOxide>::default(), bytes, &mut content, 0, flags);
    if status != TINFLStatus::Done || written > limit {
        return Err(format!("{status:?} after {consumed} of {} bytes, which gave {written}", bytes.len()));
    }
    content.truncate(written);
    Ok((content, consumed))
}

/// Everything in a picture in which a text may stand: the file, and whatever of it inflates, the chunks of a PNG and profiles in them.
pub fn layers(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = vec![bytes.to_vec()];
    let mut frames = Vec::new();
    for (kind, content) in super::png_walker::chunks(bytes) {
        match kind {
            b"IDAT" => frames.extend_from_slice(content),
            b"fdAT" => layers.extend(inflated_part(content.get(4..).unwrap_or_default())),
            _ => {
                // A name and a method, or a name, two flags and two texts, stand in front.
                let zeros = content.iter().enumerate().filter(|(_, byte)| **byte == 0).take(6);
                let starts = zeros.flat_map(|(at, _)| [at + 1, at + 2]);
                layers.extend(starts.filter_map(|at| inflated_part(content.get(at..)?)));
            }
        }
    }
    layers.extend(inflated_part(&frames));
    layers.push(profile_of_a_jpeg(bytes));
    layers
}

/// A profile's parts in the order of the file, so that nothing hides where two of them meet.
fn profile_of_a_jpeg(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"ICC_PROFILE\0";
    let mut profile = Vec::new();
    let mut rest = bytes.strip_prefix(b"\xFF\xD8").unwrap_or_default();
    while let [0xFF, marker @ 0xC0..=0xFE, high, low, ..] = *rest {
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        let content = rest.get(4..end).unwrap_or_default();
        if marker == 0xE2 && content.starts_with(NAME) {
            profile.extend_from_slice(content.get(NAME.len() + 2..).unwrap_or_default());
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    profile
}

/// What there is of a stream, even if it breaks off; bombs are not followed.
fn inflated_part(bytes: &[u8]) -> Option<Vec<u8>> {
    const ENOUGH: usize = 16 * 1024 * 1024;
    match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, ENOUGH) {
        Ok(content) => Some(content),
        Err(error) if !error.output.is_empty() => Some(error.output),
        Err(_) => None,
    }
}
