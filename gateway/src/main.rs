//! The command `safelight`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use safelight_gateway::inspector;

fn main() -> ExitCode {
    // Before anything else: the inspector must not inherit a thread, a file or a setting.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == inspector::SUBCOMMAND) {
        return inspector::run_child();
    }
    ExitCode::FAILURE
}
