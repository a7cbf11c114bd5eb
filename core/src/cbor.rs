//! CBOR as this protocol speaks it: one meaning, one spelling.
//!
//! Messages are maps with small integer keys in the core deterministic encoding of RFC 8949 section 4.2.1:
//! shortest integers, definite lengths, keys in bytewise order. [`encode`] writes that. [`decode`] accepts only
//! that: it has a size limit and a depth limit, and refuses whatever would not encode to the same bytes, a
//! repeated key, and the types that no message uses (floating point, tags, simple values but for booleans and
//! null). What was signed is therefore what was understood.
//!
//! ```
//! use safelight_core::cbor::{Fields, MapWriter};
//!
//! let bytes = MapWriter::new().uint(1, 7).text(2, "left forearm").to_bytes();
//! let mut fields = Fields::decode(&bytes, 64)?;
//! assert_eq!(fields.take(1)?.uint()?, 7);
//! assert_eq!(fields.take(2)?.text(1..=64)?, "left forearm");
//! fields.finish()?;
//! # Ok::<(), safelight_core::cbor::CborError>(())
//! ```

use std::ops::RangeInclusive;

pub use ciborium::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::ids::UnixMillis;

/// How deep arrays and maps may lie in one another.
pub const MAX_DEPTH: usize = 8;

/// The largest integer that a message carries: what a catalog's signed 64-bit column holds.
pub const MAX_UINT: u64 = i64::MAX.unsigned_abs();

/// Why bytes are not a message. It names keys and limits, never content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than this kind of message may have.
    #[error("the message is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not one complete CBOR item, or nested too deeply.
    #[error("the message is not well-formed CBOR, or is nested too deeply")]
    Malformed,
    /// Well-formed, but not the one spelling that is accepted, or a type that no message uses.
    #[error("the message is not in the deterministic encoding of RFC 8949")]
    NotDeterministic,
    /// Something other than the map or array that was expected.
    #[error("the message is not of the expected shape")]
    Shape,
    /// A required field is absent.
    #[error("field {key} is missing")]
    Missing {
        /// The field's key.
        key: u64,
    },
    /// A field that this version does not know.
    #[error("field {key} is unknown: the sender speaks a newer version")]
    Unknown {
        /// The field's key.
        key: u64,
    },
    /// A field of another type, length or range than the message allows.
    #[error("field {key} is not of the expected type, length or range")]
    Field {
        /// The field's key; for an item of an array, the array's key.
        key: u64,
    },
}

/// `value` in the deterministic encoding, whatever the order of its keys.
#[must_use]
pub fn encode(value: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&ordered(value), &mut bytes);
    bytes
}

/// Decodes `bytes`, at most `limit` of them, which must be the deterministic encoding of one value.
pub fn decode(bytes: &[u8], limit: usize) -> Result<Value, CborError> {
    if bytes.len() > limit {
        return Err(CborError::TooLong { limit });
    }
    let mut rest = bytes;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH).map_err(|_| CborError::Malformed)?;
    if !rest.is_empty() {
        return Err(CborError::Malformed);
    }
    let mut again = Vec::with_capacity(bytes.len());
    if is_plain(&value) {
        write(&value, &mut again);
    }
    if again == bytes { Ok(value) } else { Err(CborError::NotDeterministic) }
}

/// Writes a map of integer keys to values.
#[derive(Default)]
pub struct MapWriter(Vec<(u64, Value)>);

impl MapWriter {
    /// A map without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Any value. A key that is there already keeps its first value.
    #[must_use]
    pub fn value(mut self, key: u64, value: Value) -> Self {
        if self.0.iter().all(|(known, _)| *known != key) {
            self.0.push((key, value));
        }
        self
    }

    /// An unsigned integer.
    #[must_use]
    pub fn uint(self, key: u64, number: u64) -> Self {
        self.value(key, Value::from(number))
    }

    /// A time, in milliseconds.
    #[must_use]
    pub fn millis(self, key: u64, time: UnixMillis) -> Self {
        self.uint(key, time.0)
    }

    /// A byte string.
    #[must_use]
    pub fn bytes(self, key: u64, bytes: &[u8]) -> Self {
        self.value(key, Value::Bytes(bytes.to_vec()))
    }

    /// A text string.
    #[must_use]
    pub fn text(self, key: u64, text: &str) -> Self {
        self.value(key, Value::Text(text.to_owned()))
    }

    /// A boolean.
    #[must_use]
    pub fn bool(self, key: u64, yes: bool) -> Self {
        self.value(key, Value::Bool(yes))
    }

    /// An array.
    #[must_use]
    pub fn array(self, key: u64, items: impl IntoIterator<Item = Value>) -> Self {
        self.value(key, Value::Array(items.into_iter().collect()))
    }

    /// A map within this one.
    #[must_use]
    pub fn map(self, key: u64, map: Self) -> Self {
        let value = map.into_value();
        self.value(key, value)
    }

    /// Whatever `write` adds, if there is something to write.
    #[must_use]
    pub fn optional<T>(self, field: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match field {
            Some(field) => write(self, field),
            None => self,
        }
    }

    /// The map as a value.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Map(self.0.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    }

    /// The map, encoded.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        encode(self.into_value())
    }

    /// The map, encoded, for a message with a secret in it: the copy that was encoded from is overwritten.
    #[must_use]
    pub fn to_secret_bytes(self) -> Zeroizing<Vec<u8>> {
        let mut value = ordered(self.into_value());
        // Large enough from the beginning, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(max_len(&value)));
        write(&value, &mut *bytes);
        wipe(&mut value);
        bytes
    }
}

/// Reads a map of integer keys. [`Fields::finish`] refuses what was not taken, so that a field which this
/// version does not know is never silently ignored.
pub struct Fields(Vec<(u64, Value)>);

impl Fields {
    /// Decodes `bytes`, at most `limit` of them, as one map.
    pub fn decode(bytes: &[u8], limit: usize) -> Result<Self, CborError> {
        Self::from_value(decode(bytes, limit)?)
    }

    /// From a decoded map.
    pub fn from_value(value: Value) -> Result<Self, CborError> {
        let Value::Map(entries) = value else {
            return Err(CborError::Shape);
        };
        let mut fields = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = key.as_integer().and_then(|key| u64::try_from(key).ok());
            fields.push((key.ok_or(CborError::Shape)?, value));
        }
        Ok(Self(fields))
    }

    /// The value of `key`, which must be there.
    pub fn take(&mut self, key: u64) -> Result<Item, CborError> {
        self.take_optional(key).ok_or(CborError::Missing { key })
    }

    /// The value of `key`, if it is there.
    pub fn take_optional(&mut self, key: u64) -> Option<Item> {
        let place = self.0.iter().position(|(known, _)| *known == key)?;
        Some(Item { key, value: self.0.remove(place).1 })
    }

    /// Checks that every field has been taken.
    pub fn finish(self) -> Result<(), CborError> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(CborError::Unknown { key: *key }),
        }
    }
}

/// One value on its way to a type, with the key that an error would name.
pub struct Item {
    key: u64,
    value: Value,
}

impl Item {
    /// `value`, as the field `key`.
    #[must_use]
    pub fn new(key: u64, value: Value) -> Self {
        Self { key, value }
    }

    /// The error that says that this field is wrong, for checks of the caller's own.
    #[must_use]
    pub fn wrong(&self) -> CborError {
        CborError::Field { key: self.key }
    }

    /// The value itself.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// An unsigned integer of at most [`MAX_UINT`].
    pub fn uint(&self) -> Result<u64, CborError> {
        let number = self.value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| *number <= MAX_UINT).ok_or(self.wrong())
    }

    /// An unsigned integer of at most 32 bits.
    pub fn uint32(&self) -> Result<u32, CborError> {
        u32::try_from(self.uint()?).map_err(|_| self.wrong())
    }

    /// A time.
    pub fn millis(&self) -> Result<UnixMillis, CborError> {
        self.uint().map(UnixMillis)
    }

    /// A boolean.
    pub fn bool(&self) -> Result<bool, CborError> {
        self.value.as_bool().ok_or(self.wrong())
    }

    /// A byte string whose length in bytes lies in `len`.
    pub fn bytes(self, len: RangeInclusive<usize>) -> Result<Vec<u8>, CborError> {
        let wrong = self.wrong();
        match self.value {
            Value::Bytes(bytes) if len.contains(&bytes.len()) => Ok(bytes),
            _ => Err(wrong),
        }
    }

    /// A byte string of exactly `N` bytes. The copy that was decoded is overwritten.
    pub fn byte_array<const N: usize>(self) -> Result<[u8; N], CborError> {
        let wrong = self.wrong();
        let bytes = Zeroizing::new(self.bytes(N..=N)?);
        bytes.as_slice().try_into().map_err(|_| wrong)
    }

    /// A byte string of 16 bytes, such as an identifier.
    pub fn bytes16(self) -> Result<[u8; 16], CborError> {
        self.byte_array()
    }

    /// A byte string of 32 bytes, such as a digest.
    pub fn bytes32(self) -> Result<[u8; 32], CborError> {
        self.byte_array()
    }

    /// A text whose length in bytes of UTF-8 lies in `len`.
    pub fn text(self, len: RangeInclusive<usize>) -> Result<String, CborError> {
        let wrong = self.wrong();
        match self.value {
            Value::Text(text) if len.contains(&text.len()) => Ok(text),
            _ => Err(wrong),
        }
    }

    /// An array whose length lies in `len`; its items name this field in their errors.
    pub fn array(self, len: RangeInclusive<usize>) -> Result<Vec<Item>, CborError> {
        let (key, wrong) = (self.key, self.wrong());
        match self.value {
            Value::Array(items) if len.contains(&items.len()) => {
                Ok(items.into_iter().map(|value| Item { key, value }).collect())
            }
            _ => Err(wrong),
        }
    }

    /// A map within the map.
    pub fn fields(self) -> Result<Fields, CborError> {
        let wrong = self.wrong();
        Fields::from_value(self.value).map_err(|_| wrong)
    }
}

/// Only the types that messages are made of.
fn is_plain(value: &Value) -> bool {
    match value {
        // Larger ones are tagged byte strings.
        Value::Integer(number) => i128::from(*number).unsigned_abs() <= 1 << 64,
        Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(items) => items.iter().all(is_plain),
        Value::Map(entries) => {
            // Ascending and therefore without repetition; that it encodes to the same bytes would not show it.
            entries.iter().all(|(key, value)| is_plain(key) && is_plain(value))
                && entries.iter().map(|(key, _)| spelling(key)).is_sorted_by(|a, b| a < b)
        }
        _ => false,
    }
}

/// `value` with the keys of its maps in bytewise order of their encodings.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(ordered).collect()),
        Value::Map(mut entries) => {
            entries.sort_by_cached_key(|(key, _)| spelling(key));
            Value::Map(entries.into_iter().map(|(key, value)| (key, ordered(value))).collect())
        }
        other => other,
    }
}

fn spelling(key: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(key, &mut bytes);
    bytes
}

/// At least as many bytes as `value` encodes to.
fn max_len(value: &Value) -> usize {
    const HEAD: usize = 9;
    HEAD + match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::Array(items) => items.iter().map(max_len).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| max_len(key) + max_len(value)).sum(),
        _ => 0,
    }
}

#[allow(clippy::expect_used, reason = "ciborium fails only where the writer does, and memory does not")]
fn write(value: &Value, to: &mut Vec<u8>) {
    ciborium::into_writer(value, to).expect("a value is always serialisable");
}

fn wipe(value: &mut Value) {
    match value {
        Value::Bytes(bytes) => bytes.zeroize(),
        Value::Text(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| wipe(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
