//! WebP: every rule on small files, and generated chunk lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

use proptest::prelude::*;
use safelight_core::strip::Removed;
use safelight_tests::pictures::webp_writer::{
    ALPHA, Chunk, EXIF, PROFILE, alpha, exif, extended, file, header, lossless, lossy, orientation, profile,
};
use safelight_tests::pictures::{pixels, stripped, witnesses};

const CANARY: &[u8] = b"CANARY-4711";

/// Strips to what must be `expected`; gives what was removed.
fn removed(bytes: &[u8], expected: &[u8]) -> Vec<Removed> {
    let (clean, report) = stripped(bytes).unwrap();
    witnesses::clean(bytes, &clean).unwrap();
    assert_eq!(clean, expected);
    report.iter().collect()
}

fn refused(bytes: &[u8]) -> &'static str {
    stripped(bytes).expect_err("refused")
}

/// Chunks that decide nothing, each with the canary.
fn carriers() -> Vec<(Chunk, Removed)> {
    let text = CANARY.len() as u32;
    vec![
        ((b"XMP ", CANARY.to_vec()), Removed::Xmp),
        ((b"C2PA", CANARY.to_vec()), Removed::ContentCredentials),
        ((b"EXIF", CANARY.to_vec()), Removed::OtherSegments),
        (exif(&[(0x8825, 4, 1, 8)], CANARY), Removed::Location),
        (exif(&[(0x010F, 2, text, 26)], CANARY), Removed::CameraModel),
        ((b"ICCP", CANARY.to_vec()), Removed::OtherSegments),
        ((b"ALPH", CANARY.to_vec()), Removed::OtherSegments),
        ((b"VP8X", CANARY.to_vec()), Removed::OtherSegments),
        ((b"none", CANARY.to_vec()), Removed::OtherSegments),
        ((b"none", vec![]), Removed::OtherSegments),
    ]
}

#[test]
fn every_carrier_is_emptied_and_named_before_and_behind_the_picture() {
    for picture in [lossy(), lossless(false)] {
        let base = file(std::slice::from_ref(&picture));
        assert_eq!(removed(&base, &base), []);
        for (carrier, kind) in carriers() {
            let before = extended(0, &[carrier.clone(), picture.clone()]);
            let behind = extended(0, &[picture.clone(), carrier.clone()]);
            let ignored = file(&[picture.clone(), carrier.clone()]);
            for bytes in [before, behind, ignored] {
                assert!(removed(&bytes, &base).contains(&kind), "{:?}", carrier.0);
                assert_eq!(pixels(&bytes), pixels(&base));
            }
        }
    }
}

#[test]
fn what_belongs_to_no_chunk_is_gone() {
    let base = file(&[lossy()]);
    for (trailer, further) in [(CANARY.to_vec(), false), (vec![0], false), (base.clone(), true)] {
        let found = removed(&[&base[..], &trailer].concat(), &base);
        assert_eq!(found.contains(&Removed::FurtherPictures), further);
        assert!(found.contains(&Removed::Trailer));
    }
    for stray in [&b"CANARY"[..], b"none\xFF\xFF\xFF\xFF", b"none\x03\0\0\0AB"] {
        let mut bytes = [&base[..], stray].concat();
        bytes[4] += stray.len() as u8;
        assert_eq!(removed(&bytes, &base), [Removed::StrayBytes]);
    }
    let odd: Chunk = (b"VP8L", [lossless(false).1, vec![0; 1 - lossless(false).1.len() % 2]].concat());
    let odd = file(&[odd]);
    let mut bytes = odd.clone();
    *bytes.last_mut().unwrap() = 7;
    assert_eq!(removed(&bytes, &odd), [Removed::StrayBytes]);
    bytes.pop();
    bytes[4] -= 1;
    assert_eq!(removed(&bytes, &odd), []);
    for at in [20, 21, 22, 23] {
        let mut bytes = extended(ALPHA, &[alpha(0), lossy()]);
        let expected = bytes.clone();
        bytes[at] |= 1;
        assert_eq!(removed(&bytes, &expected), [Removed::StrayBytes]);
    }
}

#[test]
fn profile_and_orientation_are_kept_if_the_flags_say_so() {
    for picture in [lossy(), lossless(false)] {
        let base = file(std::slice::from_ref(&picture));
        let chunks = [profile(), picture.clone(), orientation(6)];
        let all = extended(PROFILE | EXIF, &chunks);
        let (clean, report) = stripped(&all).unwrap();
        witnesses::clean(&all, &clean).unwrap();
        assert!(report.contains(Removed::ProfileDetails) && report.contains(Removed::CameraModel));
        assert_eq!(clean[20], PROFILE | EXIF);
        assert_eq!(pixels(&clean), pixels(&all));
        let exif = &clean[clean.len() - 26..];
        let (fields, _) = ::exif::parse_exif(exif).unwrap();
        assert_eq!(fields[0].value.get_uint(0), Some(6));
        assert_eq!(stripped(&extended(PROFILE, &chunks)).unwrap().0[20], PROFILE);
        assert_eq!(stripped(&extended(EXIF, &chunks)).unwrap().0[20], EXIF);
        assert_eq!(stripped(&extended(0, &chunks)).unwrap().0, base);
        assert_eq!(stripped(&file(&chunks[1..])).unwrap().0, base);
        // The order in the file is nobody's concern.
        let behind = extended(PROFILE | EXIF, &[orientation(6), picture.clone(), profile()]);
        assert_eq!(stripped(&behind).unwrap().0, clean);
    }
}

#[test]
fn the_first_exif_decides_with_or_without_a_jpegs_prefix() {
    let base = file(&[lossy()]);
    let expected = |value| {
        let block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
        extended(EXIF, &[lossy(), (b"EXIF", [&block[..], &[value, 0, 0, 0, 0, 0, 0]].concat())])
    };
    for value in 0..=9u8 {
        let (name, tiff) = orientation(u32::from(value));
        let expected = if (2..=8).contains(&value) { expected(value) } else { base.clone() };
        for content in [tiff.clone(), [&b"Exif\0\0"[..], &tiff].concat()] {
            let bytes = extended(EXIF, &[lossy(), (name, content), orientation(3)]);
            assert_eq!(removed(&bytes, &expected), [Removed::CameraModel]);
        }
    }
}

#[test]
fn a_profile_that_decoders_ignore_is_dropped_and_a_damaged_one_refused() {
    let base = file(&[lossy()]);
    let with = |content: Vec<u8>| extended(PROFILE, &[(b"ICCP", content), lossy()]);
    let changed = |at: usize, value: &[u8]| {
        let mut content = profile().1;
        content[at..at + value.len()].copy_from_slice(value);
        with(content)
    };
    for bytes in [with(CANARY.to_vec()), with(vec![]), changed(16, b"GRAY"), changed(36, b"CANA")] {
        assert_eq!(removed(&bytes, &base), [Removed::UnreadableProfile]);
    }
    assert_eq!(removed(&extended(PROFILE, &[lossy()]), &base), []);
    assert_eq!(refused(&changed(0, &[0xFF])), "profile-cut-off");
    assert_eq!(refused(&changed(12, b"link")), "profile-kind");
    let long = [profile().1, vec![0; safelight_core::strip::MAX_PROFILE_LEN]].concat();
    assert_eq!(refused(&with(long)), "profile-too-long");
}

#[test]
fn transparency_is_kept_where_decoders_show_it() {
    let shown = extended(ALPHA, &[alpha(0), lossy()]);
    assert_eq!(removed(&shown, &shown), []);
    let surplus = extended(ALPHA, &[alpha(CANARY.len()), lossy()]);
    assert_eq!(removed(&surplus, &shown), [Removed::StrayBytes]);
    assert_eq!(pixels(&surplus), pixels(&shown));
    // Without the flag it is not shown, and without the chunk there is nothing to show.
    let opaque = file(&[lossy()]);
    assert_eq!(removed(&extended(0, &[alpha(0), lossy()]), &opaque), [Removed::OtherSegments]);
    assert_eq!(removed(&extended(ALPHA, &[lossy()]), &opaque), []);
    // A lossless picture has its own, and the file's flag decides whether it is shown.
    for transparent in [true, false] {
        let picture = lossless(transparent);
        for flag in [0, ALPHA] {
            let bytes = extended(flag, std::slice::from_ref(&picture));
            let agreed = (flag == ALPHA) == transparent;
            let expected = if agreed { file(std::slice::from_ref(&picture)) } else { bytes.clone() };
            assert_eq!(removed(&bytes, &expected), []);
            assert_eq!(pixels(&bytes), pixels(&expected));
        }
        let bytes = extended(ALPHA, &[alpha(0), picture.clone()]);
        let expected = stripped(&extended(ALPHA, &[picture])).unwrap().0;
        assert_eq!(removed(&bytes, &expected), [Removed::OtherSegments]);
    }
}

#[test]
fn transparency_that_decoders_read_differently_or_not_is_refused() {
    let with = |chunks: &[Chunk]| refused(&extended(ALPHA, chunks));
    assert_eq!(with(&[alpha(0), alpha(0), lossy()]), "webp-alpha");
    assert_eq!(with(&[lossy(), alpha(0)]), "webp-alpha");
    assert_eq!(with(&[(b"ALPH", vec![]), lossy()]), "webp-alpha");
    assert_eq!(with(&[(b"ALPH", vec![1]), lossy()]), "webp-alpha");
    // Reserved bits, two unknown steps, two unknown compressions; then one byte too few.
    for first in [0x40, 0x80, 0x20, 0x30, 2, 3] {
        let (name, mut content) = alpha(0);
        content[0] = first;
        assert_eq!(with(&[(name, content), lossy()]), "webp-alpha", "{first:02X}");
    }
    let short = alpha(0).1.split_last().unwrap().1.to_vec();
    assert_eq!(with(&[(b"ALPH", short), lossy()]), "webp-alpha");
}

#[test]
fn the_first_picture_is_the_picture() {
    let base = file(&[lossy()]);
    for bytes in
        [file(&[lossy(), lossless(true)]), extended(0, &[lossy(), lossy()]), file(&[lossy(), (b"ANMF", vec![])])]
    {
        assert_eq!(removed(&bytes, &base), [Removed::FurtherPictures]);
    }
}

#[test]
fn damage_is_refused_by_name() {
    let bytes = extended(EXIF, &[lossy(), orientation(6)]);
    for len in 12..bytes.len() {
        assert_eq!(refused(&bytes[..len]), "webp-cut-off", "cut behind {len} bytes");
    }
    assert_eq!(refused(&file(&[(b"none", vec![])])), "webp-first-chunk");
    assert_eq!(refused(&file(&[(b"VP8X", vec![0; 12]), lossy()])), "webp-extended-header");
    assert_eq!(refused(&extended(2, &[lossy()])), "webp-animation");
    assert_eq!(refused(&extended(0, &[lossy(), (b"ANMF", vec![])])), "webp-animation");
    assert_eq!(refused(&extended(0, &[])), "webp-no-picture");
    assert_eq!(refused(&file(&[(b"VP8L", vec![0; 9])])), "webp-picture");
    let mut size = header(0);
    size[4] += 1;
    assert_eq!(refused(&file(&[(b"VP8X", size), lossy()])), "webp-size");
    let many = [vec![lossy()], vec![(b"none", vec![]); 1024]].concat();
    assert_eq!(refused(&file(&many)), "webp-too-many-chunks");
}

fn any_chunk() -> impl Strategy<Value = Chunk> {
    let carrier = prop::sample::select(carriers()).prop_map(|(chunk, _)| chunk);
    let telling = prop::sample::select(vec![
        lossy(),
        lossless(true),
        lossless(false),
        alpha(0),
        alpha(3),
        profile(),
        orientation(1),
        orientation(8),
    ]);
    let names: Vec<&'static [u8; 4]> =
        vec![b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF", b"none"];
    let noise = (prop::sample::select(names), prop::collection::vec(any::<u8>(), 0..40));
    prop_oneof![2 => carrier, 3 => telling, 1 => noise]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn chunk_lists_are_refused_or_clean_with_the_same_pixels(
        flags: u8,
        is_extended: bool,
        chunks in prop::collection::vec(any_chunk(), 0..6),
        trailer in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let bytes = if is_extended { extended(flags & !2, &chunks) } else { file(&chunks) };
        let bytes = [&bytes[..], &trailer].concat();
        if let Ok((clean, _)) = stripped(&bytes) {
            witnesses::clean(&bytes, &clean).unwrap();
            if let Some(before) = pixels(&bytes) {
                prop_assert_eq!(Some(before), pixels(&clean));
            }
        }
    }

    #[test]
    fn mutated_pictures_are_refused_or_clean(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0..3usize,
    ) {
        let mut bytes = [
            extended(PROFILE | ALPHA | EXIF, &[profile(), alpha(2), lossy(), orientation(3)]),
            extended(EXIF, &[(b"XMP ", CANARY.to_vec()), lossless(true), orientation(5)]),
            file(&[lossy(), (b"none", CANARY.to_vec())]),
        ][which].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok((clean, _)) = stripped(&bytes) {
            witnesses::clean(&bytes, &clean).unwrap();
        }
    }

    #[test]
    fn any_bytes_are_refused_or_clean(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0..300u32) {
        let bytes = [b"RIFF", &len.to_le_bytes()[..], b"WEBPVP8X\x0A\0\0\0", &bytes].concat();
        if let Ok((clean, _)) = stripped(&bytes) {
            witnesses::clean(&bytes, &clean).unwrap();
        }
    }
}
