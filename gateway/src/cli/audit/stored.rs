//! What the intake log says was stored, compared with what is there.
//!
//! The log may be sound while somebody has deleted a row, a header or a payload behind its back: that would show only when the picture is
//! asked for. So every capture's entry is looked up in the inbox, and what it promises at whoever holds it now. Payloads are looked at by their
//! length; reading every byte is the scrub's work. A gateway that runs meanwhile is no hindrance: the clinic process takes a capture over
//! before ingest lets go of it.

use std::collections::HashSet;

use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::log::entry::{CAPTURE, Entry, Field};
use safelight_core::manifest::{Manifest, ManifestHash, SignedManifest};
use safelight_core::seal;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use super::Logs;
use crate::cli::outcome::{CliError, Exit};
use crate::clinic::ClinicError;
use crate::clinic::pictures::{self, Picture, State};
use crate::ingest::inbox::records::{self, Record};
use crate::ingest::inbox::{HEADERS_FILE, InboxError};
use crate::store::blobs::{BlobError, Blobs};
use crate::store::catalog::CatalogError;
use crate::store::headers::{HeaderError, Headers, Kind, SqliteHeaders};

/// Rows and entries read at once.
const PAGE: u32 = 512;

/// So many are named; the rest are counted.
const NAMED: usize = 100;

/// What was compared, and what is missing.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Captures in the intake log.
    pub(super) captures: u64,
    /// The first that are not stored as the log says.
    pub(super) missing: Vec<Missing>,
    /// How many there are.
    pub(super) count: u64,
}

/// Something that the log promises and that is not there, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    capture: String,
    /// Its entry, as far as there is one.
    index: u64,
    /// A stable code.
    what: &'static str,
}

/// Compares everything. Both logs were found sound before.
///
/// # Errors
/// [`Exit::Failed`] if a store cannot be read.
pub(super) async fn compare(logs: &Logs) -> Result<Compared, CliError> {
    let headers = SqliteHeaders::open(&logs.layout.ingest().join(HEADERS_FILE)).await.map_err(failed)?;
    let stores = Stores { logs, headers };
    let mut compared = Compared::default();
    // One consistent state: entries and rows lie in the same database.
    let mut tx = logs.intake.catalog().read().await.map_err(failed)?;
    let size = logs.intake.size(&mut tx).await.map_err(failed)?;
    let mut seen = HashSet::new();
    let mut next = 0;
    loop {
        let entries = logs.intake.entries(&mut tx, next, PAGE).await.map_err(failed)?;
        let Some((last, _)) = entries.last() else { break };
        next = last.saturating_add(1);
        for said in entries.iter().filter_map(|(index, entry)| Said::read(*index, entry)) {
            compared.captures = compared.captures.saturating_add(1);
            seen.insert(said.index);
            if let Some(what) = stores.fault(&mut tx, &said).await? {
                compared.add(said.capture, said.index, what);
            }
        }
    }
    stores.rows_without_entry(&mut tx, &seen, &mut compared).await?;
    drop(tx);
    stores.pictures_without_entry(size, &seen, &mut compared).await?;
    Ok(compared)
}

impl Compared {
    fn add(&mut self, capture: CaptureId, index: u64, what: &'static str) {
        self.count = self.count.saturating_add(1);
        if self.missing.len() < NAMED {
            self.missing.push(Missing { capture: capture.to_string(), index, what });
        }
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (entry {}): {}", self.capture, self.index, self.what)
    }
}

/// What an entry of the intake log says of a capture.
struct Said {
    index: u64,
    capture: CaptureId,
    manifest_hash: ManifestHash,
    device: DeviceId,
    stored_at: UnixMillis,
}

impl Said {
    fn read(index: u64, entry: &[u8]) -> Option<Self> {
        let entry = Entry::parse(entry).ok().filter(|entry| entry.kind() == CAPTURE)?;
        let [Field::Bytes(capture), Field::Bytes(manifest), Field::Bytes(device), Field::Number(stored_at)] =
            entry.fields()
        else {
            return None;
        };
        Some(Self {
            index,
            capture: CaptureId::from_slice(capture)?,
            manifest_hash: ManifestHash(manifest.as_slice().try_into().ok()?),
            device: DeviceId::from_slice(device)?,
            stored_at: UnixMillis(*stored_at),
        })
    }
}

struct Stores<'a> {
    logs: &'a Logs,
    headers: SqliteHeaders,
}

impl Stores<'_> {
    /// What of a capture is not as its entry says.
    async fn fault(&self, tx: &mut AnyConnection, said: &Said) -> Result<Option<&'static str>, CliError> {
        let row = match records::find(tx, said.capture).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Some("inbox-row")),
            Err(error) if is_damage(&error) => return Ok(Some("inbox-row-differs")),
            Err(error) => return Err(failed(error)),
        };
        let as_said = (row.manifest_hash, row.device, row.stored_at, row.log_index)
            == (said.manifest_hash, said.device, said.stored_at, said.index);
        if !as_said {
            return Ok(Some("inbox-row-differs"));
        }
        if row.settled {
            return self.fault_at_clinic(&row).await;
        }
        let fault = self.fault_at_ingest(&row).await?;
        if fault.is_none() {
            return Ok(None);
        }
        // Taken over since this state of the database, perhaps; then the clinic has it.
        let mut now = self.logs.intake.catalog().read().await.map_err(failed)?;
        match records::find(&mut now, said.capture).await.map_err(failed)? {
            Some(settled) if settled.settled => self.fault_at_clinic(&settled).await,
            _ => Ok(fault),
        }
    }

    async fn fault_at_ingest(&self, row: &Record) -> Result<Option<&'static str>, CliError> {
        let Some(manifest) = manifest_of(&row.manifest, &row.manifest_hash) else { return Ok(Some("manifest")) };
        let label = (row.label_payload.len() as u64, Sha256::digest(&row.label_payload).into());
        if label != (manifest.label.len, manifest.label.sha256) {
            return Ok(Some("label"));
        }
        for (kind, what) in [(Kind::Picture, "picture-header"), (Kind::Label, "label-header")] {
            if !has_header(&self.headers, row.capture, kind).await? {
                return Ok(Some(what));
            }
        }
        self.payload_fault(row, Some(&manifest)).await
    }

    async fn fault_at_clinic(&self, row: &Record) -> Result<Option<&'static str>, CliError> {
        let clinic = &self.logs.clinic;
        let picture = match pictures::find(&clinic.catalog, row.capture).await {
            Ok(Some(picture)) => picture,
            Ok(None) => return Ok(Some("clinic-row")),
            Err(
                ClinicError::CatalogDamaged | ClinicError::Catalog(CatalogError::Malformed | CatalogError::OutOfRange),
            ) => {
                return Ok(Some("clinic-row-differs"));
            }
            Err(error) => return Err(failed(error)),
        };
        let as_said = (picture.manifest_hash, picture.stored_at, picture.log_index)
            == (row.manifest_hash.0, row.stored_at, row.log_index);
        if !as_said {
            return Ok(Some("clinic-row-differs"));
        }
        if let Some(what) = header_fault(&clinic.headers, &picture).await? {
            return Ok(Some(what));
        }
        let manifest = manifest_of(&picture.manifest, &row.manifest_hash);
        if manifest.is_none() && picture.state != State::Quarantined {
            return Ok(Some("manifest"));
        }
        self.payload_fault(row, manifest.as_ref()).await
    }

    async fn payload_fault(&self, row: &Record, manifest: Option<&Manifest>) -> Result<Option<&'static str>, CliError> {
        match self.logs.clinic.blobs.open(&row.payload_key()).await {
            Ok(blob) if manifest.is_some_and(|manifest| manifest.picture.len != blob.len()) => {
                Ok(Some("payload-length"))
            }
            Ok(_) => Ok(None),
            Err(BlobError::NotFound) => Ok(Some("payload")),
            Err(BlobError::NotAFile) => Ok(Some("payload-not-a-file")),
            Err(error) => Err(failed(error)),
        }
    }

    /// Rows of captures that the log does not have, or has somewhere else.
    async fn rows_without_entry(
        &self,
        tx: &mut AnyConnection,
        seen: &HashSet<u64>,
        compared: &mut Compared,
    ) -> Result<(), CliError> {
        let mut after = 0;
        loop {
            let page = match records::page(tx, after, PAGE).await {
                // A row that cannot be read is named already, if the log knows its capture.
                Err(error) if is_damage(&error) && compared.count > 0 => return Ok(()),
                page => page.map_err(failed)?,
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            for row in page.iter().filter(|row| !seen.contains(&row.log_index)) {
                compared.add(row.capture, row.log_index, "log-entry");
            }
        }
    }

    /// Pictures of the clinic's whose entry the log does not have. Those that came after the log was read are left to the next time.
    async fn pictures_without_entry(
        &self,
        size: u64,
        seen: &HashSet<u64>,
        compared: &mut Compared,
    ) -> Result<(), CliError> {
        let mut after = 0;
        loop {
            let page = match pictures::list(&self.logs.clinic.catalog, after, PAGE).await {
                Err(_) if compared.count > 0 => return Ok(()),
                page => page.map_err(failed)?,
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            for picture in page.iter().filter(|picture| picture.log_index < size && !seen.contains(&picture.log_index))
            {
                compared.add(picture.capture, picture.log_index, "log-entry");
            }
        }
    }
}

/// Whatever state a picture is in, its header is not destroyed; a label that cannot be read in a quarantined one may have none.
async fn header_fault(headers: &SqliteHeaders, picture: &Picture) -> Result<Option<&'static str>, CliError> {
    if !has_header(headers, picture.capture, Kind::Picture).await? {
        return Ok(Some("picture-header"));
    }
    if picture.state != State::Quarantined && !has_header(headers, picture.capture, Kind::Label).await? {
        return Ok(Some("label-header"));
    }
    Ok(None)
}

/// Whether there is a header that has the form of one.
async fn has_header(headers: &SqliteHeaders, capture: CaptureId, kind: Kind) -> Result<bool, CliError> {
    match headers.get(capture.into(), kind).await {
        Ok(header) => Ok(header.is_some_and(|header| seal::Header::parse_whole(&header).is_ok())),
        Err(HeaderError::Catalog(CatalogError::Malformed)) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Whether a row is there and is not what this program writes.
fn is_damage(error: &InboxError) -> bool {
    matches!(error, InboxError::Damaged | InboxError::Catalog(CatalogError::Malformed | CatalogError::OutOfRange))
}

/// The manifest of this hash. Its signature is looked at when the picture is verified.
fn manifest_of(cose: &[u8], hash: &ManifestHash) -> Option<Manifest> {
    let manifest = SignedManifest::parse(cose).ok()?;
    (manifest.claimed().hash() == *hash).then(|| manifest.claimed().clone())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Failed, error)
}
