//! What processes asked of the files in one folder, read from strace's output.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// strace's options for a trace that [`Trace::read`] understands. The calls that change files or make changes durable, with all of their data.
pub const STRACE: [&str; 9] = [
    "-f",
    "-ttt",
    "-xx",
    "-y",
    "-s",
    "10000000",
    "-e",
    "trace=%file,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,sync_file_range,syncfs,sync,\
     copy_file_range,sendfile,splice,mmap,msync,fchmod,fchown,ioctl",
    "-o",
];

/// Calls of the above that change neither contents nor names, or mode and owner alone.
const HARMLESS: &[&str] = &[
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "chdir",
    "execve",
    "utimensat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "chown",
    "msync",
    "getxattr",
    "lgetxattr",
    // Both begin to write and promise nothing.
    "sync_file_range",
    "ioctl",
];

/// A change to a file or a folder's names, or a promise about one. Paths are relative to the folder.
#[derive(Debug, Clone)]
pub enum Call {
    /// Opened, and made if it was not there.
    Create(PathBuf),
    /// Written; without an offset, at its end.
    Write(PathBuf, Option<u64>, Arc<[u8]>),
    /// Cut off, or made longer with zeros.
    Truncate(PathBuf, u64),
    /// A file's contents or a folder's names are made durable.
    Sync(PathBuf),
    /// A folder is made.
    Folder(PathBuf),
    /// Renamed.
    Rename(PathBuf, PathBuf),
    /// Removed.
    Remove(PathBuf),
}

/// The beginning or the end of a call.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Microseconds since 1970.
    pub at: u64,
    /// Which call.
    pub call: usize,
    /// Whether it ends here.
    pub end: bool,
}

/// Calls that succeeded, and when.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The calls.
    pub calls: Vec<Call>,
    /// Their beginnings and ends in order.
    pub moments: Vec<Moment>,
}

impl Trace {
    /// Reads strace's output; what does not concern `folder` is left out.
    ///
    /// # Errors
    /// A line that changes something in `folder` in a way that is not understood.
    pub fn read(text: &str, folder: &Path) -> Result<Self, String> {
        let mut trace = Self::default();
        let mut unfinished: HashMap<&str, (u64, usize, String)> = HashMap::new();
        // A call's place among the moments is kept for it until its end tells whether it succeeded.
        let mut moments: Vec<Option<Moment>> = Vec::new();
        for line in text.lines() {
            let Some((process, rest)) = line.split_once(' ') else { continue };
            let Some((time, said)) = rest.trim_start().split_once(' ') else { continue };
            let at = micros(time).ok_or_else(|| format!("no time: {line:.100}"))?;
            let (began, place, whole) = if let Some(begun) = said.strip_suffix(" <unfinished ...>") {
                moments.push(None);
                unfinished.insert(process, (at, moments.len() - 1, begun.to_owned()));
                continue;
            } else if let Some(resumed) = said.strip_prefix("<... ") {
                let end = resumed.split_once(" resumed>").ok_or_else(|| format!("not understood: {line:.100}"))?.1;
                let Some((began, place, begun)) = unfinished.remove(process) else { continue };
                (began, place, begun + end)
            } else {
                moments.push(None);
                (at, moments.len() - 1, said.to_owned())
            };
            if let Some(call) = Said::of(&whole).map(|said| said.call(folder)).transpose()?.flatten() {
                if let Some(start) = moments.get_mut(place) {
                    *start = Some(Moment { at: began, call: trace.calls.len(), end: false });
                }
                moments.push(Some(Moment { at, call: trace.calls.len(), end: true }));
                trace.calls.push(call);
            }
        }
        trace.moments = moments.into_iter().flatten().collect();
        Ok(trace)
    }

    /// The same without some of the calls: what a program would leave behind that forgot them.
    pub fn without(&self, forgotten: impl Fn(&Call) -> bool) -> Self {
        let kept = |moment: &&Moment| self.calls.get(moment.call).is_some_and(|call| !forgotten(call));
        Self { calls: self.calls.clone(), moments: self.moments.iter().filter(kept).copied().collect() }
    }
}

/// A line in its parts.
struct Said<'a> {
    name: &'a str,
    arguments: &'a str,
    result: &'a str,
}

impl<'a> Said<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        // No bracket stands in the strings: they are all in hexadecimal.
        let (arguments, result) = rest.rsplit_once(") ")?;
        let result = result.trim_start().strip_prefix("= ")?;
        Some(Self { name, arguments, result })
    }

    /// The call, if it succeeded and concerns the folder.
    fn call(&self, folder: &Path) -> Result<Option<Call>, String> {
        if self.result.starts_with(['-', '?']) || HARMLESS.contains(&self.name) {
            return Ok(None);
        }
        let within = |path: PathBuf| path.strip_prefix(folder).ok().filter(|path| !is_index(path)).map(Path::to_owned);
        let on = |path: Option<PathBuf>| path.and_then(within);
        let call = match self.name {
            "open" | "openat" | "openat2" | "creat" => {
                let Some(path) = on(path_in(self.result)) else { return Ok(None) };
                if self.arguments.contains("O_TRUNC") || self.name == "creat" {
                    return Err(self.unknown());
                }
                self.arguments.contains("O_CREAT").then_some(Call::Create(path))
            }
            "pwrite64" => match on(path_in(self.arguments)) {
                Some(path) => Some(Call::Write(path, Some(self.number(0)?), self.written()?)),
                None => None,
            },
            "write" => match on(path_in(self.arguments)) {
                Some(path) => Some(Call::Write(path, None, self.written()?)),
                None => None,
            },
            "ftruncate" => match on(path_in(self.arguments)) {
                Some(path) => Some(Call::Truncate(path, self.number(0)?)),
                None => None,
            },
            "fsync" | "fdatasync" => on(path_in(self.arguments)).map(Call::Sync),
            "mkdir" | "mkdirat" => on(Some(self.named(0)?)).map(Call::Folder),
            "unlink" | "rmdir" | "unlinkat" => on(Some(self.named(0)?)).map(Call::Remove),
            "rename" | "renameat" | "renameat2" => match (on(Some(self.named(0)?)), on(Some(self.named(1)?))) {
                (Some(from), Some(to)) => Some(Call::Rename(from, to)),
                (None, None) => None,
                _ => return Err(self.unknown()),
            },
            "mmap" if !(self.arguments.contains("MAP_SHARED") && self.arguments.contains("PROT_WRITE")) => None,
            _ => {
                let named = [path_in(self.arguments), self.named(0).ok(), self.named(1).ok()];
                if named.into_iter().any(|path| on(path).is_some()) {
                    return Err(self.unknown());
                }
                None
            }
        };
        Ok(call)
    }

    fn unknown(&self) -> String {
        format!("the model does not know {}({:.300}", self.name, self.arguments)
    }

    /// The `at`th string, as a whole path.
    fn named(&self, at: usize) -> Result<PathBuf, String> {
        let text =
            self.arguments.split('"').nth(2 * at + 1).and_then(hex).and_then(|path| String::from_utf8(path).ok());
        text.map(PathBuf::from).filter(|path| path.is_absolute()).ok_or_else(|| self.unknown())
    }

    /// The number that many arguments before the last.
    fn number(&self, before_last: usize) -> Result<u64, String> {
        let number = self.arguments.rsplit(", ").nth(before_last).and_then(|number| number.trim().parse().ok());
        number.ok_or_else(|| self.unknown())
    }

    /// What of the data was written.
    fn written(&self) -> Result<Arc<[u8]>, String> {
        let bytes = self.arguments.split('"').nth(1).and_then(hex).ok_or_else(|| self.unknown())?;
        let count = self.result.split(' ').next().and_then(|count| count.parse::<usize>().ok());
        let whole = !self.arguments.contains("\"...");
        let bytes = count.filter(|_| whole).and_then(|count| bytes.get(..count)).ok_or_else(|| self.unknown())?;
        Ok(bytes.into())
    }
}

/// SQLite's index of a write-ahead log: mapped into memory, and made anew by whoever opens the database first.
fn is_index(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with("-shm"))
}

/// The path that strace adds to a file descriptor. None for a socket, and for a file that has no name any more.
fn path_in(text: &str) -> Option<PathBuf> {
    let (inside, after) = text.split_once('<')?.1.split_once('>')?;
    let path = PathBuf::from(String::from_utf8(hex(inside)?).ok()?);
    (!after.starts_with("(deleted)")).then_some(path)
}

/// Undoes strace's escapes, which are all hexadecimal.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(4)
        .map(|escape| match escape {
            [b'\\', b'x', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn micros(time: &str) -> Option<u64> {
    let (seconds, micros) = time.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    #[test]
    fn calls_are_read_with_their_beginnings_and_ends() {
        let (file, other) = (escaped("/d/in/a"), escaped("/elsewhere"));
        let text = format!(
            "7 10.000001 openat(AT_FDCWD<{cwd}>, \"{file}\", O_RDWR|O_CREAT, 0600) = 3<{file}>\n\
             7 10.000002 pwrite64(3<{file}>, \"\\x01\\x02\\x03\", 3, 40 <unfinished ...>\n\
             8 10.000003 pwrite64(4<{other}>, \"\\x01\", 1, 0) = 1\n\
             8 10.000004 fsync(3<{file}>) = -1 EIO (Input/output error)\n\
             7 10.000005 <... pwrite64 resumed>) = 2\n\
             7 10.000006 +++ exited with 0 +++\n",
            cwd = escaped("/d"),
        );
        let trace = Trace::read(&text, Path::new("/d")).unwrap();
        let [Call::Create(made), Call::Write(written, Some(40), bytes)] = trace.calls.as_slice() else {
            panic!("{:?}", trace.calls);
        };
        assert_eq!((made.as_path(), written.as_path()), (Path::new("in/a"), Path::new("in/a")));
        assert_eq!(**bytes, [1, 2], "the third byte was not written");
        let moments: Vec<(u64, usize, bool)> = trace.moments.iter().map(|m| (m.at, m.call, m.end)).collect();
        assert_eq!(
            moments,
            [(10_000_001, 0, false), (10_000_001, 0, true), (10_000_002, 1, false), (10_000_005, 1, true)]
        );
    }

    #[test]
    fn what_the_model_does_not_know_is_an_error() {
        let file = escaped("/d/a");
        for call in [
            "fallocate(3<F>, 0, 0, 10) = 0",
            "copy_file_range(3<F>, NULL, 3<F>, NULL, 1, 0) = 1",
            "mmap(NULL, 1, PROT_READ|PROT_WRITE, MAP_SHARED, 3<F>, 0) = 0x7f",
            "link(\"F\", \"F\") = 0",
        ] {
            let text = format!("7 1.000000 {}\n", call.replace('F', &file));
            assert!(Trace::read(&text, Path::new("/d")).is_err(), "{call}");
            assert!(Trace::read(&text, Path::new("/e")).unwrap().calls.is_empty(), "{call}");
        }
    }
}
