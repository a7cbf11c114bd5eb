//! Log-in, and what a session is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::damage::{change_in, run_in};
use safelight_tests::gateway::program::until;
use safelight_tests::staff::{PASSWORD, browser, digits, first_admin};

/// Since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

#[test]
fn c01_c13_each_log_in_is_a_new_session_and_log_out_ends_it_at_the_server() {
    let gateway = Gateway::serving();
    let mut admin = first_admin(&gateway);
    let planted = "__Host-safelight=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let mut second = admin.browser.clone();
    second.cookie = Some(planted.clone());
    let code = admin.codes.pop().expect("a code");
    let page = second.post("/login", &[("name", "root.admin"), ("password", PASSWORD), ("code", &code)]);
    assert_eq!(page.status, 200);
    assert_ne!(second.cookie, Some(planted), "a session that somebody else chose");
    assert_ne!(second.cookie, admin.browser.cookie);
    let kept = second.clone();
    let token = second.get("/account").field("token");
    second.post("/logout", &[("token", &token)]);
    assert_eq!(second.cookie, None);
    let mut thief = kept;
    assert_eq!(thief.ask("GET", "/account", &[], None).status, 303, "the cookie opens nothing any more");
    assert_eq!(admin.browser.get("/account").status, 200, "the other session goes on");
    // Sessions of one's own can be ended from another one.
    let third = admin.logs_in();
    let page = admin.browser.get("/account");
    let names = page.all_between("name=\"session\" value=\"", "\"");
    assert_eq!(names.len(), 2, "{}", page.text());
    for name in &names {
        admin.posts("/account/end", &[("session", name)]);
    }
    for mut ended in [third, admin.browser.clone()] {
        assert_eq!(ended.ask("GET", "/account", &[], None).status, 303);
    }
}

#[test]
fn c13_a_log_in_that_nobody_comes_back_to_is_in_no_list_and_is_removed() {
    let mut gateway = Gateway::serving();
    let mut admin = first_admin(&gateway);
    drop(admin.logs_in());
    let mut listed = || admin.browser.get("/account").all_between("name=\"session\" value=\"", "\"").len();
    assert_eq!(listed(), 2, "the control");
    let database = gateway.data().join("clinic/clinic.db");
    change_in(&database, "UPDATE session SET seen_at = 1 WHERE created_at = (SELECT MAX(created_at) FROM session)");
    assert_eq!(listed(), 1, "it holds no more, and is listed");
    // Looked for once an hour, and when the process begins.
    assert!(gateway.stop());
    gateway.serve();
    until("it is removed", Duration::from_secs(30), || {
        (run_in(&database, "UPDATE session SET seen_at = 1 WHERE seen_at = 1") == 0).then_some(())
    });
    assert_eq!(listed(), 1, "the other one goes on");
}

#[test]
fn c08_c10_an_authenticators_code_and_a_recovery_code_work_once() {
    let gateway = Gateway::serving();
    let mut admin = first_admin(&gateway);
    let recovery = admin.codes.pop().expect("a code");
    let log_in = |code: &str| {
        let mut fresh = browser(&gateway);
        fresh.submit("/login", &[("name", "root.admin"), ("password", PASSWORD), ("code", code)]).status
    };
    // The code of this half minute has been used to join, and is one step old at most.
    let begun = seconds() / 30;
    let used = digits(&admin.secret);
    let status = log_in(&used);
    if seconds() / 30 == begun {
        assert_eq!(status, 401, "a code twice");
    }
    assert_eq!(log_in(&recovery.to_uppercase().replace(' ', "-")), 303);
    assert_eq!(log_in(&recovery), 401, "a recovery code twice");
    assert_eq!(log_in("000000"), 401);
}

#[test]
fn c07_wrong_tries_have_one_answer_for_every_reason_and_slow_down() {
    let gateway = Gateway::serving();
    let admin = first_admin(&gateway);
    let mut stranger = browser(&gateway);
    let mut answers = Vec::new();
    for form in [
        [("name", "nobody"), ("password", PASSWORD), ("code", "123456")],
        [("name", "root.admin"), ("password", "not the password"), ("code", "123456")],
        [("name", "root.admin"), ("password", PASSWORD), ("code", "wrong")],
        [("name", "'; DROP TABLE person; --"), ("password", PASSWORD), ("code", "123456")],
    ] {
        let answer = stranger.submit("/login", &form);
        assert_eq!(answer.status, 401, "{form:?}");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "the answers tell what was wrong");
    let guess = [("name", "root.admin"), ("password", "a guess at it all"), ("code", "123456")];
    let statuses: Vec<u16> = (0..6).map(|_| stranger.submit("/login", &guess).status).collect();
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    // Who is logged in notices nothing.
    let mut logged_in = admin.browser.clone();
    assert_eq!(logged_in.get("/people").status, 200);
    let failed = gateway.log("access").iter().filter(|entry| entry["kind"] == "log-in-failed").count();
    assert!((1..=8).contains(&failed), "{failed} entries for failed log-ins");
}

#[test]
fn a_code_to_begin_with_works_once_and_the_first_admins_not_after_there_is_one() {
    let gateway = Gateway::serving();
    let code = gateway.run(&["console", "code", "--data", "D", "--json"]).ok().json();
    let code = code["code"].as_str().expect("a code").to_owned();
    let second = gateway.run(&["console", "code", "--data", "D", "--json"]).ok().json();
    let mut stranger = browser(&gateway);
    assert_eq!(stranger.submit("/join", &[("code", &code)]).status, 200);
    assert_eq!(stranger.submit("/join", &[("code", second["code"].as_str().expect("a code"))]).status, 200);
    let _admin = first_admin(&gateway);
    assert_eq!(gateway.run(&["console", "code", "--data", "D"]).code, Some(6));
    for code in [code.as_str(), second["code"].as_str().expect("a code"), "aaaa-aaaa-aaaa-aaaa", ""] {
        assert_eq!(stranger.submit("/join", &[("code", code)]).status, 401, "{code}");
    }
}
