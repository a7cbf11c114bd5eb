//! A zlib stream (RFC 1950) for a profile, which must not become longer than the one that it replaces.
//!
//! The deflater ends a block where its buffer is full, and one code for tables of different kinds serves none of them well: on
//! long tables other encoders win by more than the details of a profile weigh. So a result that is too long is tried again
//! with blocks of other lengths, which is bounded work.

use miniz_oxide::deflate::core::deflate_flags::{TDEFL_COMPUTE_ADLER32, TDEFL_FILTER_MATCHES, TDEFL_WRITE_ZLIB_HEADER};
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, compress_to_output};

/// How many earlier places are tried for each match: much for the first attempt, little for the others, which gain by their
/// blocks.
const MANY_PROBES: u32 = 600;
const FEW_PROBES: u32 = 128;

/// Flags, and bytes of content that make a block at most.
const ATTEMPTS: [(u32, usize); 6] = [
    (MANY_PROBES, usize::MAX),
    (FEW_PROBES, 16 * 1024),
    (FEW_PROBES, 4 * 1024),
    (FEW_PROBES, 32 * 1024),
    (FEW_PROBES | TDEFL_FILTER_MATCHES, 16 * 1024),
    (FEW_PROBES | TDEFL_FILTER_MATCHES, usize::MAX),
];

/// The first attempt that takes no more than `len` bytes, else the shortest of all.
pub(super) fn no_longer_than(len: usize, content: &[u8]) -> Vec<u8> {
    let mut shortest = Vec::new();
    for (flags, block) in ATTEMPTS {
        let stream = zlib(content, flags, block);
        if shortest.is_empty() || stream.len() < shortest.len() {
            shortest = stream;
        }
        if shortest.len() <= len {
            break;
        }
    }
    shortest
}

fn zlib(content: &[u8], flags: u32, block: usize) -> Vec<u8> {
    let mut deflater = CompressorOxide::new(flags | TDEFL_WRITE_ZLIB_HEADER | TDEFL_COMPUTE_ADLER32);
    let mut stream = Vec::with_capacity(content.len() / 2);
    let mut rest = content;
    loop {
        let (part, behind) = rest.split_at_checked(block).unwrap_or((rest, &[]));
        // An end of a block costs ten bits.
        let flush = if behind.is_empty() { TDEFLFlush::Finish } else { TDEFLFlush::PartialOpt };
        compress_to_output(&mut deflater, part, flush, |bytes| {
            stream.extend_from_slice(bytes);
            true
        });
        rest = behind;
        if rest.is_empty() {
            return stream;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec_zlib;

    /// Two tables that need different codes: small differences, and steps of a wide range.
    fn tables() -> Vec<u8> {
        let mut state = 1u32;
        let mut noise = move |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        (0..12u32)
            .flat_map(|table| (0..20_000u32).map(move |at| (table, at)))
            .map(|(table, at)| match table % 2 {
                0 => u8::try_from(noise(8)).unwrap_or_default(),
                _ => u8::try_from((at / 7 + noise(3)) % 256).unwrap_or_default(),
            })
            .collect()
    }

    #[test]
    fn every_attempt_inflates_to_the_content() {
        for content in [&[][..], b"a", &[7; 16 * 1024], &[7; 16 * 1024 + 1], &tables()] {
            for (flags, block) in ATTEMPTS {
                let stream = zlib(content, flags, block);
                assert!(decompress_to_vec_zlib(&stream).unwrap() == content, "{flags} {block}");
            }
        }
    }

    #[test]
    fn a_result_that_is_too_long_is_tried_again() {
        let content = tables();
        let first = no_longer_than(usize::MAX, &content);
        let second = no_longer_than(first.len() - 1, &content);
        assert!(second.len() < first.len(), "{} then {}", first.len(), second.len());
        let best = no_longer_than(0, &content);
        assert!(best.len() <= second.len(), "with nothing good enough, the shortest");
        assert!(decompress_to_vec_zlib(&best).unwrap() == content);
    }
}
