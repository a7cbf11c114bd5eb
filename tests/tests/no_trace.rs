//! What sending leaves behind: on the phone's disk, in the gateway's folder, in what the system is asked to write.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use safelight_gateway::demo::photos::{DemoPhoto, photograph};
use safelight_gateway::demo::search::{Search, Searched};
use safelight_tests::gateway::phone::{LABEL, Phone, strip};
use safelight_tests::gateway::program::{command, finish, safelight, until};
use safelight_tests::gateway::{Gateway, PATIENCE, array, files, text};
use safelight_tests::tools;
use safelight_tests::traces::not_in;

/// The files that an identity has: certificate and memory, key, counter, and what takes their places.
const OWN_FILES: [&str; 7] =
    ["device.cbor", "device.key", "next-device.key", "in-flight", "device.new", "next-device.new", "in-flight.new"];

/// System calls that write, beside those that take a file's name.
const WRITING: &str =
    "%file,memfd_create,memfd_secret,open_by_handle_at,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg";

fn patient() -> Search {
    let mut search = Search::default();
    search.text("name", "Quittländer, Zoë");
    search.text("surname", "Quittländer");
    search.text("record number", "MRN-77812-04");
    search.text("birth date", "1961-02-03");
    assert!(LABEL.contains("Quittländer, Zoë") && LABEL.contains("MRN-77812-04") && LABEL.contains("1961-02-03"));
    search
}

/// The patient, what the camera wrote beside the pixels, and pieces of the picture from its beginning to its end.
fn patient_and_picture(photo: &DemoPhoto, stripped: &[u8]) -> Search {
    let mut search = patient();
    for planted in &photo.planted {
        search.either(planted.what, &planted.bytes);
    }
    for piece in stripped.chunks(stripped.len() / 400).filter_map(|piece| piece.get(..24)) {
        // A run of equal bytes says nothing of this picture.
        if piece.iter().collect::<BTreeSet<_>>().len() > 12 {
            search.bytes("picture", piece);
        }
    }
    assert!(search.spellings() > 300, "{} spellings are few", search.spellings());
    search
}

/// One line of strace's output that is a call: its name, and the rest.
fn call(line: &str) -> Option<(&str, &str)> {
    let after_id = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let (name, rest) = after_id.split_once('(')?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some((name, rest))
}

/// The strings that stand in a line, with strace's escapes (all hexadecimal) undone.
fn strings(line: &str) -> Vec<Vec<u8>> {
    let inside = line.split('"').skip(1).step_by(2);
    let undone = |text: &str| -> Vec<u8> {
        text.split("\\x").skip(1).filter_map(|two| u8::from_str_radix(two.get(..2)?, 16).ok()).collect()
    };
    inside.map(undone).collect()
}

/// Whether a call makes or changes a file, as far as its name and flags tell.
fn changes_a_file(name: &str, rest: &str) -> bool {
    match name {
        "open" | "openat" | "openat2" | "open_by_handle_at" => {
            ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"].iter().any(|flag| rest.contains(flag))
        }
        "creat" | "mknod" | "mknodat" | "mkdir" | "mkdirat" | "link" | "linkat" | "symlink" | "symlinkat"
        | "rename" | "renameat" | "renameat2" | "truncate" | "memfd_create" | "memfd_secret" | "setxattr"
        | "lsetxattr" | "unlink" | "unlinkat" | "rmdir" | "chmod" | "fchmodat" | "chown" | "fchownat" | "utimensat"
        | "mount" | "chroot" => true,
        _ => false,
    }
}

/// Every file that a trace changes, by its whole path; what has no name by its call.
fn changed(trace: &str) -> BTreeSet<String> {
    let mut changed = BTreeSet::new();
    for (name, rest) in trace.lines().filter_map(call).filter(|(name, rest)| changes_a_file(name, rest)) {
        let paths = strings(rest);
        if name.starts_with("memfd") || paths.is_empty() {
            changed.insert(format!("{name}({rest}"));
        }
        changed.extend(paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()));
    }
    changed
}

fn strace(gateway: &Gateway, program: &Path, args: &[&str], input: &[u8]) -> String {
    let out = gateway.path("trace");
    let options = ["-f", "-xx", "-s", "1000000", "-e", &format!("trace={WRITING}"), "-o", &out];
    let program = program.to_str().expect("UTF-8");
    finish(command("strace", &[&options[..], &["--", program], args].concat()), input).ok();
    fs::read_to_string(out).expect("a trace")
}

#[test]
fn sending_writes_to_the_identity_s_own_files_and_to_nothing_else() {
    if !tools::has("strace", "sending_writes_to_the_identity_s_own_files_and_to_nothing_else") {
        return;
    }
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let planted = photograph(5).expect("a photograph");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, &planted.bytes).expect("a file");

    let trace = strace(&gateway, &safelight(), &phone.send_args(&[&photo, &photo]), LABEL.as_bytes());
    assert_eq!(gateway.pictures_in(&["verified"], 2).len(), 2);
    let own: BTreeSet<String> = OWN_FILES.iter().map(|name| phone.identity.join(name).display().to_string()).collect();
    let changed = changed(&trace);
    let foreign: Vec<&String> = changed.difference(&own).collect();
    assert!(foreign.is_empty(), "sending writes to {foreign:?}");
    // It does write to these, so the trace is one of the thing that is meant.
    for name in ["device.cbor", "in-flight"] {
        assert!(changed.contains(&phone.identity.join(name).display().to_string()), "no {name} in {changed:?}");
    }
    assert!(files(&phone.identity).iter().all(|file| own.contains(&file.display().to_string())));

    // Nor does anything of the patient or the picture go through a call that writes, to a file, a terminal or the network.
    let stripped = strip(photo.as_ref(), &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    let search = patient_and_picture(&planted, &stripped);
    let written: Vec<u8> = trace.lines().flat_map(strings).flatten().collect();
    assert!(written.len() > stripped.len(), "the trace holds {} bytes: less than was sent", written.len());
    assert!(search.in_bytes(&written).is_empty(), "{:?}", search.in_bytes(&written));
    not_in(&search, &phone.identity);
    not_in(&search, &gateway.data());
}

/// The control of the test above: a program that does write elsewhere, and what it writes, are seen.
#[test]
fn a_program_that_writes_elsewhere_is_seen() {
    if !tools::has("strace", "a_program_that_writes_elsewhere_is_seen") {
        return;
    }
    let gateway = Gateway::init();
    let (file, moved, linked) = (gateway.path("elsewhere"), gateway.path("moved"), gateway.path("linked"));
    let script = format!("printf '%s' 'MRN-77812-04' > '{file}' && mv '{file}' '{moved}' && ln '{moved}' '{linked}'");
    let trace = strace(&gateway, Path::new("/bin/sh"), &["-c", &script], b"");
    let changed = changed(&trace);
    for path in [&file, &moved, &linked] {
        assert!(changed.contains(path), "{path} is not in {changed:?}");
    }
    let writes = trace.lines().filter(|line| call(line).is_some_and(|(name, _)| name == "write"));
    assert!(patient().in_bytes(&writes.flat_map(strings).flatten().collect::<Vec<u8>>()).contains("record number"));
}

#[test]
fn nothing_of_patient_or_picture_is_in_the_gateway_s_folder_even_after_it_was_opened() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let planted = photograph(6).expect("a photograph");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, &planted.bytes).expect("a file");
    let sent = array(phone.send(&[&photo]).ok().json());
    gateway.pictures_in(&["verified"], 1);
    let stripped = gateway.open(text(&sent[0], "id"));
    gateway.run(&["vault", "list", "--data", "D", "--passphrase-file", "P", "--json"]).ok();
    let search = patient_and_picture(&planted, &stripped);
    not_in(&search, &gateway.data());
    // With the write-ahead logs taken into the databases, too, and in the services' own log.
    assert!(gateway.stop());
    not_in(&search, &gateway.data());
    let mut log = Searched::default();
    search.in_file(&gateway.at("gateway.log"), &mut log).expect("the log");
    assert!(log.files == 1 && log.bytes > 0 && log.found.is_empty(), "{:?}", log.found);
}

#[test]
fn a_killed_phone_leaves_nothing_but_the_number_of_pictures_that_were_lost() {
    let (gateway, relay) = Gateway::behind_relay();
    let phone = gateway.enrol("phone");
    let planted = photograph(7).expect("a photograph");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, &planted.bytes).expect("a file");
    let stripped = strip(photo.as_ref(), &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    let search = patient_and_picture(&planted, &stripped);
    assert_eq!(phone.status().ok().json()["lost"], 0);

    let killed_in_the_middle = || {
        let held = gateway.incoming();
        relay.stop_after(1_500_000);
        let mut sending = phone.start_send(&[&photo, &photo]);
        until("a part of the upload", PATIENCE, || (gateway.incoming() > held).then_some(()));
        assert!(!sending.has_ended());
        sending.kill();
        relay.open();
        not_in(&search, &phone.identity);
        not_in(&search, &gateway.data());
        let own: BTreeSet<String> =
            OWN_FILES.iter().map(|name| phone.identity.join(name).display().to_string()).collect();
        assert!(files(&phone.identity).iter().all(|file| own.contains(&file.display().to_string())));
    };
    killed_in_the_middle();
    says_lost(&phone, 1);
    // Told once.
    says_lost(&phone, 0);

    killed_in_the_middle();
    let sent = phone.send(&[&photo]).ok();
    assert!(sent.stderr.contains("1 picture was lost"), "{sent}");
    let sent = phone.send(&[&photo]).ok();
    assert!(!sent.stderr.contains("lost"), "{sent}");
    // What was lost is not half there.
    assert_eq!(gateway.stored().len(), 2);
    assert_eq!(gateway.pictures_in(&["verified"], 2).len(), 2);
}

#[track_caller]
fn says_lost(phone: &Phone, pictures: u64) {
    assert_eq!(phone.status().ok().json()["lost"], pictures);
}
