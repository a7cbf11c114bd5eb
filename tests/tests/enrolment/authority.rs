//! The CA's key is gone, unreadable, exposed or another; the CA is replaced; the clock cannot be right: nobody is enrolled, and phones that are
//! go on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use safelight_gateway::clinic::schema;
use safelight_gateway::clock::Clock;
use safelight_gateway::demo::photos::photograph;
use safelight_gateway::store::catalog::Catalog;
use safelight_tests::gateway::{Gateway, array, text};

use crate::entries;

#[test]
fn e19_without_its_ca_the_gateway_enrols_nobody_and_goes_on_taking_pictures() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, photograph(3).expect("a photograph").bytes).expect("a file");
    assert!(gateway.stop());
    let key = gateway.data().join("clinic/ca.key");
    let right = fs::read(&key).expect("the CA key");
    let other = Gateway::init();
    let anothers = fs::read(other.data().join("clinic/ca.key")).expect("another CA key");
    gateway.serve_ingest_alone();

    for (what, bytes, mode) in [
        ("missing", None, 0o600),
        ("empty", Some(&b""[..]), 0o600),
        ("damaged", Some(&right[..right.len() / 2]), 0o600),
        ("exposed", Some(&right[..]), 0o644),
        ("another's", Some(&anothers[..]), 0o600),
    ] {
        let _ = fs::remove_file(&key);
        if let Some(bytes) = bytes {
            fs::write(&key, bytes).expect("a file");
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let clinic = gateway.run(&["clinic", "--data", "D", "--passphrase-file", "P"]).exits(1);
        let named = ["ca.key", "the CA's key"].iter().any(|name| clinic.stderr.contains(name));
        assert!(named, "{what}: {clinic}");
        let qr = gateway.path("refused.png");
        let invite = ["device", "invite", "--data", "D", "--name", "n", "--person", "p", "--qr-png", &qr];
        gateway.run(&invite).exits(1);
        assert!(!gateway.at("refused.png").exists(), "{what}: a code that nothing answers to");
        let doctor = gateway.run(&["doctor", "--data", "D", "--json"]).exits(1);
        let findings = array(doctor.json());
        let keys = findings.iter().find(|finding| text(finding, "check") == "clinic-keys").expect("a finding");
        assert_eq!(text(keys, "level"), "fail", "{what}");
        phone.status().ok();
    }
    phone.send(&[&photo]).ok();
    // The key is back: everything that was taken is verified, and phones are enrolled.
    fs::write(&key, &right).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    assert!(gateway.stop());
    gateway.serve();
    gateway.pictures_in(&["verified"], 1);
    gateway.enrol("another");
}

/// The commands of a rollover; what follows over months is in the gateway's own tests, where time is theirs.
#[test]
fn e20_a_rollover_begins_with_the_gateway_stopped_and_does_not_go_on_too_early() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let rollover = ["ca", "rollover", "--data", "D", "--json"];
    let refused = gateway.run(&rollover).exits(1);
    assert!(refused.stderr.contains("is running"), "{refused}");
    assert_eq!(text(&gateway.run(&["ca", "show", "--data", "D", "--json"]).ok().json(), "step"), "one");

    assert!(gateway.stop());
    assert_eq!(text(&gateway.run(&rollover).ok().json(), "step"), "begun");
    let early = gateway.run(&rollover).exits(6);
    assert!(early.stderr.contains("come again from"), "{early}");
    gateway.serve();
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, photograph(3).expect("a photograph").bytes).expect("a file");
    phone.send(&[&photo]).ok();
    let (device, _) = phone.enrolled();
    assert_eq!((device.roots.len(), device.key_set.key_set().number), (2, 2), "the phone trusts both");
    gateway.pictures_in(&["verified"], 1);
    gateway.enrol("during");
    for kind in ["ca-rollover-begun", "key-set-signed"] {
        assert_eq!(entries(&gateway, "access", kind).len(), 1, "{kind}");
    }
}

/// A wrong clock was believed once, a year ahead. Now that it is right it seems to be behind, and a person says that it is right.
#[tokio::test(flavor = "multi_thread")]
async fn e22_a_clock_that_seems_behind_enrols_nobody_until_a_person_accepts_it() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    assert!(gateway.stop());
    let show = ["clock", "show", "--data", "D", "--json"];
    assert_eq!(text(&gateway.run(&show).ok().json(), "judgement"), "right");
    let path = gateway.data().join("clinic").join(schema::FILE_NAME);
    let catalog = Catalog::open(path, &schema::migrations()).await.expect("the catalog");
    let mark = Clock::system().now().0 + 365 * 86_400_000;
    let mut tx = catalog.write().await.expect("a transaction");
    let written = sqlx::query("UPDATE setting SET value = $1 WHERE name = 'clock-mark'")
        .bind(mark.to_be_bytes().to_vec())
        .execute(&mut *tx)
        .await
        .expect("an update");
    assert_eq!(written.rows_affected(), 1, "the running gateway has kept its time");
    tx.commit().await.expect("a commit");
    catalog.close().await;

    gateway.serve();
    assert_eq!(text(&gateway.run(&show).ok().json(), "judgement"), "behind");
    let qr = gateway.path("refused.png");
    let invite = ["device", "invite", "--data", "D", "--name", "n", "--person", "p", "--qr-png", &qr];
    let refused = gateway.run(&invite).exits(6);
    assert!(refused.stderr.contains("safelight clock accept"), "{refused}");
    let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).exits(1).json());
    assert!(findings.iter().any(|finding| text(finding, "check") == "clock-mark" && text(finding, "level") == "fail"));
    phone.status().ok();

    gateway.run(&["clock", "accept", "--data", "D"]).ok();
    assert_eq!(text(&gateway.run(&show).ok().json(), "judgement"), "right");
    gateway.enrol("next");
    phone.status().ok();
    for kind in ["clock-wrong", "clock-accepted", "clock-right"] {
        assert_eq!(entries(&gateway, "access", kind).len(), 1, "{kind}");
    }
}
