//! Two records of one patient that become one, and a record that gets another number.

use std::thread;

use safelight_tests::browser::{Answer, Browser};
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{PATIENCE, array, text};
use safelight_tests::staff::Member;

use super::stage::{Clinic, OTHER_LABEL};

const NUMBER: &str = "MRN-77812-04";

/// The number that the patient of [`NUMBER`] had before anybody knew who it was.
const FORMER: &str = "TEMP-9001";

const FORMER_LABEL: &str =
    r#"{"patient":"TEMP-9001","name":"Unknown, Zoe","birth_date":"1961-02-03","site":"left forearm"}"#;

const WORDS: &str = "Zoë Quittländer was taken in without papers";

const WHY: [(&str, &str); 2] = [("reason", "temporary"), ("words", WORDS)];

impl Clinic {
    /// A phone for the clinician who treats nobody.
    pub(super) fn enrols_other(&mut self) {
        let qr = self.gateway.path("room4.png");
        let invite = ["device", "invite", "--name", "room4", "--person", "clinician2", "--qr-png", &qr, "--data", "D"];
        self.gateway.run(&invite).ok();
        let mut enrolling = self.gateway.start_enrolling("room4", "room4.png");
        let device = text(&self.gateway.pending("room4", &mut enrolling), "id").to_owned();
        self.gateway.run(&["device", "approve", &device, "--data", "D"]).ok();
        enrolling.wait().ok();
    }

    fn missed(&self, actor: &str) -> usize {
        self.done_by(actor).iter().filter(|kind| *kind == "record-missed").count()
    }
}

/// `/patients/...` of whose page a picture is.
fn patient_of(browser: &mut Browser, picture: &str) -> String {
    let page = browser.get(&format!("/pictures/{picture}"));
    assert_eq!(page.status, 200, "{}", page.text());
    format!("/patients/{}", page.all_between("href=\"/patients/", "\"").pop().expect("the patient"))
}

/// The pictures that a patient's page shows.
fn shown(browser: &mut Browser, patient: &str) -> Vec<String> {
    let page = browser.get(patient);
    assert_eq!(page.status, 200, "{}", page.text());
    let mut shown = page.all_between("href=\"/pictures/", "\"");
    shown.sort();
    shown
}

fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}

fn compares(member: &mut Member, patient: &str, number: &str) -> Answer {
    member.posts(&format!("{patient}/record/compare"), &[("number", number), ("issuer", "clinic")])
}

/// Merges the record of a number into the one of this page.
fn merges(member: &mut Member, patient: &str, number: &str) -> Answer {
    let page = compares(member, patient, number);
    assert_eq!(page.status, 200, "{}", page.text());
    let other = page.field("other");
    member.posts(&format!("{patient}/record/merge"), &[("other", &other), WHY[0], WHY[1]])
}

fn renumbers(member: &mut Member, patient: &str, number: &str) -> Answer {
    let form = [("number", number), ("issuer", "clinic"), WHY[0], WHY[1]];
    member.posts(&format!("{patient}/record/number"), &form)
}

/// Where a search leads, once it finds what was not yet read a moment ago.
fn finds(member: &mut Member, query: &str, expected: &[&str]) {
    let mut wanted: Vec<String> = expected.iter().map(|patient| (*patient).to_owned()).collect();
    wanted.sort();
    until(&format!("{query} finds {expected:?}"), PATIENCE, || {
        let page = member.posts("/patients/found", &[("query", query)]);
        let found = page.all_between("href=\"/patients/", "\"").into_iter().map(|found| format!("/patients/{found}"));
        let mut found: Vec<String> = found.collect();
        found.sort();
        (found == wanted).then_some(())
    });
}

/// The undoing of the newest merge that holds.
fn undoes(officer: &mut Member) -> Answer {
    let list = officer.browser.get("/merges");
    let id = list.all_between("action=\"/merges/", "/undo\"").into_iter().next().expect("one that holds");
    officer.posts(&format!("/merges/{id}/undo"), &[])
}

#[test]
fn a_merged_record_has_the_pictures_the_team_and_the_looks_of_both_and_undone_each_has_its_own() {
    let mut clinic = Clinic::open();
    let (patient, first) = (clinic.patient.clone(), clinic.picture.clone());
    let second = clinic.sends("room3", FORMER_LABEL, 7);
    let former = patient_of(&mut clinic.author.browser, &second);
    assert_ne!(former, patient);
    // Somebody has emergency access by the former number, and looks.
    let form = [("number", FORMER), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "the control");

    // Both are looked at, on record; without a reason there is nothing.
    let looks =
        |clinic: &Clinic| clinic.done_by("person:clinician1").iter().filter(|it| *it == "patient-viewed").count();
    let before = looks(&clinic);
    let page = compares(&mut clinic.author, &patient, "temp-9001");
    assert!(page.text().contains("Quittländer, Zoë") && page.text().contains("Unknown, Zoe"), "{}", page.text());
    assert!(page.text().contains("Name or birth date differ"), "{}", page.text());
    assert_eq!(looks(&clinic), before + 2);
    let (merge, other) = (format!("{patient}/record/merge"), page.field("other"));
    for (reason, words) in [("", WORDS), ("curious", WORDS), ("temporary", "why not"), ("temporary", "")] {
        let form = [("other", other.as_str()), ("reason", reason), ("words", words)];
        assert_eq!(clinic.author.posts(&merge, &form).status, 422, "{reason} {words}");
    }
    assert_eq!(
        shown(&mut clinic.author.browser, &patient),
        std::slice::from_ref(&first),
        "nothing of this has changed anything"
    );
    let merged = merges(&mut clinic.author, &patient, FORMER);
    assert_eq!(merged.status, 200, "{}", merged.text());
    assert!(
        merged.text().contains("Quittländer, Zoë") && merged.text().contains("also TEMP-9001"),
        "{}",
        merged.text()
    );
    assert!(!merged.text().contains("Unknown, Zoe"), "{}", merged.text());

    // What is sent under the former number arrives at the record, which both numbers find; and nobody else's page changes.
    let third = clinic.sends("room3", FORMER_LABEL, 8);
    for page in [&patient, &former] {
        assert_eq!(shown(&mut clinic.author.browser, page), sorted(&[&first, &second, &third]), "{page}");
    }
    for query in ["TEMP-9001", "temp", "unknown", NUMBER, "quitt"] {
        finds(&mut clinic.author, query, &[&patient]);
    }
    let page = clinic.author.browser.get(&format!("/pictures/{third}")).text();
    assert!(
        page.contains("Its label has another number of this patient: TEMP-9001") && page.contains(NUMBER),
        "{page}"
    );
    let page = clinic.author.browser.get(&format!("/pictures/{first}")).text();
    assert!(!page.contains("Its label has"), "{page}");
    let listed =
        array(clinic.gateway.run(&["vault", "list", "--data", "D", "--json", "--passphrase-file", "P"]).ok().json());
    assert!(listed.iter().all(|row| text(row, "patient") == NUMBER), "{listed:?}");
    // Whoever had emergency access to the one has it to both, until it ends; and by either number.
    assert_eq!(shown(&mut clinic.other.browser, &patient), sorted(&[&first, &second, &third]));
    // The report has looks of before and after, whichever number is asked for.
    for number in [NUMBER, FORMER] {
        let report = clinic.officer.posts("/reports/patient", &[("number", number), ("issuer", "clinic")]);
        let report = report.text();
        assert!(report.contains("took emergency access") && report.contains(&third), "{number}: {report}");
        assert!(report.contains(&patient[10..18]) && report.contains(&former[10..18]), "{number}: {report}");
        assert!(!report.contains("is not what was signed") && !report.contains("The index said"), "{report}");
    }
    // Nothing of it lies in clear.
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    for clear in [WORDS, FORMER, "temp-9001", NUMBER] {
        assert!(!catalog.windows(clear.len()).any(|window| window == clear.as_bytes()), "{clear} lies in clear");
    }

    // The privacy officer reads why, sees no name, and undoes it.
    for member in [&mut clinic.author, &mut clinic.other, &mut clinic.admin] {
        assert_eq!(member.browser.get("/merges").status, 404);
    }
    let list = clinic.officer.browser.get("/merges").text();
    assert!(list.contains(WORDS) && list.contains("clinician1") && !list.contains(FORMER), "{list}");
    let id = clinic.officer.browser.get("/merges").all_between("action=\"/merges/", "/undo\"").remove(0);
    assert_eq!(clinic.author.posts(&format!("/merges/{id}/undo"), &[]).status, 404);
    let undone = undoes(&mut clinic.officer);
    assert!(undone.text().contains("Undone by Petra Privacy (officer)"), "{}", undone.text());
    assert_eq!(clinic.officer.posts(&format!("/merges/{id}/undo"), &[]).status, 404, "once");
    assert_eq!(shown(&mut clinic.author.browser, &patient), [first]);
    assert_eq!(shown(&mut clinic.author.browser, &former), sorted(&[&second, &third]));
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "emergency access was to the other");
    assert_eq!(clinic.other.browser.get(&former).status, 200);
    finds(&mut clinic.author, "temp", &[&former]);
    finds(&mut clinic.author, "1961-02-03", &[&patient, &former]);
    // Whoever saw the pictures while they were the record's is in the report of whose they are, and the parting is in the log of both.
    let report = clinic.officer.posts("/reports/patient", &[("number", FORMER), ("issuer", "clinic")]).text();
    assert!(report.contains(&third) && report.contains(&patient[10..18]), "{report}");
    for reference in [&patient[10..], &former[10..]] {
        let log = clinic.officer.browser.get(&format!("/log?patient={reference}")).text();
        assert!(log.contains("<strong>undid a merge") && log.contains("<strong>merged two records"), "{log}");
    }
    let verified = clinic.officer.posts("/log/verify", &[]);
    assert!(verified.text().contains("and the index says the same"), "{}", verified.text());
    let done = clinic.done_by("person:officer");
    for kind in ["merges-read", "records-parted"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn c04_a_number_is_merged_by_whoever_treats_both_and_by_nobody_else() {
    let mut clinic = Clinic::open();
    clinic.enrols_other();
    let own = clinic.sends("room4", OTHER_LABEL, 7);
    let (patient, other) = (clinic.patient.clone(), &mut clinic.other);
    let own = patient_of(&mut other.browser, &own);
    // Not even the page, to whoever treats the patient not.
    for member in [&mut *other, &mut clinic.officer, &mut clinic.admin] {
        assert_eq!(member.browser.get(&format!("{patient}/record")).status, 404);
        assert_eq!(renumbers(member, &patient, "MRN-1").status, 404);
        let form = [("other", &own[10..]), WHY[0], WHY[1]];
        assert_eq!(member.posts(&format!("{patient}/record/merge"), &form).status, 404);
    }
    // A colleague's patient and nobody: one answer, one record, one wait; by the reference nothing either.
    assert_eq!(compares(other, &own, "").status, 422);
    let somebody = compares(other, &own, NUMBER);
    let nobody = compares(other, &own, "MRN-77812-05");
    // What was typed stands in the form again, and is all that differs.
    let told = |page: &str, typed: &str| page.replace(&format!("value=\"{typed}\""), "value=\"typed\"");
    let nothing = told(&nobody.text(), "MRN-77812-05");
    assert!(nothing.contains("value=\"typed\""), "{nothing}");
    assert_eq!((somebody.status, told(&somebody.text(), NUMBER)), (404, nothing));
    let merge = format!("{own}/record/merge");
    let absent = other.posts(&merge, &[("other", &"a".repeat(52)), WHY[0], WHY[1]]);
    let foreign = other.posts(&merge, &[("other", &patient[10..]), WHY[0], WHY[1]]);
    assert_eq!((foreign.status, foreign.text()), (404, absent.text()));
    // Emergency access is not enough.
    let form = [("number", NUMBER), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert_eq!(other.posts("/emergency", &form).status, 200);
    assert_eq!(other.browser.get(&patient).status, 200, "the control");
    assert_eq!(other.browser.get(&format!("{patient}/record")).status, 404);
    let still = compares(other, &own, NUMBER);
    let nothing = told(&nobody.content(), "MRN-77812-05");
    assert_eq!((still.status, told(&still.content(), NUMBER)), (404, nothing));
    // A new number that is somebody's is refused, in words that say nothing of them, and counts with the others.
    let taken = renumbers(other, &own, NUMBER);
    assert_eq!(taken.status, 422);
    assert!(
        taken.text().contains("cannot be given to this record") && !taken.text().contains("Quitt"),
        "{}",
        taken.text()
    );
    let statuses: Vec<u16> = (0..4).map(|_| compares(other, &own, NUMBER).status).collect();
    assert_eq!(statuses.last(), Some(&429), "whoever tries numbers waits: {statuses:?}");
    assert_eq!(renumbers(other, &own, "MRN-5").status, 429);
    let missed = clinic.missed("person:clinician2");
    assert!(missed >= 4, "{missed}");
    assert!(!clinic.done_by("person:clinician2").iter().any(|kind| kind.starts_with("records-")));
    // On both teams they may, unless one of them ends: the two together would not.
    let form = [("person", "clinician2"), ("term", "week")];
    assert_eq!(clinic.author.posts(&format!("{patient}/team"), &form).status, 200);
    until("the wait is over", PATIENCE, || (compares(&mut clinic.other, &own, NUMBER).status == 200).then_some(()));
    let refused = merges(&mut clinic.other, &own, NUMBER);
    assert!(refused.status == 422 && refused.text().contains("for a time only"), "{}", refused.text());
    assert_eq!(clinic.author.posts(&format!("{patient}/team/clinician2/end"), &[]).status, 200);
    let form = [("person", "clinician2"), ("term", "open")];
    assert_eq!(clinic.author.posts(&format!("{patient}/team"), &form).status, 200);
    assert_eq!(merges(&mut clinic.other, &own, NUMBER).status, 200);
    // The team is of both: the author treats the record, whose page has the other's name now.
    let page = clinic.author.browser.get(&patient).text();
    assert!(page.contains("Adler, Bruno") && page.contains("clinician1") && page.contains("clinician2"), "{page}");
    assert!(clinic.author.browser.get(&patient).text().contains(&clinic.picture));
    finds(&mut clinic.author, "adler", &[&own]);
    let team = page.split("Care team").nth(1).and_then(|rest| rest.split("</summary>").next()).expect("the team");
    assert!(!team.contains("until"), "{team}");
}

#[test]
fn a_record_gets_a_number_that_nobody_has_and_undone_it_is_nobodys_again() {
    let mut clinic = Clinic::open();
    let (patient, first) = (clinic.patient.clone(), clinic.picture.clone());
    let second = clinic.sends("room3", OTHER_LABEL, 7);
    let treated = patient_of(&mut clinic.author.browser, &second);
    for (number, words) in [("mrn-77812-04", "leads to this record already"), ("MRN-90001-07", "go back and merge")] {
        let refused = renumbers(&mut clinic.author, &patient, number);
        assert!(refused.status == 422 && refused.text().contains(words), "{number}: {}", refused.text());
    }
    for number in ["", "  ", "a\u{202e}b", &"9".repeat(65)] {
        assert_eq!(renumbers(&mut clinic.author, &patient, number).status, 422, "{number}");
    }
    let form = [("number", "MRN-5"), ("issuer", "clinic"), ("reason", "other"), ("words", "because")];
    assert_eq!(clinic.author.posts(&format!("{patient}/record/number"), &form).status, 422);
    assert_eq!(clinic.missed("person:clinician1"), 0);

    let page = renumbers(&mut clinic.author, &patient, "MRN-5");
    assert_eq!(page.status, 200, "{}", page.text());
    let page = page.text();
    assert!(
        page.contains("<span>MRN-5</span>") && page.contains("also MRN-77812-04") && page.contains("Quitt"),
        "{page}"
    );
    let record = patient_of(&mut clinic.author.browser, &first);
    assert_ne!(record, patient);
    finds(&mut clinic.author, "mrn-5", &[&record]);
    finds(&mut clinic.author, NUMBER, &[&record]);
    finds(&mut clinic.author, "", &[&record, &treated]);
    // By the new number as by the old one, whoever asks.
    let form = [("number", "mrn-5"), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert!(clinic.other.posts("/emergency", &form).text().contains("Quitt"));
    let listed =
        array(clinic.gateway.run(&["vault", "list", "--data", "D", "--json", "--passphrase-file", "P"]).ok().json());
    assert!(listed.iter().any(|row| text(row, "id") == first && text(row, "patient") == "MRN-5"), "{listed:?}");
    let form = [("person", "clinician2"), ("term", "week")];
    assert_eq!(clinic.author.posts(&format!("{record}/team"), &form).status, 200);

    // A further number since is undone first.
    assert_eq!(renumbers(&mut clinic.author, &record, "MRN-6").status, 200);
    let list = clinic.officer.browser.get("/merges");
    let older = list.all_between("action=\"/merges/", "/undo\"").pop().expect("two");
    let refused = clinic.officer.posts(&format!("/merges/{older}/undo"), &[]);
    assert!(refused.status == 422 && refused.text().contains("Undo that first"), "{}", refused.text());
    assert_eq!(undoes(&mut clinic.officer).status, 200);
    assert_eq!(undoes(&mut clinic.officer).status, 200);
    assert_eq!(shown(&mut clinic.author.browser, &patient), std::slice::from_ref(&first));
    assert_eq!(clinic.author.browser.get(&record).status, 404, "nobody");
    // Whoever was let in meanwhile is let in still.
    assert_eq!(clinic.other.browser.get(&patient).status, 200);
    assert!(clinic.author.browser.get(&patient).text().contains("clinician2"));
    finds(&mut clinic.author, "mrn-5", &[]);
    finds(&mut clinic.author, "", &[&patient, &treated]);
    let report = clinic.officer.posts("/reports/patient", &[("number", NUMBER), ("issuer", "clinic")]).text();
    assert!(report.contains("took emergency access"), "{report}");
    let form = [("number", "MRN-5"), ("issuer", "clinic"), ("reason", "acute"), ("words", "bleeding after surgery")];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 404, "the number is nobody's");
    // And free for whoever has it.
    let label = OTHER_LABEL.replace("MRN-90001-07", "MRN-5").replace("Adler, Bruno", "Ilg, Ida");
    let third = clinic.sends("room3", &label, 9);
    let page = clinic.author.browser.get(&format!("/pictures/{third}")).text();
    assert!(page.contains("Ilg, Ida") && !page.contains("Quitt"), "{page}");
    finds(&mut clinic.author, "mrn-5", &[&record]);
}

#[test]
fn a_record_that_is_merged_again_takes_its_numbers_along() {
    let mut clinic = Clinic::open();
    let (patient, first) = (clinic.patient.clone(), clinic.picture.clone());
    let second = clinic.sends("room3", FORMER_LABEL, 7);
    let third = clinic.sends("room3", OTHER_LABEL, 8);
    let former = patient_of(&mut clinic.author.browser, &second);
    let last = patient_of(&mut clinic.author.browser, &third);
    assert_eq!(merges(&mut clinic.author, &patient, FORMER).status, 200);
    // A report that waits is decided as if there had been no merge.
    let report = format!("/pictures/{second}/report");
    assert_eq!(clinic.author.posts(&report, &[("kind", "wrong-patient")]).status, 200);
    assert_eq!(merges(&mut clinic.author, &last, FORMER).status, 200);
    assert_eq!(shown(&mut clinic.author.browser, &former), sorted(&[&first, &third]));
    let same = compares(&mut clinic.author, &last, FORMER);
    assert!(same.status == 422 && same.text().contains("leads to this record already"), "{}", same.text());
    let own = clinic.author.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"").remove(0);
    let page = clinic.author.browser.get(&format!("/corrections/own/{own}")).text();
    assert!(page.contains("Adler, Bruno"), "{page}");
    // The first merge is undone, the second is not: the former number stands by itself, whatever is reported.
    let list = clinic.officer.browser.get("/merges");
    let older = list.all_between("action=\"/merges/", "/undo\"").pop().expect("two");
    assert_eq!(clinic.officer.posts(&format!("/merges/{older}/undo"), &[]).status, 200);
    assert_eq!(shown(&mut clinic.author.browser, &patient), sorted(&[&first, &third]));
    let restore = [("decision", "restore")];
    assert_eq!(clinic.author.posts(&format!("/corrections/own/{own}"), &restore).status, 200);
    assert_eq!(shown(&mut clinic.author.browser, &former), std::slice::from_ref(&second));
    assert_eq!(undoes(&mut clinic.officer).status, 200);
    assert_eq!(shown(&mut clinic.author.browser, &patient), [first]);
    assert_eq!(shown(&mut clinic.author.browser, &last), [third]);
    assert_eq!(shown(&mut clinic.author.browser, &former), [second]);
}

#[test]
fn of_two_merges_at_once_one_is_done() {
    let mut clinic = Clinic::open();
    let (patient, first) = (clinic.patient.clone(), clinic.picture.clone());
    let second = clinic.sends("room3", FORMER_LABEL, 7);
    let former = patient_of(&mut clinic.author.browser, &second);
    let mut other_browser = clinic.author.logs_in();
    let token = other_browser.get("/account").field("token");
    for round in 1..=3 {
        let own_token = clinic.author.browser.get("/account").field("token");
        let form = |token: &str, other: &str| -> Vec<(String, String)> {
            let all = [("token", token), ("other", &other[10..]), WHY[0], WHY[1]];
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let post = |browser: &mut Browser, path: String, form: Vec<(String, String)>| {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            browser.submit(&path, &form).status
        };
        let mut statuses = thread::scope(|scope| {
            let one = scope.spawn(|| {
                post(&mut clinic.author.browser, format!("{patient}/record/merge"), form(&own_token, &former))
            });
            let two =
                scope.spawn(|| post(&mut other_browser, format!("{former}/record/merge"), form(&token, &patient)));
            [one.join().expect("an answer"), two.join().expect("an answer")]
        });
        statuses.sort_unstable();
        // Whoever comes second finds one record, or that it has changed at this moment.
        assert!(statuses[0] == 303 && [409, 422].contains(&statuses[1]), "{statuses:?}");
        for page in [&patient, &former] {
            assert_eq!(shown(&mut clinic.author.browser, page), sorted(&[&first, &second]), "{page}");
        }
        let merged = clinic.done_by("person:clinician1").iter().filter(|kind| *kind == "records-merged").count();
        assert_eq!(merged, round);
        assert_eq!(undoes(&mut clinic.officer).status, 200);
        assert_eq!(shown(&mut clinic.author.browser, &patient), std::slice::from_ref(&first));
    }
}

#[test]
fn with_the_vault_locked_nothing_is_merged_and_what_was_is_undone() {
    let mut clinic = Clinic::open();
    let (patient, first) = (clinic.patient.clone(), clinic.picture.clone());
    let second = clinic.sends("room3", FORMER_LABEL, 7);
    let former = patient_of(&mut clinic.author.browser, &second);
    assert_eq!(merges(&mut clinic.author, &patient, FORMER).status, 200);
    clinic.sends("room3", OTHER_LABEL, 8);
    clinic.admin.posts("/vault/lock", &[]);
    assert_eq!(clinic.author.browser.get(&format!("{patient}/record")).status, 503);
    assert_eq!(compares(&mut clinic.author, &patient, "MRN-90001-07").status, 503);
    assert_eq!(renumbers(&mut clinic.author, &patient, "MRN-5").status, 503);
    let list = clinic.officer.browser.get("/merges").text();
    assert!(!list.contains(WORDS) && list.contains("clinician1"), "{list}");
    assert_eq!(undoes(&mut clinic.officer).status, 200);
    let form = [("other", &former[10..]), WHY[0], WHY[1]];
    assert_eq!(clinic.author.posts(&format!("{patient}/record/merge"), &form).status, 503);
    let passphrase = std::fs::read_to_string(clinic.gateway.at("passphrase")).expect("the passphrase");
    clinic.admin.posts("/vault/unlock", &[("passphrase", passphrase.trim())]);
    assert_eq!(shown(&mut clinic.author.browser, &patient), [first]);
    assert_eq!(shown(&mut clinic.author.browser, &former), [second]);
    assert!(LABEL.contains(NUMBER), "the number of the stage's patient");
    finds(&mut clinic.author, "temp", &[&former]);
}
