//! The properties, without the gateway that the package of the tests brings along.

#[path = "../../src"]
mod shared {
    pub mod fuzzed;
}

pub use shared::fuzzed;

/// The link's messages, of all the gateway.
#[path = "../../../gateway/src/link"]
pub mod link {
    mod error;
    mod limits;
    mod message;
    mod record;

    pub use error::{Failure, LinkError};
    pub use limits::{
        MAX_ANSWER_LEN, MAX_DEVICES, MAX_INBOX_ENTRIES, MAX_INVITATIONS, MAX_LINK_FRAME, MAX_POLL_WAIT_MS,
        MAX_RELAY_MESSAGES, MAX_RELAYED_LEN, MAX_SERIALS,
    };
    pub use message::{Answer, Ask};
    pub use record::{
        ConversationKind, DeviceRecord, DeviceState, InboxEntry, IngestStatus, OpenInvitation, RelayMessage,
    };
}

/// The judgement of a phone's key attestation, of all the gateway.
#[path = "../../../gateway/src/enrol/attestation/mod.rs"]
pub mod attestation;

/// What the properties need to write and to walk pictures.
#[path = "../../src/pictures"]
pub mod pictures {
    pub mod icc_walker;
    pub mod inflated;
    pub mod jpeg_walker;
    pub mod pieces;
    pub mod png_walker;
    pub mod walker;
    pub mod webp_walker;

    pub use pieces::PNG;
}
