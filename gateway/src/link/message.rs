//! The messages of the link.

use safelight_core::cbor::{CborError, Fields, Item, MapWriter, Value};
use safelight_core::device_key::PublicKey;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::log::Hash;
use safelight_core::wire::limits::{MAX_CERTIFICATE_LEN, MAX_KEY_SET_LEN, MAX_PROOF_HASHES};

use super::record::{bytes_value, each, list};
use super::{
    DeviceRecord, Failure, InboxEntry, IngestStatus, Knock, LinkError, MAX_ANSWER_LEN, MAX_DEVICES, MAX_INBOX_ENTRIES,
    MAX_INVITATIONS, MAX_KNOCKS, MAX_LINK_FRAME, MAX_RELAY_MESSAGES, MAX_SIGHTINGS, OpenInvitation, RelayMessage,
    Sighting,
};

/// Longest signed checkpoint.
const MAX_CHECKPOINT_LEN: usize = 4096;

/// What the clinic process asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// See the protocol's table; likewise the others.
    Poll {
        /// Messages up to this one are known.
        relay_after: u64,
        /// Longest wait in milliseconds.
        wait_ms: u32,
        /// Whether the vault is unlocked, for `health`.
        unlocked: bool,
        /// Knocks up to this one are known; 0 if none is.
        knocks_after: u64,
    },
    /// Captures that the clinic process holds durably.
    Settled(Vec<CaptureId>),
    /// All devices.
    Devices {
        /// Of the list, ascending.
        generation: u64,
        /// The list.
        devices: Vec<DeviceRecord>,
    },
    /// All open invitations.
    Invitations(Vec<OpenInvitation>),
    /// The key set in force.
    KeySet {
        /// The signed envelope.
        envelope: Vec<u8>,
        /// Numbers that are taken now, the newest first.
        accepted: Vec<u64>,
        /// Who signs receipts for each of them; empty in what was written before it could change.
        receipt_keys: Vec<PublicKey>,
    },
    /// A message to a phone.
    Answer {
        /// The conversation.
        conversation: u64,
        /// For the phone.
        message: Vec<u8>,
        /// Whether the conversation ends with it.
        last: bool,
    },
    /// The newest checkpoint.
    Checkpoint {
        /// Size that the clinic process has seen, 0 if none.
        from: u64,
    },
    /// The proof that entry `index` of the intake log is among the first `size`.
    Inclusion {
        /// The entry.
        index: u64,
        /// Of the tree.
        size: u64,
    },
    /// The key to certify.
    CertificateRequest,
    /// A successor of the receipt key.
    ReceiptKeyRequest,
    /// The certificate chain, end entity first.
    Certificate(Vec<Vec<u8>>),
    /// Counts and ports.
    Status,
    /// What ingest has in force, for a clinic process that may have been restored from a backup.
    InForce,
    /// A person has said that the clock is right.
    ClockAccepted {
        /// Ascends with each.
        number: u64,
        /// What the clinic's clock said then.
        at: UnixMillis,
    },
    /// Which devices were there.
    Sightings {
        /// Sightings up to this one are known; 0 if none is.
        after: u64,
    },
}

/// What ingest answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, durably where it matters.
    Done,
    /// Not done.
    Failed(Failure),
    /// What is new.
    Events {
        /// Captures.
        inbox: Vec<InboxEntry>,
        /// Messages of phones.
        relay: Vec<RelayMessage>,
        /// Revoked devices that have tried to connect; empty in what was written before it was told.
        knocks: Vec<Knock>,
    },
    /// The newest signed checkpoint.
    Checkpoint {
        /// Signed note.
        checkpoint: Vec<u8>,
        /// From the asked size.
        consistency: Vec<Hash>,
    },
    /// An inclusion proof.
    Inclusion(Vec<Hash>),
    /// SEC1 bytes.
    PublicKey(Vec<u8>),
    /// Counts and ports.
    Status(IngestStatus),
    /// What is in force.
    InForce {
        /// Of the list of devices.
        generation: u64,
        /// The list.
        devices: Vec<DeviceRecord>,
        /// The key set's envelope, if there is one.
        key_set: Option<Vec<u8>>,
    },
    /// Which devices were there, the earliest sighting first.
    Sightings(Vec<Sighting>),
}

impl Ask {
    /// The body of its frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let map = MapWriter::new();
        match self {
            Self::Poll { relay_after, wait_ms, unlocked, knocks_after } => map
                .uint(1, 1)
                .uint(2, *relay_after)
                .uint(3, u64::from(*wait_ms))
                .bool(4, *unlocked)
                .optional(Some(*knocks_after).filter(|after| *after > 0), |map, after| map.uint(5, after)),
            Self::Settled(ids) => map.uint(1, 2).array(2, list(ids, |id| bytes_value(id.as_bytes()))),
            Self::Devices { generation, devices } => {
                map.uint(1, 3).uint(2, *generation).array(3, list(devices, DeviceRecord::to_value))
            }
            Self::Invitations(open) => map.uint(1, 4).array(2, list(open, OpenInvitation::to_value)),
            Self::KeySet { envelope, accepted, receipt_keys } => map
                .uint(1, 5)
                .bytes(2, envelope)
                .array(3, list(accepted, |number| Value::from(*number)))
                .optional(Some(receipt_keys).filter(|keys| !keys.is_empty()), |map, keys| {
                    map.array(4, list(keys, |key| bytes_value(&key.to_sec1())))
                }),
            Self::Answer { conversation, message, last } => {
                map.uint(1, 6).uint(2, *conversation).bytes(3, message).bool(4, *last)
            }
            Self::Checkpoint { from } => map.uint(1, 7).uint(2, *from),
            Self::CertificateRequest => map.uint(1, 8),
            Self::Certificate(chain) => map.uint(1, 9).array(2, list(chain, |der| bytes_value(der))),
            Self::Status => map.uint(1, 10),
            Self::InForce => map.uint(1, 11),
            Self::ClockAccepted { number, at } => map.uint(1, 12).uint(2, *number).millis(3, *at),
            Self::Inclusion { index, size } => map.uint(1, 13).uint(2, *index).uint(3, *size),
            Self::ReceiptKeyRequest => map.uint(1, 14),
            Self::Sightings { after } => map.uint(1, 15).uint(2, *after),
        }
        .to_bytes()
    }

    /// From the body of a frame.
    pub fn from_bytes(body: &[u8]) -> Result<Self, LinkError> {
        let mut fields = Fields::decode(body, MAX_LINK_FRAME)?;
        let ask = match fields.take(1)?.uint()? {
            1 => Self::Poll {
                relay_after: fields.take(2)?.uint()?,
                wait_ms: fields.take(3)?.uint32()?,
                unlocked: fields.take(4)?.bool()?,
                knocks_after: fields.take_optional(5).map_or(Ok(0), |after| after.uint())?,
            },
            2 => {
                let ids = fields.take(2)?.array(0..=MAX_INBOX_ENTRIES)?;
                Self::Settled(each(ids, |id| id.bytes16().map(CaptureId::from_bytes))?)
            }
            3 => Self::Devices {
                generation: fields.take(2)?.uint()?,
                devices: each(fields.take(3)?.array(0..=MAX_DEVICES)?, DeviceRecord::from_item)?,
            },
            4 => Self::Invitations(each(fields.take(2)?.array(0..=MAX_INVITATIONS)?, OpenInvitation::from_item)?),
            5 => {
                let envelope = fields.take(2)?.bytes(1..=MAX_KEY_SET_LEN)?;
                let accepted = each(fields.take(3)?.array(1..=16)?, |number| number.uint())?;
                let receipt_keys = match fields.take_optional(4) {
                    Some(keys) => each(keys.array(accepted.len()..=accepted.len())?, public_key)?,
                    None => Vec::new(),
                };
                Self::KeySet { envelope, accepted, receipt_keys }
            }
            6 => Self::Answer {
                conversation: fields.take(2)?.uint()?,
                message: fields.take(3)?.bytes(1..=MAX_ANSWER_LEN)?,
                last: fields.take(4)?.bool()?,
            },
            7 => Self::Checkpoint { from: fields.take(2)?.uint()? },
            8 => Self::CertificateRequest,
            9 => Self::Certificate(each(fields.take(2)?.array(1..=4)?, |der| der.bytes(1..=MAX_CERTIFICATE_LEN))?),
            10 => Self::Status,
            11 => Self::InForce,
            12 => Self::ClockAccepted { number: fields.take(2)?.uint()?, at: fields.take(3)?.millis()? },
            14 => Self::ReceiptKeyRequest,
            15 => Self::Sightings { after: fields.take(2)?.uint()? },
            13 => Self::Inclusion { index: fields.take(2)?.uint()?, size: fields.take(3)?.uint()? },
            _ => return Err(LinkError::Unexpected),
        };
        fields.finish()?;
        Ok(ask)
    }
}

fn public_key(item: Item) -> Result<PublicKey, CborError> {
    let wrong = item.wrong();
    PublicKey::from_sec1(&item.byte_array::<65>()?).map_err(|_| wrong)
}

impl Answer {
    /// The body of its frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let map = MapWriter::new();
        match self {
            Self::Done => map.uint(1, 1),
            Self::Failed(failure) => map.uint(1, 2).uint(2, failure.number()),
            Self::Events { inbox, relay, knocks } => map
                .uint(1, 3)
                .array(2, list(inbox, InboxEntry::to_value))
                .array(3, list(relay, RelayMessage::to_value))
                .optional(Some(knocks).filter(|knocks| !knocks.is_empty()), |map, knocks| {
                    map.array(4, list(knocks, Knock::to_value))
                }),
            Self::Checkpoint { checkpoint, consistency } => {
                map.uint(1, 4).bytes(2, checkpoint).array(3, list(consistency, |hash| bytes_value(hash)))
            }
            Self::PublicKey(sec1) => map.uint(1, 5).bytes(2, sec1),
            Self::Status(status) => map.uint(1, 6).map(2, status.to_map()),
            Self::InForce { generation, devices, key_set } => map
                .uint(1, 7)
                .uint(2, *generation)
                .array(3, list(devices, DeviceRecord::to_value))
                .optional(key_set.as_deref(), |map, envelope| map.bytes(4, envelope)),
            Self::Inclusion(proof) => map.uint(1, 8).array(2, list(proof, |hash| bytes_value(hash))),
            Self::Sightings(sightings) => map.uint(1, 9).array(2, list(sightings, Sighting::to_value)),
        }
        .to_bytes()
    }

    /// From the body of a frame.
    pub fn from_bytes(body: &[u8]) -> Result<Self, LinkError> {
        let mut fields = Fields::decode(body, MAX_LINK_FRAME)?;
        let answer = match fields.take(1)?.uint()? {
            1 => Self::Done,
            2 => Self::Failed(Failure::from_item(&fields.take(2)?)?),
            3 => Self::Events {
                inbox: each(fields.take(2)?.array(0..=MAX_INBOX_ENTRIES)?, InboxEntry::from_item)?,
                relay: each(fields.take(3)?.array(0..=MAX_RELAY_MESSAGES)?, RelayMessage::from_item)?,
                knocks: match fields.take_optional(4) {
                    Some(knocks) => each(knocks.array(1..=MAX_KNOCKS)?, Knock::from_item)?,
                    None => Vec::new(),
                },
            },
            4 => Self::Checkpoint {
                checkpoint: fields.take(2)?.bytes(1..=MAX_CHECKPOINT_LEN)?,
                consistency: each(fields.take(3)?.array(0..=MAX_PROOF_HASHES)?, Item::bytes32)?,
            },
            5 => Self::PublicKey(fields.take(2)?.bytes(33..=65)?),
            6 => Self::Status(IngestStatus::from_fields(fields.take(2)?.fields()?)?),
            7 => Self::InForce {
                generation: fields.take(2)?.uint()?,
                devices: each(fields.take(3)?.array(0..=MAX_DEVICES)?, DeviceRecord::from_item)?,
                key_set: fields.take_optional(4).map(|item| item.bytes(1..=MAX_KEY_SET_LEN)).transpose()?,
            },
            8 => Self::Inclusion(each(fields.take(2)?.array(0..=MAX_PROOF_HASHES)?, Item::bytes32)?),
            9 => Self::Sightings(each(fields.take(2)?.array(0..=MAX_SIGHTINGS)?, Sighting::from_item)?),
            _ => return Err(LinkError::Unexpected),
        };
        fields.finish()?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
