//! The index against a log in a real catalog: what it finds, how, and what shows when somebody has changed it.

use ed25519_dalek::SigningKey;
use safelight_core::manifest::OperatorId;
use tempfile::TempDir;

use super::*;
use crate::clinic::access::{AccessLog, Actor, Event};
use crate::clinic::schema;
use crate::store::catalog::Catalog;

struct Place {
    _folder: TempDir,
    access: AccessLog,
}

const START: u64 = 1_800_000_000_000;

fn at(second: u64) -> UnixMillis {
    UnixMillis(START + second * 1000)
}

fn person(id: &str) -> OperatorId {
    id.parse().unwrap()
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(folder.path().join("clinic.db"), &schema::migrations()).await.unwrap();
        let key = SigningKey::from_bytes(&[5; 32]);
        let log = MerkleLog::new(catalog, "clinic.example/access", key.verifying_key()).unwrap();
        Self { _folder: folder, access: AccessLog::new(log, key) }
    }

    fn catalog(&self) -> &Catalog {
        self.access.log().catalog()
    }

    async fn record(&self, by: &str, second: u64, event: Event<'_>) {
        let mut tx = self.catalog().write().await.unwrap();
        self.access.record(&mut tx, &Actor::Person(person(by)), at(second), &[event]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn find(&self, filter: &Filter, before: Option<(UnixMillis, u64)>, limit: u32) -> Vec<u64> {
        let mut tx = self.catalog().read().await.unwrap();
        let found = find(&mut tx, filter, before, limit).await.unwrap();
        found.iter().map(|found| found.index).collect()
    }

    async fn change(&self, sql: &'static str) {
        let mut tx = self.catalog().write().await.unwrap();
        assert!(sqlx::query(sql).execute(&mut *tx).await.unwrap().rows_affected() > 0, "{sql}");
        tx.commit().await.unwrap();
    }
}

/// Two people who look at two patients in turn, one of them at a picture of the second too.
async fn looked() -> Place {
    let place = Place::new().await;
    for second in 0..10 {
        let (by, patient) = (["one", "other"][usize::from(second % 2 == 1)], [u8::from(second % 4 < 2); 32]);
        place.record(by, second, Event::PatientViewed(patient)).await;
    }
    place.record("one", 10, Event::PictureViewed(CaptureId::from_bytes([9; 16]), [1; 32])).await;
    place.record("one", 11, Event::PersonAdded(&person("new"))).await;
    place.record("one", 12, Event::DeviceRevoked(DeviceId::from_bytes([8; 16]))).await;
    place
}

#[tokio::test]
async fn each_filter_finds_its_entries_newest_first_and_page_by_page() {
    let place = looked().await;
    let actor = |id: &str| Some(format!("person:{id}"));
    for (filter, expected) in [
        (Filter::default(), (0..13).rev().collect()),
        (Filter { actor: actor("one"), ..Filter::default() }, vec![12, 11, 10, 8, 6, 4, 2, 0]),
        (Filter { patient: Some([1; 32]), ..Filter::default() }, vec![10, 9, 8, 5, 4, 1, 0]),
        (Filter { patient: Some([1; 32]), actor: actor("other"), ..Filter::default() }, vec![9, 5, 1]),
        (Filter { picture: Some(CaptureId::from_bytes([9; 16])), ..Filter::default() }, vec![10]),
        (Filter { device: Some(DeviceId::from_bytes([8; 16])), ..Filter::default() }, vec![12]),
        (Filter { person: Some("new".to_owned()), ..Filter::default() }, vec![11]),
        (Filter { kinds: vec!["person-added", "picture-viewed"], ..Filter::default() }, vec![11, 10]),
        (Filter { from: Some(at(3)), until: Some(at(6)), ..Filter::default() }, vec![5, 4, 3]),
        (Filter { actor: Some("' OR 1=1 --".to_owned()), ..Filter::default() }, vec![]),
        (Filter { person: Some("' OR 1=1 --".to_owned()), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(place.find(&filter, None, 100).await, expected, "{filter:?}");
        let (mut paged, mut before): (Vec<u64>, _) = (Vec::new(), None);
        loop {
            let page = place.find(&filter, before, 2).await;
            let Some(last) = page.last() else { break };
            before = Some((at(*last), *last));
            paged.extend(page);
        }
        assert_eq!(paged, expected, "{filter:?}, two at a time");
    }
}

#[tokio::test]
async fn a_picture_that_was_moved_is_found_by_both_patients() {
    let place = looked().await;
    let picture = CaptureId::from_bytes([9; 16]);
    place.record("one", 13, Event::PictureMoved([7; 16], picture, [1; 32], [2; 32])).await;
    let kinds = vec!["picture-moved"];
    for (filter, expected) in [
        (Filter { patient: Some([2; 32]), ..Filter::default() }, vec![13]),
        (Filter { former: Some([1; 32]), ..Filter::default() }, vec![13]),
        (Filter { former: Some([1; 32]), kinds, from: Some(at(1)), ..Filter::default() }, vec![13]),
        (Filter { former: Some([2; 32]), ..Filter::default() }, vec![]),
        // Whoever looked before that has looked at the former patient's.
        (Filter { picture: Some(picture), kinds: LOOKS.to_vec(), ..Filter::default() }, vec![10]),
    ] {
        assert_eq!(place.find(&filter, None, 100).await, expected, "{filter:?}");
    }
    assert_eq!(wrong(place.access.log()).await.unwrap(), 0);
    place.change("UPDATE access_index SET former = NULL WHERE idx = 13").await;
    assert_eq!(wrong(place.access.log()).await.unwrap(), 1, "what somebody takes out of the row is found");
}

/// A filter that read the whole table would be slow once the log is long.
#[tokio::test]
async fn no_filter_reads_the_whole_table() {
    let place = looked().await;
    let actor = Some("person:one".to_owned());
    let filters = [
        Filter { actor: actor.clone(), ..Filter::default() },
        Filter { person: Some("new".to_owned()), ..Filter::default() },
        Filter { patient: Some([1; 32]), ..Filter::default() },
        Filter { former: Some([1; 32]), ..Filter::default() },
        Filter { former: Some([1; 32]), kinds: vec!["picture-moved"], from: Some(at(1)), ..Filter::default() },
        Filter { picture: Some(CaptureId::from_bytes([9; 16])), ..Filter::default() },
        Filter { picture: Some(CaptureId::from_bytes([9; 16])), kinds: LOOKS.to_vec(), ..Filter::default() },
        Filter { device: Some(DeviceId::from_bytes([8; 16])), ..Filter::default() },
        Filter { kinds: vec!["picture-viewed"], ..Filter::default() },
        Filter { kinds: LOOKS.to_vec(), ..Filter::default() },
        Filter { kinds: LOOKS.to_vec(), patient: Some([1; 32]), from: Some(at(1)), ..Filter::default() },
        Filter { kinds: LOOKS.to_vec(), actor, from: Some(at(1)), until: Some(at(2)), ..Filter::default() },
        Filter { from: Some(at(1)), ..Filter::default() },
        Filter { until: Some(at(1)), ..Filter::default() },
    ];
    let mut tx = place.catalog().read().await.unwrap();
    for filter in filters {
        for before in [None, Some((at(5), 5))] {
            let (sql, values) = query(&filter, before, 100).unwrap();
            let mut asked = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
            for value in values {
                asked = match value {
                    Value::Text(text) => asked.bind(text),
                    Value::Bytes(bytes) => asked.bind(bytes),
                    Value::Number(number) => asked.bind(number),
                };
            }
            let plan: Vec<String> =
                asked.fetch_all(&mut *tx).await.unwrap().iter().map(|row| row.try_get(3).unwrap()).collect();
            assert!(plan.iter().any(|step| step.starts_with("SEARCH i ")), "{filter:?}: {plan:?}");
            assert!(!plan.iter().any(|step| step.contains("SCAN")), "{filter:?}: {plan:?}");
        }
    }
    // The control: what has no index is scanned.
    let plan = sqlx::query("EXPLAIN QUERY PLAN SELECT idx FROM access_index WHERE actor LIKE '%one%'");
    let plan: String = plan.fetch_one(&mut *tx).await.unwrap().try_get(3).unwrap();
    assert!(plan.contains("SCAN"), "{plan}");
}

#[tokio::test]
async fn a_row_that_somebody_changed_took_out_or_added_is_found() {
    let place = looked().await;
    let log = place.access.log();
    assert_eq!(wrong(log).await.unwrap(), 0, "the control");
    assert!(is_whole(&mut place.catalog().read().await.unwrap()).await.unwrap());
    place.change("UPDATE access_index SET actor = 'person:other' WHERE idx = 10").await;
    let mut tx = place.catalog().read().await.unwrap();
    let filter = Filter { patient: Some([1; 32]), ..Filter::default() };
    let found = find(&mut tx, &filter, None, 100).await.unwrap();
    let untrue: Vec<u64> = found.iter().filter(|found| !found.is_true()).map(|found| found.index).collect();
    assert_eq!(untrue, [10]);
    drop(tx);
    assert_eq!(wrong(log).await.unwrap(), 1);
    place.change("DELETE FROM access_index WHERE idx = 3").await;
    assert!(!is_whole(&mut place.catalog().read().await.unwrap()).await.unwrap());
    assert_eq!(wrong(log).await.unwrap(), 2);
    place.change("INSERT INTO access_index (idx, kind, actor, at) VALUES (99, 'opened', 'uid:0', 1)").await;
    assert_eq!(wrong(log).await.unwrap(), 3);
    place.change("UPDATE log_entry SET entry = x'00' WHERE idx = 5").await;
    assert_eq!(wrong(log).await.unwrap(), 4);
}

#[tokio::test]
async fn entries_from_before_are_indexed_a_batch_at_a_time_and_new_ones_meanwhile() {
    let place = looked().await;
    let log = place.access.log();
    place.change("DELETE FROM access_index").await;
    place.change("INSERT INTO access_index (idx, kind, actor, at) VALUES (0, 'wrong', 'wrong', 1)").await;
    place.change("INSERT INTO access_index (idx, kind, actor, at) VALUES (500, 'wrong', 'wrong', 1)").await;
    assert!(!is_built(&mut place.catalog().read().await.unwrap()).await.unwrap());
    let mut batches = 0;
    while !build_some(log, 4).await.unwrap() {
        batches += 1;
        place.record("one", 100 + batches, Event::LogRead).await;
        assert!(batches < 20, "it does not end");
    }
    assert!(batches >= 3, "{batches}");
    assert!(is_built(&mut place.catalog().read().await.unwrap()).await.unwrap());
    assert_eq!(wrong(log).await.unwrap(), 0);
    place.record("one", 200, Event::LogRead).await;
    assert_eq!(wrong(log).await.unwrap(), 0, "and stays so");
    rebuild(log).await.unwrap();
    assert!(!is_built(&mut place.catalog().read().await.unwrap()).await.unwrap());
}

#[tokio::test]
async fn what_was_indexed_before_a_move_named_both_patients_is_indexed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(schema::FILE_NAME);
    let before: Vec<_> = schema::migrations().into_iter().filter(|migration| migration.number < 14).collect();
    let catalog = Catalog::create(path.clone(), &before).await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    settings::set_number(&mut tx, BUILT, COMPLETE).await.unwrap();
    tx.commit().await.unwrap();
    assert!(is_built(&mut catalog.read().await.unwrap()).await.unwrap(), "the control");
    catalog.close().await;
    let catalog = Catalog::open(path, &schema::migrations()).await.unwrap();
    assert!(!is_built(&mut catalog.read().await.unwrap()).await.unwrap());
}

#[tokio::test]
async fn where_a_picture_stood_before_each_report_is_told_by_the_log_and_by_no_clock() {
    let place = Place::new().await;
    let (picture, other) = (CaptureId::from_bytes([9; 16]), CaptureId::from_bytes([7; 16]));
    let (first, second, third) = ([1; 32], [2; 32], [3; 32]);
    let stood = async || stood(&mut place.catalog().read().await.unwrap(), picture).await.unwrap();
    let seen = async |number, after, before| {
        let filter = Filter { patient: Some(number), between: Some((after, before)), ..Filter::default() };
        place.find(&filter, None, 100).await
    };
    place.record("early", 50, Event::PatientViewed(first)).await;
    // The clock was ahead, and is set right afterwards.
    place.record("gateway", 90_000, Event::Verified(picture, first)).await;
    place.record("gateway", 51, Event::Verified(other, third)).await;
    place.record("one", 52, Event::PatientViewed(first)).await;
    assert_eq!(stood().await, [], "nobody has reported it");
    place.record("one", 53, Event::PictureReported([1; 16], picture, "wrong-patient")).await;
    place.record("late", 54, Event::PatientViewed(first)).await;
    place.record("two", 55, Event::PictureRestored([1; 16], picture)).await;
    place.record("two", 56, Event::PatientViewed(first)).await;
    place.record("two", 57, Event::PictureReported([2; 16], picture, "wrong-patient")).await;
    place.record("two", 58, Event::PictureMoved([2; 16], picture, first, second)).await;
    place.record("one", 59, Event::PictureReported([3; 16], picture, "wrong-patient")).await;
    place.record("two", 60, Event::PictureMoved([3; 16], picture, second, third)).await;
    place.record("one", 61, Event::PatientViewed(third)).await;
    let of = |number, after, before| Stood { number, after, before };
    assert_eq!(stood().await, [of(first, 1, 4), of(first, 6, 8), of(second, 9, 10)]);
    assert_eq!(seen(first, 1, 4).await, [3], "neither who came before it nor who came after its report");
    assert_eq!(seen(first, 6, 8).await, [7]);
    assert_eq!(seen(second, 9, 10).await, [] as [u64; 0]);
}
