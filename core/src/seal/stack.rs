//! What a cipher leaves on the stack.
//!
//! Ciphers work on blocks in registers, and a compiler puts some of those on the stack for a moment. Nothing overwrites them there: 56 bytes of a picture
//! were found in a core dump of an app long after it had been sealed.

use std::hint::black_box;

use zeroize::Zeroize;

/// How much is overwritten: far more than the blocks that a cipher works on at once, and little beside the smallest stack of a phone's thread
/// (512 KiB). Whether it is enough, core dumps show: `tests/tests/bindings_memory.rs`.
const WORDS: usize = 32 * 1024 / size_of::<u64>();

/// Overwrites what calls that have returned have left below the caller's frame.
#[inline(never)]
pub(crate) fn overwrite_stack() {
    let mut space = [0_u64; WORDS];
    space.zeroize();
    black_box(&mut space);
}
