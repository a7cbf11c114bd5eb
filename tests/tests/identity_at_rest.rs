//! A clinic's day with planted names, numbers, dates and positions, and then a search for each of them: in every file, in every line of
//! log, in everything that a command says without the passphrase, and in the memory of ingest, which is what its core dump would hold.
//!
//! The attacker has the disk, the logs, or a core dump, and looks for a patient: by name, by number, or by hashing the numbers that there are.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Resource, Signal, getrlimit};
use safelight_core::label::RecordNumberRules;
use safelight_gateway::clock::Clock;
use safelight_gateway::demo::photos::photograph;
use safelight_gateway::demo::search::{Search, Searched};
use safelight_gateway::phone::label::LabelInput;
use safelight_tests::gateway::program::{child_of, command, finish, safelight, signal, until};
use safelight_tests::gateway::separated::is_root;
use safelight_tests::gateway::{Gateway, PATIENCE, array, files, text};
use safelight_tests::memory::Memory;
use safelight_tests::staff::first_admin;
use safelight_tests::traces::{finds_what_is_planted, not_in};

/// The day's patients. The first has a number that every rule of normalisation changes.
const LABELS: [&str; 2] = [
    r#"{"patient":"00 mrn-77812-04","name":"Quittländer, Zoëlina","birth_date":"1961-02-03","site":"left forearm","note":"naevus sebaceus, changed since the spring"}"#,
    r#"{"patient":"KIS-9036512","name":"Pfannenstiel, Aurelio","birth_date":"1987-11-30","site":"back","note":"after excision on day ten"}"#,
];

/// The number that the first patient gets in the course of the day.
const NEW_NUMBER: &str = "KIS-9036599 b";

/// Everything that is known of the patients, in whatever form it could be written.
fn patients() -> Search {
    let mut search = Search::default();
    search.text("record number", NEW_NUMBER);
    search.text("normalised record number", "kis-9036599b");
    for label in LABELS {
        let value: serde_json::Value = serde_json::from_str(label).expect("JSON");
        let name = text(&value, "name");
        search.text("name", name);
        name.split(", ").for_each(|part| search.text("name", part));
        let date = text(&value, "birth_date");
        let parts: Vec<&str> = date.split('-').collect();
        for form in [date.to_owned(), parts.concat(), format!("{}.{}.{}", parts[2], parts[1], parts[0])] {
            search.text("birth date", &form);
        }
        search.text("note", text(&value, "note"));
        let input = LabelInput::parse(label.as_bytes())
            .and_then(|input| input.into_label(Clock::system().now()))
            .expect("a label");
        search.text("record number", &input.record_number);
        for rules in 0..8u8 {
            let number = input.normalised_record_number(&RecordNumberRules {
                fold_case: rules & 1 != 0,
                strip_spaces: rules & 2 != 0,
                strip_leading_zeros: rules & 4 != 0,
            });
            // As it is, in UTF-16, base64, hexadecimal, and as SHA-256 in all of these.
            search.text("normalised record number", &number);
            for hash in ["sha1sum", "md5sum", "sha512sum"] {
                search.bytes(hash, &digest(hash, &number));
            }
        }
    }
    search
}

/// People look for patients by name and number, look at them, and write their names into reasons.
fn console_day(gateway: &Gateway, picture: &str) {
    let mut admin = first_admin(gateway);
    let mut author = admin.adds(gateway, "clinician1", "Carla Clinician", "clinician");
    let mut other = admin.adds(gateway, "clinician2", "Otto Other", "clinician");
    let mut officer = admin.adds(gateway, "officer", "Petra Privacy", "privacy-officer");
    let found = until("the names are read", PATIENCE, || {
        let found = author.posts("/patients/found", &[("query", "Quittländer, Zoë")]).text();
        found.contains("Quittländer, Zoëlina").then_some(found)
    });
    let patient = found.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a patient").to_owned();
    for query in ["00 mrn-77812-04", "KIS-9036512", "1961-02-03", "Pfannenstiel Aurelio"] {
        assert_eq!(author.posts("/patients", &[("query", query)]).status, 200);
    }
    for page in [patient.as_str(), &format!("/pictures/{picture}")] {
        assert!(author.browser.get(page).text().contains("Quittländer, Zoëlina"), "{page}");
    }
    let reason = "Zoëlina Quittländer, 1961-02-03, bleeds and 00 mrn-77812-04 is hers";
    let form = [("number", "00 mrn-77812-04"), ("issuer", "clinic"), ("reason", "acute"), ("words", reason)];
    assert!(other.posts("/emergency", &form).text().contains("Quittländer, Zoëlina"));
    assert!(officer.browser.get("/emergencies").text().contains("bleeds and"));
    assert_eq!(officer.browser.get("/log").status, 200);
    // The first gets another number, and the second turns out to be the same.
    let why = [("reason", "duplicate"), ("words", reason)];
    let form = [("number", NEW_NUMBER), ("issuer", "clinic"), why[0], why[1]];
    let page = author.posts(&format!("{patient}/record/number"), &form);
    assert!(page.text().contains(NEW_NUMBER), "{}", page.text());
    let record = page.all_between("action=\"/patients/", "/team\"").pop().expect("the record");
    let form = [("number", "KIS-9036512"), ("issuer", "clinic")];
    let page = author.posts(&format!("/patients/{record}/record/compare"), &form);
    let other = page.field("other");
    let page = author.posts(&format!("/patients/{record}/record/merge"), &[("other", &other), why[0], why[1]]);
    assert!(page.text().contains("KIS-9036512") && page.text().contains("Zoëlina"), "{}", page.text());
    assert!(officer.browser.get("/merges").text().contains("bleeds and"));
    // What does not lead anywhere is written nowhere either.
    author.browser.get("/patients?query=Quittl%C3%A4nder,+Zo%C3%ABlina");
    author.browser.get("/Pfannenstiel,%20Aurelio");
    author.browser.submit(
        "/login",
        &[("name", "Pfannenstiel, Aurelio"), ("password", "Quittländer, Zoëlina"), ("code", "KIS-9036512")],
    );
}

/// What one of coreutils' programs makes of a text.
fn digest(program: &str, text: &str) -> Vec<u8> {
    let said = finish(command(program, &[]), text.as_bytes()).ok().text();
    let hex = said.split_whitespace().next().expect("a digest");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

#[test]
fn d16_no_identity_in_files_logs_answers_or_the_memory_of_ingest() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let planted = photograph(11).expect("a photograph");
    let photo = gateway.path("Zoelina.jpg");
    fs::write(&photo, &planted.bytes).expect("a file");

    let mut search = patients();
    for planted in &planted.planted {
        search.either(planted.what, &planted.bytes);
    }
    assert!(
        planted.planted.iter().any(|planted| planted.what.contains("position") || planted.what.contains("location")),
        "no position is planted"
    );
    finds_what_is_planted(&search);

    // The day: pictures of both, refusals, somebody looks, a phone is lost.
    for label in LABELS {
        finish(command(safelight(), &phone.send_args(&[&photo])), label.as_bytes()).ok();
    }
    let pictures = gateway.pictures_in(&["verified"], 2);
    gateway.open(text(&pictures[0], "id"));
    let listed = array(gateway.run(&["vault", "list", "--data", "D", "--passphrase-file", "P", "--json"]).ok().json());
    assert!(listed.iter().any(|row| text(row, "name") == "Quittländer, Zoëlina"), "the day has happened: {listed:?}");
    console_day(&gateway, text(&pictures[0], "id"));
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    finish(command(safelight(), &phone.send_args(&[&photo])), LABELS[0].as_bytes()).exits(6);

    // What everybody is told who has no passphrase.
    for args in [
        &["health", "--data", "D", "--json"][..],
        &["device", "list", "--data", "D", "--json"],
        &["vault", "list", "--data", "D", "--json"],
        &["audit", "export", "--data", "D", "--log", "access"],
        &["audit", "export", "--data", "D", "--log", "intake"],
        &["audit", "verify", "--data", "D", "--json"],
        &["doctor", "--data", "D", "--json"],
    ] {
        let said = gateway.run(args);
        assert!(!said.stdout.is_empty(), "{said}");
        for output in [&said.stdout[..], said.stderr.as_bytes()] {
            assert!(search.in_bytes(output).is_empty(), "{args:?} says {:?}", search.in_bytes(output));
        }
    }

    if is_root("the search of the memory of ingest in d16_no_identity_in_files_logs_answers_or_the_memory_of_ingest") {
        not_in_memory(&search, gateway.process("ingest"), &phone.device);
    }
    not_in(&search, &gateway.data());
    assert!(gateway.stop());
    not_in(&search, &gateway.data());
    let mut log = Searched::default();
    search.in_file(&gateway.at("gateway.log"), &mut log).expect("the log");
    assert!(log.files == 1 && log.bytes > 0 && log.found.is_empty(), "{:?}", log.found);
}

#[track_caller]
fn not_in_memory(search: &Search, ingest: u32, device: &str) {
    let memory = Memory::of(ingest).expect("root reads every process");
    let mut searched = Searched::default();
    memory.search(search, &mut searched);
    assert!(searched.bytes > 1 << 20, "{} bytes are no process", searched.bytes);
    assert!(searched.found.is_empty(), "{:?}", searched.found);

    // The controls: what ingest does know is found in it, and a process that knows a patient is found out. This test is one.
    let mut known = Search::default();
    let id: String = device.chars().filter(|digit| *digit != '-').collect();
    let bytes: Vec<u8> = (0..32).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).expect("an id")).collect();
    known.bytes("device", &bytes);
    let mut control = Searched::default();
    memory.search(&known, &mut control);
    assert!(!control.found.is_empty(), "ingest's memory does not even hold the device that it knows");
    let mut own = Searched::default();
    Memory::of(std::process::id()).expect("our own memory").search(search, &mut own);
    let things: std::collections::BTreeSet<&str> = own.found.iter().map(|found| found.thing.as_str()).collect();
    for thing in ["name", "record number", "birth date", "note", "md5sum"] {
        assert!(things.contains(thing), "{thing} is not found where it is: {things:?}");
    }
}

#[test]
fn d16_tokens_and_the_passphrase_are_in_no_file_and_no_log() {
    let mut gateway = Gateway::serving();
    let invited = gateway.invite("Room 3", "q.png");
    let invitation = safelight_core::invitation::Invitation::parse(text(&invited, "qr")).expect("an invitation");
    let mut enrolling = gateway.start_enrolling("phone", "q.png");
    let device = text(&gateway.pending("Room 3", &mut enrolling), "id").to_owned();
    let mut search = Search::default();
    search.bytes("token", invitation.token.expose_bytes());
    search.text("passphrase", safelight_tests::gateway::PASSPHRASE);
    // While it is open and after it was used, in the databases' write-ahead logs too.
    not_in(&search, &gateway.data());
    gateway.run(&["device", "approve", &device, "--data", "D"]).ok();
    enrolling.wait().ok();
    not_in(&search, &gateway.data());
    assert!(gateway.stop());
    not_in(&search, &gateway.data());
    let mut log = Searched::default();
    search.in_file(&gateway.at("gateway.log"), &mut log).expect("the log");
    assert!(log.files == 1 && log.found.is_empty(), "{:?}", log.found);
}

/// Files in a folder that look like what the kernel leaves of a process that crashed.
fn cores(folder: &Path) -> Vec<PathBuf> {
    let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    files(folder).into_iter().filter(|path| name(path).starts_with("core")).collect()
}

#[test]
fn d16_a_process_that_crashes_leaves_no_core_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut gateway = Gateway::init();
    // Started where core files are allowed and wanted.
    let data = gateway.path("data");
    let passphrase = gateway.path("passphrase");
    let program = safelight();
    let line = format!(
        "ulimit -c unlimited 2>/dev/null; cd '{}' && exec '{}' serve --data '{data}' --passphrase-file '{passphrase}'",
        folder.path().display(),
        program.display()
    );
    let mut serve = command("/bin/sh", &["-c", &line]);
    serve.stdout(Stdio::null()).stderr(Stdio::null());
    let mut serve = serve.spawn().expect("a gateway");
    let up = |gateway: &Gateway| gateway.run(&["health", "--data", "D"]).code == Some(0);
    until("the gateway", PATIENCE, || up(&gateway).then_some(()));
    for kind in ["ingest", "clinic"] {
        let crashed = child_of(serve.id(), kind).expect("a process");
        signal(crashed, Signal::ABORT);
        let again = || child_of(serve.id(), kind).filter(|now| *now != crashed);
        until("the process's successor", PATIENCE, again);
        assert!(cores(folder.path()).is_empty(), "{kind} leaves {:?}", cores(folder.path()));
    }
    signal(serve.id(), Signal::TERM);
    serve.wait().expect("its end");
    assert!(cores(folder.path()).is_empty());
    gateway.said_by_init = serde_json::Value::Null;

    // The control: another program that crashes there does leave one, where this machine writes core files at all.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.trim() != "core" || getrlimit(Resource::Core).maximum.is_some() {
        eprintln!(
            "skipped: the control of d16_a_process_that_crashes_leaves_no_core_file (this machine writes core files elsewhere)"
        );
        return;
    }
    let line = format!("ulimit -c unlimited && cd '{}' && exec /bin/sh -c 'kill -ABRT $$'", folder.path().display());
    Command::new("/bin/sh").args(["-c", &line]).status().expect("a shell");
    assert!(!cores(folder.path()).is_empty(), "the control: no core file of a program that allows one");
}
