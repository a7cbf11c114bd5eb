//! `audit verify --against`: what is given may be another file than was meant, and what is printed may be kept in either form.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;

use safelight_tests::gateway::Gateway;

#[test]
fn x65_a_file_that_is_no_checkpoint_is_refused_and_not_quoted() {
    let gateway = Gateway::init();
    let file = gateway.path("given");
    let verify = |more: &[&str]| gateway.run(&[&["audit", "verify", "--data", "D", "--against", &file], more].concat());
    let passphrase = fs::read_to_string(gateway.at("passphrase")).expect("a passphrase");
    let kit = fs::read_to_string(gateway.at("recovery-kit.txt")).expect("a recovery kit");
    for content in [passphrase.as_str(), &kit, &format!("{{\"checkpoint\": \"{}\"}}", passphrase.trim())] {
        fs::write(&file, content).expect("a file");
        for more in [&[][..], &["--json"]] {
            let refused = verify(more).exits(2);
            let said = format!("{}{}", refused.text(), refused.stderr);
            for line in content.lines().filter(|line| line.len() > 8) {
                assert!(!said.contains(line), "{refused}");
            }
        }
    }
    // What `audit checkpoint` prints is taken as it was printed, in either form.
    for form in [&[][..], &["--json"]] {
        let printed = gateway.run(&[&["audit", "checkpoint", "--data", "D"], form].concat()).ok().stdout;
        fs::write(&file, printed).expect("a file");
        let verdict = verify(&["--json"]).ok().json();
        for log in [0, 1] {
            assert_eq!(verdict.get(log).and_then(|log| log.get("against")), Some(&1.into()), "{verdict}");
        }
    }
    // Of another gateway's log: well-formed, and not this one's.
    let other = Gateway::init();
    fs::write(&file, other.run(&["audit", "checkpoint", "--data", "D"]).ok().stdout).expect("a file");
    verify(&[]).exits(7);
}
