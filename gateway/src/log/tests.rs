//! A log in a real database: what it proves, and who may write to it.

use std::ops::Range;
use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::log::entry::{self, Entry, Field, MAX_ENTRY_LEN};
use safelight_core::log::{leaf_hash, verify_consistency, verify_inclusion};
use safelight_core::manifest::ManifestHash;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::*;
use crate::store::catalog::{Options, WriteTx};
use crate::store::faults::Step;
use crate::store::faults::testing::Script;

mod tamper;

const SCHEMA: &[Migration] = &[migration(1)];
const ORIGIN: &str = "clinic.example/intake";
const DAY: u64 = 24 * 60 * 60 * 1000;

struct Place {
    _folder: TempDir,
    path: PathBuf,
    key: SigningKey,
}

impl Place {
    async fn new() -> (Self, MerkleLog) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let catalog = Catalog::create(&path, SCHEMA).await.unwrap();
        let place = Self { _folder: folder, path, key: SigningKey::from_bytes(&[5; 32]) };
        let log = place.log(catalog);
        (place, log)
    }
    fn log(&self, catalog: Catalog) -> MerkleLog {
        MerkleLog::new(catalog, ORIGIN, self.key.verifying_key()).unwrap()
    }
    async fn reopen(&self) -> MerkleLog {
        self.log(Catalog::open(&self.path, SCHEMA).await.unwrap())
    }
    /// Appends the numbered entries and signs, each `batch` in a transaction, a day apart.
    async fn grow(&self, log: &MerkleLog, range: Range<u64>, batch: usize) -> Vec<SignedCheckpoint> {
        let mut signed = Vec::new();
        let indices: Vec<u64> = range.collect();
        for some in indices.chunks(batch) {
            let entries: Vec<Vec<u8>> = some.iter().map(|index| numbered(*index)).collect();
            let mut tx = log.catalog().write().await.unwrap();
            let got = log.append(&mut tx, &entries).await.unwrap();
            assert_eq!(got.collect::<Vec<u64>>(), some);
            let day = UnixMillis(some.last().unwrap() * DAY);
            signed.push(log.sign(&mut tx, &self.key, day).await.unwrap());
            tx.commit().await.unwrap();
        }
        signed
    }
}

fn numbered(index: u64) -> Vec<u8> {
    Entry::new("test", vec![Field::Number(index)]).unwrap().to_bytes()
}

async fn tamper(log: &MerkleLog, sql: &str) {
    let mut tx = log.catalog().write().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

async fn finding(log: &MerkleLog, against: &[&str]) -> Finding {
    match log.verify(against).await {
        Err(VerifyError::Bad(finding)) => finding,
        other => panic!("nothing was found: {other:?}"),
    }
}

/// A sound log of 20 entries with checkpoints at 5, 10, 15 and 20.
async fn twenty() -> (Place, MerkleLog, Vec<SignedCheckpoint>) {
    let (place, log) = Place::new().await;
    let signed = place.grow(&log, 0..20, 5).await;
    let sound = log.verify(&[]).await.unwrap();
    assert_eq!((sound.size, sound.signed, sound.checkpoints), (20, 20, 4));
    assert_eq!(sound.root, signed[3].checkpoint().root);
    (place, log, signed)
}

#[tokio::test]
async fn every_entry_and_every_older_size_is_proved() {
    let (place, log) = Place::new().await;
    let mut tx = log.catalog().read().await.unwrap();
    assert_eq!(log.size(&mut tx).await.unwrap(), 0);
    assert_eq!(log.latest(&mut tx).await.unwrap(), None);
    drop(tx);
    assert_eq!(log.verify(&[]).await.unwrap().size, 0);
    let mut signed = place.grow(&log, 0..1, 1).await;
    signed.extend(place.grow(&log, 1..8, 7).await);
    signed.extend(place.grow(&log, 8..40, 3).await);
    let mut tx = log.catalog().read().await.unwrap();
    for new in &signed {
        let new = new.checkpoint();
        assert_eq!(log.root(&mut tx, new.size).await.unwrap(), new.root);
        for index in 0..new.size {
            let proof = log.inclusion(&mut tx, index, new.size).await.unwrap();
            assert!(verify_inclusion(&leaf_hash(&numbered(index)), index, new.size, &proof, &new.root));
            assert!(!verify_inclusion(&leaf_hash(&numbered(99)), index, new.size, &proof, &new.root));
        }
        for old in &signed {
            let old = old.checkpoint();
            if old.size <= new.size {
                let proof = log.consistency(&mut tx, old.size, new.size).await.unwrap();
                assert!(verify_consistency(old.size, &old.root, new.size, &new.root, &proof));
            }
        }
    }
    assert!(matches!(log.inclusion(&mut tx, 40, 40).await, Err(LogError::OutOfRange)));
    assert!(matches!(log.inclusion(&mut tx, 0, 41).await, Err(LogError::OutOfRange)));
    assert!(matches!(log.consistency(&mut tx, 5, 4).await, Err(LogError::OutOfRange)));
    assert!(matches!(log.consistency(&mut tx, 5, u64::MAX).await, Err(LogError::OutOfRange)));
    assert_eq!(log.latest(&mut tx).await.unwrap().as_ref(), signed.last());
}

#[tokio::test]
async fn an_entry_is_proved_inside_the_transaction_that_appends_it_and_gone_with_it() {
    let (place, log, signed) = twenty().await;
    let mut tx = log.catalog().write().await.unwrap();
    assert_eq!(log.append(&mut tx, &[numbered(20), numbered(21)]).await.unwrap(), 20..22);
    let new = log.sign(&mut tx, &place.key, UnixMillis(100 * DAY)).await.unwrap();
    let proof = log.inclusion(&mut tx, 21, 22).await.unwrap();
    assert!(verify_inclusion(&leaf_hash(&numbered(21)), 21, 22, &proof, &new.checkpoint().root));
    drop(tx);
    let log = place.reopen().await;
    assert_eq!(log.verify(&[signed[3].text()]).await.unwrap().size, 20);
    place.grow(&log, 20..21, 1).await;
    assert_eq!(log.verify(&[]).await.unwrap().size, 21);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_or_key_is_not_compared_with() {
    let (place, log, signed) = twenty().await;
    let other = MerkleLog::new(log.catalog().clone(), "clinic.example/access", place.key.verifying_key()).unwrap();
    assert!(matches!(other.verify(&[signed[0].text()]).await, Err(VerifyError::Against(CheckpointError::OtherLog))));
    let key = SigningKey::from_bytes(&[6; 32]).verifying_key();
    let other = MerkleLog::new(log.catalog().clone(), ORIGIN, key).unwrap();
    assert!(matches!(other.verify(&[signed[0].text()]).await, Err(VerifyError::Against(_))));
    let cut = &signed[0].text()[..40];
    assert!(matches!(log.verify(&[cut]).await, Err(VerifyError::Against(CheckpointError::Malformed))));
    assert!(MerkleLog::new(log.catalog().clone(), "two words", key).is_err());
}

#[tokio::test]
async fn a_log_longer_than_a_page_is_verified_and_its_late_fault_found() {
    let (place, log) = Place::new().await;
    place.grow(&log, 0..2500, 500).await;
    assert_eq!(log.verify(&[]).await.unwrap().size, 2500);
    tamper(&log, "UPDATE log_entry SET entry = x'00' WHERE idx = 2300").await;
    assert_eq!(finding(&log, &[]).await.first, 2300);
    tamper(&log, "DELETE FROM log_entry WHERE idx = 1024").await;
    assert_eq!(finding(&log, &[]).await, Finding { first: 1024, last: 1024, fault: Fault::Missing });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_from_two_processes_take_turns() {
    let (place, log) = Place::new().await;
    let other = place.reopen().await;
    let mut tasks = Vec::new();
    for (writer, log) in [&log, &other, &log, &other].into_iter().enumerate() {
        let (log, key) = (log.clone(), place.key.clone());
        tasks.push(tokio::spawn(async move {
            let mut indices = Vec::new();
            for at in 0..15 {
                let mut tx: WriteTx = log.catalog().write().await.unwrap();
                let entry = numbered(writer as u64 * 1000 + at);
                indices.extend(log.append(&mut tx, &[entry.clone(), entry]).await.unwrap());
                log.sign(&mut tx, &key, UnixMillis(at * DAY)).await.unwrap();
                tx.commit().await.unwrap();
            }
            indices
        }));
    }
    let mut indices = Vec::new();
    for task in tasks {
        indices.extend(task.await.unwrap());
    }
    indices.sort_unstable();
    assert_eq!(indices, (0..120).collect::<Vec<u64>>());
    let sound = log.verify(&[]).await.unwrap();
    assert_eq!((sound.size, sound.signed), (120, 120));
}

#[tokio::test]
async fn a_clock_that_goes_back_keeps_the_larger_checkpoint() {
    let (place, log, signed) = twenty().await;
    let mut tx = log.catalog().write().await.unwrap();
    log.append(&mut tx, &[numbered(20)]).await.unwrap();
    let back = log.sign(&mut tx, &place.key, UnixMillis(4 * DAY)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = log.catalog().read().await.unwrap();
    assert_eq!(log.latest(&mut tx).await.unwrap(), Some(back));
    drop(tx);
    let sound = log.verify(&[signed[0].text()]).await.unwrap();
    assert_eq!((sound.size, sound.signed), (21, 21));
}

#[tokio::test]
async fn an_append_can_be_made_to_fail_and_an_entry_has_a_limit() {
    let (place, log, _) = twenty().await;
    log.catalog().close().await;
    let script = Script::new();
    let options = Options { faults: script.clone(), ..Options::default() };
    let log = place.log(Catalog::open_with(&place.path, SCHEMA, options).await.unwrap());
    script.fail(Step::LogAppend, rustix::io::Errno::NOSPC);
    let mut tx = log.catalog().write().await.unwrap();
    assert!(matches!(log.append(&mut tx, &[numbered(20)]).await, Err(LogError::Catalog(CatalogError::Full))));
    let long = vec![0; MAX_ENTRY_LEN + 1];
    assert!(matches!(log.append(&mut tx, &[long]).await, Err(LogError::EntryTooLong)));
    assert_eq!(log.append(&mut tx, &[]).await.unwrap(), 20..20);
}

#[tokio::test]
async fn the_export_names_every_field_and_escapes_what_it_cannot_read() {
    let (_place, log) = Place::new().await;
    let capture = entry::capture(
        CaptureId::from_bytes([1; 16]),
        &ManifestHash([2; 32]),
        DeviceId::from_bytes([3; 16]),
        UnixMillis(1_700_000_000_000),
    );
    let refused = Entry::new("refused", vec![Field::Code("too-long".into()), Field::Absent, Field::Bytes(vec![9])]);
    let mut tx = log.catalog().write().await.unwrap();
    let entries = [capture.clone(), refused.unwrap().to_bytes(), b"\n\x1b[2J".to_vec()];
    log.append(&mut tx, &entries).await.unwrap();
    tx.commit().await.unwrap();

    let mut out = Vec::new();
    assert_eq!(log.export(0, &mut out).await.unwrap(), 3);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "index": 0,
            "leaf": data_encoding::HEXLOWER.encode(&leaf_hash(&capture)),
            "kind": "capture",
            "capture": "01010101-0101-0101-0101-010101010101",
            "manifest": "02".repeat(32),
            "device": "03030303-0303-0303-0303-030303030303",
            "stored_at": "2023-11-14T22:13:20.000Z",
        })
    );
    assert_eq!(lines[1]["fields"], serde_json::json!(["too-long", null, "09"]));
    assert_eq!(lines[2]["unreadable"], "0a1b5b324a");
    let mut out = Vec::new();
    assert_eq!(log.export(2, &mut out).await.unwrap(), 1);
}
