//! Knows every byte of a stripped picture, or says which one it does not.

use super::pieces::PNG;
use super::{jpeg_walker, png_walker, webp_walker};

/// Walks a picture of any container that is taken.
///
/// # Errors
/// What is there and does not belong there.
pub fn walk(bytes: &[u8]) -> Result<(), String> {
    match bytes {
        _ if bytes.starts_with(PNG) => png_walker::walk(bytes),
        _ if bytes.starts_with(b"RIFF") => webp_walker::walk(bytes),
        _ => jpeg_walker::walk(bytes),
    }
}
