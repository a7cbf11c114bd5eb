//! Reads Rust sources for the paths they name, so that a test can hold the house to its plan.
//!
//! It reads tokens, not types: comments and string literals do not count, code that only tests
//! compile does not count, and every path counts wherever it stands (a `use`, a type, a call, an
//! argument of a macro). Names that a `use` brings in are followed within the file, so renaming a
//! crate or a module does not hide it.

mod attributes;
mod paths;
mod test_names;
mod tokens;
mod walk;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use paths::Reference;
pub use test_names::{javascript_test_names, kotlin_test_names, test_names};

/// One source file of a crate, and what its non-test code names.
#[derive(Debug)]
pub struct SourceFile {
    /// Path below the crate's `src`, with `/` between the parts.
    pub name: String,
    /// The module the file is: `["store", "catalog"]`; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// Lines in the file, tests included.
    pub lines: usize,
    /// Every path that the non-test code names.
    pub references: Vec<Reference>,
}

impl SourceFile {
    /// The room the file belongs to: its top module, or `lib` and `main` for the roots.
    pub fn room(&self) -> &str {
        match self.module.first() {
            Some(top) => top,
            None => self.name.trim_end_matches(".rs"),
        }
    }
}

/// Reads every source file below `src`, the `src` folder of the crate that calls itself `crate_name`.
///
/// Files that are reached only through `#[cfg(test)] mod x;` are left out.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn read_crate(src: &Path, crate_name: &str) -> io::Result<Vec<SourceFile>> {
    let mut parsed = Vec::new();
    let mut test_only: Vec<Vec<String>> = Vec::new();
    let mut exports = Vec::new();
    for file in files_with_extension(src, "rs")? {
        let text = fs::read_to_string(&file)?;
        let name = relative_name(src, &file);
        let module = module_of(&name);
        let read = paths::read(&text, &module, crate_name);
        test_only.extend(read.test_modules);
        exports.extend(read.exports);
        parsed.push(SourceFile { name, module, lines: text.lines().count(), references: read.references });
    }
    parsed.retain(|file| !test_only.iter().any(|test| file.module.starts_with(test)));
    for file in &mut parsed {
        paths::follow_exports(&mut file.references, &exports);
    }
    Ok(parsed)
}

/// The paths that a single source text names, as the module `module` of the crate `crate_name`.
pub fn references(text: &str, module: &[&str], crate_name: &str) -> Vec<Reference> {
    let module: Vec<String> = module.iter().map(ToString::to_string).collect();
    paths::read(text, &module, crate_name).references
}

/// All files below `folder` whose name ends with `extension`, except in build and hidden folders and in what npm has fetched.
///
/// # Errors
/// When a folder cannot be read.
pub fn files_with_extension(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let is_ours = !name.starts_with("target") && !name.starts_with('.') && name != "node_modules";
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn relative_name(src: &Path, file: &Path) -> String {
    let below = file.strip_prefix(src).unwrap_or(file);
    below.to_string_lossy().replace('\\', "/")
}

fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let is_root = module.len() == 1 && module.first().is_some_and(|m| m == "lib" || m == "main");
    if is_root || module.last().is_some_and(|m| m == "mod") {
        module.pop();
    }
    module
}
