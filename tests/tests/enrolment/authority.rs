//! The CA's key is gone, unreadable, exposed or another: nobody is enrolled, and phones that are go on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use safelight_gateway::demo::photos::photograph;
use safelight_tests::gateway::{Gateway, array, text};

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
        phone.send(&[&photo]).ok();
    }
    // The key is back: everything that was taken is verified, and phones are enrolled.
    fs::write(&key, &right).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    assert!(gateway.stop());
    gateway.serve();
    gateway.pictures_in(&["verified"], 5);
    gateway.enrol("another");
}
