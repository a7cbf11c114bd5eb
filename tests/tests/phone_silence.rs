//! A gateway that does not answer: the one who holds the phone hears of it at once, why as far as can be told, and not for ever.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::net::UdpSocket;

use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::phone::{LABEL, Phone};
use safelight_tests::gateway::program::{Finished, command, finish, safelight};

fn send(phone: &Phone, photo: &str, timeout: &str) -> Finished {
    let args = [phone.send_args(&[photo]), vec!["--timeout", timeout]].concat();
    finish(command(safelight(), &args), LABEL.as_bytes())
}

#[test]
fn x66_silence_is_said_at_once_with_its_reason_and_ends() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, safelight_tests::pictures::small::photo(1)).expect("a file");
    let address = gateway.listens_at();
    // The control.
    send(&phone, &photo, "60s").ok();
    assert!(gateway.stop());

    let nobody = send(&phone, &photo, "60s").exits(5);
    assert!(nobody.stderr.contains("nobody listens there"), "{nobody}");
    // It takes every packet and answers none, as a firewall would have it; the machine is there.
    let deaf = UdpSocket::bind(address).expect("the gateway's port");
    let blocked = send(&phone, &photo, "60s").exits(5);
    assert!(blocked.stderr.contains("UDP does not pass"), "{blocked}");
    for said in [&nobody, &blocked] {
        let line = said.stderr.lines().next().unwrap_or_default();
        assert!(line.contains("no answer yet") && line.contains(&address.to_string()) && line.contains("1m"), "{said}");
    }
    let ended = send(&phone, &photo, "2s").exits(8);
    assert!(ended.stderr.contains("has not answered for 2s"), "{ended}");
    drop(deaf);

    // Nothing was lost: no photograph had been taken.
    gateway.serve();
    let again = send(&phone, &photo, "60s").ok();
    assert!(!again.stderr.contains("lost"), "{again}");
}
