//! Real messages of the wire against their CDDL, which refuses what the reader refuses.
#![allow(clippy::unwrap_used, reason = "a panic is the finding of a test")]

use safelight_core::cbor::MapWriter;
use safelight_core::wire::{RefusalCode, Request, Response, UploadRequest};

const CDDL: &str = include_str!("../src/wire/protocol.cddl");

fn conforms(rule: &str, bytes: &[u8]) -> bool {
    let document = format!("start = {rule}\n{CDDL}");
    cddl::validate_cbor_from_slice(&document, bytes, None).is_ok()
}

#[test]
fn every_request_conforms() {
    let upload =
        UploadRequest { manifest: vec![1; 400], header: vec![2; 500], label: vec![3; 900], known_log_size: 1 << 40 };
    let requests =
        [Request::Upload(upload), Request::KeySet { have: 0 }, Request::Renew { csr: vec![4; 300], proof: [5; 64] }];
    for request in requests {
        let bytes = request.to_bytes().unwrap();
        assert!(conforms("request", &bytes), "{request:?}");
        assert!(!conforms("response", &bytes) || Response::from_bytes(&bytes).is_ok(), "{request:?}");
    }
}

#[test]
fn every_response_conforms() {
    let mut responses = vec![
        Response::Continue { offset: 0 },
        Response::Stored { receipt: vec![1; 700], consistency: vec![[2; 32]; 3] },
        Response::KeySet { envelope: vec![3; 1000] },
        Response::KeySetCurrent,
        Response::Certificate { certificate: vec![4; 500] },
    ];
    responses.extend(RefusalCode::ALL.iter().map(|code| Response::Refused((*code).into())));
    for response in responses {
        assert!(conforms("response", &response.to_bytes().unwrap()), "{response:?}");
    }
}

#[test]
fn what_the_reader_refuses_the_cddl_refuses_too() {
    let wrong = [
        MapWriter::new().uint(1, 9).uint(2, 0).to_bytes(),
        MapWriter::new().uint(1, 2).to_bytes(),
        MapWriter::new().uint(1, 2).uint(2, 0).uint(3, 0).to_bytes(),
        MapWriter::new().uint(1, 2).text(2, "0").to_bytes(),
        MapWriter::new().uint(1, 3).bytes(2, &[]).to_bytes(),
        MapWriter::new().uint(1, 3).bytes(2, &[0; 5000]).to_bytes(),
    ];
    for bytes in wrong {
        assert!(Request::from_bytes(&bytes).is_err(), "{bytes:02x?}");
        assert!(!conforms("request", &bytes), "{bytes:02x?}");
    }
    let unknown_code = MapWriter::new().uint(1, 1).uint(2, 22).to_bytes();
    assert!(Response::from_bytes(&unknown_code).is_err());
    assert!(!conforms("response", &unknown_code));
}
