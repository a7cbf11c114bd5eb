//! What never gets in: other types than declared, and whatever cannot be stripped; each under its number.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic in a test is the finding"
)]

use std::num::NonZeroUsize;

use getrandom::SysRng;
use safelight_core::capture::{CaptureError, SealedCapture, Setting, capture};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};
use safelight_core::keyset::KeySet;
use safelight_core::label::Label;
use safelight_core::manifest::ContentType;
use safelight_core::photo::{Photo, PhotoError};
use safelight_core::seal::Identity;
use safelight_gateway::inspector::{Declared, Inspector};
use safelight_tests::gateway::program::safelight;
use safelight_tests::pictures::canary;
use safelight_tests::pictures::mutation::{Random, mutate};
use safelight_tests::pictures::stripped;

/// A phone that has everything but a picture.
fn captured(photo: &[u8]) -> Result<SealedCapture, CaptureError> {
    let key = || *Identity::generate(&mut SysRng).unwrap().to_recipient().as_bytes();
    let device = SoftwareKey::generate(&mut SysRng).unwrap();
    let key_set = KeySet {
        clinic_id: ClinicId::from_bytes([1; 16]),
        clinic_name: "Dermatology".to_owned(),
        number: 3,
        vault_epoch: 1,
        vault: key(),
        recovery: key(),
        receipt_key: device.verifying(),
        log_key: [9; 32],
        log_origin: "safelight.internal/test/intake".to_owned(),
        roots: vec![],
        previous: Vec::new(),
        issued_at: UnixMillis(1),
        addresses: vec!["192.0.2.1:4433".to_owned()],
    };
    let setting = Setting {
        key_set: &key_set,
        device_id: DeviceId::from_bytes([2; 16]),
        operator: &"clinician1".parse().unwrap(),
        sequence: 1,
        captured_at: UnixMillis(2),
        workers: NonZeroUsize::MIN,
        software: None,
    };
    let label = br#"{"version":1,"issuer":"clinic","record_number":"1","name":"N","birth_date":"1961-02-03","body_site":{"text":"arm"}}"#;
    let label = Label::from_json_bytes(label).unwrap();
    let device = SoftwareDeviceKey::new(device, SysRng);
    capture(photo, &label, &setting, &device, &mut SysRng)
}

#[test]
fn i04_the_type_is_that_of_the_bytes_whatever_is_declared() {
    let all = [
        (canary::jpeg::plain(), ContentType::Jpeg, "image/jpeg"),
        (canary::png::plain(), ContentType::Png, "image/png"),
        (canary::webp::plain(), ContentType::Webp, "image/webp"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inspector = Inspector::new(safelight());
    for (bytes, content_type, _) in &all {
        let sealed = captured(bytes).unwrap();
        let manifest = sealed.manifest().manifest();
        assert_eq!(manifest.content_type, *content_type);
        for (_, other, declared) in all.iter().filter(|(_, other, _)| other != content_type) {
            let (width, height) = (manifest.width, manifest.height);
            let declared = Declared { content_type: declared, width, height };
            let refused = runtime.block_on(inspector.inspect(bytes, declared)).unwrap_err();
            println!("{content_type:?} declared as {other:?}: {}", refused.code());
            assert!(["declared-otherwise", "not-decodable"].contains(&refused.code()));
        }
    }
}

#[test]
fn i05_what_is_no_still_photograph_is_refused_by_name_with_advice() {
    let foreign: &[(&str, &[u8])] = &[
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("SVG", b"<?xml version='1.0'?><svg/>"),
        ("TIFF", b"II*\0\x08\0\0\0\0\0\0\0"),
        ("TIFF", b"MM\0*\0\0\0\x08\0\0"),
        ("raw", b"II*\0\x10\0\0\0CR\x02\0"),
        ("raw", b"IIU\0\x18\0\0\0"),
        ("raw", b"IIRO\x08\0\0\0"),
        ("raw", b"FUJIFILMCCD-RAW 0201"),
        ("raw", b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom"),
        ("GIF", b"GIF87a\x01\0\x01\0\0\0\0;"),
        ("GIF", b"GIF89a\x01\0\x01\0\0\0\0;"),
        ("BMP", b"BM\x3A\0\0\0\0\0\0\0\x36\0\0\0"),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("HEIC", b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc"),
        ("AVIF", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
        ("AVIF", b"\0\0\0\x18ftypavis\0\0\0\0msf1avis"),
        ("video", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
        ("video", b"\0\0\0\x14ftypqt  \0\0\0\0qt  "),
        ("video", b"\0\0\0\x18ftyp3gp4\0\0\0\x003gp4isom"),
        ("video", b"\x1A\x45\xDF\xA3\x01\0\0\0\0\0\0\x1F"),
        ("video", b"RIFF\x24\0\0\0AVI LIST"),
        ("JPEG XL", b"\xFF\x0A\x80\x08"),
        ("JPEG XL", b"\0\0\0\x0CJXL \x0D\x0A\x87\x0A"),
        ("JPEG 2000", b"\0\0\0\x0CjP  \x0D\x0A\x87\x0A"),
        ("PDF", b"%PDF-1.7\n"),
        ("Photoshop", b"8BPS\0\x01"),
    ];
    // Not known by name, and not taken either.
    for bytes in [
        &b"\xEF\xBB\xBF<?xml version='1.0'?><svg/>"[..],
        b"\n  <svg/>",
        b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' ''><svg/>",
        b"\0\0\0\x08wide\0\0\0\x10mdat\0\0\0\0\0\0\0\0",
        b"\0\0\0\x20moov\0\0\0\x18mvhd",
    ] {
        assert!(Photo::parse(bytes).unwrap_err().to_string().contains("JPEG"));
    }
    let mut problems = Vec::new();
    for (name, bytes) in foreign {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).into_owned();
        match Photo::parse(bytes) {
            Ok(_) => panic!("{start:?} is taken"),
            Err(error) => {
                let says = error.to_string();
                let advises = ["JPEG", "picture"].iter().any(|word| says.contains(word));
                if !matches!(error, PhotoError::Foreign(_)) || !says.contains(name) || !advises {
                    problems.push(format!("{name} as {start:?}: {says}"));
                }
            }
        }
    }
    println!("{} files of foreign formats", foreign.len());
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn i13_what_cannot_be_stripped_is_never_sealed() {
    let jpeg = canary::jpeg::plain();
    assert!(captured(&jpeg).is_ok());
    let unknown: [&[u8]; 6] =
        [b"", b"hello, world", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", &jpeg[..jpeg.len() - 2], &jpeg[1..], b"RIFF"];
    for bytes in unknown {
        assert!(captured(bytes).is_err());
    }
    let seeds = [jpeg, canary::png::plain(), canary::webp::plain()];
    let mut random = Random::new(13);
    let mut refused = 0;
    for round in 0..300 {
        let mut bytes = seeds[round % seeds.len()].clone();
        mutate(&mut bytes, &mut random);
        let outcome = captured(&bytes);
        assert_eq!(outcome.is_ok(), stripped(&bytes).is_ok(), "round {round}");
        refused += u32::from(outcome.is_err());
    }
    println!("{refused} of 300 refused");
    assert!(refused > 30);
}
