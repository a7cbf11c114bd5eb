//! Emergency access that somebody would bury: among others of theirs, or of everybody's.

use safelight_tests::browser::Answer;
use safelight_tests::gateway::damage::run_in;
use safelight_tests::staff::Member;

use super::stage::Clinic;

fn asks(member: &mut Member, words: &str) -> Answer {
    let form = [("number", "MRN-77812-04"), ("issuer", "clinic"), ("reason", "acute"), ("words", words)];
    member.posts("/emergency", &form)
}

/// The accesses that wait on a page of the officer's.
fn waiting(page: &Answer) -> Vec<String> {
    let mut ids = page.all_between("action=\"/emergencies/", "\"");
    ids.dedup();
    ids
}

#[test]
fn c11_whoever_sees_the_patient_anyway_begins_none_and_is_led_to_the_patient() {
    let mut clinic = Clinic::open();
    let begun =
        |clinic: &Clinic, who: &str| clinic.done_by(who).iter().filter(|kind| *kind == "emergency-begun").count();
    // Who treats the patient.
    let page = asks(&mut clinic.author, "I treat this patient anyway");
    assert!(page.status == 200 && page.text().contains(&clinic.picture), "{}", page.text());
    assert_eq!(begun(&clinic, "person:clinician1"), 0);
    assert!(waiting(&clinic.officer.browser.get("/emergencies")).is_empty());

    // Who has emergency access already.
    for words in ["bleeding after surgery", "and once more, to fill the list", "and once more again"] {
        let page = asks(&mut clinic.other, words);
        assert!(page.status == 200 && page.text().contains(&clinic.picture), "{}", page.text());
    }
    assert_eq!(begun(&clinic, "person:clinician2"), 1);
    let list = clinic.officer.browser.get("/emergencies");
    let [first] = waiting(&list).try_into().expect("one alone");
    assert!(list.text().contains("bleeding after surgery") && !list.text().contains("once more"), "{}", list.text());

    // Found right it is open still; found wrong it is over, and another one is another one.
    assert_eq!(clinic.officer.posts(&format!("/emergencies/{first}"), &[("verdict", "justified")]).status, 200);
    assert_eq!(asks(&mut clinic.other, "a further one that is none").status, 200);
    let list = clinic.officer.browser.get("/emergencies");
    assert!(
        waiting(&list).is_empty() && list.text().contains("reviewed by Petra Privacy (officer)"),
        "{}",
        list.text()
    );
    let database = clinic.gateway.data().join("clinic/clinic.db");
    assert_eq!(run_in(&database, "UPDATE emergency SET verdict = 'not-justified'"), 1);
    assert_eq!(asks(&mut clinic.other, "she is bleeding again").status, 200);
    assert_eq!(waiting(&clinic.officer.browser.get("/emergencies")).len(), 1);
    assert_eq!(begun(&clinic, "person:clinician2"), 2);
}

#[test]
fn c11_what_waits_for_a_review_is_shown_oldest_first_all_of_it_whatever_came_after() {
    let mut clinic = Clinic::open();
    assert_eq!(asks(&mut clinic.other, "the one that matters").status, 200);
    // Many came later, and many were reviewed.
    let database = clinic.gateway.data().join("clinic/clinic.db");
    for (verdict, reviewed_by, many) in [("", "NULL", 600), ("justified", "'officer'", 120)] {
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
             INSERT INTO emergency (id, patient, person, reason, words, begun_at, until, verdict, reviewed_by)
             SELECT randomblob(16), patient, person, reason, words, begun_at + 1 + i / 7, until, '{verdict}', {reviewed_by}
             FROM emergency, n WHERE reviewed_by IS NULL ORDER BY begun_at LIMIT {many}"
        );
        assert_eq!(run_in(&database, &sql), many, "{verdict}");
    }
    let first = clinic.officer.browser.get("/emergencies");
    let (mut all, mut next) = (Vec::new(), Some("/emergencies".to_owned()));
    while let Some(path) = next {
        let page = clinic.officer.browser.get(&path);
        assert_eq!(page.status, 200, "{path}");
        all.extend(waiting(&page));
        next = page.all_between("href=\"/emergencies?after=", "\"").pop().map(|id| format!("/emergencies?after={id}"));
    }
    assert_eq!(all.len(), 601);
    let mut once = all.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 601, "each once");
    let oldest =
        format!("DELETE FROM emergency WHERE id = x'{}' AND begun_at = (SELECT MIN(begun_at) FROM emergency)", all[0]);
    assert_eq!(waiting(&first).first(), Some(&all[0]));

    // What is reviewed has pages of its own, and what waits stands before each of them.
    let (mut reviewed, mut next) = (0, Some("/emergencies".to_owned()));
    while let Some(path) = next {
        let page = clinic.officer.browser.get(&path);
        assert_eq!(waiting(&page).first(), Some(&all[0]), "{path}");
        reviewed += page.text().matches("reviewed by Petra Privacy (officer)").count();
        next =
            page.all_between("href=\"/emergencies?before=", "\"").pop().map(|id| format!("/emergencies?before={id}"));
    }
    assert_eq!(reviewed, 120);

    // A page goes on where it was, also when its last one was reviewed meanwhile.
    let after = first.all_between("href=\"/emergencies?after=", "\"").pop().expect("more");
    assert_eq!(clinic.officer.posts(&format!("/emergencies/{after}"), &[("verdict", "justified")]).status, 200);
    let second = clinic.officer.browser.get(&format!("/emergencies?after={after}"));
    assert_eq!(waiting(&second), all[50..100]);
    for wrong in ["", "00", "x", "00000000000000000000000000000000"] {
        for cursor in ["after", "before"] {
            assert_eq!(clinic.officer.browser.get(&format!("/emergencies?{cursor}={wrong}")).status, 404, "{wrong}");
        }
    }
    assert_eq!(run_in(&database, &oldest), 1, "the one that matters came first");
}

#[test]
fn c11_emergency_access_is_ended_early_by_whoever_has_it_and_waits_for_its_review_as_before() {
    let mut clinic = Clinic::open();
    let mut third = clinic.admin.adds(&clinic.gateway, "clinician3", "Thea Third", "clinician");
    let (patient, picture) = (clinic.patient.clone(), format!("/pictures/{}", clinic.picture));
    assert_eq!(asks(&mut third, "called to the bedside").status, 200);
    let page = asks(&mut clinic.other, "bleeding after surgery");
    assert!(page.text().contains("action=\"/emergency/end\""), "{}", page.text());
    let page = clinic.other.browser.get(&picture);
    let image = page.all_between("src=\"/images/", "\"").pop().expect("the picture");
    let image = format!("/images/{image}");
    assert_eq!(clinic.other.browser.get(&image).status, 200, "the control");

    // Nobody ends another's.
    assert_eq!(clinic.author.posts("/emergency/end", &[("person", "clinician2")]).status, 200);
    assert_eq!(clinic.officer.posts("/emergency/end", &[]).status, 404);
    assert_eq!(clinic.other.browser.get(&patient).status, 200);

    // The bar leads to the patient, whom no search of theirs finds.
    let bar = clinic.other.browser.get("/account").text();
    assert!(bar.contains(&format!("<a href=\"{patient}\">To the patient</a>")), "{bar}");
    // A second press does nothing, and says so of nothing.
    for is_first in [true, false] {
        let page = clinic.other.posts("/emergency/end", &[]);
        assert!(page.status == 200 && !page.text().contains("action=\"/emergency/end\""), "{}", page.text());
        assert_eq!(page.text().contains("Your emergency access is ended"), is_first, "{}", page.text());
    }
    assert!(!clinic.other.browser.get("/account").text().contains("is ended"), "said once");
    for gone in [&patient, &picture, &image] {
        assert_eq!(clinic.other.browser.get(gone).status, 404, "{gone}");
    }
    assert_eq!(third.browser.get(&patient).status, 200, "the other one's");
    let ended = |who: &str| clinic.done_by(who).iter().filter(|kind| *kind == "emergency-ended").count();
    assert_eq!(["clinician1", "clinician2", "clinician3"].map(|id| ended(&format!("person:{id}"))), [0, 1, 0]);

    // It waits as it did, says what became of it, and is reviewed like any.
    let list = clinic.officer.browser.get("/emergencies");
    let ids = waiting(&list);
    assert_eq!(ids.len(), 2);
    assert_eq!(list.text().matches(", ended early").count(), 1, "{}", list.text());
    assert!(list.text().contains("bleeding after surgery"), "{}", list.text());
    for id in &ids {
        assert_eq!(clinic.officer.posts(&format!("/emergencies/{id}"), &[("verdict", "justified")]).status, 200);
    }
    assert_eq!(clinic.officer.browser.get("/emergencies").text().matches(", ended early").count(), 1);
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "found justified, and over");
    assert_eq!(asks(&mut clinic.other, "she is bleeding again").status, 200);
    assert_eq!(clinic.other.browser.get(&image).status, 404, "what was given for the one before is over with it");
    assert_eq!(waiting(&clinic.officer.browser.get("/emergencies")).len(), 1, "another one is another one");
    // Not again and again: the list is not to be filled by one who ends and begins.
    for _ in 0..5 {
        clinic.other.posts("/emergency/end", &[]);
        asks(&mut clinic.other, "she is bleeding once more");
    }
    let often = asks(&mut clinic.other, "she is bleeding once more");
    assert!(often.status == 429 && often.text().contains("several times"), "{}", often.text());
    assert!(often.text().contains("value=\"acute\" required checked"), "what was chosen stays: {}", often.text());
    assert_eq!(waiting(&clinic.officer.browser.get("/emergencies")).len(), 2);
}
