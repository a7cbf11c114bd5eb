//! One exported function that reaches through the core from camera bytes to a sealed payload and its header, so that
//! the linker keeps all of it. Nothing calls it: what is looked at is the object that comes out.

use std::num::NonZeroUsize;

use getrandom::SysRng;
use safelight_core::photo::Photo;
use safelight_core::seal::{self, Recipient};
use safelight_core::strip;

/// The length of what was sealed, or -1.
///
/// # Safety
///
/// `photo` points to `len` bytes that nobody writes to meanwhile, `recipient` to the text of an age recipient.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn safelight_seal(
    photo: *const u8,
    len: usize,
    recipient: *const u8,
    recipient_len: usize,
) -> i64 {
    // SAFETY: as the caller promises.
    let (photo, recipient) =
        unsafe { (std::slice::from_raw_parts(photo, len), std::slice::from_raw_parts(recipient, recipient_len)) };
    sealed_len(photo, recipient).and_then(|len| i64::try_from(len).ok()).unwrap_or(-1)
}

fn sealed_len(photo: &[u8], recipient: &[u8]) -> Option<usize> {
    let recipient: Recipient = std::str::from_utf8(recipient).ok()?.parse().ok()?;
    let stripped = strip::strip(Photo::parse(photo).ok()?).ok()?;
    let payload = seal::seal_payload(stripped.parts(), stripped.len(), NonZeroUsize::MIN, &mut SysRng).ok()?;
    let header = payload.header(&[], &[recipient], &mut SysRng).ok()?;
    Some(header.len() + payload.len())
}
