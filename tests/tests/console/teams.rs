//! Named teams: who is in them, whom they treat, and who finds out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use safelight_core::ids::UnixMillis;
use safelight_gateway::clock::calendar::rfc3339;
use safelight_tests::gateway::damage::run_in;
use safelight_tests::staff::Member;

use super::stage::Clinic;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A day so far from today, as date fields have it.
pub(crate) fn day(from_now: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock") + from_now;
    rfc3339(UnixMillis(u64::try_from(now.as_millis()).expect("a time")))[..10].to_owned()
}

/// Makes a team, and says its id.
#[track_caller]
fn made(admin: &mut Member, name: &str) -> String {
    let page = admin.posts("/teams", &[("name", name)]);
    assert_eq!(page.status, 200, "{}", page.text());
    page.all_between("action=\"/teams/", "/name\"").pop().expect("the team's page")
}

#[track_caller]
fn put(admin: &mut Member, team: &str, person: &str) {
    let page = admin.posts(&format!("/teams/{team}/members"), &[("person", person)]);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains(&format!("/members/{person}/end")), "{}", page.text());
}

fn database(clinic: &Clinic) -> std::path::PathBuf {
    clinic.gateway.data().join("clinic/clinic.db")
}

#[test]
fn whoever_is_in_a_team_treats_its_patients_and_whoever_leaves_does_not_at_the_next_request() {
    let mut clinic = Clinic::open();
    let (patient, picture) = (clinic.patient.clone(), format!("/pictures/{}", clinic.picture));
    let team = made(&mut clinic.admin, "Wound care");
    put(&mut clinic.admin, &team, "clinician2");
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "the control: a team that treats nobody");
    let page = clinic.author.posts(&format!("{patient}/teams"), &[("team", &team), ("term", "month")]);
    assert!(page.status == 200 && page.text().contains("Wound care (1, until 20"), "{}", page.text());
    assert!(page.text().contains("Otto Other"), "its members: {}", page.text());

    let shown = clinic.other.browser.get(&patient);
    assert_eq!(shown.status, 200);
    let thumbnail = format!("/thumbnails/{}", shown.all_between("src=\"/thumbnails/", "\"").remove(0));
    let image = clinic.other.browser.get(&picture).all_between("src=\"/images/", "\"").remove(0);
    let image = format!("/images/{image}");
    let found = clinic.other.posts("/patients/found", &[("query", "quit")]);
    assert!(found.text().contains("Quittl"), "{}", found.text());
    let pages = [patient.as_str(), &picture, &thumbnail, &image];
    for page in pages {
        assert_eq!(clinic.other.browser.get(page).status, 200, "the control: {page}");
    }
    // Out: also for pages that are open.
    assert_eq!(clinic.admin.posts(&format!("/teams/{team}/members/clinician2/end"), &[]).status, 200);
    for page in pages {
        assert_eq!(clinic.other.browser.get(page).status, 404, "{page}");
    }
    assert!(!clinic.other.posts("/patients/found", &[("query", "quit")]).text().contains("Quittl"));
    assert_eq!(clinic.admin.posts(&format!("/teams/{team}/members/clinician2/end"), &[]).status, 404, "once");

    // Whoever comes later treats the patient too; whoever treats somebody in two ways is shown them once.
    put(&mut clinic.admin, &team, "clinician2");
    assert_eq!(clinic.other.browser.get(&patient).status, 200);
    let add = [("person", "clinician2"), ("term", "month")];
    assert_eq!(clinic.author.posts(&format!("{patient}/team"), &add).status, 200);
    let found = clinic.other.posts("/patients/found", &[("query", "quit")]);
    assert_eq!(found.all_between("href=\"/patients/", "\"").len(), 1, "{}", found.text());

    assert!(clinic.admin.browser.get("/review").text().contains("teams: Wound care"));
    assert!(clinic.admin.browser.get("/people/clinician2").text().contains("teams: Wound care"));
    for (actor, kinds) in [
        ("person:root.admin", &["team-made", "team-joined", "team-left"][..]),
        ("person:clinician1", &["care-team-added"][..]),
    ] {
        let done = clinic.done_by(actor);
        assert!(kinds.iter().all(|kind| done.iter().any(|done| done == kind)), "{kinds:?}: {done:?}");
    }
    // The officer reads the team's name in the log, which has its id alone.
    assert!(clinic.officer.browser.get("/log?kind=care-team-added").text().contains("Wound care"));
    assert!(clinic.gateway.log("access").iter().all(|entry| !entry.to_string().contains("Wound care")));
}

#[test]
fn a_team_is_out_when_it_is_dissolved_ended_or_its_time_is_over() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let teams = format!("{patient}/teams");
    let team = made(&mut clinic.admin, "Wound care");
    put(&mut clinic.admin, &team, "clinician2");
    let tomorrow = day(DAY);
    let add = [("team", team.as_str()), ("term", "open"), ("until", tomorrow.as_str())];
    let sees = |clinic: &mut Clinic| clinic.other.browser.get(&clinic.patient).status;

    let page = clinic.author.posts(&teams, &add).text();
    assert!(page.contains(&format!("until {} 00:00 UTC", day(2 * DAY))), "a day that is given counts: {page}");
    assert_eq!(sees(&mut clinic), 200);
    assert_eq!(run_in(&database(&clinic), "UPDATE care_team SET until = 1"), 1);
    assert_eq!(sees(&mut clinic), 404, "its time is over");
    assert!(!clinic.author.browser.get(&patient).text().contains("Wound care (1"));

    assert_eq!(clinic.author.posts(&teams, &add).status, 200, "again");
    assert_eq!(sees(&mut clinic), 200);
    let end = format!("{teams}/{team}/end");
    assert_eq!(clinic.other.posts(&end, &[]).status, 404, "not added by them");
    assert_eq!(clinic.author.posts(&end, &[]).status, 200);
    assert_eq!(sees(&mut clinic), 404);
    assert_eq!(clinic.author.posts(&end, &[]).status, 404, "once");

    assert_eq!(clinic.author.posts(&teams, &add).status, 200);
    assert_eq!(sees(&mut clinic), 200);
    assert_eq!(clinic.admin.posts(&format!("/teams/{team}/dissolve"), &[]).status, 200);
    assert_eq!(sees(&mut clinic), 404, "it is dissolved");
    assert_eq!(clinic.author.browser.get(&patient).status, 200, "whoever is there by themselves stays");
    assert_eq!(clinic.author.posts(&teams, &add).status, 422, "nobody is added by what is dissolved");
    for path in [format!("/teams/{team}/dissolve"), format!("/teams/{team}/members")] {
        assert_eq!(clinic.admin.posts(&path, &[("person", "clinician2")]).status, 404, "{path}");
    }
    assert_eq!(clinic.admin.browser.get(&format!("/teams/{team}")).status, 404);
    // Its name is free again.
    made(&mut clinic.admin, "wound care");
    let done = clinic.done_by("person:clinician1");
    assert!(done.iter().any(|kind| kind == "care-team-ended"), "{done:?}");
}

#[test]
fn x96_only_clinicians_are_in_teams_and_whoever_is_none_any_more_is_out_for_good() {
    let mut clinic = Clinic::open();
    let team = made(&mut clinic.admin, "Wound care");
    let members = format!("/teams/{team}/members");
    clinic.author.posts(&format!("{}/teams", clinic.patient), &[("team", &team), ("term", "month")]);
    for person in ["root.admin", "officer", "nobody", "", "'; DROP TABLE team; --"] {
        assert_eq!(clinic.admin.posts(&members, &[("person", person)]).status, 422, "{person}");
    }
    for member in [&mut clinic.author, &mut clinic.other, &mut clinic.officer] {
        assert_eq!(member.posts(&members, &[("person", "clinician2")]).status, 404);
        assert_eq!(member.posts("/teams", &[("name", "Mine")]).status, 404);
        assert_eq!(member.browser.get("/teams").status, 404);
    }
    // Shut out and let in again; the role taken and given again.
    let again = |clinic: &mut Clinic, out: (&str, &[(&str, &str)]), back: (&str, &[(&str, &str)])| {
        put(&mut clinic.admin, &team, "clinician2");
        assert_eq!(clinic.other.browser.get(&clinic.patient).status, 200);
        clinic.admin.posts(out.0, out.1);
        clinic.admin.posts(back.0, back.1);
        clinic.other.browser = clinic.other.logs_in();
        assert_eq!(clinic.other.browser.get("/patients").status, 200, "the control");
        assert_eq!(clinic.other.browser.get(&clinic.patient).status, 404, "{out:?}");
    };
    again(&mut clinic, ("/people/clinician2/disable", &[]), ("/people/clinician2/enable", &[]));
    let role = [("role", "clinician")];
    again(&mut clinic, ("/people/clinician2/withdraw", &role), ("/people/clinician2/grant", &role));
    let left = clinic.done_by("person:root.admin").iter().filter(|kind| *kind == "team-left").count();
    assert_eq!(left, 2, "each is on record");

    // An admin who has both roles is put in by another one, as long as there is one.
    let mut second = clinic.admin.adds(&clinic.gateway, "second", "Second Admin", "admin");
    let both = [("role", "clinician"), ("reason", "covers the ward on Sundays")];
    assert_eq!(second.posts("/people/second/grant", &both).status, 200);
    second.browser = second.logs_in();
    let page = second.posts(&members, &[("person", "second")]);
    assert!(page.status == 422 && page.text().contains("another admin puts you"), "{}", page.text());
    put(&mut clinic.admin, &team, "second");
}

#[test]
fn x96_whoever_was_in_a_team_for_a_moment_stays_on_the_officers_list() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let add = |clinic: &mut Clinic, team: &str| {
        let form = [("team", team), ("term", "open")];
        assert_eq!(clinic.author.posts(&format!("{patient}/teams"), &form).status, 200);
        put(&mut clinic.admin, team, "clinician2");
        assert_eq!(clinic.other.browser.get(&patient).status, 200);
    };
    for out in ["members/clinician2/end", "dissolve", "/people/clinician2/disable"] {
        let team = made(&mut clinic.admin, &format!("Team of {out}"));
        add(&mut clinic, &team);
        let path = if out.starts_with('/') { out.to_owned() } else { format!("/teams/{team}/{out}") };
        assert_eq!(clinic.admin.posts(&path, &[]).status, 200);
        let status = clinic.other.browser.ask("GET", &patient, &[], None).status;
        assert!([404, 303].contains(&status), "{out}: {status}");
        let page = clinic.officer.browser.get("/care-review");
        let text = page.text();
        assert!(text.contains("Left before you had looked") && text.contains("Care teams (1)"), "{out}: {text}");
        assert!(
            text.contains("Otto Other (clinician2)") && text.contains("put there by Ada Admin (root.admin)"),
            "{out}: {text}"
        );
        let seen = page.all_between("action=\"/team-review/", "\"").pop().expect("one to be seen");
        let seen = format!("/team-review/{seen}");
        assert_eq!(clinic.admin.posts(&seen, &[]).status, 404, "{out}: not by the admin");
        assert_eq!(clinic.officer.posts(&seen, &[]).status, 200);
        assert!(!clinic.officer.browser.get("/care-review").text().contains("Otto Other"), "{out}");
        assert_eq!(clinic.officer.posts(&seen, &[]).status, 404, "{out}: once");
    }
    let seen = clinic.done_by("person:officer").iter().filter(|kind| *kind == "team-visit-seen").count();
    assert_eq!(seen, 3);
}

#[test]
fn x96_whoever_comes_into_a_team_that_treats_patients_is_looked_at_by_the_privacy_officer() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let team = made(&mut clinic.admin, "Wound <b>care</b>");
    put(&mut clinic.admin, &team, "clinician1");
    assert!(clinic.officer.browser.get("/care-review").text().contains("Nobody new."), "it reaches nobody");
    let add = [("team", team.as_str()), ("term", "open"), ("unsure", "yes")];
    assert_eq!(clinic.author.posts(&format!("{patient}/teams"), &add).status, 200);
    for (verdict, status) in [("end", 404), ("confirm", 200)] {
        put(&mut clinic.admin, &team, "clinician2");
        assert_eq!(clinic.other.browser.get(&patient).status, 200);
        let page = clinic.officer.browser.get("/care-review");
        assert!(
            page.text().contains("Otto Other (clinician2)")
                && page.text().contains("put there by Ada Admin (root.admin)")
        );
        assert!(page.text().contains("Care teams (2)"), "the team and the person: {}", page.text());
        let action = page.all_between("action=\"/team-review/", "\"").pop().expect("one that waits");
        let action = format!("/team-review/{action}");
        for member in [&mut clinic.admin, &mut clinic.author, &mut clinic.other] {
            assert_eq!(member.posts(&action, &[("verdict", "confirm")]).status, 404);
        }
        assert_eq!(clinic.officer.posts(&action, &[("verdict", "perhaps")]).status, 404);
        assert_eq!(clinic.officer.posts(&action, &[("verdict", verdict)]).status, 200);
        assert_eq!(clinic.other.browser.get(&patient).status, status, "{verdict}");
        assert_eq!(clinic.officer.posts(&action, &[("verdict", "end")]).status, 404, "a verdict stands");
    }
    // Whoever added the whole team was not sure. No patient is named, and markup is text wherever the team is.
    let page = clinic.officer.browser.get("/care-review");
    assert!(!page.text().contains("Quitt"), "{}", page.text());
    let own = clinic.author.browser.get(&patient);
    for (page, place) in [(page.text(), "the review"), (own.text(), "the patient")] {
        assert!(page.contains("Wound &#60;b&#62;care") && !page.contains("Wound <b>"), "{place}: {page}");
    }
    for path in ["/teams".to_owned(), format!("/teams/{team}"), "/review".to_owned()] {
        let page = clinic.admin.browser.get(&path).text();
        assert!(page.contains("Wound &#60;b&#62;care") && !page.contains("Wound <b>"), "{path}: {page}");
    }
    let action = page.all_between("action=\"/care-review/", "\"").pop().expect("the team waits");
    let action = format!("/care-review/{action}");
    assert!(action.contains("/teams/"), "{action}");
    assert_eq!(clinic.author.posts(&action, &[("verdict", "confirm")]).status, 404);
    assert_eq!(clinic.officer.posts(&action, &[("verdict", "end")]).status, 200);
    assert_eq!(clinic.other.browser.get(&patient).status, 404);
    assert_eq!(clinic.author.browser.get(&patient).status, 200);
    let done = clinic.done_by("person:officer");
    for kind in ["team-confirmed", "team-left", "care-team-ended"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn x97_whoever_does_not_treat_a_patient_adds_no_team_and_whoever_does_for_a_time_stays_no_longer_by_one() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let teams = format!("{patient}/teams");
    let [team, second] = ["Wound care", "Dermatology"].map(|name| made(&mut clinic.admin, name));
    for team in [&team, &second] {
        put(&mut clinic.admin, team, "clinician2");
    }
    let add = [("team", team.as_str()), ("term", "month")];
    for member in [&mut clinic.other, &mut clinic.officer, &mut clinic.admin] {
        assert_eq!(member.posts(&teams, &add).status, 404, "a foreign patient");
    }
    let words = "bleeding after surgery, colleague not reachable";
    let form = [("number", "MRN-77812-04"), ("issuer", "clinic"), ("reason", "acute"), ("words", words)];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    assert_eq!(clinic.other.posts(&teams, &add).status, 404, "emergency access is not enough");
    assert!(run_in(&database(&clinic), "UPDATE emergency SET until = 1") > 0);
    assert_eq!(clinic.other.browser.get(&patient).status, 404, "the control");
    for (team, term) in
        [("", "month"), ("00", "month"), ("00000000000000000000000000000000", "month"), (team.as_str(), "")]
    {
        assert_eq!(clinic.author.posts(&teams, &[("team", team), ("term", term)]).status, 422, "{team} {term}");
    }

    let (tomorrow, later) = (day(DAY), day(3 * DAY));
    let until = |team: &str, day: &str| [("team", team.to_owned()), ("until", day.to_owned())];
    let posts = |member: &mut Member, form: &[(&str, String)]| {
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        member.posts(&teams, &form).status
    };
    assert_eq!(posts(&mut clinic.author, &until(&team, &tomorrow)), 200);
    assert_eq!(clinic.other.browser.get(&patient).status, 200);
    // Through the team until tomorrow: neither by themselves, nor through another team of theirs for longer.
    let own = clinic.other.posts(&format!("{patient}/team"), &[("person", "clinician2"), ("term", "open")]);
    assert!(own.status == 422 && own.text().contains("Nobody adds themselves"), "{}", own.text());
    assert_eq!(posts(&mut clinic.other, &until(&second, &later)), 422);
    let open = [("team", second.clone()), ("term", "open".to_owned())];
    assert_eq!(posts(&mut clinic.other, &open), 422);
    assert_eq!(posts(&mut clinic.other, &until(&second, &tomorrow)), 200, "as long as they are there");
    assert!(run_in(&database(&clinic), "UPDATE care_team SET until = 1") == 2);
    assert_eq!(clinic.other.browser.get(&patient).status, 404);
}

#[test]
fn teams_and_their_names_are_bounded() {
    let mut clinic = Clinic::open();
    let team = made(&mut clinic.admin, "Wound care");
    for name in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(65), "wound CARE"] {
        assert_eq!(clinic.admin.posts("/teams", &[("name", name)]).status, 422, "{name}");
    }
    let other = made(&mut clinic.admin, "Dermatology");
    for name in ["", "a\u{202e}b", "Wound care", &"x".repeat(65)] {
        assert_eq!(clinic.admin.posts(&format!("/teams/{other}/name"), &[("name", name)]).status, 422, "{name}");
    }
    let page = clinic.admin.posts(&format!("/teams/{other}/name"), &[("name", "Skin")]);
    assert!(page.status == 200 && page.text().contains("<h1>Skin</h1>"), "{}", page.text());
    for path in ["/teams/00", "/teams/..", "/teams/00000000000000000000000000000000"] {
        assert_eq!(clinic.admin.browser.get(path).status, 404, "{path}");
    }

    let database = database(&clinic);
    let numbers = |to: u32| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to})");
    let people = "INSERT INTO person (id, name, created_at) SELECT 'filler' || i, '', 0 FROM n";
    assert_eq!(run_in(&database, &format!("{} {people}", numbers(500))), 500);
    let members = format!(
        "INSERT INTO team_member (team, person, since, added_by) SELECT x'{team}', 'filler' || i, 0, 'root.admin' FROM n"
    );
    assert_eq!(run_in(&database, &format!("{} {members}", numbers(499))), 499);
    put(&mut clinic.admin, &team, "clinician2");
    let page = clinic.admin.posts(&format!("/teams/{team}/members"), &[("person", "clinician1")]);
    assert!(page.status == 422 && page.text().contains("500 people"), "{}", page.text());

    let teams = "INSERT INTO team (id, name, created_at) SELECT randomblob(16), 'filler ' || i, 0 FROM n";
    assert_eq!(run_in(&database, &format!("{} {teams}", numbers(197))), 197);
    made(&mut clinic.admin, "The last one");
    let page = clinic.admin.posts("/teams", &[("name", "One too many")]);
    assert!(page.status == 422 && page.text().contains("200 teams"), "{}", page.text());
}
