//! Bombs. The only test of its process, because the memory of a process is what it measures.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic in a test is the finding")]

use safelight_tests::pictures::{bombs, stripped};

/// What a bomb may cost beyond its own bytes.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;

#[test]
fn i06_bombs_cost_no_memory() {
    let bombs = bombs::all();
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
