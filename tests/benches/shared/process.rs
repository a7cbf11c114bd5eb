//! What the kernel says of a process (proc(5)). All of it is readable for everybody, also of a process that forbids being read.

use std::fs;
use std::time::Duration;

#[allow(unused_imports, reason = "each benchmark uses a part of what is shared")]
pub(crate) use safelight_tests::gateway::program::resident;

/// Processor time in user and kernel mode, that of children that have ended included.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name in brackets may hold anything; behind it come the fields from the third on.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_secs(1) * u32::try_from(ticks).expect("not that long") / ticks_per_second()
}

fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).expect("a small number")
}
