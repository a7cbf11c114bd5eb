//! Somebody sits between the phone and the clinic, or has changed what the QR code says.

use std::sync::{Arc, Mutex};

use safelight_core::client::ClientError;
use safelight_core::enrol::{Outcome, Refusal};
use safelight_core::invitation::Invitation;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};

use crate::stranger::{Reply, Stranger, fresh_key, joins, request};
use crate::{device, entries, invited, turned_away};

/// The address in the code leads to another gateway: its CA is another, so it is not even told the token.
#[tokio::test(flavor = "multi_thread")]
async fn e06_e08_another_address_with_our_fingerprint_is_told_nothing() {
    let (clinic, impostor) = (Gateway::serving(), Gateway::serving());
    let (ours, theirs) = (invited(&clinic, "phone"), invited(&impostor, "phone"));
    let tampered = Invitation { addresses: theirs.addresses.clone(), ..ours.clone() };
    let outcome = joins(&tampered, fresh_key(), PATIENCE, |_| panic!("words for an impostor")).await;
    assert!(matches!(outcome, Err(ClientError::NotTheClinic)), "{outcome:?}");
    assert!(impostor.devices().is_empty() && entries(&impostor, "intake", "turned-away").is_empty());
    // The positive control: with what belongs to that address it would have heard the token.
    let known = Invitation { token: ours.token.clone(), ..theirs };
    let heard = joins(&known, fresh_key(), PATIENCE, |_| {}).await;
    assert!(matches!(heard, Err(ClientError::EnrolmentRefused(Refusal::Invitation))), "{heard:?}");
    turned_away(&impostor, Refusal::Invitation.code());
}

/// A gateway of the same clinic's name, made by somebody who knows the clinic's id: the name counts for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn e07_a_gateway_that_is_called_the_same_is_not_the_same() {
    let (clinic, impostor) = (Gateway::serving(), Gateway::serving());
    let (ours, theirs) = (invited(&clinic, "phone"), invited(&impostor, "phone"));
    for tampered in [
        // The impostor's name and address, our fingerprint.
        Invitation { ca_sha256: ours.ca_sha256, ..theirs.clone() },
        // Our name, their fingerprint and address: their certificate is for another name.
        Invitation { clinic_id: ours.clinic_id, ..theirs.clone() },
    ] {
        let outcome = joins(&tampered, fresh_key(), PATIENCE, |_| panic!("words for an impostor")).await;
        assert!(matches!(outcome, Err(ClientError::NotTheClinic)), "{outcome:?}");
    }
}

/// Everything in the code was swapped. The phone enrols with the impostor, who at the same time comes to the clinic with the real token and
/// a key of its own. The words on the two screens are not the same, the admin does not approve, and nothing is issued.
#[tokio::test(flavor = "multi_thread")]
async fn e08_with_everything_swapped_the_words_differ_and_nobody_is_approved() {
    let (clinic, impostor) = (Gateway::serving(), Gateway::serving());
    let (ours, theirs) = (invited(&clinic, "phone"), invited(&impostor, "phone"));
    let shown: Arc<Mutex<Option<String>>> = Arc::default();
    let (screen, swapped) = (shown.clone(), theirs.clone());
    let phone = tokio::spawn(async move {
        let show = |words: &str| *screen.lock().expect("the screen") = Some(words.to_owned());
        joins(&swapped, fresh_key(), PATIENCE, show).await
    });
    let mut between = Stranger::comes(&ours).await.expect("the clinic listens");
    let csr = request(&fresh_key());
    assert!(matches!(between.begins(&ours.token, &csr, [5; 32]).await, Reply::Offered(_)));
    let its_words = between.reveals(&ours, &csr, [5; 32]).await.expect("words");
    let on_the_phone = until("words on the phone", PATIENCE, || shown.lock().expect("the screen").clone());

    let waiting = device(&clinic, "phone");
    assert_eq!((text(&waiting, "status"), text(&waiting, "words")), ("pending", its_words.as_str()));
    assert_ne!(on_the_phone, its_words);
    // The admin sees that, and says no.
    clinic.run(&["device", "revoke", text(&waiting, "id"), "--data", "D"]).ok();
    assert_eq!(between.hears_outcome().await, Some(Outcome::Refused(Refusal::Declined)));
    assert!(entries(&clinic, "access", "certificate-issued").is_empty());
    phone.abort();
}

/// A bystander photographs the code and is faster than the phone: the phone is refused, so that its owner asks, and the words that the admin
/// sees are on no screen in the room.
#[tokio::test(flavor = "multi_thread")]
async fn e09_a_bystander_who_is_faster_gets_nothing_without_the_admin() {
    let clinic = Gateway::serving();
    let invitation = invited(&clinic, "phone");
    let mut bystander = Stranger::comes(&invitation).await.expect("the clinic listens");
    let csr = request(&fresh_key());
    assert!(matches!(bystander.begins(&invitation.token, &csr, [5; 32]).await, Reply::Offered(_)));
    // No words yet: there is nothing that could be approved.
    let early = text(&device(&clinic, "phone"), "id").to_owned();
    clinic.run(&["device", "approve", &early, "--data", "D"]).exits(6);
    bystander.reveals(&invitation, &csr, [5; 32]).await.expect("words");

    let outcome = joins(&invitation, fresh_key(), PATIENCE, |_| panic!("words for the second")).await;
    assert!(matches!(outcome, Err(ClientError::EnrolmentRefused(Refusal::Invitation))), "{outcome:?}");
    assert_eq!(device(&clinic, "phone")["replays"].as_u64(), Some(1), "the admin sees that two came");
    clinic.run(&["device", "revoke", &early, "--data", "D"]).ok();
    assert_eq!(bystander.hears_outcome().await, Some(Outcome::Refused(Refusal::Declined)));
    clinic.run(&["device", "approve", &early, "--data", "D"]).exits(6);
    assert!(entries(&clinic, "access", "certificate-issued").is_empty());
}
