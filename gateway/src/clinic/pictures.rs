//! Pictures and patients in the clinic's catalog.

use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::manifest::OperatorId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::devices::{fixed, id_of, millis};
use super::{ClinicError, aliases, thumbnails};
use crate::link::InboxEntry;
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// What is known of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Taken over from ingest, not yet opened: shown to nobody.
    Received,
    /// Opened, checked, and under a header of the clinic's own.
    Verified,
    /// Something was wrong: shown to nobody.
    Quarantined,
}

impl State {
    /// As the catalog and `--json` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Quarantined => "quarantined",
        }
    }

    fn parse(text: &str) -> Result<Self, ClinicError> {
        match text {
            "received" => Ok(Self::Received),
            "verified" => Ok(Self::Verified),
            "quarantined" => Ok(Self::Quarantined),
            _ => Err(ClinicError::CatalogDamaged),
        }
    }
}

/// A patient's handle: HMAC of issuer and normalised record number under the handle key.
pub type Handle = [u8; 32];

/// A picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its name.
    pub capture: CaptureId,
    /// Place in the order of arrival.
    pub seq: u64,
    /// What is known of it.
    pub state: State,
    /// Why it is quarantined, a stable code; else empty.
    pub reason: String,
    /// What a person should look at although it is verified: stable codes, separated by spaces.
    pub flags: String,
    /// Which device took it.
    pub device: DeviceId,
    /// Who took it, as the manifest says; empty if it could not be read.
    pub operator: String,
    /// The device's sequence number.
    pub sequence: u64,
    /// COSE_Sign1 of its manifest.
    pub manifest: Vec<u8>,
    /// Its hash.
    pub manifest_hash: [u8; 32],
    /// The payload of the sealed label. Its header is in the header store, as are the others'.
    pub label: Vec<u8>,
    /// Whether there is a thumbnail.
    pub has_thumbnail: bool,
    /// Whose it is, once it is verified: the record that stands for `filed`.
    pub patient: Option<Handle>,
    /// Under which number it is filed then: its label's, or a correction's.
    pub filed: Option<Handle>,
    /// When the shutter was pressed, by the device's clock.
    pub captured_at: UnixMillis,
    /// When ingest stored it.
    pub stored_at: UnixMillis,
    /// Its entry in the intake log.
    pub log_index: u64,
    /// When the clinic process took it over, by its own clock.
    pub pulled_at: UnixMillis,
}

impl Picture {
    /// On whose page it is shown: its patient's, while it is verified.
    pub fn shown_under(&self) -> Option<Handle> {
        self.patient.filter(|_| self.state == State::Verified)
    }
}

const COLUMNS: &str =
    "SELECT capture, seq, state, reason, device, operator, sequence, manifest, manifest_hash, label,
    (SELECT 1 FROM thumbnail WHERE thumbnail.capture = picture.capture), patient, captured_at, stored_at, log_index, pulled_at, flags, filed FROM picture";

/// What an inbox entry says of itself: believed only as far as it names the picture.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The device.
    pub device: DeviceId,
    /// Who took it, if the manifest could be read.
    pub operator: Option<OperatorId>,
    /// The device's sequence number.
    pub sequence: u64,
    /// When.
    pub captured_at: UnixMillis,
    /// Hash of the manifest's bytes.
    pub manifest_hash: [u8; 32],
}

/// Takes an inbox entry over, as [`State::Received`] or, if it cannot even be read, quarantined. Says whether it was new.
pub async fn insert(
    tx: &mut WriteTx,
    entry: &InboxEntry,
    label_payload: &[u8],
    claimed: &Claimed,
    quarantined: Option<&str>,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let state = if quarantined.is_some() { State::Quarantined } else { State::Received };
    // The clinic's own count: ingest's begins anew if ingest does.
    let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM picture").fetch_one(&mut **tx).await?;
    let seq = count(row.try_get(0)?)?.saturating_add(1);
    let done = sqlx::query(
        "INSERT INTO picture (capture, seq, state, reason, device, operator, sequence, manifest, manifest_hash, label,
             captured_at, stored_at, log_index, pulled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (capture) DO NOTHING",
    )
    .bind(entry.capture_id.as_bytes().to_vec())
    .bind(int(seq)?)
    .bind(state.name())
    .bind(quarantined.unwrap_or_default().to_owned())
    .bind(claimed.device.as_bytes().to_vec())
    .bind(claimed.operator.as_ref().map_or("", OperatorId::as_str).to_owned())
    .bind(int(claimed.sequence)?)
    .bind(entry.manifest.clone())
    .bind(claimed.manifest_hash.to_vec())
    .bind(label_payload.to_vec())
    .bind(int(claimed.captured_at.0)?)
    .bind(int(entry.stored_at.0)?)
    .bind(int(entry.log_index)?)
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One picture.
pub async fn find(catalog: &Catalog, capture: CaptureId) -> Result<Option<Picture>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE capture = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(capture.as_bytes().to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(picture_of).transpose()
}

/// What the phone is called that a picture was taken with, if both are known.
pub async fn phone_of(connection: &mut AnyConnection, capture: CaptureId) -> Result<Option<String>, ClinicError> {
    let row = sqlx::query(
        "SELECT device.name FROM picture JOIN device ON device.id = picture.device WHERE picture.capture = $1",
    )
    .bind(capture.as_bytes().to_vec())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// All pictures in the order of their arrival, a page at a time: up to `limit` after `seq`.
pub async fn list(catalog: &Catalog, after_seq: u64, limit: u32) -> Result<Vec<Picture>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2");
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(after_seq)?).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
    rows.iter().map(picture_of).collect()
}

/// Pictures that wait to be judged, oldest first: up to `limit` after `seq`.
pub async fn received(catalog: &Catalog, after_seq: u64, limit: u32) -> Result<Vec<Picture>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE state = $1 AND seq > $2 ORDER BY seq LIMIT $3");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(State::Received.name())
        .bind(int(after_seq)?)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(picture_of).collect()
}

/// Pictures that were verified, whether or not somebody has reported them since, in the order of their arrival: up to `limit` after `seq`.
pub async fn verified_after(catalog: &Catalog, after_seq: u64, limit: u32) -> Result<Vec<Picture>, ClinicError> {
    let mut tx = catalog.read().await?;
    // Verification alone says whose a picture is.
    let sql = format!("{COLUMNS} WHERE patient IS NOT NULL AND seq > $1 ORDER BY seq LIMIT $2");
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(after_seq)?).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
    rows.iter().map(picture_of).collect()
}

/// Handles of patients in ascending order: up to `limit` after `after`.
pub async fn patients_after(catalog: &Catalog, after: Option<Handle>, limit: u32) -> Result<Vec<Handle>, ClinicError> {
    let mut tx = catalog.read().await?;
    // No handle is smaller than the empty one.
    let rows = sqlx::query("SELECT handle FROM patient WHERE handle > $1 ORDER BY handle LIMIT $2")
        .bind(after.map(|handle| handle.to_vec()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(|row| fixed(row, 0)).collect()
}

/// A patient's sealed identity.
#[derive(Debug)]
pub struct SealedIdentity {
    /// The patient's number, in the order of their coming.
    pub number: u64,
    /// Whose it is.
    pub patient: Handle,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Sealed identities in the order of the patients' coming: up to `limit` after `number`.
pub async fn identities_after(catalog: &Catalog, number: u64, limit: u32) -> Result<Vec<SealedIdentity>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT number, handle, identity FROM patient WHERE number > $1 AND LENGTH(identity) > 0 ORDER BY number LIMIT $2",
    )
    .bind(int(number)?)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let sealed = |row: &AnyRow| {
        Ok(SealedIdentity { number: count(row.try_get(0)?)?, patient: fixed(row, 1)?, payload: row.try_get(2)? })
    };
    rows.iter().map(sealed).collect()
}

/// The number of the patient who came last; 0 without any.
pub async fn last_patient_number(catalog: &Catalog) -> Result<u64, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT COALESCE(MAX(number), 0) FROM patient").fetch_one(&mut *tx).await?;
    Ok(count(row.try_get(0)?)?)
}

/// A patient's verified pictures, newest first: up to `limit` before the one of this time and name, or from the newest on.
pub async fn timeline(
    catalog: &Catalog,
    patient: &Handle,
    before: Option<(UnixMillis, CaptureId)>,
    limit: u32,
) -> Result<Vec<Picture>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!(
        "{COLUMNS} WHERE patient = $1 AND state = 'verified' AND (captured_at < $2 OR (captured_at = $3 AND capture < $4))
         ORDER BY captured_at DESC, capture DESC LIMIT $5"
    );
    let (time, capture) =
        before.unwrap_or((UnixMillis(u64::try_from(i64::MAX).unwrap_or_default()), CaptureId::from_bytes([0; 16])));
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(patient.to_vec())
        .bind(int(time.0)?)
        .bind(int(time.0)?)
        .bind(capture.as_bytes().to_vec())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(picture_of).collect()
}

/// What a list of patients says of each one's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Verified pictures.
    pub count: u64,
    /// When the newest was taken, by the device's clock.
    pub last: Option<UnixMillis>,
}

/// One summary for each of these patients, in their order. One look at the index each: callers pass a page of patients.
pub async fn summaries(catalog: &Catalog, patients: &[Handle]) -> Result<Vec<Summary>, ClinicError> {
    let mut tx = catalog.read().await?;
    let mut all = Vec::with_capacity(patients.len());
    for patient in patients {
        let sql = "SELECT COUNT(*), MAX(captured_at) FROM picture WHERE patient = $1 AND state = 'verified'";
        let row = sqlx::query(sql).bind(patient.to_vec()).fetch_one(&mut *tx).await?;
        let last: Option<i64> = row.try_get(1)?;
        all.push(Summary { count: count(row.try_get(0)?)?, last: last.map(|_| millis(&row, 1)).transpose()? });
    }
    Ok(all)
}

/// How many pictures that were verified, and patients, there are together.
pub async fn count_verified(catalog: &Catalog) -> Result<u64, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = "SELECT (SELECT COUNT(*) FROM picture WHERE patient IS NOT NULL) + (SELECT COUNT(*) FROM patient)";
    Ok(count(sqlx::query(sql).fetch_one(&mut *tx).await?.try_get(0)?)?)
}

/// What has come from phones that may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// Nothing yet.
    Nothing,
    /// Something, which is not verified: it waits for that, or did not pass.
    Unverified,
    /// A picture that is verified.
    Verified,
}

/// Whether a picture of a phone that may send is there.
pub async fn arrived(catalog: &Catalog) -> Result<Arrived, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = "SELECT 1 FROM picture JOIN device ON device.id = picture.device WHERE device.status = 'active' AND picture.state = $1 LIMIT 1";
    for (state, arrived) in [
        (State::Verified, Arrived::Verified),
        (State::Received, Arrived::Unverified),
        (State::Quarantined, Arrived::Unverified),
    ] {
        if sqlx::query(sql).bind(state.name()).fetch_optional(&mut *tx).await?.is_some() {
            return Ok(arrived);
        }
    }
    Ok(Arrived::Nothing)
}

/// What verification adds to a picture.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The number that its label has.
    pub filed: Handle,
    /// The payload of the patient's sealed identity, for the first picture of a patient.
    pub identity: &'a [u8],
    /// The payload of the sealed thumbnail.
    pub thumbnail: Option<&'a [u8]>,
    /// What a person should look at, by stable codes.
    pub flags: &'a [&'static str],
}

/// Marks a received picture verified, and makes its patient known. Says whether it was still received.
pub async fn verified(
    tx: &mut WriteTx,
    capture: CaptureId,
    judged: &Judged<'_>,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    make_known(tx, &judged.filed, judged.identity, now).await?;
    let done = sqlx::query(
        "UPDATE picture SET state = 'verified', judged_at = $1, flags = $2 WHERE capture = $3 AND state = 'received'",
    )
    .bind(int(now.0)?)
    .bind(judged.flags.join(" "))
    .bind(capture.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    let is_new = done.rows_affected() == 1;
    if is_new {
        if let Some(payload) = judged.thumbnail {
            thumbnails::keep(tx, capture, payload).await?;
        }
        file(tx, capture, &judged.filed).await?;
    }
    Ok(is_new)
}

/// Makes a patient known under a number, and says whether nobody was before. One whose number was taken back is nobody, and comes last again.
pub(super) async fn make_known(
    tx: &mut WriteTx,
    number: &Handle,
    identity: &[u8],
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO patient (handle, identity, created_at, number)
         SELECT $1, $2, $3, COALESCE(MAX(number), 0) + 1 FROM patient WHERE TRUE
         ON CONFLICT (handle) DO UPDATE SET identity = excluded.identity, created_at = excluded.created_at,
             number = excluded.number WHERE LENGTH(patient.identity) = 0",
    )
    .bind(number.to_vec())
    .bind(identity.to_vec())
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a number back: nobody is known under it. The row stays, since the log and what is decided name it.
pub(super) async fn make_unknown(tx: &mut WriteTx, number: &Handle) -> Result<(), ClinicError> {
    let sql = "UPDATE patient SET identity = $1 WHERE handle = $2";
    sqlx::query(sql).bind(Vec::new()).bind(number.to_vec()).execute(&mut **tx).await?;
    Ok(())
}

/// Files a picture under a number: it is of the record that stands for it.
pub(super) async fn file(tx: &mut WriteTx, capture: CaptureId, number: &Handle) -> Result<(), ClinicError> {
    let record = aliases::standing(tx, number).await?;
    let sql = "UPDATE picture SET filed = $1, patient = $2 WHERE capture = $3";
    let query = sqlx::query(sql).bind(number.to_vec()).bind(record.to_vec());
    query.bind(capture.as_bytes().to_vec()).execute(&mut **tx).await?;
    Ok(())
}

/// Gives what is filed under a number to a record.
pub(super) async fn give(tx: &mut WriteTx, number: &Handle, record: &Handle) -> Result<(), ClinicError> {
    let sql = "UPDATE picture SET patient = $1 WHERE filed = $2";
    sqlx::query(sql).bind(record.to_vec()).bind(number.to_vec()).execute(&mut **tx).await?;
    Ok(())
}

/// Whether a picture is filed under a number.
pub(super) async fn are_filed(connection: &mut AnyConnection, number: &Handle) -> Result<bool, ClinicError> {
    let row = sqlx::query("SELECT 1 FROM picture WHERE filed = $1 LIMIT 1").bind(number.to_vec());
    Ok(row.fetch_optional(connection).await?.is_some())
}

/// Marks a received picture quarantined for the reason of this code. Says whether it was still received.
pub async fn quarantine(
    tx: &mut WriteTx,
    capture: CaptureId,
    reason: &str,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE picture SET state = 'quarantined', reason = $1, judged_at = $2 WHERE capture = $3 AND state = 'received'")
        .bind(reason.to_owned())
        .bind(int(now.0)?)
        .bind(capture.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The payload of a patient's sealed identity.
pub async fn identity(catalog: &Catalog, patient: &Handle) -> Result<Option<Vec<u8>>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = "SELECT identity FROM patient WHERE handle = $1 AND LENGTH(identity) > 0";
    let row = sqlx::query(sql).bind(patient.to_vec()).fetch_optional(&mut *tx).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Sequence numbers of a device of which no picture was ever verified although there is one of a later number. Only what the device has signed and
/// the vault has opened counts: nobody else can close a gap, or open one. A gap is a picture that is still on its way, was
/// discarded on the phone, or was kept from the clinic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which device.
    pub device: DeviceId,
    /// First missing number.
    pub first: u64,
    /// Last missing number.
    pub last: u64,
}

/// Every gap, at most `limit`.
pub async fn gaps(catalog: &Catalog, limit: u32) -> Result<Vec<Gap>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT device, before + 1, sequence - 1 FROM
             (SELECT device, sequence, COALESCE(LAG(sequence) OVER (PARTITION BY device ORDER BY sequence), 0) AS before FROM picture
             WHERE patient IS NOT NULL) AS seen
         WHERE sequence > before + 1 ORDER BY device, sequence LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let gap = |row: &AnyRow| {
        Ok(Gap { device: id_of(row, 0)?, first: count(row.try_get(1)?)?, last: count(row.try_get(2)?)? })
    };
    rows.iter().map(gap).collect()
}

fn picture_of(row: &AnyRow) -> Result<Picture, ClinicError> {
    let state: String = row.try_get(2)?;
    let handle = |column: usize| {
        let bytes: Option<Vec<u8>> = row.try_get(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| ClinicError::CatalogDamaged)).transpose()
    };
    Ok(Picture {
        capture: CaptureId::from_bytes(fixed(row, 0)?),
        seq: count(row.try_get(1)?)?,
        state: State::parse(&state)?,
        reason: row.try_get(3)?,
        device: id_of(row, 4)?,
        operator: row.try_get(5)?,
        sequence: count(row.try_get(6)?)?,
        manifest: row.try_get(7)?,
        manifest_hash: fixed(row, 8)?,
        label: row.try_get(9)?,
        has_thumbnail: row.try_get::<Option<i64>, _>(10)?.is_some(),
        patient: handle(11)?,
        filed: handle(17)?,
        captured_at: millis(row, 12)?,
        stored_at: millis(row, 13)?,
        log_index: count(row.try_get(14)?)?,
        pulled_at: millis(row, 15)?,
        flags: row.try_get(16)?,
    })
}
