//! The clinic process as the intake log's witness: what it has seen outlives its restarts.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::path::Path;

use safelight_tests::gateway::program::{command, finish, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array, text};

fn count(gateway: &Gateway, kind: &str) -> usize {
    gateway.log("access").iter().filter(|entry| text(entry, "kind") == kind).count()
}

fn copied(from: &Path, to: &Path) {
    let [from, to] = [from, to].map(|path| path.to_str().expect("UTF-8").to_owned());
    finish(command("cp", &["-a", &from, &to]), b"").ok();
}

/// An intruder in ingest waits until the clinic process is down, and puts an older log in the place of the one that was witnessed.
#[test]
fn x67_a_log_that_was_exchanged_while_the_clinic_process_was_down_is_an_alarm_that_stays() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, safelight_tests::pictures::small::photo(1)).expect("a file");
    phone.send(&[&photo]).ok();
    gateway.pictures_in(&["verified"], 1);
    assert!(gateway.stop());
    let (ingest, older, newer) = (gateway.data().join("ingest"), gateway.at("older"), gateway.at("newer"));
    copied(&ingest, &older);
    gateway.serve();
    phone.send(&[&photo]).ok();
    gateway.pictures_in(&["verified"], 2);
    assert!(gateway.stop());
    // Witnessed at the next start, with nothing else to do.
    let before = count(&gateway, "intake-seen");
    gateway.serve();
    until("the newest checkpoint", PATIENCE, || (count(&gateway, "intake-seen") > before).then_some(()));
    assert!(gateway.stop());
    let witnessed = count(&gateway, "intake-seen");
    assert_eq!(count(&gateway, "intake-forked"), 0);

    copied(&ingest, &newer);
    fs::remove_dir_all(&ingest).expect("ingest's folder");
    copied(&older, &ingest);
    for start in 1..=2 {
        gateway.serve();
        until("the alarm", PATIENCE, || (count(&gateway, "intake-forked") == start).then_some(()));
        let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).json());
        let finding = findings.iter().find(|finding| text(finding, "check") == "intake-log").expect("a finding");
        assert_eq!(text(finding, "level"), "fail");
        assert!(gateway.stop());
    }
    // What was kept has not been overwritten by the older one.
    assert_eq!(count(&gateway, "intake-seen"), witnessed);

    // The control: with the newer log in its place there is no new alarm, and the old one stays for a person to see.
    fs::remove_dir_all(&ingest).expect("ingest's folder");
    copied(&newer, &ingest);
    gateway.serve();
    phone.send(&[&photo]).ok();
    gateway.pictures_in(&["verified"], 3);
    assert!(gateway.stop());
    gateway.serve();
    until("the newest checkpoint", PATIENCE, || (count(&gateway, "intake-seen") > witnessed).then_some(()));
    assert_eq!(count(&gateway, "intake-forked"), 2);
}
