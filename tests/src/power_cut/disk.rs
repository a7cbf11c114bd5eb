//! A disk that promises what POSIX promises and nothing more.
//!
//! A file's contents are durable once an fsync that began after the write has ended; a name is durable once its folder was synced so. A
//! rename from one folder to another is two changes, each durable with its folder. Everything else is up to the disk, in several tempers,
//! from one that keeps everything to one that keeps nothing: see [`Disk::cut`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::trace::{Call, Moment, Trace};
use crate::pictures::mutation::Random;

/// So much of a cut is said in words.
const SAID: usize = 40;

/// Files and folders with what is durable of each and what is not.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The first is the folder that everything is in.
    nodes: Vec<Node>,
    /// Syncs that have begun: what each will have made durable when it ends.
    syncing: HashMap<usize, (usize, HashSet<usize>)>,
}

#[derive(Debug, Clone)]
enum Node {
    File(File),
    Folder(Folder),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Arc<Vec<u8>>,
    len: u64,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
struct Pending {
    call: usize,
    ended: bool,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Arc<[u8]>),
    Truncate(u64),
}

#[derive(Debug, Clone, Default)]
struct Folder {
    durable: BTreeMap<String, usize>,
    now: BTreeMap<String, usize>,
    pending: Vec<Renaming>,
}

/// A change of a folder's names.
#[derive(Debug, Clone)]
struct Renaming {
    call: usize,
    remove: Option<String>,
    add: Option<(String, usize)>,
}

/// What is left after a cut.
#[derive(Debug, Default)]
pub struct Tree {
    /// Folders, each before what is in it.
    pub folders: Vec<PathBuf>,
    /// Files with their contents.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

impl Disk {
    /// What is in a folder, all of it durable. Sockets and SQLite's indices are left out.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut disk = Self { nodes: vec![Node::Folder(Folder::default())], syncing: HashMap::new() };
        disk.take_in(0, folder)?;
        Ok(disk)
    }

    fn take_in(&mut self, into: usize, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| io::ErrorKind::InvalidFilename)?;
            let kind = entry.file_type()?;
            let node = if kind.is_dir() {
                Node::Folder(Folder::default())
            } else if kind.is_file() && !name.ends_with("-shm") {
                let bytes = fs::read(entry.path())?;
                Node::File(File { len: bytes.len() as u64, durable: Arc::new(bytes), pending: Vec::new() })
            } else {
                continue;
            };
            self.nodes.push(node);
            let at = self.nodes.len() - 1;
            if let Some(Node::Folder(folder)) = self.nodes.get_mut(into) {
                folder.durable.insert(name.clone(), at);
                folder.now.insert(name, at);
            }
            if kind.is_dir() {
                self.take_in(at, &entry.path())?;
            }
        }
        Ok(())
    }

    /// Plays one moment.
    ///
    /// # Panics
    /// If the trace speaks of a file that is not there: it is not of this disk then.
    pub fn play(&mut self, trace: &Trace, moment: &Moment) {
        let (call, id) = (&trace.calls[moment.call], moment.call);
        match (call, moment.end) {
            (Call::Write(path, offset, bytes), false) => {
                let file = self.file(path);
                let offset = offset.unwrap_or(file.len);
                file.change(id, Change::Write(offset, bytes.clone()));
            }
            (Call::Truncate(path, len), false) => self.file(path).change(id, Change::Truncate(*len)),
            (Call::Write(path, ..) | Call::Truncate(path, _), true) => {
                let file = self.file(path);
                file.pending.iter_mut().filter(|pending| pending.call == id).for_each(|pending| pending.ended = true);
            }
            (Call::Sync(path), false) => {
                let node = self.at(path).unwrap_or_else(|| panic!("no {path:?} to sync"));
                self.syncing.insert(id, (node, self.unsynced(node)));
            }
            (Call::Sync(_), true) => {
                if let Some((node, covered)) = self.syncing.remove(&id) {
                    self.make_durable(node, &covered);
                }
            }
            (Call::Create(path), true) if self.at(path).is_none() => self.make(id, path, Node::File(File::default())),
            (Call::Folder(path), true) => self.make(id, path, Node::Folder(Folder::default())),
            (Call::Remove(path), true) => {
                let (folder, name) = self.place(path);
                folder.rename(Renaming { call: id, remove: Some(name), add: None });
            }
            (Call::Rename(from, to), true) => self.rename(id, from, to),
            (Call::Create(_), true)
            | (Call::Create(_) | Call::Folder(_) | Call::Remove(_) | Call::Rename(..), false) => {}
        }
    }

    /// What the disk holds if the power fails now, and in words what was lost. Each time another temper: nothing unsynced is kept, all of
    /// it, some writes, some pages of 4,096 bytes, some sectors of 512; a file's new length may be kept without its contents; names are
    /// kept in the order of a journal, in order in each folder, or in no order.
    pub fn cut(&self, random: &mut Random) -> (Tree, String) {
        let (data, names) = (random.below(5), random.below(5));
        let (mut tree, mut lost) = (Tree::default(), Lost::default());
        let last = self.nodes.iter().flat_map(|node| match node {
            Node::Folder(folder) => folder.pending.iter().map(|renaming| renaming.call).collect::<Vec<_>>(),
            Node::File(_) => Vec::new(),
        });
        let calls: Vec<usize> = last.collect();
        let journal = calls.get(random.below(calls.len().max(1))).copied().unwrap_or(0);
        self.keep(0, Path::new(""), &mut Tempers { data, names, journal, random }, &mut tree, &mut lost);
        let said = format!(
            "data temper {data}, names temper {names}; kept {} of {} unsynced writes or parts, {} of {} unsynced names:\n{}",
            lost.of_writes - lost.writes,
            lost.of_writes,
            lost.of_names - lost.names,
            lost.of_names,
            lost.said.join("\n")
        );
        (tree, said)
    }

    fn keep(&self, node: usize, path: &Path, tempers: &mut Tempers<'_>, tree: &mut Tree, lost: &mut Lost) {
        match self.nodes.get(node) {
            Some(Node::File(file)) => tree.files.push((path.to_owned(), file.kept(path, tempers, lost))),
            Some(Node::Folder(folder)) => {
                tree.folders.push(path.to_owned());
                for (name, node) in folder.kept(tempers, lost) {
                    self.keep(node, &path.join(name), tempers, tree, lost);
                }
            }
            None => {}
        }
    }

    /// What a sync that begins now will cover.
    fn unsynced(&self, node: usize) -> HashSet<usize> {
        match self.nodes.get(node) {
            Some(Node::File(file)) => {
                file.pending.iter().filter(|pending| pending.ended).map(|pending| pending.call).collect()
            }
            Some(Node::Folder(folder)) => folder.pending.iter().map(|renaming| renaming.call).collect(),
            None => HashSet::new(),
        }
    }

    fn make_durable(&mut self, node: usize, covered: &HashSet<usize>) {
        match self.nodes.get_mut(node) {
            Some(Node::File(file)) => {
                let pending = std::mem::take(&mut file.pending);
                let (synced, rest): (Vec<_>, Vec<_>) =
                    pending.into_iter().partition(|pending| covered.contains(&pending.call));
                file.pending = rest;
                let durable = Arc::make_mut(&mut file.durable);
                synced.iter().for_each(|pending| pending.change.apply(durable));
            }
            Some(Node::Folder(folder)) => {
                let pending = std::mem::take(&mut folder.pending);
                let (synced, rest): (Vec<_>, Vec<_>) =
                    pending.into_iter().partition(|renaming| covered.contains(&renaming.call));
                folder.pending = rest;
                synced.iter().for_each(|renaming| renaming.apply(&mut folder.durable));
            }
            None => {}
        }
    }

    fn make(&mut self, call: usize, path: &Path, node: Node) {
        self.nodes.push(node);
        let made = self.nodes.len() - 1;
        let (folder, name) = self.place(path);
        folder.rename(Renaming { call, remove: None, add: Some((name, made)) });
    }

    fn rename(&mut self, call: usize, from: &Path, to: &Path) {
        let node = self.at(from).unwrap_or_else(|| panic!("no {from:?} to rename"));
        let (_, new_name) = self.place(to);
        let (folder, old_name) = self.place(from);
        if from.parent() == to.parent() {
            folder.rename(Renaming { call, remove: Some(old_name), add: Some((new_name, node)) });
        } else {
            folder.rename(Renaming { call, remove: Some(old_name), add: None });
            self.place(to).0.rename(Renaming { call, remove: None, add: Some((new_name, node)) });
        }
    }

    fn at(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |node, name| match self.nodes.get(node)? {
            Node::Folder(folder) => folder.now.get(name.to_str()?).copied(),
            Node::File(_) => None,
        })
    }

    fn file(&mut self, path: &Path) -> &mut File {
        match self.at(path).and_then(|node| self.nodes.get_mut(node)) {
            Some(Node::File(file)) => file,
            _ => panic!("no file {path:?}"),
        }
    }

    /// The folder that a path is in, and its name there.
    fn place(&mut self, path: &Path) -> (&mut Folder, String) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_else(|| panic!("no name: {path:?}"));
        let folder = self.at(path.parent().unwrap_or(Path::new("")));
        match folder.and_then(|node| self.nodes.get_mut(node)) {
            Some(Node::Folder(folder)) => (folder, name.to_owned()),
            _ => panic!("no folder for {path:?}"),
        }
    }
}

struct Tempers<'a> {
    data: usize,
    names: usize,
    /// The last change that a journal kept.
    journal: usize,
    random: &'a mut Random,
}

#[derive(Default)]
struct Lost {
    writes: usize,
    of_writes: usize,
    names: usize,
    of_names: usize,
    said: Vec<String>,
}

impl Lost {
    fn say(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if self.said.len() < SAID {
            self.said.push(format!("  {}: {}", if kept { "kept" } else { "lost" }, what()));
        }
    }
}

impl File {
    fn change(&mut self, call: usize, change: Change) {
        self.len = match &change {
            Change::Write(offset, bytes) => self.len.max(offset + bytes.len() as u64),
            Change::Truncate(len) => *len,
        };
        self.pending.push(Pending { call, ended: false, change });
    }

    fn kept(&self, path: &Path, tempers: &mut Tempers<'_>, lost: &mut Lost) -> Vec<u8> {
        let mut bytes = self.durable.to_vec();
        for pending in &self.pending {
            for part in pending.change.parts(tempers.data) {
                lost.of_writes += 1;
                let keep = match tempers.data {
                    0 => false,
                    1 => true,
                    _ => tempers.random.below(2) == 0,
                };
                if keep {
                    part.apply(&mut bytes)
                } else {
                    lost.writes += 1
                }
                lost.say(keep, || format!("{} {}", path.display(), part.shown()));
            }
        }
        // The new length is there, the contents are not.
        if !self.pending.is_empty() && tempers.random.below(4) == 0 && (bytes.len() as u64) < self.len {
            let fill = if tempers.random.below(2) == 0 { 0 } else { 0xA5 };
            bytes.resize(usize::try_from(self.len).unwrap_or(bytes.len()), fill);
        }
        bytes
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => file.resize(usize::try_from(*len).expect("a small file"), 0),
            Self::Write(offset, bytes) => {
                let start = usize::try_from(*offset).expect("a small file");
                let end = start + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[start..end].copy_from_slice(bytes);
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Write(offset, bytes) => format!("{} bytes at {offset}", bytes.len()),
            Self::Truncate(len) => format!("cut to {len} bytes"),
        }
    }

    /// What a disk of this temper writes at once.
    fn parts(&self, temper: usize) -> Vec<Self> {
        let unit = match temper {
            3 => 4096,
            4 => 512,
            _ => return vec![self.clone()],
        };
        let Self::Write(offset, bytes) = self else { return vec![self.clone()] };
        let (mut parts, mut done) = (Vec::new(), 0);
        while done < bytes.len() {
            let at = offset + done as u64;
            let room = usize::try_from(unit - at % unit).expect("small");
            let end = bytes.len().min(done + room);
            parts.push(Self::Write(at, bytes[done..end].into()));
            done = end;
        }
        parts
    }
}

impl Folder {
    fn rename(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.now);
        self.pending.push(renaming);
    }

    fn kept(&self, tempers: &mut Tempers<'_>, lost: &mut Lost) -> BTreeMap<String, usize> {
        let mut names = self.durable.clone();
        let in_order = tempers.random.below(self.pending.len() + 1);
        let mut gone: HashSet<&str> = HashSet::new();
        for (at, renaming) in self.pending.iter().enumerate() {
            lost.of_names += 1;
            let touched: Vec<&str> = renaming.names().collect();
            let keep = match tempers.names {
                0 => false,
                1 => true,
                2 => renaming.call <= tempers.journal,
                3 => at < in_order,
                // Changes of one name stay in order.
                _ => !touched.iter().any(|name| gone.contains(name)) && tempers.random.below(2) == 0,
            };
            lost.say(keep, || format!("{touched:?}"));
            if keep {
                renaming.apply(&mut names);
            } else {
                lost.names += 1;
                gone.extend(touched);
            }
        }
        names
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(name) = &self.remove {
            names.remove(name);
        }
        if let Some((name, node)) = &self.add {
            names.insert(name.clone(), *node);
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.remove.iter().chain(self.add.iter().map(|(name, _)| name)).map(String::as_str)
    }
}

impl Tree {
    /// Writes it into `folder`, which is made.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for path in &self.folders {
            DirBuilder::new().mode(0o700).recursive(true).create(folder.join(path))?;
        }
        for (path, bytes) in &self.files {
            let mut options = fs::File::options();
            options.write(true).create_new(true).mode(0o600).open(folder.join(path))?.write_all(bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
