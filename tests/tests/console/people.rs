//! What people hold, who says so, and a phone that is missed.

use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};
use safelight_tests::pictures::small;

use super::stage::Clinic;

#[test]
fn a_further_role_wants_a_reason_that_the_log_keeps_sealed_and_ends_sessions() {
    const REASON: &str = "runs the practice alone on Fridays";
    let mut clinic = Clinic::open();
    let grant = |clinic: &mut Clinic, reason: &str| {
        clinic.admin.posts("/people/officer/grant", &[("role", "clinician"), ("reason", reason)]).status
    };
    for reason in ["", "because", "          .          "] {
        assert_eq!(grant(&mut clinic, reason), 422, "{reason}");
    }
    assert_eq!(clinic.officer.browser.get("/patients").status, 404, "the control");
    assert_eq!(grant(&mut clinic, REASON), 200);
    assert_eq!(
        clinic.officer.browser.ask("GET", "/log", &[], None).status,
        303,
        "c01: rights changed, so the session is over"
    );
    clinic.officer.browser = clinic.officer.logs_in();
    assert_eq!(clinic.officer.browser.get("/patients").status, 200);
    assert_eq!(clinic.officer.browser.get("/log").status, 200);
    let log = clinic.gateway.log("access");
    let entry = log.iter().find(|entry| entry["kind"] == "further-role").expect("on record");
    assert!(!entry.to_string().contains("Fridays"), "{entry}");
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(REASON.len()).any(|window| window == REASON.as_bytes()));

    clinic.admin.posts("/people/officer/withdraw", &[("role", "clinician")]);
    clinic.officer.browser = clinic.officer.logs_in();
    assert_eq!(clinic.officer.browser.get("/patients").status, 404);
    let page = clinic.admin.posts("/people/root.admin/withdraw", &[("role", "admin")]);
    assert!(page.status == 422 && page.text().contains("nobody would be left"), "c20: {}", page.text());
    for (path, form) in [
        ("/people/nobody/grant", [("role", "admin"), ("reason", REASON)]),
        ("/people/officer/grant", [("role", "emperor"), ("reason", REASON)]),
    ] {
        assert_eq!(clinic.admin.posts(path, &form).status, 404, "{path}");
    }
    assert_eq!(clinic.other.posts("/people/clinician2/grant", &[("role", "admin"), ("reason", REASON)]).status, 404);
    assert_eq!(clinic.other.browser.get("/people/clinician2").status, 404);
}

#[test]
fn an_admin_confirms_what_others_hold_and_another_admin_their_own() {
    let mut clinic = Clinic::open();
    let page = clinic.admin.browser.get("/review");
    for person in ["clinician1", "clinician2", "officer", "root.admin"] {
        assert!(page.text().contains(&format!("/people/{person}\"")), "{person} is missing: {}", page.text());
    }
    assert_eq!(clinic.admin.posts("/review/clinician1", &[]).status, 200);
    assert_eq!(clinic.admin.posts("/review/root.admin", &[]).status, 200, "whoever is alone confirms their own");
    let mut second = clinic.admin.adds(&clinic.gateway, "second", "Second Admin", "admin");
    assert_eq!(clinic.admin.posts("/review/root.admin", &[]).status, 422);
    assert_eq!(second.posts("/review/root.admin", &[]).status, 200);
    assert_eq!(clinic.admin.posts("/review/nobody", &[]).status, 404);
    let done = clinic.done_by("person:root.admin");
    assert_eq!(done.iter().filter(|kind| *kind == "access-confirmed").count(), 2);
    assert!(clinic.admin.browser.get("/people/clinician1").text().contains(", Ada Admin (root.admin)"));
    // Another name, and logged out by somebody else.
    clinic.admin.posts("/people/clinician1/name", &[("name", "Carla <b>C.</b>")]);
    assert!(clinic.admin.browser.get("/people/clinician1").text().contains("Carla &#60;b&#62;C."));
    assert_eq!(clinic.admin.posts("/people/clinician1/name", &[("name", "a\u{202e}b")]).status, 422);
    assert_eq!(clinic.author.browser.get("/account").status, 200);
    clinic.admin.posts("/people/clinician1/sessions", &[]);
    assert_eq!(clinic.author.browser.ask("GET", "/account", &[], None).status, 303);
}

#[test]
fn whoever_misses_a_phone_shuts_it_out_at_once_and_nobody_elses() {
    let mut clinic = Clinic::open();
    let page = clinic.author.browser.get("/account");
    let path = page.all_between("action=\"/account/phones/", "\"").pop().expect("the own phone");
    let path = format!("/account/phones/{path}");
    assert_eq!(clinic.other.posts(&path, &[]).status, 404, "another's phone");
    assert_eq!(clinic.admin.posts(&path, &[]).status, 404);
    assert_eq!(clinic.author.posts("/account/phones/00000000-0000-4000-8000-000000000000/lost", &[]).status, 404);
    std::fs::write(clinic.gateway.at("photo.jpg"), small::photo(3)).expect("a file");
    clinic.phone.send(&[&clinic.gateway.path("photo.jpg")]).ok();
    assert_eq!(clinic.author.posts(&path, &[]).status, 200);
    let device = clinic.gateway.devices();
    assert!(device.iter().any(|device| text(device, "status") == "revoked"), "{device:?}");
    let refused =
        safelight_tests::gateway::program::until("ingest has heard", std::time::Duration::from_secs(10), || {
            let sent = clinic.phone.send(&[&clinic.gateway.path("photo.jpg")]);
            (sent.code != Some(0)).then_some(sent)
        });
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    let done = clinic.done_by("person:clinician1");
    assert!(done.contains(&"device-lost".to_owned()) && done.contains(&"device-revoked".to_owned()), "{done:?}");
    assert_eq!(clinic.author.posts(&path, &[]).status, 404, "once");
}

#[test]
fn an_admin_sees_what_is_known_of_each_phone_and_renames_it() {
    let mut clinic = Clinic::open();
    let page = clinic.admin.browser.get("/devices");
    for words in ["Enrolled with a key in software", "last seen", "last picture", "more days"] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let id = page.all_between("action=\"/devices/", "/name\"").pop().expect("a phone");
    clinic.admin.posts(&format!("/devices/{id}/name"), &[("name", "Ward 7 <script>")]);
    let page = clinic.admin.browser.get("/devices").text();
    assert!(page.contains("Ward 7 &#60;script&#62;") && !page.contains("Ward 7 <script>"), "{page}");
    assert_eq!(clinic.admin.posts(&format!("/devices/{id}/name"), &[("name", " ")]).status, 422);
    assert_eq!(clinic.other.posts(&format!("/devices/{id}/name"), &[("name", "mine")]).status, 404);
    assert!(clinic.done_by("person:root.admin").contains(&"device-renamed".to_owned()));
}

#[test]
fn an_invitation_that_is_open_is_listed_and_taken_back_by_an_admin() {
    let mut clinic = Clinic::open();
    assert!(!clinic.admin.browser.get("/devices").text().contains("Open invitations"), "the control");
    let qr = text(&clinic.gateway.invite("Room 9", "room9.png"), "qr").to_owned();
    let page = clinic.admin.browser.get("/devices");
    assert!(page.text().contains("Open invitations") && page.text().contains("Room 9"), "{}", page.text());
    assert!(!page.text().contains(&qr), "its code is shown once");
    let path = page.all_between("action=\"/devices/invitations/", "\"").pop().expect("its form");
    let path = format!("/devices/invitations/{path}");
    for member in [&mut clinic.author, &mut clinic.officer] {
        assert_eq!(member.posts(&path, &[]).status, 404);
    }
    assert_eq!(
        clinic.admin.posts("/devices/invitations/00112233-4455-6677-8899-aabbccddeeff/withdraw", &[]).status,
        404
    );
    let page = clinic.admin.posts(&path, &[]).text();
    assert!(page.contains("its code opens nothing") && !page.contains("Open invitations"), "{page}");
    assert_eq!(clinic.admin.posts(&path, &[]).status, 404, "once");
    assert!(clinic.done_by("person:root.admin").contains(&"invitation-withdrawn".to_owned()));
    let folder = clinic.gateway.path("room9");
    let enrol = ["phone", "enrol", "--identity", &folder, "--qr-text", &qr, "--device-name", "Pixel 8"];
    let refused = clinic.gateway.run(&enrol);
    assert!(refused.code != Some(0) && refused.stderr.contains("invitation"), "{refused}");
}

#[test]
fn a_phone_that_was_there_without_a_picture_was_seen() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    phone.status().ok();
    let seen = until("it was seen", PATIENCE, || {
        let seen = text(&gateway.devices()[0], "last_seen").to_owned();
        (!seen.is_empty()).then_some(seen)
    });
    // It comes again, a second later at least.
    let again = until("it was seen again", PATIENCE, || {
        phone.status().ok();
        Some(text(&gateway.devices()[0], "last_seen").to_owned()).filter(|again| *again != seen)
    });
    assert!(again > seen, "{seen}, then {again}");
    let mut admin = safelight_tests::staff::first_admin(&gateway);
    let page = admin.browser.get("/devices").text();
    assert!(page.contains("last seen 20") && page.contains("no picture yet"), "{page}");
}

#[test]
fn an_admin_sees_what_doctor_finds_and_nothing_of_patients() {
    let mut clinic = Clinic::open();
    let page = clinic.admin.browser.get("/system");
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("the vault is unlocked"), "{text}");
    // How it stands, what needs somebody, then what is good, folded, and in no group without a name.
    let places = ["checks need", "Look at this", "What is good", "<details class=\"good\">", "the vault is unlocked"];
    let places = places.map(|words| text.find(words).unwrap_or_else(|| panic!("{words}: {text}")));
    assert!(places.is_sorted(), "{places:?}: {text}");
    assert!(!text.contains("<summary>Others"), "{text}");
    for name in ["Quitt", "MRN-77812", "1961"] {
        assert!(!page.text().contains(name));
    }
    assert_eq!(clinic.author.browser.get("/system").status, 404);
}

/// Who reads a page knows colleagues by name; and of two of one name the ids tell them apart.
#[test]
fn colleagues_stand_on_pages_by_name_and_id() {
    let mut clinic = Clinic::open();
    assert_eq!(clinic.admin.posts("/people/clinician2/name", &[("name", "Carla Clinician")]).status, 200);
    assert_eq!(clinic.admin.posts("/review/clinician1", &[]).status, 200);
    for (path, words) in [
        ("/people/clinician1", "UTC, Ada Admin (root.admin)"),
        ("/review", "UTC, Ada Admin (root.admin)"),
        ("/devices", "of Carla Clinician (clinician1)"),
    ] {
        let page = clinic.admin.browser.get(path);
        assert!(page.text().contains(words), "{path}: {}", page.text());
    }
    let code = clinic.admin.posts("/people/clinician2/code", &[]);
    assert!(code.text().contains("Carla Clinician (clinician2):"), "{}", code.text());

    let (team, picture) = (format!("{}/team", clinic.patient), format!("/pictures/{}", clinic.picture));
    assert_eq!(clinic.author.posts(&team, &[("person", "clinician2"), ("term", "month")]).status, 200);
    assert_eq!(clinic.other.browser.get(&picture).status, 200);
    let second = clinic.sends("room3", LABEL, 2);
    let compare = format!("/compare?picture={}&picture={second}", clinic.picture);
    for (path, words) in [
        (clinic.patient.as_str(), "Carla Clinician (clinician1), Carla Clinician (clinician2) until"),
        (&picture, "<li>Carla Clinician (clinician2) <span"),
        (&compare, "<span class=\"quiet\">Carla Clinician (clinician1)</span>"),
    ] {
        let page = clinic.author.browser.get(path);
        assert!(page.text().contains(words), "{path}: {}", page.text());
    }
}
