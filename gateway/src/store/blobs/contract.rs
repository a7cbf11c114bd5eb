//! What every blob store must do. A backend is a place; opening it again is what a restart does.

use sha2::Digest;

use super::*;

pub(super) trait Backend {
    type Store: Blobs;
    fn open(&self) -> Self::Store;
}

fn key(n: u8) -> BlobKey {
    format!("0198c0de-0000-7000-8000-0000000000{n:02x}").parse().unwrap()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * at + at / 251) % 256).unwrap()).collect()
}

async fn append(incoming: &mut Box<dyn Incoming>, mut data: &[u8]) {
    while !data.is_empty() {
        let (piece, rest) = data.split_at(data.len().min(MAX_PIECE));
        incoming.append(Bytes::copy_from_slice(piece)).await.unwrap();
        data = rest;
    }
}

async fn store(blobs: &impl Blobs, n: u8, data: &[u8]) {
    let mut incoming = blobs.incoming(&key(n)).await.unwrap();
    append(&mut incoming, data).await;
    assert_eq!(incoming.commit(&key(n)).await.unwrap(), data.len() as u64);
}

async fn load(blobs: &impl Blobs, n: u8) -> Result<Vec<u8>, BlobError> {
    let blob = blobs.open(&key(n)).await?;
    let mut data = Vec::new();
    while (data.len() as u64) < blob.len() {
        let at = data.len() as u64;
        data.extend(blob.read(at..blob.len().min(at + 100_000)).await?);
    }
    Ok(data)
}

async fn all(blobs: &impl Blobs) -> Vec<BlobKey> {
    let mut keys = Vec::new();
    for shard in 0..=255 {
        keys.extend(blobs.list(shard).await.unwrap().blobs.into_iter().map(|listed| listed.key));
    }
    keys
}

pub(super) async fn what_is_committed_comes_back_after_reopening(backend: &impl Backend) {
    let data = bytes(3 * MAX_PIECE + 17);
    store(&backend.open(), 1, &data).await;
    store(&backend.open(), 2, &[]).await;
    assert!(load(&backend.open(), 1).await.unwrap() == data);
    assert!(load(&backend.open(), 2).await.unwrap().is_empty());
}

pub(super) async fn nothing_shows_before_the_commit(backend: &impl Backend) {
    let blobs = backend.open();
    let mut incoming = blobs.incoming(&key(1)).await.unwrap();
    append(&mut incoming, &bytes(1000)).await;
    assert!(matches!(load(&blobs, 1).await, Err(BlobError::NotFound)));
    assert_eq!(all(&blobs).await, []);
    incoming.commit(&key(2)).await.unwrap();
    assert!(matches!(load(&blobs, 1).await, Err(BlobError::NotFound)), "the incoming name is not a key");
    assert_eq!(all(&blobs).await, [key(2)]);
    assert!(blobs.incoming(&key(1)).await.unwrap().is_empty(), "committed, so nothing is left to resume");
}

pub(super) async fn an_upload_is_resumed_where_it_was_cut_off(backend: &impl Backend) {
    let data = bytes(MAX_PIECE + 4321);
    for cut in [0, 1, 4096, MAX_PIECE, MAX_PIECE + 1] {
        let n = u8::try_from(cut % 251).unwrap();
        let blobs = backend.open();
        append(&mut blobs.incoming(&key(n)).await.unwrap(), &data[..cut]).await;
        drop(blobs);
        let blobs = backend.open();
        let mut incoming = blobs.incoming(&key(n)).await.unwrap();
        assert_eq!(incoming.len(), cut as u64);
        let hash = incoming.rehash().await.unwrap();
        assert_eq!(hash.chain_update(&data[cut..]).finalize(), Sha256::digest(&data));
        append(&mut incoming, &data[cut..]).await;
        incoming.commit(&key(n)).await.unwrap();
        assert!(load(&blobs, n).await.unwrap() == data);
    }
}

pub(super) async fn an_incoming_file_has_one_writer(backend: &impl Backend) {
    let (blobs, other) = (backend.open(), backend.open());
    let mut first = blobs.incoming(&key(1)).await.unwrap();
    append(&mut first, b"first").await;
    assert!(matches!(blobs.incoming(&key(1)).await, Err(BlobError::InUse)));
    assert!(matches!(other.incoming(&key(1)).await, Err(BlobError::InUse)), "another process");
    drop(first);
    assert_eq!(other.incoming(&key(1)).await.unwrap().len(), 5);
}

pub(super) async fn d04_of_two_uploads_of_one_key_one_is_stored(backend: &impl Backend) {
    let blobs = backend.open();
    let mut uploads = Vec::new();
    for n in 10..20 {
        let mut incoming = blobs.incoming(&key(n)).await.unwrap();
        append(&mut incoming, &[n; 100]).await;
        uploads.push(tokio::spawn(async move { incoming.commit(&key(1)).await.is_ok().then_some(n) }));
    }
    let mut won = Vec::new();
    for upload in uploads {
        won.extend(upload.await.unwrap());
    }
    let [n] = won[..] else { panic!("{} uploads were stored", won.len()) };
    assert_eq!(load(&blobs, 1).await.unwrap(), [n; 100]);
    let mut late = blobs.incoming(&key(30)).await.unwrap();
    append(&mut late, b"other bytes").await;
    assert!(matches!(late.commit(&key(1)).await, Err(BlobError::Exists)));
    assert_eq!(load(&blobs, 1).await.unwrap(), [n; 100]);
}

pub(super) async fn what_is_deleted_is_gone(backend: &impl Backend) {
    let blobs = backend.open();
    store(&blobs, 1, b"one").await;
    store(&blobs, 2, b"two").await;
    assert!(blobs.delete(&key(1)).await.unwrap());
    assert!(!blobs.delete(&key(1)).await.unwrap());
    assert!(!blobs.delete(&key(99)).await.unwrap());
    let blobs = backend.open();
    assert!(matches!(load(&blobs, 1).await, Err(BlobError::NotFound)));
    assert_eq!(all(&blobs).await, [key(2)]);
}

pub(super) async fn what_is_aborted_is_gone(backend: &impl Backend) {
    let blobs = backend.open();
    let mut incoming = blobs.incoming(&key(1)).await.unwrap();
    append(&mut incoming, b"no").await;
    incoming.abort().await.unwrap();
    assert!(blobs.incoming(&key(1)).await.unwrap().is_empty());
    assert_eq!(all(&blobs).await, []);
}

pub(super) async fn pieces_and_ranges_are_bounded(backend: &impl Backend) {
    let blobs = backend.open();
    let mut incoming = blobs.incoming(&key(1)).await.unwrap();
    let long = Bytes::from(vec![0; MAX_PIECE + 1]);
    assert!(matches!(incoming.append(long).await, Err(BlobError::TooLong)));
    append(&mut incoming, &bytes(MAX_PIECE + 10)).await;
    incoming.commit(&key(1)).await.unwrap();
    let blob = blobs.open(&key(1)).await.unwrap();
    let end = blob.len();
    assert!(matches!(blob.read(0..end).await, Err(BlobError::TooLong)));
    for range in [0..end + 1, end + 1..end + 2, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
        assert!(matches!(blob.read(range.clone()).await, Err(BlobError::OutOfRange)), "{range:?}");
    }
    #[allow(clippy::reversed_empty_ranges, reason = "that is the case under test")]
    let reversed = blob.read(5..4).await;
    assert!(matches!(reversed, Err(BlobError::OutOfRange)));
    assert_eq!(blob.read(end..end).await.unwrap(), Bytes::new());
    assert_eq!(blob.read(end - 1..end).await.unwrap(), bytes(MAX_PIECE + 10)[MAX_PIECE + 9..]);
}

pub(super) async fn a_listing_names_each_blob_once_in_its_shard(backend: &impl Backend) {
    let blobs = backend.open();
    for n in [7, 200, 8] {
        store(&blobs, n, &[n; 3]).await;
    }
    let twin: BlobKey = "ffffffffffffff07".parse().unwrap();
    blobs.incoming(&twin).await.unwrap().commit(&twin).await.unwrap();
    assert_eq!(all(&blobs).await, [key(7), twin.clone(), key(8), key(200)]);
    let listing = blobs.list(7).await.unwrap();
    assert_eq!(listing.foreign, 0);
    let lens: Vec<_> = listing.blobs.iter().map(|listed| (listed.key.clone(), listed.len)).collect();
    assert_eq!(lens, [(key(7), 3), (twin, 0)]);
}

pub(super) async fn d10_the_sweep_takes_old_uploads_that_nobody_holds(backend: &impl Backend) {
    let blobs = backend.open();
    let mut held = blobs.incoming(&key(1)).await.unwrap();
    append(&mut held, b"held").await;
    append(&mut blobs.incoming(&key(2)).await.unwrap(), b"left").await;
    store(&blobs, 3, b"a blob").await;
    let hour = Duration::from_secs(3600);
    let now = UnixMillis(u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    assert_eq!(blobs.sweep_incoming(now, hour).await.unwrap(), Swept { removed: 0, kept: 2 });
    let before = UnixMillis(0);
    assert_eq!(blobs.sweep_incoming(before, hour).await.unwrap().removed, 0, "a clock that went back");
    let later = now.plus(2 * hour);
    assert_eq!(blobs.sweep_incoming(later, hour).await.unwrap(), Swept { removed: 1, kept: 1 });
    assert!(blobs.incoming(&key(2)).await.unwrap().is_empty());
    append(&mut held, b", still").await;
    held.commit(&key(1)).await.unwrap();
    assert_eq!(load(&blobs, 1).await.unwrap(), b"held, still");
    assert_eq!(load(&blobs, 3).await.unwrap(), b"a blob");
}

/// Runs the contract as tests of one backend.
macro_rules! blob_contract {
    ($backend:expr) => {
        crate::store::blobs::contract::blob_contract! { $backend =>
            what_is_committed_comes_back_after_reopening
            nothing_shows_before_the_commit
            an_upload_is_resumed_where_it_was_cut_off
            an_incoming_file_has_one_writer
            d04_of_two_uploads_of_one_key_one_is_stored
            what_is_deleted_is_gone
            what_is_aborted_is_gone
            pieces_and_ranges_are_bounded
            a_listing_names_each_blob_once_in_its_shard
            d10_the_sweep_takes_old_uploads_that_nobody_holds
        }
    };
    ($backend:expr => $($test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            crate::store::blobs::contract::$test(&$backend).await;
        })*
    };
}
pub(super) use blob_contract;
