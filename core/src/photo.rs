//! Camera bytes to [`Photo`]: the container is known and the first limits hold.
//!
//! Nothing is decoded and nothing is copied. What is not accepted is refused by name, with what the app
//! should ask the camera for.

mod foreign;
pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

pub use foreign::Foreign;
pub use jpeg::{JpegError, MAX_SEGMENTS as MAX_JPEG_SEGMENTS};
pub use png::{MAX_CHUNKS as MAX_PNG_CHUNKS, PngError};
pub use webp::{MAX_CHUNKS as MAX_WEBP_CHUNKS, WebpError};

/// The largest file that is taken, in bytes.
pub const MAX_PHOTO_LEN: usize = 128 * 1024 * 1024;
/// The largest picture that is taken, in pixels: above the largest phone sensors, far below what a
/// lying header may claim.
pub const MAX_PIXELS: u64 = 300_000_000;

/// A picture as the camera gave it, borrowed from the camera's buffer.
#[derive(Clone, Copy)]
pub struct Photo<'a> {
    bytes: &'a [u8],
    container: Container,
    width: u32,
    height: u32,
}

/// The picture containers that can be stripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// JPEG, ITU-T T.81: baseline, extended sequential or progressive, Huffman coded, 8 bits.
    Jpeg,
    /// PNG, W3C PNG third edition, with one picture.
    Png,
    /// WebP, RFC 9649, with one picture.
    Webp,
}

impl Container {
    /// The media type (RFC 2046), as written into the manifest.
    pub fn content_type(self) -> crate::manifest::ContentType {
        match self {
            Container::Jpeg => crate::manifest::ContentType::Jpeg,
            Container::Png => crate::manifest::ContentType::Png,
            Container::Webp => crate::manifest::ContentType::Webp,
        }
    }
}

/// Why bytes are not a [`Photo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhotoError {
    /// There are no bytes.
    #[error("the camera returned no bytes; take the picture again")]
    Empty,
    /// More than [`MAX_PHOTO_LEN`].
    #[error("the file has {0} bytes, more than is taken; choose a smaller picture size")]
    TooLong(usize),
    /// More than [`MAX_PIXELS`].
    #[error("the picture has {0} pixels, more than is taken; choose a smaller picture size")]
    TooManyPixels(u64),
    /// A known format that is not taken.
    #[error("{} is not taken; {}", .0.name(), .0.advice())]
    Foreign(Foreign),
    /// No known picture format.
    #[error("these bytes are no picture format that is known; ask the camera for JPEG")]
    Unrecognised,
    /// JPEG, but damaged or of a kind that is not taken.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// PNG, but damaged or of a kind that is not taken.
    #[error(transparent)]
    Png(#[from] PngError),
    /// WebP, but damaged or of a kind that is not taken.
    #[error(transparent)]
    Webp(#[from] WebpError),
}

impl PhotoError {
    /// A stable code for logs and for the app's own texts.
    pub fn code(&self) -> &'static str {
        match self {
            PhotoError::Empty => "empty",
            PhotoError::TooLong(_) => "too-long",
            PhotoError::TooManyPixels(_) => "too-many-pixels",
            PhotoError::Foreign(foreign) => foreign.code(),
            PhotoError::Unrecognised => "unrecognised",
            PhotoError::Jpeg(error) => error.code(),
            PhotoError::Png(error) => error.code(),
            PhotoError::Webp(error) => error.code(),
        }
    }
}

impl<'a> Photo<'a> {
    /// Recognises the container by its first bytes, never by a name or a declared type, and reads the
    /// picture's size. The bytes are the camera's own and stay where they are.
    ///
    /// # Errors
    /// [`PhotoError`], which names the format or the damage.
    pub fn parse(bytes: &'a [u8]) -> Result<Photo<'a>, PhotoError> {
        if bytes.is_empty() {
            return Err(PhotoError::Empty);
        }
        if bytes.len() > MAX_PHOTO_LEN {
            return Err(PhotoError::TooLong(bytes.len()));
        }
        let (container, width, height) = if bytes.starts_with(&[0xFF, jpeg::SOI, 0xFF]) {
            let frame = jpeg::find_frame(bytes)?;
            (Container::Jpeg, u32::from(frame.width), u32::from(frame.height))
        } else if bytes.starts_with(png::SIGNATURE) {
            let (width, height) = png::size(bytes)?;
            (Container::Png, width, height)
        } else if webp::is_webp(bytes) {
            let (width, height) = webp::size(bytes)?;
            (Container::Webp, width, height)
        } else {
            return Err(Foreign::recognise(bytes).map_or(PhotoError::Unrecognised, PhotoError::Foreign));
        };
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MAX_PIXELS {
            return Err(PhotoError::TooManyPixels(pixels));
        }
        Ok(Photo { bytes, container, width, height })
    }

    /// What the bytes are.
    pub fn container(&self) -> Container {
        self.container
    }

    /// Width in pixels as stored, before any orientation is applied.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels as stored, before any orientation is applied.
    pub fn height(&self) -> u32 {
        self.height
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Sizes only: a picture's bytes never reach a log.
impl std::fmt::Debug for Photo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Photo")
            .field("container", &self.container)
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_refused_as_nothing() {
        assert_eq!(Photo::parse(&[]).unwrap_err(), PhotoError::Empty);
    }

    #[test]
    fn foreign_formats_are_refused_by_name() {
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        let error = Photo::parse(heic).unwrap_err();
        assert_eq!(error, PhotoError::Foreign(Foreign::Heic));
        assert!(error.to_string().contains("HEIC") && error.to_string().contains("JPEG"));
    }

    #[test]
    fn noise_is_unrecognised() {
        assert_eq!(Photo::parse(b"hello, world").unwrap_err(), PhotoError::Unrecognised);
    }

    #[test]
    fn a_lying_size_is_refused_before_anything_is_allocated() {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8];
        bytes.extend([0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0]);
        assert_eq!(Photo::parse(&bytes).unwrap_err(), PhotoError::TooManyPixels(65_535 * 65_535));
    }
}
