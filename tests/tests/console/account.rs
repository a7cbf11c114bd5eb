//! What is on record of oneself, on one's own page.

use safelight_tests::browser::Browser;
use safelight_tests::gateway::PATIENCE;
use safelight_tests::gateway::program::until;
use safelight_tests::staff::{Member, PASSWORD};

use super::stage::Clinic;

const NAME: &str = "Quittländer, Zoë, MRN-77812-04";

/// The patient as the page shows them: by name with the reference behind, or by reference alone.
fn shown(clinic: &Clinic, by_name: bool) -> String {
    let reference = clinic.patient.trim_start_matches("/patients/");
    let short = &reference[..8];
    match by_name {
        true => {
            format!("patient <a href=\"/patients/{reference}\">{NAME}</a> <span class=\"reference\">{short}…</span>")
        }
        false => format!("patient {short}…</span>"),
    }
}

/// A log-in that has shown nothing yet: no search stands for what it shows.
fn fresh(member: &mut Member) -> Browser {
    let code = member.codes.pop().expect("a recovery code that is left");
    let mut browser = member.browser.clone();
    browser.cookie = None;
    let answer = browser.submit("/login", &[("name", &member.id), ("password", PASSWORD), ("code", &code)]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

fn account(browser: &mut Browser) -> String {
    let page = browser.get("/account");
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

fn searches(clinic: &Clinic, person: &str) -> usize {
    clinic.done_by(&format!("person:{person}")).iter().filter(|kind| *kind == "searched").count()
}

#[test]
fn ones_own_look_names_the_patient_while_one_treats_them_and_that_is_on_record() {
    let mut clinic = Clinic::open();
    let (by_name, alone) = (shown(&clinic, true), shown(&clinic, false));
    let picture = format!("picture <a href=\"/pictures/{0}\">{0}</a>", clinic.picture);
    for path in [clinic.patient.clone(), format!("/pictures/{}", clinic.picture)] {
        assert_eq!(clinic.author.browser.get(&path).status, 200, "{path}");
    }
    let mut second = fresh(&mut clinic.author);
    let before = searches(&clinic, "clinician1");
    let page = account(&mut second);
    assert!(page.contains(&by_name) && page.contains(&picture) && !page.contains(&alone), "{page}");
    assert_eq!(searches(&clinic, "clinician1"), before + 1, "a name that was shown is on record");
    let page = account(&mut second);
    assert!(page.contains("<strong>was shown patients by name</strong>"), "nothing was searched for: {page}");
    assert_eq!(searches(&clinic, "clinician1"), before + 1, "nobody new a moment later");

    clinic.admin.posts("/vault/lock", &[]);
    let page = account(&mut second);
    assert!(page.contains(&alone) && !page.contains("Quitt") && !page.contains("MRN-"), "{page}");
    assert!(!page.contains(&picture), "{page}");
    let passphrase = std::fs::read_to_string(clinic.gateway.at("passphrase")).expect("the passphrase");
    clinic.admin.posts("/vault/unlock", &[("passphrase", passphrase.trim())]);
    until("the name again", PATIENCE, || account(&mut second).contains(&by_name).then_some(()));

    // What was reported has no page, whoever treats the patient.
    let report = format!("/pictures/{}/report", clinic.picture);
    assert_eq!(clinic.author.posts(&report, &[("kind", "not-wanted")]).status, 200);
    let page = account(&mut second);
    assert!(page.contains(&by_name) && !page.contains(&picture), "{page}");

    let leave = format!("{}/team/clinician1/end", clinic.patient);
    assert_eq!(clinic.author.posts(&leave, &[]).status, 200);
    assert_eq!(clinic.author.browser.get(&clinic.patient).status, 404, "the control");
    let before = searches(&clinic, "clinician1");
    let mut third = fresh(&mut clinic.author);
    let page = account(&mut third);
    assert!(page.contains(&alone) && !page.contains("Quitt") && !page.contains("href=\"/patients/"), "{page}");
    assert_eq!(searches(&clinic, "clinician1"), before, "nobody was named");
}

#[test]
fn whoever_treats_nobody_has_references_on_their_own_page() {
    let mut clinic = Clinic::open();
    let alone = shown(&clinic, false);
    // In the list of patients they are not either.
    let form = [
        ("number", "MRN-77812-04"),
        ("issuer", "clinic"),
        ("reason", "acute"),
        ("words", "bleeding after surgery, colleague not reachable"),
    ];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    let report = [("number", "MRN-77812-04"), ("issuer", "clinic")];
    assert_eq!(clinic.officer.posts("/reports/patient", &report).status, 200);
    for member in [&mut clinic.other, &mut clinic.officer] {
        let page = account(&mut member.browser);
        assert!(page.contains(&alone) && !page.contains("Quitt") && !page.contains("MRN-"), "{page}");
    }
    clinic.admin.browser.get(&clinic.patient);
    let page = account(&mut clinic.admin.browser);
    assert!(!page.contains("Quitt") && !page.contains("MRN-") && !page.contains("/patients"), "{page}");
    let searched = clinic.done_by("person:root.admin");
    assert_eq!(searched.iter().filter(|kind| *kind == "denied").count(), 1, "the patient's page alone: {searched:?}");
}

/// Whoever uses somebody else's session cannot push a look out of what its owner finds on record.
#[test]
fn a_look_stays_to_be_found_whatever_came_after_it() {
    let mut clinic = Clinic::open();
    assert_eq!(clinic.author.browser.get(&format!("/pictures/{}", clinic.picture)).status, 200);
    let picture = format!("picture <a href=\"/pictures/{0}\">{0}</a>", clinic.picture);
    assert!(account(&mut clinic.author.browser).contains(&picture), "the control");
    for _ in 0..60 {
        assert_eq!(clinic.author.browser.get(&clinic.patient).status, 200);
    }
    let newest = clinic.author.browser.get("/account");
    assert!(!newest.text().contains(&picture), "fewer than a page's: {}", newest.text());
    let older = newest.all_between("href=\"/account?before=", "#record\"").pop().expect("older entries");
    let page = clinic.author.browser.get(&format!("/account?before={older}")).text();
    assert!(page.contains(&picture), "{page}");
    for wrong in ["x", "-1", "99999999999999999999999"] {
        assert_eq!(clinic.author.browser.get(&format!("/account?before={wrong}")).status, 404);
    }
}
