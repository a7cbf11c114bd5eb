//! Whose scans are followed to their last code.

use crate::photo::jpeg::Frame;

/// The longest scan, in bytes of coded data, that is followed on the phone.
pub const MAX_FOLLOWED_LEN: usize = 1024 * 1024;
/// The largest picture, in pixels, whose scans are followed on the phone: it bounds time and memory where few bytes
/// stand for many blocks.
pub const MAX_FOLLOWED_PIXELS: u64 = 4_000_000;

/// Following codes costs several times what sealing costs, so it is for those who have the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strip) enum Follow {
    /// Every scan.
    All,
    /// Scans of at most [`MAX_FOLLOWED_LEN`] in pictures of at most [`MAX_FOLLOWED_PIXELS`].
    Small,
}

impl Follow {
    /// Whether a scan of a picture is followed. Both numbers are the same in the output, so that stripping it again
    /// decides alike.
    pub(super) fn covers(self, frame: &Frame, coded_len: usize) -> bool {
        let pixels = u64::from(frame.width) * u64::from(frame.height);
        self == Follow::All || (pixels <= MAX_FOLLOWED_PIXELS && coded_len <= MAX_FOLLOWED_LEN)
    }
}
