//! Whoever is clinician and privacy officer at once: they judge others, and not themselves.

use std::time::Duration;

use safelight_tests::browser::Answer;
use safelight_tests::gateway::damage::run_in;
use safelight_tests::gateway::program::until;
use safelight_tests::staff::Member;

use super::stage::{Clinic, OTHER_LABEL};

const PATIENCE: Duration = Duration::from_secs(60);

const OTHERS: &str = "Another privacy officer decides";

impl Clinic {
    /// The privacy officer treats patients too, and there is a second one.
    fn officers(&mut self) -> Member {
        let both = [("role", "clinician"), ("reason", "covers the ward on Sundays")];
        assert_eq!(self.admin.posts("/people/officer/grant", &both).status, 200);
        self.officer.browser = self.officer.logs_in();
        assert_eq!(self.officer.browser.get("/patients").status, 200, "the control");
        self.admin.adds(&self.gateway, "officer2", "Rita Review", "privacy-officer")
    }
}

fn takes_emergency_access(member: &mut Member) {
    let form = [
        ("number", "MRN-77812-04"),
        ("issuer", "clinic"),
        ("reason", "acute"),
        ("words", "bleeding after surgery, colleague not reachable"),
    ];
    let page = member.posts("/emergency", &form);
    assert_eq!(page.status, 200, "{}", page.text());
}

/// Both verdicts are refused to the one, whose page offers none, and the first is the other's.
#[track_caller]
fn is_for_another(page: &str, action: &str, verdicts: [&str; 2], one: &mut Member, another: &mut Member) {
    let shown = one.browser.get(page).text();
    assert!(shown.contains(OTHERS) && !shown.contains(&format!("action=\"{action}\"")), "{shown}");
    for verdict in verdicts {
        let refused = one.posts(action, &[("verdict", verdict)]);
        assert!(refused.status == 422 && refused.text().contains(OTHERS), "{verdict}: {}", refused.text());
    }
    let shown = another.browser.get(page).text();
    assert!(shown.contains(&format!("action=\"{action}\"")), "{shown}");
    assert_eq!(another.posts(action, &[("verdict", verdicts[0])]).status, 200);
}

/// The one that waits, as the second officer is offered it.
#[track_caller]
fn waiting(another: &mut Member, page: &str, before: &str) -> String {
    let page: Answer = another.browser.get(page);
    let action = page.all_between(&format!("action=\"{before}"), "\"").into_iter().next();
    format!("{before}{}", action.unwrap_or_else(|| panic!("nothing waits: {}", page.text())))
}

#[test]
fn c11_nobody_finds_their_own_emergency_access_justified_while_there_is_another_officer() {
    let mut clinic = Clinic::open();
    let mut second = clinic.officers();
    let page = "/emergencies";
    let verdicts = ["not-justified", "justified"];
    takes_emergency_access(&mut clinic.officer);
    let action = waiting(&mut second, page, "/emergencies/");
    is_for_another(page, &action, verdicts, &mut clinic.officer, &mut second);
    assert_eq!(clinic.officer.browser.get(&clinic.patient).status, 404, "it was not right");
    assert!(!clinic.done_by("person:officer").contains(&"emergency-reviewed".to_owned()));

    // Somebody else's they judge, and their own once there is nobody else: on record.
    takes_emergency_access(&mut clinic.other);
    let action = waiting(&mut clinic.officer, page, "/emergencies/");
    assert_eq!(clinic.officer.posts(&action, &[("verdict", "justified")]).status, 200);
    takes_emergency_access(&mut clinic.officer);
    clinic.admin.posts("/people/officer2/disable", &[]);
    let action = waiting(&mut clinic.officer, page, "/emergencies/");
    assert_eq!(clinic.officer.posts(&action, &[("verdict", "justified")]).status, 200);
    let reviewed = clinic.done_by("person:officer");
    assert_eq!(reviewed.iter().filter(|kind| *kind == "emergency-reviewed").count(), 2, "{reviewed:?}");
}

#[test]
fn nobody_lets_themselves_or_whom_they_added_stay_while_there_is_another_officer() {
    let mut clinic = Clinic::open();
    let mut second = clinic.officers();
    let (patient, page) = (clinic.patient.clone(), "/care-review");
    let verdicts = ["confirm", "end"];
    let (colleagues, teams) = (format!("{patient}/team"), format!("{patient}/teams"));
    let unsure = |person: &'static str| [("person", person), ("term", "month"), ("unsure", "yes")];

    // Themselves, whom they have added, and whom somebody else has.
    assert_eq!(clinic.author.posts(&colleagues, &unsure("officer")).status, 200);
    let action = waiting(&mut second, page, "/care-review/");
    is_for_another(page, &action, verdicts, &mut clinic.officer, &mut second);
    assert_eq!(clinic.officer.posts(&colleagues, &unsure("clinician2")).status, 200);
    let action = waiting(&mut second, page, "/care-review/");
    is_for_another(page, &action, verdicts, &mut clinic.officer, &mut second);
    let database = clinic.gateway.data().join("clinic/clinic.db");
    assert_eq!(run_in(&database, "DELETE FROM care WHERE person = 'clinician2'"), 1);
    assert_eq!(clinic.author.posts(&colleagues, &unsure("clinician2")).status, 200);
    let action = waiting(&mut clinic.officer, page, "/care-review/");
    assert_eq!(clinic.officer.posts(&action, &[("verdict", "confirm")]).status, 200, "the control");

    // A team that they are in, whoever added it; one that they added.
    let made = |clinic: &mut Clinic, name: &str| {
        let page = clinic.admin.posts("/teams", &[("name", name)]);
        page.all_between("action=\"/teams/", "/name\"").pop().expect("the team's page")
    };
    let (own, other) = (made(&mut clinic, "Wound care"), made(&mut clinic, "Dermatology"));
    assert_eq!(clinic.admin.posts(&format!("/teams/{own}/members"), &[("person", "officer")]).status, 200);
    for (team, by_officer) in [(&own, false), (&other, true)] {
        let form = [("team", team.as_str()), ("term", "week"), ("unsure", "yes")];
        let member = if by_officer { &mut clinic.officer } else { &mut clinic.author };
        assert_eq!(member.posts(&teams, &form).status, 200);
        let action = waiting(&mut second, page, "/care-review/");
        is_for_another(page, &action, verdicts, &mut clinic.officer, &mut second);
    }

    // Whoever is new in a team: themselves, or put there by them.
    for (person, added_by) in [("officer", "root.admin"), ("clinician2", "officer")] {
        assert_eq!(clinic.admin.posts(&format!("/teams/{other}/members"), &[("person", person)]).status, 200);
        run_in(&database, &format!("UPDATE team_member SET added_by = '{added_by}' WHERE person = '{person}'"));
        let action = waiting(&mut second, page, "/team-review/");
        is_for_another(page, &action, verdicts, &mut clinic.officer, &mut second);
    }
    let done = clinic.done_by("person:officer");
    assert_eq!(done.iter().filter(|kind| kind.ends_with("-confirmed")).count(), 1, "the control alone: {done:?}");
}

#[test]
fn nobody_takes_or_closes_an_alert_about_themselves_while_there_is_another_officer() {
    let mut clinic = Clinic::configured("[alert]\noff = ['unusual-hours', 'disk-low']");
    let mut second = clinic.officers();
    takes_emergency_access(&mut clinic.officer);
    let close = until("the alert", PATIENCE, || {
        let page = second.browser.get("/alerts");
        page.text().contains("Petra Privacy (officer)").then(|| page.all_between("action=\"/alerts/", "/close\""))
    });
    let id = close.into_iter().find_map(|form| form.rsplit('/').next().map(str::to_owned)).expect("an alert");
    let shown = clinic.officer.browser.get("/alerts").text();
    assert!(shown.contains(OTHERS) && !shown.contains(&format!("/alerts/{id}/close")), "{shown}");
    for act in ["take", "close"] {
        let refused = clinic.officer.posts(&format!("/alerts/{id}/{act}"), &[]);
        assert!(refused.status == 422 && refused.text().contains(OTHERS), "{act}: {}", refused.text());
    }
    for act in ["take", "close"] {
        assert_eq!(second.posts(&format!("/alerts/{id}/{act}"), &[]).status, 200, "{act}");
    }
    let done = clinic.done_by("person:officer");
    assert!(!done.iter().any(|kind| kind.starts_with("alert-")), "{done:?}");
}

#[test]
fn nobody_gives_a_picture_of_their_own_to_whom_they_like_while_there_is_another_officer() {
    let mut clinic = Clinic::open();
    clinic.enrols_other();
    clinic.sends("room4", OTHER_LABEL, 7);
    let both = [("role", "privacy-officer"), ("reason", "covers for the officer in August")];
    assert_eq!(clinic.admin.posts("/people/clinician1/grant", &both).status, 200);
    clinic.author.browser = clinic.author.logs_in();
    let report = format!("/pictures/{}/report", clinic.picture);
    assert_eq!(clinic.author.posts(&report, &[("kind", "wrong-patient")]).status, 200);
    let own = clinic.author.browser.get("/corrections/own").all_between("href=\"/corrections/own/", "\"").remove(0);
    let form = [("decision", "move"), ("number", "MRN-90001-07"), ("issuer", "clinic")];
    let refused = clinic.author.posts(&format!("/corrections/{own}"), &form);
    assert!(refused.status == 422 && refused.text().contains(OTHERS), "{}", refused.text());
    assert_eq!(clinic.officer.posts(&format!("/corrections/{own}"), &form).status, 200);
}
