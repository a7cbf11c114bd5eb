//! Pictures that should not be where they are.

use safelight_tests::browser::Browser;
use safelight_tests::gateway::damage::run_in;
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::{command, finish, safelight, until};
use safelight_tests::gateway::{PATIENCE, text};
use safelight_tests::pictures::small;

use super::stage::{Clinic, OTHER_LABEL};

const WORDS: &str = "this is not the forearm of Zoë Quittländer";

/// A second patient of the same author: their picture.
fn second_patient(clinic: &mut Clinic) -> String {
    clinic.sends("room3", OTHER_LABEL, 7)
}

fn image(browser: &mut Browser, page: &str) -> String {
    let page = browser.get(page);
    assert_eq!(page.status, 200, "{}", page.text());
    page.all_between("src=\"/images/", "\"").pop().map(|rest| format!("/images/{rest}")).expect("the page's picture")
}

fn report(clinic: &mut Clinic, kind: &str) -> String {
    let path = format!("/pictures/{}/report", clinic.picture);
    let page = clinic.author.posts(&path, &[("kind", kind), ("words", WORDS)]);
    assert_eq!(page.status, 200, "{}", page.text());
    let waiting = clinic.author.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"");
    assert_eq!(waiting.len(), 1);
    waiting.into_iter().next().expect("one that waits")
}

#[test]
fn a_reported_picture_is_unseen_at_once_also_for_a_page_that_is_open_and_whoever_took_it_puts_it_back() {
    let mut clinic = Clinic::open();
    let page = format!("/pictures/{}", clinic.picture);
    let open = image(&mut clinic.author.browser, &page);
    let thumbnail = open.replace("/images/", "/thumbnails/");
    for path in [&open, &thumbnail] {
        assert_eq!(clinic.author.browser.get(path).status, 200, "the control: {path}");
    }
    let path = format!("{page}/report");
    for member in [&mut clinic.other, &mut clinic.officer, &mut clinic.admin] {
        assert_eq!(member.posts(&path, &[("kind", "not-wanted")]).status, 404);
    }
    for kind in ["", "curious"] {
        assert_eq!(clinic.author.posts(&path, &[("kind", kind)]).status, 422);
    }
    assert_eq!(clinic.author.browser.get(&open).status, 200, "nothing of this has changed anything");

    let id = report(&mut clinic, "wrong-patient");
    for path in [&page, &open, &thumbnail] {
        assert_eq!(clinic.author.browser.get(path).status, 404, "{path}");
    }
    assert!(!clinic.author.browser.get(&clinic.patient).text().contains(&clinic.picture));
    let states = clinic.gateway.pictures_in(&["quarantined"], 1);
    assert_eq!(text(&states[0], "reason"), "reported-wrong-patient");

    // The words are sealed; the officer reads them, and sees neither name nor picture.
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(WORDS.len()).any(|window| window == WORDS.as_bytes()));
    let list = clinic.officer.browser.get("/corrections").text();
    assert!(list.contains("this is not the forearm") && list.contains("clinician1"), "{list}");
    assert!(!list.contains("1961-02-03") && !list.contains("MRN-77812") && !list.contains("/images/"), "{list}");
    // Under which record it lies: by reference for the officer, by name for whoever took it and treats the patient.
    let reference = clinic.patient.trim_start_matches("/patients/").to_owned();
    let short = &reference[..8];
    let by_reference = format!("Under patient <a href=\"/log?patient={reference}\">{short}…</a>");
    assert!(list.contains(&by_reference), "{list}");
    let listed = clinic.author.browser.get("/corrections/own").text();
    let by_name = format!(
        "Under patient <a href=\"/patients/{reference}\">Quittländer, Zoë, MRN-77812-04</a> <span class=\"reference\">{short}…</span>"
    );
    assert!(listed.contains(&by_name), "{listed}");
    assert_eq!(clinic.officer.browser.get(&format!("/log?patient={reference}")).status, 200);

    // Nobody else opens it or decides.
    let own = format!("/corrections/own/{id}");
    for member in [&mut clinic.other, &mut clinic.officer, &mut clinic.admin] {
        assert_eq!(member.browser.get(&own).status, 404);
        assert_eq!(member.posts(&own, &[("decision", "restore")]).status, 404);
    }
    assert!(clinic.other.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"").is_empty());
    let for_officers = format!("/corrections/{id}");
    assert_eq!(clinic.author.posts(&for_officers, &[("decision", "restore")]).status, 404);

    let shown = image(&mut clinic.author.browser, &own);
    assert_eq!(clinic.author.browser.get(&shown).status, 200);
    assert_eq!(clinic.author.posts(&own, &[("decision", "delete")]).status, 422);
    assert_eq!(clinic.author.posts(&own, &[("decision", "restore")]).status, 200);
    assert_eq!(clinic.author.browser.get(&page).status, 200);
    assert_eq!(clinic.author.browser.get(&shown).status, 404, "decided: its page shows it no more");
    assert_eq!(clinic.author.posts(&own, &[("decision", "withdraw")]).status, 404, "a decision stands");
    let done = clinic.done_by("person:clinician1");
    for kind in ["picture-reported", "corrections-read", "picture-restored"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
    assert!(clinic.done_by("person:clinician2").contains(&"denied".to_owned()));
}

#[test]
fn a_picture_is_given_to_the_right_patient_and_stays_there() {
    let mut clinic = Clinic::open();
    let second = second_patient(&mut clinic);
    let page = format!("/pictures/{}", clinic.picture);
    let id = report(&mut clinic, "wrong-patient");
    let decide = format!("/corrections/{id}");
    let to = |number: &'static str| [("decision", "move"), ("number", number), ("issuer", "clinic")];
    assert_eq!(clinic.officer.posts(&decide, &to("")).status, 422);
    let nobody = clinic.officer.posts(&decide, &to("MRN-90001-08"));
    assert_eq!(nobody.status, 404);
    assert!(nobody.text().contains("There is no patient of this number"), "{}", nobody.text());
    let done = clinic.officer.posts(&decide, &to("mrn-90001-07"));
    assert_eq!(done.status, 200, "{}", done.text());

    // From which patient to which: by reference for the officer, by name for its author where they treat the patient, who is not the first one's any more.
    let (from, decided) = (&clinic.patient["/patients/".len()..][..8], clinic.officer.browser.get("/decided"));
    let ends = decided.all_between("href=\"/log?patient=", "\"");
    assert!(ends.len() == 2 && ends[0].starts_with(from) && ends[0] != ends[1], "{ends:?}: {}", decided.text());
    let to = format!("<a href=\"/patients/{}\">Adler, Bruno, MRN-90001-07</a>", ends[1]);
    let both = format!("From patient {from}… to patient {to}");
    let own = until("the second patient by name", PATIENCE, || {
        let own = clinic.author.browser.get("/decided/own").text();
        own.contains(&both).then_some(own)
    });
    assert!(!own.contains("Quittländer, Zoë"), "{own}");
    assert!(!decided.text().contains("Adler") && !decided.text().contains("MRN-"), "{}", decided.text());

    let shown = clinic.author.browser.get(&page).text();
    assert!(
        shown.contains("Adler, Bruno") && shown.contains("Given to this patient by Petra Privacy (officer)"),
        "{shown}"
    );
    assert!(!shown.contains("Quitt"), "{shown}");
    // No picture of theirs is left with the first patient, whose page is not theirs any more.
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 404);
    assert_eq!(clinic.author.browser.get(&format!("/pictures/{second}")).status, 200, "the control");
    assert!(clinic.done_by("person:officer").contains(&"care-ended".to_owned()));

    // The list at the shell says the same; what was signed does not change, and audits find nothing.
    let listed = clinic.gateway.run(&["vault", "list", "--data", "D", "--json", "--passphrase-file", "P"]).ok().json();
    let all = listed.as_array().cloned().or_else(|| listed["pictures"].as_array().cloned()).expect("a list");
    let moved = all.iter().find(|one| text(one, "id") == clinic.picture).expect("the picture");
    assert_eq!(text(moved, "patient"), "MRN-90001-07");

    // A further picture under the first number brings its author back to the first patient.
    let photo = clinic.gateway.path("photo.jpg");
    std::fs::write(&photo, small::photo(9)).expect("a file");
    let folder = clinic.gateway.path("room3");
    let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
    finish(command(safelight(), &args), LABEL.as_bytes()).ok();
    clinic.gateway.pictures_in(&["verified"], 3);
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 200);
}

#[test]
fn a_withdrawn_picture_stays_unseen() {
    let mut clinic = Clinic::open();
    let id = report(&mut clinic, "not-wanted");
    let done = clinic.author.posts(&format!("/corrections/own/{id}"), &[("decision", "withdraw")]);
    assert!(done.text().contains("Nothing waits"), "{}", done.text());
    assert_eq!(clinic.author.browser.get(&format!("/pictures/{}", clinic.picture)).status, 404);
    assert_eq!(text(&clinic.gateway.pictures_in(&["quarantined"], 1)[0], "reason"), "withdrawn");
    let again = clinic.officer.posts(&format!("/corrections/{id}"), &[("decision", "restore")]);
    assert_eq!(again.status, 404, "it cannot be put back");
}

#[test]
fn whoever_withdraws_their_only_picture_of_a_patient_is_off_the_care_team() {
    let mut clinic = Clinic::open();
    let (photo, folder) = (clinic.gateway.path("photo.jpg"), clinic.gateway.path("room3"));
    std::fs::write(&photo, small::photo(7)).expect("a file");
    let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
    let sent = finish(command(safelight(), &args), LABEL.as_bytes()).ok().json();
    let second = text(&sent[0], "id").to_owned();
    clinic.gateway.pictures_in(&["verified"], 2);
    let withdraws = |clinic: &mut Clinic| {
        let id = report(clinic, "not-wanted");
        let done = clinic.author.posts(&format!("/corrections/own/{id}"), &[("decision", "withdraw")]);
        assert_eq!(done.status, 200, "{}", done.text());
    };
    withdraws(&mut clinic);
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 200, "one is left");
    clinic.picture = second;
    withdraws(&mut clinic);
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 404);
    let done = clinic.done_by("person:clinician1");
    assert_eq!(done.iter().filter(|kind| *kind == "care-ended").count(), 1, "{done:?}");
}

#[test]
fn c11_emergency_access_or_a_place_for_a_time_is_made_no_longer_by_ones_own_picture() {
    let mut clinic = Clinic::open();
    clinic.enrols_other();
    let own = clinic.sends("room4", OTHER_LABEL, 7);
    let moves = |clinic: &mut Clinic| {
        let other = &mut clinic.other;
        assert_eq!(other.posts(&format!("/pictures/{own}/report"), &[("kind", "wrong-patient")]).status, 200);
        let id = other.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"").remove(0);
        let to = [("decision", "move"), ("number", "MRN-77812-04"), ("issuer", "clinic")];
        let status = other.posts(&format!("/corrections/own/{id}"), &to).status;
        (id, status)
    };
    let emergency = [
        ("number", "MRN-77812-04"),
        ("issuer", "clinic"),
        ("reason", "acute"),
        ("words", "bleeding after surgery, colleague not reachable"),
    ];
    assert_eq!(clinic.other.posts("/emergency", &emergency).status, 200);
    assert_eq!(clinic.other.browser.get(&clinic.patient).status, 200, "the control");
    let (id, status) = moves(&mut clinic);
    assert_eq!(status, 404);
    assert_eq!(clinic.other.posts(&format!("/corrections/own/{id}"), &[("decision", "restore")]).status, 200);
    let waits = clinic.officer.browser.get("/emergencies").all_between("action=\"/emergencies/", "\"").remove(0);
    clinic.officer.posts(&format!("/emergencies/{waits}"), &[("verdict", "not-justified")]);
    assert_eq!(clinic.other.browser.get(&clinic.patient).status, 404);

    let path = format!("{}/team", clinic.patient);
    assert_eq!(clinic.author.posts(&path, &[("person", "clinician2"), ("term", "week")]).status, 200);
    let (_, status) = moves(&mut clinic);
    assert_eq!(status, 200);
    let page = clinic.author.browser.get(&clinic.patient).text();
    assert!(page.contains(&own) && page.contains("Otto Other (clinician2) until"), "{page}");
}

#[test]
fn an_author_gives_a_picture_to_patients_whom_they_treat_and_comes_by_nobody_else() {
    let mut clinic = Clinic::open();
    // The other clinician has a phone, a patient, and a picture of their own.
    let qr = clinic.gateway.path("room4.png");
    let invite = ["device", "invite", "--name", "room4", "--person", "clinician2", "--qr-png", &qr, "--data", "D"];
    clinic.gateway.run(&invite).ok();
    let mut enrolling = clinic.gateway.start_enrolling("room4", "room4.png");
    let device = text(&clinic.gateway.pending("room4", &mut enrolling), "id").to_owned();
    clinic.gateway.run(&["device", "approve", &device, "--data", "D"]).ok();
    enrolling.wait().ok();
    let (folder, photo) = (clinic.gateway.path("room4"), clinic.gateway.path("photo.jpg"));
    let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
    let sent = finish(command(safelight(), &args), OTHER_LABEL.as_bytes()).ok().json();
    let own = text(&sent[0], "id").to_owned();
    clinic.gateway.pictures_in(&["verified"], 2);
    let other = &mut clinic.other;
    assert_eq!(other.browser.get(&clinic.patient).status, 404, "the control");
    assert_eq!(other.posts(&format!("/pictures/{own}/report"), &[("kind", "wrong-patient")]).status, 200);
    let id = other.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"").remove(0);
    let decide = format!("/corrections/own/{id}");
    let to = |number: &'static str| [("decision", "move"), ("number", number), ("issuer", "clinic")];
    // A number that is a colleague's patient's and one that is nobody's: one answer, one record, one wait.
    let somebody = other.posts(&decide, &to("MRN-77812-04"));
    let nobody = other.posts(&decide, &to("MRN-77812-05"));
    assert_eq!((somebody.status, &somebody.body), (404, &nobody.body), "{}", somebody.text());
    let statuses: Vec<u16> = (0..4).map(|_| other.posts(&decide, &to("MRN-77812-04")).status).collect();
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(other.browser.get(&clinic.patient).status, 404);
    let missed = clinic.done_by("person:clinician2").iter().filter(|kind| *kind == "correction-missed").count();
    assert!(missed >= 4, "{missed}");
    // The privacy officer may, and its author treats the patient then.
    assert_eq!(clinic.officer.posts(&format!("/corrections/{id}"), &to("MRN-77812-04")).status, 200);
    assert_eq!(clinic.other.browser.get(&clinic.patient).status, 200);
}

#[test]
fn a_decision_has_words_of_its_own_and_decided_reports_are_listed_newest_first() {
    const WHY: &str = "Zoë Quittländer confirms that it is her forearm";
    let mut clinic = Clinic::open();
    let (all, own) = ("/decided", "/decided/own");
    assert!(clinic.officer.browser.get(all).text().contains("Nothing was decided yet"));
    let id = report(&mut clinic, "wrong-patient");
    let decide = format!("/corrections/{id}");
    let long = "x".repeat(3073);
    let refused = clinic.officer.posts(&decide, &[("decision", "restore"), ("words", &long)]);
    assert!(refused.status == 422 && refused.text().contains("too long"), "{}", refused.text());
    assert!(clinic.officer.browser.get(all).text().contains("Nothing was decided yet"), "it waits still");
    assert_eq!(clinic.officer.posts(&decide, &[("decision", "restore"), ("words", WHY)]).status, 200);
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(WHY.len()).any(|window| window == WHY.as_bytes()), "the words are sealed");

    // Both read what was said of it, and of the decision; nobody else does.
    for page in [clinic.officer.browser.get(all), clinic.author.browser.get(own)] {
        let page = page.text();
        for words in [
            "It was right, and is shown again",
            WORDS,
            WHY,
            "decided by Petra Privacy (officer)",
            "reported by Carla Clinician (clinician1)",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains("/images/"), "{page}");
    }
    assert!(!clinic.officer.browser.get(all).text().contains("MRN-77812"), "the officer sees no number");
    assert!(
        clinic.author.browser.get(own).text().contains("Quittländer, Zoë, MRN-77812-04</a>"),
        "whoever treats them"
    );
    assert!(clinic.other.browser.get(own).text().contains("Nothing was decided yet"), "another's picture");
    for (member, path) in [(&mut clinic.author, all), (&mut clinic.officer, own), (&mut clinic.admin, all)] {
        assert_eq!(member.browser.get(path).status, 404, "{path}");
    }
    // A further decision stands before it; without words it has none.
    let second = report(&mut clinic, "not-wanted");
    assert_eq!(clinic.author.posts(&format!("/corrections/own/{second}"), &[("decision", "withdraw")]).status, 200);
    let page = clinic.officer.browser.get(all).text();
    let (newest, oldest) = (page.find("It stays hidden for good"), page.find("It was right"));
    assert!(newest.expect("the second") < oldest.expect("the first"), "{page}");
    assert_eq!(page.matches("The decision:").count(), 1, "{page}");

    // Many: a page at a time, each once, none left out. A page of others' begins nowhere.
    let database = clinic.gateway.data().join("clinic/clinic.db");
    let more = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO correction SELECT randomblob(16), capture, kind, patient, words, 'officer', reported_at, outcome,
            moved_to, decided_by, decided_at - i / 2, author, decided_words FROM correction, n WHERE outcome = 'restored'";
    assert_eq!(run_in(&database, more), 60);
    let mut pages = Vec::new();
    let mut next = Some(all.to_owned());
    while let Some(path) = next {
        let page = clinic.officer.browser.get(&path);
        assert_eq!(page.status, 200);
        next = page.all_between("href=\"/decided?before=", "\"").pop();
        next = next.map(|before| format!("{all}?before={before}"));
        pages.push(page.text().matches("decided by").count());
    }
    assert_eq!(pages, [50, 12]);
    for before in ["", "00", "00000000000000000000000000000000", "' OR 1=1 --"] {
        assert!(
            [400, 404]
                .contains(&clinic.officer.browser.get(&format!("{all}?before={before}").replace(' ', "%20")).status)
        );
    }
    assert_eq!(clinic.author.browser.get(&format!("{own}?before={id}")).status, 200, "the control");
    assert_eq!(clinic.other.browser.get(&format!("{own}?before={id}")).status, 404);
    // While the vault is locked the list says so, and shows no words.
    clinic.admin.posts("/vault/lock", &[]);
    let page = clinic.officer.browser.get(all).text();
    assert!(page.contains("The words are sealed") && !page.contains(WHY), "{page}");
    let page = clinic.author.browser.get(own).text();
    assert!(!page.contains("Quittländer, Zoë") && page.contains("Under patient "), "{page}");
}
