//! Whoever does not get what they asked for: what they are told, and where.

use safelight_tests::browser::{Answer, Browser, encoded};
use safelight_tests::gateway::damage::run_in;
use safelight_tests::gateway::text;

use super::stage::Clinic;

const IN_PLACE: (&str, &str) = ("Safelight-In-Place", "yes");

/// A form as a page's script sends it.
fn in_place(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Answer {
    let origin = format!("https://{}", browser.place);
    let headers = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin"), ("Accept", "*/*"), IN_PLACE];
    browser.ask("POST", path, &headers, Some(&encoded(form)))
}

#[test]
fn whoever_is_logged_in_is_told_inside_the_console_and_led_back() {
    let mut clinic = Clinic::open();
    let (nav, back) = ("<nav>", |place: &str| format!("class=\"button\" href=\"{place}\""));
    let foreign = clinic.other.browser.get(&clinic.patient);
    assert!(foreign.text().contains(nav) && foreign.text().contains(&back("/patients")), "{}", foreign.text());
    assert_eq!(foreign.header("cache-control"), "no-store, private");
    let team = format!("{}/team", clinic.patient);
    let refused = clinic.author.posts(&team, &[("person", "nobody"), ("term", "month")]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains(nav) && refused.text().contains(&back(&clinic.patient)), "{}", refused.text());
    // An address that is nowhere, and one that would lead elsewhere.
    for path in ["/nothing/here", "//evil.example/patients", "/\\evil.example"] {
        let page = clinic.author.browser.get(path);
        assert!(page.status == 404 && page.text().contains(&back("/")), "{path}: {}", page.text());
        assert!(!page.text().contains("evil"), "{path}");
    }
    // Strangers see nothing of what is inside; pictures and scripts get no page.
    let mut stranger = clinic.author.browser.clone();
    stranger.cookie = None;
    let page = stranger.get("/nothing/here");
    assert!(page.status == 404 && !page.text().contains(nav), "{}", page.text());
    let image = clinic.author.browser.ask("GET", "/images/x/y", &[("Accept", "image/*")], None);
    assert!(image.status == 404 && !image.text().contains(nav), "{}", image.text());
}

#[test]
fn what_no_handler_has_read_is_answered_in_words_too() {
    let mut clinic = Clinic::open();
    let author = &mut clinic.author.browser;
    let old = author.submit("/patients", &[("token", "another"), ("query", "quit")]);
    assert_eq!(old.status, 403);
    assert!(old.text().contains("belongs to a log-in that is over") && old.text().contains("<nav>"), "{}", old.text());
    let token = author.get("/account").field("token");
    let unreadable = author.submit("/patients", &[("token", &token)]);
    assert_eq!(unreadable.status, 400);
    assert!(unreadable.text().contains("could not read what was sent"), "{}", unreadable.text());
    let large = author.submit("/patients", &[("token", &token), ("query", &"x".repeat(40_000))]);
    assert_eq!(large.status, 413);
    assert!(large.text().contains("more than a form may hold"), "{}", large.text());
    let address = author.get("/decided/own?before=%ff");
    assert!([200, 404].contains(&address.status) || address.text().contains("no such page"), "{}", address.text());
    let method = author.ask("POST", "/reports", &[("Origin", &format!("https://{}", author.place))], Some(""));
    assert_eq!((method.status, method.header("allow")), (405, "GET,HEAD"));
    assert!(method.text().contains("no such page"), "{}", method.text());
    let elsewhere = author.ask("GET", "/login", &[("Host", "another.example:8443")], None);
    assert_eq!(elsewhere.status, 421);
    let words = elsewhere.text();
    assert!(words.contains("hosts in config.toml") && !words.contains("another.example"), "{words}");
    assert!(!words.contains("<nav>"), "whoever asks by another name is nobody");
}

#[test]
fn a_form_that_is_sent_in_place_is_answered_in_words_or_led_on() {
    let mut clinic = Clinic::open();
    let team = format!("{}/team", clinic.patient);
    let token = clinic.author.browser.get("/account").field("token");
    let form =
        |person: &'static str| [("token", token.clone()), ("person", person.to_owned()), ("term", "month".to_owned())];
    let send = |browser: &mut Browser, form: [(&str, String); 3]| {
        let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        in_place(browser, &team, &pairs)
    };
    let refused = send(&mut clinic.author.browser, form("nobody"));
    assert_eq!((refused.status, refused.header("content-type")), (422, "text/plain; charset=utf-8"));
    assert!(!refused.text().is_empty() && !refused.text().contains('<'), "{}", refused.text());
    assert_eq!(refused.header("safelight-next"), "");
    let done = send(&mut clinic.author.browser, form("clinician2"));
    assert_eq!((done.status, done.header("safelight-next"), done.text().as_str()), (204, clinic.patient.as_str(), ""));
    assert_eq!(clinic.other.browser.get(&clinic.patient).status, 200);
    // The header is no way around: the form's token, the origin, who is logged in.
    let mut wrong = form("clinician2");
    wrong[0].1 = "another".to_owned();
    assert_eq!(send(&mut clinic.author.browser, wrong).status, 403);
    let body = encoded(&[("token", &token), ("person", "clinician2"), ("term", "month")]);
    let origin = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), IN_PLACE];
    assert_eq!(clinic.author.browser.ask("POST", &team, &origin, Some(&body)).status, 403);
    // Whoever has been logged out is not led away from what they have typed.
    clinic.author.posts("/logout", &[]);
    let over = send(&mut clinic.author.browser, form("clinician2"));
    assert_eq!((over.status, over.header("safelight-next")), (401, ""));
    assert!(over.text().contains("logged out") && !over.text().contains('<'), "{}", over.text());
}

/// A form that answers with a page cannot be sent in place: its own page comes again.
#[test]
fn a_form_that_answers_with_a_page_comes_again_with_what_was_typed() {
    const TWICE: &str = "a \"number\" & more";
    const ESCAPED: &str = "value=\"a &#34;number&#34; &#38; more\"";
    let mut clinic = Clinic::open();
    let again = |page: Answer, status: u16, words: &str, typed: &[&str]| {
        let whole = page.text();
        let alert = page.all_between("role=\"alert\">", "</p>");
        assert!(page.status == status && alert.iter().any(|told| told.contains(words)), "{words}: {alert:?}, {whole}");
        assert!(whole.contains("<nav>"), "{whole}");
        for typed in typed {
            assert!(whole.contains(typed), "{typed}: {whole}");
        }
    };
    let officer = &mut clinic.officer;
    let days = [("from", "2026-01-01"), ("to", "yesterday")];
    let kept = ["value=\"2026-01-01\"", "value=\"yesterday\""];
    for path in ["/reports/patient", "/reports/patient/csv"] {
        let form = [("number", TWICE), ("issuer", "elsewhere"), days[0], days[1]];
        let page = officer.posts(path, &form);
        again(page, 422, "No report was made", &[ESCAPED, "value=\"elsewhere\"", kept[0], kept[1]]);
        let page = officer.posts(path, &[("number", TWICE), ("issuer", "elsewhere"), days[0]]);
        again(page, 404, "There is no patient of this number", &[ESCAPED, "value=\"elsewhere\"", kept[0]]);
    }
    for path in ["/reports/person", "/reports/person/csv"] {
        let page = officer.posts(path, &[("person", "clinician2"), days[0], days[1]]);
        again(page, 422, "No report was made", &["<option value=\"clinician2\" selected>", kept[0], kept[1]]);
    }
    // The log: what it is asked for in an address, and in its form, with and without script.
    let page = officer.browser.get("/log?by=person:clinician1&from=2026-01-01&to=yesterday");
    let chosen = "<option value=\"person:clinician1\" selected>";
    assert!(!page.text().contains("<table"), "nothing is looked for");
    again(page, 404, "Nothing was looked for", &[chosen, kept[0], kept[1], "class=\"filters\" open"]);
    let form = [("by", "person:clinician1"), ("number", TWICE), ("issuer", "elsewhere"), days[0], days[1]];
    let page = officer.posts("/log", &form);
    again(page, 422, "Nothing was looked for", &[chosen, ESCAPED, "value=\"elsewhere\"", kept[0], kept[1]]);
    let token = officer.browser.get("/account").field("token");
    let form: Vec<_> = std::iter::once(("token", token.as_str())).chain(form).collect();
    let words = in_place(&mut officer.browser, "/log", &form);
    assert_eq!((words.status, words.header("content-type")), (422, "text/plain; charset=utf-8"));
    assert!(words.text().starts_with("Nothing was looked for"), "{}", words.text());

    let admin = &mut clinic.admin;
    let page = admin.posts("/people", &[("id", "officer"), ("name", TWICE), ("role", "privacy-officer")]);
    again(page, 422, "Not added", &["value=\"officer\"", ESCAPED, "<option value=\"privacy-officer\" selected>"]);
    let page = admin.posts("/devices", &[("name", TWICE), ("person", "nobody")]);
    again(page, 422, "Not made", &[ESCAPED]);
    again(admin.posts("/people/root.admin/disable", &[]), 422, "nobody would be left", &[]);
    // Sent in place by a script, and by itself.
    let token = admin.browser.get("/account").field("token");
    let words = in_place(&mut admin.browser, "/teams", &[("token", &token), ("name", "")]);
    assert_eq!((words.status, words.text().starts_with("Not done: a team's name")), (422, true), "{}", words.text());
    again(admin.posts("/teams", &[("name", "")]), 422, "name is one line of", &[]);

    let compare = format!("{}/record/compare", clinic.patient);
    let form = [("number", TWICE), ("issuer", "elsewhere")];
    again(clinic.author.posts(&compare, &form), 404, "You treat no patient", &[ESCAPED, "value=\"elsewhere\""]);

    let download = format!("/pictures/{}/download", clinic.picture);
    let form = [("purpose", "teaching"), ("words", "short")];
    assert_eq!(clinic.author.posts(&download, &form).status, 404, "who may not gets no form");
    clinic.admin.posts("/people/clinician1/download", &[("allow", "yes")]);
    let page = clinic.author.posts(&download, &form);
    again(page, 422, "say in at least ten", &["value=\"teaching\" required checked", ">short</textarea>"]);
}

/// A form that asked for what was so already has changed nothing, and says of nothing that it is done.
#[test]
fn only_what_was_changed_is_said_to_be_done() {
    let mut clinic = Clinic::open();
    let device = clinic.gateway.devices().iter().map(|device| text(device, "id").to_owned()).next().expect("a phone");
    let team = clinic.admin.posts("/teams", &[("name", "Wound care")]);
    let team = team.all_between("action=\"/teams/", "/name\"").pop().expect("the team's page");
    let (name, revoke) = (format!("/devices/{device}/name"), format!("/devices/{device}/revoke"));
    let (called, joined) = (format!("/teams/{team}/name"), format!("/teams/{team}/members"));
    let admin = &mut clinic.admin;
    for (path, form, changes) in [
        ("/people/clinician2/enable", None, false),
        ("/people/clinician2/disable", None, true),
        ("/people/clinician2/disable", None, false),
        ("/people/clinician2/enable", None, true),
        ("/people/clinician2/sessions", None, false),
        ("/people/clinician2/name", Some(("name", "Otto Other")), false),
        ("/people/clinician2/name", Some(("name", "Otto Otherwise")), true),
        ("/people/clinician2/withdraw", Some(("role", "admin")), false),
        ("/people/clinician2/download", Some(("allow", "no")), false),
        ("/people/clinician2/download", Some(("allow", "yes")), true),
        ("/people/clinician2/download", Some(("allow", "yes")), false),
        (&called, Some(("name", "Wound care")), false),
        (&called, Some(("name", "Wounds")), true),
        (&joined, Some(("person", "clinician2")), true),
        (&joined, Some(("person", "clinician2")), false),
        (&name, Some(("name", "Room 9")), true),
        (&name, Some(("name", "Room 9")), false),
        (&revoke, None, true),
        (&revoke, None, false),
    ] {
        let page = admin.posts(path, form.as_slice());
        let said = page.all_between("<p class=\"done\" role=\"status\">", "</p>");
        assert_eq!(
            (page.status, said.len()),
            (200, usize::from(changes)),
            "{path} {form:?}: {said:?}, {}",
            page.text()
        );
    }
    let page = clinic.author.posts("/emergency/end", &[]);
    assert!(page.status == 200 && !page.text().contains("class=\"done\""), "{}", page.text());
}

#[test]
fn a_session_does_not_live_on_pages_that_do_not_exist() {
    let mut clinic = Clinic::open();
    let database = clinic.gateway.data().join("clinic/clinic.db");
    let back = "UPDATE session SET seen_at = seen_at - 120000";
    let all = run_in(&database, back);
    let unseen = || run_in(&database, "UPDATE session SET seen_at = seen_at WHERE seen_at < created_at");
    for path in ["/nothing", "/static/nothing.css"] {
        let page = clinic.author.browser.get(path);
        assert!(page.status == 404 && page.text().contains("<nav>"), "{path}: {}", page.text());
    }
    assert_eq!(unseen(), all, "one of them was prolonged");
    assert_eq!(clinic.author.browser.get("/account").status, 200);
    assert_eq!(unseen(), all - 1, "the control: a page that exists is a use of the session");
}
