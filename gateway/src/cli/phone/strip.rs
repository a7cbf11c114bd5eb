//! `safelight phone strip`.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use safelight_core::photo::Photo;
use safelight_core::strip::{self, StrippedPhoto};
use serde::Serialize;

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
    let name = args.input.display();
    let bytes =
        camera::read(&args.input).map_err(|error| CliError::new(Exit::BadInput, format_args!("{name}: {error}")))?;
    let refused = |error: &dyn std::fmt::Display| CliError::new(Exit::BadInput, format_args!("{name}: {error}"));
    let photo = Photo::parse(&bytes).map_err(|error| refused(&error))?;
    let stripped = strip::strip(photo).map_err(|error| refused(&error))?;
    let to_stdout = args.out.as_os_str() == "-";
    let written = if to_stdout { to_stdout_whole(&stripped) } else { to_file(&stripped, args) };
    written.map_err(|error| not_written(&args.out, &error))?;

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

/// Beside its place first, then into it: whoever looks sees no half picture, and OUT may be IN.
fn to_file(stripped: &StrippedPhoto<'_>, args: &StripArgs) -> io::Result<()> {
    if same_file(&args.input, &args.out) && !args.force {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "this is the photograph itself: give --force to overwrite it",
        ));
    }
    if args.out.symlink_metadata().is_ok() && !args.force {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already: give --force to overwrite it"));
    }
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".safelight-").tempfile_in(folder)?;
    stripped.parts().try_for_each(|part| beside.write_all(part))?;
    beside.as_file().sync_all()?;
    let placed = if args.force { beside.persist(&args.out) } else { beside.persist_noclobber(&args.out) };
    placed.map(drop).map_err(|error| error.error)
}

fn same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
    place(one).is_some_and(|one| place(other) == Some(one))
}

fn not_written(out: &Path, error: &io::Error) -> CliError {
    CliError::new(Exit::Failed, format_args!("{}: {error}", out.display()))
}
