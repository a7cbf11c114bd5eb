//! A new CA takes the old one's place, without a phone that must be enrolled again.

use safelight_core::client::ClientError;
use safelight_gateway::clinic::access::Actor;
use safelight_gateway::clinic::rollover::{self, RolloverError, Step};

use crate::DAY;
use crate::clinic::Gateway;

async fn advance(gateway: &Gateway) -> Result<(), RolloverError> {
    rollover::advance(&gateway.open().await, &gateway.config, &Actor::shell()).await
}

/// The next step, as an admin takes it: stop, step, start.
async fn step(gateway: &mut Gateway) {
    gateway.stop().await;
    advance(gateway).await.expect("the step is due");
    gateway.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_the_ca_is_rolled_over_and_every_phone_that_comes_stays() {
    let mut gateway = Gateway::running().await;
    let (daily, away) = (gateway.enrol("daily").await, gateway.enrol("away").await);
    let (revoked, lost) = (gateway.enrol("revoked").await, gateway.enrol("lost").await);
    gateway.decide(revoked.id, false).await;
    let old_ca = gateway.open().await.ca.certificate().to_vec();
    gateway.pass(10 * DAY).await;
    away.client.renew().await.expect("an active phone");

    step(&mut gateway).await;
    assert!(matches!(rollover::step(&gateway.open().await).await.unwrap(), Step::Begun(_)));
    // Before phones had the time to learn of it the new CA does not take over.
    assert!(matches!(advance(&gateway).await, Err(RolloverError::TooEarly(_))));
    daily.visit().await.expect("an active phone");
    assert_eq!(daily.client.device().roots.len(), 2, "both are trusted");
    assert_eq!(daily.client.device().roots[0], old_ca);
    let during = gateway.enrol("during").await;

    // One was away for as long as its certificate and the grace allow, and comes back just before the switch.
    for _ in 0..6 {
        gateway.pass(7 * DAY).await;
        daily.visit().await.expect("an active phone");
        during.visit().await.expect("an active phone");
    }
    gateway.pass(DAY).await;
    away.visit().await.expect("in its grace");
    gateway.pass(3 * DAY).await;
    step(&mut gateway).await;
    let new_ca = gateway.open().await.ca.certificate().to_vec();
    assert_ne!(new_ca, old_ca);
    // The old CA's certificates still let in, and are renewed under the new one.
    for (phone, name) in [(&daily, "daily"), (&away, "away"), (&during, "during")] {
        phone.visit().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(phone.client.device().roots[0], new_ca, "{name}");
        phone.client.renew().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        phone.visit().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // Whoever enrols now pins the new one.
    let after = gateway.enrol("after").await;
    after.visit().await.expect("a phone that was just enrolled");
    for _ in 0..4 {
        gateway.pass(14 * DAY).await;
        for phone in [&daily, &away, &during, &after] {
            phone.visit().await.expect("an active phone");
        }
    }
    step(&mut gateway).await;
    for phone in [&daily, &away, &during, &after] {
        phone.visit().await.expect("an active phone");
        assert_eq!(phone.client.device().roots, std::slice::from_ref(&new_ca), "the old one is trusted no more");
    }
    assert!(revoked.visit().await.is_err() && lost.visit().await.is_err(), "nobody came back with the new CA");
    assert_eq!(rollover::step(&gateway.open().await).await.unwrap(), Step::One);
    for kind in ["ca-rollover-begun", "ca-rolled-over", "ca-retired"] {
        assert_eq!(gateway.entries(kind).await, 1, "{kind}");
    }
}

/// Phones learn a root from a key set alone, and only one that the CA they trust vouches for.
#[tokio::test(flavor = "multi_thread")]
async fn e20_a_root_that_the_old_ca_does_not_vouch_for_is_not_learned() {
    let (gateway, mut impostor) = (Gateway::running().await, Gateway::running().await);
    let phone = gateway.enrol("phone").await;
    step(&mut impostor).await;
    let foreign = impostor.open().await.key_set().bytes().to_vec();
    // An intruder in ingest gives phones the key set of a clinic of its own.
    let mut link = safelight_gateway::link::connect(&gateway.layout.ingest()).await.unwrap();
    link.tell(&safelight_gateway::link::Ask::KeySet {
        envelope: foreign,
        accepted: vec![1, 2],
        receipt_keys: Vec::new(),
    })
    .await
    .unwrap();
    let before = phone.client.device().roots;
    let refused = phone.client.update_key_set(gateway.world.now()).await;
    assert!(matches!(refused, Err(ClientError::KeySet(_))), "{refused:?}");
    assert_eq!(phone.client.device().roots, before);
}
