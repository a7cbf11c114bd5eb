//! The only room that can open a picture.
//!
//! The vault's identities lie on disk as an age file under a passphrase, which is kept elsewhere. [`Unlocked`]
//! holds them in memory, and everything that needs them is a method of it: to open a picture, to open a label,
//! to write a header again for other keys. The identities themselves never leave this room, and the recovery
//! identity is here only while [`recovery::kit_text`] writes it down.

mod epoch;
mod file;
mod memory;
mod passphrase;
mod private_file;
pub mod recovery;
mod unlock;

pub use epoch::EpochError;
pub use file::{DEFAULT_LOG_N, MakeError, make};
pub use memory::{MemoryNotLocked, lock_memory};
pub use passphrase::{Finding, FromFile, Passphrase, PassphraseError, first_line, prompt, prompt_new, read_file};
pub use unlock::{RewrapError, UnlockError, Unlocked};
