//! Alerts, from what is done to whoever is told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use safelight_tests::gateway::damage::change_in;
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::{command, finish, safelight, until};
use safelight_tests::gateway::{Gateway, text};
use serde_json::Value;

use super::receivers::{self, Posted};
use super::stage::Clinic;

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "a key that both sides have";

fn key_file(folder: &Path) -> String {
    let path = folder.join("webhook.key");
    std::fs::write(&path, format!("{KEY}\n")).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
    path.to_str().expect("a path").to_owned()
}

fn is_signed(posted: &Posted) -> bool {
    let signed = [
        posted.header("webhook-id").as_bytes(),
        b".",
        posted.header("webhook-timestamp").as_bytes(),
        b".",
        &posted.body,
    ]
    .concat();
    let Some(tag) = posted.header("webhook-signature").strip_prefix("v1,") else { return false };
    let tag = BASE64.decode(tag.as_bytes()).expect("base 64");
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), &signed, &tag).is_ok()
}

/// The page, once it has an alert of this name.
fn page_with(browser: &mut safelight_tests::browser::Browser, words: &str) -> String {
    until(words, PATIENCE, || Some(browser.get("/alerts").text()).filter(|page| page.contains(words)))
}

#[test]
fn emergency_access_is_seen_by_the_officer_and_posted_to_a_webhook() {
    let folder = tempfile::tempdir().expect("a folder");
    let webhook = receivers::webhook(2);
    let mut clinic = Clinic::configured(&format!(
        "[alert]\noff = ['unusual-hours', 'disk-low']\n[alert.webhook]\nurl = 'http://{}/alerts?of=clinic'\nkey_file = '{}'",
        webhook.address,
        key_file(folder.path())
    ));
    assert!(clinic.officer.browser.get("/alerts").text().contains("No alerts."), "the control");
    let words = "bleeding after surgery, colleague not reachable";
    let form = [("number", "MRN-77812-04"), ("issuer", "clinic"), ("reason", "acute"), ("words", words)];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);

    let page = page_with(&mut clinic.officer.browser, "Emergency access</strong>");
    assert!(page.contains("Otto Other (clinician2)") && page.contains("Alerts (1)"), "{page}");
    let id = page.split("action=\"/alerts/").nth(1).and_then(|rest| rest.split('/').next()).expect("an id").to_owned();

    // The receiver fails twice; the same message comes again, each time signed with its time.
    let posts = until("three posts", PATIENCE, || Some(webhook.got()).filter(|posts| posts.len() >= 3));
    for posted in &posts {
        assert!(is_signed(posted), "{posted:?}");
        assert_eq!(posted.header("webhook-id"), id);
    }
    let mut other = posts[0].clone();
    other.body.push(b' ');
    assert!(!is_signed(&other), "the control");
    let said: Value = serde_json::from_slice(&posts[0].body).expect("JSON");
    assert_eq!(
        (text(&said, "code"), text(&said, "severity"), text(&said, "id")),
        ("emergency-access", "high", id.as_str())
    );
    // Nobody is named in what leaves the house.
    let sent = format!("{:?} {}", posts[2].headers, String::from_utf8_lossy(&posts[2].body));
    let patient = clinic.patient.trim_start_matches("/patients/");
    for word in ["Quitt", "MRN", "clinician2", "Otto", "bleeding", patient] {
        assert!(!sent.contains(word), "{word}: {sent}");
    }

    // About a person: it is nothing to an admin, who is told what is told of none.
    assert!(!clinic.admin.browser.get("/alerts").text().contains("Emergency access</strong>"));
    assert_eq!(clinic.admin.posts(&format!("/alerts/{id}/take"), &[]).status, 404);
    assert_eq!(clinic.author.browser.get("/alerts").status, 404);
    let page = clinic.officer.posts(&format!("/alerts/{id}/take"), &[]);
    assert!(page.text().contains("Taken") && page.text().contains("Petra Privacy (officer)"), "{}", page.text());
    assert_eq!(clinic.officer.posts(&format!("/alerts/{id}/take"), &[]).status, 404, "it is taken");
    let note = "Zoë Quittländer was bleeding: it was right";
    let page = clinic.officer.posts(&format!("/alerts/{id}/close"), &[("note", note)]);
    assert!(page.text().contains(note), "{}", page.text());
    assert_eq!(clinic.officer.posts(&format!("/alerts/{id}/close"), &[]).status, 404, "it is closed");
    assert!(!clinic.officer.browser.get("/alerts?state=open").text().contains("Emergency access</strong>"));
    let closed = clinic.officer.browser.get("/alerts?state=closed");
    assert!(closed.text().contains("Emergency access</strong>"));

    let done = clinic.done_by("person:officer");
    for kind in ["alert-taken", "alert-closed"] {
        assert_eq!(done.iter().filter(|done| *done == kind).count(), 1, "{kind}: {done:?}");
    }
    assert!(clinic.done_by("gateway").contains(&"alert-raised".to_owned()));
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(note.len()).any(|window| window == note.as_bytes()), "a note is sealed");
}

#[test]
fn c18_whoever_looks_at_unusually_many_patients_raises_an_alert_and_so_do_failed_log_ins() {
    let mut clinic =
        Clinic::configured("[alert]\nat_least = 1\nlog_in_failures = 1\noff = ['unusual-hours', 'disk-low']");
    let folder = clinic.gateway.path("room3");
    let photo = clinic.gateway.path("photo.jpg");
    std::fs::write(&photo, safelight_tests::pictures::small::photo(2)).expect("a file");
    let label = LABEL.replace("MRN-77812-04", "MRN-77812-99");
    assert_ne!(label, LABEL);
    let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
    finish(command(safelight(), &args), label.as_bytes()).ok();
    clinic.gateway.pictures_in(&["verified"], 2);
    let patients = until("two patients", PATIENCE, || {
        let found = clinic.author.browser.get("/patients").all_between("href=\"/patients/", "\"");
        (found.len() >= 2).then_some(found)
    });
    // One patient again and again is no bulk.
    for _ in 0..4 {
        assert_eq!(clinic.author.browser.get(&clinic.patient).status, 200);
    }
    let form = [("name", "clinician2"), ("password", "not this one"), ("code", "000000")];
    let mut stranger = safelight_tests::staff::browser(&clinic.gateway);
    assert_eq!(stranger.submit("/login", &form).status, 401);
    let page = page_with(&mut clinic.officer.browser, "Many failed log-ins");
    assert!(page.contains("Otto Other (clinician2)"), "{page}");
    // The log was followed past the looks when it came to the failed log-in.
    assert!(!page.contains("Unusually many patients"), "the control: {page}");
    for patient in patients {
        assert_eq!(clinic.author.browser.get(&format!("/patients/{patient}")).status, 200);
    }
    let page = page_with(&mut clinic.officer.browser, "Unusually many patients");
    assert!(page.contains("Carla Clinician (clinician1)"), "{page}");
}

#[test]
fn a_test_alert_says_what_came_of_it() {
    let gateway = Gateway::init();
    assert_eq!(gateway.run(&["alert", "test", "--data", "D"]).code, Some(2), "nothing is configured");
    let folder = tempfile::tempdir().expect("a folder");
    let (webhook, key) = (receivers::webhook(1), key_file(folder.path()));
    let path = gateway.data().join("config.toml");
    let before = std::fs::read_to_string(&path).expect("the configuration");
    let section =
        format!("\n[alert.webhook]\nurl = 'http://{}/alerts?of=clinic'\nkey_file = '{key}'\n", webhook.address);
    std::fs::write(&path, format!("{before}{section}")).expect("the configuration");
    let failed = gateway.run(&["alert", "test", "--data", "D", "--json"]);
    assert_eq!(failed.code, Some(1));
    let said: Value = serde_json::from_slice(&failed.stdout).expect("JSON");
    assert_eq!((said[0]["sent"].as_bool(), text(&said[0], "problem")), (Some(false), "status"));
    let said = gateway.run(&["alert", "test", "--data", "D", "--json"]).ok().json();
    assert_eq!((said[0]["sent"].as_bool(), text(&said[0], "way")), (Some(true), "webhook"));
    assert!(webhook.got().iter().all(is_signed));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("an exposed file");
    let said: Value =
        serde_json::from_slice(&gateway.run(&["alert", "test", "--data", "D", "--json"]).stdout).expect("JSON");
    assert_eq!(text(&said[0], "problem"), "secret-file", "a key that others can read is not used");
    for url in ["http://192.0.2.1/x", "https://a@b/"] {
        std::fs::write(&path, format!("{before}\n[alert.webhook]\nurl = '{url}'\nkey_file = '{key}'\n"))
            .expect("a file");
        assert_eq!(gateway.run(&["config", "check", "--data", "D"]).code, Some(2), "{url}");
    }
}

#[test]
fn older_alerts_of_each_state_are_reached_from_the_whole_list_and_a_long_note_is_refused_with_words() {
    let mut clinic = Clinic::configured("[alert]\noff = ['unusual-hours', 'disk-low']");
    let alerts = "INSERT INTO alert (id, seq, code, subject, first_at, last_at, count, state)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 202)
        SELECT randomblob(16), 1000 + i, 'disk-low', 'volume:number-' || i || ';', 1800000000000, 1800000000000, 1,
            CASE WHEN i <= 101 THEN 'open' ELSE 'closed' END FROM n";
    change_in(&clinic.gateway.data().join("clinic/clinic.db"), alerts);
    let page = clinic.officer.browser.get("/alerts");
    for (state, oldest) in [("open", "volume:number-1;"), ("closed", "volume:number-102;")] {
        assert!(!page.text().contains(oldest), "the control: {oldest}");
        let begins = format!("href=\"/alerts?state={state}");
        let links: Vec<String> = page.all_between(&begins, "\"").into_iter().filter(|rest| !rest.is_empty()).collect();
        assert_eq!(links.len(), 1, "{state}: {links:?}");
        let older = format!("/alerts?state={state}{}", links[0].replace("&#38;", "&"));
        let older = clinic.officer.browser.get(&older).text();
        assert!(older.contains(oldest) && !older.contains("&#38;before="), "{state}: {older}");
    }
    let id = page.all_between("action=\"/alerts/", "/close\"").pop().expect("an open one");
    let answer = clinic.officer.posts(&format!("/alerts/{id}/close"), &[("note", &"ä".repeat(1537))]);
    assert!(answer.status == 422 && answer.text().contains("too long"), "{}: {}", answer.status, answer.text());
    assert!(clinic.officer.browser.get("/alerts?state=open").text().contains(&id), "it is open as before");
    assert_eq!(clinic.officer.posts(&format!("/alerts/{id}/close"), &[("note", &"ä".repeat(1536))]).status, 200);
}
