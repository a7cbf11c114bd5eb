//! Log entries: what is hashed into a log. Codes, identifiers, digests, numbers; never a person's data.
//!
//! An entry is a deterministic CBOR array `[version, kind, fields...]`. The phone recomputes the entry of its own
//! capture, so [`capture`] is fixed to the byte; the gateway names its other kinds itself.

use crate::cbor::{self, CborError, Item, MAX_UINT, Value};
use crate::ids::{CaptureId, DeviceId, UnixMillis};
use crate::manifest::ManifestHash;

/// The longest entry in bytes.
pub const MAX_ENTRY_LEN: usize = 8 * 1024;
/// The most fields after version and kind.
pub const MAX_FIELDS: usize = 16;
/// The longest kind or code in characters.
pub const MAX_CODE_LEN: usize = 64;
/// The longest byte string in a field, which is where sealed text goes.
pub const MAX_BYTES_LEN: usize = 4 * 1024;

const VERSION: u64 = 1;

/// The kind of the entry that a stored picture gets.
pub const CAPTURE: &str = "capture";

/// The entry of a stored picture: `[1, "capture", capture id, manifest hash, device id, stored-at]`.
#[must_use]
pub fn capture(capture: CaptureId, manifest: &ManifestHash, device: DeviceId, stored_at: UnixMillis) -> Vec<u8> {
    cbor::encode(Value::Array(vec![
        VERSION.into(),
        CAPTURE.into(),
        Value::Bytes(capture.as_bytes().to_vec()),
        Value::Bytes(manifest.0.to_vec()),
        Value::Bytes(device.as_bytes().to_vec()),
        stored_at.0.into(),
    ]))
}

/// Why an entry was not made or not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A kind or code that is not 1 to [`MAX_CODE_LEN`] characters of `a-z A-Z 0-9 . _ : -`.
    #[error("a log entry holds codes only: 1 to 64 letters, digits, dots, colons, hyphens or underscores")]
    Code,
    /// A number, byte string, or count of fields beyond its limit.
    #[error("a field of the log entry, or their number, is beyond its limit")]
    Limit,
    /// Not an entry of this version.
    #[error("not a log entry of this version")]
    Malformed(#[from] CborError),
}

/// One field of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// An identifier, a digest, a handle, or sealed text.
    Bytes(Vec<u8>),
    /// A number or a time, at most [`MAX_UINT`].
    Number(u64),
    /// A code from a fixed list.
    Code(String),
    /// Nothing, where this entry has nothing to say.
    Absent,
}

/// An entry of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    kind: String,
    fields: Vec<Field>,
}

impl Entry {
    /// An entry of `kind`, refused if a field breaks its limit or a code could be text.
    pub fn new(kind: &str, fields: Vec<Field>) -> Result<Self, EntryError> {
        let fits = |field: &Field| match field {
            Field::Bytes(bytes) => bytes.len() <= MAX_BYTES_LEN,
            Field::Number(number) => *number <= MAX_UINT,
            Field::Code(_) | Field::Absent => true,
        };
        let is_clean = |field: &Field| !matches!(field, Field::Code(code) if !is_code(code));
        if !is_code(kind) || !fields.iter().all(is_clean) {
            return Err(EntryError::Code);
        }
        let entry = Self { kind: kind.to_owned(), fields };
        let within = entry.fields.len() <= MAX_FIELDS && entry.fields.iter().all(fits);
        if within && entry.to_bytes().len() <= MAX_ENTRY_LEN { Ok(entry) } else { Err(EntryError::Limit) }
    }

    /// Reads an entry back, as strictly as it is made.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let items = Item::new(0, cbor::decode(bytes, MAX_ENTRY_LEN)?).array(2..=MAX_FIELDS + 2)?;
        let mut items = items.into_iter();
        let mut next = || items.next().ok_or(CborError::Shape);
        let version = next()?;
        if version.uint()? != VERSION {
            return Err(version.wrong().into());
        }
        let kind = next()?.text(1..=MAX_CODE_LEN)?;
        let mut fields = Vec::with_capacity(items.len());
        for item in items {
            let wrong = item.wrong();
            fields.push(match item.into_value() {
                Value::Bytes(bytes) => Field::Bytes(bytes),
                Value::Integer(number) => Field::Number(u64::try_from(number).map_err(|_| wrong)?),
                Value::Text(code) => Field::Code(code),
                Value::Null => Field::Absent,
                _ => return Err(wrong.into()),
            });
        }
        Self::new(&kind, fields)
    }

    /// What is hashed and stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut items = vec![Value::from(VERSION), Value::Text(self.kind.clone())];
        items.extend(self.fields.iter().map(|field| match field {
            Field::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Field::Number(number) => Value::from(*number),
            Field::Code(code) => Value::Text(code.clone()),
            Field::Absent => Value::Null,
        }));
        cbor::encode(Value::Array(items))
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// To what, when, and with which result.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

fn is_code(text: &str) -> bool {
    (1..=MAX_CODE_LEN).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_capture_is_fixed_to_the_byte() {
        let bytes = capture(
            CaptureId::from_bytes([1; 16]),
            &ManifestHash([2; 32]),
            DeviceId::from_bytes([3; 16]),
            UnixMillis(1_700_000_000_000),
        );
        let expected = format!(
            "860167{}50{}5820{}50{}1b0000018bcfe56800",
            "63617074757265",
            "01".repeat(16),
            "02".repeat(32),
            "03".repeat(16)
        );
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), expected);

        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!(entry.kind(), CAPTURE);
        assert_eq!(entry.fields()[3], Field::Number(1_700_000_000_000));
        assert_eq!(entry.to_bytes(), bytes);
    }

    #[test]
    fn an_entry_of_another_kind_reads_back() {
        let fields = vec![
            Field::Code("device-revoked".into()),
            Field::Absent,
            Field::Bytes(vec![0; MAX_BYTES_LEN]),
            Field::Number(MAX_UINT),
        ];
        let entry = Entry::new("refused", fields).unwrap();
        assert_eq!(Entry::parse(&entry.to_bytes()), Ok(entry));
    }

    #[test]
    fn text_numbers_and_sizes_beyond_the_limits_are_refused_both_ways() {
        let code = |text: &str| Entry::new("a", vec![Field::Code(text.into())]);
        for text in ["", "two words", "line\nbreak", "\u{1b}[31m", "=CMD()", "Müller", &"a".repeat(65)] {
            assert_eq!(code(text), Err(EntryError::Code), "{text:?}");
        }
        assert_eq!(Entry::new("", vec![]), Err(EntryError::Code));
        assert_eq!(Entry::new("a", vec![Field::Number(MAX_UINT + 1)]), Err(EntryError::Limit));
        assert_eq!(Entry::new("a", vec![Field::Absent; MAX_FIELDS + 1]), Err(EntryError::Limit));
        assert_eq!(Entry::new("a", vec![Field::Bytes(vec![0; MAX_BYTES_LEN + 1])]), Err(EntryError::Limit));
        assert_eq!(Entry::new("a", vec![Field::Bytes(vec![0; MAX_BYTES_LEN]); 3]), Err(EntryError::Limit));

        for items in [
            vec![Value::from(2), Value::from("a")],
            vec![Value::from(1)],
            vec![Value::from(1), Value::from("a b")],
            vec![Value::from(1), Value::from("a"), Value::from(-1)],
            vec![Value::from(1), Value::from("a"), Value::Array(vec![])],
            vec![Value::from(1), Value::from("a"), Value::Bool(true)],
            vec![Value::from(1), Value::from("a"), Value::from("free text")],
        ] {
            assert!(Entry::parse(&cbor::encode(Value::Array(items.clone()))).is_err(), "{items:?}");
        }
    }

    #[test]
    fn a_cut_entry_is_no_entry() {
        let bytes = Entry::new("a", vec![Field::Number(1), Field::Code("b".into())]).unwrap().to_bytes();
        for at in 0..bytes.len() {
            assert!(Entry::parse(&bytes[..at]).is_err());
        }
    }
}
