//! Programs of others that tests call. `scripts/setup.sh test` installs them.
#![allow(clippy::panic, reason = "in CI no test may be skipped")]

use std::process::{Command, Stdio};

/// Whether `name` can be run. If it cannot, says by name what is skipped for it.
///
/// # Panics
/// If it cannot and `CI` is set: there nothing may be skipped.
pub fn has(name: &str, skipped: &str) -> bool {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "{name} is missing, and in CI no test may be skipped"
        );
        eprintln!("skipped: {skipped} ({name} is missing)");
    }
    found
}
