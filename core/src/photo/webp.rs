//! WebP's own nouns (RFC 9649): the RIFF container, its chunks, the picture's size.

/// Why a WebP is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebpError {
    /// The file ends before the end of the picture.
    #[error("the WebP is cut off: it ends before its picture; take the picture again")]
    CutOff,
}

impl WebpError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            WebpError::CutOff => "webp-cut-off",
        }
    }
}

/// Whether bytes begin as a WebP does.
pub(super) fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..).is_some_and(|rest| rest.starts_with(b"WEBP"))
}

/// Width and height in pixels.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), WebpError> {
    let _ = bytes;
    Err(WebpError::CutOff)
}
