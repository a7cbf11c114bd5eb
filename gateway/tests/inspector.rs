//! The inspector as the gateway uses it: a real child process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic in a test is the finding"
)]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use safelight_core::photo::Photo;
use safelight_core::strip::strip;
use safelight_gateway::demo::photos;
use safelight_gateway::inspector::{Declared, InspectError, Inspection, Inspector, THUMBNAIL_SIDE, Verdict};

fn inspector() -> Inspector {
    Inspector::new(PathBuf::from(env!("CARGO_BIN_EXE_safelight")))
}

async fn inspect(picture: &[u8], width: u32, height: u32) -> Result<Inspection, InspectError> {
    let declared = Declared { content_type: "image/jpeg", width, height };
    inspector().inspect(picture, declared).await
}

/// Left half red, right half blue, with an orientation of our own making.
fn two_colours(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 { image::Rgb([220, 20, 20]) } else { image::Rgb([20, 20, 220]) }
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&pixels).unwrap();
    let exif = b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
    let with_exif = [&jpeg[..2], exif, &[orientation, 0, 0, 0, 0, 0, 0], &jpeg[2..]].concat();
    strip(Photo::parse(&with_exif).unwrap()).unwrap().to_vec()
}

#[tokio::test]
async fn a_phone_sized_picture_gets_a_thumbnail() {
    let photo = photos::photograph(2).unwrap();
    let clean = strip(Photo::parse(&photo.bytes).unwrap()).unwrap().to_vec();
    let inspection = inspect(&clean, photos::WIDTH, photos::HEIGHT).await.unwrap();
    assert_eq!((inspection.width, inspection.height), (photos::WIDTH, photos::HEIGHT));
    let thumbnail = image::load_from_memory(&inspection.thumbnail).unwrap();
    // Orientation 6 stands it up.
    assert_eq!((thumbnail.width(), thumbnail.height()), (240, THUMBNAIL_SIDE));
    // As the phone took it, it is not stripped.
    let raw = inspect(&photo.bytes, photos::WIDTH, photos::HEIGHT).await;
    assert_eq!(raw.unwrap_err().code(), "strip-changes-it");
}

#[tokio::test]
async fn the_orientation_is_applied() {
    for (orientation, red_at) in [(1, (5, 100)), (3, (300, 100)), (6, (80, 5)), (8, (80, 300))] {
        let picture = two_colours(640, 400, orientation);
        let inspection = inspect(&picture, 640, 400).await.unwrap();
        let thumbnail = image::load_from_memory(&inspection.thumbnail).unwrap().into_rgb8();
        let [red, _, blue] = thumbnail.get_pixel(red_at.0, red_at.1).0;
        assert!(red > 180 && blue < 80, "orientation {orientation}: {red} {blue}");
    }
}

#[tokio::test]
async fn a_small_picture_is_not_enlarged() {
    let inspection = inspect(&two_colours(40, 24, 1), 40, 24).await.unwrap();
    let thumbnail = image::load_from_memory(&inspection.thumbnail).unwrap();
    assert_eq!((thumbnail.width(), thumbnail.height()), (40, 24));
}

/// A picture whose left half is red and whose right half is nothing, as PNG of 16 bits and as WebP.
#[tokio::test]
async fn png_and_webp_get_thumbnails_too() {
    let half =
        image::RgbaImage::from_fn(640, 400, |x, _| image::Rgba(if x < 320 { [220, 20, 20, 255] } else { [0; 4] }));
    let half = image::DynamicImage::ImageRgba8(half);
    let deep = image::DynamicImage::ImageRgba16(half.to_rgba16());
    for (picture, format, content_type) in
        [(&deep, image::ImageFormat::Png, "image/png"), (&half, image::ImageFormat::WebP, "image/webp")]
    {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        let clean = strip(Photo::parse(bytes.get_ref()).unwrap()).unwrap().to_vec();
        let declared = Declared { content_type, width: 640, height: 400 };
        let inspection = inspector().inspect(&clean, declared).await.unwrap();
        let thumbnail = image::load_from_memory(&inspection.thumbnail).unwrap().into_rgb8();
        assert_eq!((thumbnail.width(), thumbnail.height()), (320, 200));
        let [red, _, blue] = thumbnail.get_pixel(80, 100).0;
        assert!(red > 180 && blue < 80, "{content_type}: {red} {blue}");
        assert!(thumbnail.get_pixel(240, 100).0.iter().all(|sample| *sample > 250), "what is transparent is white");
        let trailing = [&clean[..], b"PK"].concat();
        assert_eq!(inspector().inspect(&trailing, declared).await.unwrap_err().code(), "strip-changes-it");
    }
}

#[tokio::test]
async fn what_the_manifest_says_must_be_so() {
    let picture = two_colours(40, 24, 1);
    for (content_type, width, height) in [("image/jpeg", 24, 40), ("image/png", 40, 24), ("image/jpeg", 40, 25)] {
        let declared = Declared { content_type, width, height };
        let error = inspector().inspect(&picture, declared).await.unwrap_err();
        assert_eq!(error.code(), "declared-otherwise");
        assert_eq!(error.verdict(), Verdict::Quarantine);
    }
}

#[tokio::test]
async fn pictures_that_cannot_be_opened_are_named() {
    let picture = two_colours(40, 24, 1);
    for bytes in [&b"no picture"[..], &[], b"\x89PNG\r\n\x1a\n"] {
        assert_eq!(inspect(bytes, 40, 24).await.unwrap_err().code(), "not-decodable");
    }
    let trailing = [&picture[..], b"PK"].concat();
    assert_eq!(inspect(&trailing, 40, 24).await.unwrap_err().code(), "strip-changes-it");
    let cut = &picture[..picture.len() - 2];
    assert_eq!(inspect(cut, 40, 24).await.unwrap_err().code(), "strip-changes-it");

    let frame = picture.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    let mut huge = picture.clone();
    huge[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    let error = inspect(&huge, 0x4000, 0x4000).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("too-large", Verdict::NoThumbnail));

    // More codes of one bit than there are: no Huffman table.
    let table = picture.windows(2).position(|marker| marker == [0xFF, 0xC4]).unwrap();
    let mut unreadable = picture.clone();
    let codes = &mut unreadable[table + 5..table + 21];
    let all = codes.iter().sum();
    codes.fill(0);
    codes[0] = all;
    let outcome = inspect(&unreadable, 40, 24).await;
    assert_eq!(outcome.unwrap_err().code(), "not-decodable");
}

/// A program of our own instead of the inspector.
fn imposter(folder: &tempfile::TempDir, script: &str) -> Inspector {
    let (draft, path) = (folder.path().join("draft"), folder.path().join("imposter"));
    std::fs::write(&draft, format!("#!/bin/sh\n{script}\n")).unwrap();
    // What this process writes cannot be run while a child that another test starts holds it open.
    let copied = std::process::Command::new("install").args(["--mode", "755"]).args([&draft, &path]).status();
    assert!(copied.unwrap().success());
    Inspector::new(path)
}

#[tokio::test]
async fn a_child_that_misbehaves_is_named_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let picture = two_colours(40, 24, 1);
    let declared = Declared { content_type: "image/jpeg", width: 40, height: 24 };
    for (script, code) in [
        ("kill -9 $$", "killed"),
        ("exit 3", "killed"),
        ("echo garbage", "malformed-answer"),
        ("exit 0", "malformed-answer"),
        ("printf '\\241\\001\\004'", "no-sandbox"),
    ] {
        let error = imposter(&folder, script).inspect(&picture, declared).await.unwrap_err();
        assert_eq!(error.code(), code, "{script}");
    }
    let sleeper = imposter(&folder, "exec /bin/sleep 600").with_time_limit(Duration::from_millis(50));
    assert_eq!(sleeper.inspect(&picture, declared).await.unwrap_err().code(), "timed-out");
    let flood = imposter(&folder, "exec /bin/cat /dev/zero");
    let error = flood.inspect(&picture, declared).await.unwrap_err();
    assert!(["killed", "malformed-answer"].contains(&error.code()), "{error}");
    let missing = Inspector::new(folder.path().join("missing"));
    let error = missing.inspect(&picture, declared).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("not-started", Verdict::TryAgain));
}

#[tokio::test]
async fn a_thumbnail_with_more_than_a_picture_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let picture = two_colours(40, 24, 1);
    let declared = Declared { content_type: "image/jpeg", width: 40, height: 24 };
    let answer = |thumbnail: &[u8]| {
        let mut bytes = b"\xA5\x01\x00\x02\x6Aimage/jpeg\x03\x18\x28\x04\x18\x18\x05\x59".to_vec();
        bytes.extend(u16::try_from(thumbnail.len()).unwrap().to_be_bytes());
        bytes.extend(thumbnail);
        bytes
    };
    let file = folder.path().join("answer");
    let honest = imposter(&folder, &format!("exec /bin/cat {}", file.display()));
    std::fs::write(&file, answer(&picture)).unwrap();
    assert_eq!(honest.inspect(&picture, declared).await.unwrap().thumbnail, picture);
    for thumbnail in [
        [&picture[..], b"<script>alert(1)</script>"].concat(),
        b"<script>alert(1)</script> and enough more text for a length of two bytes <!-- padding padding \
          padding padding padding padding padding padding padding padding padding padding padding padding \
          padding padding padding padding padding -->"
            .to_vec(),
        two_colours(640, 400, 1),
    ] {
        std::fs::write(&file, answer(&thumbnail)).unwrap();
        let error = honest.inspect(&picture, declared).await.unwrap_err();
        assert_eq!(error.code(), "malformed-answer");
    }
}

/// While the child waits for its picture, the kernel says how it is locked in.
#[test]
fn the_child_is_locked_in_before_it_reads() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"))
        .arg("inspect")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    let status = || std::fs::read_to_string(proc.join("status")).unwrap();
    // The filter comes last, so that it tells about everything before it.
    while !status().contains("Seccomp:\t2") {
        assert!(child.try_wait().unwrap().is_none(), "the child ended without locking itself in");
        std::thread::yield_now();
    }
    assert!(status().contains("NoNewPrivs:\t1"));
    assert!(status().contains("Threads:\t1"));
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    for (name, value) in [
        ("Max cpu time", "20"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max processes", "0"),
        ("Max open files", "0"),
        ("Max address space", "2147483648"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let set: Vec<_> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(set, [value, value], "{name}");
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
