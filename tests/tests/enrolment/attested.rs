//! Phones that send an attestation with their key, through the real command: what the admin is told of them before they approve.

use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::{EnrolRequest, enrol};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::invitation::Invitation;
use safelight_gateway::clock::Clock;
use safelight_tests::fuzzed::android::{Description, Maker, ROOT_OF_TRUST, root_of_trust};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use safelight_tests::staff::first_admin;
use serde_json::Value;

use crate::{device, invited};

/// A gateway that trusts the maker of the test's phones.
fn trusting() -> Gateway {
    let mut gateway = Gateway::init();
    std::fs::write(gateway.data().join("makers.pem"), Maker::default().root_pem()).expect("a file of roots");
    configure(&gateway, "makers.pem");
    gateway.run(&["config", "check", "--data", "D"]).ok();
    gateway.serve();
    gateway
}

fn configure(gateway: &Gateway, roots: &str) {
    let path = gateway.data().join("config.toml");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, format!("attestation_roots = \"{roots}\"\n{config}")).expect("a configuration");
}

/// A phone that enrols with what `attest` makes of the invitation's challenge and of its key: how it is listed while it waits, and once it was approved.
async fn listed(
    gateway: &Gateway,
    name: &str,
    invitation: &Invitation,
    attest: impl FnOnce(&[u8; 32], &SoftwareKey) -> Option<Vec<u8>>,
) -> Value {
    listed_after(gateway, name, invitation, attest, || ()).await
}

/// The same; `look` is done while it waits.
async fn listed_after(
    gateway: &Gateway,
    name: &str,
    invitation: &Invitation,
    attest: impl FnOnce(&[u8; 32], &SoftwareKey) -> Option<Vec<u8>>,
    look: impl FnOnce(),
) -> Value {
    let key = SoftwareKey::generate(&mut SysRng).expect("a key");
    let attestation = attest(&invitation.attestation_challenge(), &key);
    let key = Arc::new(SoftwareDeviceKey::new(key, SysRng));
    let (now, wait) = (Clock::system().now(), Duration::from_secs(120));
    let invitation = invitation.clone();
    let joins = tokio::spawn(async move {
        let request = EnrolRequest { invitation: &invitation, key, device_name: "phone", attestation, now, wait };
        enrol(request, &mut SysRng, |_| {}).await
    });
    let waiting = tokio::task::block_in_place(|| {
        let waiting = until("it waits", PATIENCE, || {
            let found = gateway.devices().into_iter().find(|device| text(device, "name") == name);
            found.filter(|waiting| waiting.get("words").is_some())
        });
        look();
        gateway.run(&["device", "approve", text(&waiting, "id"), "--data", "D"]).ok();
        waiting
    });
    joins.await.expect("an end").expect("a device");
    let active = device(gateway, name);
    for key in ["attestation", "attestation_detail"] {
        assert_eq!(active.get(key), waiting.get(key));
    }
    active
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_a_trusted_maker_is_listed_as_attested() {
    let gateway = trusting();
    let mut admin = tokio::task::block_in_place(|| first_admin(&gateway));
    let invitation = invited(&gateway, "phone");
    let attest = |challenge: &[u8; 32], key: &SoftwareKey| {
        let description = Description::good(challenge).to_der();
        Some(Maker::default().factory_chain(key.verifying(), &description).concat())
    };
    // The admin is told before they approve.
    let look = || {
        let page = admin.browser.get("/devices").text();
        assert!(
            page.contains("Yes, the same: approve")
                && page.contains("Enrolled with a key in secure hardware, attested"),
            "{page}"
        );
    };
    let phone = listed_after(&gateway, "phone", &invitation, attest, look).await;
    assert_eq!((text(&phone, "attestation"), text(&phone, "attestation_detail")), ("attested", "trusted-environment"));
    let shown = gateway.run(&["device", "list", "--data", "D"]).ok().text();
    assert!(shown.contains("key attested"), "{shown}");
    let page = tokio::task::block_in_place(|| admin.browser.get("/devices").text());
    assert!(
        !page.contains("Yes, the same") && page.contains("Enrolled with a key in secure hardware, attested"),
        "{page}"
    );
}

/// What proves nothing is no reason to refuse a phone: the admin is told, and decides.
#[tokio::test(flavor = "multi_thread")]
async fn x83_a_phone_that_proves_nothing_is_listed_as_claimed_with_the_reason() {
    let gateway = trusting();
    let maker = Maker::default();
    let invitation = invited(&gateway, "unlocked");
    let unlocked = listed(&gateway, "unlocked", &invitation, |challenge, key| {
        let description = Description::good(challenge).with(ROOT_OF_TRUST, Some(root_of_trust(false, 2)));
        Some(maker.factory_chain(key.verifying(), &description.to_der()).concat())
    })
    .await;
    assert_eq!(
        (text(&unlocked, "attestation"), text(&unlocked, "attestation_detail")),
        ("claimed", "bootloader-unlocked")
    );

    // An old attestation of the same phone, for the invitation before.
    let old = invitation.attestation_challenge();
    let invitation = invited(&gateway, "replayed");
    let replayed = listed(&gateway, "replayed", &invitation, |_, key| {
        Some(maker.factory_chain(key.verifying(), &Description::good(&old).to_der()).concat())
    })
    .await;
    assert_eq!((text(&replayed, "attestation"), text(&replayed, "attestation_detail")), ("claimed", "other-challenge"));

    let invitation = invited(&gateway, "garbage");
    let garbage = listed(&gateway, "garbage", &invitation, |_, _| Some(vec![0x30; 8192])).await;
    assert_eq!((text(&garbage, "attestation"), text(&garbage, "attestation_detail")), ("claimed", "malformed"));

    let invitation = invited(&gateway, "software");
    let software = listed(&gateway, "software", &invitation, |_, _| None).await;
    assert_eq!((text(&software, "attestation"), software.get("attestation_detail")), ("software", None));

    let shown = gateway.run(&["device", "list", "--data", "D"]).ok().text();
    assert!(shown.contains("attestation: the phone's bootloader is unlocked"), "{shown}");
    let page = tokio::task::block_in_place(|| first_admin(&gateway).browser.get("/devices").text());
    for words in
        ["not proved: the phone&#39;s bootloader is unlocked", "made for another invitation", "a key in software"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// Pictures must not wait for a file of roots.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_file_of_roots_phones_are_judged_by_google_s_and_doctor_says_so() {
    let mut gateway = Gateway::init();
    configure(&gateway, "gone.pem");
    let refused = gateway.run(&["config", "check", "--data", "D"]).exits(2);
    assert!(refused.stderr.contains("attestation_roots"), "{refused}");
    gateway.serve();
    let invitation = invited(&gateway, "phone");
    let phone = listed(&gateway, "phone", &invitation, |challenge, key| {
        let description = Description::good(challenge).to_der();
        Some(Maker::default().factory_chain(key.verifying(), &description).concat())
    })
    .await;
    assert_eq!((text(&phone, "attestation"), text(&phone, "attestation_detail")), ("claimed", "unknown-root"));
    let said = gateway.run(&["doctor", "--data", "D", "--json"]).json();
    let finding =
        said.as_array().expect("findings").iter().find(|finding| text(finding, "check") == "attestation-roots");
    assert_eq!(finding.map(|finding| text(finding, "level")), Some("fail"));
}
