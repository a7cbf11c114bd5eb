//! `safelight-bindgen LIBRARY OUT`: see `make bindings`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let outcome = match args.as_slice() {
        [library, out] => {
            safelight_bindgen::write(Path::new(library), Path::new(out)).map_err(|error| error.to_string())
        }
        _ => Err("usage: safelight-bindgen LIBRARY OUT".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "safelight-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}
