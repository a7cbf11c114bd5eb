//! The socket between the two processes takes nothing on trust: whatever is said there, ingest goes on.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use safelight_gateway::link::MAX_LINK_FRAME;
use safelight_tests::gateway::Gateway;

/// What a program that does not speak the protocol may say.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let framed = |body: &[u8]| [&u32::try_from(body.len()).expect("short").to_be_bytes()[..], body].concat();
    let too_long = u32::try_from(MAX_LINK_FRAME + 1).expect("a length");
    let mut noise = vec![0; 300_000];
    getrandom::fill(&mut noise).expect("random bytes");
    vec![
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("an empty frame", framed(b"")),
        ("the longest length", vec![0xFF; 4]),
        ("one byte more than is taken", too_long.to_be_bytes().to_vec()),
        ("half a length", vec![0, 0]),
        ("half a frame", [&1000_u32.to_be_bytes()[..], b"some"].concat()),
        ("not CBOR", framed(&[0xFF; 40])),
        ("CBOR of another kind", framed(&[0x82, 0x01, 0x02])),
        ("a map of an unknown kind", framed(&[0xA1, 0x01, 0x18, 0xC8])),
        ("arrays without end", framed(&[0x81; 4000])),
        ("an array that claims to be huge", framed(&[0x9B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("noise in a frame", framed(&noise)),
        ("noise", noise),
    ]
}

#[test]
fn garbage_on_the_link_does_not_end_ingest() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, safelight_gateway::demo::photos::photograph(3).expect("a photograph").bytes).expect("a file");
    let (ingest, clinic) = (gateway.process("ingest"), gateway.process("clinic"));
    let socket = gateway.data().join("ingest/link.sock");
    let mode = fs::metadata(&socket).expect("the socket").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "others than its owner reach the link");

    for (what, bytes) in garbage() {
        let mut stream = UnixStream::connect(&socket).expect("ingest listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        // Ingest may have hung up in the middle.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let reset = ended.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(ended.is_ok() || reset, "{what}: ingest does not hang up: {ended:?}");
        assert!(answer.is_empty(), "{what}: ingest answers {} bytes", answer.len());
    }
    // Connections that say nothing and stay.
    let silent: Vec<UnixStream> = (0..50).map(|_| UnixStream::connect(&socket).expect("ingest listens")).collect();

    assert_eq!((gateway.process("ingest"), gateway.process("clinic")), (ingest, clinic), "a process was started again");
    gateway.run(&["health", "--data", "D"]).ok();
    phone.send(&[&photo]).ok();
    gateway.pictures_in(&["verified"], 1);
    drop(silent);
    assert_eq!(gateway.process("ingest"), ingest);
}
