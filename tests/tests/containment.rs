//! Two processes, two Unix users: what an intruder in ingest has, and what it does not reach.
//!
//! The attacker has taken over the process that faces the phones: its user id, its groups, its files, its socket, its keys, its memory. It
//! wants pictures and names, which it does not hold, so it goes for the other process: its database, its keys, its memory.
//! Each attempt runs as ingest's real user; the control beside it is the same attempt where it should succeed.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::os::unix::fs::MetadataExt;

use safelight_tests::gateway::separated::{CLINIC, INGEST, SHARED, Separated, is_root};
use safelight_tests::gateway::{Gateway, files, text};
use safelight_tests::memory::Memory;

fn photograph(gateway: &Gateway, number: u64) -> String {
    let path = gateway.path(&format!("photo-{number}.jpg"));
    fs::write(&path, safelight_tests::pictures::small::photo(number)).expect("a file");
    path
}

/// The fields of a line of `/proc/PID/status`.
fn status(process: u32, name: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line").to_owned();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn two_users_do_the_main_job() {
    if !is_root("two_users_do_the_main_job") {
        return;
    }
    let mut separated = Separated::serving();
    for (process, user) in [(separated.ingest(), INGEST), (separated.clinic(), CLINIC)] {
        assert_eq!(status(process, "Uid:"), vec![user.to_string(); 4]);
        assert_eq!(status(process, "Groups:"), [SHARED.to_string()]);
        assert_eq!(status(process, "CapEff:"), ["0000000000000000"]);
    }
    let phone = separated.gateway.enrol("phone");
    let photo = photograph(&separated.gateway, 1);
    phone.send(&[&photo]).ok();
    let pictures = separated.gateway.pictures_in(&["verified"], 1);
    let opened = separated.gateway.open(text(&pictures[0], "id"));
    assert_eq!(image::guess_format(&opened).ok(), Some(image::ImageFormat::Jpeg));

    // The admin's commands run as the clinic's user, too, and nothing that root has run is in their way.
    let data = separated.gateway.path("data");
    for args in [&["device", "list"][..], &["vault", "list"], &["health"]] {
        separated.run_as(CLINIC, &[args, &["--data", &data]].concat()).ok();
    }
    separated.stop_ingest();
    separated.stop_clinic();
    assert!(separated.start(), "the gateway does not come up a second time");
    phone.send(&[&photo]).ok();
    separated.gateway.pictures_in(&["verified"], 2);
    separated.gateway.run(&["audit", "verify", "--data", "D"]).ok();
    is_laid_out(&separated);
}

/// An admin forgets `runuser`: the commands that write, and even a process, run as root. Nothing that they leave may be in the way of the
/// two users afterwards.
#[test]
fn x60_what_root_has_run_leaves_nothing_that_the_two_users_cannot_use() {
    if !is_root("x60_what_root_has_run_leaves_nothing_that_the_two_users_cannot_use") {
        return;
    }
    let mut separated = Separated::serving();
    let phone = separated.gateway.enrol("phone");
    separated.stop_ingest();
    separated.stop_clinic();
    let data = separated.gateway.data();
    // Of a gateway that never ran: root makes its locks.
    for lock in ["ingest/lock", "clinic/lock"] {
        fs::remove_file(data.join(lock)).expect("a lock file");
    }
    separated.gateway.run(&["ca", "rollover", "--data", "D"]).ok();
    let refused = separated.gateway.run(&["serve", "--data", "D", "--passphrase-file", "P"]).exits(2);
    assert!(refused.stderr.contains("two users") && refused.stderr.contains("safelight-ingest"), "{refused}");
    separated.gateway.serve_ingest_alone();
    phone.send(&[&photograph(&separated.gateway, 3)]).ok();
    assert!(separated.gateway.stop());
    is_laid_out(&separated);
    assert!(files(&data.join("clinic")).iter().any(|file| file.ends_with("ca-next.key")), "the rollover made no key");

    // The control: the two users go on with it.
    assert!(separated.start(), "the gateway does not come up");
    phone.send(&[&photograph(&separated.gateway, 4)]).ok();
    separated.gateway.pictures_in(&["verified"], 2);
}

/// Whatever either process has made since belongs to it alone, but for what the clinic process must read.
fn is_laid_out(separated: &Separated) {
    let data = separated.gateway.data();
    for (folder, user) in [("ingest", INGEST), ("clinic", CLINIC)] {
        for file in files(&data.join(folder)) {
            let metadata = fs::symlink_metadata(&file).expect("a file");
            assert_eq!(metadata.uid(), user, "{}", file.display());
            let is_blob = file.starts_with(data.join("ingest/blobs"));
            let group = match file.extension().and_then(|extension| extension.to_str()) {
                Some("sock") => 0o060,
                Some("crt") => 0o044,
                _ if is_blob => 0o040,
                _ => 0,
            };
            assert_eq!(metadata.mode() & 0o077 & !group, 0, "{}: {:o}", file.display(), metadata.mode());
            assert!(!is_blob || metadata.gid() == SHARED, "{}", file.display());
        }
    }
}

#[test]
fn x41_ingest_s_user_reads_nothing_of_the_clinic_s() {
    if !is_root("x41_ingest_s_user_reads_nothing_of_the_clinic_s") {
        return;
    }
    let separated = Separated::serving();
    let phone = separated.gateway.enrol("phone");
    phone.send(&[&photograph(&separated.gateway, 2)]).ok();
    separated.gateway.pictures_in(&["verified"], 1);
    let data = separated.gateway.data();

    let clinics = files(&data.join("clinic"));
    assert!(clinics.iter().any(|file| file.ends_with("clinic.db")) && clinics.len() > 8, "{clinics:?}");
    for file in clinics.iter().chain([&separated.gateway.at("credential")]) {
        let path = file.to_str().expect("UTF-8");
        assert!(!separated.can_read(INGEST, path), "ingest's user reads {path}");
        assert!(separated.can_read(CLINIC, path), "the control: the clinic's user does not read {path}");
    }
    // Whoever comes as the wrong user is told as whom to come.
    for (user, command, hint) in [
        (CLINIC, &["audit", "verify"][..], "as root"),
        (INGEST, &["device", "list"], "as the user that it belongs to, number 61002"),
        (61_003, &["device", "list"], "permission denied"),
    ] {
        let path = data.to_str().expect("UTF-8");
        let refused = separated.run_as(user, &[command, &["--data", path]].concat());
        assert!(refused.code != Some(0) && refused.stderr.contains(hint), "{user} {command:?}: {refused}");
    }
    let clinic = separated.gateway.path("data/clinic");
    for line in [
        format!("ls '{clinic}'"),
        format!("cd '{clinic}'"),
        format!("touch '{clinic}/planted'"),
        format!("mv '{clinic}' '{clinic}.away'"),
        format!("ln -s /etc/passwd '{}/planted'", data.display()),
        format!("echo >> '{}/config.toml'", data.display()),
    ] {
        assert!(!separated.shell(INGEST, &line), "ingest's user does: {line}");
    }
    assert!(separated.shell(CLINIC, &format!("ls '{clinic}'")), "the control");

    // The clinic's user in turn reads the sealed pictures and the configuration, and none of ingest's keys and databases.
    for file in files(&data.join("ingest")) {
        let path = file.to_str().expect("UTF-8");
        let for_both = path.contains("/blobs/");
        let readable = separated.can_read(CLINIC, path);
        assert!(readable == for_both || path.ends_with(".sock"), "{path}: {readable}");
        assert!(
            !for_both || !separated.shell(CLINIC, &format!("echo >> '{path}'")),
            "the clinic's user changes {path}"
        );
        assert!(separated.can_read(INGEST, path) || path.ends_with(".sock"), "the control: {path}");
    }
    assert!(!separated.shell(CLINIC, &format!("ls '{}/ingest'", data.display())));
}

#[test]
fn x42_ingest_s_user_reads_no_memory_but_its_own_kind() {
    if !is_root("x42_ingest_s_user_reads_no_memory_but_its_own_kind") {
        return;
    }
    let separated = Separated::serving();
    let (ingest, clinic) = (separated.ingest(), separated.clinic());
    for process in [ingest, clinic] {
        // Not dumpable: the kernel gives the files to root, and even its own user is a stranger to it.
        assert_eq!(fs::metadata(format!("/proc/{process}/environ")).expect("a running process").uid(), 0);
        for file in ["mem", "environ", "maps", "auxv", "fd/0", "stack"] {
            for user in [INGEST, CLINIC] {
                let path = format!("/proc/{process}/{file}");
                assert!(!separated.can_read(user, &path), "{user} reads {path}");
            }
        }
        assert!(Memory::of(process).is_some(), "the control: root reads it");
    }
    // The control: the memory of a process that does not forbid it is read by its own user, and by nobody else's.
    let mut sleeper = separated
        .as_user(CLINIC, "/bin/sleep".as_ref(), &["600"])
        .spawn()
        .expect("a process that does not protect itself");
    let path = format!("/proc/{}/mem", sleeper.id());
    safelight_tests::gateway::program::until("the sleeper", safelight_tests::gateway::PATIENCE, || {
        separated.can_read(CLINIC, &path).then_some(())
    });
    assert!(!separated.can_read(INGEST, &path), "another user reads {path}");
    sleeper.kill().expect("our own process");
    sleeper.wait().expect("its end");
}

#[test]
fn x43_only_the_two_processes_use_the_link() {
    if !is_root("x43_only_the_two_processes_use_the_link") {
        return;
    }
    let separated = Separated::serving();
    let data = separated.gateway.path("data");
    let log = separated.gateway.at("ingest.log");
    // In the shared group, and still neither of the two.
    let stranger = separated.run_as(61_003, &["health", "--data", &data]);
    assert_ne!(stranger.code, Some(0), "{stranger}");
    assert!(fs::read_to_string(&log).expect("a log").contains("a process of another user tried the link"));
    // The control.
    separated.run_as(CLINIC, &["health", "--data", &data]).ok();
}

/// Whoever has ingest's user cannot read the clinic's files, but root can, and root runs `audit` and `doctor`: on a folder in which the
/// attacker puts what it likes.
#[test]
fn x41_root_s_commands_change_nothing_that_ingest_points_them_to() {
    if !is_root("x41_root_s_commands_change_nothing_that_ingest_points_them_to") {
        return;
    }
    let separated = Separated::init();
    let gateway = &separated.gateway;
    let (ingest, target) = (gateway.path("data/ingest"), gateway.path("target"));
    fs::write(&target, "a file of root's that everybody may read, such as /etc/passwd\n").expect("a file");
    fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("permissions");
    for name in ["ingest.db", "headers.db", "tls.key", "receipt.key", "intake-log.key"] {
        let line = format!("mv '{ingest}/{name}' '{ingest}/{name}.away' && ln -s '{target}' '{ingest}/{name}'");
        assert!(separated.shell(INGEST, &line), "{name}");
        for command in [
            &["doctor", "--data", "D", "--json"][..],
            &["audit", "verify", "--data", "D"],
            &["audit", "export", "--data", "D", "--log", "intake"],
        ] {
            gateway.run(command);
        }
        let metadata = fs::metadata(&target).expect("a file");
        assert_eq!((metadata.mode() & 0o777, metadata.uid(), metadata.len()), (0o644, 0, 62), "{name}");
        assert!(separated.shell(INGEST, &format!("mv '{ingest}/{name}.away' '{ingest}/{name}'")), "{name}");
    }
    // A pipe keeps nobody waiting.
    for (name, command) in
        [("ingest.db", &["audit", "verify", "--data", "D"][..]), ("tls.key", &["doctor", "--data", "D"])]
    {
        let line = format!("mv '{ingest}/{name}' '{ingest}/away' && mkfifo -m 600 '{ingest}/{name}'");
        assert!(separated.shell(INGEST, &line));
        assert_ne!(gateway.run(command).code, Some(0), "{name}");
        assert!(separated.shell(INGEST, &format!("mv '{ingest}/away' '{ingest}/{name}'")));
    }
    // The control: with everything in its place the same command is content.
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
}
