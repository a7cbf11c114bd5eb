//! Care teams in a real catalog: what a transaction finds that a grant from before it did not know.

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::*;
use crate::clinic::schema;

pub(in crate::clinic) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// The handle of a number.
pub(in crate::clinic) const fn number(number: u8) -> Handle {
    [number; 32]
}

pub(in crate::clinic) fn person(id: &str) -> OperatorId {
    id.parse().unwrap()
}

pub(in crate::clinic) struct Place {
    _folder: TempDir,
    pub(in crate::clinic) catalog: Catalog,
}

impl Place {
    /// The clinicians one, two, three and four, and the patients of the numbers 1 and 2. One has taken a picture of the first.
    pub(in crate::clinic) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(folder.path().join(schema::FILE_NAME), &schema::migrations()).await.unwrap();
        let place = Self { _folder: folder, catalog };
        for id in ["one", "two", "three", "four"] {
            place.does(&format!("INSERT INTO person (id, name, created_at) VALUES ('{id}', '{id}', 1)")).await;
            let role = "INSERT INTO person_role (person, role, granted_at) VALUES";
            place.does(&format!("{role} ('{id}', 'clinician', 1)")).await;
        }
        for known in [1, 2] {
            let sql = "INSERT INTO patient (handle, identity, created_at, number) VALUES";
            place.does(&format!("{sql} ({}, x'00', 1, {known})", hex(&number(known)))).await;
        }
        place
            .does(&format!(
                "INSERT INTO picture (capture, seq, state, reason, device, operator, sequence, manifest, manifest_hash, label,
                     patient, filed, captured_at, stored_at, log_index, pulled_at)
                 VALUES ({}, 1, 'verified', '', {}, 'one', 1, x'00', {}, x'00', {}, {}, 1, 1, 1, 1)",
                hex(&[9; 16]),
                hex(&[5; 16]),
                hex(&[0; 32]),
                hex(&number(1)),
                hex(&number(1))
            ))
            .await;
        let mut tx = place.catalog.write().await.unwrap();
        assert!(joined(&mut tx, &number(1), "one", NOW).await.unwrap());
        tx.commit().await.unwrap();
        place
    }

    pub(in crate::clinic) async fn does(&self, sql: &str) {
        let mut tx = self.catalog.write().await.unwrap();
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
        tx.commit().await.unwrap();
    }

    /// `by` adds `who` to the team of the first patient for good.
    async fn adds(&self, by: &str, who: &str) -> Changed {
        let member = Member { patient: number(1), person: person(who), until: None, added_by: Some(person(by)) };
        let mut tx = self.catalog.write().await.unwrap();
        let changed = add(&mut tx, &member, false, NOW).await.unwrap();
        tx.commit().await.unwrap();
        changed
    }

    async fn ends(&self, by: &str, who: &str) -> Changed {
        let mut tx = self.catalog.write().await.unwrap();
        let changed = end(&mut tx, &number(1), &person(who), &person(by), NOW).await.unwrap();
        tx.commit().await.unwrap();
        changed
    }

    pub(in crate::clinic) async fn is_on(&self, who: &str) -> bool {
        is_on(&self.catalog, &number(1), &person(who), NOW).await.unwrap()
    }
}

pub(in crate::clinic) fn hex(bytes: &[u8]) -> String {
    format!("x'{}'", data_encoding::HEXLOWER.encode(bytes))
}

#[tokio::test]
async fn whoever_was_removed_meanwhile_adds_and_ends_nobody() {
    let place = Place::new().await;
    assert_eq!(place.adds("one", "two").await, Changed::Done, "the control");
    assert_eq!(place.adds("two", "three").await, Changed::Done, "the control");
    assert_eq!(place.ends("one", "two").await, Changed::Done);
    assert_eq!(place.adds("two", "four").await, Changed::Meanwhile);
    assert_eq!(place.ends("two", "three").await, Changed::Meanwhile);
    assert!(!place.is_on("four").await && place.is_on("three").await);

    place.does(&format!("INSERT INTO team (id, name, created_at) VALUES ({}, 'Wounds', 1)", hex(&[7; 16]))).await;
    let (patient, team) = (number(1), [7; 16]);
    let mut tx = place.catalog.write().await.unwrap();
    for (by, expected) in [("two", Changed::Meanwhile), ("one", Changed::Done), ("one", Changed::Nothing)] {
        let by = &person(by);
        let added = care_teams::Added { patient: &patient, team: &team, until: None, by, asks: false };
        assert_eq!(care_teams::add(&mut tx, &added, NOW).await.unwrap(), expected, "{by}");
    }
    for (by, expected) in [("two", Changed::Meanwhile), ("one", Changed::Done), ("one", Changed::Nothing)] {
        let ended = care_teams::end(&mut tx, &patient, &team, &person(by), NOW).await.unwrap();
        assert_eq!(ended, expected, "{by}");
    }
}

#[tokio::test]
async fn a_record_that_became_an_alias_meanwhile_is_not_changed() {
    let place = Place::new().await;
    let mut tx = place.catalog.write().await.unwrap();
    aliases::point(&mut tx, &number(1), &number(2)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(place.adds("one", "two").await, Changed::Meanwhile);
}

#[tokio::test]
async fn a_place_is_ended_by_whoever_has_it_or_gave_it_and_by_any_member_once_they_have_gone() {
    let place = Place::new().await;
    assert_eq!(place.adds("one", "two").await, Changed::Done);
    assert_eq!(place.adds("two", "three").await, Changed::Done);
    assert_eq!(place.adds("one", "four").await, Changed::Done);
    // Whoever gave it can: nobody else does.
    assert_eq!(place.ends("one", "three").await, Changed::Nothing);
    assert_eq!(place.ends("four", "three").await, Changed::Nothing);
    // A picture gave it: nobody else does either, whatever becomes of them.
    for gone in
        ["UPDATE person SET disabled_at = 1 WHERE id = 'one'", "UPDATE person SET disabled_at = NULL WHERE id = 'one'"]
    {
        assert_eq!(place.ends("four", "one").await, Changed::Nothing, "{gone}");
        place.does(gone).await;
    }
    for (gone, back) in [
        ("UPDATE person SET disabled_at = 1 WHERE id = 'two'", "UPDATE person SET disabled_at = NULL WHERE id = 'two'"),
        (
            "DELETE FROM person_role WHERE person = 'two'",
            "INSERT INTO person_role (person, role, granted_at) VALUES ('two', 'clinician', 1)",
        ),
        ("UPDATE care SET until = 1 WHERE person = 'two'", "UPDATE care SET until = NULL WHERE person = 'two'"),
    ] {
        place.does(gone).await;
        assert_eq!(place.ends("four", "three").await, Changed::Done, "{gone}");
        assert!(!place.is_on("three").await);
        place.does(back).await;
        assert_eq!(place.adds("two", "three").await, Changed::Done, "{back}");
        assert_eq!(place.ends("four", "three").await, Changed::Nothing, "{back}");
    }
    // Whoever leaves takes nobody along, and leaves nobody who cannot be ended.
    assert_eq!(place.ends("two", "two").await, Changed::Done);
    assert!(!place.is_on("two").await && place.is_on("three").await);
    assert_eq!(place.ends("one", "three").await, Changed::Done);
    assert_eq!(place.ends("one", "one").await, Changed::Done, "also what a picture gave");
    assert_eq!(place.ends("one", "four").await, Changed::Meanwhile);
}
