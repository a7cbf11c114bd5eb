//! Whoever does not get what they asked for: what they are told, and where.

use safelight_tests::browser::{Answer, Browser, encoded};
use safelight_tests::gateway::damage::run_in;

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
