//! What goes in and comes out by value. Times are milliseconds since 1970 in UTC, ids are UUIDs as text.

use safelight_core::capture::SealedCapture as Sealed;
use safelight_core::client::device::Device;
use safelight_core::client::phone;
use safelight_core::client::tls::Validity;
use safelight_core::label::{self, BodySite, DEFAULT_ISSUER, Label, LabelError, Laterality};
use safelight_core::receipt::VerifiedReceipt;

use crate::SafelightError;
use crate::runtime::guarded;
use crate::runtime::now;

/// On which side of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Side {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
    /// Both.
    Both,
}

/// What the patient has agreed that the picture may be used for; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Consent {
    /// The medical record alone.
    Record,
    /// Teaching as well.
    Teaching,
    /// Publication as well.
    Publication,
}

/// Who the patient is and what the picture shows. It is sealed with the picture; only the clinic opens it. (It is not wiped here: the allocator
/// of this library wipes what is freed.)
#[derive(uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct PatientLabel {
    /// The record number, as it was typed or scanned.
    pub record_number: String,
    /// The name.
    pub name: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// Where on the body, in words.
    pub site: String,
    /// Its SNOMED CT code. Without one the words are looked up.
    #[uniffi(default = None)]
    pub site_code: Option<String>,
    /// On which side. Without it the one that the words of `site` name; another than they name is refused as `label-sides`.
    #[uniffi(default = None)]
    pub side: Option<Side>,
    /// From where it is seen, such as `close-up`.
    #[uniffi(default = None)]
    pub view: Option<String>,
    /// What the patient agreed to; absent means that nobody asked.
    #[uniffi(default = None)]
    pub consent: Option<Consent>,
    /// Anything else; may have several lines.
    #[uniffi(default = None)]
    pub note: Option<String>,
    /// Who gave out the record number, where there are several who do.
    #[uniffi(default = None)]
    pub issuer: Option<String>,
}

impl PatientLabel {
    pub(crate) fn into_label(self) -> Result<Label, LabelError> {
        let (body_site, laterality) = BodySite::of_form(self.site_code, &self.site, self.side.map(laterality))?;
        let label = Label {
            issuer: self.issuer.unwrap_or_else(|| DEFAULT_ISSUER.to_owned()),
            record_number: self.record_number,
            name: self.name,
            birth_date: self.birth_date.parse()?,
            body_site,
            laterality,
            view: self.view,
            consent: self.consent.map(consent),
            note: self.note,
        };
        label.check_at(now())?;
        Ok(label)
    }
}

// What a language makes of a record by itself shows every field, and ends up in logs.
impl std::fmt::Debug for PatientLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientLabel(hidden)")
    }
}

impl std::fmt::Display for PatientLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Whether a label can be sealed: for the form, before the shutter.
#[uniffi::export]
pub fn check_label(label: PatientLabel) -> Result<(), SafelightError> {
    guarded(|| Ok(label.into_label().map(drop)?))
}

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// A picture that is sealed and held in this library's memory. This says of it what may be shown; the bytes stay where they are.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SealedCapture {
    /// Its name: what the receipt, the clinic and a retry know it by.
    pub id: String,
    /// When it was taken, in milliseconds.
    pub captured_at_ms: u64,
    /// Its media type.
    pub content_type: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Bytes that are held and will be sent.
    pub sealed_bytes: u64,
    /// What was removed from it, by stable code: `location`, `owner`, `serial-number`, ...; the list is in docs/MOBILE.md.
    pub removed: Vec<String>,
    /// The same in English words for a clinician.
    pub removed_words: String,
}

impl From<&Sealed> for SealedCapture {
    fn from(sealed: &Sealed) -> Self {
        let manifest = sealed.manifest().manifest();
        Self {
            id: sealed.id().to_string(),
            captured_at_ms: manifest.captured_at.0,
            content_type: manifest.content_type.as_str().to_owned(),
            width: manifest.width,
            height: manifest.height,
            sealed_bytes: sealed.size() as u64,
            removed: sealed.removed().iter().map(|kind| kind.code().to_owned()).collect(),
            removed_words: sealed.removed().to_string(),
        }
    }
}

/// A picture that is held, and whether it is on its way.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HeldCapture {
    /// It.
    pub capture: SealedCapture,
    /// Whether it is being sent.
    pub sending: bool,
}

/// The gateway's proof that it has stored a picture, verified. The picture has been freed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Receipt {
    /// The picture.
    pub capture_id: String,
    /// When the gateway stored it, in milliseconds by its clock.
    pub stored_at_ms: u64,
    /// Its entry in the intake log.
    pub index: u64,
    /// How many entries that log had, by the checkpoint that the receipt leads to.
    pub log_size: u64,
}

impl From<&VerifiedReceipt> for Receipt {
    fn from(receipt: &VerifiedReceipt) -> Self {
        Self {
            capture_id: receipt.capture_id().to_string(),
            stored_at_ms: receipt.stored_at().0,
            index: receipt.index(),
            log_size: receipt.checkpoint().size,
        }
    }
}

/// What an enrolled phone is: for a page that shows it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceStatus {
    /// The clinic's name.
    pub clinic_name: String,
    /// The clinic.
    pub clinic_id: String,
    /// What the clinic calls this device.
    pub device_id: String,
    /// The person it belongs to.
    pub operator: String,
    /// Until when its certificate holds, in milliseconds; absent if it cannot be read.
    pub certificate_until_ms: Option<u64>,
    /// The number of the clinic's key set.
    pub key_set: u64,
    /// Where the gateway is.
    pub addresses: Vec<String>,
    /// How many entries of the intake log this device can bear witness to.
    pub log_size: u64,
    /// The number of the next picture.
    pub next_sequence: u64,
}

impl From<&Device> for DeviceStatus {
    fn from(device: &Device) -> Self {
        let keys = device.key_set.key_set();
        Self {
            clinic_name: keys.clinic_name.clone(),
            clinic_id: device.clinic_id.to_string(),
            device_id: device.device_id.to_string(),
            operator: device.operator.to_string(),
            certificate_until_ms: Validity::of_certificate(&device.certificate).map(|validity| validity.not_after.0),
            key_set: keys.number,
            addresses: keys.addresses.clone(),
            log_size: device.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size),
            next_sequence: device.next_sequence,
        }
    }
}

/// Something that has happened.
#[derive(Debug, uniffi::Enum)]
pub enum Event {
    /// A picture was taken, sent or discarded.
    Room {
        /// How many more fit.
        room: u32,
        /// How many are held.
        held: u32,
    },
    /// There is a connection.
    Connected,
    /// The connection is gone. It is made again when it is needed.
    Disconnected {
        /// Why, by stable code.
        code: String,
        /// Why, in words.
        advice: String,
    },
    /// A picture is stored, and has been freed.
    Stored {
        /// The picture.
        capture_id: String,
        /// Its entry in the intake log.
        index: u64,
    },
    /// The certificate has been renewed for a new key, and the identity kept: the keys that `certified_public_key` does not name may go.
    CertificateRenewed {
        /// Until when it holds, in milliseconds.
        until_ms: Option<u64>,
    },
    /// The clinic's newest keys are in force.
    KeySetUpdated {
        /// Their number.
        number: u64,
    },
    /// The clinic has shut this device out: it has to be enrolled again. The shutter is made ready no more.
    ShutOut {
        /// Why, by stable code: `revoked`, `unknown-device`, `unknown-certificate`, `expired`.
        code: String,
        /// Why, in words.
        advice: String,
    },
    /// The app's store refused. What was done is done; the next time it keeps will do.
    NotKept,
    /// Something that this version of the bridge has no words for.
    Other,
}

impl From<phone::Event> for Event {
    fn from(event: phone::Event) -> Self {
        match event {
            phone::Event::Room { room, held } => Self::Room { room: small(room), held: small(held) },
            phone::Event::Connected => Self::Connected,
            phone::Event::Disconnected(reason) => {
                Self::Disconnected { code: reason.code().to_owned(), advice: reason.to_string() }
            }
            phone::Event::Stored { capture, index } => Self::Stored { capture_id: capture.to_string(), index },
            phone::Event::CertificateRenewed { until } => {
                Self::CertificateRenewed { until_ms: until.map(|until| until.0) }
            }
            phone::Event::KeySetUpdated { number } => Self::KeySetUpdated { number },
            phone::Event::ShutOut(reason) => {
                Self::ShutOut { code: reason.code().to_owned(), advice: reason.to_string() }
            }
            phone::Event::NotKept => Self::NotKept,
            _ => Self::Other,
        }
    }
}

/// A number for the bridge, which knows no `usize`.
pub(crate) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn laterality(side: Side) -> Laterality {
    match side {
        Side::Left => Laterality::Left,
        Side::Right => Laterality::Right,
        Side::Both => Laterality::Bilateral,
    }
}

fn consent(consent: Consent) -> label::Consent {
    match consent {
        Consent::Record => label::Consent::Record,
        Consent::Teaching => label::Consent::Teaching,
        Consent::Publication => label::Consent::Publication,
    }
}
