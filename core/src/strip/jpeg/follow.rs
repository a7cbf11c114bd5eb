//! Whose scans are followed to their last code.

use crate::photo::jpeg::Frame;

/// The longest JPEG, in bytes, whose scans are followed on the phone.
pub const MAX_FOLLOWED_LEN: usize = 1024 * 1024;
/// The largest picture, in pixels, whose scans are followed on the phone: it bounds time and memory where few bytes
/// stand for many blocks.
pub const MAX_FOLLOWED_PIXELS: u64 = 4_000_000;

/// Following codes costs several times what sealing costs, so it is for those who have the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::strip) enum Follow {
    /// Every scan.
    All,
    /// Those of pictures of at most [`MAX_FOLLOWED_PIXELS`].
    Small,
    /// None.
    Nothing,
}

impl Follow {
    /// What the phone does with a JPEG of `len` bytes.
    pub(in crate::strip) fn on_the_phone(len: usize) -> Self {
        if len <= MAX_FOLLOWED_LEN { Follow::Small } else { Follow::Nothing }
    }

    pub(super) fn covers(self, frame: &Frame) -> bool {
        match self {
            Follow::All => true,
            Follow::Small => u64::from(frame.width) * u64::from(frame.height) <= MAX_FOLLOWED_PIXELS,
            Follow::Nothing => false,
        }
    }
}
