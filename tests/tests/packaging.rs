//! The packaged set-up: the units are sound and hardened, the users are two, and what is laid out is what `init` lays out.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what does not go as it should is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use safelight_tests::gateway::program::{command, finish};
use safelight_tests::gateway::separated::{CLINIC, INGEST, SHARED, Separated, is_root};
use safelight_tests::tools;

/// What `systemd-analyze security` may say at most, of 100, where 100 is a unit without any protection.
const MOST_EXPOSED: &str = "20";

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd")
}

const UNITS: [&str; 2] = ["safelight-ingest.service", "safelight-clinic.service"];

#[test]
fn the_units_are_sound_and_hardened() {
    if !tools::has("systemd-analyze", "the_units_are_sound_and_hardened") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    for unit in UNITS {
        let text = fs::read_to_string(packaging().join(unit)).expect("a unit");
        // The command is not installed on the machine that tests.
        let here = text.replace("/usr/local/bin/safelight ", "/bin/true ");
        assert_ne!(text, here);
        let path = folder.path().join(unit);
        fs::write(&path, here).expect("a file");
        paths.push(path.to_str().expect("UTF-8").to_owned());
    }
    let verify = [&["verify"][..], &paths.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let said = finish(command("systemd-analyze", &verify), b"").ok();
    assert!(!said.stderr.contains("safelight"), "{said}");
    for path in &paths {
        let security = ["security", "--offline=true", "--threshold", MOST_EXPOSED, "--no-pager", path];
        finish(command("systemd-analyze", &security), b"").ok();
    }
    // The control: a unit without protection does not pass.
    let bare = folder.path().join("bare.service");
    fs::write(&bare, "[Service]\nExecStart=/bin/true\n").expect("a file");
    let security = ["security", "--offline=true", "--threshold", MOST_EXPOSED, bare.to_str().expect("UTF-8")];
    assert_ne!(finish(command("systemd-analyze", &security), b"").code, Some(0));
}

#[test]
fn the_users_are_two_and_share_one_group() {
    if !tools::has("systemd-sysusers", "the_users_are_two_and_share_one_group") {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir(root.path().join("etc")).expect("a folder");
    let (at, list) = (format!("--root={}", root.path().display()), packaging().join("safelight.sysusers"));
    let list = fs::canonicalize(list).expect("the list of users");
    finish(command("systemd-sysusers", &[&at, list.to_str().expect("UTF-8")]), b"").ok();
    let read = |name: &str| fs::read_to_string(root.path().join("etc").join(name)).expect("the users");
    let ids: Vec<String> = ["safelight-ingest", "safelight-clinic"]
        .iter()
        .map(|name| {
            let line =
                read("passwd").lines().find(|line| line.starts_with(&format!("{name}:"))).expect("a user").to_owned();
            assert!(line.ends_with("nologin"), "{line}");
            line.split(':').nth(2).expect("its number").to_owned()
        })
        .collect();
    assert!(ids[0] != ids[1] && !ids.contains(&"0".to_owned()), "{ids:?}");
    let group = read("group").lines().find(|line| line.starts_with("safelight:")).expect("the group").to_owned();
    let mut members: Vec<&str> = group.rsplit(':').next().expect("its members").split(',').collect();
    members.sort_unstable();
    assert_eq!(members, ["safelight-clinic", "safelight-ingest"], "{group}");
}

/// What is put right at every start of the machine is what `init` made.
#[test]
fn what_is_put_right_is_what_init_makes() {
    if !is_root("what_is_put_right_is_what_init_makes") {
        return;
    }
    let separated = Separated::init();
    let ids = BTreeMap::from([
        ("root", 0),
        ("safelight-ingest", INGEST),
        ("safelight-clinic", CLINIC),
        ("safelight", SHARED),
    ]);
    let list = fs::read_to_string(packaging().join("safelight.tmpfiles")).expect("the list of folders");
    let mut compared = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let below = fields[1].strip_prefix("/var/lib/safelight").expect("a path in the data folder");
        let path = separated.gateway.data().join(below.trim_start_matches('/'));
        let metadata = fs::symlink_metadata(&path).expect("init makes it");
        let mode = u32::from_str_radix(fields[2], 8).expect("a mode");
        assert_eq!(metadata.mode() & 0o7777, mode, "{line}");
        assert_eq!((metadata.uid(), metadata.gid()), (ids[fields[3]], ids[fields[4]]), "{line}");
        compared += 1;
    }
    assert!(compared >= 6, "{list}");
}

#[test]
fn the_installer_puts_everything_in_its_place() {
    let root = tempfile::tempdir().expect("a folder");
    let script = packaging().join("install.sh");
    let mut install = command(&script, &["/bin/true"]);
    install.env("DESTDIR", root.path());
    finish(install, b"").ok();
    for path in [
        "usr/local/bin/safelight",
        "usr/lib/sysusers.d/safelight.conf",
        "usr/lib/tmpfiles.d/safelight.conf",
        "usr/lib/systemd/system/safelight-ingest.service",
        "usr/lib/systemd/system/safelight-clinic.service",
    ] {
        assert!(root.path().join(path).is_file(), "{path}");
    }
    // And says what it needs.
    assert_ne!(finish(command(&script, &[]), b"").code, Some(0));
}
