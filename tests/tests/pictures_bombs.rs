//! Bombs. The only test of its process, because the memory of a process is what it measures.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic in a test is the finding"
)]

use safelight_tests::pictures::canary;
use safelight_tests::pictures::pieces::{self, chunk};
use safelight_tests::pictures::{PNG, png_writer, stripped};

/// What a bomb may cost beyond its own bytes.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;

#[test]
fn i06_bombs_cost_no_memory() {
    let bombs = bombs();
    for (name, bytes, expected) in &bombs {
        let before = forget_peak();
        let outcome = stripped(bytes).map(|(after, _)| after.len());
        let cost = peak().saturating_sub(before);
        println!("{name}: {} bytes, {outcome:?}, {cost} bytes of memory", bytes.len());
        assert!(cost <= MAX_MEMORY, "{name}: {cost} bytes");
        assert_eq!(outcome.map(|_| ()), *expected, "{name}");
    }
    // The measure sees what there is to see.
    let before = forget_peak();
    let visible = vec![1u8; usize::try_from(2 * MAX_MEMORY).unwrap()];
    assert!(visible.len() as u64 > MAX_MEMORY && peak() - before > MAX_MEMORY);
}

/// Files that are small and unfold to something huge, and what becomes of each: it is taken, or refused with a code.
fn bombs() -> Vec<(&'static str, Vec<u8>, Result<(), &'static str>)> {
    let picture = |width: u32, height: u32, stream: &[u8], more: &[u8]| {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
        [PNG, &chunk(b"IHDR", &header), more, &chunk(b"IDAT", stream), &chunk(b"IEND", b"")].concat()
    };
    let huge = pieces::zlib(&vec![0; 100_010_000]);
    let small = pieces::zlib(&[0; 2]);
    let frame = |side: [u8; 2]| {
        let content = [&[8, side[0], side[1], side[0], side[1]][..], &[1, 1, 0x11, 0]].concat();
        [&[0xFF, 0xD8][..], &pieces::segment(0xC0, &content), &[0xFF, 0xD9]].concat()
    };
    // Only a progressive picture has more scans than components.
    let base = canary::jpeg::base().progressive();
    let scans = base.to_vec(|at| if at == base.head.len() + 1 { base.scan.repeat(1000) } else { vec![] });
    // Nobody reads it, because it is not grey.
    let unread = chunk(b"iCCP", &[&b"a\0\0"[..], &pieces::zlib(&vec![0; 4_000_000])].concat());
    let canvas = pieces::riff_file(
        &[pieces::riff_chunk(b"VP8X", &[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]), canary::webp::bitstream()]
            .concat(),
    );
    vec![
        ("a JPEG of four billion pixels", frame([0xFF; 2]), Err("too-many-pixels")),
        ("a PNG of nine hundred million pixels", picture(30_000, 30_000, &small, b""), Err("too-many-pixels")),
        ("a PNG of a hundred million pixels", picture(10_000, 10_000, &huge, b""), Ok(())),
        ("a PNG of one pixel that inflates", picture(1, 1, &huge, b""), Err("png-surplus-data")),
        ("a text that inflates", picture(1, 1, &small, &chunk(b"zTXt", &[&b"a\0\0"[..], &huge].concat())), Ok(())),
        (
            "a profile that inflates",
            picture(1, 1, &small, &chunk(b"iCCP", &[&b"a\0\0"[..], &huge].concat())),
            Err("profile-too-long"),
        ),
        ("a thousand profiles that inflate", picture(1, 1, &small, &unread.repeat(1000)), Ok(())),
        (
            "a profile whose tags overlap",
            picture(1, 1, &small, &chunk(b"iCCP", &[&b"a\0\0"[..], &pieces::zlib(&overlapping())].concat())),
            Err("profile-too-long"),
        ),
        (
            "a million chunks",
            picture(1, 1, &small, &chunk(b"tEXt", b"a\0").repeat(1_000_000)),
            Err("png-too-many-chunks"),
        ),
        ("a thousand scans", scans, Err("too-many-scans")),
        (
            "a hundred thousand segments",
            canary::jpeg::with(&[0xFF, 0xFE, 0, 2].repeat(100_000)),
            Err("jpeg-too-many-segments"),
        ),
        ("a WebP of a huge canvas", canvas, Err("webp-size")),
    ]
}

/// A profile of grey whose tables lie in each other, one byte apart.
fn overlapping() -> Vec<u8> {
    const LEN: u32 = 600_000;
    let tags = [b"A2B0", b"A2B1", b"A2B2"];
    let mut profile = png_writer::profile(b"GRAY");
    profile[..4].copy_from_slice(&LEN.to_be_bytes());
    profile[128..132].copy_from_slice(&3u32.to_be_bytes());
    profile.resize(LEN as usize, 0);
    for (at, tag) in (0u32..).zip(tags) {
        // A table of one input, three outputs and two grid points, with long input tables.
        let from = 1000 + 60 * at;
        let entry = [&tag[..], &from.to_be_bytes(), &(LEN - 2000).to_be_bytes()].concat();
        profile[132 + 12 * at as usize..][..12].copy_from_slice(&entry);
        let head = [&b"mft2\0\0\0\0\x01\x03\x02\0"[..], &[0; 36], &[0xFF, 0xFF, 0xFF, 0xFF]].concat();
        profile[from as usize..][..52].copy_from_slice(&head);
    }
    profile
}

/// Starts a new peak at what is used now, and gives that (proc(5), clear_refs).
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
