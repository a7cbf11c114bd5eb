#![doc = include_str!("PROTOCOL.md")]

mod error;
mod limits;
mod message;
mod record;
mod socket;

pub use error::{Failure, LinkError};
pub use limits::{
    MAX_ANSWER_LEN, MAX_DEVICES, MAX_INBOX_ENTRIES, MAX_INVITATIONS, MAX_KNOCKS, MAX_LINK_FRAME, MAX_POLL_WAIT_MS,
    MAX_RELAY_MESSAGES, MAX_RELAYED_LEN, MAX_SERIALS, MAX_SIGHTINGS,
};
pub use message::{Answer, Ask};
pub use record::{
    ConversationKind, DeviceRecord, DeviceState, InboxEntry, IngestStatus, Knock, OpenInvitation, RelayMessage,
    Sighting,
};
pub use socket::{Link, LinkListener, connect, listen};
