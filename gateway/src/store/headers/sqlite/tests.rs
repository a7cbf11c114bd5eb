//! The contract on SQLite, and a search of its files for what was destroyed.

use std::collections::HashSet;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::store::faults::Step;
use crate::store::faults::testing::Script;
use crate::store::headers::contract::{Backend, header};

struct Place(TempDir);

impl Place {
    async fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        SqliteHeaders::create(&place.path()).await.unwrap().0.close().await;
        place
    }
    fn path(&self) -> PathBuf {
        self.0.path().join("headers.db")
    }
    /// Everything that lies on the disk: database, write-ahead log, index, and whatever else is there.
    fn raw(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Backend for Place {
    type Store = SqliteHeaders;
    async fn open(&self) -> SqliteHeaders {
        SqliteHeaders::open(&self.path()).await.unwrap()
    }
}

mod sqlite_keeps_the_contract {
    use super::Place;
    crate::store::headers::contract::header_contract! { Place::new().await }
}

/// Pieces of eight random bytes: none turns up by chance.
const PIECE: usize = 8;

fn pieces(raw: &[u8]) -> HashSet<[u8; PIECE]> {
    raw.windows(PIECE).map(|piece| piece.try_into().unwrap()).collect()
}

fn found(pieces: &HashSet<[u8; PIECE]>, header: &[u8]) -> usize {
    header.windows(PIECE).filter(|piece| pieces.contains::<[u8]>(piece)).count()
}

/// Repeatable noise, for lengths, choices and bytes.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end
    }
    fn header(&mut self) -> Vec<u8> {
        let len = 200 + self.below(900);
        (0..len).map(|_| u8::try_from(self.next() & 0xff).unwrap()).collect()
    }
    fn id(&mut self) -> HeaderId {
        HeaderId::from_bytes(std::array::from_fn(|_| u8::try_from(self.next() & 0xff).unwrap()))
    }
}

#[tokio::test]
async fn a_destroyed_header_is_nowhere_in_the_files() {
    let place = Place::new().await;
    let store = place.open().await;
    let secret = Noise(1).header();
    let gone = Header { id: HeaderId::from_bytes([1; 16]), kind: Kind::Picture, bytes: secret.clone() };
    let kept = header(2, Kind::Picture, "this one stays in its place");
    store.put(&[gone.clone(), kept.clone()]).await.unwrap();
    // The search finds it while it is there: in the write-ahead log, and with that emptied, in the database.
    assert_ne!(found(&pieces(&place.raw()), &secret), 0);
    store.catalog().truncate_log().await.unwrap();
    assert_ne!(found(&pieces(&place.raw()), &secret), 0);

    store.destroy(&[gone.id]).await.unwrap();
    let raw = pieces(&place.raw());
    assert_eq!(found(&raw, &secret), 0);
    assert_ne!(found(&raw, &kept.bytes), 0);
}

/// Rows in leaf pages are moved, and a moved row leaves pieces behind that `secure_delete` does not wipe. It
/// takes thousands of deletions to see one, so here is the reason why there are none.
#[tokio::test]
async fn no_part_of_a_header_of_any_length_lies_in_a_leaf_page() {
    let place = Place::new().await;
    let store = place.open().await;
    let mut noise = Noise(11);
    let long: Vec<u8> = (0..20).flat_map(|_| noise.header()).chain([0; MAX_HEADER_LEN]).collect();
    let lens = (PIECE..2200).step_by(7).chain([4096, 10_000]);
    let headers: Vec<Header> =
        lens.map(|len| Header { id: noise.id(), kind: Kind::Picture, bytes: long[..len].to_vec() }).collect();
    store.put(&headers).await.unwrap();
    store.catalog().truncate_log().await.unwrap();

    let pieces = pieces(&long[..4096]);
    let file = std::fs::read(place.path()).unwrap();
    let page_size = usize::try_from(PAGE_SIZE).unwrap();
    // The type of a page (sqlite.org/fileformat.html section 1.6); an overflow page begins with a page number.
    let (leaves, others): (Vec<&[u8]>, Vec<&[u8]>) =
        file.chunks(page_size).partition(|page| matches!(page[0], 0x02 | 0x05 | 0x0a | 0x0d));
    let with_header = |pages: &[&[u8]]| pages.iter().filter(|page| found(&pieces, page) > 0).count();
    assert!(leaves.len() > 10 && with_header(&others) >= headers.len(), "the search is blind");
    assert_eq!(with_header(&leaves), 0, "of {} pages of the tree", leaves.len());
}

#[tokio::test]
async fn a11_nothing_that_was_destroyed_or_replaced_survives_a_long_life() {
    let place = Place::new().await;
    let store = place.open().await;
    let mut noise = Noise(7);
    let mut live: Vec<Header> = Vec::new();
    let mut dead: Vec<Vec<u8>> = Vec::new();
    // Batches, so that the write-ahead log and the tree are busy, and the slow wiping is rare.
    for _ in 0..30 {
        let mut new = Vec::new();
        for _ in 0..100 {
            new.push(Header { id: noise.id(), kind: Kind::Picture, bytes: noise.header() });
        }
        store.put(&new).await.unwrap();
        live.extend(new);
        let mut changed = Vec::new();
        for _ in 0..45 {
            let at = noise.below(live.len());
            let mut header = live.swap_remove(at);
            dead.push(std::mem::replace(&mut header.bytes, noise.header()));
            changed.push(header);
        }
        store.replace(&changed).await.unwrap();
        live.extend(changed);
        let mut end = Vec::new();
        for _ in 0..45 {
            end.push(live.swap_remove(noise.below(live.len())));
        }
        store.destroy(&end.iter().map(|header| header.id).collect::<Vec<_>>()).await.unwrap();
        dead.extend(end.into_iter().map(|header| header.bytes));
    }
    let raw = pieces(&place.raw());
    assert!(live.iter().all(|header| found(&raw, &header.bytes) > header.bytes.len() / 2), "the search is blind");
    let left: Vec<usize> = dead.iter().map(|bytes| found(&raw, bytes)).filter(|found| *found > 0).collect();
    assert_eq!(left, [] as [usize; 0], "of {} dead headers, these left so many pieces", dead.len());
    for header in &live {
        assert_eq!(store.get(header.id, header.kind).await.unwrap().as_ref(), Some(&header.bytes));
    }
}

#[tokio::test]
async fn a11_a_deletion_cut_off_before_the_wiping_is_finished_on_opening() {
    let (place, script) = (Place::new().await, Script::new());
    let with = Options { faults: script.clone(), ..options() };
    let store = SqliteHeaders::open_with(place.path(), with).await.unwrap();
    let secret = Noise(3).header();
    let gone = Header { id: HeaderId::from_bytes([1; 16]), kind: Kind::Label, bytes: secret.clone() };
    store.put(std::slice::from_ref(&gone)).await.unwrap();
    script.fail(Step::Truncate, rustix::io::Errno::IO);
    assert!(store.destroy(&[gone.id]).await.is_err(), "not destroyed, so it must not say so");
    assert_eq!(store.get(gone.id, Kind::Label).await.unwrap(), None);
    assert_ne!(found(&pieces(&place.raw()), &secret), 0, "the log still has it");
    // Not closed: as after a crash, the log is there when the next process opens.
    let again = place.open().await;
    assert_eq!(found(&pieces(&place.raw()), &secret), 0);
    drop(again);
    drop(store);
}

#[tokio::test]
async fn a_reader_that_holds_the_log_makes_destroying_wait_or_fail() {
    let place = Place::new().await;
    let store = place.open().await;
    let gone = Header { id: HeaderId::from_bytes([1; 16]), kind: Kind::Label, bytes: Noise(5).header() };
    store.put(std::slice::from_ref(&gone)).await.unwrap();
    let mut reader = store.catalog().read().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM header").fetch_one(&mut *reader).await.unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.destroy(&[gone.id]).await })
    };
    // It cannot be done while the reader looks at the state before.
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(reader);
    waiting.await.unwrap().unwrap();
    assert_eq!(found(&pieces(&place.raw()), &gone.bytes), 0);
}

#[tokio::test]
async fn a_file_with_larger_pages_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("headers.db");
    Catalog::create(&path, MIGRATIONS).await.unwrap().close().await;
    assert!(matches!(SqliteHeaders::open(&path).await, Err(HeaderError::PageSize(4096))));
}
