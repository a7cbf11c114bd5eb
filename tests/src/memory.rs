//! The memory of a running process, read as root reads it: what a core dump would hold.
//!
//! The gateway's processes make no core files and cannot be dumped by their own user; root can read them all the same (proc(5)), and a test
//! does, to see what is in there. The program's own text and read-only data are left out: they are the same in every process.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness of tests: what does not go as it should is a failed test"
)]

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use safelight_gateway::demo::search::{Search, Searched};

/// Read at once.
const BLOCK_LEN: usize = 4 * 1024 * 1024;

/// What is kept of one block in front of the next, so that nothing is missed on the seam.
const OVERLAP: usize = 4096;

/// A process's memory, as it was at one moment or nearly so.
pub struct Memory {
    process: u32,
    file: File,
    regions: Vec<Region>,
}

struct Region {
    start: u64,
    end: u64,
    name: String,
}

impl Memory {
    /// Opens it. `None` if the process has gone or is not ours to read.
    pub fn of(process: u32) -> Option<Self> {
        let file = File::open(format!("/proc/{process}/mem")).ok()?;
        let regions = read_to_string(format!("/proc/{process}/maps")).ok()?.lines().filter_map(Region::of).collect();
        Some(Self { process, file, regions })
    }

    /// Calls `look` with each stretch of memory, how much of its beginning was looked at before, and what it is called: `[heap]`, `[stack]`,
    /// a file, or nothing.
    pub fn each(&self, mut look: impl FnMut(&[u8], usize, &str)) {
        for region in &self.regions {
            let mut at = region.start;
            let mut block = Vec::new();
            while at < region.end {
                let kept = block.len().min(OVERLAP);
                block.drain(..block.len() - kept);
                let wanted = usize::try_from(region.end - at).unwrap_or(usize::MAX).min(BLOCK_LEN);
                block.resize(kept + wanted, 0);
                // Memory that has gone since, or that nobody may read, such as a guard page.
                let read = block.get_mut(kept..).and_then(|to| self.file.read_at(to, at).ok()).unwrap_or_default();
                block.truncate(kept + read);
                if read == 0 {
                    break;
                }
                look(&block, kept, &region.name);
                at += read as u64;
            }
        }
    }

    /// Adds what is found in it to `searched`, with a name of the process's own in place of a file.
    pub fn search(&self, search: &Search, searched: &mut Searched) {
        self.each(|bytes, _, name| {
            let place = PathBuf::from(format!("/proc/{}/mem {name}", self.process));
            search.in_block(bytes, &place, searched);
        });
    }

    /// Where each of `needles` stands in it: the name of the region, and the place from its block's beginning.
    pub fn places(&self, needles: &[Vec<u8>]) -> Vec<String> {
        let mut places = Vec::new();
        self.each(|bytes, seen, name| {
            for needle in needles {
                let new = find_all(bytes, needle).into_iter().filter(|at| at + needle.len() > seen);
                places.extend(new.map(|at| format!("{name}+{at:#x}")));
            }
        });
        places
    }

    /// True if there is nothing.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }
}

impl Region {
    /// `7f0c00000000-7f0c00021000 rw-p 00000000 00:00 0    name`
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let writable = fields.next()?.starts_with("rw");
        let name = fields.nth(3).unwrap_or("anonymous").to_owned();
        let number = |text| u64::from_str_radix(text, 16).ok();
        writable.then_some(Self { start: number(start)?, end: number(end)?, name })
    }
}

/// Most stretches do not even hold the first byte, and to see that is quick.
const STRETCH: usize = 128;

fn find_all(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let Some(first) = needle.first() else { return Vec::new() };
    let mut found = Vec::new();
    for (number, stretch) in bytes.chunks(STRETCH).enumerate().filter(|(_, stretch)| stretch.contains(first)) {
        let from = number * STRETCH;
        let places =
            (from..from + stretch.len()).filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(needle)));
        found.extend(places);
    }
    found
}
