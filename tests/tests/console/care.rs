//! Care teams: who lets whom in, and for how long.

use std::time::Duration;

use safelight_tests::gateway::damage::run_in;

use super::stage::Clinic;
use super::teams::day;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_member_adds_a_colleague_on_record_and_ends_it_and_nobody_else_does() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let (team, end) = (format!("{patient}/team"), format!("{patient}/team/clinician2/end"));
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "the control");
    let add = [("person", "clinician2"), ("term", "month")];
    for member in [&mut clinic.other, &mut clinic.officer, &mut clinic.admin] {
        assert_eq!(member.posts(&team, &add).status, 404, "nobody lets themselves in");
    }
    for form in [
        [("person", "nobody"), ("term", "month")],
        [("person", "officer"), ("term", "month")],
        [("person", "clinician2"), ("term", "century")],
        [("person", ""), ("term", "month")],
    ] {
        assert_eq!(clinic.author.posts(&team, &form).status, 422, "{form:?}");
    }
    assert_eq!(clinic.other.browser.get(&patient).status, 404);

    let page = clinic.author.posts(&team, &add);
    assert!(page.text().contains("Otto Other (clinician2) until 20"), "{}", page.text());
    assert_eq!(clinic.other.browser.get(&patient).status, 200);
    assert!(clinic.officer.browser.get("/care-review").text().contains("Nobody has asked"));
    assert_eq!(clinic.other.posts(&format!("{patient}/team/clinician1/end"), &[]).status, 404, "not added by them");
    let page = clinic.other.browser.get(&patient).text();
    assert!(page.contains("Leave this care team") && !page.contains("Remove Carla Clinician (clinician1)"), "{page}");
    assert_eq!(clinic.author.posts(&end, &[]).status, 200);
    assert_eq!(clinic.other.browser.get(&patient).status, 404);
    let done = clinic.done_by("person:clinician1");
    for kind in ["care-added", "care-ended"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn whoever_is_on_a_team_leaves_it_and_a_place_whose_giver_has_gone_is_ended_by_any_member() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let team = format!("{patient}/team");
    let end = |person: &str| format!("{patient}/team/{person}/end");
    let mut third = clinic.admin.adds(&clinic.gateway, "clinician3", "Tess Third", "clinician");
    let add = |person: &'static str| [("person", person), ("term", "open")];
    assert_eq!(clinic.author.posts(&team, &add("clinician2")).status, 200);
    assert_eq!(clinic.other.posts(&team, &add("clinician3")).status, 200);
    let page = clinic.author.browser.get(&patient).text();
    assert!(
        page.contains("Remove Otto Other (clinician2)") && !page.contains("Remove Tess Third (clinician3)"),
        "the control: {page}"
    );
    assert_eq!(clinic.author.posts(&end("clinician3"), &[]).status, 404, "the control");

    // Whoever gave the place leaves.
    let left = clinic.other.posts(&end("clinician2"), &[]);
    assert!(left.status == 200 && !left.text().contains("Quittl"), "{}", left.text());
    assert_eq!(clinic.other.browser.get(&patient).status, 404);
    assert!(clinic.done_by("person:clinician2").contains(&"care-ended".to_owned()));
    assert_eq!(clinic.other.posts(&end("clinician3"), &[]).status, 404, "not from outside");
    assert!(clinic.author.browser.get(&patient).text().contains("Remove Tess Third (clinician3)"));
    assert_eq!(clinic.author.posts(&end("clinician3"), &[]).status, 200);
    assert_eq!(third.browser.get(&patient).status, 404);

    // Whoever gave it is shut out: a colleague's place, and a whole team's.
    let made = clinic.admin.posts("/teams", &[("name", "Wound care")]);
    let wounds = made.all_between("action=\"/teams/", "/name\"").pop().expect("the team's page");
    assert_eq!(clinic.author.posts(&team, &add("clinician2")).status, 200);
    assert_eq!(clinic.author.posts(&team, &add("clinician3")).status, 200);
    let whole = [("team", wounds.as_str()), ("term", "open")];
    assert_eq!(clinic.author.posts(&format!("{patient}/teams"), &whole).status, 200);
    let end_whole = format!("{patient}/teams/{wounds}/end");
    assert_eq!(third.posts(&end_whole, &[]).status, 404, "the control");
    clinic.admin.posts("/people/clinician1/disable", &[]);
    let page = third.browser.get(&patient).text();
    assert!(page.contains("Remove Otto Other (clinician2)") && page.contains("Remove Wound care"), "{page}");
    assert!(!page.contains("Remove Carla Clinician (clinician1)"), "a picture gave this one: {page}");
    assert_eq!(third.posts(&end("clinician1"), &[]).status, 404);
    assert_eq!(third.posts(&end_whole, &[]).status, 200);
    assert_eq!(third.posts(&end("clinician2"), &[]).status, 200);
    assert_eq!(clinic.other.browser.get(&patient).status, 404);
    let done = clinic.done_by("person:clinician3");
    for kind in ["care-ended", "care-team-ended"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn whoever_is_not_sure_asks_the_privacy_officer_who_ends_it_or_lets_it_be() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let add = [("person", "clinician2"), ("term", "open"), ("unsure", "yes")];
    for (verdict, status) in [("end", 404), ("confirm", 200)] {
        assert_eq!(clinic.author.posts(&format!("{patient}/team"), &add).status, 200);
        assert_eq!(clinic.other.browser.get(&patient).status, 200);
        let list = clinic.officer.browser.get("/care-review");
        assert!(
            list.text().contains("added by Carla Clinician (clinician1)") && !list.text().contains("Quitt"),
            "{}",
            list.text()
        );
        let action = list.all_between("action=\"/care-review/", "\"").pop().expect("one that waits");
        let action = format!("/care-review/{action}");
        assert_eq!(clinic.author.posts(&action, &[("verdict", verdict)]).status, 404);
        assert_eq!(clinic.officer.posts(&action, &[("verdict", "perhaps")]).status, 404);
        assert_eq!(clinic.officer.posts(&action, &[("verdict", verdict)]).status, 200);
        assert_eq!(clinic.other.browser.get(&patient).status, status, "{verdict}");
        assert_eq!(clinic.officer.posts(&action, &[("verdict", "end")]).status, 404, "a verdict stands");
    }
    let done = clinic.done_by("person:officer");
    for kind in ["care-ended", "care-confirmed"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn a_colleague_is_added_until_a_day_that_is_neither_past_nor_more_than_a_year_ahead() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let team = format!("{patient}/team");
    let page = clinic.author.browser.get(&patient).text();
    let bounds = format!("type=\"date\" min=\"{}\" max=\"{}\"", day(Duration::ZERO), day(365 * DAY));
    assert!(page.contains(&bounds), "{bounds}: {page}");
    let add = |clinic: &mut Clinic, until: &str| {
        let form = [("person", "clinician2"), ("term", "open"), ("until", until)];
        clinic.author.posts(&team, &form)
    };
    let far = day(367 * DAY);
    for (until, words) in [
        ("2020-02-29", "This day is past"),
        (&far, "more than a year ahead"),
        ("9999-12-31", "more than a year ahead"),
        ("2026-02-30", "There is no such day"),
        ("soon", "There is no such day"),
        ("' OR 1=1 --", "There is no such day"),
    ] {
        let page = add(&mut clinic, until);
        assert!(page.status == 422 && page.text().contains(words), "{until}: {}", page.text());
    }
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "nothing of this has let anybody in");
    let page = add(&mut clinic, &day(Duration::ZERO));
    assert!(page.text().contains(&format!("Otto Other (clinician2) until {} 00:00 UTC", day(DAY))), "{}", page.text());
    assert_eq!(clinic.other.browser.get(&patient).status, 200);
    let database = clinic.gateway.data().join("clinic/clinic.db");
    assert_eq!(run_in(&database, "UPDATE care SET until = 1 WHERE person = 'clinician2'"), 1);
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "the day is over");
}
