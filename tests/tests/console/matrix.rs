//! Every route as every role, from the router's own list: a route that is new has no entry here to forget.
//!
//! What stands in a path exists, so that whoever forgot to ask who may is found: the answer would be another than to an address that there is not. And forms
//! hold what would be refused with words, so that whoever may is not answered like whoever may not.

use safelight_gateway::clinic::people::Role;
use safelight_gateway::console::{ROUTES, Who};
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{PATIENCE, text};
use safelight_tests::staff::{Member, browser};

use super::stage::{Clinic, OTHER_LABEL};

/// Everything that a form of the console may hold.
const FORM: &[(&str, &str)] = &[
    ("query", "x"),
    ("id", "somebody"),
    ("name", "Some Body"),
    ("person", "nobody"),
    ("role", "clinician"),
    ("session", "00"),
    ("passphrase", "wrong"),
    ("kit", "wrong"),
    ("number", NUMBER),
    ("issuer", "clinic"),
    ("reason", ""),
    ("words", ""),
    ("verdict", "confirm"),
    ("team", "none"),
    ("term", "none"),
    ("until", ""),
    ("decision", ""),
];

/// The number of the clinic's first patient.
const NUMBER: &str = "MRN-77812-04";

/// In this order, after all others: they end what others need.
const LAST: &[&str] = &[
    "/care-review/{patient}/teams/{team}",
    "/care-review/{patient}/{person}",
    "/patients/{patient}/teams/{team}/end",
    "/patients/{patient}/team/{person}/end",
    "/team-review/{team}/{person}",
    "/teams/{team}/members/{person}/end",
    "/teams/{team}/dissolve",
    "/people/{person}/withdraw",
    "/people/{person}/disable",
    "/people/{person}/enable",
    "/devices/{device}/revoke",
    "/setup/devices/{device}/revoke",
    "/alerts/{alert}/close",
];

/// They end the session, or lock what the others need.
const LEFT_OUT: &[&str] = &["/logout", "/vault/lock"];

/// What a route is asked about after another one has ended it, or what this clinic has none of.
const GONE: &[&str] = &[
    // One's own phone: the admin's is nobody's.
    "/account/phones/{device}/lost",
    // It was let in when the clinic began.
    "/devices/{device}/approve",
    "/setup/devices/{device}/approve",
    "/setup/devices/{device}/revoke",
    // Nobody has left a team unseen.
    "/team-review/{team}/{person}/seen",
    // The session and the passkey of this name are nobody's.
    "/account/end",
    "/account/passkeys/remove",
    // A right of its own, which nobody has here.
    "/pictures/{picture}/download",
];

/// Something of each kind that a path can name.
struct Things {
    device: String,
    invitation: String,
    person: &'static str,
    team: String,
    alert: String,
    emergency: String,
    merge: String,
    correction: String,
    /// A picture that nobody has reported.
    picture: String,
}

impl Things {
    fn make(clinic: &mut Clinic) -> Self {
        const WORDS: &str = "made for the list of routes";
        let device = clinic.gateway.run(&["device", "list", "--data", "D", "--json"]).ok().json();
        let device = text(&device[0], "id").to_owned();
        clinic.gateway.invite("Room 12", "room12.png");
        let invitation = one(&mut clinic.admin, "/devices", "action=\"/devices/invitations/");
        let invitation = invitation.trim_end_matches("/withdraw").to_owned();
        let person = "clinician3";
        let mut third = clinic.admin.adds(&clinic.gateway, person, "Thea Third", "clinician");

        let team = clinic.admin.posts("/teams", &[("name", "Wound care")]);
        let team = team.all_between("action=\"/teams/", "/name\"").pop().expect("the team's page");
        let patient = clinic.patient.clone();
        clinic.author.posts(&format!("{patient}/teams"), &[("team", &team), ("term", "month"), ("unsure", "yes")]);
        clinic.author.posts(&format!("{patient}/team"), &[("person", person), ("term", "month"), ("unsure", "yes")]);
        clinic.admin.posts(&format!("/teams/{team}/members"), &[("person", person)]);

        clinic.sends("room3", OTHER_LABEL, 22);
        let reported = clinic.sends("room3", LABEL, 21);
        let report = format!("/pictures/{reported}/report");
        assert_eq!(clinic.author.posts(&report, &[("kind", "not-wanted"), ("words", WORDS)]).status, 200);
        let correction = one(&mut clinic.author, "/corrections/own", "href=\"/corrections/own/");

        let form = [("number", "MRN-90001-07"), ("issuer", "clinic"), ("reason", "acute"), ("words", WORDS)];
        assert_eq!(third.posts("/emergency", &form).status, 200);
        let emergency = one(&mut clinic.officer, "/emergencies", "action=\"/emergencies/");
        let alert = until("the alert of the emergency", PATIENCE, || {
            let page = clinic.officer.browser.get("/alerts");
            page.all_between("action=\"/alerts/", "/take\"").pop()
        });

        let second = clinic.author.posts("/patients/found", &[("query", "adler")]);
        let second = second.all_between("href=\"/patients/", "\"").pop().expect("the second patient");
        let form = [("number", "MRN-90001-08"), ("issuer", "clinic"), ("reason", "temporary"), ("words", WORDS)];
        assert_eq!(clinic.author.posts(&format!("/patients/{second}/record/number"), &form).status, 200);
        let merge = one(&mut clinic.officer, "/merges", "action=\"/merges/");
        let merge = merge.trim_end_matches("/undo").to_owned();
        Self { device, invitation, person, team, alert, emergency, merge, correction, picture: clinic.picture.clone() }
    }

    fn path(&self, clinic: &str, route: &str) -> String {
        let path = route
            .replace("{patient}", clinic.trim_start_matches("/patients/"))
            .replace("{picture}", &self.picture)
            .replace("{device}", &self.device)
            .replace("{invitation}", &self.invitation)
            .replace("{person}", self.person)
            .replace("{ticket}", "00000000000000000000000000000000")
            .replace("{alert}", &self.alert)
            .replace("{emergency}", &self.emergency)
            .replace("{merge}", &self.merge)
            .replace("{correction}", &self.correction)
            .replace("{team}", &self.team)
            .replace("{file}", "console.css");
        assert!(!path.contains('{'), "say here what stands in {route}");
        path
    }
}

/// What a page has between this and a quotation mark, once.
fn one(member: &mut Member, path: &str, before: &str) -> String {
    let page = member.browser.get(path);
    page.all_between(before, "\"").pop().unwrap_or_else(|| panic!("{path} has no {before}: {}", page.text()))
}

const fn is_for(who: Who, role: Role) -> bool {
    match who {
        Who::Anybody | Who::LoggedIn => true,
        Who::Has(needed) => needed as u8 == role as u8,
        Who::HasEither(one, other) => one as u8 == role as u8 || other as u8 == role as u8,
    }
}

/// Who may not is told what is told of a route that does not exist, or is sent to the log-in. A clinician comes twice: as the one who treats the patient,
/// and as one who does not.
#[test]
fn every_route_is_for_whom_the_list_says() {
    let mut clinic = Clinic::open();
    let things = Things::make(&mut clinic);
    let patient = clinic.patient.clone();
    let mut routes: Vec<_> = ROUTES.to_vec();
    routes.sort_by_key(|(_, route, _)| LAST.iter().position(|last| last == route).map_or(0, |at| at + 1));
    let mut nobody = browser(&clinic.gateway);
    for (method, route, who) in &routes {
        nobody.cookie = None;
        let path = things.path(&patient, route);
        let answer = match *method {
            "get" => nobody.ask("GET", &path, &[], None),
            _ => nobody.submit(&path, &[("token", "x")]),
        };
        if *who != Who::Anybody {
            assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{method} {route} as nobody");
        }
    }
    let mut people = [
        (Role::Admin, false, &mut clinic.admin),
        (Role::Clinician, true, &mut clinic.author),
        (Role::Clinician, false, &mut clinic.other),
        (Role::PrivacyOfficer, false, &mut clinic.officer),
    ];
    let mut wrong = Vec::new();
    // Those who may come after all who may not: they change what there is.
    let mut allowed = Vec::new();
    for (method, route, who) in &routes {
        for (at, (role, treats, member)) in people.iter_mut().enumerate() {
            // These are asked before there is a session.
            let is_before = *method == "post" && *who == Who::Anybody;
            if is_before || LEFT_OUT.contains(route) {
                continue;
            }
            let is_of_author =
                ["/patients/{patient}", "{picture}", "/corrections/own/{"].iter().any(|part| route.contains(part));
            // Of the alerts an admin has those about the machine.
            let is_alert = *role == Role::Admin && route.contains("{alert}");
            if is_for(*who, *role) && (*treats || !is_of_author) && !is_alert {
                allowed.push((at, *method, *route));
                continue;
            }
            let status = answer(member, method, route, &things.path(&patient, route), &patient);
            if status != 404 {
                wrong.push(format!(
                    "{method} {route} as {role:?}, who may not (treats the patient: {treats}): {status}"
                ));
            }
        }
    }
    for (at, method, route) in allowed {
        let Some((role, _, member)) = people.get_mut(at) else { continue };
        let status = answer(member, method, route, &things.path(&patient, route), &patient);
        // Without a ticket nobody sees a picture.
        let is_gone = route.contains("{ticket}") || GONE.contains(&route);
        if !([200, 303, 422].contains(&status) || is_gone && status == 404) {
            wrong.push(format!("{method} {route} as {role:?}, who may: {status}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What had an answer for the right role, and changes something, is on record.
    assert!(clinic.done_by("person:root.admin").contains(&"person-added".to_owned()));
}

/// What this person is answered. Without the session's token nobody changes anything.
fn answer(member: &mut Member, method: &str, route: &str, path: &str, patient: &str) -> u16 {
    if method == "get" {
        return member.browser.ask("GET", path, &[], None).status;
    }
    assert_eq!(member.browser.submit(path, &[("token", "x")]).status, 403, "{path} without a token");
    let token = member.browser.get("/account").field("token");
    let mut form: Vec<_> = std::iter::once(("token", token.as_str())).chain(FORM.iter().copied()).collect();
    // A record is not merged with itself, and says so.
    form.push(("other", patient.trim_start_matches("/patients/")));
    for (name, value) in &mut form {
        match (route, *name) {
            ("/emergencies/{emergency}", "verdict") => *value = "justified",
            ("/reports/person" | "/reports/person/csv", "person") => *value = "clinician1",
            _ => {}
        }
    }
    member.browser.submit(path, &form).status
}
