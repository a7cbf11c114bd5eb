//! A wrong passphrase: the process of its own and the one that `serve` starts do the same. They take pictures in, and say that they are locked.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use safelight_tests::gateway::program::{Service, until};
use safelight_tests::gateway::{Gateway, PATIENCE, text};

#[test]
fn x70_with_a_wrong_passphrase_the_clinic_process_stays_locked_and_goes_on() {
    let mut gateway = Gateway::init();
    let wrong = gateway.path("wrong");
    fs::write(&wrong, "not the passphrase\n").expect("a file");
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).expect("permissions");
    gateway.serve_ingest_alone();
    let log = gateway.at("clinic.log");
    let mut clinic = Service::start(gateway.command(&["clinic", "--data", "D", "--passphrase-file", &wrong]), &log);
    let health = until("the clinic process", PATIENCE, || {
        assert!(!clinic.has_ended(), "{}", fs::read_to_string(&log).unwrap_or_default());
        Some(gateway.health()).filter(|health| health["clinic_linked"] == true)
    });
    assert_eq!(health["unlocked"], false);
    assert!(fs::read_to_string(&log).expect("a log").contains("the vault stays locked"));
    let on_record = |gateway: &Gateway, kind: &str| {
        gateway.log("access").iter().filter(|entry| text(entry, "kind") == kind).count()
    };
    assert_eq!((on_record(&gateway, "vault-stayed-locked"), on_record(&gateway, "vault-unlocked")), (1, 0));
    clinic.terminate();
    assert!(clinic.wait().success());
    assert!(gateway.stop());
    // The control: with the right one it is unlocked.
    gateway.serve();
    assert_eq!(gateway.health()["unlocked"], true);
    assert_eq!(on_record(&gateway, "vault-unlocked"), 1);
}
