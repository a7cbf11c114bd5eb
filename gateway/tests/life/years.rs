//! Two years of a clinic in which nothing is attacked: phones that come every day, stay away for weeks, are lost, are revoked.

use safelight_core::client::{CancelToken, ClientError};
use safelight_core::wire::CloseReason;

use crate::DAY;
use crate::clinic::Gateway;

/// One phone is used all the time, one once a fortnight, one is revoked early, one is lost in a drawer and found a year later. All of the
/// while, the ones that are used get in, with certificates that they renew themselves, and the others do not. Twice a year the vault gets a new key,
/// and in between the receipts do; every picture opens to the end.
#[tokio::test(flavor = "multi_thread")]
async fn two_years_in_which_nobody_is_locked_out_and_nobody_comes_back() {
    let mut gateway = Gateway::running().await;
    let mut sent = 0;
    let (daily, fortnightly) = (gateway.enrol("daily").await, gateway.enrol("fortnightly").await);
    let (revoked, lost) = (gateway.enrol("revoked").await, gateway.enrol("lost").await);
    for phone in [&daily, &fortnightly, &revoked, &lost] {
        phone.visit().await.expect("a phone that was just enrolled");
    }
    let first = daily.client.device().certificate;
    gateway.decide(revoked.id, false).await;
    for step in 1..=104 {
        gateway.pass(7 * DAY).await;
        daily.visit().await.unwrap_or_else(|error| panic!("week {step}: {error}"));
        if step % 2 == 0 {
            fortnightly.visit().await.unwrap_or_else(|error| panic!("week {step}: {error}"));
        }
        match step % 26 {
            8 => drop(gateway.rotate_vault().await),
            21 => gateway.rotate_receipt_key().await,
            _ => {}
        }
        // With the keys of before, in the weeks of a change.
        if step % 13 == 8 {
            for phone in [&daily, &fortnightly] {
                phone.sends().await.unwrap_or_else(|error| panic!("week {step}: {error}"));
                sent += 1;
            }
        }
        for phone in [&daily, &fortnightly] {
            assert!(gateway.usable_certificates(phone.id).await >= 1, "week {step}");
        }
        let refused = revoked.visit().await;
        // First for being revoked; once its certificate has ended, already in the handshake.
        let reason = if step <= 4 { CloseReason::Revoked } else { CloseReason::Expired };
        assert!(
            is_shut_out(&refused, CloseReason::Revoked) || is_shut_out(&refused, reason),
            "week {step}: {refused:?}"
        );
        if step == 52 {
            let refused = lost.visit().await;
            assert!(is_shut_out(&refused, CloseReason::Expired), "a year in a drawer: {refused:?}");
        }
    }
    assert_ne!(daily.client.device().certificate, first);
    // Ingest's own certificate, which phones have checked at each visit, was renewed too; nothing was issued in excess.
    assert!(gateway.entries("ingest-certified").await >= 10);
    let issued = gateway.entries("certificate-issued").await;
    assert!((50..=104).contains(&issued), "{issued} certificates in two years");
    let key_set = gateway.open().await.key_set().key_set().clone();
    assert_eq!((key_set.vault_epoch, key_set.number, sent), (5, 9, 16));
    assert_eq!(gateway.opens_everything().await, sent);
    // Whoever was lost is invited again.
    gateway.enrol("found").await.visit().await.expect("a phone that was just enrolled");
}

/// The days of grace, and the one after them.
#[tokio::test(flavor = "multi_thread")]
async fn e17_an_expired_certificate_is_renewed_within_its_grace_and_not_after() {
    let gateway = Gateway::running().await;
    let (early, late, revoked) =
        (gateway.enrol("early").await, gateway.enrol("late").await, gateway.enrol("gone").await);
    gateway.pass(43 * DAY).await;
    // In its grace it may renew and nothing else.
    let refused = early.client.update_key_set(gateway.world.now()).await;
    assert_eq!(refused.expect_err("refused").code(), "renew-first");
    early.visit().await.expect("within the grace");
    early.client.update_key_set(gateway.world.now()).await.expect("with a certificate that holds");
    gateway.decide(revoked.id, false).await;
    gateway.in_force().await;
    let refused = revoked.visit().await;
    assert!(is_shut_out(&refused, CloseReason::Revoked), "the grace is for devices that are active: {refused:?}");
    gateway.pass(2 * DAY).await;
    let refused = late.visit().await;
    assert!(is_shut_out(&refused, CloseReason::Expired), "{refused:?}");
    assert_eq!(gateway.usable_certificates(late.id).await, 0);
}

/// The answers to renewals get lost for weeks, as on a bad link, or because somebody in between drops them. The certificate that the phone
/// has stays in ingest's list, however many it never received.
#[tokio::test(flavor = "multi_thread")]
async fn x13_renewals_that_are_lost_for_weeks_lock_nobody_out() {
    let gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    let has = phone.client.device().certificate;
    gateway.pass(20 * DAY).await;
    for day in 20..30 {
        for _ in 0..2 {
            let twin = phone.twin();
            twin.renew().await.unwrap_or_else(|error| panic!("day {day}: {error}"));
            twin.disconnect().await;
        }
        phone.client.disconnect().await;
        let let_in = phone.client.update_key_set(gateway.world.now()).await;
        assert!(let_in.is_ok(), "day {day}: {let_in:?}");
        gateway.pass(DAY).await;
    }
    assert_eq!(phone.client.device().certificate, has, "the phone itself received nothing");
    phone.visit().await.expect("and then one arrives");
    assert_ne!(phone.client.device().certificate, has);
    phone.visit().await.expect("with the new one");
}

/// A picture waits in the phone's memory while the phone renews: it was signed by a key that no connection shows any more.
#[tokio::test(flavor = "multi_thread")]
async fn x16_what_was_sealed_before_a_renewal_is_stored_after_it() {
    let gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    let sealed = phone.seals();
    phone.client.renew().await.expect("a certificate");
    let receipt = phone.client.upload(&sealed, |_| {}, &CancelToken::new()).await;
    receipt.expect("it is the phone's picture still");
}

/// A connection is kept alive for longer than the certificate that it was made with: it may then do what the certificate still may.
#[tokio::test(flavor = "multi_thread")]
async fn x15_a_connection_does_not_outlive_its_certificate() {
    let gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    let ask = || phone.client.update_key_set(gateway.world.now());
    ask().await.expect("an active phone");
    gateway.pass(31 * DAY).await;
    assert_eq!(ask().await.expect_err("in its grace it may only renew").code(), "renew-first");
    gateway.pass(14 * DAY).await;
    assert_eq!(ask().await.expect_err("its certificate has ended").code(), "expired");
}

/// A clinic closes for six weeks and switches everything off. Nobody could renew in that time, so it counts against nobody's grace.
#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_that_was_closed_for_six_weeks_opens_again() {
    let mut gateway = Gateway::running().await;
    let (new, old, gone) = (gateway.enrol("new").await, gateway.enrol("old").await, gateway.enrol("gone").await);
    let (away, revoked) = (gateway.enrol("away").await, gateway.enrol("revoked").await);
    // On the last day one has just renewed; another need not for a day; one has been away past its grace.
    gateway.pass(25 * DAY).await;
    for phone in [&new, &old, &away, &revoked] {
        phone.visit().await.expect("an active phone");
    }
    gateway.pass(19 * DAY).await;
    old.visit().await.expect("an active phone");
    gateway.pass(DAY).await;
    new.client.renew().await.expect("an active phone");
    revoked.client.renew().await.expect("an active phone");
    gateway.decide(revoked.id, false).await;
    let refused = gone.visit().await;
    assert!(is_shut_out(&refused, CloseReason::Expired), "{refused:?}");
    gateway.stop().await;
    gateway.pass(42 * DAY).await;
    gateway.start().await;
    for (phone, name) in [(&new, "new"), (&old, "old"), (&away, "away")] {
        phone.visit().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        phone.visit().await.unwrap_or_else(|error| panic!("{name}, once more: {error}"));
    }
    for (phone, reason) in [(&gone, CloseReason::Expired), (&revoked, CloseReason::Revoked)] {
        let refused = phone.visit().await;
        assert!(is_shut_out(&refused, reason), "closing brought somebody back: {refused:?}");
    }
}

/// The closing is forgotten: who did not come within the grace after it has to be enrolled again.
#[tokio::test(flavor = "multi_thread")]
async fn a_closing_extends_the_grace_once() {
    let mut gateway = Gateway::running().await;
    let (prompt, late) = (gateway.enrol("prompt").await, gateway.enrol("late").await);
    gateway.stop().await;
    gateway.pass(80 * DAY).await;
    gateway.start().await;
    gateway.pass(13 * DAY).await;
    // A restart in between takes nothing away.
    gateway.stop().await;
    gateway.start().await;
    prompt.visit().await.expect("within the grace");
    gateway.pass(2 * DAY).await;
    let refused = late.visit().await;
    assert!(is_shut_out(&refused, CloseReason::Expired), "{refused:?}");
    prompt.visit().await.expect("an active phone");
}

/// Whether the gateway has turned the phone away for this reason: by its word, or for an expired certificate already in the handshake.
fn is_shut_out(outcome: &Result<(), ClientError>, reason: CloseReason) -> bool {
    match outcome {
        Err(ClientError::Closed(said)) => *said == reason,
        Err(ClientError::CertificateOutOfTime) => reason == CloseReason::Expired,
        _ => false,
    }
}
