//! The command `safelight`. See [`safelight_gateway::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    safelight_gateway::cli::main()
}
