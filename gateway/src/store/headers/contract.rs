//! What every header store must do. A backend is a place; opening it again is what a restart does.

use super::*;

pub(super) trait Backend {
    type Store: Headers;
    fn open(&self) -> impl Future<Output = Self::Store>;
}

pub(super) fn header(id: u8, kind: Kind, text: &str) -> Header {
    Header { id: HeaderId::from_bytes([id; 16]), kind, bytes: text.as_bytes().to_vec() }
}

fn id(n: u8) -> HeaderId {
    HeaderId::from_bytes([n; 16])
}

pub(super) async fn headers_come_back_after_reopening(backend: &impl Backend) {
    let long = "x".repeat(MAX_HEADER_LEN);
    let headers = [header(1, Kind::Picture, "one"), header(1, Kind::Label, "two"), header(2, Kind::Identity, &long)];
    backend.open().await.put(&headers).await.unwrap();
    let store = backend.open().await;
    for header in headers {
        assert_eq!(store.get(header.id, header.kind).await.unwrap(), Some(header.bytes));
    }
    assert_eq!(store.get(id(1), Kind::Thumbnail).await.unwrap(), None);
    assert_eq!(store.get(id(3), Kind::Picture).await.unwrap(), None);
}

pub(super) async fn many_are_got_at_once_and_those_that_are_not_there_are_left_out(backend: &impl Backend) {
    let store = backend.open().await;
    let headers: Vec<Header> = (0..=255).map(|n| header(n, Kind::Identity, &format!("of {n}"))).collect();
    store.put(&headers).await.unwrap();
    store.put(&[header(7, Kind::Picture, "another kind")]).await.unwrap();
    // More than one statement may name, each of them twice.
    let absent = HeaderId::from_bytes(*b"nobody has this ");
    let ids: Vec<HeaderId> = (0..=255).chain(0..=255).map(id).chain([absent]).collect();
    let mut found = store.get_many(&ids, Kind::Identity).await.unwrap();
    found.sort();
    found.dedup();
    let expected: Vec<(HeaderId, Vec<u8>)> = headers.into_iter().map(|header| (header.id, header.bytes)).collect();
    assert_eq!(found, expected);
    assert_eq!(store.get_many(&[], Kind::Identity).await.unwrap(), []);
    assert_eq!(store.get_many(&[id(7), id(8)], Kind::Picture).await.unwrap(), [(id(7), b"another kind".to_vec())]);
}

pub(super) async fn putting_is_all_or_nothing_and_never_over_another(backend: &impl Backend) {
    let store = backend.open().await;
    store.put(&[header(2, Kind::Picture, "first")]).await.unwrap();
    let clash = store.put(&[header(1, Kind::Picture, "new"), header(2, Kind::Picture, "second")]).await;
    assert!(matches!(clash, Err(HeaderError::Exists)));
    assert_eq!(store.get(id(1), Kind::Picture).await.unwrap(), None);
    assert_eq!(store.get(id(2), Kind::Picture).await.unwrap(), Some(b"first".to_vec()));
    for bad in [String::new(), "x".repeat(MAX_HEADER_LEN + 1)] {
        let bad = [header(9, Kind::Picture, &bad)];
        assert!(matches!(store.put(&bad).await, Err(HeaderError::TooLong)));
        assert!(matches!(store.replace(&bad).await, Err(HeaderError::TooLong)));
    }
}

pub(super) async fn replacing_is_all_or_nothing(backend: &impl Backend) {
    let store = backend.open().await;
    store.put(&[header(1, Kind::Picture, "old"), header(1, Kind::Label, "kept")]).await.unwrap();
    let missing = store.replace(&[header(1, Kind::Picture, "new"), header(2, Kind::Picture, "new")]).await;
    assert!(matches!(missing, Err(HeaderError::NotFound)));
    assert_eq!(store.get(id(1), Kind::Picture).await.unwrap(), Some(b"old".to_vec()));
    store.replace(&[header(1, Kind::Picture, "new and longer")]).await.unwrap();
    let store = backend.open().await;
    assert_eq!(store.get(id(1), Kind::Picture).await.unwrap(), Some(b"new and longer".to_vec()));
    assert_eq!(store.get(id(1), Kind::Label).await.unwrap(), Some(b"kept".to_vec()));
}

pub(super) async fn destroying_takes_every_kind_and_can_be_repeated(backend: &impl Backend) {
    let store = backend.open().await;
    let all: Vec<Header> = (1..=3).flat_map(|n| Kind::ALL.map(|kind| header(n, kind, "to be or not to be"))).collect();
    store.put(&all).await.unwrap();
    store.destroy(&[id(1), id(3), id(77)]).await.unwrap();
    store.destroy(&[id(1)]).await.unwrap();
    let store = backend.open().await;
    assert_eq!(store.ids(None, MAX_IDS).await.unwrap(), [id(2)]);
    for kind in Kind::ALL {
        assert_eq!(store.get(id(1), kind).await.unwrap(), None);
        assert!(store.get(id(2), kind).await.unwrap().is_some());
    }
}

pub(super) async fn ids_are_listed_in_order_and_in_pages(backend: &impl Backend) {
    let store = backend.open().await;
    assert_eq!(store.ids(None, 10).await.unwrap(), []);
    for n in [200, 0, 3, 127, 128] {
        store.put(&[header(n, Kind::Picture, "p"), header(n, Kind::Label, "l")]).await.unwrap();
    }
    assert_eq!(store.ids(None, 3).await.unwrap(), [id(0), id(3), id(127)]);
    assert_eq!(store.ids(Some(id(127)), 3).await.unwrap(), [id(128), id(200)]);
    assert_eq!(store.ids(Some(id(200)), 3).await.unwrap(), []);
}

/// Runs the contract as tests of one backend.
macro_rules! header_contract {
    ($backend:expr) => {
        crate::store::headers::contract::header_contract! { $backend =>
            headers_come_back_after_reopening
            many_are_got_at_once_and_those_that_are_not_there_are_left_out
            putting_is_all_or_nothing_and_never_over_another
            replacing_is_all_or_nothing
            destroying_takes_every_kind_and_can_be_repeated
            ids_are_listed_in_order_and_in_pages
        }
    };
    ($backend:expr => $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            crate::store::headers::contract::$test(&$backend).await;
        })*
    };
}
pub(super) use header_contract;
