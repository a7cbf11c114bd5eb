//! Who sees what.

use safelight_gateway::clinic::people::Role;
use safelight_gateway::console::{ROUTES, Who};
use safelight_tests::browser::Browser;
use safelight_tests::gateway::phone::strip;
use safelight_tests::staff::browser;

use super::stage::Clinic;

const NAME: &str = "Quittländer, Zoë";

/// What a ticket of a page shows.
fn image(browser: &mut Browser, picture: &str) -> String {
    let page = browser.get(&format!("/pictures/{picture}"));
    assert_eq!(page.status, 200, "{}", page.text());
    page.all_between("src=\"/images/", "\"").pop().map(|rest| format!("/images/{rest}")).expect("the page's picture")
}

#[test]
fn whoever_took_a_picture_finds_the_patient_and_sees_the_picture_and_it_is_on_record_before() {
    let mut clinic = Clinic::open();
    let author = &mut clinic.author.browser;
    for query in ["quit", "zoë QUITT", "mrn-778", "1961-02"] {
        let token = author.get("/patients").field("token");
        let found = author.post("/patients/found", &[("token", &token), ("query", query)]);
        assert!(found.text().contains(NAME) && !found.text().contains("<html"), "{query}: {}", found.text());
    }
    let token = author.get("/patients").field("token");
    let found = author.post("/patients/found", &[("token", &token), ("query", "quit nobody")]);
    assert!(!found.text().contains(NAME));

    let page = author.get(&clinic.patient);
    assert!(page.text().contains(NAME) && page.text().contains("Forearm, left"), "{}", page.text());
    let thumbnail = page.all_between("src=\"/thumbnails/", "\"").pop().expect("a thumbnail");
    let thumbnail = author.get(&format!("/thumbnails/{thumbnail}"));
    assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, "image/jpeg"));
    let whole = image(author, &clinic.picture);
    let shown = author.get(&whole);
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/jpeg"));
    let sent = strip(clinic.gateway.at("photo.jpg").as_path(), &clinic.gateway.at(""))
        .unwrap_or_else(|refused| panic!("{refused}"));
    assert!(shown.body == sent, "another picture");

    let done = clinic.done_by("person:clinician1");
    for kind in ["credentials-set", "logged-in", "searched", "patient-viewed", "picture-viewed"] {
        assert!(done.iter().any(|done| done == kind), "{kind} is not on record: {done:?}");
    }
}

#[test]
fn c04_what_is_another_patients_is_what_does_not_exist() {
    let mut clinic = Clinic::open();
    let own_image = image(&mut clinic.author.browser, &clinic.picture);
    let thumbnails = own_image.replace("/images/", "/thumbnails/");
    let nowhere = format!("/pictures/{}", "00000000-0000-7000-8000-000000000000");
    let (admin, other, officer) = (&mut clinic.admin.browser, &mut clinic.other.browser, &mut clinic.officer.browser);
    let absent = other.get(&nowhere);
    assert_eq!(absent.status, 404);
    for browser in [other, admin, officer] {
        for path in [clinic.patient.as_str(), &format!("/pictures/{}", clinic.picture), &own_image, &thumbnails] {
            let answer = browser.get(path);
            assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{path}");
        }
        for path in [
            "/patients/..",
            "/patients/%2e%2e",
            "/pictures/%00",
            "/images/x/y",
            "/thumbnails/../log",
            "/pictures/c%c0%ae",
        ] {
            assert!([400, 404].contains(&browser.get(path).status), "{path}");
        }
    }
    let other = &mut clinic.other;
    let found = other.posts("/patients/found", &[("query", "quit")]);
    assert_eq!(found.status, 200);
    assert!(!found.text().contains("Quitt"), "{}", found.text());
    assert!(clinic.done_by("person:clinician2").contains(&"denied".to_owned()));
    // A ticket is its session's: the same person in another browser has none.
    let mut second = clinic.author.logs_in();
    assert_eq!(second.get(&own_image).status, 404);
    assert_eq!(clinic.author.browser.get(&own_image).status, 200, "the control");
}

/// Every route as every role, and as nobody: who may not is told what is told of a route that does not exist, or is sent to the log-in.
#[test]
fn every_route_is_for_whom_the_list_says() {
    let mut clinic = Clinic::open();
    let roles = |who: Who, role: Role| match who {
        Who::Anybody | Who::LoggedIn => true,
        Who::Has(needed) => needed == role,
    };
    let path = |route: &str| {
        route
            .replace("{patient}", clinic.patient.trim_start_matches("/patients/"))
            .replace("{picture}", &clinic.picture)
            .replace("{device}", "00000000-0000-4000-8000-000000000000")
            .replace("{person}", "nobody")
            .replace("{ticket}", "00000000000000000000000000000000")
            .replace("{file}", "console.css")
    };
    let mut nobody = browser(&clinic.gateway);
    let people = [
        (Role::Admin, &mut clinic.admin),
        (Role::Clinician, &mut clinic.author),
        (Role::PrivacyOfficer, &mut clinic.officer),
    ];
    for (method, route, who) in ROUTES {
        nobody.cookie = None;
        let answer = if *method == "get" {
            nobody.ask("GET", &path(route), &[], None)
        } else {
            nobody.submit(&path(route), &[("token", "x")])
        };
        if *who != Who::Anybody {
            assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{method} {route} as nobody");
        }
    }
    for (role, member) in people {
        for (method, route, who) in ROUTES {
            // These end the session, or are asked before there is one.
            if ["/logout", "/login", "/join", "/join/account", "/vault/lock"].contains(route) {
                continue;
            }
            let may = roles(*who, role);
            if *method == "get" {
                let answer = member.browser.ask("GET", &path(route), &[], None);
                let expected: &[u16] = if may { &[200, 303, 404] } else { &[404] };
                assert!(expected.contains(&answer.status), "{method} {route} as {role:?}: {}", answer.status);
                continue;
            }
            // Without the session's token nobody changes anything.
            let forged = member.browser.submit(&path(route), &[("token", "x")]);
            assert_eq!(forged.status, 403, "{method} {route} as {role:?} without a token");
            let token = member.browser.get("/account").field("token");
            let form = [
                ("token", token.as_str()),
                ("query", "x"),
                ("id", "somebody"),
                ("name", "Some Body"),
                ("role", "clinician"),
                ("session", "00"),
                ("passphrase", "wrong"),
            ];
            let answer = member.browser.submit(&path(route), &form);
            let expected: &[u16] = if may { &[200, 303, 404, 422] } else { &[404] };
            assert!(expected.contains(&answer.status), "{method} {route} as {role:?}: {}", answer.status);
        }
    }
    // What had an answer for the right role, and changes something, is on record.
    assert!(clinic.done_by("person:root.admin").contains(&"person-added".to_owned()));
}

#[test]
fn c12_whoever_is_shut_out_is_shut_out_with_the_next_request() {
    let mut clinic = Clinic::open();
    assert_eq!(clinic.author.browser.get("/patients").status, 200);
    clinic.admin.posts("/people/clinician1/disable", &[]);
    let answer = clinic.author.browser.ask("GET", "/patients", &[], None);
    assert_eq!((answer.status, answer.header("location")), (303, "/login"));
    let code = clinic.author.codes.pop().expect("a code");
    let form = [("name", "clinician1"), ("password", safelight_tests::staff::PASSWORD), ("code", code.as_str())];
    assert_eq!(clinic.author.browser.submit("/login", &form).status, 401, "not with the right password either");
    clinic.admin.posts("/people/clinician1/enable", &[]);
    assert_eq!(clinic.author.browser.submit("/login", &form).status, 303, "the code was not used up");
}

#[test]
fn c20_the_last_admin_cannot_be_shut_out() {
    let mut clinic = Clinic::open();
    let page = clinic.admin.posts("/people/root.admin/disable", &[]);
    assert!(page.text().contains("nobody would be left"), "{}", page.text());
    assert_eq!(clinic.admin.browser.get("/people").status, 200);
    let mut second = clinic.admin.adds(&clinic.gateway, "second", "Second Admin", "admin");
    second.posts("/people/root.admin/disable", &[]);
    assert_eq!(clinic.admin.browser.ask("GET", "/people", &[], None).status, 303, "with two of them one may go");
    let page = second.posts("/people/second/disable", &[]);
    assert!(page.text().contains("nobody would be left"), "{}", page.text());
}

#[test]
fn with_the_vault_locked_nobody_sees_anything_and_what_arrives_waits() {
    let mut clinic = Clinic::open();
    clinic.admin.posts("/vault/lock", &[]);
    for path in ["/patients", clinic.patient.as_str()] {
        let page = clinic.author.browser.get(path);
        assert_eq!(page.status, 503, "{path}");
        assert!(!page.text().contains("Quitt"));
    }
    let page = clinic.admin.posts("/vault/unlock", &[("passphrase", "not this one")]);
    assert_eq!(page.status, 422);
    let passphrase = std::fs::read_to_string(clinic.gateway.at("passphrase")).expect("the passphrase");
    let page = clinic.admin.posts("/vault/unlock", &[("passphrase", passphrase.trim())]);
    assert!(page.text().contains("unlocked"), "{}", page.text());
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 200);
    let done = clinic.done_by("person:root.admin");
    for kind in ["vault-locked", "vault-stayed-locked", "vault-unlocked"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}
