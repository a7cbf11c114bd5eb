//! Every limit of the link, by name.

/// Largest frame on the link: a full [`Answer::Events`](super::Answer::Events).
pub const MAX_LINK_FRAME: usize = 1024 * 1024;

/// Most inbox entries in one answer: at their largest they fit in [`MAX_LINK_FRAME`].
pub const MAX_INBOX_ENTRIES: usize = 8;

/// Most relay messages in one answer.
pub const MAX_RELAY_MESSAGES: usize = 16;

/// Most revoked devices in one answer that have knocked.
pub const MAX_KNOCKS: usize = 16;

/// Most devices in one answer that were there.
pub const MAX_SIGHTINGS: usize = 1024;

/// Largest message of a phone in a conversation: an enrolment with its attestation.
pub const MAX_RELAYED_LEN: usize = 16 * 1024;

/// Largest answer to a phone: a certificate with the key set.
pub const MAX_ANSWER_LEN: usize = 48 * 1024;

/// Most devices in one list.
pub const MAX_DEVICES: usize = 4096;

/// Most certificates of one device that are valid at once: the current one, its successor, and one lost on the way.
pub const MAX_SERIALS: usize = 8;

/// Most invitations open at once.
pub const MAX_INVITATIONS: usize = 64;

/// Longest time that a poll may wait, in milliseconds.
pub const MAX_POLL_WAIT_MS: u32 = 10_000;
