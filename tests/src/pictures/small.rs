//! A photograph that is quick to seal and to decode, for tests that are about something else.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::mutation::Random;

/// A JPEG of 400 by 300 pixels, another one for each number, with no two places alike.
///
/// # Panics
/// If it cannot be encoded.
pub fn photo(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let pixels = RgbImage::from_fn(400, 300, |_, _| {
        image::Rgb(std::array::from_fn(|_| u8::try_from(random.below(256)).unwrap_or(u8::MAX)))
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(&pixels).expect("a picture that can be encoded");
    jpeg
}
