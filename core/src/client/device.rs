//! What an enrolled device remembers. It holds nothing of a patient and no private key: the key stays in the
//! keystore, and the caller keeps these bytes wherever it keeps settings.

use crate::cbor::{CborError, Fields, MapWriter, Value};
use crate::device_key::PublicKey;
use crate::ids::{ClinicId, DeviceId, UnixMillis};
use crate::keyset::{KeySetError, SignedKeySet, VerifiedKeySet, root_key};
use crate::log::checkpoint::Checkpoint;
use crate::manifest::OperatorId;

use super::ClientError;
use super::spread;
use super::tls::Validity;

/// Largest encoding.
const MAX_DEVICE_LEN: usize = 64 * 1024;

const VERSION: u64 = 1;

/// An enrolled device.
#[derive(Debug, Clone)]
pub struct Device {
    /// The clinic.
    pub clinic_id: ClinicId,
    /// The device.
    pub device_id: DeviceId,
    /// The person it belongs to.
    pub operator: OperatorId,
    /// Its certificate (DER).
    pub certificate: Vec<u8>,
    /// The CA certificates that the gateway's must come from (DER).
    pub roots: Vec<Vec<u8>>,
    /// The clinic's key set, verified.
    pub key_set: VerifiedKeySet,
    /// The newest checkpoint of the intake log that a receipt has led to.
    pub checkpoint: Option<Checkpoint>,
    /// The sequence number of the next capture.
    pub next_sequence: u64,
}

impl Device {
    /// For the caller to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let checkpoint = |map: MapWriter, checkpoint: &Checkpoint| {
            map.text(8, &checkpoint.origin).uint(9, checkpoint.size).bytes(10, &checkpoint.root)
        };
        MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, self.clinic_id.as_bytes())
            .bytes(3, self.device_id.as_bytes())
            .text(4, self.operator.as_str())
            .bytes(5, &self.certificate)
            .array(6, self.roots.iter().map(|root| Value::Bytes(root.clone())))
            .bytes(7, self.key_set.bytes())
            .optional(self.checkpoint.as_ref(), checkpoint)
            .uint(11, self.next_sequence)
            .to_bytes()
    }

    /// From what was kept. The key set's signatures are checked again; its age is not, since it was current when it was kept.
    ///
    /// # Errors
    /// [`ClientError::DeviceDamaged`].
    pub fn from_bytes(bytes: &[u8], now: UnixMillis) -> Result<Self, ClientError> {
        Self::read(bytes, now).map_err(|_| ClientError::DeviceDamaged)
    }

    fn read(bytes: &[u8], now: UnixMillis) -> Result<Self, Damage> {
        let mut fields = Fields::decode(bytes, MAX_DEVICE_LEN)?;
        if fields.take(1)?.uint()? != VERSION {
            return Err(Damage);
        }
        let clinic_id = ClinicId::from_bytes(fields.take(2)?.bytes16()?);
        let device_id = DeviceId::from_bytes(fields.take(3)?.bytes16()?);
        let operator = fields.take(4)?.text(1..=64)?.parse().map_err(|_| Damage)?;
        let certificate = fields.take(5)?.bytes(1..=4096)?;
        let roots = fields.take(6)?.array(1..=4)?;
        let roots = roots.into_iter().map(|root| root.bytes(1..=4096)).collect::<Result<Vec<_>, _>>()?;
        let envelope = fields.take(7)?.bytes(1..=crate::wire::limits::MAX_KEY_SET_LEN)?;
        let checkpoint = match fields.take_optional(8) {
            Some(origin) => Some(Checkpoint {
                origin: origin.text(1..=128)?,
                size: fields.take(9)?.uint()?,
                root: fields.take(10)?.bytes32()?,
            }),
            None => None,
        };
        let next_sequence = fields.take(11)?.uint()?;
        fields.finish()?;
        let keys = root_keys(&roots)?;
        let key_set = SignedKeySet::parse(&envelope)?.verify(&keys, clinic_id, now, 0)?;
        Ok(Self { clinic_id, device_id, operator, certificate, roots, key_set, checkpoint, next_sequence })
    }

    /// Whether it is this device's turn to renew its certificate: in the last third of the certificate's life, and within the first half
    /// of that third at a moment of the device's own, so that phones which were enrolled together do not come together.
    pub fn renewal_due(&self, now: UnixMillis) -> bool {
        Validity::of_certificate(&self.certificate).is_some_and(|validity| {
            let sixth = validity.not_after.since(validity.not_before) / 6;
            let mine = spread::place(self.device_id, 0, sixth);
            validity.renewal_due(UnixMillis(now.0.saturating_sub(u64::try_from(mine.as_millis()).unwrap_or(u64::MAX))))
        })
    }

    /// The next sequence number. The caller keeps the device again before it uses the number, so that none is used twice.
    pub fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }
}

/// The public keys of CA certificates.
pub(super) fn root_keys(roots: &[Vec<u8>]) -> Result<Vec<PublicKey>, KeySetError> {
    roots.iter().map(|root| root_key(root)).collect()
}

struct Damage;

impl From<CborError> for Damage {
    fn from(_: CborError) -> Self {
        Self
    }
}

impl From<KeySetError> for Damage {
    fn from(_: KeySetError) -> Self {
        Self
    }
}
