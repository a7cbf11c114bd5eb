//! What the link's messages carry.

use safelight_core::cbor::{CborError, Fields, Item, MapWriter, Value};
use safelight_core::ids::{CaptureId, DeviceId, InvitationId, UnixMillis};
use safelight_core::wire::limits::{MAX_CERTIFICATE_LEN, MAX_HEADER_LEN, MAX_LABEL_LEN, MAX_MANIFEST_LEN};

use super::{MAX_RELAYED_LEN, MAX_SERIALS};

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
    /// The certificate that the phone has connected with (DER), where it has one.
    pub shown: Option<Vec<u8>>,
    /// The phone's message.
    pub message: Vec<u8>,
}

/// A revoked device that has tried to connect, as ingest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knock {
    /// Place among the knocks, ascending.
    pub seq: u64,
    /// Which device.
    pub device: DeviceId,
    /// How often, since the clinic process was told of it.
    pub count: u64,
}

/// A device that was there, as ingest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Place among the sightings, ascending.
    pub seq: u64,
    /// Which device.
    pub device: DeviceId,
    /// When it last came or went.
    pub at: UnixMillis,
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

impl DeviceRecord {
    pub(super) fn to_value(&self) -> Value {
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

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
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
    pub(super) fn to_value(&self) -> Value {
        MapWriter::new().bytes(1, self.id.as_bytes()).bytes(2, &self.token_hash).millis(3, self.expires_at).into_value()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
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
    pub(super) fn to_value(&self) -> Value {
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

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
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
    pub(super) fn to_value(&self) -> Value {
        let map = MapWriter::new().uint(1, self.seq).uint(2, self.conversation).bytes(3, &self.message);
        match self.kind {
            ConversationKind::Enrol => map,
            ConversationKind::Renew(device) => map.bytes(4, device.as_bytes()),
        }
        .optional(self.shown.as_deref(), |map, shown| map.bytes(5, shown))
        .into_value()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let message = Self {
            seq: fields.take(1)?.uint()?,
            conversation: fields.take(2)?.uint()?,
            message: fields.take(3)?.bytes(1..=MAX_RELAYED_LEN)?,
            kind: match fields.take_optional(4) {
                Some(device) => ConversationKind::Renew(DeviceId::from_bytes(device.bytes16()?)),
                None => ConversationKind::Enrol,
            },
            shown: fields.take_optional(5).map(|shown| shown.bytes(1..=MAX_CERTIFICATE_LEN)).transpose()?,
        };
        fields.finish()?;
        Ok(message)
    }
}

impl Knock {
    pub(super) fn to_value(&self) -> Value {
        MapWriter::new().uint(1, self.seq).bytes(2, self.device.as_bytes()).uint(3, self.count).into_value()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let knock = Self {
            seq: fields.take(1)?.uint()?,
            device: DeviceId::from_bytes(fields.take(2)?.bytes16()?),
            count: fields.take(3)?.uint()?,
        };
        fields.finish()?;
        Ok(knock)
    }
}

impl Sighting {
    pub(super) fn to_value(&self) -> Value {
        MapWriter::new().uint(1, self.seq).bytes(2, self.device.as_bytes()).millis(3, self.at).into_value()
    }

    pub(super) fn from_item(item: Item) -> Result<Self, CborError> {
        let mut fields = item.fields()?;
        let sighting = Self {
            seq: fields.take(1)?.uint()?,
            device: DeviceId::from_bytes(fields.take(2)?.bytes16()?),
            at: fields.take(3)?.millis()?,
        };
        fields.finish()?;
        Ok(sighting)
    }
}

impl IngestStatus {
    pub(super) fn to_map(&self) -> MapWriter {
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

    pub(super) fn from_fields(mut fields: Fields) -> Result<Self, CborError> {
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

// Lists, written and read the same way in every message.

pub(super) fn list<T>(items: &[T], write: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(write).collect()
}

pub(super) fn bytes_value(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

pub(super) fn each<T>(items: Vec<Item>, read: impl Fn(Item) -> Result<T, CborError>) -> Result<Vec<T>, CborError> {
    items.into_iter().map(read).collect()
}
