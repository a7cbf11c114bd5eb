//! Looks for what should not be there: names, numbers and positions, as they are and in the spellings in which they could hide.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use sha2::{Digest, Sha256};

/// Read from a file at once.
const BLOCK_LEN: usize = 1024 * 1024;

/// A spelling that is shorter would be found in random bytes now and then: four bytes in every hundredth search of 50 MB.
const MIN_SPELLING_LEN: usize = 6;

/// Something to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spelling {
    thing: usize,
    form: &'static str,
    bytes: Vec<u8>,
}

/// Things to look for, each in several spellings. One pass over the bytes finds them all.
#[derive(Debug, Default)]
pub struct Search {
    things: Vec<String>,
    spellings: Vec<Spelling>,
    by_start: HashMap<[u8; MIN_SPELLING_LEN], Vec<usize>>,
    longest: usize,
}

/// One thing in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// What was found, as it was named.
    pub thing: String,
    /// In which spelling.
    pub form: &'static str,
    /// In which file.
    pub file: PathBuf,
}

/// What a search of folders came to.
#[derive(Debug, Default)]
pub struct Searched {
    /// Files that were read.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// What was found.
    pub found: BTreeSet<Found>,
}

impl Search {
    /// Looks for `text` too: as UTF-8 in three cases, as UTF-16 in both orders, in base64 however it is aligned, in hexadecimal, and as
    /// an unkeyed hash.
    pub fn text(&mut self, thing: &str, text: &str) {
        let cases =
            [("text", text.to_owned()), ("lower case", text.to_lowercase()), ("upper case", text.to_uppercase())];
        let digest = Sha256::digest(text.as_bytes());
        let index = self.thing(thing);
        for (form, text) in &cases {
            let units = || text.encode_utf16();
            self.spell(index, form, text.as_bytes());
            self.spell(index, "UTF-16LE", &units().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
            self.spell(index, "UTF-16BE", &units().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
            self.encoded(index, text.as_bytes());
        }
        self.spell(index, "SHA-256", &digest);
        self.spell(index, "SHA-256 in hexadecimal", HEXLOWER.encode(&digest).as_bytes());
        self.spell(index, "SHA-256 in base64", BASE64.encode(&digest).trim_end_matches('=').as_bytes());
    }

    /// Looks for `bytes` too: as a text if they are one, else as they are, in base64 and in hexadecimal.
    pub fn either(&mut self, thing: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => self.text(thing, text),
            _ => self.bytes(thing, bytes),
        }
    }

    /// Looks for `bytes` too, as they are, in base64 and in hexadecimal.
    pub fn bytes(&mut self, thing: &str, bytes: &[u8]) {
        let index = self.thing(thing);
        self.spell(index, "bytes", bytes);
        self.encoded(index, bytes);
    }

    /// How many things it looks for.
    pub fn things(&self) -> usize {
        self.things.len()
    }

    /// In how many spellings.
    pub fn spellings(&self) -> usize {
        self.spellings.len()
    }

    /// The spellings, each with its thing and form: a search that is worth anything finds every one of them.
    pub fn samples(&self) -> impl Iterator<Item = (&str, &'static str, &[u8])> {
        let thing = |spelling: &Spelling| self.things.get(spelling.thing).map_or("", String::as_str);
        self.spellings.iter().map(move |spelling| (thing(spelling), spelling.form, spelling.bytes.as_slice()))
    }

    /// The things that are in `bytes`.
    pub fn in_bytes(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        self.scan(bytes, |spelling| {
            found.extend(self.things.get(spelling.thing).map(String::as_str));
        });
        found
    }

    /// What is in the files of `folder` and below, and in their names.
    ///
    /// # Errors
    /// If a file cannot be read: a search that left one out would be no search. One that has gone meanwhile has gone.
    pub fn in_folder(&self, folder: &Path, searched: &mut Searched) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            self.note(path.as_os_str().as_encoded_bytes(), &path, searched);
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.in_folder(&path, searched)?;
            } else if kind.is_file() {
                self.in_file(&path, searched)?;
            }
        }
        Ok(())
    }

    /// What is in one file.
    ///
    /// # Errors
    /// As [`Search::in_folder`].
    pub fn in_file(&self, path: &Path, searched: &mut Searched) -> io::Result<()> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        searched.files = searched.files.saturating_add(1);
        // What stands across two blocks is found because the end of one is kept in front of the next.
        let mut window = Vec::with_capacity(BLOCK_LEN.saturating_add(self.longest));
        loop {
            let kept = window.len();
            let read = file.by_ref().take(BLOCK_LEN as u64).read_to_end(&mut window)?;
            if read == 0 {
                return Ok(());
            }
            searched.bytes = searched.bytes.saturating_add(window.len().saturating_sub(kept) as u64);
            self.note(&window, path, searched);
            let overlap = self.longest.saturating_sub(1).min(window.len());
            window.drain(..window.len().saturating_sub(overlap));
        }
    }

    /// What is in one stretch of memory, which is called `place`.
    pub fn in_block(&self, bytes: &[u8], place: &Path, searched: &mut Searched) {
        searched.bytes = searched.bytes.saturating_add(bytes.len() as u64);
        self.note(bytes, place, searched);
    }

    fn note(&self, bytes: &[u8], file: &Path, searched: &mut Searched) {
        self.scan(bytes, |spelling| {
            let Some(thing) = self.things.get(spelling.thing) else { return };
            let found = Found { thing: thing.clone(), form: spelling.form, file: file.to_owned() };
            searched.found.insert(found);
        });
    }

    fn scan<'a>(&'a self, bytes: &[u8], mut found: impl FnMut(&'a Spelling)) {
        // Few pairs of bytes begin a spelling: almost every place is left behind with one look.
        let mut begins = vec![false; 1 << 16];
        for start in self.by_start.keys() {
            if let Some(flag) = begins.get_mut(pair(start)) {
                *flag = true;
            }
        }
        for (at, start) in bytes.windows(MIN_SPELLING_LEN).enumerate() {
            if !begins.get(pair(start)).copied().unwrap_or(false) {
                continue;
            }
            let Some(candidates) =
                <[u8; MIN_SPELLING_LEN]>::try_from(start).ok().and_then(|start| self.by_start.get(&start))
            else {
                continue;
            };
            let rest = bytes.get(at..).unwrap_or_default();
            let spellings = candidates.iter().filter_map(|index| self.spellings.get(*index));
            spellings.filter(|spelling| rest.starts_with(&spelling.bytes)).for_each(&mut found);
        }
    }

    fn thing(&mut self, thing: &str) -> usize {
        let known = self.things.iter().position(|known| known == thing);
        known.unwrap_or_else(|| {
            self.things.push(thing.to_owned());
            self.things.len().saturating_sub(1)
        })
    }

    fn encoded(&mut self, thing: usize, bytes: &[u8]) {
        self.spell(thing, "hexadecimal", HEXLOWER.encode(bytes).as_bytes());
        self.spell(thing, "hexadecimal", HEXUPPER.encode(bytes).as_bytes());
        for offset in 0..3 {
            self.spell(thing, "base64", core_of_base64(bytes, offset).as_bytes());
        }
    }

    fn spell(&mut self, thing: usize, form: &'static str, bytes: &[u8]) {
        let Some(start) = bytes.first_chunk::<MIN_SPELLING_LEN>() else { return };
        let same = |index: &usize| {
            self.spellings.get(*index).is_some_and(|spelling| spelling.thing == thing && spelling.bytes == bytes)
        };
        let alike = self.by_start.entry(*start).or_default();
        if alike.iter().any(same) {
            return;
        }
        alike.push(self.spellings.len());
        self.longest = self.longest.max(bytes.len());
        self.spellings.push(Spelling { thing, form, bytes: bytes.to_owned() });
    }
}

fn pair(start: &[u8]) -> usize {
    match start {
        [first, second, ..] => usize::from(*first) << 8 | usize::from(*second),
        _ => 0,
    }
}

/// The characters of base64 that stand for `bytes` whatever is around them, if they begin `offset` bytes after a multiple of three.
fn core_of_base64(bytes: &[u8], offset: usize) -> String {
    let padded = [vec![0; offset], bytes.to_owned()].concat();
    let encoded = BASE64.encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Search {
        let mut search = Search::default();
        search.text("name", "Zoë Quittländer");
        search.text("number", "MRN-77812-04");
        search.bytes("position", &[0, 0, 0, 47, 0, 0, 0, 1, 0, 0, 0, 22]);
        search
    }

    /// The control: whatever is planted is found, alone and amid other bytes.
    #[test]
    fn every_spelling_is_found_wherever_it_stands() {
        let search = search();
        let samples: Vec<_> = search.samples().collect();
        assert!(samples.len() > 30, "{}", samples.len());
        for (_, form, sample) in samples {
            assert_eq!(search.in_bytes(sample).len(), 1, "{form}");
            assert_eq!(search.in_bytes(&[b"...", sample, b"..."].concat()).len(), 1, "{form}");
            let cut = &sample[..sample.len() - 1];
            assert!(search.in_bytes(cut).is_empty() || cut.len() >= MIN_SPELLING_LEN, "{form}");
        }
    }

    #[test]
    fn what_other_programs_encode_is_found() {
        let search = search();
        for prefix in ["", "x", "xy", "xyz"] {
            let plain = format!("{prefix}Zoë Quittländer, MRN-77812-04; and more");
            for encoded in [BASE64.encode(plain.as_bytes()), HEXLOWER.encode(plain.as_bytes()), plain.to_uppercase()] {
                let found = search.in_bytes(encoded.as_bytes());
                assert_eq!(found.into_iter().collect::<Vec<_>>(), ["name", "number"], "{prefix:?}");
            }
            let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(search.in_bytes(&wide).len(), 2);
        }
        assert_eq!(search.in_bytes(&Sha256::digest(b"MRN-77812-04")).into_iter().collect::<Vec<_>>(), ["number"]);
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let search = search();
        assert!(search.in_bytes(b"").is_empty());
        let noise: Vec<u8> = (0..1_000_000_u32).flat_map(|n| Sha256::digest(n.to_le_bytes())[..2].to_vec()).collect();
        assert!(search.in_bytes(&noise).is_empty());
    }

    #[test]
    fn folders_are_searched_through_across_blocks_and_in_names() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let mut large = vec![b'.'; 2 * BLOCK_LEN + 100];
        // Over the seam of two blocks.
        large[BLOCK_LEN - 5..BLOCK_LEN + 7].copy_from_slice(b"MRN-77812-04");
        std::fs::write(below.join("large"), &large).unwrap();
        std::fs::write(below.join("mrn-77812-04.txt"), b"").unwrap();
        let mut searched = Searched::default();
        search().in_folder(folder.path(), &mut searched).unwrap();
        assert_eq!((searched.files, searched.bytes), (2, large.len() as u64));
        let found: Vec<_> = searched.found.iter().map(|found| (found.form, found.file.file_name().unwrap())).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(searched.found.iter().all(|found| found.thing == "number"));
        assert!(search().in_folder(&folder.path().join("nothing"), &mut searched).is_err());
    }
}
