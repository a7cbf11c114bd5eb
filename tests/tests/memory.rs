//! What is in the memory of the gateway's processes and commands, read as root reads it, which is what a core dump would hold.
//!
//! The attacker has a core dump, a page of swap, or a hole that gives away memory. In ingest's there must be no key but its own three. In the
//! clinic process's the vault key must be in the one place where it is used, and nothing of how it got there: no text of it, no passphrase.
//! In a command that ends nothing of either must be left.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use safelight_core::seal::passphrase;
use safelight_gateway::keyfile;
use safelight_tests::gateway::program::{Running, child_of, safelight, until};
use safelight_tests::gateway::separated::is_root;
use safelight_tests::gateway::{Gateway, PASSPHRASE, PATIENCE, text};
use safelight_tests::memory::Memory;
use safelight_tests::pictures::small;
use safelight_tests::tools;

/// A secret in the forms in which memory may hold it.
struct Secret {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), forms: vec![text.as_bytes().to_vec()] }
    }

    /// The second half of a key: the allocator writes over the first bytes of what was freed, which would hide a copy that was not wiped.
    /// Big numbers may lie in memory the other way round.
    fn key(name: &str, bytes: &[u8; 32]) -> Self {
        let mut reversed = *bytes;
        reversed.reverse();
        Self { name: name.to_owned(), forms: vec![bytes[16..].to_vec(), reversed[16..].to_vec()] }
    }

    /// Where it stands in the memory of a process.
    fn places(&self, process: u32) -> Vec<String> {
        let memory = Memory::of(process).expect("root reads every process");
        assert!(!memory.is_empty());
        memory.places(&self.forms)
    }
}

#[track_caller]
fn none_in(process: u32, whose: &str, secrets: &[Secret]) {
    // All of them in one pass; which it was is looked up only where there was one.
    let all = Secret { name: String::new(), forms: secrets.iter().flat_map(|secret| secret.forms.clone()).collect() };
    if all.places(process).is_empty() {
        return;
    }
    for secret in secrets {
        let places = secret.places(process);
        assert!(places.is_empty(), "{whose} holds {} at {places:?}", secret.name);
    }
}

/// The identity in a line of age's text form (BIP 173: five bits a character, six characters of checksum).
fn identity(text: &str) -> (String, [u8; 32]) {
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("an identity").to_owned();
    let digits = line.rsplit('1').next().expect("its digits").to_lowercase();
    let (mut bits, mut len, mut bytes) = (0u32, 0, Vec::new());
    for digit in digits[..digits.len() - 6].chars() {
        let value = "qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(digit).expect("a digit of Bech32");
        bits = bits << 5 | u32::try_from(value).expect("five bits");
        len += 5;
        if len >= 8 {
            len -= 8;
            bytes.push(u8::try_from(bits >> len & 0xff).expect("a byte"));
        }
    }
    (line, bytes.try_into().expect("32 bytes"))
}

/// The private number in a key file: the first octet string of 32 bytes (RFC 5915, RFC 8410).
fn private(path: &Path) -> [u8; 32] {
    let pem = fs::read_to_string(path).expect("a key file");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = finish_base64(&base64);
    let at = der.windows(2).position(|window| window == [4, 32]).expect("a key") + 2;
    der[at..at + 32].try_into().expect("32 bytes")
}

fn finish_base64(text: &str) -> Vec<u8> {
    let mut child = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("base64 of coreutils");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a pipe");
    child.wait_with_output().expect("its output").stdout
}

/// What opens the vault, in every form, from the gateway's folder.
fn vault(gateway: &Gateway) -> (Secret, Vec<Secret>) {
    let sealed = fs::read(gateway.data().join("clinic/vault.age")).expect("the vault's file");
    let plain = passphrase::decrypt(&sealed, PASSPHRASE.as_bytes(), 20).expect("the vault opens");
    keys_of(std::str::from_utf8(&plain).expect("text"))
}

/// The same of the newest key, after a rotation.
fn newest(gateway: &Gateway) -> (Secret, Vec<Secret>) {
    let sealed = fs::read(gateway.data().join("clinic/vault.age")).expect("the vault's file");
    let plain = passphrase::decrypt(&sealed, PASSPHRASE.as_bytes(), 20).expect("the vault opens");
    let text = std::str::from_utf8(&plain).expect("text");
    let at = text.rfind("# epoch: 2").expect("a second key");
    keys_of(&text[at..])
}

fn keys_of(text: &str) -> (Secret, Vec<Secret>) {
    let (line, key) = identity(text);
    let texts = vec![Secret::text("the vault key's text", &line), Secret::text("the passphrase", PASSPHRASE)];
    (Secret::key("the vault key", &key), texts)
}

/// The clinic's other secrets, which ingest must not have: their files have them in clear, so the clinic process may.
fn clinics(gateway: &Gateway) -> Vec<Secret> {
    let folder = gateway.data().join("clinic");
    let mut secrets: Vec<Secret> = ["ca.key", "clinic.key", "access-log.key"]
        .iter()
        .map(|name| Secret::key(name, &private(&folder.join(name))))
        .collect();
    let handle = keyfile::read_secret(&folder.join("handle.key")).expect("the handle key");
    secrets.push(Secret::key("handle.key", handle.as_slice().try_into().expect("32 bytes")));
    let (line, key) = identity(&fs::read_to_string(gateway.at("recovery-kit.txt")).expect("the recovery kit"));
    secrets.extend([Secret::text("the recovery key's text", &line), Secret::key("the recovery key", &key)]);
    secrets
}

fn photo(gateway: &Gateway, number: u64) -> String {
    let path = gateway.path(&format!("photo-{number}.jpg"));
    fs::write(&path, small::photo(number)).expect("a file");
    path
}

#[test]
fn x48_the_vault_key_is_in_one_place_and_never_in_ingest() {
    if !is_root("x48_the_vault_key_is_in_one_place_and_never_in_ingest") {
        return;
    }
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photo(&gateway, 1);
    phone.send(&[&photo, &photo]).ok();
    gateway.pictures_in(&["verified"], 2);
    let (key, texts) = vault(&gateway);
    let (ingest, clinic) = (gateway.process("ingest"), gateway.process("clinic"));

    // The control: what is there by design is found, so what is not found is not there.
    for name in ["receipt.key", "tls.key", "intake-log.key"] {
        let own = Secret::key(name, &private(&gateway.data().join("ingest").join(name)));
        assert!(!own.places(ingest).is_empty(), "the control: ingest does not hold {name}");
        assert!(own.places(clinic).is_empty(), "the clinic process holds {name}");
    }
    none_in(ingest, "ingest", &texts);
    none_in(ingest, "ingest", &clinics(&gateway));
    assert!(key.places(ingest).is_empty(), "ingest holds the vault key");

    let places = key.places(clinic);
    assert_eq!(places.len(), 1, "the vault key lies at {places:?}");
    assert!(places[0].starts_with("[heap]"), "{places:?}");
    none_in(clinic, "the clinic process", &texts);
    let recovery = clinics(&gateway).split_off(4);
    none_in(clinic, "the clinic process", &recovery);

    // Locked again, which is a restart without the passphrase, it is nowhere.
    assert!(gateway.stop());
    gateway.serve_locked();
    let clinic = gateway.process("clinic");
    assert!(key.places(clinic).is_empty(), "a locked clinic process holds the vault key");
    none_in(clinic, "a locked clinic process", &texts);
}

#[test]
fn x48_both_processes_and_the_phone_are_locked_against_dumps() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    for kind in ["ingest", "clinic"] {
        let process = gateway.process(kind);
        assert_eq!(limit(process, "Max core file size"), ["0", "0"], "{kind}");
        assert!(is_locked(process) || says_not_locked(&gateway), "{kind} is not locked and does not say so");
    }
    let supervisor = gateway.service().id();
    assert_eq!(limit(supervisor, "Max core file size"), ["0", "0"]);
    // Where memory can be locked, which is for root and in the packaged set-up, it is.
    if rustix::process::geteuid().is_root() && has_ipc_lock() {
        assert!(!says_not_locked(&gateway));
    }
    // The phone's commands hold a device key and photographs.
    let held = at_its_end(&phone.send_args(&[&photo(&gateway, 2)]), safelight_tests::gateway::phone::LABEL.as_bytes());
    if let Some((_strace, process)) = held {
        assert_eq!(limit(process, "Max core file size"), ["0", "0"]);
    }
}

fn limit(process: u32, name: &str) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).expect("a running process");
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("the limit");
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

fn status(process: &str, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    status.lines().find_map(|line| line.strip_prefix(name)).expect("the line").trim().to_owned()
}

fn is_locked(process: u32) -> bool {
    status(&process.to_string(), "VmLck:") != "0 kB"
}

fn has_ipc_lock() -> bool {
    u64::from_str_radix(&status("self", "CapEff:"), 16).expect("a mask") >> 14 & 1 == 1
}

fn says_not_locked(gateway: &Gateway) -> bool {
    fs::read_to_string(gateway.at("gateway.log")).expect("the log").contains("memory is not locked")
}

/// A command that is held at the very end, when it has done all its wiping and asks the system to end it. `None` without strace.
fn at_its_end(args: &[&str], input: &[u8]) -> Option<(Running, u32)> {
    if !tools::has("strace", "looking into a command at its end") {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let mut command = safelight_tests::gateway::program::command(
        "strace",
        &[
            "-e",
            "trace=exit_group",
            "-e",
            "inject=exit_group:delay_enter=60s",
            "-o",
            trace.to_str().expect("UTF-8"),
            "--",
        ],
    );
    command.arg(safelight()).args(args);
    let mut strace = Running::start(command, input);
    until("the command's end", PATIENCE, || {
        assert!(!strace.has_ended(), "strace ended: {}", strace.stderr());
        fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("exit_group(0")).then_some(())
    });
    let process = child_of(strace.id(), args[0]).expect("the command");
    Some((strace, process))
}

#[test]
fn x49_a_command_that_has_opened_the_vault_leaves_no_key_behind() {
    if !is_root("x49_a_command_that_has_opened_the_vault_leaves_no_key_behind") {
        return;
    }
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photo(&gateway, 3);
    phone.send(&[&photo]).ok();
    let pictures = gateway.pictures_in(&["verified"], 1);
    let (key, texts) = vault(&gateway);
    let (data, passphrase, out) = (gateway.path("data"), gateway.path("passphrase"), gateway.path("opened.jpg"));
    let common = ["--data", &data, "--passphrase-file", &passphrase];
    let id = text(&pictures[0], "id");
    let open = ["vault", "open", id, "-o", &out, "--reason", "a test"];
    for command in
        [[&open[..], &common].concat(), [&["vault", "list"][..], &common].concat(), [&["doctor"][..], &common].concat()]
    {
        let Some((strace, process)) = at_its_end(&command, b"") else { return };
        let places = key.places(process);
        assert!(places.is_empty(), "{command:?} leaves the vault key at {places:?}");
        none_in(process, &format!("{command:?}"), &texts);
        strace.kill();
        kill(process);
    }
    // What `vault open` opened is not left behind either.
    fs::remove_file(&out).expect("the opened picture");
    let Some((strace, process)) = at_its_end(&[&open[..], &common].concat(), b"") else { return };
    none_in(process, "vault open", &pieces(&fs::read(&out).expect("the opened picture")));
    strace.kill();
    kill(process);
    // Nor is either key, of one that makes a new one.
    assert!(gateway.stop());
    let Some((strace, process)) = at_its_end(&[&["vault", "rotate"][..], &common].concat(), b"") else { return };
    let (new, new_texts) = newest(&gateway);
    for (what, key) in [("the old", &key), ("the new", &new)] {
        let places = key.places(process);
        assert!(places.is_empty(), "a rotation leaves {what} vault key at {places:?}");
    }
    none_in(process, "vault rotate", &texts);
    none_in(process, "vault rotate", &new_texts);
    strace.kill();
    kill(process);
}

/// A dozen pieces of a picture, from its beginning to its end.
fn pieces(picture: &[u8]) -> Vec<Secret> {
    let step = picture.len() / 12;
    (1..11)
        .map(|number| Secret {
            name: format!("piece {number} of the picture"),
            forms: vec![picture[number * step..number * step + 32].to_vec()],
        })
        .collect()
}

#[test]
fn x49_a_phone_that_has_sent_leaves_no_picture_and_no_patient_behind() {
    if !is_root("x49_a_phone_that_has_sent_leaves_no_picture_and_no_patient_behind") {
        return;
    }
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photo(&gateway, 4);
    let stripped = safelight_tests::gateway::phone::strip(photo.as_ref(), &gateway.at(""))
        .unwrap_or_else(|refused| panic!("{refused}"));
    let label = safelight_tests::gateway::phone::LABEL.as_bytes();
    let Some((strace, process)) = at_its_end(&phone.send_args(&[&photo]), label) else { return };
    none_in(process, "phone send", &pieces(&stripped));
    none_in(
        process,
        "phone send",
        &[Secret::text("the name", "Quittländer, Zoë"), Secret::text("the number", "MRN-77812-04")],
    );
    strace.kill();
    kill(process);
}

fn kill(process: u32) {
    safelight_tests::gateway::program::signal(process, rustix::process::Signal::KILL);
}

/// Not a test of its own, and nothing without its variable: a program that has a key and forgets to wipe its copy of it, or does not.
#[test]
fn holds_a_key() {
    let Ok(wipes) = std::env::var("SAFELIGHT_TEST_WIPES") else { return };
    let mut key = [0u8; 32];
    let mut input = std::fs::File::open("/dev/stdin").expect("a pipe");
    input.read_exact(&mut key).expect("a key");
    let mut copy = std::hint::black_box(key.to_vec());
    if wipes == "yes" {
        copy.fill(0);
        std::hint::black_box(&copy);
    }
    drop(copy);
    key.fill(0);
    std::hint::black_box(&key);
    println!("ready");
    let _ = input.read(&mut [0u8; 1]);
}

/// The control of this whole file: a copy that a program did not wipe is found after it was freed, and one that it wiped is not.
#[test]
fn x48_a_copy_that_was_not_wiped_is_found() {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).expect("random bytes");
    for (wipes, found) in [("no", true), ("yes", false)] {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "holds_a_key", "--nocapture"])
            .env("SAFELIGHT_TEST_WIPES", wipes)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(&key).expect("a pipe");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        assert!(said.map_while(Result::ok).any(|line| line.contains("ready")), "the program is not ready");
        let places = Secret::key("the key", &key).places(child.id());
        drop(input);
        child.wait().expect("its end");
        assert_eq!(!places.is_empty(), found, "wiped: {wipes}; found at {places:?}");
    }
}
