//! What can go wrong on the link.

use std::fmt;

use safelight_core::cbor::{CborError, Item};

/// Why an exchange on the link failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody listens, or the connection broke.
    #[error("the ingest process does not answer: is it running?")]
    Io(#[from] std::io::Error),
    /// A frame longer than the link allows, or empty.
    #[error("the other end of the link broke the protocol: both must be of the same version")]
    Frame(#[from] safelight_core::wire::WireError),
    /// A message that is not of the protocol.
    #[error("the other end of the link broke the protocol: both must be of the same version")]
    Cbor(#[from] CborError),
    /// A message of an unknown kind, or an answer to another question.
    #[error("the other end of the link broke the protocol: both must be of the same version")]
    Unexpected,
    /// The other end closed the connection.
    #[error("the ingest process closed the link")]
    Closed,
    /// Ingest could not do it.
    #[error("{0}")]
    Failed(Failure),
    /// The process at the other end is not one that may be there.
    #[error("a process of another user tried to use the link and was refused")]
    Peer,
}

/// Why ingest could not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its store does not answer or is not trusted any more.
    Store,
    /// No phone waits in this conversation any more.
    NoConversation,
    /// What it was given is not usable.
    Unusable,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "the ingest process cannot use its store",
            Self::NoConversation => "the phone is no longer waiting",
            Self::Unusable => "the ingest process cannot use what it was given",
        })
    }
}

impl Failure {
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Store => 1,
            Self::NoConversation => 2,
            Self::Unusable => 3,
        }
    }

    pub(super) fn from_item(item: &Item) -> Result<Self, CborError> {
        match item.uint()? {
            1 => Ok(Self::Store),
            2 => Ok(Self::NoConversation),
            3 => Ok(Self::Unusable),
            _ => Err(item.wrong()),
        }
    }
}
