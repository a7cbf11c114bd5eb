//! Who changes what hangs on a patient's record, when and why: what the catalog keeps of it.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;

/// Who does it, when and why.
#[derive(Debug, Clone, Copy)]
pub struct Because<'a> {
    /// Who.
    pub by: &'a OperatorId,
    /// When.
    pub at: UnixMillis,
    /// Why, in words: a whole age file, or no bytes where nothing had to be said, and was not.
    pub words: &'a [u8],
}
