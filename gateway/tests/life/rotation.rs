//! A new vault key and a new receipt key, and phones that were away for part of the overlap, for all of it, or for several changes.

use safelight_core::client::{CancelToken, ClientError};
use safelight_core::wire::RefusalCode;
use safelight_gateway::clinic::access::Actor;
use safelight_gateway::clinic::receipt_key::{self, Old, OrderError};

use crate::DAY;
use crate::clinic::{Gateway, Phone, eventually};

/// Its overlap ends by itself, without a restart or a new link: the phone is told to take the new keys, and then does.
async fn recovers(phone: &Phone) {
    let refused = eventually("the end of the overlap", || async { phone.sends().await.err() }).await;
    assert!(matches!(refused, ClientError::Refused(RefusalCode::KeySetTooOld)), "{refused:?}");
    assert!(RefusalCode::KeySetTooOld.advice().contains("update its keys"));
    phone.visit().await.expect("an active phone");
    phone.sends().await.expect("with the new keys");
}

/// A phone that was away keeps sending with the vault key that it has, until the overlap is over.
#[tokio::test(flavor = "multi_thread")]
async fn s22_an_old_vault_key_is_taken_within_the_overlap_and_not_after() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    phone.sends().await.expect("an active phone");
    assert_eq!(gateway.opens_everything().await, 1);
    assert_eq!(gateway.rotate_vault().await.epoch, 2);
    assert_eq!(gateway.opens_everything().await, 1, "what was there before the rotation");
    gateway.pass(25 * DAY).await;
    phone.client.renew().await.expect("an active phone");
    assert_eq!(phone.key_set(), 1);
    phone.sends().await.expect("the one before, within its overlap");
    assert_eq!(gateway.opens_everything().await, 2, "sealed to the old key, and re-wrapped");
    gateway.pass(6 * DAY).await;
    recovers(&phone).await;
    assert_eq!((phone.key_set(), gateway.opens_everything().await), (2, 3));
}

/// Two rotations, a new receipt key and a new name within a week: what was sealed before all of them is still taken.
#[tokio::test(flavor = "multi_thread")]
async fn x54_several_changes_within_one_overlap_refuse_nobody_who_was_away() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    let mut sealed = vec![phone.seals()];
    gateway.rotate_vault().await;
    phone.visit().await.expect("an active phone");
    sealed.push(phone.seals());
    gateway.pass(DAY).await;
    gateway.rotate_receipt_key().await;
    phone.visit().await.expect("an active phone");
    sealed.push(phone.seals());
    gateway.pass(DAY).await;
    gateway.stop().await;
    gateway.config.clinic_name = "Renamed".to_owned();
    gateway.start().await;
    gateway.pass(DAY).await;
    gateway.rotate_vault().await;
    for (at, sealed) in sealed.iter().enumerate() {
        let receipt = phone.client.upload(sealed, |_| {}, &CancelToken::new()).await;
        receipt.unwrap_or_else(|error| panic!("sealed under key set {}: {error}", at + 1));
    }
    assert_eq!(phone.key_set(), 3);
    phone.visit().await.expect("an active phone");
    assert_eq!(phone.key_set(), 5);
    phone.sends().await.expect("with the newest");
    assert_eq!(gateway.opens_everything().await, 4);
}

/// A phone that is away gets receipts by the key of then; after the overlap that key is gone, and the phone recovers by the key set.
#[tokio::test(flavor = "multi_thread")]
async fn x55_an_old_receipt_key_signs_within_the_overlap_and_is_removed_after_it() {
    let gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    gateway.rotate_receipt_key().await;
    let old = gateway.layout.ingest().join("receipt-previous.key");
    assert!(old.exists());
    gateway.pass(25 * DAY).await;
    phone.client.renew().await.expect("an active phone");
    phone.sends().await.expect("a receipt by the key of then");
    assert_eq!(phone.key_set(), 1);
    let early = receipt_key::order(&gateway.open().await, Old::Overlaps, &Actor::shell()).await;
    assert!(matches!(early, Err(OrderError::TooEarly(_))), "{early:?}");
    gateway.pass(6 * DAY).await;
    recovers(&phone).await;
    assert_eq!(phone.key_set(), 2);
    eventually("the old key is removed", || async { (!old.exists()).then_some(()) }).await;
    gateway.rotate_receipt_key().await;
    phone.sends().await.expect("a receipt by the key of then");
}
