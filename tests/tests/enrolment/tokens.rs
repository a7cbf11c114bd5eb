//! A token is stolen, used twice, raced for, kept too long, or guessed.

use std::net::Ipv4Addr;
use std::time::Duration;

use safelight_core::client::ClientError;
use safelight_core::enrol::Refusal;
use safelight_core::ids::UnixMillis;
use safelight_core::invitation::{Invitation, Token};
use safelight_tests::gateway::program::{Finished, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array, text};

use crate::stranger::{Reply, Stranger, fresh_key, joins, request, tries};
use crate::{device, entries, invited, turned_away};

/// Somebody photographs the QR code and comes after the phone: refused, on record, and shown beside the phone, which stays.
#[tokio::test(flavor = "multi_thread")]
async fn e01_a_replayed_token_is_refused_and_the_first_device_flagged() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (identity, qr) = (gateway.path("thief"), gateway.path("phone.png"));
    let enrol = ["phone", "enrol", "--identity", &identity, "--qr", &qr, "--timeout", "30s", "--json"];
    let refused = gateway.run(&enrol).exits(6);
    assert!(refused.stderr.contains("not valid any more"), "{refused}");

    assert_eq!(entries(&gateway, "access", "invitation-replayed").len(), 1);
    let first = device(&gateway, "phone");
    assert_eq!((text(&first, "status"), first["replays"].as_u64()), ("active", Some(1)));
    let shown = gateway.run(&["device", "list", "--data", "D"]).ok().text();
    assert!(shown.contains("SOMEBODY ELSE CAME WITH ITS QR CODE"), "{shown}");
    let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).json());
    let invitations = findings.iter().find(|finding| text(finding, "check") == "invitations").expect("a finding");
    assert_eq!(text(invitations, "level"), "warn");
    assert_eq!(gateway.devices().len(), 1, "the thief is no device");
    phone.status().ok();
}

/// However often it is replayed, the record stays short, the device that was approved stays, and the code is dead.
#[tokio::test(flavor = "multi_thread")]
async fn e01_replays_end_with_the_invitation_and_not_with_the_device() {
    let gateway = Gateway::serving();
    let invitation = invited(&gateway, "phone");
    let key = fresh_key();
    let mut phone = Stranger::comes(&invitation).await.expect("the listener is open");
    assert!(matches!(phone.begins(&invitation.token, &request(&key), [1; 32]).await, Reply::Offered(_)));
    for _ in 0..10 {
        assert_eq!(tries(&invitation).await, Reply::Refused(Refusal::Invitation));
    }
    until("the invitation is void", PATIENCE, || (text(&invitations(&gateway)[0], "status") == "void").then_some(()));
    // Its device was not approved yet: it is declined, since nobody can tell who is who.
    assert_eq!(text(&device(&gateway, "phone"), "status"), "revoked");
    // Another invitation keeps the listener open: what is dead stays dead, and is not put on record once more.
    let _other = invited(&gateway, "other");
    assert_eq!(tries(&invitation).await, Reply::Refused(Refusal::Invitation));
    assert_eq!(entries(&gateway, "access", "invitation-replayed").len(), 10);
    assert_eq!(entries(&gateway, "access", "invitation-voided").len(), 1);
}

/// The answer got lost: the same token and key are given the same device and the same certificate, and nobody counts it as theft.
#[tokio::test(flavor = "multi_thread")]
async fn e02_the_same_key_is_given_the_same_certificate() {
    let gateway = Gateway::serving();
    let (invitation, key) = (invited(&gateway, "phone"), fresh_key());
    let gone = joins(&invitation, key.clone(), Duration::from_secs(3), |_| {}).await;
    assert!(matches!(gone, Err(ClientError::NotApprovedInTime)), "{gone:?}");
    let id = text(&device(&gateway, "phone"), "id").to_owned();
    gateway.run(&["device", "approve", &id, "--data", "D"]).ok();
    let first = joins(&invitation, key.clone(), PATIENCE, |_| {}).await.expect("a certificate");
    let again = joins(&invitation, key, PATIENCE, |_| {}).await.expect("the same once more");
    assert_eq!((first.device_id.to_string(), again.device_id), (id, first.device_id));
    assert_eq!(first.certificate, again.certificate);
    assert_eq!(entries(&gateway, "access", "certificate-issued").len(), 1);
    assert_eq!(entries(&gateway, "access", "invitation-replayed").len(), 0);
    assert_eq!(gateway.devices().len(), 1);
}

/// Several phones hold the same code and come at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn e03_of_phones_that_race_for_one_token_exactly_one_wins() {
    let gateway = Gateway::serving();
    for round in 0..6 {
        let invitation = invited(&gateway, &format!("race-{round}"));
        let mut racers = Vec::new();
        for _ in 0..4 {
            racers.push(Stranger::comes(&invitation).await.expect("the listener is open"));
        }
        let racing = racers.into_iter().map(|mut racer| {
            let token = invitation.token.clone();
            tokio::spawn(async move { racer.begins(&token, &request(&fresh_key()), [3; 32]).await })
        });
        let mut replies = Vec::new();
        for racer in racing.collect::<Vec<_>>() {
            replies.push(racer.await.expect("a reply"));
        }
        let won = replies.iter().filter(|reply| matches!(reply, Reply::Offered(_))).count();
        let refused = replies.iter().filter(|reply| **reply == Reply::Refused(Refusal::Invitation)).count();
        assert_eq!((won, refused), (1, 3), "{replies:?}");
    }
    assert_eq!(gateway.devices().len(), 6, "one device for each invitation");
    assert_eq!(entries(&gateway, "access", "invitation-replayed").len(), 18);
}

/// An expired, an unknown and a used token are told apart by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn e04_an_expired_token_is_refused_like_one_that_never_was() {
    let gateway = Gateway::serving();
    let qr = gateway.path("short.png");
    let invite = [
        "device", "invite", "--data", "D", "--name", "short", "--person", "c1", "--qr-png", &qr, "--ttl", "2s",
        "--json",
    ];
    let short = Invitation::parse(text(&gateway.run(&invite).ok().json(), "qr")).expect("an invitation");
    until("the end of an invitation", PATIENCE, || (status_of(&gateway, "short") == "expired").then_some(()));
    // With none open nobody listens.
    until("the listener's end", PATIENCE, || (gateway.health()["enrol_open"] == false).then_some(()));
    assert_eq!(tries(&short).await, Reply::Closed);

    let open = invited(&gateway, "open");
    let unknown = Invitation { token: Token::from_bytes([9; 16]), ..open.clone() };
    let (expired, never) = (tries(&short).await, tries(&unknown).await);
    assert!(matches!(tries(&open).await, Reply::Offered(_)));
    let used = tries(&open).await;
    for reply in [expired, never, used] {
        assert_eq!(reply, Reply::Refused(Refusal::Invitation));
    }
    assert_eq!(status_of(&gateway, "open"), "used");
    // The phone's own clock sees it too, and says what to do.
    let late = Invitation { expires_at: UnixMillis(1), ..open };
    let outcome = joins(&late, fresh_key(), PATIENCE, |_| {}).await;
    assert!(matches!(outcome, Err(ClientError::InvitationExpired)), "{outcome:?}");
}

/// Guessing: the address is shut out after a few, another address is not, phones that are enrolled notice nothing, and the next invitation
/// starts anew.
#[tokio::test(flavor = "multi_thread")]
async fn e05_guessing_locks_the_guesser_out_and_not_the_clinic() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let open = invited(&gateway, "open");
    let guess = |number: u8| Invitation { token: Token::from_bytes([number; 16]), ..open.clone() };
    for number in 0..10 {
        assert_eq!(tries(&guess(number)).await, Reply::Refused(Refusal::Invitation), "guess {number}");
    }
    assert_eq!(tries(&guess(11)).await, Reply::Closed, "not even listened to");
    assert_eq!(tries(&open).await, Reply::Closed, "the right token from the same address");

    let elsewhere = Stranger::comes_from(Ipv4Addr::new(127, 0, 0, 2), &open).await;
    let mut elsewhere = elsewhere.expect("another address is listened to");
    assert!(matches!(elsewhere.begins(&open.token, &request(&fresh_key()), [1; 32]).await, Reply::Offered(_)));
    phone.status().ok();
    for code in ["invitation-not-valid", "too-many-wrong-tokens"] {
        turned_away(&gateway, code);
    }
    gateway.enrol("next-round");
}

/// Lists of invitations are pushed to ingest for many reasons: only a new invitation begins a new round.
#[tokio::test(flavor = "multi_thread")]
async fn x63_a_list_without_a_new_invitation_is_no_new_round_for_a_guesser() {
    let gateway = Gateway::serving();
    let (open, other) = (invited(&gateway, "open"), invited(&gateway, "other"));
    for number in 0..10 {
        let guess = Invitation { token: Token::from_bytes([number; 16]), ..open.clone() };
        assert_eq!(tries(&guess).await, Reply::Refused(Refusal::Invitation), "guess {number}");
    }
    assert_eq!(tries(&open).await, Reply::Closed);
    withdrawn(&gateway, &other).ok();
    assert_eq!(tries(&open).await, Reply::Closed, "a list that is shorter by one");
    invited(&gateway, "next");
    assert!(matches!(tries(&open).await, Reply::Offered(_)), "the control");
}

#[tokio::test(flavor = "multi_thread")]
async fn x71_an_invitation_that_was_withdrawn_opens_nothing() {
    let gateway = Gateway::serving();
    let (shown, used) = (invited(&gateway, "shown"), invited(&gateway, "used"));
    let said = withdrawn(&gateway, &shown).ok().json();
    assert_eq!((text(&said, "name"), text(&said, "status")), ("shown", "void"));
    assert_eq!(said["in_force"], true);
    assert_eq!(status_of(&gateway, "shown"), "void");
    assert_eq!(tries(&shown).await, Reply::Refused(Refusal::Invitation));
    assert_eq!(entries(&gateway, "access", "invitation-withdrawn").len(), 1);
    withdrawn(&gateway, &shown).exits(6);
    // One that a phone has used is its device's.
    assert!(matches!(tries(&used).await, Reply::Offered(_)), "the control");
    let refused = withdrawn(&gateway, &used).exits(6);
    assert!(refused.stderr.contains("revoke"), "{refused}");
    let unknown = ["device", "uninvite", "00112233-4455-6677-8899-aabbccddeeff", "--data", "D"];
    gateway.run(&unknown).exits(3);
}

fn withdrawn(gateway: &Gateway, invitation: &Invitation) -> Finished {
    let id = invitation.invitation_id.to_string();
    gateway.run(&["device", "uninvite", &id, "--data", "D", "--json"])
}

fn invitations(gateway: &Gateway) -> Vec<serde_json::Value> {
    array(gateway.run(&["device", "invitations", "--data", "D", "--json"]).ok().json())
}

fn status_of(gateway: &Gateway, name: &str) -> String {
    let listed = invitations(gateway);
    let found = listed.iter().find(|invitation| text(invitation, "name") == name).expect("an invitation");
    text(found, "status").to_owned()
}
