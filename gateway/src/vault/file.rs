//! The file of the vault's identities: an age identity file, itself encrypted under a passphrase.
//!
//! Without this software, `age -d vault.age > vault.key` and then `age -d -i vault.key picture.age` opens a
//! picture. Lines that start with `#` are comments to age; the epoch in front of an identity is one of them.

use std::fmt::Write as _;
use std::path::Path;

use rand_core::TryCryptoRng;
use safelight_core::seal::{Identity, Recipient, SealError, passphrase};
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use super::private_file;

/// log2 of the work factor for scrypt that a real vault has.
pub const DEFAULT_LOG_N: u8 = passphrase::DEFAULT_LOG_N;

/// The largest log2 of a work factor with which a vault is made and opened: four seconds and 1 GiB.
pub(super) const MAX_LOG_N: u8 = 20;

/// The epoch of a vault's first identity.
pub(super) const FIRST_EPOCH: u64 = 1;

/// How a comment with an epoch starts.
pub(super) const EPOCH: &str = "# epoch: ";

/// Why no vault was made. There is no half-made vault.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The identity could not be made or encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is a vault already, and it stays.
    #[error("there is a vault file already: it was left as it is")]
    Exists,
    /// The file could not be written.
    #[error("the vault file could not be written")]
    Write(#[source] std::io::Error),
}

/// Makes the first identity of a vault and writes it to the new file `path`, durably and for its owner alone.
///
/// `log_n` is the work factor, [`DEFAULT_LOG_N`] but in tests: about a second and 256 MiB, so call this where
/// it may block.
pub fn make<R: TryCryptoRng>(
    passphrase: &Passphrase,
    path: &Path,
    log_n: u8,
    rng: &mut R,
) -> Result<Recipient, MakeError> {
    if log_n > MAX_LOG_N {
        return Err(SealError::WorkFactor.into());
    }
    let identity = Identity::generate(rng)?;
    let text = identity_text(&[(FIRST_EPOCH, &identity)]);
    let file = passphrase::encrypt(text.as_bytes(), passphrase.as_bytes(), log_n, rng)?;
    private_file::create_for_folder(path, &file).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => MakeError::Exists,
        _ => MakeError::Write(error),
    })?;
    Ok(identity.to_recipient())
}

/// The identities as lines of an age identity file.
pub(super) fn identity_text(identities: &[(u64, &Identity)]) -> Zeroizing<String> {
    // An entry is about 180 characters; with enough room the text never moves and leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(identities.len() * 256));
    for (epoch, identity) in identities {
        let recipient = identity.to_recipient();
        let written = write!(text, "{EPOCH}{epoch}\n# public key: {recipient}\n");
        debug_assert!(written.is_ok(), "a String takes everything");
        text.push_str(&identity.to_text());
        text.push('\n');
    }
    text
}
