//! Files that commands write where somebody says. Whoever says it may be mistaken, or have been given a path by somebody else.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use safelight_tests::gateway::{Gateway, array};

#[test]
fn x64_no_command_writes_over_what_is_there_or_into_the_data_folder() {
    let gateway = Gateway::init();
    let precious = gateway.at("precious");
    fs::write(&precious, "precious").expect("a file");
    symlink(&precious, gateway.at("link")).expect("a link");
    let paths = ["precious", "link", "data/clinic/q.png", "data/q.png", "none/q.png"].map(|name| gateway.path(name));
    let invite = |path: &str, more: &[&str]| {
        let args = ["device", "invite", "--data", "D", "--name", "x", "--person", "p", "--qr-png", path];
        gateway.run(&[&args[..], more].concat())
    };
    for path in &paths {
        invite(path, &[]).exits(2);
    }
    for path in [paths.get(1), paths.get(2)].into_iter().flatten() {
        invite(path, &["--force"]).exits(2);
    }
    invite("/dev/null", &["--force"]).exits(2);
    assert!(fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
    assert_eq!(fs::read(&precious).expect("the file"), b"precious");
    // Nothing was invited, and nothing opened or exported on record.
    let invitations = || array(gateway.run(&["device", "invitations", "--data", "D", "--json"]).ok().json()).len();
    assert_eq!(invitations(), 0);
    let (id, entries) = ("01a200ac-6558-7f70-a8ca-d4470a6b2e62", gateway.log("access").len());
    for path in &paths {
        let open = ["vault", "open", id, "-o", path, "--reason", "x", "--data", "D", "--passphrase-file", "P"];
        gateway.run(&open).exits(2);
        gateway.run(&["vault", "export", id, "-o", path, "--data", "D"]).exits(2);
    }
    assert_eq!(gateway.log("access").len(), entries);

    // The control: a new file, for its owner alone; and a regular file where it is said that it may be replaced.
    let new = gateway.path("new.png");
    invite(&new, &[]).ok();
    assert_eq!(fs::metadata(&new).expect("the file").permissions().mode() & 0o777, 0o600);
    let before = fs::read(&new).expect("the file");
    invite(&new, &["--force"]).ok();
    assert_ne!(fs::read(&new).expect("the file"), before);
    assert_eq!(invitations(), 2);
}
