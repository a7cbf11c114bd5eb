#![doc = include_str!("PROTOCOL.md")]

mod message;
mod socket;

pub use message::{
    Answer, Ask, ConversationKind, DeviceRecord, DeviceState, Failure, InboxEntry, IngestStatus, LinkError, OpenInvitation,
    RelayMessage,
};
pub use socket::{Link, LinkListener, connect, listen};

/// Largest frame on the link: a full [`Answer::Events`].
pub const MAX_LINK_FRAME: usize = 1024 * 1024;

/// Most inbox entries in one answer: at their largest they fit in [`MAX_LINK_FRAME`].
pub const MAX_INBOX_ENTRIES: usize = 8;

/// Most relay messages in one answer.
pub const MAX_RELAY_MESSAGES: usize = 16;

/// Most devices in one list.
pub const MAX_DEVICES: usize = 4096;

/// Most certificates of one device that are valid at once: the current one, its successor, and one lost on the way.
pub const MAX_SERIALS: usize = 8;

/// Most invitations open at once.
pub const MAX_INVITATIONS: usize = 64;

/// Longest time that a poll may wait, in milliseconds.
pub const MAX_POLL_WAIT_MS: u32 = 10_000;
