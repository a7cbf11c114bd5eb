//! `safelight demo`: it ends in a script, and stays open for somebody whose links work once.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use safelight_tests::browser::Browser;
use safelight_tests::gateway::PATIENCE;
use safelight_tests::gateway::program::{command, safelight, until};

/// Ended with the test, however it ends.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(id) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// The four links that the demo prints next, as address and path.
#[track_caller]
fn links(lines: &mut impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in lines {
        if let Some((place, path)) = line.trim().strip_prefix("https://").and_then(|rest| rest.split_once("/demo/")) {
            found.push((place.to_owned(), format!("/demo/{path}")));
        }
        if found.len() == 4 {
            return found;
        }
    }
    panic!("it ended before it printed four links: {found:?}");
}

#[track_caller]
fn log_in(browser: &mut Browser, path: &str) -> u16 {
    let page = browser.get(path);
    if page.status != 200 {
        return page.status;
    }
    let token = page.field("token");
    browser.submit("/demo", &[("token", &token)]).status
}

#[test]
fn a_demo_ends_by_itself_where_nobody_looks() {
    for more in [&["--once"][..], &[]] {
        let demo = command(safelight(), &[&["demo", "--photos", "1"], more].concat()).stdin(Stdio::null()).output();
        let demo = demo.expect("it runs");
        let said = String::from_utf8_lossy(&demo.stdout).into_owned();
        assert!(demo.status.success(), "{said}");
        assert!(said.contains("What must hold") && !said.contains("/demo/"), "{said}");
    }
}

#[test]
fn a_demo_that_stays_lets_each_person_in_once_by_a_link_and_goes_with_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("demo");
    let kept_text = kept.to_str().expect("a path in UTF-8");
    let mut child = command(safelight(), &["demo", "--photos", "6", "--stay", "--keep", kept_text])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let (mut stdin, stdout) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
    let mut demo = Demo(child);
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let first = links(&mut lines);
    let authority = std::fs::read_to_string(kept.join("clinic/clinic/ca.crt")).expect("the CA");
    let body: String = authority.lines().filter(|line| !line.starts_with("-----")).collect();
    let authority = data_encoding::BASE64.decode(body.as_bytes()).expect("PEM");
    let fresh = || Browser::new(&first[0].0, authority.clone());

    // A link that is looked at is not used up, and one that is used is.
    let mut carla = fresh();
    assert_eq!(carla.get(&first[0].1).status, 200);
    assert_eq!(log_in(&mut carla, &first[0].1), 303);
    let token = first[0].1.trim_start_matches("/demo/").to_owned();
    assert_eq!(log_in(&mut fresh(), &first[0].1), 404, "a link twice");
    assert_eq!(fresh().submit("/demo", &[("token", &token)]).status, 404, "a form twice");
    assert_eq!(fresh().submit("/demo", &[("token", "AAAA")]).status, 404);

    // The clinician finds two visits of each patient, and compares them.
    let page = carla.get("/");
    assert!(page.text().contains("2 pictures, the last from"), "{}", page.text());
    let patients = page.all_between("href=\"/patients/", "\"");
    assert_eq!(patients.len(), 3, "{}", page.text());
    let page = carla.get(&format!("/patients/{}", patients[0]));
    let pictures = page.all_between("name=\"picture\" value=\"", "\"");
    assert_eq!(pictures.len(), 2, "{}", page.text());
    let compared = carla.get(&format!("/compare?picture={}&picture={}", pictures[0], pictures[1]));
    assert_eq!(compared.status, 200, "{}", compared.text());

    let mut ada = fresh();
    assert_eq!(log_in(&mut ada, &first[1].1), 303);
    assert!(ada.get("/").text().contains("Demo phone of room three"));
    assert_eq!(ada.ask("GET", "/setup", &[], None).status, 404, "she is led through a first run");
    assert_eq!(ada.ask("GET", "/patients", &[], None).status, 404);
    let mut petra = fresh();
    assert_eq!(log_in(&mut petra, &first[2].1), 303);
    assert!(petra.get("/log").text().contains("picture-viewed") || petra.get("/log").text().contains("patient-viewed"));

    // A colleague who treats nobody takes emergency access by the number, and the officer has an alert.
    let mut nils = fresh();
    assert_eq!(log_in(&mut nils, &first[3].1), 303);
    let patient = carla.get(&format!("/patients/{}", patients[0]));
    assert_eq!(nils.get(&format!("/patients/{}", patients[0])).status, 404);
    let number = patient.all_between("<p class=\"facts\"><span>", "</span>").pop().expect("a record number");
    let form = nils.get("/emergency");
    let (token, issuer) = (form.field("token"), form.field("issuer"));
    let words = ("words", "called to the bedside at night");
    let asked = [("token", token.as_str()), ("number", &number), ("issuer", &issuer), ("reason", "acute"), words];
    assert_eq!(nils.post("/emergency", &asked).status, 200);
    until("an alert", PATIENCE, || petra.get("/alerts").text().contains("mergency access").then_some(()));

    // New ones at the press of a key.
    stdin.write_all(b"\n").expect("a key");
    let second = links(&mut lines);
    assert_ne!(second[0].1, first[0].1);
    assert_eq!(log_in(&mut fresh(), &second[0].1), 303);

    let id = i32::try_from(demo.0.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
    assert!(demo.0.wait().expect("its end").success());
    assert!(lines.any(|line| line.contains("Everything is kept")));
}
