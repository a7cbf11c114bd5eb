//! Pillow and its LittleCMS as a witness: pixels, colours, orientation and texts.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tools::{self, PYTHON};

/// What came of comparing a folder's pictures.
#[derive(Debug, Default)]
pub struct Compared {
    /// Pictures that were opened before and after.
    pub opened: usize,
    /// Of which with a profile through which LittleCMS converted them.
    pub converted: usize,
    /// Pictures that it opens only once they are stripped.
    pub only_after: Vec<String>,
    /// Pictures that it cannot open at all.
    pub unopened: Vec<String>,
    /// What is wrong, each with the name of its picture.
    pub problems: Vec<String>,
}

/// Compares each picture of `after/` with that of the same name in `before/`. `None` where Pillow is missing, which is said by name.
///
/// # Panics
/// If the script does not run to its end.
pub fn compare(folder: &Path, skipped: &str) -> Option<Compared> {
    if !tools::has_pillow(skipped) {
        return None;
    }
    let output = Command::new(PYTHON).args(["-c", include_str!("colours.py")]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut compared = Compared::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let says: Value = serde_json::from_str(line).unwrap();
        let name = says["name"].as_str().unwrap().to_owned();
        let is = |key: &str| says[key].as_bool().unwrap_or(false);
        for problem in says["problems"].as_array().unwrap() {
            compared.problems.push(format!("{name}: {}", problem.as_str().unwrap()));
        }
        compared.opened += usize::from(is("before") && is("after"));
        compared.converted += usize::from(is("converted"));
        match (is("before"), is("after")) {
            (false, true) => compared.only_after.push(name),
            (false, false) => compared.unopened.push(name),
            _ => {}
        }
    }
    Some(compared)
}
