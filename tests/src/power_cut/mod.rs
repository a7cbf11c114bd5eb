//! A disk that loses, at a power cut, whatever was not synced: recorded once, cut thousands of times.
//!
//! SIGKILL shows nothing about fsync: the kernel writes what a dead process has left behind. So the real processes run once under strace,
//! which notes every change to their files ([`trace`]). The notes are played onto a model of a disk ([`disk`]) up to any moment, and the
//! model gives a folder as a power cut at that moment could leave it: what was synced is there; every other write is kept, lost or torn;
//! every other new, changed or removed name is kept or lost. [`judge`] opens that folder with the gateway's own code.
//!
//! A call that changes a file in a way that the model does not know is an error, so that nothing escapes it unnoticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic in a test is the finding, and a test's lengths are small"
)]

pub mod disk;
pub mod judge;
pub mod trace;

use std::fmt;

use self::disk::{Disk, Tree};
use self::trace::Trace;
use crate::pictures::mutation::Random;

/// One power cut, which its seed and the trace determine.
#[derive(Debug)]
pub struct Cut {
    /// Everything about it comes from here.
    pub seed: u64,
    /// What had happened: the moments before this one.
    pub moment: usize,
    /// When that was, in microseconds since 1970.
    pub at: u64,
    /// What the disk holds afterwards.
    pub tree: Tree,
    of: usize,
    lost: String,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, before moment {} of {}; {}", self.seed, self.moment, self.of, self.lost)
    }
}

/// The cuts of `seeds`, in the order of their moments: half of them anywhere in the trace, half right after one of `receipts` (microseconds
/// since 1970) has reached its phone, when the least time has passed in which the disk could have caught up.
pub fn cuts(
    start: &Disk,
    trace: &Trace,
    receipts: &[u64],
    seeds: std::ops::Range<u64>,
    mut judge: impl FnMut(Cut) -> bool,
) {
    let mut planned: Vec<(usize, u64, Random)> = seeds
        .map(|seed| {
            let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            random.below(2);
            let moment = match receipts.get(random.below(2 * receipts.len().max(1))) {
                Some(receipt) => trace.moments.partition_point(|moment| moment.at <= *receipt),
                None => random.below(trace.moments.len() + 1),
            };
            (moment, seed, random)
        })
        .collect();
    planned.sort_by_key(|(moment, seed, _)| (*moment, *seed));
    let (mut disk, mut played) = (start.clone(), 0);
    for (moment, seed, mut random) in planned {
        for next in trace.moments.get(played..moment).unwrap_or_default() {
            disk.play(trace, next);
        }
        played = moment;
        let at = trace.moments.get(moment).map_or(u64::MAX, |moment| moment.at);
        let (tree, lost) = disk.cut(&mut random);
        if !judge(Cut { seed, moment, at, tree, of: trace.moments.len(), lost }) {
            return;
        }
    }
}
