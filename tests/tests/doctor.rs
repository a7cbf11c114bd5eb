//! `safelight doctor` on gateways with something wrong with them: it names what it is, and nothing where nothing is.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::process::Stdio;

use safelight_tests::gateway::program::{command, until};
use safelight_tests::gateway::separated::{Separated, is_root};
use safelight_tests::gateway::{Gateway, PATIENCE, array, text};

/// How `doctor` judges one check, worst first where there are several.
fn level(gateway: &Gateway, check: &str) -> String {
    let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).json());
    let mut levels: Vec<String> = findings
        .iter()
        .filter(|finding| text(finding, "check") == check)
        .map(|finding| text(finding, "level").to_owned())
        .collect();
    levels.sort_by_key(|level| ["fail", "warn", "ok"].iter().position(|known| known == level));
    levels.into_iter().next().unwrap_or_default()
}

#[test]
fn secrets_beside_the_data_and_addresses_without_an_answer_are_named() {
    let gateway = Gateway::serving();
    // The listener is a real one, and its answer is what a QUIC server says to a version that it does not know.
    assert_eq!(level(&gateway, "udp-listener"), "ok");
    assert_eq!(level(&gateway, "udp-address"), "ok");
    let config = gateway.data().join("config.toml");
    let other = fs::read_to_string(&config)
        .expect("the configuration")
        .replace("\"127.0.0.1\"", "\"127.0.0.1\", \"127.0.0.9\"");
    fs::write(&config, other).expect("the configuration");
    assert_eq!(level(&gateway, "udp-address"), "warn");

    // The harness keeps the passphrase and the recovery kit beside the data folder, as nobody should.
    assert_eq!(level(&gateway, "secrets"), "warn");
    fs::copy(gateway.at("recovery-kit.txt"), gateway.data().join("clinic/notes.txt")).expect("a copy");
    assert_eq!(level(&gateway, "secrets"), "fail");
    fs::remove_file(gateway.data().join("clinic/notes.txt")).expect("our own file");
    for beside in ["passphrase", "recovery-kit.txt"] {
        fs::remove_file(gateway.at(beside)).expect("our own file");
    }
    assert_eq!(level(&gateway, "secrets"), "ok");
    assert_eq!(level(&gateway, "users"), "warn");
    assert_eq!(level(&gateway, "separation"), "warn");
    assert_eq!(level(&gateway, "core-dumps"), "ok");
}

#[test]
fn a_process_that_may_leave_a_core_file_is_named() {
    let gateway = Gateway::init();
    assert_eq!(level(&gateway, "core-dumps"), "ok");
    // Another program in the place of ingest: it holds ingest's lock, and nobody has taken its limit from it.
    let lock = gateway.path("data/ingest/lock");
    let line = format!(
        "ulimit -c unlimited 2>/dev/null || ulimit -c \"$(ulimit -Hc)\"; exec flock --no-fork '{lock}' sleep 600"
    );
    let mut holder = command("/bin/sh", &["-c", &line]);
    let mut holder = holder.stdout(Stdio::null()).spawn().expect("flock of util-linux");
    let limits = format!("/proc/{}/limits", holder.id());
    until("the lock", PATIENCE, || {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        locks.lines().any(|line| line.split_whitespace().any(|field| field == holder.id().to_string())).then_some(())
    });
    let limits = fs::read_to_string(limits).expect("a running process");
    let open = limits.lines().any(|line| line.starts_with("Max core file size") && !line.contains(" 0  "));
    assert_eq!(level(&gateway, "core-dumps"), if open { "fail" } else { "ok" }, "{limits}");
    holder.kill().expect("our own process");
    holder.wait().expect("its end");
    assert_eq!(level(&gateway, "core-dumps"), "ok");
}

#[test]
fn two_users_are_well_and_a_wrong_layout_of_them_is_named() {
    if !is_root("two_users_are_well_and_a_wrong_layout_of_them_is_named") {
        return;
    }
    let separated = Separated::serving();
    let gateway = &separated.gateway;
    for check in ["separation", "users", "permissions", "core-dumps", "running", "ingest-db", "clinic-keys"] {
        assert_eq!(level(gateway, check), "ok", "{check}");
    }
    let mode = |path: &str, mode: u32| {
        let path = gateway.data().join(path);
        let before = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).expect("it is there"));
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("permissions");
        before
    };
    for (path, open) in [
        ("clinic", 0o750),
        ("ingest", 0o750),
        ("ingest/incoming", 0o750),
        ("ingest/blobs", 0o770),
        ("clinic/ca.key", 0o640),
    ] {
        let before = mode(path, open);
        assert_eq!(level(gateway, "permissions"), "fail", "{path} {open:o}");
        mode(path, before & 0o777);
    }
    assert_eq!(level(gateway, "permissions"), "ok");
    let config = gateway.data().join("config.toml");
    let other =
        fs::read_to_string(&config).expect("the configuration").replace("clinic_uid = 61002", "clinic_uid = 61003");
    fs::write(&config, other).expect("the configuration");
    assert_eq!(level(gateway, "separation"), "fail");
}

/// What an admin has left as root, and what an intruder in ingest leaves so that root gives it something of root's.
#[test]
fn x61_what_belongs_to_the_wrong_user_is_named_with_what_mends_it() {
    if !is_root("x61_what_belongs_to_the_wrong_user_is_named_with_what_mends_it") {
        return;
    }
    let separated = Separated::init();
    let gateway = &separated.gateway;
    assert_eq!(level(gateway, "owners"), "ok");
    let shard = gateway.data().join("ingest/blobs/ab");
    fs::create_dir(&shard).expect("a folder of root's");
    fs::write(gateway.data().join("clinic/ca-next.key"), "x").expect("a file of root's");
    let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).json());
    let wrong: Vec<_> = findings.iter().filter(|finding| text(finding, "check") == "owners").collect();
    assert_eq!(wrong.len(), 2);
    for (finding, name) in wrong.iter().zip(["ingest/blobs/ab", "clinic/ca-next.key"]) {
        assert!(text(finding, "level") == "fail" && text(finding, "message").contains(name), "{finding}");
        let (_, mend) = text(finding, "advice").split_once("then: ").expect("a command");
        assert!(command("/bin/sh", &["-c", mend]).status().expect("a shell").success(), "{mend}");
    }
    assert_eq!(level(gateway, "owners"), "ok");

    // A second name of a file of root's: its owner must not be mended.
    let target = gateway.at("target");
    fs::write(&target, "x").expect("a file of root's");
    fs::hard_link(&target, gateway.data().join("ingest/planted")).expect("a second name");
    let findings = array(gateway.run(&["doctor", "--data", "D", "--json"]).json());
    let planted = findings.iter().find(|finding| text(finding, "message").contains("planted")).expect("a finding");
    assert!(text(planted, "level") == "fail" && !text(planted, "advice").contains("chown"), "{planted}");
    fs::remove_file(gateway.data().join("ingest/planted")).expect("our own file");

    // Links lead doctor nowhere: neither to whom something else belongs, nor to what it says.
    fs::create_dir(gateway.at("elsewhere")).expect("a folder of root's");
    fs::copy(gateway.at("recovery-kit.txt"), gateway.at("elsewhere/kit")).expect("a copy");
    for (name, to) in [("folder", "elsewhere"), ("kit", "elsewhere/kit")] {
        let line = format!("ln -s '{}' '{}/ingest/{name}'", gateway.path(to), gateway.data().display());
        assert!(separated.shell(safelight_tests::gateway::separated::INGEST, &line));
    }
    assert_eq!(level(gateway, "owners"), "ok");
    assert_ne!(level(gateway, "secrets"), "fail");
}
