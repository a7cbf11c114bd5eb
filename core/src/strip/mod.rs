//! [`Photo`] to [`StrippedPhoto`]: pixels, colour and orientation, nothing else.
//!
//! An allow-list rebuild: what is known to decide the picture is kept, everything else is gone, known or
//! not. Nothing is encoded again, so the pixels are bit-identical; compressed data is followed only to see
//! where it ends. The result is slices of the camera's buffer plus a few rebuilt bytes; there is no second copy
//! of the picture in memory.

mod exif;
mod icc;
mod jpeg;
mod pieces;
mod png;
mod report;
mod webp;

pub use icc::{MAX_PROFILE_LEN, MAX_PROFILE_TAGS, ProfileError};
use jpeg::Follow;
pub use jpeg::{MAX_FOLLOWED_LEN, MAX_FOLLOWED_PIXELS, MAX_SCANS};
pub use pieces::MAX_PIECES;
pub use report::{Removed, Report};

use crate::photo::{Container, JpegError, Photo, PngError, WebpError};
use pieces::Pieces;

/// How much longer than its input an output may be, in bytes: what rebuilt blocks may cost.
pub const MAX_GROWTH: usize = 64;

/// Why a picture cannot be stripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StripError {
    /// The JPEG is damaged or of a kind that is not taken.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// The PNG is damaged or of a kind that is not taken.
    #[error(transparent)]
    Png(#[from] PngError),
    /// The WebP is damaged or of a kind that is not taken.
    #[error(transparent)]
    Webp(#[from] WebpError),
    /// The colour profile cannot be rebuilt, and leaving it out would change the colours.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// More than [`MAX_SCANS`].
    #[error("the picture has more scans than are taken; ask the camera for a baseline JPEG")]
    TooManyScans,
    /// More than [`MAX_PIECES`].
    #[error("the picture is cut into more pieces than are taken; ask the camera for an ordinary JPEG")]
    TooManyPieces,
    /// The result would exceed the input by more than [`MAX_GROWTH`].
    #[error("the stripped picture would be longer than the original; it is refused")]
    Grew,
}

impl StripError {
    /// A stable code for logs and for the app's own texts.
    pub fn code(&self) -> &'static str {
        match self {
            StripError::Jpeg(error) => error.code(),
            StripError::Png(error) => error.code(),
            StripError::Webp(error) => error.code(),
            StripError::Profile(error) => error.code(),
            StripError::TooManyScans => "too-many-scans",
            StripError::TooManyPieces => "too-many-pieces",
            StripError::Grew => "grew",
        }
    }
}

/// A picture of which only pixels, colour and orientation are left. Only [`strip`] and [`strip_thoroughly`] make one.
pub struct StrippedPhoto<'a> {
    pieces: Pieces<'a>,
    container: Container,
    width: u32,
    height: u32,
    report: Report,
}

/// Rebuilds a picture from what decides its looks. One pass over the bytes, and one more over the coded data that is followed.
///
/// What lies behind the last block of a JPEG's scan is found in small scans only ([`MAX_FOLLOWED_LEN`],
/// [`MAX_FOLLOWED_PIXELS`]); see [`strip_thoroughly`].
///
/// # Errors
/// [`StripError`] when the picture is damaged in a way that changes what a decoder shows, is of a kind
/// that is not taken, or exceeds a limit. It is never passed on unstripped.
pub fn strip(photo: Photo<'_>) -> Result<StrippedPhoto<'_>, StripError> {
    strip_following(photo, Follow::Small)
}

/// As [`strip`], and follows the scans of every JPEG to their last code, whatever it costs. For the clinic, where
/// a picture that this would still change is not believed.
///
/// # Errors
/// As [`strip`].
pub fn strip_thoroughly(photo: Photo<'_>) -> Result<StrippedPhoto<'_>, StripError> {
    strip_following(photo, Follow::All)
}

fn strip_following(photo: Photo<'_>, follow: Follow) -> Result<StrippedPhoto<'_>, StripError> {
    let input = photo.bytes();
    let mut report = Report::default();
    let pieces = match photo.container() {
        Container::Jpeg => jpeg::rebuild(input, follow, &mut report)?,
        Container::Png => png::rebuild(input, &mut report)?,
        Container::Webp => webp::rebuild(input, &mut report)?,
    };
    if pieces.len() > input.len().saturating_add(MAX_GROWTH) {
        return Err(StripError::Grew);
    }
    report.measure(input.len(), pieces.len());
    Ok(StrippedPhoto { pieces, container: photo.container(), width: photo.width(), height: photo.height(), report })
}

impl StrippedPhoto<'_> {
    /// The picture, in order: concatenated, the parts are the whole file.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces.iter()
    }

    /// Length of the whole file in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a stripped picture is never empty")]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The media type (RFC 2046).
    pub fn content_type(&self) -> crate::manifest::ContentType {
        self.container.content_type()
    }

    /// Width in pixels as stored, before the orientation is applied.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels as stored, before the orientation is applied.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// What was removed, by kind.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// One contiguous copy, for a file. The phone's path seals the [`parts`](Self::parts) instead.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.parts().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }
}

/// Sizes only: a picture's bytes never reach a log.
impl std::fmt::Debug for StrippedPhoto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StrippedPhoto")
            .field("container", &self.container)
            .field("len", &self.len())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
