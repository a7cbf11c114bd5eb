//! Whether everything in the two processes' folders belongs to whom the folder belongs to: what root left there, the process cannot read.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::Finding;
use super::looking::{Entry, Folder, named};
use crate::config::Layout;

/// Entries of one process's folder that are looked at.
const MAX_ENTRIES: usize = 200_000;

/// Paths named in one finding.
const NAMED: usize = 3;

/// Folders that are open at once.
const MAX_FOLDERS: usize = 512;

const CHECK: &str = "owners";

pub(super) fn examine(layout: &Layout) -> Vec<Finding> {
    let shared = layout.has_two_users().then(|| layout.blobs());
    [layout.ingest(), layout.clinic()].iter().map(|folder| finding(folder, shared.as_deref())).collect()
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    entries: usize,
    wrong: Vec<PathBuf>,
    /// Also named elsewhere, so that giving it away could give away something else.
    linked: Vec<PathBuf>,
    unread: Option<PathBuf>,
}

fn finding(path: &Path, shared: Option<&Path>) -> Finding {
    let Ok(folder) = Folder::open(path) else { return unseen(path) };
    let Ok(owner) = folder.owner() else { return unseen(path) };
    let seen = walk(folder, owner, shared);
    if let Some(first) = seen.linked.first() {
        return Finding::fail(
            CHECK,
            format!("{} belongs to another user and has a second name elsewhere.", named(first)),
            "Somebody put it there. See what else it is (ls -li, find -inum) before you remove this name; give it to nobody.",
        );
    }
    if !seen.wrong.is_empty() {
        let (user, group) = owner;
        return Finding::fail(
            CHECK,
            format!("User {user} does not own, and so cannot use: {}.", named_all(&seen.wrong)),
            format!("Stop the gateway, then: chown -hR {user}:{group} {}", quoted(path)),
        );
    }
    if let Some(unread) = &seen.unread {
        return unseen(unread);
    }
    let all = if seen.entries < MAX_ENTRIES { "Everything" } else { "What was looked at" };
    Finding::ok(CHECK, format!("{all} in {} belongs to user {}.", named(path), owner.0))
}

fn unseen(path: &Path) -> Finding {
    Finding::warn(CHECK, format!("Who owns what in {} could not be seen.", named(path)), "Run doctor as root.")
}

/// Folders first come, first looked into, so that a bound leaves out what lies deepest.
fn walk(folder: Folder, owner: (u32, u32), shared: Option<&Path>) -> Seen {
    let mut seen = Seen::default();
    let mut folders = VecDeque::from([folder]);
    while let Some(folder) = folders.pop_front() {
        let Ok(entries) = folder.entries(MAX_ENTRIES.saturating_sub(seen.entries)) else {
            seen.unread = Some(folder.path_of("".as_ref()));
            continue;
        };
        for entry in entries {
            seen.entries += 1;
            let path = folder.path_of(&entry.name);
            if is_wrong(&entry, &path, owner, shared) {
                let linked = entry.kind() == FileType::RegularFile && entry.stat.st_nlink > 1;
                if linked { seen.linked.push(path) } else { seen.wrong.push(path) }
            }
            if entry.kind() == FileType::Directory {
                match folder.folder(&entry.name) {
                    Ok(below) if folders.len() < MAX_FOLDERS => folders.push_back(below),
                    _ => seen.unread = Some(folder.path_of(&entry.name)),
                }
            }
        }
    }
    seen
}

/// What the clinic process reads of ingest's it reads by its group.
fn is_wrong(entry: &Entry, path: &Path, (user, group): (u32, u32), shared: Option<&Path>) -> bool {
    let by_group = shared.is_some_and(|shared| path.starts_with(shared));
    entry.stat.st_uid != user || (by_group && entry.stat.st_gid != group)
}

fn named_all(paths: &[PathBuf]) -> String {
    let mut text: Vec<String> = paths.iter().take(NAMED).map(|path| named(path)).collect();
    if paths.len() > NAMED {
        text.push(format!("and {} more", paths.len() - NAMED));
    }
    text.join(", ")
}

/// For a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
