//! PNG: whatever stands between the chunks of a picture, only the picture is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

use safelight_core::strip::{MAX_PROFILE_LEN, Removed, Report};
use safelight_tests::pictures::pieces::{chunk, zlib};
use safelight_tests::pictures::png_writer::{Kind, exif, file, iccp, kept, profile, walked};
use safelight_tests::pictures::{self, orientation, pixels, stripped, witnesses};

const CANARY: &[u8] = b"CANARY-4711";
const RGB: Kind = Kind { width: 23, height: 11, depth: 8, colour: 2, interlace: 0 };
const INDEXED: Kind = Kind { width: 23, height: 11, depth: 4, colour: 3, interlace: 0 };

/// A picture with chunks between its header and what follows.
fn with(kind: Kind, added: &[Vec<u8>]) -> Vec<u8> {
    let mut chunks = kind.chunks();
    chunks.splice(1..1, added.iter().cloned());
    file(&chunks)
}

fn plain(kind: Kind) -> Vec<u8> {
    file(&kind.chunks())
}

fn code(bytes: &[u8]) -> &'static str {
    stripped(bytes).expect_err("refused")
}

/// Strips and checks what must hold of every output.
fn clean(bytes: &[u8]) -> (Vec<u8>, Report) {
    let (output, report) = stripped(bytes).expect("taken");
    witnesses::clean(bytes, &output).unwrap();
    (output, report)
}

#[test]
fn a_plain_picture_of_every_kind_stays_as_it_is() {
    for (width, height) in [(1, 1), (3, 5), (40, 17)] {
        for kind in Kind::all(width, height) {
            let bytes = plain(kind);
            assert!(pixels(&bytes).is_some(), "the writer writes a PNG: {kind:?}");
            let (output, report) = clean(&bytes);
            assert!(output == bytes && report.is_empty(), "{kind:?}");
        }
    }
}

#[test]
fn every_carrier_is_emptied_and_named_wherever_it_stands() {
    let named = |name: &[u8; 4], start: &[u8]| chunk(name, &[start, CANARY].concat());
    let carriers = [
        (named(b"tEXt", b"Comment\0"), Removed::Comment),
        (named(b"tEXt", b""), Removed::Comment),
        (named(b"zTXt", b"Raw profile type exif\0\0"), Removed::CameraSettings),
        (named(b"zTXt", b"Raw profile type APP1\0\0"), Removed::CameraSettings),
        (named(b"zTXt", b"Raw profile type iptc\0\0"), Removed::Iptc),
        (named(b"zTXt", b"Raw profile type 8bim\0\0"), Removed::Iptc),
        (named(b"zTXt", b"Raw profile type xmp\0\0"), Removed::Xmp),
        (named(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"), Removed::Xmp),
        (named(b"tIME", b""), Removed::CaptureTime),
        (named(b"caBX", b""), Removed::ContentCredentials),
        (named(b"acTL", b""), Removed::FurtherPictures),
        (named(b"fcTL", b""), Removed::FurtherPictures),
        (named(b"fdAT", b""), Removed::FurtherPictures),
        (named(b"bKGD", b""), Removed::OtherSegments),
        (named(b"hIST", b""), Removed::OtherSegments),
        (named(b"sPLT", b""), Removed::OtherSegments),
        (named(b"iDOT", b""), Removed::OtherSegments),
        (named(b"prVt", b""), Removed::OtherSegments),
        (named(b"gAMA", b""), Removed::OtherSegments),
        (named(b"iCCP", b"name\0\0"), Removed::UnreadableProfile),
        (named(b"iCCP", b"name\0\x01"), Removed::UnreadableProfile),
        (named(b"iCCP", b""), Removed::UnreadableProfile),
        (named(b"eXIf", b""), Removed::OtherSegments),
        (exif(&[(0x010F, 2, 11, 26)]), Removed::CameraModel),
        (exif(&[(0x8825, 4, 1, 8)]), Removed::Location),
    ];
    for (carrier, kind) in carriers {
        let base = INDEXED.chunks();
        for place in 1..base.len() {
            let mut chunks = base.clone();
            chunks.insert(place, carrier.clone());
            let (output, report) = clean(&file(&chunks));
            assert!(output == file(&base), "{kind:?} changes something else");
            let late = &carrier[4..8] == b"iCCP" && place > 1;
            assert!(report.contains(if late { Removed::OtherSegments } else { kind }), "{kind:?} is not in {report}");
        }
    }
}

#[test]
fn what_lies_in_and_behind_the_end_is_gone() {
    let bytes = [&plain(RGB)[..], CANARY].concat();
    let (output, report) = clean(&bytes);
    assert!(output == plain(RGB) && report.contains(Removed::Trailer));
    let mut chunks = RGB.chunks();
    *chunks.last_mut().unwrap() = chunk(b"IEND", CANARY);
    let (output, report) = clean(&file(&chunks));
    assert!(output == plain(RGB) && report.contains(Removed::StrayBytes));
}

#[test]
fn colour_is_kept_in_one_order() {
    let (straight, report) = clean(&with(RGB, &kept()));
    assert!(report.is_empty(), "{report}");
    assert_eq!(walked(&straight).len(), kept().len() + 3);
    let mut turned = kept();
    turned[3..].reverse();
    turned.rotate_left(3);
    assert_eq!(clean(&with(RGB, &turned)).0, straight);
}

#[test]
fn srgb_and_a_profile_keep_their_order() {
    let mut chunks = kept();
    chunks.swap(1, 2);
    let names: Vec<_> = walked(&clean(&with(RGB, &chunks)).0).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[1..4], [*b"cICP", *b"iCCP", *b"sRGB"]);
}

#[test]
fn the_first_counts_and_only_in_its_place() {
    for (at, whole) in kept().iter().enumerate() {
        let once = with(RGB, std::slice::from_ref(whole));
        assert!(clean(&once).0.len() > plain(RGB).len());
        let (output, report) = clean(&with(RGB, &[whole.clone(), whole.clone()]));
        assert!(output == clean(&once).0 && report.contains(Removed::OtherSegments));
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(clean(&with(RGB, &[damaged, whole.clone()])).0, clean(&once).0);
        let mut late = RGB.chunks();
        late.insert(2, whole.clone());
        assert_eq!(clean(&file(&late)).0, plain(RGB));
        // Behind a palette, which is only a suggestion here.
        let (output, report) = clean(&with(RGB, &[chunk(b"PLTE", b"abc"), whole.clone()]));
        assert_eq!(output == plain(RGB), at < 6);
        assert!(report.contains(Removed::OtherSegments));
    }
}

#[test]
fn what_decoders_cannot_follow_is_dropped() {
    let impossible: &[(&[u8; 4], &[u8])] = &[
        (b"cICP", &[9, 16, 1, 1]),
        (b"cICP", &[9, 16, 0, 2]),
        (b"cICP", &[9, 16, 0]),
        (b"sRGB", &[4]),
        (b"sRGB", &[0, 0]),
        (b"gAMA", &[0; 4]),
        (b"gAMA", &[0x80, 0, 0, 0]),
        (b"gAMA", &[0, 0, 1]),
        (b"gAMA", b"CANA"),
        (b"cHRM", b"Jane Doe 1970-01-01 MRN 12345678"),
        (b"cHRM", &[0; 31]),
        (b"cHRM", &[0x80; 32]),
        (b"sBIT", &[8, 8]),
        (b"sBIT", &[8, 0, 8]),
        (b"sBIT", &[8, 9, 8]),
        (b"pHYs", &[0, 0, 0, 1, 0, 0, 0, 1, 2]),
        (b"pHYs", &[0, 0, 0, 1, 0, 0, 0, 1]),
        (b"pHYs", &[0x80, 0, 0, 1, 0, 0, 0, 1, 1]),
    ];
    for (name, data) in impossible {
        let (output, report) = clean(&with(RGB, &[chunk(name, data)]));
        assert!(output == plain(RGB) && report.contains(Removed::OtherSegments), "{data:?}");
    }
    for kind in Kind::all(5, 5).into_iter().filter(|kind| kind.colour >= 3) {
        for data in [&[1; 2][..], &[1; 6], &[1; 257], &[]] {
            assert_eq!(clean(&with(kind, &[chunk(b"tRNS", data)])).0, plain(kind), "before the palette");
        }
    }
}

#[test]
fn significant_bits_fit_the_kind_of_picture() {
    for kind in Kind::all(5, 5) {
        let (samples, depth) = ([1, 0, 3, 3, 2, 0, 4][usize::from(kind.colour)], kind.depth);
        let most = if kind.colour == 3 { 8 } else { depth };
        let (output, report) = clean(&with(kind, &[chunk(b"sBIT", &vec![most; samples])]));
        assert!(output.len() > plain(kind).len() && report.is_empty());
        assert_eq!(clean(&with(kind, &[chunk(b"sBIT", &vec![most + 1; samples])])).0, plain(kind));
    }
}

#[test]
fn transparency_keeps_only_the_bits_that_mean_something() {
    for kind in Kind::all(5, 5).into_iter().filter(|kind| [0, 2].contains(&kind.colour)) {
        let samples = if kind.colour == 0 { 1 } else { 3 };
        let used = u16::MAX >> (16 - u32::from(kind.depth));
        let bytes = with(kind, &[chunk(b"tRNS", &[0xFF; 2].repeat(samples))]);
        let (output, report) = clean(&bytes);
        assert_eq!(walked(&output)[1], (*b"tRNS", used.to_be_bytes().repeat(samples)));
        assert_eq!(report.contains(Removed::StrayBytes), kind.depth < 16);
        assert!(!report.contains(Removed::OtherSegments));
        if kind.depth >= 8 {
            assert_eq!(pixels(&bytes), pixels(&output), "{kind:?}");
        }
    }
    let mut chunks = INDEXED.chunks();
    chunks.insert(2, chunk(b"tRNS", &[7; 16]));
    assert_eq!(clean(&file(&chunks)).0, file(&chunks));
    chunks[2] = chunk(b"tRNS", &[7; 17]);
    assert_eq!(code(&file(&chunks)), "png-transparency");
    for data in [&[0, 1][..], &[0; 7]] {
        assert_eq!(code(&with(RGB, &[chunk(b"tRNS", data)])), "png-transparency");
    }
}

#[test]
fn orientation_is_kept_and_upright_leaves_no_block() {
    for value in 0..=9u32 {
        let block = exif(&[(0x0112, 3, 1, value), (0x0131, 2, 4, 0x5858_5858)]);
        for place in [1, 2] {
            let mut chunks = RGB.chunks();
            chunks.insert(place, block.clone());
            // The first one counts.
            chunks.insert(place + 1, exif(&[(0x0112, 3, 1, 3)]));
            let (output, report) = clean(&file(&chunks));
            assert!(report.contains(Removed::CameraSettings));
            let turned = (2..=8).contains(&value);
            assert_eq!(output == plain(RGB), !turned);
            assert_eq!(orientation(&output), if turned { value } else { 1 });
        }
    }
    let mut data = b"Exif\0\0".to_vec();
    data.extend(&exif(&[(0x0112, 3, 1, 6), (0x8825, 4, 1, 8)])[8..]);
    let (output, report) = clean(&with(RGB, &[chunk(b"eXIf", &data)]));
    assert!(output == plain(RGB) && report.contains(Removed::Location));
}

#[test]
fn profiles_are_rebuilt_or_dropped() {
    let canonical = clean(&with(RGB, &[iccp(b"a name", &profile(b"RGB "))])).0;
    let mut talkative = profile(b"RGB ");
    talkative[80..91].copy_from_slice(CANARY);
    let (output, report) = clean(&with(RGB, &[iccp(b"CANARY's screen", &talkative)]));
    assert!(output == canonical && report.contains(Removed::ProfileDetails));
    let (output, report) = clean(&with(RGB, &[iccp(b"another name", &profile(b"RGB "))]));
    assert!(output == canonical && report.contains(Removed::ProfileDetails));
    assert_eq!(pictures::profile(&canonical).as_deref(), Some(&profile(b"RGB ")[..]));
    let grey = Kind { colour: 4, ..RGB };
    let dropped = |kind: Kind, added: Vec<u8>| {
        let (output, report) = clean(&with(kind, &[added]));
        assert!(output == plain(kind) && report.contains(Removed::UnreadableProfile));
    };
    dropped(grey, iccp(b"icc", &profile(b"RGB ")));
    dropped(RGB, iccp(b"icc", &profile(b"GRAY")));
    dropped(RGB, iccp(b"icc", &profile(b"CMYK")));
    dropped(RGB, iccp(b"", &profile(b"RGB ")));
    dropped(RGB, iccp(&[b'x'; 80], &profile(b"RGB ")));
    dropped(RGB, iccp(b"icc", CANARY));
    let whole = [b"icc\0\0", &zlib(&profile(b"RGB "))[..]].concat();
    dropped(RGB, chunk(b"iCCP", &whole[..whole.len() - 1]));
    assert!(clean(&with(grey, &[iccp(b"icc", &profile(b"GRAY"))])).1.is_empty());
    let padded = chunk(b"iCCP", &[&whole[..], CANARY].concat());
    assert_eq!(clean(&with(RGB, &[padded])).0, canonical);
}

/// Two that are kept would be written one after the other; of thousands each would be inflated.
#[test]
fn the_first_profile_decides_even_if_nobody_can_read_it() {
    let grey = iccp(b"grey", &profile(b"GRAY"));
    let (output, report) = clean(&with(RGB, &[grey, iccp(b"icc", &profile(b"RGB "))]));
    assert!(output == plain(RGB) && report.contains(Removed::UnreadableProfile));
}

/// Another version of the deflater gives other bytes for the same profile.
#[test]
fn a_profile_that_needs_no_change_keeps_its_stream() {
    let stored = miniz_oxide::deflate::compress_to_vec_zlib(&profile(b"RGB "), 0);
    let chunk = chunk(b"iCCP", &[b"icc\0\0", &stored[..]].concat());
    let bytes = with(RGB, &[chunk]);
    let (output, report) = clean(&bytes);
    assert!(output == bytes && report.is_empty());
}

#[test]
fn a_profile_that_is_a_bomb_is_refused() {
    let mut bomb = profile(b"RGB ");
    bomb.resize(MAX_PROFILE_LEN + 1, 0);
    let bytes = with(RGB, &[iccp(b"icc", &bomb)]);
    assert!(bytes.len() < 16 * 1024);
    assert_eq!(code(&bytes), "profile-too-long");
}

#[test]
fn the_image_data_ends_with_its_stream_however_it_is_cut() {
    let rows = RGB.rows();
    // Compressed, and in stored blocks.
    for stream in [zlib(&rows), miniz_oxide::deflate::compress_to_vec_zlib(&rows, 0)] {
        let picture = |data: &[Vec<u8>]| {
            let mut chunks = vec![RGB.header()];
            chunks.extend(data.iter().map(|data| chunk(b"IDAT", data)));
            chunks.push(chunk(b"IEND", b""));
            file(&chunks)
        };
        let expected = pixels(&picture(std::slice::from_ref(&stream)));
        assert!(expected.is_some());
        for cut in 1..stream.len() {
            let (first, second) = (stream[..cut].to_vec(), stream[cut..].to_vec());
            let (output, report) = clean(&picture(&[first.clone(), second.clone()]));
            assert!(report.is_empty() && output == picture(&[first.clone(), second.clone()]));
            let padded = [&second[..], CANARY].concat();
            let (output, report) = clean(&picture(&[vec![], first.clone(), vec![], padded, CANARY.to_vec()]));
            assert!(report.contains(Removed::StrayBytes));
            assert_eq!(output, picture(&[first, second]));
        }
        let single: Vec<Vec<u8>> = stream.iter().map(|byte| vec![*byte]).collect();
        let (output, _) = clean(&picture(&[&single[..], &[CANARY.to_vec()]].concat()));
        assert_eq!(output, picture(&single));
        assert_eq!(pixels(&output), expected);
    }
}

#[test]
fn thousands_of_chunks_are_few_pieces() {
    let kind = Kind { width: 1000, height: 400, ..RGB };
    let stream = zlib(&kind.rows());
    let mut chunks = vec![kind.header()];
    chunks.extend(stream.chunks(32).map(|data| chunk(b"IDAT", data)));
    chunks.push(chunk(b"IEND", b""));
    assert!(chunks.len() > 16_384, "{} chunks", chunks.len());
    let bytes = file(&chunks);
    let photo = safelight_core::photo::Photo::parse(&bytes).unwrap();
    let stripped = safelight_core::strip::strip(photo).unwrap();
    assert!(stripped.parts().count() < 5);
    assert!(stripped.to_vec() == bytes);
}

#[test]
fn rows_that_are_missing_or_too_many_are_refused() {
    for kind in Kind::all(9, 7) {
        let picture = |stream: &[u8]| {
            let mut chunks = kind.chunks();
            let data = chunks.len() - 2;
            chunks[data] = chunk(b"IDAT", stream);
            file(&chunks)
        };
        let rows = kind.rows();
        assert_eq!(code(&picture(&zlib(&rows[..rows.len() - 1]))), "png-missing-data");
        assert_eq!(code(&picture(&zlib(b""))), "png-missing-data");
        assert_eq!(code(&picture(b"")), "png-missing-data");
        assert_eq!(code(&picture(&zlib(&[&rows[..], &[0]].concat()))), "png-surplus-data");
        let stream = zlib(&rows);
        for len in 1..stream.len() {
            assert_eq!(code(&picture(&stream[..len])), "png-missing-data");
        }
        let mut other = rows;
        other[0] = 5;
        assert_eq!(code(&picture(&zlib(&other))), "png-data", "filter");
    }
}

#[test]
fn streams_that_decoders_refuse_are_refused() {
    let picture = |stream: &[u8]| {
        let mut chunks = RGB.chunks();
        chunks[1] = chunk(b"IDAT", stream);
        file(&chunks)
    };
    let good = zlib(&RGB.rows());
    let changed = |at: usize, value: u8| {
        let mut stream = good.clone();
        stream[at] = value;
        picture(&stream)
    };
    assert_eq!(code(&changed(good.len() - 1, !good[good.len() - 1])), "png-data", "Adler-32");
    assert_eq!(code(&changed(0, 0x79)), "png-data", "no deflate");
    assert_eq!(code(&changed(1, good[1] ^ 1)), "png-data", "header checksum");
    // A preset dictionary, with the header's checksum in order.
    let dictionary = (0x20..0x40).find(|flags| (0x7800 + flags) % 31 == 0).unwrap();
    assert_eq!(code(&picture(&[&[0x78, dictionary as u8], &good[2..]].concat())), "png-data");
    // A block of type 3, and a copy from before the first byte.
    assert_eq!(code(&picture(&[0x78, 0x9C, 0x07])), "png-data");
    assert_eq!(code(&picture(&[0x78, 0x9C, 0x63, 0x00, 0x12, 0x00, 0x00, 0x00])), "png-data");
}

/// It inflates to a thousand times the file: as much as the limit of the pixels, and no further.
#[test]
fn image_data_that_is_a_bomb_stops_early() {
    let bomb = zlib(&vec![0; 16 * 1024 * 1024]);
    let mut chunks = RGB.chunks();
    chunks[1] = chunk(b"IDAT", &[&bomb[..bomb.len() / 2], &[0xFF; 8]].concat());
    // What follows the surplus is damaged: it is never reached.
    assert_eq!(code(&file(&chunks)), "png-surplus-data");
}

#[test]
fn damage_is_refused_by_name() {
    let good = plain(INDEXED);
    for len in 8..good.len() {
        assert_eq!(code(&good[..len]), "png-cut-off", "cut after {len} bytes");
    }
    let chunks = INDEXED.chunks();
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut chunks = chunks.clone();
        change(&mut chunks);
        code(&file(&chunks))
    };
    for (at, critical) in chunks.iter().enumerate() {
        let last = critical.len() - 1;
        assert_eq!(changed(&|chunks| chunks[at][last] ^= 1), "png-checksum");
    }
    assert_eq!(changed(&|chunks| chunks[1][0] = 0x80), "png-chunk-length");
    assert_eq!(changed(&|chunks| chunks[1][4] = b'1'), "png-chunk-name");
    assert_eq!(changed(&|chunks| chunks.insert(1, chunk(b"CgBI", b""))), "png-unknown-chunk");
    assert_eq!(changed(&|chunks| drop(chunks.remove(0))), "png-no-header");
    assert_eq!(changed(&|chunks| chunks.insert(1, chunk(b"tEXt", b"").repeat(65_536))), "png-too-many-chunks");
    assert_eq!(changed(&|chunks| chunks.insert(1, chunks[0].clone())), "png-second-header");
    assert_eq!(changed(&|chunks| chunks[0] = chunk(b"IHDR", &[0; 13])), "png-header");
    assert_eq!(changed(&|chunks| chunks[1] = chunk(b"PLTE", b"")), "png-palette");
    assert_eq!(changed(&|chunks| chunks[1] = chunk(b"PLTE", b"four")), "png-palette");
    assert_eq!(changed(&|chunks| chunks[1] = chunk(b"PLTE", &[0; 17 * 3])), "png-palette");
    assert_eq!(changed(&|chunks| drop(chunks.remove(1))), "png-no-palette");
    assert_eq!(changed(&|chunks| chunks.insert(1, chunks[1].clone())), "png-second-palette");
    assert_eq!(changed(&|chunks| chunks.insert(3, chunks[1].clone())), "png-second-palette");
    assert_eq!(changed(&|chunks| drop(chunks.remove(2))), "png-no-pixels");
    let text = || chunk(b"tEXt", b"");
    assert_eq!(changed(&|chunks| drop(chunks.splice(3..3, [text(), chunks[2].clone()]))), "png-scattered-data");
}
