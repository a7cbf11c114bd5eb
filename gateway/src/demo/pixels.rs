//! Two pictures compared as a viewer sees them.

use image::{ImageDecoder, ImageReader};

/// A picture as a viewer sees it.
pub(super) struct Decoded {
    size: (u32, u32),
    pub(super) orientation: image::metadata::Orientation,
    pixels: Vec<u8>,
}

impl Decoded {
    pub(super) fn of(jpeg: &[u8]) -> Result<Self, image::ImageError> {
        let mut decoder = ImageReader::new(std::io::Cursor::new(jpeg)).with_guessed_format()?.into_decoder()?;
        let orientation = decoder.orientation()?;
        let size = decoder.dimensions();
        let pixels = image::DynamicImage::from_decoder(decoder)?.into_rgb8().into_raw();
        Ok(Self { size, orientation, pixels })
    }

    /// How many pixels there are.
    pub(super) fn count(&self) -> usize {
        self.pixels.len() / 3
    }

    /// How many pixels differ; `None` if the sizes do.
    pub(super) fn differing_pixels(&self, other: &Self) -> Option<usize> {
        let pairs = self.pixels.chunks_exact(3).zip(other.pixels.chunks_exact(3));
        (self.size == other.size).then(|| pairs.filter(|(one, other)| one != other).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(size: (u32, u32), pixels: &[u8]) -> Decoded {
        Decoded { size, orientation: image::metadata::Orientation::NoTransforms, pixels: pixels.to_vec() }
    }

    #[test]
    fn one_different_pixel_is_counted_and_another_size_is_no_comparison() {
        let picture = decoded((2, 1), &[1, 2, 3, 4, 5, 6]);
        assert_eq!(picture.differing_pixels(&decoded((2, 1), &[1, 2, 3, 4, 5, 6])), Some(0));
        assert_eq!(picture.differing_pixels(&decoded((2, 1), &[1, 2, 3, 4, 5, 7])), Some(1));
        assert_eq!(picture.differing_pixels(&decoded((1, 2), &[1, 2, 3, 4, 5, 6])), None);
    }
}
