//! Programs of others that tests call. `scripts/setup.sh test` installs them.
#![allow(clippy::panic, reason = "in CI no test may be skipped")]

use std::process::{Command, Stdio};

/// Debian's Python, which has Debian's Pillow whatever else comes first in `PATH`.
pub const PYTHON: &str = "/usr/bin/python3";

/// Whether `name` can be run. If it cannot, says by name what is skipped for it.
///
/// # Panics
/// If it cannot and `CI` is set: there nothing may be skipped.
pub fn has(name: &str, skipped: &str) -> bool {
    found(name, quiet(Command::new(name).arg("--version")).status().is_ok(), skipped)
}

/// Whether Python has Pillow with colour management; else as [`has`].
///
/// # Panics
/// As [`has`].
pub fn has_pillow(skipped: &str) -> bool {
    let imported = quiet(Command::new(PYTHON).args(["-c", "import PIL.ImageCms"])).status();
    found("python3-pil", imported.is_ok_and(|status| status.success()), skipped)
}

/// Whether Python has the library that a device key is made with; else as [`has`].
///
/// # Panics
/// As [`has`].
pub fn has_cryptography(skipped: &str) -> bool {
    let imported = quiet(Command::new(PYTHON).args(["-c", "import cryptography"])).status();
    found("python3-cryptography", imported.is_ok_and(|status| status.success()), skipped)
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

fn found(name: &str, found: bool, skipped: &str) -> bool {
    if !found {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "{name} is missing, and in CI no test may be skipped"
        );
        eprintln!("skipped: {skipped} ({name} is missing)");
    }
    found
}
