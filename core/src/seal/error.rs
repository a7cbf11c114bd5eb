//! What can go wrong, one enum for each operation.

/// Why something was not sealed. Nothing half-sealed is ever given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is nothing to seal.
    #[error("nothing to seal: the picture is empty")]
    Empty,
    /// The parts are together longer or shorter than the length that was announced.
    #[error("the parts are not as long as announced: nothing was sealed")]
    Length,
    /// The source of randomness failed, so there is no key that could be trusted.
    #[error("the system's source of randomness failed: nothing was sealed, try again after a restart")]
    Randomness,
    /// A header without a recipient could never be opened.
    #[error("no recipient was given: update the clinic's keys")]
    NoRecipient,
    /// A stanza breaks the grammar of the header, or takes a name that age itself uses.
    #[error("a stanza cannot be written as an age header has it")]
    Stanza,
    /// The header would be longer than any reader accepts.
    #[error("the header would be too large: use fewer recipients")]
    HeaderTooLarge,
    /// The work factor for a passphrase is outside what readers accept.
    #[error("the scrypt work factor is out of range")]
    WorkFactor,
    /// The cipher refused its input, which the lengths here do not allow for.
    #[error("the cipher failed: nothing was sealed")]
    Cipher,
}

/// Why bytes are not a header. Nothing of what was read is repeated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first line is not age's.
    #[error("not an age file")]
    NotAge,
    /// The first line names another version of age.
    #[error("an age file of a version that is not supported: only v1 is")]
    Version,
    /// The bytes end before the header does.
    #[error("the header is cut short")]
    Truncated,
    /// Something follows a header that should stand alone.
    #[error("something follows the header")]
    Trailing,
    /// The header goes on beyond [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN).
    #[error("the header is too long")]
    TooLong,
    /// The header has more than [`MAX_STANZAS`](super::MAX_STANZAS) stanzas.
    #[error("the header has too many stanzas")]
    TooManyStanzas,
    /// There is no stanza, and so nobody who could open the file.
    #[error("the header has no recipient")]
    NoStanza,
    /// A line is neither a stanza nor the MAC, or breaks the grammar of either.
    #[error("the header is malformed")]
    Malformed,
    /// Something is not base64 in its one canonical, unpadded spelling.
    #[error("the header has base64 that is not canonical")]
    Base64,
    /// An X25519 stanza that has not one share and one wrapped key of the right lengths.
    #[error("an X25519 recipient in the header is malformed")]
    X25519,
    /// An X25519 share of low order, with which anybody could know the key.
    #[error("an X25519 recipient in the header has a share of low order")]
    LowOrderShare,
    /// A scrypt stanza that is malformed, or not alone.
    #[error("the passphrase recipient in the header is malformed or not alone")]
    Scrypt,
    /// The scrypt work factor is above what the reader wants to spend.
    #[error("the passphrase recipient asks for more work than is allowed here")]
    WorkFactor,
}

/// Why a sealed file was not opened. Plaintext that was given out before was authenticated, but is not
/// the whole: whoever wrote it somewhere discards it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The header cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// None of the identities opens any stanza.
    #[error("none of the keys opens this file: it was sealed for other keys")]
    NoMatch,
    /// The passphrase does not open the file.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// A key fits, but the header was changed after it was written.
    #[error("the header was altered")]
    HeaderMac,
    /// The payload ends before its nonce does.
    #[error("the payload is cut short before its first chunk")]
    NoNonce,
    /// A chunk was altered, moved, cut off or is of another file.
    #[error("chunk {0} of the payload does not authenticate: altered, cut short or of another file")]
    Chunk(u64),
    /// The payload has a length that no payload can have.
    #[error("the payload is cut short or has too much at its end")]
    Length,
    /// The opener failed before and gives nothing more.
    #[error("the payload failed to open before")]
    Failed,
    /// The payload could not be read.
    #[error("the payload could not be read")]
    Read(#[source] std::io::Error),
    /// The plaintext could not be written.
    #[error("the opened picture could not be written")]
    Write(#[source] std::io::Error),
}

/// Why text or bytes are not a recipient or an identity. The text is never repeated: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not the text form of an X25519 recipient.
    #[error("not an age recipient: age1... with 58 more characters is expected")]
    Recipient,
    /// Not the text form of an X25519 identity.
    #[error("not an age identity: AGE-SECRET-KEY-1... is expected")]
    Identity,
    /// A point that would make every key known to everybody, or one that has a second spelling.
    #[error("the recipient is a weak or non-canonical X25519 key")]
    WeakRecipient,
}
