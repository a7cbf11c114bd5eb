//! Who has seen what: the log's filters, the reports, and whether what they say can be believed.

use safelight_tests::browser::{Answer, encoded};
use safelight_tests::gateway::damage::run_in;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{PATIENCE, text};
use safelight_tests::staff::Member;

use super::stage::Clinic;

/// The patient's, as it was typed on the phone.
const NUMBER: &str = "MRN-77812-04";

/// Part of the patient's name.
const NAME: &str = "Quitt";

impl Clinic {
    fn catalog(&self) -> std::path::PathBuf {
        self.gateway.data().join("clinic/clinic.db")
    }

    /// The author looks at the patient, and at the picture.
    fn author_looks(&mut self) {
        for path in [self.patient.clone(), format!("/pictures/{}", self.picture)] {
            let page = self.author.browser.get(&path);
            assert_eq!(page.status, 200, "{}", page.text());
        }
    }

    /// The index of the newest entry of this kind by this actor.
    fn newest(&self, kind: &str, actor: &str) -> u64 {
        let is_it = |entry: &&serde_json::Value| {
            text(entry, "kind") == kind
                && entry["fields"].as_array().is_some_and(|fields| fields.iter().any(|field| field == actor))
        };
        let all = self.gateway.log("access");
        all.iter().filter(is_it).filter_map(|entry| entry["index"].as_u64()).next_back().expect("an entry")
    }
}

fn patient_report(officer: &mut Member, path: &str) -> Answer {
    officer.posts(path, &[("number", NUMBER), ("issuer", "clinic")])
}

#[test]
fn who_saw_a_patient_is_everybody_who_looked_and_nobody_else() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    assert_eq!(clinic.other.browser.get(&clinic.patient.clone()).status, 404);
    let page = patient_report(&mut clinic.officer, "/reports/patient");
    assert_eq!(page.status, 200, "{}", page.text());
    let report = page.text();
    assert!(report.contains("Carla Clinician") && report.contains("looked at a picture"), "{report}");
    assert!(!report.contains("Otto Other") && !report.contains(NAME), "{report}");
    assert!(report.contains(NUMBER) && report.contains("Petra Privacy"), "{report}");
    assert!(report.contains("Every entry on this page is as it was signed"), "{report}");
    // Whoever takes emergency access is in it from then on, and in the report of them.
    let form = [("number", NUMBER), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    let reference = clinic.patient.trim_start_matches("/patients/").to_owned();
    let report = clinic.officer.posts("/reports/patient", &[("patient", &reference)]).text();
    assert!(report.contains("Otto Other") && report.contains("took emergency access"), "{report}");
    assert!(!report.contains(NUMBER), "a number that was not typed: {report}");
    let report = clinic.officer.posts("/reports/person", &[("person", "clinician2")]).text();
    assert!(report.contains("took emergency access") && report.contains("looked at a patient"), "{report}");
    assert!(!report.contains("person:clinician1") && report.contains(&reference[..8]), "{report}");
    // A period that is over finds nothing.
    let form = [("number", NUMBER), ("issuer", "clinic"), ("from", "2001-01-01"), ("to", "2001-12-31")];
    let report = clinic.officer.posts("/reports/patient", &form).text();
    assert!(report.contains("Nothing is on record in this period"), "{report}");
    for (number, from, status) in [("NOBODY-1", "", 404), (NUMBER, "yesterday", 422), ("", "", 422)] {
        let form = [("number", number), ("issuer", "clinic"), ("from", from)];
        assert_eq!(clinic.officer.posts("/reports/patient", &form).status, status, "{number} {from}");
    }
    // By filters, in addresses that say nothing of the patient.
    let answer = clinic.officer.browser.get("/log");
    let form = [("token", answer.field("token")), ("number", NUMBER.to_owned()), ("issuer", "clinic".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = clinic.officer.browser.submit("/log", &form);
    assert_eq!(answer.header("location"), format!("/log?patient={reference}"));
    let rows = clinic.officer.browser.get(answer.header("location")).text();
    assert!(rows.contains("<strong>looked at a picture</strong>") && rows.contains("Otto Other"), "{rows}");
    assert!(!rows.contains("<strong>logged in</strong>") && !rows.contains(NUMBER), "{rows}");
    let done = clinic.done_by("person:officer");
    for kind in ["patient-reported", "person-reported", "log-read"] {
        assert!(done.iter().any(|done| done == kind), "{kind} is not on record: {done:?}");
    }
    let reads = done.iter().filter(|done| *done == "log-read").count();
    assert_eq!(reads, 2, "the log, and what was looked for in it: {done:?}");
    let catalog = std::fs::read(clinic.catalog()).expect("the catalog");
    assert!(!catalog.windows(NUMBER.len()).any(|window| window == NUMBER.as_bytes()), "the number lies in clear");
}

#[test]
fn whoever_saw_a_picture_while_it_was_misfiled_is_in_the_report_of_whose_it_is() {
    const OTHER: &str = "MRN-90001-07";
    let label = format!(r#"{{"patient":"{OTHER}","name":"Adler, Bruno","birth_date":"1950-05-06","site":"back"}}"#);
    let mut clinic = Clinic::open();
    clinic.sends("room3", &label, 7);
    let form = [("number", NUMBER), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    let picture = format!("/pictures/{}", clinic.picture);
    assert_eq!(clinic.other.browser.get(&picture).status, 200);
    // A colleague sees it in small alone, another sees the page when it is not there any more.
    let add = |person: &'static str| [("person", person), ("term", "month")];
    let team = format!("{}/team", clinic.patient);
    let mut small = clinic.admin.adds(&clinic.gateway, "small", "Sigrid Small", "clinician");
    let mut late = clinic.admin.adds(&clinic.gateway, "late", "Lars Late", "clinician");
    for person in ["small", "late"] {
        assert_eq!(clinic.author.posts(&team, &add(person)).status, 200);
    }
    assert!(small.browser.get(&clinic.patient).text().contains(&picture), "the control");
    let report = |officer: &mut Member, number: &str| {
        officer.posts("/reports/patient", &[("number", number), ("issuer", "clinic")]).text()
    };
    assert!(!report(&mut clinic.officer, OTHER).contains("Otto Other"), "the control");

    let reported = clinic.author.posts(&format!("{picture}/report"), &[("kind", "wrong-patient")]);
    assert_eq!(reported.status, 200, "{}", reported.text());
    assert!(!late.browser.get(&clinic.patient).text().contains(&picture), "the control");
    let page = clinic.officer.browser.get("/corrections");
    let id = page.all_between("action=\"/corrections/", "\"").pop().expect("one that waits");
    let moves = [("decision", "move"), ("number", OTHER), ("issuer", "clinic")];
    assert_eq!(clinic.officer.posts(&format!("/corrections/{id}"), &moves).status, 200);
    // Looked at the picture, or at the page that it stood on.
    let page = report(&mut clinic.officer, OTHER);
    assert!(page.contains("Otto Other") && page.contains("looked at a picture"), "{page}");
    assert!(page.contains("Sigrid Small") && !page.contains("Lars Late"), "{page}");
    assert!(!page.contains("took emergency access"), "{page}");
    assert!(page.contains("Every entry on this page is as it was signed"), "{page}");
    let form = [("number", OTHER), ("issuer", "clinic"), ("from", "2001-01-01"), ("to", "2001-12-31")];
    let past = clinic.officer.posts("/reports/patient", &form).text();
    assert!(past.contains("Nothing is on record in this period"), "{past}");
    let page = report(&mut clinic.officer, NUMBER);
    assert!(page.contains("Otto Other") && page.contains("looked at a picture"), "{page}");

    // Both patients' filters find the move, which names both.
    let moved = clinic.officer.browser.get("/log?kind=picture-moved");
    let both = moved.all_between("/log?patient=", "\"");
    assert_eq!(both.len(), 2, "{}", moved.text());
    assert!(both.contains(&clinic.patient.trim_start_matches("/patients/").to_owned()), "{both:?}");
    for patient in both {
        let found = clinic.officer.browser.get(&format!("/log?patient={patient}&kind=picture-moved")).text();
        assert!(found.contains(&format!("/log?picture={}", clinic.picture)), "{patient}: {found}");
    }
    assert!(clinic.officer.posts("/log/verify", &[]).text().contains("and the index says the same"));
}

#[test]
fn c04_reports_are_the_officers_and_everybody_finds_what_is_on_record_of_themselves() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    let picture = format!("/pictures/{}", clinic.picture);
    for member in [&mut clinic.admin, &mut clinic.author, &mut clinic.other] {
        for path in ["/reports/patient", "/reports/patient/csv"] {
            let answer = patient_report(member, path);
            assert_eq!(answer.status, 404, "{path} as {}", member.id);
            assert!(!answer.content().contains("Carla"), "{path} as {}", member.id);
        }
        for path in ["/reports/person", "/reports/person/csv", "/log", "/log/verify"] {
            assert_eq!(member.posts(path, &[("person", "clinician1")]).status, 404, "{path} as {}", member.id);
        }
        assert_eq!(member.browser.get("/reports").status, 404);
    }
    for path in [clinic.patient.as_str(), &picture] {
        assert_eq!(clinic.officer.browser.get(path).status, 404, "{path} as the officer");
    }
    // Who has looked, for whoever may look.
    let page = clinic.author.browser.get(&picture).text();
    let looked = page.split("Who has looked").nth(1).expect("who has looked").to_owned();
    assert!(looked.contains("Carla Clinician") && !looked.contains("Otto"), "{looked}");
    let own = clinic.author.browser.get("/account").text();
    assert!(own.contains("looked at a picture") && !own.contains("person:root.admin"), "{own}");
    let own = clinic.other.browser.get("/account").text();
    assert!(own.contains("asked for what is not theirs") && !own.contains("looked at a picture"), "{own}");
    // Whoever asks again and again fills no log.
    for _ in 0..20 {
        assert_eq!(clinic.other.browser.get(&picture).status, 404);
    }
    let denied = clinic.newest("denied", "person:clinician2");
    let of_picture = clinic.gateway.log("access").into_iter().filter(|entry| {
        text(entry, "kind") == "denied" && entry["fields"][0] == "picture" && entry["fields"][2] == "person:clinician2"
    });
    assert!((1..=3).contains(&of_picture.count()), "{denied}");
}

#[test]
fn a05_a_name_that_a_spreadsheet_would_run_is_text_in_a_report() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    run_in(&clinic.catalog(), "UPDATE device SET name = '=CMD()'");
    run_in(&clinic.catalog(), "UPDATE person SET name = '@SUM(1)\"\x1b[31m' WHERE id = 'clinician1'");
    for (path, form) in [
        ("/reports/patient/csv", vec![("number", NUMBER), ("issuer", "clinic")]),
        ("/reports/person/csv", vec![("person", "clinician1")]),
    ] {
        let answer = clinic.officer.posts(path, &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.header("content-type").starts_with("text/csv"), "{:?}", answer.headers);
        assert!(answer.header("content-disposition").starts_with("attachment; filename=\"safelight-"));
        let table = answer.text();
        assert!(table.starts_with('\u{feff}') && table.contains("\"picture-viewed\""), "{table}");
        assert!(table.contains("\"'=CMD()\"") && !table.contains("\"=CMD"), "{table}");
        assert!(table.contains("\"'@SUM(1)\"\"\u{fffd}[31m\"") && !table.contains("\"@SUM"), "{table}");
        assert!(!table.contains(NUMBER) && !table.contains(NAME), "{table}");
    }
    let page = patient_report(&mut clinic.officer, "/reports/patient").text();
    assert!(page.contains("=CMD()"), "on a page it is only text: {page}");
}

#[test]
fn c05_no_filter_and_no_search_carries_sql() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    const EVIL: [&str; 5] =
        ["' OR 1=1 --", "x' OR 'a'='a", "1; DROP TABLE person; --", "' UNION SELECT phc FROM password --", "%"];
    let fields = ["by", "about", "patient", "picture", "device", "kind", "from", "to", "before", "sort"];
    for evil in EVIL {
        for field in fields {
            let answer = clinic.officer.browser.get(&format!("/log?{}", encoded(&[(field, evil)])));
            // There is no order to choose: what is not known is not looked at.
            let expected = if field == "sort" { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{field}={evil}");
            if field != "before" && field != "sort" {
                let answer = clinic.officer.posts("/log", &[(field, evil)]);
                assert_eq!(answer.status, 422, "{field}={evil}: {}", answer.text());
            }
        }
        // A record number may be anything: it finds whom it belongs to, and nobody.
        let rows = clinic.officer.posts("/log", &[("number", evil), ("issuer", evil)]).text();
        assert!(rows.contains("No entries.") && !rows.contains("<strong>"), "{evil}: {rows}");
        assert_eq!(clinic.officer.posts("/reports/patient", &[("number", evil), ("issuer", evil)]).status, 404);
        assert_eq!(clinic.officer.posts("/reports/person/csv", &[("person", evil)]).status, 422);
        let found = clinic.author.posts("/patients/found", &[("query", evil)]).text();
        assert!(!found.contains(NAME), "{evil}: {found}");
    }
    // The control: what is there is found in the same way.
    let rows = clinic.officer.browser.get(&format!("/log?by=person%3Aclinician1&picture={}", clinic.picture)).text();
    assert!(rows.contains("<strong>looked at a picture</strong>"), "{rows}");
    assert!(clinic.author.posts("/patients/found", &[("query", NAME)]).text().contains(NAME));
    assert!(
        clinic.officer.posts("/reports/person", &[("person", "clinician1")]).text().contains("looked at a picture")
    );
    assert_eq!(clinic.admin.browser.get("/people").status, 200);
}

#[test]
fn a04_without_the_log_nothing_is_shown_and_with_it_everything_again() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    let image = clinic.author.browser.get(&format!("/pictures/{}", clinic.picture));
    assert!(image.text().contains(NAME), "the control");
    let (patient, picture) = (clinic.patient.clone(), format!("/pictures/{}", clinic.picture));
    // Longer than a search's entry stands for others.
    std::thread::sleep(std::time::Duration::from_secs(11));
    run_in(
        &clinic.catalog(),
        "CREATE TRIGGER no_log BEFORE INSERT ON log_entry BEGIN SELECT RAISE(ABORT, 'the log is full'); END",
    );
    for path in ["/patients", &patient, &picture] {
        let page = clinic.author.browser.get(path);
        assert_eq!(page.status, 500, "{path}");
        assert!(!page.text().contains(NAME) && !page.text().contains("the log is full"), "{path}: {}", page.text());
    }
    let found = clinic.author.posts("/patients/found", &[("query", NAME)]);
    assert!(found.status == 500 && !found.text().contains(NAME), "{}", found.text());
    let page = clinic.officer.browser.get("/log");
    assert!(page.status == 500 && !page.text().contains("Carla"), "{}", page.text());
    for path in ["/reports/patient", "/reports/patient/csv"] {
        let report = patient_report(&mut clinic.officer, path);
        assert!(report.status == 500 && !report.text().contains("Carla"), "{path}: {}", report.text());
    }
    run_in(&clinic.catalog(), "DROP TRIGGER no_log");
    clinic.author_looks();
    assert_eq!(patient_report(&mut clinic.officer, "/reports/patient").status, 200);
}

#[test]
fn what_somebody_changed_in_the_log_or_its_index_is_said_on_the_page() {
    let mut clinic = Clinic::open();
    clinic.author_looks();
    let sound = "Every entry on this page is as it was signed";
    let page = clinic.officer.browser.get("/log").text();
    assert!(page.contains(sound) && !page.contains("is not what was signed"), "{page}");
    let page = clinic.officer.posts("/log/verify", &[]).text();
    assert!(page.contains("and the index says the same"), "{page}");
    // The index says that somebody else looked.
    let look = clinic.newest("picture-viewed", "person:clinician1");
    run_in(&clinic.catalog(), &format!("UPDATE access_index SET actor = 'person:clinician2' WHERE idx = {look}"));
    let page = clinic.officer.posts("/reports/person", &[("person", "clinician2")]).text();
    assert!(page.contains("The index said something else"), "{page}");
    run_in(&clinic.catalog(), &format!("DELETE FROM access_index WHERE idx = {look}"));
    let page = patient_report(&mut clinic.officer, "/reports/patient").text();
    assert!(page.contains("The index lacks entries"), "{page}");
    let page = clinic.officer.posts("/log/verify", &[]).text();
    assert!(page.contains("rows of the index did not say"), "{page}");
    let officer = &mut clinic.officer;
    until("the index, made anew", PATIENCE, || {
        let page = patient_report(officer, "/reports/patient").text();
        (!page.contains("The index")).then_some(())
    });
    let page = clinic.officer.posts("/log/verify", &[]).text();
    assert!(page.contains("and the index says the same"), "{page}");
    // The log says that nobody did.
    run_in(
        &clinic.catalog(),
        &format!("UPDATE log_entry SET entry = (SELECT entry FROM log_entry WHERE idx = 0) WHERE idx = {look}"),
    );
    let page = clinic.officer.browser.get(&format!("/log?picture={}", clinic.picture)).text();
    assert!(page.contains("This entry is not what was signed.") && !page.contains(sound), "{page}");
    let page = clinic.officer.posts("/log/verify", &[]).text();
    assert!(page.contains(&format!("at the earliest from entry {look}")), "{page}");
}

#[test]
fn what_is_older_than_a_damaged_entry_is_found_all_the_same() {
    let mut clinic = Clinic::open();
    for _ in 0..105 {
        assert_eq!(clinic.author.browser.get(&clinic.patient.clone()).status, 200);
    }
    let looks = |page: &Answer| page.text().matches("<strong>looked at a patient").count();
    let page = clinic.officer.browser.get("/log?kind=patient-viewed");
    assert_eq!(looks(&page), 100);
    let last = page.all_between("before=", "\"").pop().expect("a link to older ones");
    let older = format!("/log?kind=patient-viewed&before={last}");
    assert_eq!(looks(&clinic.officer.browser.get(&older)), 5, "the control");
    for damage in [
        format!("UPDATE log_entry SET entry = X'00' WHERE idx = {last}"),
        format!("DELETE FROM log_entry WHERE idx = {last}"),
    ] {
        assert_eq!(run_in(&clinic.catalog(), &damage), 1);
        assert_eq!(looks(&clinic.officer.browser.get(&older)), 5, "{damage}");
    }
}
