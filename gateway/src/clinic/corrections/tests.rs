//! Decisions in a real catalog: what a transaction finds that was not so when the form was read.

use super::*;
use crate::clinic::care::tests::{NOW, Place, hex, number, person};

const CAPTURE: CaptureId = CaptureId::from_bytes([9; 16]);

/// The picture, reported, and its report.
async fn reported(place: &Place) -> (Report, Picture) {
    let mut tx = place.catalog.write().await.unwrap();
    let id = report(&mut tx, (CAPTURE, &number(1)), Kind::WrongPatient, &[], &person("one"), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let report = find(&place.catalog, &id.unwrap()).await.unwrap().unwrap();
    (report, pictures::find(&place.catalog, CAPTURE).await.unwrap().unwrap())
}

async fn decides(
    place: &Place,
    (report, picture): &(Report, Picture),
    decision: Decision,
    (by, decider): (&str, Decider),
) -> Decided {
    let mut tx = place.catalog.write().await.unwrap();
    let why = Because { by: &person(by), at: NOW, words: &[] };
    let decided = decide(&mut tx, (report, picture), decision, decider, why).await.unwrap();
    tx.commit().await.unwrap();
    decided
}

async fn filed(place: &Place) -> Option<Handle> {
    pictures::find(&place.catalog, CAPTURE).await.unwrap().unwrap().filed
}

#[tokio::test]
async fn a_picture_goes_to_nobody_whose_number_was_taken_back_or_merged_meanwhile() {
    let place = Place::new().await;
    let waiting = reported(&place).await;
    let second = Numbered { number: number(2), record: number(2) };
    let officer = ("two", Decider::Officer);
    // Taken back: the row stays, and nobody is known by it.
    place.does(&format!("UPDATE patient SET identity = x'' WHERE handle = {}", hex(&number(2)))).await;
    assert_eq!(decides(&place, &waiting, Decision::Moved(second), officer).await, Decided::Changed);
    place.does(&format!("UPDATE patient SET identity = x'00' WHERE handle = {}", hex(&number(2)))).await;
    // Parted: the number was another record's when it was typed.
    let merged = Numbered { number: number(2), record: number(1) };
    assert_eq!(decides(&place, &waiting, Decision::Moved(merged), officer).await, Decided::Changed);
    assert_eq!(filed(&place).await, Some(number(1)));
    assert_eq!(decides(&place, &waiting, Decision::Moved(second), officer).await, Decided::Done { left: true });
    assert_eq!(filed(&place).await, Some(number(2)), "the control");
    assert_eq!(decides(&place, &waiting, Decision::Moved(second), officer).await, Decided::Already);
}

#[tokio::test]
async fn an_author_who_does_not_see_the_patient_any_more_moves_nothing_there() {
    let place = Place::new().await;
    let waiting = reported(&place).await;
    let second = Decision::Moved(Numbered { number: number(2), record: number(2) });
    assert_eq!(decides(&place, &waiting, second, ("one", Decider::Author)).await, Decided::Changed);
    let sql = "INSERT INTO care (patient, person, since, until, added_by) VALUES";
    place.does(&format!("{sql} ({}, 'one', 1, {}, 'two')", hex(&number(2)), NOW.0)).await;
    assert_eq!(decides(&place, &waiting, second, ("one", Decider::Author)).await, Decided::Changed, "it is over");
    place.does(&format!("UPDATE care SET until = {} WHERE added_by = 'two'", NOW.0 + 1)).await;
    assert_eq!(decides(&place, &waiting, second, ("one", Decider::Author)).await, Decided::Done { left: true });
}

#[tokio::test]
async fn whoever_withdraws_their_only_picture_of_a_patient_is_off_the_team() {
    let place = Place::new().await;
    let waiting = reported(&place).await;
    assert_eq!(
        decides(&place, &waiting, Decision::Restored, ("one", Decider::Author)).await,
        Decided::Done { left: false }
    );
    assert!(place.is_on("one").await, "the control");
    let waiting = reported(&place).await;
    assert_eq!(
        decides(&place, &waiting, Decision::Withdrawn, ("one", Decider::Author)).await,
        Decided::Done { left: true }
    );
    assert!(!place.is_on("one").await);
}
