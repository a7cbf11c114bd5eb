//! Who sees what.

use safelight_tests::browser::Browser;
use safelight_tests::gateway::phone::{LABEL, strip};
use safelight_tests::gateway::program::{command, finish, safelight};
use safelight_tests::gateway::text;

use super::stage::{Clinic, OTHER_LABEL};

const NAME: &str = "Quittländer, Zoë";

/// Why somebody takes emergency access.
const WORDS: &str = "bleeding after surgery, colleague not reachable";

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

/// Each word of a search is looked for in every name: a body full of words would cost as many looks.
#[test]
fn a_search_that_is_longer_than_a_name_and_a_number_finds_nobody() {
    let mut clinic = Clinic::open();
    let longest = "quit ".repeat(64);
    assert_eq!(longest.len(), 320);
    let found = clinic.author.posts("/patients/found", &[("query", &longest)]);
    assert!(found.text().contains(NAME), "the control: {}", found.text());
    for longer in [format!("{longest}q"), "quit ".repeat(2_000)] {
        for path in ["/patients/found", "/patients"] {
            let found = clinic.author.posts(path, &[("query", &longer)]);
            assert!(found.status == 200 && !found.text().contains(NAME), "{} bytes, {path}", longer.len());
        }
    }
}

#[test]
fn c04_what_is_another_patients_is_what_does_not_exist() {
    let mut clinic = Clinic::open();
    let own_image = image(&mut clinic.author.browser, &clinic.picture);
    let thumbnails = own_image.replace("/images/", "/thumbnails/");
    let ticket = own_image.split('/').nth(2).expect("a ticket").to_owned();
    let picture = format!("/pictures/{}", clinic.picture);
    // What is somebody else's, and what nobody has, at an address of the same form.
    let pairs = [
        (clinic.patient.clone(), format!("/patients/{}", "a".repeat(52))),
        (picture, "/pictures/00000000-0000-7000-8000-000000000000".to_owned()),
        (own_image.clone(), own_image.replace(&ticket, &"a".repeat(ticket.len()))),
        (thumbnails.clone(), thumbnails.replace(&ticket, &"a".repeat(ticket.len()))),
    ];
    let (admin, other, officer) = (&mut clinic.admin.browser, &mut clinic.other.browser, &mut clinic.officer.browser);
    for browser in [other, admin, officer] {
        for (foreign, nowhere) in &pairs {
            assert_ne!(foreign, nowhere);
            let (answer, absent) = (browser.get(foreign), browser.get(nowhere));
            assert_eq!(absent.status, 404, "{nowhere}");
            assert_eq!((answer.status, answer.text()), (absent.status, absent.text()), "{foreign}");
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
    // Beside one that is theirs, another's is not there either, and nobody has looked at anything.
    clinic.enrols_other();
    let own = clinic.sends("room4", OTHER_LABEL, 7);
    let looks =
        |clinic: &Clinic| clinic.done_by("person:clinician2").iter().filter(|it| *it == "picture-viewed").count();
    let before = looks(&clinic);
    for pair in [[&own, &clinic.picture], [&clinic.picture, &own]] {
        let compared = clinic.other.browser.get(&format!("/compare?picture={}&picture={}", pair[0], pair[1]));
        assert_eq!(compared.status, 404);
    }
    assert_eq!(looks(&clinic), before, "a look that did not happen is on record");
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
fn c12_a_form_that_comes_late_is_judged_by_who_one_is_when_it_has_come() {
    let mut clinic = Clinic::open();
    let mut second = clinic.admin.adds(&clinic.gateway, "second", "Second Admin", "admin");
    let token = |browser: &mut Browser| browser.get("/account").field("token");
    let (hers, theirs) = (token(&mut clinic.author.browser), token(&mut second.browser));
    let search = clinic.author.browser.begins("/patients/found", &[("token", &hers), ("query", "quit")]);
    let form = [("token", theirs.as_str()), ("id", "ghost"), ("name", "A Ghost"), ("role", "admin")];
    let adding = second.browser.begins("/people", &form);
    let control = clinic.admin.browser.clone();
    let form = [("token", &*token(&mut clinic.admin.browser)), ("id", "real"), ("name", "Real"), ("role", "clinician")];
    let control = control.begins("/people", &form);
    clinic.admin.posts("/people/clinician1/disable", &[]);
    clinic.admin.posts("/people/second/disable", &[]);
    for begun in [search, adding] {
        let answer = begun.ends();
        assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{}", answer.text());
    }
    assert_eq!(control.ends().status, 200);
    let people = clinic.admin.browser.get("/people").text();
    assert!(people.contains("Real") && !people.contains("Ghost"), "{people}");
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

#[test]
fn c11_emergency_access_needs_the_exact_number_and_a_reason_ends_and_is_reviewed() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let other = &mut clinic.other;
    assert_eq!(other.browser.get(&patient).status, 404, "the control");
    let form = |number: &str, reason: &str, words: &str| {
        [
            ("number", number.to_owned()),
            ("issuer", "clinic".to_owned()),
            ("reason", reason.to_owned()),
            ("words", words.to_owned()),
        ]
    };
    let mut ask = |number: &str, reason: &str, words: &str| {
        let form = form(number, reason, words);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        other.posts("/emergency", &form)
    };
    for (number, reason, words) in [
        ("MRN-77812-04", "acute", ""),
        ("MRN-77812-04", "acute", "     "),
        ("MRN-77812-04", "acute", "because"),
        ("MRN-77812-04", "", WORDS),
        ("MRN-77812-04", "curious", WORDS),
        ("", "acute", WORDS),
    ] {
        assert_eq!(ask(number, reason, words).status, 422, "{number} {reason} {words}");
    }
    // Near is not there, and a name is no number.
    for number in ["MRN-77812-05", "MRN", "Quittländer", "MRN-77812-0_"] {
        let page = ask(number, "acute", WORDS);
        assert_eq!(page.status, 404, "{number}");
        assert!(!page.text().contains("Zoë"));
    }
    assert_eq!(ask("MRN-77812-04", "acute", WORDS).status, 429, "whoever tries numbers waits");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let page = ask("mrn-77812-04", "acute", WORDS);
    assert_eq!(page.status, 200);
    assert!(page.text().contains(NAME) && page.text().contains("emergency access"), "{}", page.text());
    assert_eq!(clinic.other.browser.get(&format!("/pictures/{}", clinic.picture)).status, 200);
    let done = clinic.done_by("person:clinician2");
    assert_eq!(done.iter().filter(|kind| *kind == "emergency-missed").count(), 4, "{done:?}");
    let begun = done.iter().position(|kind| kind == "emergency-begun").expect("it is on record");
    assert!(done.iter().skip(begun).any(|kind| kind == "patient-viewed"), "{done:?}");

    // The reason is for the privacy officer, and lies nowhere in clear.
    let page = clinic.officer.browser.get("/emergencies");
    assert!(
        page.text().contains(WORDS) && page.text().contains("clinician2") && !page.text().contains("Zoë"),
        "{}",
        page.text()
    );
    let id = page.all_between("action=\"/emergencies/", "\"").pop().expect("one that waits");
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(WORDS.len()).any(|window| window == WORDS.as_bytes()));
    clinic.officer.posts(&format!("/emergencies/{id}"), &[("verdict", "not-justified")]);
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "what was not right ends at once");
    let again = clinic.officer.posts(&format!("/emergencies/{id}"), &[("verdict", "justified")]);
    assert_eq!(again.status, 404, "a verdict stands");
    assert!(clinic.done_by("person:officer").contains(&"emergency-reviewed".to_owned()));
}

#[test]
fn two_pictures_of_one_site_are_compared_and_each_look_is_on_record() {
    let mut clinic = Clinic::open();
    let photo = clinic.gateway.path("photo.jpg");
    std::fs::write(&photo, safelight_tests::pictures::small::photo(2)).expect("a file");
    let folder = clinic.gateway.path("room3");
    for label in [LABEL.to_owned(), LABEL.replace("left forearm", "back")] {
        let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
        finish(command(safelight(), &args), label.as_bytes()).ok();
    }
    let all = clinic.gateway.pictures_in(&["verified"], 3);
    let ids: Vec<&str> = all.iter().map(|picture| text(picture, "id")).collect();
    let before = clinic.done_by("person:clinician1").iter().filter(|kind| *kind == "picture-viewed").count();
    let page = clinic.author.browser.get(&format!("/compare?picture={}&picture={}", ids[1], ids[0]));
    assert_eq!(page.status, 200, "{}", page.text());
    let shown = page.all_between("src=\"/images/", "\"");
    assert_eq!(shown.len(), 2);
    assert!(shown[0].ends_with(ids[0]) && shown[1].ends_with(ids[1]), "what was before stands before: {shown:?}");
    for image in shown {
        assert_eq!(clinic.author.browser.get(&format!("/images/{image}")).status, 200);
    }
    let after = clinic.done_by("person:clinician1").iter().filter(|kind| *kind == "picture-viewed").count();
    assert_eq!(after - before, 2);
    let other_site = format!("/compare?picture={}&picture={}", ids[0], ids[2]);
    assert_eq!(clinic.author.browser.get(&other_site).status, 422);
    let foreign = format!("/compare?picture={}&picture={}", ids[0], ids[1]);
    assert_eq!(clinic.other.browser.get(&foreign).status, 404);
}

#[test]
fn a_phone_is_invited_compared_and_approved_on_the_screen() {
    let mut clinic = Clinic::open();
    let page = clinic.admin.posts("/devices", &[("name", "Room 4"), ("person", "clinician2")]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<svg"), "{}", page.text());
    for (name, person) in [("", "clinician2"), ("a\u{202e}b", "clinician2"), ("Room 5", "nobody"), ("Room 5", "")] {
        let page = clinic.admin.posts("/devices", &[("name", name), ("person", person)]);
        assert!(!page.text().contains("<svg"), "{name} {person}");
    }
    let open: Vec<_> = clinic
        .gateway
        .run(&["device", "invitations", "--data", "D", "--json"])
        .ok()
        .json()
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(open.iter().filter(|one| one["status"] == "open").count(), 1);
    assert!(clinic.admin.browser.get("/devices").text().contains("app: safelight/"), "what took the last picture");
    let page = clinic.author.browser.get(&format!("/pictures/{}", clinic.picture));
    assert!(page.text().contains("<dt>Taken with</dt><dd>safelight/"), "{}", page.text());
    // A phone that waits shows up in the list that the page asks for.
    let qr = clinic.gateway.path("more.png");
    clinic.gateway.invite("more", "more.png");
    let mut enrolling = clinic.gateway.start_enrolling("more", "more.png");
    let device = clinic.gateway.pending("more", &mut enrolling);
    let rows = clinic.admin.browser.get("/devices/rows");
    assert!(rows.text().contains(text(&device, "words")) && !rows.text().contains("<html"), "{} {qr}", rows.text());
    // It is approved by what it shows now: one that has begun again meanwhile has other words than the page on which somebody compared.
    let approve = format!("/devices/{}/approve", text(&device, "id"));
    for compared in [&[][..], &[("words", "apple river stone lamp")]] {
        let refused = clinic.admin.posts(&approve, compared);
        assert_eq!(refused.status, 409);
        assert!(refused.text().contains("shows other words now"), "{}", refused.text());
    }
    clinic.admin.posts(&approve, &[("words", text(&device, "words"))]);
    enrolling.wait().ok();
    assert!(clinic.done_by("person:root.admin").contains(&"device-approved".to_owned()));
}
