//! WebP, rebuilt from the chunks that decide the picture (RFC 9649).

use super::pieces::Pieces;
use super::{Report, StripError};
use crate::photo::WebpError;

/// Rebuilds a WebP out of slices of `input`.
pub(super) fn rebuild<'a>(input: &'a [u8], report: &mut Report) -> Result<Pieces<'a>, StripError> {
    let _ = (input, report);
    Err(WebpError::CutOff.into())
}
