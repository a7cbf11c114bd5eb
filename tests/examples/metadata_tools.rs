//! What programs that people use leave in pictures, measured beside stripping: one picture for each carrier of metadata, with a
//! marker in it, through each program. Prints Markdown; docs/METADATA.md has the last run.
//!
//! `scripts/metadata-tools.sh` installs the programs and runs this with the path of `safelight`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what cannot be run is to be seen, and a table is printed"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use safelight_tests::pictures::canary::{Planted, Watch, icc, jpeg, png, webp};
use safelight_tests::pictures::pieces::{chunk, riff_chunk, segment, zlib};
use safelight_tests::pictures::{orientation, pixels, profile, tiff};
use tempfile::TempDir;

/// A program: what it is called, what tells its version, and the shell line that cleans `$in` into `$out`.
struct Tool {
    name: &'static str,
    version: &'static str,
    line: &'static str,
    takes: &'static [&'static str],
}

const EVERY: &[&str] = &["jpg", "png", "webp"];

const TOOLS: &[Tool] = &[
    Tool {
        name: "Safelight",
        version: r#""$SAFELIGHT" --version"#,
        line: r#""$SAFELIGHT" phone strip "$in" -o "$out""#,
        takes: EVERY,
    },
    Tool { name: "ExifTool", version: "exiftool -ver", line: r#"exiftool -q -all= -o "$out" "$in""#, takes: EVERY },
    Tool {
        name: "ImageMagick",
        version: "/usr/bin/convert -version | grep -oE 'ImageMagick [^ ]+'",
        line: r#"/usr/bin/convert "$in" -strip "$out""#,
        takes: EVERY,
    },
    Tool { name: "MAT2", version: "mat2 --version", line: r#"cp "$in" "$out" && mat2 --inplace "$out""#, takes: EVERY },
    Tool {
        name: "Exiv2",
        version: "exiv2 --version | head -n 1",
        line: r#"cp "$in" "$out" && exiv2 -d aC rm "$out""#,
        takes: EVERY,
    },
    Tool {
        name: "jpegtran",
        version: "jpegtran -version 2>&1 | head -n 1",
        line: r#"jpegtran -copy none -outfile "$out" "$in""#,
        takes: &["jpg"],
    },
    Tool {
        name: "jhead",
        version: "jhead -V",
        line: r#"cp "$in" "$out" && jhead -q -purejpg "$out""#,
        takes: &["jpg"],
    },
    Tool {
        name: "jpegoptim",
        version: "jpegoptim --version | head -n 1",
        line: r#"cp "$in" "$out" && jpegoptim -q -f --strip-all "$out""#,
        takes: &["jpg"],
    },
    Tool {
        name: "OptiPNG",
        version: "optipng --version | head -n 1",
        line: r#"optipng -quiet -force -o1 -strip all -out "$out" "$in""#,
        takes: &["png"],
    },
    Tool {
        name: "pngcrush",
        version: "pngcrush -version 2>&1 | grep -oE 'pngcrush [0-9.]+' | head -n 1",
        line: r#"pngcrush -q -rem allb "$in" "$out""#,
        takes: &["png"],
    },
    Tool {
        name: "webpmux",
        version: "webpmux -version | head -n 1",
        // It fails where there is nothing to take out.
        line: r#"cp "$in" "$out"; for kind in exif xmp icc; do webpmux -strip $kind "$out" -o "$out.1" && mv "$out.1" "$out"; done; webpmux -info "$out""#,
        takes: &["webp"],
    },
];

/// What a program made of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Left,
    Refused,
    GoneButPixelsChanged,
    Gone,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Gone, Outcome::GoneButPixelsChanged, Outcome::Refused, Outcome::Left];

    fn words(self) -> &'static str {
        match self {
            Outcome::Left => "**LEFT**",
            Outcome::Refused => "refused",
            Outcome::GoneButPixelsChanged => "gone, pixels changed",
            Outcome::Gone => "gone",
        }
    }
}

/// Arguments: which of `jpg`, `png` and `webp`; all without any.
fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    println!("| program | version |\n|---|---|");
    for tool in TOOLS {
        let version = shell(tool.version, Path::new(""), Path::new("")).1;
        println!("| {} | {} |", tool.name, version.lines().next().unwrap_or("missing").trim());
    }
    for (name, extension, pictures, plain) in [
        ("JPEG", "jpg", jpeg::planted(), oriented_jpeg()),
        ("PNG", "png", png::planted(), oriented_png()),
        ("WebP", "webp", webp::planted(), oriented_webp()),
    ] {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == extension) {
            container(name, extension, &pictures, &plain);
        }
    }
}

fn container(name: &str, extension: &str, pictures: &[Planted], plain: &[u8]) {
    let tools: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.takes.contains(&extension)).collect();
    let folder = TempDir::new().unwrap();
    let watch = Watch::default();
    let mut rows: BTreeMap<Vec<Outcome>, Vec<&str>> = BTreeMap::new();
    for picture in pictures {
        let outcomes = tools.iter().map(|tool| outcome(tool, folder.path(), extension, picture, &watch)).collect();
        rows.entry(outcomes).or_default().push(&picture.carrier);
    }
    println!("\n## {name}: {} carriers\n", pictures.len());
    println!("| program | {} | orientation | colour profile |", Outcome::ALL.map(Outcome::words).join(" | "));
    println!("|---|{}", "---|".repeat(Outcome::ALL.len() + 2));
    for (at, tool) in tools.iter().enumerate() {
        let count = |wanted| {
            let equal = rows.iter().filter(|(outcomes, _)| outcomes.get(at) == Some(&wanted));
            equal.map(|(_, carriers)| carriers.len()).sum::<usize>().to_string()
        };
        let (turned, coloured) = kept(tool, folder.path(), extension, plain);
        println!("| {} | {} | {turned} | {coloured} |", tool.name, Outcome::ALL.map(count).join(" | "));
    }
    println!("\n| carriers | {} |", tools.iter().map(|tool| tool.name).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(tools.len()));
    for (outcomes, carriers) in &rows {
        let words: Vec<_> = outcomes.iter().map(|outcome| outcome.words()).collect();
        println!("| {} | {} |", joined(name, carriers), words.join(" | "));
    }
}

/// Carriers in one cell. Many of one kind, which is their first word, are counted.
fn joined(container: &str, carriers: &[&str]) -> String {
    const MOST: usize = 4;
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for carrier in carriers.iter().map(|carrier| carrier.trim_start_matches(container).trim()) {
        kinds.entry(carrier.split(' ').next().unwrap_or_default()).or_default().push(carrier);
    }
    let cells = kinds.into_iter().map(|(kind, carriers)| match carriers.len() {
        ..=MOST => carriers.join("; "),
        count => format!("{count} of the kind \"{kind}\""),
    });
    cells.collect::<Vec<_>>().join("; ")
}

/// Where a program fails, says so or leaves no picture, it has refused: the user knows.
fn outcome(tool: &Tool, folder: &Path, extension: &str, picture: &Planted, watch: &Watch) -> Outcome {
    let Some(output) = cleaned(tool, folder, extension, &picture.bytes) else {
        return Outcome::Refused;
    };
    if watch.finds(&output) {
        Outcome::Left
    } else if pixels(&picture.bytes).is_some_and(|before| pixels(&output) != Some(before)) {
        Outcome::GoneButPixelsChanged
    } else {
        Outcome::Gone
    }
}

/// What becomes of a turned picture with a colour profile. A program that turns the pixels themselves keeps the orientation too.
fn kept(tool: &Tool, folder: &Path, extension: &str, plain: &[u8]) -> (&'static str, &'static str) {
    let Some(output) = cleaned(tool, folder, extension, plain) else {
        return ("refused", "refused");
    };
    let size = |bytes: &[u8]| pixels(bytes).map(|(width, height, ..)| (width, height));
    let turned = orientation(&output) == orientation(plain) || size(&output) != size(plain);
    let coloured = profile(&output).is_some();
    (if turned { "kept" } else { "**lost**" }, if coloured { "kept" } else { "**lost**" })
}

fn cleaned(tool: &Tool, folder: &Path, extension: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let input = folder.join("in").with_extension(extension);
    let output = folder.join("out").with_extension(extension);
    for old in fs::read_dir(folder).unwrap() {
        fs::remove_file(old.unwrap().path()).unwrap();
    }
    fs::write(&input, bytes).unwrap();
    let (done, _) = shell(tool.line, &input, &output);
    fs::read(output).ok().filter(|output| done && !output.is_empty())
}

fn shell(line: &str, input: &Path, output: &Path) -> (bool, String) {
    let variables: [(&str, &OsStr); 2] = [("in", input.as_os_str()), ("out", output.as_os_str())];
    let run = Command::new("sh").args(["-c", line]).envs(variables).stdin(Stdio::null()).output().unwrap();
    (run.status.success(), String::from_utf8_lossy(&run.stdout).into_owned())
}

/// The EXIF block of a phone that is held upright.
fn orientation_block() -> Vec<u8> {
    tiff::block(false, &[vec![tiff::shorts(0x0112, &[6])]])
}

fn oriented_jpeg() -> Vec<u8> {
    let exif = segment(0xE1, &[b"Exif\0\0", &orientation_block()[..]].concat());
    let profile = segment(0xE2, &[b"ICC_PROFILE\0\x01\x01", &icc::plain()[..]].concat());
    jpeg::with(&[exif, profile].concat())
}

fn oriented_png() -> Vec<u8> {
    let profile = chunk(b"iCCP", &[b"icc\0\0", &zlib(&icc::plain())[..]].concat());
    png::with(&png::plain(), &[profile, chunk(b"eXIf", &orientation_block())].concat())
}

fn oriented_webp() -> Vec<u8> {
    webp::extended(0x28, &riff_chunk(b"ICCP", &icc::plain()), &riff_chunk(b"EXIF", &orientation_block()))
}
