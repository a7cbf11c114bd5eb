//! The messages of the link.

use std::fmt;

use safelight_core::cbor::{CborError, Fields, Item, MapWriter, Value};
use safelight_core::ids::{CaptureId, DeviceId, InvitationId, UnixMillis};
use safelight_core::log::Hash;
use safelight_core::wire::limits::{
    MAX_CERTIFICATE_LEN, MAX_HEADER_LEN, MAX_KEY_SET_LEN, MAX_LABEL_LEN, MAX_MANIFEST_LEN, MAX_PROOF_HASHES,
};

use super::{MAX_DEVICES, MAX_INBOX_ENTRIES, MAX_INVITATIONS, MAX_LINK_FRAME, MAX_RELAY_MESSAGES, MAX_SERIALS};

/// Largest message of an enrolment or renewal conversation.
pub(crate) const MAX_RELAYED_LEN: usize = 48 * 1024;

/// Longest signed checkpoint.
const MAX_CHECKPOINT_LEN: usize = 4096;

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
    const fn number(self) -> u64 {
        match self {
            Self::Store => 1,
            Self::NoConversation => 2,
            Self::Unusable => 3,
        }
    }

    fn from_item(item: &Item) -> Result<Self, CborError> {
        match item.uint()? {
            1 => Ok(Self::Store),
            2 => Ok(Self::NoConversation),
            3 => Ok(Self::Unusable),
            _ => Err(item.wrong()),
        }
    }
}

/// Whether a device may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// It may.
    Active,
    /// It may not any more.
    Revoked,
}

/// A device as ingest needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its id.
    pub id: DeviceId,
    /// Its state.
    pub state: DeviceState,
    /// Serial numbers of its certificates.
    pub serials: Vec<[u8; 16]>,
}

/// An invitation as ingest needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its id.
    pub id: InvitationId,
    /// `Token::hash` of its token.
    pub token_hash: [u8; 32],
    /// When it ends by itself.
    pub expires_at: UnixMillis,
}

/// A stored capture that the clinic process has not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Place in the inbox, ascending.
    pub seq: u64,
    /// The capture.
    pub capture_id: CaptureId,
    /// COSE_Sign1 of the manifest.
    pub manifest: Vec<u8>,
    /// The phone's age header.
    pub header: Vec<u8>,
    /// The sealed label.
    pub label: Vec<u8>,
    /// When it was stored.
    pub stored_at: UnixMillis,
    /// Its entry in the intake log.
    pub log_index: u64,
}

/// What a phone and the clinic process are talking about through ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationKind {
    /// A new device.
    Enrol,
    /// A new certificate for this device, as ingest says; the certificate request proves nothing about which.
    Renew(DeviceId),
}

/// A message from a phone in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayMessage {
    /// Place among the relay messages, ascending.
    pub seq: u64,
    /// The conversation.
    pub conversation: u64,
    /// What it is about.
    pub kind: ConversationKind,
    /// The phone's message.
    pub message: Vec<u8>,
}

/// Counts and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestStatus {
    /// UDP port for phones.
    pub port: u16,
    /// UDP port for enrolment: which one it would be, and whether it listens now.
    pub enrol_port: u16,
    /// Whether the enrolment listener is open.
    pub enrol_open: bool,
    /// Live connections of phones.
    pub connections: u64,
    /// Captures that the clinic process has not settled.
    pub inbox: u64,
    /// Entries in the intake log.
    pub log_size: u64,
    /// Milliseconds since the clinic process last polled, if it ever did.
    pub clinic_seen_ms: Option<u64>,
    /// Whether the clinic process said that its vault is unlocked.
    pub unlocked: bool,
    /// Whether the store is trusted.
    pub store_trusted: bool,
    /// Generation of the device list that is in force.
    pub devices_generation: u64,
    /// When the TLS certificate ends.
    pub certificate_until: UnixMillis,
}

/// What the clinic process asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// See the protocol's table; likewise the others.
    Poll {
        /// Entries up to this one are known.
        inbox_after: u64,
        /// Messages up to this one are known.
        relay_after: u64,
        /// Longest wait in milliseconds.
        wait_ms: u32,
        /// Whether the vault is unlocked, for `health`.
        unlocked: bool,
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
        /// Numbers that are taken now.
        accepted: Vec<u64>,
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
    /// The key to certify.
    CertificateRequest,
    /// The certificate chain, end entity first.
    Certificate(Vec<Vec<u8>>),
    /// Counts and ports.
    Status,
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
    },
    /// The newest signed checkpoint.
    Checkpoint {
        /// Signed note.
        checkpoint: Vec<u8>,
        /// From the asked size.
        consistency: Vec<Hash>,
    },
    /// SEC1 bytes.
    PublicKey(Vec<u8>),
    /// Counts and ports.
    Status(IngestStatus),
}

fn list<T>(items: &[T], write: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(write).collect()
}

fn bytes_value(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

impl Ask {
    /// The body of its frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let map = MapWriter::new();
        match self {
            Self::Poll { inbox_after, relay_after, wait_ms, unlocked } => map
                .uint(1, 1)
                .uint(2, *inbox_after)
                .uint(3, *relay_after)
                .uint(4, u64::from(*wait_ms))
                .bool(5, *unlocked),
            Self::Settled(ids) => map.uint(1, 2).array(2, list(ids, |id| bytes_value(id.as_bytes()))),
            Self::Devices { generation, devices } => {
                map.uint(1, 3).uint(2, *generation).array(3, list(devices, DeviceRecord::to_value))
            }
            Self::Invitations(open) => map.uint(1, 4).array(2, list(open, OpenInvitation::to_value)),
            Self::KeySet { envelope, accepted } => {
                map.uint(1, 5).bytes(2, envelope).array(3, list(accepted, |number| Value::from(*number)))
            }
            Self::Answer { conversation, message, last } => {
                map.uint(1, 6).uint(2, *conversation).bytes(3, message).bool(4, *last)
            }
            Self::Checkpoint { from } => map.uint(1, 7).uint(2, *from),
            Self::CertificateRequest => map.uint(1, 8),
            Self::Certificate(chain) => map.uint(1, 9).array(2, list(chain, |der| bytes_value(der))),
            Self::Status => map.uint(1, 10),
        }
        .to_bytes()
    }

    /// From the body of a frame.
    pub fn from_bytes(body: &[u8]) -> Result<Self, LinkError> {
        let mut fields = Fields::decode(body, MAX_LINK_FRAME)?;
        let ask = match fields.take(1)?.uint()? {
            1 => Self::Poll {
                inbox_after: fields.take(2)?.uint()?,
                relay_after: fields.take(3)?.uint()?,
                wait_ms: fields.take(4)?.uint32()?,
                unlocked: fields.take(5)?.bool()?,
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
            5 => Self::KeySet {
                envelope: fields.take(2)?.bytes(1..=MAX_KEY_SET_LEN)?,
                accepted: each(fields.take(3)?.array(1..=16)?, |number| number.uint())?,
            },
            6 => Self::Answer {
                conversation: fields.take(2)?.uint()?,
                message: fields.take(3)?.bytes(1..=MAX_RELAYED_LEN)?,
                last: fields.take(4)?.bool()?,
            },
            7 => Self::Checkpoint { from: fields.take(2)?.uint()? },
            8 => Self::CertificateRequest,
            9 => Self::Certificate(each(fields.take(2)?.array(1..=4)?, |der| der.bytes(1..=MAX_CERTIFICATE_LEN))?),
            10 => Self::Status,
            _ => return Err(LinkError::Unexpected),
        };
        fields.finish()?;
        Ok(ask)
    }
}

impl Answer {
    /// The body of its frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let map = MapWriter::new();
        match self {
            Self::Done => map.uint(1, 1),
            Self::Failed(failure) => map.uint(1, 2).uint(2, failure.number()),
            Self::Events { inbox, relay } => {
                map.uint(1, 3).array(2, list(inbox, InboxEntry::to_value)).array(3, list(relay, RelayMessage::to_value))
            }
            Self::Checkpoint { checkpoint, consistency } => {
                map.uint(1, 4).bytes(2, checkpoint).array(3, list(consistency, |hash| bytes_value(hash)))
            }
            Self::PublicKey(sec1) => map.uint(1, 5).bytes(2, sec1),
            Self::Status(status) => map.uint(1, 6).map(2, status.to_map()),
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
            },
            4 => Self::Checkpoint {
                checkpoint: fields.take(2)?.bytes(1..=MAX_CHECKPOINT_LEN)?,
                consistency: each(fields.take(3)?.array(0..=MAX_PROOF_HASHES)?, Item::bytes32)?,
            },
            5 => Self::PublicKey(fields.take(2)?.bytes(33..=65)?),
            6 => Self::Status(IngestStatus::from_fields(fields.take(2)?.fields()?)?),
            _ => return Err(LinkError::Unexpected),
        };
        fields.finish()?;
        Ok(answer)
    }
}

fn each<T>(items: Vec<Item>, read: impl Fn(Item) -> Result<T, CborError>) -> Result<Vec<T>, CborError> {
    items.into_iter().map(read).collect()
}

impl DeviceRecord {
    fn to_value(&self) -> Value {
        let state = match self.state {
            DeviceState::Active => 1,
            DeviceState::Revoked => 2,
        };
        MapWriter::new()
            .bytes(1, self.id.as_bytes())
            .uint(2, state)
            .array(3, list(&self.serials, |serial| bytes_value(serial)))
            .into_value()
    }

    fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let id = DeviceId::from_bytes(fields.take(1)?.bytes16()?);
        let state = fields.take(2)?;
        let state = match state.uint()? {
            1 => DeviceState::Active,
            2 => DeviceState::Revoked,
            _ => return Err(state.wrong()),
        };
        let serials = each(fields.take(3)?.array(0..=MAX_SERIALS)?, Item::bytes16)?;
        fields.finish()?;
        Ok(Self { id, state, serials })
    }
}

impl OpenInvitation {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .bytes(1, self.id.as_bytes())
            .bytes(2, &self.token_hash)
            .millis(3, self.expires_at)
            .into_value()
    }

    fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let open = Self {
            id: InvitationId::from_bytes(fields.take(1)?.bytes16()?),
            token_hash: fields.take(2)?.bytes32()?,
            expires_at: fields.take(3)?.millis()?,
        };
        fields.finish()?;
        Ok(open)
    }
}

impl InboxEntry {
    fn to_value(&self) -> Value {
        MapWriter::new()
            .uint(1, self.seq)
            .bytes(2, self.capture_id.as_bytes())
            .bytes(3, &self.manifest)
            .bytes(4, &self.header)
            .bytes(5, &self.label)
            .millis(6, self.stored_at)
            .uint(7, self.log_index)
            .into_value()
    }

    fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let entry = Self {
            seq: fields.take(1)?.uint()?,
            capture_id: CaptureId::from_bytes(fields.take(2)?.bytes16()?),
            manifest: fields.take(3)?.bytes(1..=MAX_MANIFEST_LEN)?,
            header: fields.take(4)?.bytes(1..=MAX_HEADER_LEN)?,
            label: fields.take(5)?.bytes(1..=MAX_LABEL_LEN)?,
            stored_at: fields.take(6)?.millis()?,
            log_index: fields.take(7)?.uint()?,
        };
        fields.finish()?;
        Ok(entry)
    }
}

impl RelayMessage {
    fn to_value(&self) -> Value {
        let map = MapWriter::new().uint(1, self.seq).uint(2, self.conversation).bytes(3, &self.message);
        match self.kind {
            ConversationKind::Enrol => map,
            ConversationKind::Renew(device) => map.bytes(4, device.as_bytes()),
        }
        .into_value()
    }

    fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let message = Self {
            seq: fields.take(1)?.uint()?,
            conversation: fields.take(2)?.uint()?,
            message: fields.take(3)?.bytes(1..=MAX_RELAYED_LEN)?,
            kind: match fields.take_optional(4) {
                Some(device) => ConversationKind::Renew(DeviceId::from_bytes(device.bytes16()?)),
                None => ConversationKind::Enrol,
            },
        };
        fields.finish()?;
        Ok(message)
    }
}

impl IngestStatus {
    fn to_map(&self) -> MapWriter {
        MapWriter::new()
            .uint(1, u64::from(self.port))
            .uint(2, u64::from(self.enrol_port))
            .bool(3, self.enrol_open)
            .uint(4, self.connections)
            .uint(5, self.inbox)
            .uint(6, self.log_size)
            .optional(self.clinic_seen_ms, |map, ms| map.uint(7, ms))
            .bool(8, self.unlocked)
            .bool(9, self.store_trusted)
            .uint(10, self.devices_generation)
            .millis(11, self.certificate_until)
    }

    fn from_fields(mut fields: Fields) -> Result<Self, CborError> {
        let port = |item: Item| u16::try_from(item.uint()?).map_err(|_| item.wrong());
        let status = Self {
            port: port(fields.take(1)?)?,
            enrol_port: port(fields.take(2)?)?,
            enrol_open: fields.take(3)?.bool()?,
            connections: fields.take(4)?.uint()?,
            inbox: fields.take(5)?.uint()?,
            log_size: fields.take(6)?.uint()?,
            clinic_seen_ms: fields.take_optional(7).map(|ms| ms.uint()).transpose()?,
            unlocked: fields.take(8)?.bool()?,
            store_trusted: fields.take(9)?.bool()?,
            devices_generation: fields.take(10)?.uint()?,
            certificate_until: fields.take(11)?.millis()?,
        };
        fields.finish()?;
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks() -> Vec<Ask> {
        let device = DeviceRecord { id: DeviceId::from_bytes([1; 16]), state: DeviceState::Revoked, serials: vec![[2; 16]] };
        let open = OpenInvitation {
            id: InvitationId::from_bytes([3; 16]),
            token_hash: [4; 32],
            expires_at: UnixMillis(5),
        };
        vec![
            Ask::Poll { inbox_after: 1, relay_after: 2, wait_ms: 3, unlocked: true },
            Ask::Settled(vec![CaptureId::from_bytes([5; 16])]),
            Ask::Devices { generation: 9, devices: vec![device] },
            Ask::Invitations(vec![open]),
            Ask::KeySet { envelope: vec![6], accepted: vec![1, 2] },
            Ask::Answer { conversation: 7, message: vec![8], last: true },
            Ask::Checkpoint { from: 9 },
            Ask::CertificateRequest,
            Ask::Certificate(vec![vec![10], vec![11]]),
            Ask::Status,
        ]
    }

    fn answers() -> Vec<Answer> {
        let entry = InboxEntry {
            seq: 1,
            capture_id: CaptureId::from_bytes([2; 16]),
            manifest: vec![3; 400],
            header: vec![4; 500],
            label: vec![5; 900],
            stored_at: UnixMillis(6),
            log_index: 7,
        };
        let enrol = RelayMessage { seq: 1, conversation: 2, kind: ConversationKind::Enrol, message: vec![3] };
        let renew = RelayMessage { kind: ConversationKind::Renew(DeviceId::from_bytes([4; 16])), ..enrol.clone() };
        let status = IngestStatus {
            port: 4433,
            enrol_port: 4434,
            enrol_open: true,
            connections: 3,
            inbox: 4,
            log_size: 5,
            clinic_seen_ms: Some(6),
            unlocked: false,
            store_trusted: true,
            devices_generation: 7,
            certificate_until: UnixMillis(8),
        };
        vec![
            Answer::Done,
            Answer::Failed(Failure::NoConversation),
            Answer::Events { inbox: vec![entry], relay: vec![enrol, renew] },
            Answer::Checkpoint { checkpoint: vec![1], consistency: vec![[2; 32]] },
            Answer::PublicKey(vec![4; 65]),
            Answer::Status(IngestStatus { clinic_seen_ms: None, ..status.clone() }),
            Answer::Status(status),
        ]
    }

    #[test]
    fn messages_round_trip_and_no_cut_of_them_is_a_message() {
        for ask in asks() {
            let body = ask.to_bytes();
            assert_eq!(Ask::from_bytes(&body).unwrap(), ask);
            assert!((0..body.len()).all(|end| Ask::from_bytes(&body[..end]).is_err()));
        }
        for answer in answers() {
            let body = answer.to_bytes();
            assert_eq!(Answer::from_bytes(&body).unwrap(), answer);
            assert!((0..body.len()).all(|end| Answer::from_bytes(&body[..end]).is_err()));
        }
    }

    #[test]
    fn a_full_answer_fits_in_a_frame() {
        let largest = MAX_INBOX_ENTRIES * (MAX_MANIFEST_LEN + MAX_HEADER_LEN + MAX_LABEL_LEN + 128);
        assert!(largest + 64 * 1024 < MAX_LINK_FRAME);
        // Relay messages are few and small in practice; ingest stops adding before the frame is full.
        assert!(MAX_RELAYED_LEN < MAX_LINK_FRAME);
    }
}
