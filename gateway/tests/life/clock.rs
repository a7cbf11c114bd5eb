//! The gateway's clock is set back, set forward, or was broken at start, while phones go by the right time.

use safelight_core::client::ClientError;
use safelight_core::wire::RefusalCode;
use safelight_gateway::clinic::access::Actor;
use safelight_gateway::clinic::{ClinicError, timekeeping};
use safelight_gateway::clock::guard::Judgement;

use crate::clinic::{Gateway, a_moment, eventually};
use crate::{DAY, HOUR, MINUTE, YEAR};

const BACK_A_YEAR: i64 = -365 * 24 * 3_600_000;
const AHEAD_A_YEAR: i64 = 365 * 24 * 3_600_000;

/// Waits until the clinic process has put on record what it thinks of the clock.
async fn on_record(gateway: &Gateway, kind: &str, times: usize) {
    eventually(kind, || async { (gateway.entries(kind).await == times).then_some(()) }).await;
}

/// Back by a year: what had ended does not live again, over a restart too; phones that are enrolled are served; nothing is issued; and once
/// the clock is right again everything goes on.
#[tokio::test(flavor = "multi_thread")]
async fn e22_a_clock_that_was_set_back_a_year_brings_nothing_back() {
    let mut gateway = Gateway::running().await;
    let lost = gateway.enrol("lost").await;
    gateway.pass(50 * DAY).await;
    let phone = gateway.enrol("phone").await;
    let old_invitation = gateway.invite("old").await.unwrap();
    gateway.pass(20 * MINUTE).await;
    // Six months of a life of which the clock then says that it was never led.
    for _ in 0..13 {
        gateway.pass(14 * DAY).await;
        phone.visit().await.expect("an active phone");
    }
    gateway.world.set_skew(BACK_A_YEAR);
    on_record(&gateway, "clock-wrong", 1).await;
    for round in 0..2 {
        assert!(matches!(gateway.invite("new").await, Err(ClinicError::Clock(Judgement::Behind))), "{round}");
        // By the wrong clock this invitation is yet to come. Nobody listens for it.
        gateway.until("no enrolment", |status| !status.enrol_open).await;
        assert!(old_invitation.expires_at > safelight_core::ids::UnixMillis(0));
        assert!(lost.visit().await.is_err(), "{round}: a certificate that ended long ago lives again");
        phone.visit().await.expect("an active phone is served");
        phone.sends().await.expect("its pictures are taken");
        let refused = phone.client.renew().await;
        assert!(matches!(refused, Err(ClientError::Refused(RefusalCode::ClinicUnavailable))), "{round}: {refused:?}");
        gateway.stop().await;
        gateway.start().await;
    }
    gateway.world.set_skew(0);
    eventually("renewal", || async { phone.client.renew().await.ok() }).await;
    gateway.enrol("next").await.visit().await.expect("a phone that was just enrolled");
    assert!(lost.visit().await.is_err());
}

/// Forward by a year: while it lasts nothing that may have ended is taken, and when it is over nothing of it is left. No calendar has locked
/// anybody out.
#[tokio::test(flavor = "multi_thread")]
async fn e22_a_clock_that_was_a_year_ahead_is_forgotten() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    // While it runs, and at start.
    for restarted in [false, true] {
        if restarted {
            gateway.stop().await;
        }
        gateway.world.set_skew(AHEAD_A_YEAR);
        if restarted {
            gateway.start().await;
        }
        eventually("the clock is noticed", || async { gateway.invite("new").await.err() }).await;
        assert!(phone.visit().await.is_err(), "by that clock its certificate ended");
        gateway.world.set_skew(0);
        a_moment(&gateway).await;
        phone.visit().await.expect("an active phone");
        phone.client.renew().await.expect("an active phone");
        phone.visit().await.expect("an active phone");
    }
    gateway.enrol("next").await.visit().await.expect("a phone that was just enrolled");
}

/// A machine that stood still for longer than any certificate: the clock is right, and only a person can know.
#[tokio::test(flavor = "multi_thread")]
async fn e22_a_person_accepts_a_clock_that_no_program_can_know() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    gateway.stop().await;
    gateway.pass(YEAR).await;
    gateway.world.set_skew(1);
    gateway.start().await;
    assert!(matches!(gateway.invite("new").await, Err(ClinicError::Clock(Judgement::Ahead))));
    assert!(phone.visit().await.is_err(), "it was away for a year");
    timekeeping::accept(&gateway.open().await, &Actor::shell()).await.unwrap();
    gateway.world.set_skew(0);
    assert_eq!(gateway.entries("clock-accepted").await, 1);
    // Ingest is told, and has a new certificate at once.
    gateway.in_force().await;
    gateway.enrol("next").await.visit().await.expect("a phone that was just enrolled");
    assert!(phone.visit().await.is_err(), "accepting brings nobody back");
    gateway.stop().await;
    gateway.start().await;
    gateway.enrol("after a restart").await.visit().await.expect("a phone that was just enrolled");
}

/// A day forward and back again while phones come: a certificate that was issued in between holds at once and afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn d15_a_step_of_a_day_in_operation_leaves_every_phone_with_a_certificate() {
    let gateway = Gateway::running().await;
    let (phone, other) = (gateway.enrol("phone").await, gateway.enrol("other").await);
    gateway.pass(21 * DAY).await;
    for skew in [24, -24, 24 * 80, 0] {
        gateway.world.set_skew(skew * i64::try_from(HOUR).unwrap());
        a_moment(&gateway).await;
        // It may be put off while the clock is behind, or so far ahead that the certificate seems to have ended; it must not be wrong.
        let renewed = phone.client.renew().await;
        assert!(renewed.is_ok() || !(0..=24 * 40).contains(&skew), "{skew}: {renewed:?}");
        gateway.world.set_skew(0);
        a_moment(&gateway).await;
        phone.visit().await.unwrap_or_else(|error| panic!("after {skew} hours: {error}"));
        other.visit().await.unwrap_or_else(|error| panic!("after {skew} hours: {error}"));
    }
    // Many more certificates: the newest are the ones that ingest has, whatever the clock said when they were issued.
    for _ in 0..12 {
        gateway.pass(DAY).await;
        phone.client.renew().await.expect("an active phone");
        phone.visit().await.expect("with the new certificate");
    }
}
