//! An intruder in ingest has burnt the token with its own key and hopes that one day its words are those on the phone's screen. Each
//! beginning has new words; so beginnings are counted where the intruder cannot count them down.

use safelight_core::enrol::{Outcome, Refusal};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};

use crate::stranger::{Reply, Stranger, fresh_key, joins, request};
use crate::{device, entries, invited};

/// As often as the clinic process allows (`MAX_ATTEMPTS`).
const FEW: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn x10_words_are_rolled_a_few_times_and_then_the_invitation_is_void() {
    let gateway = Gateway::serving();
    let (invitation, csr) = (invited(&gateway, "phone"), request(&fresh_key()));
    let mut seen = Vec::new();
    let mut open = Vec::new();
    for roll in 0..FEW {
        let mut intruder = Stranger::comes(&invitation).await.expect("the listener is open");
        assert!(matches!(intruder.begins(&invitation.token, &csr, [5; 32]).await, Reply::Offered(_)), "roll {roll}");
        seen.push(intruder.reveals(&invitation, &csr, [5; 32]).await.expect("words"));
        open.push(intruder);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), FEW, "each beginning has words of its own");
    assert_eq!(device(&gateway, "phone")["attempts"].as_u64(), u64::try_from(FEW).ok());
    let shown = gateway.run(&["device", "list", "--data", "D"]).ok().text();
    assert!(shown.contains("it began 5 times"), "{shown}");

    let mut once_more = Stranger::comes(&invitation).await.expect("the listener is open");
    let reply = once_more.begins(&invitation.token, &csr, [5; 32]).await;
    assert_eq!(reply, Reply::Refused(Refusal::Invitation));
    // Whoever waited is declined, on every connection.
    for mut waiting in open {
        assert_eq!(waiting.hears_outcome().await, Some(Outcome::Refused(Refusal::Declined)));
    }
    let declined = device(&gateway, "phone");
    assert_eq!((text(&declined, "status"), declined["void"].as_bool()), ("revoked", Some(true)));
    gateway.run(&["device", "approve", text(&declined, "id"), "--data", "D"]).exits(6);
    for kind in ["invitation-voided", "device-revoked"] {
        assert_eq!(entries(&gateway, "access", kind).len(), 1, "{kind}");
    }
    assert!(entries(&gateway, "access", "certificate-issued").is_empty());
    // The clinic goes on: the next invitation is as good as any.
    gateway.enrol("another");
}

/// A phone that must come again on a bad link is not shut out by this.
#[tokio::test(flavor = "multi_thread")]
async fn x10_a_phone_on_a_bad_link_is_enrolled_at_its_last_attempt() {
    let gateway = Gateway::serving();
    let (invitation, key) = (invited(&gateway, "phone"), fresh_key());
    for _ in 1..FEW {
        let mut lost = Stranger::comes(&invitation).await.expect("the listener is open");
        assert!(matches!(lost.begins(&invitation.token, &request(&key), [5; 32]).await, Reply::Offered(_)));
        lost.connection.close(0_u32.into(), b"");
    }
    let joining = tokio::spawn(async move { joins(&invitation, key, PATIENCE, |_| {}).await });
    let waiting = until("words", PATIENCE, || {
        let device = device(&gateway, "phone");
        device.get("words").is_some().then_some(device)
    });
    gateway.run(&["device", "approve", text(&waiting, "id"), "--data", "D"]).ok();
    joining.await.expect("no panic").expect("a certificate");
}

/// A nonce that was not committed to: the attempt ends, and it counted.
#[tokio::test(flavor = "multi_thread")]
async fn x11_a_nonce_that_was_not_committed_to_shows_no_words() {
    let gateway = Gateway::serving();
    let (invitation, csr) = (invited(&gateway, "phone"), request(&fresh_key()));
    let mut stranger = Stranger::comes(&invitation).await.expect("the listener is open");
    assert!(matches!(stranger.begins(&invitation.token, &csr, [5; 32]).await, Reply::Offered(_)));
    assert_eq!(stranger.reveals(&invitation, &csr, [6; 32]).await, Err(Refusal::Request));
    assert!(device(&gateway, "phone").get("words").is_none());
    assert_eq!(crate::refusals(&gateway, Refusal::Request.code()), 1);
}
