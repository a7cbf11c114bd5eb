//! Public pictures of cameras, phones and programs.

use std::path::PathBuf;

use crate::{gateway, shared};

/// A picture of the corpus.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its place in the corpus, in which `/` separates.
    pub name: String,
    /// What it consists of.
    pub bytes: Vec<u8>,
}

/// Every file of the corpus, in the order of their names; `None` where there is none, which is said by name.
///
/// # Panics
/// If the folder is there and holds nothing.
pub fn photos() -> Option<Vec<Picture>> {
    let Some(folder) = shared::folder().map(|shared| shared.join("corpus/photos")).filter(|folder| folder.is_dir())
    else {
        eprintln!("skipped: what needs the corpus of photographs (no shared folder)");
        return None;
    };
    let named = |path: PathBuf| Picture {
        name: path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned(),
        bytes: std::fs::read(&path).unwrap(),
    };
    let found: Vec<_> = gateway::files(&folder).into_iter().map(named).collect();
    assert!(!found.is_empty(), "no picture in {}", folder.display());
    Some(found)
}
