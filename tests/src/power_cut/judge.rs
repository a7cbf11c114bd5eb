//! Whether a folder holds what was promised before a power cut, and nothing by halves.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use safelight_core::capture::SealedCapture;
use safelight_core::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};
use safelight_core::log::entry::{self, Entry};
use safelight_core::receipt::VerifiedReceipt;
use safelight_core::seal::{self, Header, Identity, open_payload};
use safelight_gateway::clinic::Clinic;
use safelight_gateway::clinic::pictures::{self, State};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::ingest::inbox::{self, HEADERS_FILE};
use safelight_gateway::log::MerkleLog;
use safelight_gateway::store::blobs::{Blobs, FileBlobs, payload_key};
use safelight_gateway::store::headers::{Headers, Kind, SqliteHeaders};
use sqlx::Row;

/// A picture that a phone sent, with the receipt that it got in the end.
#[derive(Debug)]
pub struct Sent {
    /// What was sent.
    pub capture: Arc<SealedCapture>,
    /// What came back.
    pub receipt: VerifiedReceipt,
    /// When, in microseconds since 1970.
    pub at: u64,
}

/// What a judge knows from outside.
#[derive(Debug)]
pub struct Known {
    /// Whose gateway it is.
    pub clinic: ClinicId,
    /// The key of its intake log, as phones know it.
    pub log_key: VerifyingKey,
    /// Opens everything.
    pub recovery: Identity,
    /// Every picture that was sent.
    pub sent: HashMap<CaptureId, Sent>,
}

/// How many pictures the folder holds, if all of it is right: every picture whose receipt a phone had before `at` is there with payload,
/// header, label, manifest and log entry, opens, and would get the same receipt again; every other is there just as whole, or not at all.
///
/// # Errors
/// What is wrong.
pub async fn judge(data: &Path, known: &Known, at: u64) -> Result<usize, String> {
    let layout = Layout::new(data);
    let log = inbox::open_log(&layout.ingest(), known.clinic, known.log_key).await.map_err(said("ingest.db"))?;
    let headers =
        SqliteHeaders::open(&layout.ingest().join(HEADERS_FILE)).await.map_err(said("ingest's headers.db"))?;
    let config = Config::load(data).map_err(said("config.toml"))?;
    let clinic = Clinic::open(&layout, &config, &Clock::system()).await.map_err(said("the clinic's folder"))?;
    let folder = Folder { known, blobs: &clinic.blobs, log: &log, headers: &headers, clinic: &clinic };
    let verdict = folder.judge(at).await;
    log.catalog().close().await;
    headers.catalog().close().await;
    clinic.catalog.close().await;
    clinic.headers.catalog().close().await;
    verdict
}

struct Folder<'a> {
    known: &'a Known,
    blobs: &'a FileBlobs,
    log: &'a MerkleLog,
    headers: &'a SqliteHeaders,
    clinic: &'a Clinic,
}

/// A row of the inbox.
struct Stored {
    capture: CaptureId,
    manifest_hash: Vec<u8>,
    device: DeviceId,
    manifest: Vec<u8>,
    label: Vec<u8>,
    stored_at: UnixMillis,
    index: u64,
    settled: bool,
}

impl Folder<'_> {
    async fn judge(&self, at: u64) -> Result<usize, String> {
        self.log.verify(&[]).await.map_err(said("the intake log"))?;
        self.clinic.access.log().verify(&[]).await.map_err(said("the access log"))?;
        let rows = self.rows().await?;
        for row in &rows {
            self.stored_whole(row).await.map_err(|what| format!("{}: {what}", row.capture))?;
        }
        let mut entries = self.entries().await?;
        for (index, capture) in &entries {
            let is_stored = rows.iter().any(|row| row.capture == *capture && row.index == *index);
            check(is_stored, || format!("entry {index} of the intake log has no row in the inbox"))?;
        }
        check(entries.len() == rows.len(), || format!("{} entries, {} rows", entries.len(), rows.len()))?;
        entries.clear();
        for sent in self.known.sent.values().filter(|sent| sent.at < at) {
            let capture = sent.capture.id();
            check(rows.iter().any(|row| row.capture == capture), || format!("{capture}: acknowledged, and not there"))?;
            self.still_agrees(&sent.receipt).await.map_err(|what| format!("{capture}: {what}"))?;
        }
        self.clinic_holds_nothing_else(&rows).await?;
        Ok(rows.len())
    }

    async fn rows(&self) -> Result<Vec<Stored>, String> {
        let mut tx = self.log.catalog().read().await.map_err(said("inbox"))?;
        let sql =
            "SELECT capture, manifest_hash, device, manifest, label_payload, stored_at, log_index, settled FROM inbox";
        let rows = sqlx::query(sql).fetch_all(&mut *tx).await.map_err(said("inbox"))?;
        let number = |row: &sqlx::any::AnyRow, at: usize| row.get::<i64, _>(at).unsigned_abs();
        let id = |row: &sqlx::any::AnyRow, at: usize| row.get::<Vec<u8>, _>(at);
        rows.iter()
            .map(|row| {
                Ok(Stored {
                    capture: CaptureId::from_slice(&id(row, 0)).ok_or("a capture id")?,
                    manifest_hash: row.get(1),
                    device: DeviceId::from_slice(&id(row, 2)).ok_or("a device id")?,
                    manifest: row.get(3),
                    label: row.get(4),
                    stored_at: UnixMillis(number(row, 5)),
                    index: number(row, 6),
                    settled: number(row, 7) == 1,
                })
            })
            .collect()
    }

    /// The captures in the intake log.
    async fn entries(&self) -> Result<Vec<(u64, CaptureId)>, String> {
        let mut tx = self.log.catalog().read().await.map_err(said("log"))?;
        let rows = sqlx::query("SELECT idx, entry FROM log_entry").fetch_all(&mut *tx).await.map_err(said("log"))?;
        let of = |row: &sqlx::any::AnyRow| {
            let entry = Entry::parse(row.get::<&[u8], _>(1)).ok().filter(|entry| entry.kind() == entry::CAPTURE)?;
            let Some(entry::Field::Bytes(capture)) = entry.fields().first() else { return None };
            Some((row.get::<i64, _>(0).unsigned_abs(), CaptureId::from_slice(capture)?))
        };
        Ok(rows.iter().filter_map(of).collect())
    }

    async fn stored_whole(&self, row: &Stored) -> Result<(), String> {
        let sent = self.known.sent.get(&row.capture).ok_or("nobody has sent it")?;
        let (capture, manifest) = (&sent.capture, sent.capture.manifest());
        check(row.manifest_hash == manifest.hash().0, || "another manifest".to_owned())?;
        let as_in_receipt = (row.stored_at, row.index) == (sent.receipt.stored_at(), sent.receipt.index());
        check(as_in_receipt, || "its receipt would be another".to_owned())?;
        let mut tx = self.log.catalog().read().await.map_err(said("log"))?;
        let index = i64::try_from(row.index).map_err(said("an index"))?;
        let sql = "SELECT entry FROM log_entry WHERE idx = $1";
        let entry = sqlx::query(sql).bind(index).fetch_optional(&mut *tx).await.map_err(said("log"))?;
        let expected = entry::capture(row.capture, &manifest.hash(), row.device, row.stored_at);
        check(entry.is_some_and(|entry| entry.get::<Vec<u8>, _>(0) == expected), || "no such log entry".to_owned())?;
        drop(tx);

        let blob = self.blobs.open(&payload_key(row.capture, &manifest.hash())).await.map_err(said("its payload"))?;
        let payload = blob.read(0..blob.len()).await.map_err(said("its payload"))?;
        check(payload == capture.payload(), || "its payload is not what was sent".to_owned())?;
        if row.settled {
            return self.clinic_holds(row.capture).await;
        }
        check(row.manifest == manifest.cose(), || "its manifest is not what was sent".to_owned())?;
        let (_, label) = seal::split(capture.label()).map_err(said("the label that was sent"))?;
        check(row.label == label, || "its label is not what was sent".to_owned())?;
        self.opens(self.headers, capture, label, "ingest").await
    }

    /// The clinic has it, under whichever header, and it opens.
    async fn clinic_holds(&self, id: CaptureId) -> Result<(), String> {
        let capture = &self.known.sent.get(&id).ok_or("nobody has sent it")?.capture;
        let picture = pictures::find(&self.clinic.catalog, id).await.map_err(said("clinic.db"))?;
        let picture = picture.ok_or("settled, and the clinic does not have it")?;
        check(picture.state != State::Quarantined, || format!("quarantined: {}", picture.reason))?;
        check(picture.manifest == capture.manifest().cose(), || "the clinic's manifest is another".to_owned())?;
        self.opens(&self.clinic.headers, capture, &picture.label, "the clinic").await?;
        if picture.state == State::Verified {
            let header = self.clinic.headers.get(id.into(), Kind::Picture).await.map_err(said("headers.db"))?;
            check(header.as_deref() != Some(capture.header()), || "verified under the phone's header".to_owned())?;
        }
        Ok(())
    }

    async fn opens(
        &self,
        headers: &SqliteHeaders,
        capture: &SealedCapture,
        label: &[u8],
        at: &str,
    ) -> Result<(), String> {
        for (kind, payload) in [(Kind::Picture, capture.payload()), (Kind::Label, label)] {
            let header = headers.get(capture.id().into(), kind).await.map_err(said("headers.db"))?;
            let header = header.ok_or_else(|| format!("no {} header at {at}", kind.code()))?;
            let key = Header::parse_whole(&header).map_err(said("a header"))?.unwrap_key(&[&self.known.recovery]);
            let key = key.map_err(said("a header"))?;
            open_payload(&key, payload).map_err(said("it does not open"))?;
        }
        Ok(())
    }

    /// The log is one that a phone accepts which has kept this receipt.
    async fn still_agrees(&self, receipt: &VerifiedReceipt) -> Result<(), String> {
        let kept = receipt.checkpoint();
        let mut tx = self.log.catalog().read().await.map_err(said("log"))?;
        let root = self.log.root(&mut tx, kept.size).await.map_err(said("the log is shorter than a receipt says"))?;
        check(root == kept.root, || "the log is not the one that a receipt speaks of".to_owned())?;
        let newest = self.log.latest(&mut tx).await.map_err(said("checkpoint"))?.ok_or("no checkpoint")?;
        let size = newest.checkpoint().size;
        check(size >= kept.size, || "the newest checkpoint is older than a receipt's".to_owned())?;
        self.log.inclusion(&mut tx, receipt.index(), size).await.map_err(said("no proof for it"))?;
        self.log.consistency(&mut tx, kept.size, size).await.map_err(said("no proof from a receipt's log"))?;
        Ok(())
    }

    /// What the clinic has taken over, ingest has stored.
    async fn clinic_holds_nothing_else(&self, rows: &[Stored]) -> Result<(), String> {
        let pictures = pictures::list(&self.clinic.catalog, 0, 10_000).await.map_err(said("clinic.db"))?;
        for picture in pictures {
            let row = rows.iter().find(|row| row.capture == picture.capture);
            let row = row.ok_or_else(|| format!("{}: the clinic has it, ingest has not", picture.capture))?;
            let same = (row.stored_at, row.index) == (picture.stored_at, picture.log_index);
            check(same, || format!("{}: clinic and ingest do not agree", picture.capture))?;
            self.clinic_holds(picture.capture).await.map_err(|what| format!("{}: {what}", picture.capture))?;
        }
        Ok(())
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn said<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
