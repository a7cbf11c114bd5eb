//! `safelight phone strip`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use safelight_core::photo::Photo;
use safelight_core::strip::{self, StrippedPhoto};
use serde::Serialize;

use crate::cli::new_file::NewFile;
use crate::cli::outcome::{CliError, Exit, Output};
use crate::phone::camera;

/// Clean a photograph.
#[derive(Debug, Args)]
pub struct StripArgs {
    /// The photograph
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the clean one goes; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Say what was removed
    #[arg(long)]
    report: bool,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    content_type: &'static str,
    width: u32,
    height: u32,
    bytes_before: usize,
    bytes_after: usize,
    removed: Vec<&'static str>,
}

pub(super) fn run(args: &StripArgs, output: Output) -> Result<(), CliError> {
    let to_stdout = args.out.as_os_str() == "-";
    // Before the photograph is read. OUT may be IN, if it may be overwritten.
    let place = if to_stdout { None } else { Some(NewFile::at(&args.out, "-o", args.force, None)?) };
    let name = args.input.display();
    let bytes =
        camera::read(&args.input).map_err(|error| CliError::new(Exit::BadInput, format_args!("{name}: {error}")))?;
    let refused = |error: &dyn std::fmt::Display| CliError::new(Exit::BadInput, format_args!("{name}: {error}"));
    let photo = Photo::parse(&bytes).map_err(|error| refused(&error))?;
    let stripped = strip::strip(photo).map_err(|error| refused(&error))?;
    match place {
        Some(place) => place.write(stripped.parts())?,
        None => to_stdout_whole(&stripped).map_err(|error| CliError::new(Exit::Failed, format_args!("-: {error}")))?,
    }

    let report = stripped.report();
    let row = Row {
        content_type: stripped.content_type().as_str(),
        width: stripped.width(),
        height: stripped.height(),
        bytes_before: bytes.len(),
        bytes_after: stripped.len(),
        removed: report.iter().map(|kind| kind.code()).collect(),
    };
    if to_stdout {
        // Standard output is the picture's.
        if args.report || output.json {
            let _ = writeln!(io::stderr().lock(), "removed: {report}");
        }
        return Ok(());
    }
    if output.json {
        return output.print(&row, |_| String::new());
    }
    if args.report {
        output.say(&format!("removed: {report}\n{} bytes before, {} after", row.bytes_before, row.bytes_after))?;
    }
    Ok(())
}

fn to_stdout_whole(stripped: &StrippedPhoto<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    stripped.parts().try_for_each(|part| out.write_all(part))?;
    out.flush()
}
