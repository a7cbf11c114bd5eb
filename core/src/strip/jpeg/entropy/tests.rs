#![allow(clippy::cast_possible_truncation, reason = "a test's numbers are small")]

use super::*;
use crate::photo::Photo;
use crate::strip::{Removed, strip, strip_thoroughly};

/// A JPEG by the `image` crate's encoder.
fn picture(width: u32, height: u32, colour: bool) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 37 + y * 11) as u8, (x * y) as u8, (x ^ (y * 3)) as u8])
    });
    let pixels = image::DynamicImage::ImageRgb8(pixels);
    let pixels = if colour { pixels } else { image::DynamicImage::ImageLuma8(pixels.into_luma8()) };
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&pixels).unwrap();
    bytes
}

fn stripped(bytes: &[u8]) -> (Vec<u8>, crate::strip::Report) {
    let stripped = strip(Photo::parse(bytes).unwrap()).unwrap();
    (stripped.to_vec(), *stripped.report())
}

fn before_the_end(bytes: &[u8], added: &[u8]) -> Vec<u8> {
    let (picture, end) = bytes.split_at(bytes.len() - 2);
    [picture, added, end].concat()
}

#[test]
fn what_lies_behind_the_last_block_is_found() {
    for (width, height) in [(1, 1), (8, 8), (17, 9), (64, 64), (131, 77)] {
        for colour in [true, false] {
            let (clean, _) = stripped(&picture(width, height, colour));
            let (same, report) = stripped(&clean);
            assert!(same == clean && report.is_empty(), "{width}x{height}: the picture itself stays");
            for added in [&b"CANARY"[..], &[0], &[0; 300], &[0xFF, 0, 0xFF, 0], &[0x55; 17]] {
                let (found, report) = stripped(&before_the_end(&clean, added));
                assert!(found == clean, "{width}x{height} with {} bytes", added.len());
                assert!(report.contains(Removed::StrayBytes));
            }
        }
    }
}

#[test]
fn a_large_picture_is_followed_by_those_who_have_the_time() {
    let (clean, _) = stripped(&picture(2100, 2000, false));
    let planted = before_the_end(&clean, b"CANARY");
    assert!(stripped(&planted).0 == planted);
    let found = strip_thoroughly(Photo::parse(&planted).unwrap()).unwrap();
    assert!(found.to_vec() == clean);
}

#[test]
fn what_cannot_be_followed_is_left_as_it_is() {
    let (clean, _) = stripped(&picture(64, 64, true));
    // Blocks are missing: what decoders show then is theirs to say.
    let scan = clean.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap() + 14;
    let cut = [&clean[..scan + (clean.len() - scan) / 2], &[0x11], &clean[clean.len() - 2..]].concat();
    assert!(stripped(&cut).0 == cut);
}

#[test]
fn bits_know_where_they_are() {
    let data = [0xA5, 0xFF, 0, 0x0F, 0xFF, 0, 0xFF, 0, 0x80, 0xFF, 0xD9];
    let mut bits = Bits::new(&data);
    let positions = [0, 1, 3, 4, 6, 8, 9];
    for byte in [0xA5, 0xFF, 0x0F, 0xFF, 0xFF, 0x80] {
        let at = positions.iter().position(|at| *at == bits.position()).unwrap();
        assert_eq!(bits.read(3), Some(byte >> 5));
        assert_eq!(bits.position(), positions[at + 1]);
        assert_eq!(bits.read(5), Some(byte & 31));
        assert_eq!(bits.position(), positions[at + 1]);
    }
    assert_eq!(bits.skip(1), None);
}

#[test]
fn tables_of_long_codes_decode_as_their_definition_says() {
    // One code of every length, as long as there is room: 0, 10, 110, ...
    let bytes = [[1; 16].as_slice(), &(0..16).collect::<Vec<u8>>()].concat();
    let table = HuffmanTable::parse(&bytes).unwrap();
    for length in 1..=16u32 {
        let code = (u16::MAX - 1) << (16 - length);
        let code = if length == 1 { 0 } else { code };
        let [high, low] = code.to_be_bytes();
        let stuffed: Vec<u8> =
            [high, low, 0].into_iter().flat_map(|byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }).collect();
        let mut bits = Bits::new(&stuffed);
        assert_eq!(table.decode(&mut bits), Some(length as u8 - 1), "{length}");
    }
    let mut ones = Bits::new(&[0xFF, 0, 0xFF, 0, 0xFF, 0]);
    assert_eq!(table.decode(&mut ones), None, "all ones are no code");
    assert!(HuffmanTable::parse(&[[3; 16].as_slice(), &[0; 48]].concat()).is_none(), "more codes than there are");
    assert!(HuffmanTable::parse(&bytes[..20]).is_none(), "symbols are missing");
}
