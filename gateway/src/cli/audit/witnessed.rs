//! What the access log says of the intake log: the clinic process puts on record which sizes and roots ingest has signed for,
//! where ingest cannot reach it.

use std::collections::VecDeque;
use std::io::{self, Write};

use data_encoding::HEXLOWER;
use safelight_core::log::Hash;
use serde_json::Value;

use crate::cli::outcome::{CliError, Exit};
use crate::log::MerkleLog;

/// So many of the newest records are compared. Each covers everything before it.
const COMPARED: usize = 1000;

/// Longest line of an exported log that is read.
const MAX_LINE: usize = 64 * 1024;

/// In what the intake log is not what the clinic process has seen, if in anything. Both logs were found sound before.
///
/// # Errors
/// [`Exit::Failed`] if one cannot be read.
pub(super) async fn contradiction(access: &MerkleLog, intake: &MerkleLog) -> Result<Option<String>, CliError> {
    let mut records = Records::default();
    access.export(0, &mut records).await.map_err(CliError::with(Exit::Failed))?;
    if let Some(size) = records.forked {
        return Ok(Some(format!("the clinic process once saw it rewritten, after {size} entries")));
    }
    let mut tx = intake.catalog().read().await.map_err(CliError::with(Exit::Failed))?;
    let has = intake.size(&mut tx).await.map_err(CliError::with(Exit::Failed))?;
    for (size, root) in records.seen {
        if size > has {
            return Ok(Some(format!("entries at the end are gone: the clinic process has seen {size}")));
        }
        if intake.root(&mut tx, size).await.map_err(CliError::with(Exit::Failed))? != root {
            return Ok(Some(format!(
                "it was rewritten: the clinic process has seen other entries among the first {size}"
            )));
        }
    }
    Ok(None)
}

/// Reads an exported log as it is written, and keeps what is said about the intake log.
#[derive(Debug, Default)]
struct Records {
    line: Vec<u8>,
    seen: VecDeque<(u64, Hash)>,
    forked: Option<u64>,
}

impl Records {
    fn take_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Ok(entry) = serde_json::from_slice::<Value>(&line) else { return };
        let field = |at: usize| entry.get("fields").and_then(|fields| fields.get(at));
        let Some(size) = field(0).and_then(Value::as_u64) else { return };
        match entry.get("kind").and_then(Value::as_str) {
            Some("intake-forked") => self.forked = Some(size),
            Some("intake-seen") => {
                let root = field(1).and_then(Value::as_str).and_then(|root| HEXLOWER.decode(root.as_bytes()).ok());
                if let Some(Ok(root)) = root.map(Hash::try_from) {
                    if self.seen.len() == COMPARED {
                        self.seen.pop_front();
                    }
                    self.seen.push_back((size, root));
                }
            }
            _ => {}
        }
    }
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            match byte {
                b'\n' => self.take_line(),
                _ if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::migration;
    use crate::store::catalog::Catalog;
    use ed25519_dalek::SigningKey;
    use safelight_core::log::entry::{Entry, Field};

    async fn log(folder: &std::path::Path, name: &str, entries: &[Vec<u8>]) -> MerkleLog {
        let catalog = Catalog::create(folder.join(name), &[migration(1)]).await.unwrap();
        let log = MerkleLog::new(catalog.clone(), name, SigningKey::from_bytes(&[1; 32]).verifying_key()).unwrap();
        let mut tx = catalog.write().await.unwrap();
        log.append(&mut tx, entries).await.unwrap();
        tx.commit().await.unwrap();
        log
    }

    fn record(kind: &str, size: u64, root: Hash) -> Vec<u8> {
        Entry::new(kind, vec![Field::Number(size), Field::Bytes(root.to_vec())]).unwrap().to_bytes()
    }

    #[tokio::test]
    async fn what_was_seen_must_still_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let plain = |number| Entry::new("x", vec![Field::Number(number)]).unwrap().to_bytes();
        let intake = log(folder.path(), "intake", &[plain(1), plain(2), plain(3)]).await;
        let root = intake.root(&mut intake.catalog().read().await.unwrap(), 2).await.unwrap();
        for (name, entries, fault) in [
            ("same", vec![record("other", 9, [0; 32]), record("intake-seen", 2, root)], None),
            ("rewritten", vec![record("intake-seen", 2, [9; 32]), record("intake-seen", 2, root)], Some("rewritten")),
            ("gone", vec![record("intake-seen", 4, root)], Some("gone")),
            ("forked", vec![record("intake-forked", 1, [0; 32])], Some("once saw")),
        ] {
            let access = log(folder.path(), name, &entries).await;
            let found = contradiction(&access, &intake).await.unwrap();
            assert_eq!(found.is_some(), fault.is_some(), "{name}: {found:?}");
            assert!(found.unwrap_or_default().contains(fault.unwrap_or_default()), "{name}");
        }
    }
}
