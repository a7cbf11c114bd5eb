//! The log as JSON Lines, one entry a line, for other programs and for the privacy officer's records.

use std::io::{self, Write};

use data_encoding::HEXLOWER;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::log::entry::{CAPTURE, Entry, Field};
use safelight_core::log::leaf_hash;
use serde_json::{Map, Value, json};

use super::MerkleLog;
use crate::clock::calendar;
use crate::store::catalog::CatalogError;

/// Entries read at once.
const PAGE: u32 = 1024;

/// The names of the fields of a kind of entry, where they are fixed.
const NAMES: &[(&str, &[&str])] = &[(CAPTURE, &["capture", "manifest", "device", "stored_at"])];

/// Fields that are times besides the last one, by kind of entry. The last field of every entry is when it was, if it is a number.
const TIMES: &[(&str, &[usize])] = &[("clock-wrong", &[1, 2]), ("clock-accepted", &[0, 1])];

/// Why a log could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What it is written to.
    #[error("the export could not be written")]
    Write(#[from] io::Error),
    /// The database.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl MerkleLog {
    /// Writes the entries from `start` on to `out` and gives back how many. A line has `index`, `leaf` (the
    /// entry's hash), `kind` and its fields by name, or in `fields` in order; identifiers as UUIDs, other
    /// bytes in hexadecimal, times as RFC 3339. An entry that cannot be read is given whole, in hexadecimal, as `unreadable`.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub async fn export(&self, start: u64, out: &mut (impl Write + Send)) -> Result<u64, ExportError> {
        let mut tx = self.catalog().read().await?;
        let mut next = start;
        let mut written = 0;
        loop {
            let entries = self.entries(&mut tx, next, PAGE).await?;
            if entries.is_empty() {
                break;
            }
            for (index, entry) in &entries {
                serde_json::to_writer(&mut *out, &line(*index, entry)).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                next = index.saturating_add(1);
                written += 1;
            }
        }
        out.flush()?;
        Ok(written)
    }
}

fn line(index: u64, entry: &[u8]) -> Value {
    let mut line = Map::new();
    line.insert("index".into(), index.into());
    line.insert("leaf".into(), HEXLOWER.encode(&leaf_hash(entry)).into());
    match Entry::parse(entry) {
        Ok(entry) => {
            line.insert("kind".into(), entry.kind().into());
            let last = entry.fields().len().saturating_sub(1);
            let times = TIMES.iter().find(|(kind, _)| *kind == entry.kind()).map_or(&[][..], |(_, times)| times);
            let shown = |(place, field): (usize, &Field)| value(field, place == last || times.contains(&place));
            let fields = entry.fields().iter().enumerate().map(shown);
            match NAMES.iter().find(|(kind, names)| *kind == entry.kind() && names.len() == fields.len()) {
                Some((_, names)) => {
                    line.extend(names.iter().map(|name| (*name).to_owned()).zip(fields));
                }
                None => {
                    line.insert("fields".into(), fields.collect());
                }
            }
        }
        Err(_) => {
            line.insert("unreadable".into(), HEXLOWER.encode(entry).into());
        }
    }
    Value::Object(line)
}

fn value(field: &Field, is_time: bool) -> Value {
    match field {
        Field::Bytes(bytes) => match CaptureId::from_slice(bytes) {
            // Any identifier: they are all 16 bytes and look alike.
            Some(id) => json!(id.to_string()),
            None => json!(HEXLOWER.encode(bytes)),
        },
        // Exactly, so that whoever has a receipt can compare.
        Field::Number(number) if is_time => json!(calendar::rfc3339_exact(UnixMillis(*number))),
        Field::Number(number) => json!(number),
        Field::Code(code) => json!(code),
        Field::Absent => Value::Null,
    }
}
