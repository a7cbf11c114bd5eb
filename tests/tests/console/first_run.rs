//! The first run in the browser, from the log-in page of a gateway that nobody runs to a picture that came through, and what must not shorten it.

use std::time::Duration;

use safelight_tests::browser::Browser;
use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::program::until;
use safelight_tests::pictures::small;
use safelight_tests::staff::{Member, browser, first_admin};

const PATIENCE: Duration = Duration::from_secs(60);

/// Which step the page marks as the one to be done now.
#[track_caller]
fn now(admin: &mut Member) -> String {
    let page = admin.browser.get("/setup");
    assert_eq!(page.status, 200, "{}", page.text());
    page.all_between("aria-current=\"step\">", "<").pop().unwrap_or_else(|| "done".to_owned())
}

fn kit(gateway: &Gateway) -> String {
    std::fs::read_to_string(gateway.at("recovery-kit.txt")).expect("the recovery kit")
}

/// The kinds of the access log, oldest first, with their fields as text.
fn log(gateway: &Gateway) -> Vec<(String, String)> {
    let entry = |entry: &serde_json::Value| {
        (entry["kind"].as_str().unwrap_or_default().to_owned(), entry["fields"].to_string())
    };
    gateway.log("access").iter().map(entry).collect()
}

#[test]
fn whoever_opens_a_new_console_is_led_to_the_first_code_and_can_compare_who_it_is() {
    let gateway = Gateway::serving();
    let mut stranger = browser(&gateway);
    let answer = stranger.ask("GET", "/login", &[], None);
    assert_eq!((answer.status, answer.header("location")), (303, "/join"));
    let said = gateway.run(&["console", "code", "--data", "D", "--json"]).ok().json();
    let fingerprint = said["ca_sha256"].as_str().expect("a fingerprint").to_owned();
    assert_eq!(fingerprint.len(), 32 * 3 - 1, "{fingerprint}");
    let page = stranger.get("/trust");
    assert!(page.text().contains(&fingerprint), "{}", page.text());
    assert!(stranger.get("/authority").text().starts_with("-----BEGIN CERTIFICATE-----"));
    // Once there is an admin, the page is for those who have an account.
    let _admin = first_admin(&gateway);
    assert_eq!(stranger.ask("GET", "/login", &[], None).status, 200);
    // What a demo lets in by does not exist here.
    for path in ["/demo", "/demo/x", "/demo/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(stranger.ask("GET", path, &[], None).status, 404, "{path}");
    }
    assert_eq!(stranger.submit("/demo", &[("token", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]).status, 404);
}

#[test]
fn the_first_run_leads_from_the_first_admin_to_a_picture_and_cannot_be_shortened() {
    let gateway = Gateway::serving();
    let mut admin = first_admin(&gateway);
    assert!(admin.browser.get("/").text().contains("<h1>Set-up</h1>"), "an admin's day begins elsewhere");
    assert_eq!(now(&mut admin), "Name");
    assert_eq!(admin.posts("/setup/finish", &[]).status, 422, "finished at once");
    admin.posts("/setup/name", &[]);

    // The kit: three that are none, each on record, and the right one.
    assert_eq!(now(&mut admin), "Recovery kit");
    let right = kit(&gateway);
    let other = kit(&Gateway::init());
    let key = right.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("a key").to_owned();
    let (begin, end) = key.split_at(key.len() - 1);
    let mistyped = format!("{begin}{}", if end == "Q" { "P" } else { "Q" });
    for wrong in [other.as_str(), mistyped.as_str(), "no key"] {
        let page = admin.posts("/setup/kit", &[("kit", wrong)]);
        assert_eq!(page.status, 422, "{wrong}");
        assert!(!page.text().contains("AGE-SECRET-KEY-1Q") && !page.text().contains(begin), "the kit is shown again");
        assert_eq!(now(&mut admin), "Recovery kit");
    }
    assert_eq!(admin.posts("/setup/finish", &[]).status, 422, "finished without a kit");
    admin.posts("/setup/kit", &[("kit", &right)]);
    let record = log(&gateway);
    let of = |kind: &str| record.iter().filter(|(is, _)| is == kind).count();
    assert_eq!((of("recovery-kit-refused"), of("recovery-kit-tested")), (3, 1), "{record:?}");
    assert!(record.iter().all(|(_, fields)| !fields.contains("AGE-SECRET")), "{record:?}");

    assert_eq!(now(&mut admin), "First clinician");
    assert!(admin.browser.get("/setup").text().contains("name=\"team\" maxlength=\"64\" value=\"Clinicians\""));
    let clinician = |team: &'static str| [("id", "clinician1"), ("name", "Carla Clinician"), ("team", team)];
    let page = admin.posts("/setup/clinician", &clinician("a\u{202e}b"));
    assert_eq!(page.status, 422, "a team's name that hides text");
    for typed in ["value=\"clinician1\"", "value=\"Carla Clinician\"", "value=\"a\u{202e}b\""] {
        assert!(page.text().contains(typed), "{typed} is gone: {}", page.text());
    }
    assert_eq!(now(&mut admin), "First clinician", "nobody is added without the team that was asked for");
    let page = admin.posts("/setup/clinician", &clinician("Wound care"));
    assert_eq!(page.all_between("<p class=\"words\">", "</p>").len(), 1, "no code: {}", page.text());

    assert!(admin.browser.get("/teams").text().contains("<strong>Wound care</strong>"));
    let record = log(&gateway);
    for kind in ["team-made", "team-joined"] {
        assert!(record.iter().any(|(is, _)| is == kind), "{kind}: {record:?}");
    }

    assert_eq!(now(&mut admin), "First phone");
    let page = admin.posts("/setup/phone", &[("name", ""), ("person", "clinician1")]);
    assert_eq!(page.status, 422, "a phone without a name");
    let page = admin.posts("/setup/phone", &[("name", "Room 3"), ("person", "clinician1")]);
    assert!(page.text().contains("<svg") && page.text().contains("data-seconds=\"900\""), "{}", page.text());
    assert_eq!(admin.posts("/setup/finish", &[]).status, 422, "finished without a phone");
    let phone = gateway.enrol("room3");

    assert_eq!(now(&mut admin), "Test picture");
    assert!(admin.browser.get("/setup/arrived").text().contains("hx-trigger"), "nothing is awaited");
    assert_eq!(admin.posts("/setup/finish", &[]).status, 422, "finished without a picture");
    std::fs::write(gateway.at("photo.jpg"), small::photo(1)).expect("a file");
    phone.send(&[&gateway.path("photo.jpg")]).ok();
    let part = until("the picture", PATIENCE, || {
        let part = admin.browser.get("/setup/arrived").text();
        (!part.contains("hx-trigger")).then_some(part)
    });
    // The admin is told that it came, and neither sees it nor whose it is.
    for secret in ["Quittl", "/thumbnails/", "/images/", "/pictures/"] {
        assert!(!part.contains(secret), "{part}");
    }

    assert_eq!(now(&mut admin), "done");
    assert_eq!(admin.posts("/setup/finish", &[]).status, 200);
    assert!(log(&gateway).iter().any(|(kind, _)| kind == "first-run-finished"));
    assert_eq!(admin.browser.ask("GET", "/setup", &[], None).status, 404, "it is still there");
    assert_eq!(admin.browser.ask("GET", "/", &[], None).header("location"), "/devices");
}

#[test]
fn a_first_run_is_an_admins_alone_and_goes_on_where_it_was_left_after_the_vault_was_locked() {
    let mut gateway = Gateway::init();
    gateway.serve_locked();
    let mut admin = first_admin(&gateway);
    let officer = admin.adds(&gateway, "officer", "Petra Privacy", "privacy-officer");
    let mut officer: Browser = officer.browser;
    assert_eq!(officer.ask("GET", "/setup", &[], None).status, 404);
    let token = officer.get("/account").field("token");
    let right = kit(&gateway);
    for path in ["/setup/name", "/setup/kit", "/setup/finish"] {
        assert_eq!(officer.submit(path, &[("token", &token), ("kit", &right)]).status, 404, "{path}");
    }
    admin.posts("/setup/name", &[]);
    assert!(admin.browser.get("/setup").text().contains("name=\"passphrase\""));
    assert_eq!(admin.posts("/setup/unlock", &[("passphrase", "not the passphrase")]).status, 422);
    // In whichever order: the kit needs no open vault, and the step is done with both.
    admin.posts("/setup/kit", &[("kit", &right)]);
    assert_eq!(now(&mut admin), "Recovery kit", "the vault is still locked");
    let passphrase = std::fs::read_to_string(gateway.at("passphrase")).expect("the passphrase");
    admin.posts("/setup/unlock", &[("passphrase", passphrase.trim_end())]);
    assert_eq!(now(&mut admin), "First clinician");
    let mut again = admin.logs_in();
    assert!(again.get("/setup").text().contains("aria-current=\"step\">First clinician<"), "it begins anew");
}
