//! Passkeys: whoever has one is let in, and nobody by an answer that is another's, old, copied, or given without its owner. And that a person is told when an
//! admin could take their account over.

use safelight_tests::gateway::{Gateway, text};
use safelight_tests::staff::{Member, PASSWORD, browser};
use serde_json::Value;

use super::authenticator::{Authenticator, asked};
use super::stage::Clinic;

const BEGIN: &str = "/login/passkey/begin";

/// Adds this passkey to a member who has just logged in.
fn added(member: &mut Member, authenticator: &mut Authenticator) -> u16 {
    let token = member.browser.get("/account").field("token");
    let (question, options) = asked(&mut member.browser, "/account/passkeys/begin", &[("token", &token)]);
    let answer = authenticator.make(&options);
    let form = [("token", token.as_str()), ("name", "Room 3"), ("question", &question), ("answer", &answer)];
    member.browser.submit("/account/passkeys", &form).status
}

/// A log-in with what `answer` makes of the options.
fn log_in(gateway: &Gateway, answer: impl FnOnce(&Value) -> String) -> u16 {
    let mut fresh = browser(gateway);
    let (question, options) = asked(&mut fresh, BEGIN, &[]);
    let status = fresh.submit("/login/passkey", &[("question", &question), ("answer", &answer(&options))]).status;
    assert_eq!(status == 303, fresh.cookie.is_some());
    status
}

fn passkeys_of(member: &mut Member) -> Vec<String> {
    member.browser.get("/account").all_between("name=\"passkey\" value=\"", "\"")
}

#[test]
fn c09_a_passkey_lets_its_owner_in_and_no_answer_that_is_anothers_or_old() {
    let mut clinic = Clinic::open();
    let mut key = Authenticator::new(&clinic.author.browser, 1);
    assert_eq!(added(&mut clinic.author, &mut key), 303);
    assert_eq!(passkeys_of(&mut clinic.author).len(), 1);

    let mut fresh = browser(&clinic.gateway);
    let (question, options) = asked(&mut fresh, BEGIN, &[]);
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["allowCredentials"], serde_json::json!([]), "it tells nobody who has a passkey");
    let answer = key.show(&options);
    let form = [("question", question.as_str()), ("answer", answer.as_str())];
    assert_eq!(fresh.post("/login/passkey", &form).status, 200);
    assert!(fresh.get("/account").text().contains("clinician1"));
    assert_eq!(browser(&clinic.gateway).submit("/login/passkey", &form).status, 401, "an answer is good once");

    // An answer to another question.
    let mut thief = browser(&clinic.gateway);
    let (_, options) = asked(&mut thief, BEGIN, &[]);
    let (other, _) = asked(&mut thief, BEGIN, &[]);
    let answer = key.show(&options);
    assert_eq!(thief.submit("/login/passkey", &[("question", &other), ("answer", &answer)]).status, 401);

    let gateway = &clinic.gateway;
    let (site, origin, handle) = (key.site.clone(), key.origin.clone(), key.handle.clone());
    key.origin = "https://console.evil.example".to_owned();
    assert_eq!(log_in(gateway, |options| key.show(options)), 401, "a page of somebody else's");
    key.origin = origin;
    assert_eq!(log_in(gateway, |options| key.show(options)), 303, "the control, and tries are forgotten");

    key.site = "evil.example".to_owned();
    assert_eq!(log_in(gateway, |options| key.show(options)), 401, "a passkey of another site");
    key.site = site;
    key.verifies = false;
    assert_eq!(log_in(gateway, |options| key.show(options)), 401, "nobody's finger, face or PIN");
    key.verifies = true;
    assert_eq!(log_in(gateway, |options| key.show_as("webauthn.create", options)), 401, "another kind of answer");
    assert_eq!(log_in(gateway, |options| key.show(options)), 303);

    let counter = key.counter;
    key.counter = 1;
    assert_eq!(log_in(gateway, |options| key.show(options)), 401, "a copy that fell behind");
    key.counter = counter;
    key.handle = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    assert_eq!(log_in(gateway, |options| key.show(options)), 401, "whose it is, is part of it");
    key.handle = handle;
    let forged = log_in(gateway, |options| {
        let mut answer: Value = serde_json::from_str(&key.show(options)).expect("an answer");
        answer["response"]["signature"] = "MAYCAQECAQE".into();
        answer.to_string()
    });
    assert_eq!(forged, 401);
    assert_eq!(log_in(gateway, |options| key.show(options)), 303);
    assert_eq!(log_in(gateway, |_| "{\"id\":\"\u{0}\"}".to_owned()), 401);

    let failures = |clinic: &Clinic| -> Vec<String> {
        let log = clinic.gateway.log("access");
        let failed = log.iter().filter(|entry| text(entry, "kind") == "log-in-failed");
        failed.map(|entry| entry["fields"][1].as_str().expect("why").to_owned()).collect()
    };
    let mut expected = ["passkey"; 7];
    (expected[3], expected[5]) = ("passkey-unverified", "passkey-copied");
    assert_eq!(failures(&clinic), expected);

    clinic.admin.posts("/people/clinician1/disable", &[]);
    assert_eq!(log_in(&clinic.gateway, |options| key.show(options)), 401, "whoever is shut out is shut out");
    assert_eq!(failures(&clinic).last().map(String::as_str), Some("disabled"));
}

#[test]
fn c09_a_passkey_is_added_by_whoever_was_asked_with_finger_face_or_pin() {
    let mut clinic = Clinic::open();
    let mut key = Authenticator::new(&clinic.author.browser, 1);
    key.verifies = false;
    assert_eq!(added(&mut clinic.author, &mut key), 422);
    key.verifies = true;
    let origin = std::mem::replace(&mut key.origin, "https://localhost".to_owned());
    assert_eq!(added(&mut clinic.author, &mut key), 422, "another port is another page");
    key.origin = origin;

    // The question of one session is not another's to answer.
    let token = clinic.author.browser.get("/account").field("token");
    let (question, options) = asked(&mut clinic.author.browser, "/account/passkeys/begin", &[("token", &token)]);
    let answer = key.make(&options);
    let form = [("name", "x"), ("question", question.as_str()), ("answer", answer.as_str())];
    assert_eq!(clinic.other.posts("/account/passkeys", &form).status, 422);
    assert_eq!(clinic.author.posts("/account/passkeys", &form).status, 422, "and it is good once");
    assert!(passkeys_of(&mut clinic.author).is_empty() && passkeys_of(&mut clinic.other).is_empty());

    // A name is one line, and text.
    let named = |member: &mut Member, name: &str| {
        let token = member.browser.get("/account").field("token");
        let mut key = Authenticator::new(&member.browser, 9);
        let (question, options) = asked(&mut member.browser, "/account/passkeys/begin", &[("token", &token)]);
        let answer = key.make(&options);
        member.posts("/account/passkeys", &[("name", name), ("question", &question), ("answer", &answer)])
    };
    assert_eq!(named(&mut clinic.author, "a\u{202e}b").status, 422);
    assert_eq!(named(&mut clinic.author, "").status, 422);
    let page = named(&mut clinic.author, "<b>mine</b>");
    assert!(page.text().contains("&#60;b&#62;mine"), "{}", page.text());

    // What is somebody's does not become somebody else's.
    assert_eq!(added(&mut clinic.other, &mut Authenticator::new(&clinic.author.browser, 9)), 422);
    let own = passkeys_of(&mut clinic.author);
    assert_eq!(clinic.other.posts("/account/passkeys/remove", &[("passkey", &own[0])]).status, 404);
    assert_eq!(clinic.author.posts("/account/passkeys/remove", &[("passkey", &own[0])]).status, 200);
    assert!(passkeys_of(&mut clinic.author).is_empty());
    let done = clinic.done_by("person:clinician1");
    assert!(done.contains(&"passkey-added".to_owned()) && done.contains(&"passkey-removed".to_owned()), "{done:?}");
}

#[test]
fn the_first_admin_begins_with_a_passkey_alone_and_cannot_lose_the_last_one() {
    let gateway = Gateway::serving();
    let code: Value = gateway.run(&["console", "code", "--data", "D", "--json"]).ok().json();
    let code = text(&code, "code").to_owned();
    let mut fresh = browser(&gateway);
    let mut key = Authenticator::new(&fresh, 1);
    let mut form = vec![("code", code.as_str()), ("id", "root.admin"), ("name", "Ada Admin")];
    let (question, options) = asked(&mut fresh, "/join/passkey/begin", &form);
    assert_eq!(options["user"]["name"], "root.admin");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    let answer = key.make(&options);
    form.extend([("question", question.as_str()), ("answer", answer.as_str())]);
    // Another id than the one that was asked for.
    let mut other = form.clone();
    other[1] = ("id", "somebody.else");
    assert_eq!(fresh.submit("/join/passkey", &other).status, 422);
    assert_eq!(fresh.submit("/join/passkey", &form).status, 422, "an answer is good once");
    let (question, options) = asked(&mut fresh, "/join/passkey/begin", &form[..3]);
    let answer = key.make(&options);
    form.truncate(3);
    form.extend([("question", question.as_str()), ("answer", answer.as_str())]);
    assert_eq!(fresh.submit("/join/passkey", &form).status, 303);
    assert!(fresh.get("/people").text().contains("root.admin"), "an admin");
    assert_eq!(browser(&gateway).submit("/join", &[("code", &code)]).status, 401, "the code is used up");
    let attempt = [("name", "root.admin"), ("password", PASSWORD), ("code", "123456")];
    assert_eq!(browser(&gateway).submit("/login", &attempt).status, 401, "there is no password");
    assert_eq!(log_in(&gateway, |options| key.show(options)), 303);

    let page = fresh.get("/account");
    let own = page.all_between("name=\"passkey\" value=\"", "\"");
    let form = [("token", page.field("token")), ("passkey", own[0].clone())];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(fresh.submit("/account/passkeys/remove", &form).status, 422, "nobody locks themselves out");
    assert_eq!(log_in(&gateway, |options| key.show(options)), 303);
}

#[test]
fn c10_a_reset_by_an_admin_tells_the_person_and_the_officer_and_ends_what_was_before() {
    let mut clinic = Clinic::open();
    let mut key = Authenticator::new(&clinic.author.browser, 1);
    assert_eq!(added(&mut clinic.author, &mut key), 303);
    assert!(!clinic.author.browser.get("/account").text().contains("reset-notice"), "the control");

    let page = clinic.admin.posts("/people/clinician1/code", &[]);
    let code = page.all_between("<p class=\"words\">", "</p>").pop().expect("a code");
    assert!(clinic.done_by("person:root.admin").contains(&"account-reset".to_owned()));
    let notice = clinic.author.browser.get("/patients");
    assert!(
        notice.text().contains("reset-notice") && notice.text().contains("Ada Admin (root.admin)"),
        "{}",
        notice.text()
    );
    safelight_tests::gateway::program::until("the alert", std::time::Duration::from_secs(60), || {
        let page = clinic.officer.browser.get("/alerts").text();
        page.contains("A code was made to set an account up anew").then_some(())
    });

    // Whoever has the code has the account, and whoever had it is out: by session, by passkey, by password.
    let mut fresh = browser(&clinic.gateway);
    let mut new = Authenticator::new(&fresh, 2);
    let (question, options) = asked(&mut fresh, "/join/passkey/begin", &[("code", &code)]);
    assert_eq!(options["user"]["name"], "clinician1");
    let answer = new.make(&options);
    let form = [("code", code.as_str()), ("question", &question), ("answer", &answer)];
    assert_eq!(fresh.submit("/join/passkey", &form).status, 303);
    assert_eq!(clinic.author.browser.ask("GET", "/patients", &[], None).status, 303, "the session is over");
    assert_eq!(log_in(&clinic.gateway, |options| key.show(options)), 401);
    assert_eq!(log_in(&clinic.gateway, |options| new.show(options)), 303);
    let code = clinic.author.codes.pop().expect("a code");
    let form = [("name", "clinician1"), ("password", PASSWORD), ("code", code.as_str())];
    assert_eq!(browser(&clinic.gateway).submit("/login", &form).status, 401);

    // They are told until they say that they know.
    clinic.author.browser = fresh;
    let page = clinic.author.browser.get("/account");
    assert!(page.text().contains("reset-notice"));
    clinic.author.posts("/account/reset-read", &[]);
    assert!(!clinic.author.browser.get("/account").text().contains("reset-notice"));
    assert!(clinic.done_by("person:clinician1").contains(&"account-reset-read".to_owned()));

    // A first code resets nothing.
    let token = clinic.admin.browser.get("/people").field("token");
    let form = [("token", token.as_str()), ("id", "newcomer"), ("name", "New"), ("role", "clinician")];
    clinic.admin.browser.post("/people", &form);
    clinic.admin.posts("/people/newcomer/code", &[]);
    assert_eq!(clinic.done_by("person:root.admin").last().map(String::as_str), Some("join-code-made"));
}
