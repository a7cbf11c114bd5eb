//! Names, numbers and birth dates in memory, in two orders: by name, for whoever reads a list, and by word, for whoever types the beginning of one.
//!
//! An alias stands aside: it is in neither order, and lends its words to the record that stands for it.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use safelight_core::label::folded;
use zeroize::Zeroizing;

use super::Found;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::pictures::Handle;

/// Up to so many candidates are looked at one by one before the list by name is walked instead.
const FEW: usize = 1024;

/// A word of somebody's, or a whole name: compared as text, and wiped.
#[derive(Clone, PartialEq, Eq)]
struct Word(Zeroizing<String>);

impl Word {
    fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

/// A patient's place in the list by name, or by word.
type Place = (Word, Handle);

/// Everybody who is known.
#[derive(Default)]
pub(super) struct Names {
    entries: HashMap<Handle, Entry>,
    by_name: BTreeSet<Place>,
    by_word: BTreeSet<Place>,
    /// Aliases, each with its record, and with who it is once that is read.
    aside: HashMap<Handle, (Handle, Option<PatientIdentity>)>,
    /// Records with their aliases.
    by_record: BTreeSet<(Handle, Handle)>,
    /// The last patient's number in the catalog.
    pub(super) last: u64,
    /// The number of the last change of aliases.
    pub(super) changed: u64,
}

struct Entry {
    identity: PatientIdentity,
    /// What is searched, word by word.
    words: Vec<Word>,
}

impl Names {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, handle: &Handle) -> Option<&PatientIdentity> {
        let aside = || self.aside.get(handle).and_then(|(_, identity)| identity.as_ref());
        self.entries.get(handle).map(|entry| &entry.identity).or_else(aside)
    }

    /// Adds a patient, or puts another identity in the place of the one before.
    pub(super) fn learn(&mut self, handle: Handle, identity: PatientIdentity) {
        if let Some((record, known)) = self.aside.get_mut(&handle) {
            let record = *record;
            *known = Some(identity);
            self.refresh(&record);
            return;
        }
        self.take(&handle);
        let mut words = words(&identity);
        for (_, alias) in self.by_record.range((handle, [0; 32])..=(handle, [u8::MAX; 32])) {
            words.extend(self.get(alias).into_iter().flat_map(self::words));
        }
        words.sort();
        words.dedup();
        self.by_name.insert(place(handle, &identity));
        self.by_word.extend(words.iter().map(|word| (word.clone(), handle)));
        self.entries.insert(handle, Entry { identity, words });
    }

    /// Has `record` stand for `handle`; the handle itself, for one that stands.
    pub(super) fn point(&mut self, handle: Handle, record: Handle) {
        let identity = match self.aside.remove(&handle) {
            Some((former, identity)) => {
                self.by_record.remove(&(former, handle));
                self.refresh(&former);
                identity
            }
            None => self.take(&handle),
        };
        if handle == record {
            identity.into_iter().for_each(|identity| self.learn(handle, identity));
        } else {
            self.aside.insert(handle, (record, identity));
            self.by_record.insert((record, handle));
            self.refresh(&record);
        }
    }

    /// Removes a patient who stands.
    pub(super) fn forget(&mut self, handle: &Handle) {
        drop(self.take(handle));
    }

    fn take(&mut self, handle: &Handle) -> Option<PatientIdentity> {
        let entry = self.entries.remove(handle)?;
        self.by_name.remove(&place(*handle, &entry.identity));
        for word in entry.words {
            self.by_word.remove(&(word, *handle));
        }
        Some(entry.identity)
    }

    /// A record's aliases are others than before.
    fn refresh(&mut self, record: &Handle) {
        let identity = self.take(record);
        identity.into_iter().for_each(|identity| self.learn(*record, identity));
    }

    /// Those of `among` whom `query` fits, by name: at most `limit`.
    pub(super) fn among(&self, query: &str, among: &[Handle], limit: usize) -> Vec<Found> {
        let query = folded(query);
        let wanted: Vec<&str> = split(&query).collect();
        self.sorted(among.iter().copied().filter(|handle| self.fits(handle, &wanted)), None, limit)
    }

    /// Those whom `query` fits, by name, after `after`: at most `limit`.
    pub(super) fn matches(&self, query: &str, after: Option<&Found>, limit: usize) -> Vec<Found> {
        let query = folded(query);
        let wanted: Vec<&str> = split(&query).collect();
        if let Some(few) = wanted.iter().find_map(|word| self.few_beginning_with(word)) {
            return self.sorted(few.into_iter().filter(|handle| self.fits(handle, &wanted)), after, limit);
        }
        // Many begin so: then enough of them are found soon.
        let start = after.map(|after| place(after.handle, &after.identity));
        let from = start.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let places = self.by_name.range((from, std::ops::Bound::Unbounded)).map(|(_, handle)| *handle);
        places.filter(|handle| self.fits(handle, &wanted)).take(limit).filter_map(|handle| self.found(handle)).collect()
    }

    /// Who has a word that begins so; `None` if they are many.
    fn few_beginning_with(&self, beginning: &str) -> Option<Vec<Handle>> {
        let from = (Word::new(beginning), [0; 32]);
        let mut few: Vec<Handle> = Vec::new();
        for (word, handle) in self.by_word.range(from..) {
            if !word.0.starts_with(beginning) {
                break;
            }
            if few.len() == FEW {
                return None;
            }
            few.push(*handle);
        }
        few.sort_unstable();
        few.dedup();
        Some(few)
    }

    /// Every word of a query begins a word of the patient's.
    fn fits(&self, handle: &Handle, wanted: &[&str]) -> bool {
        let Some(entry) = self.entries.get(handle) else { return false };
        wanted.iter().all(|wanted| entry.words.iter().any(|word| word.0.starts_with(wanted)))
    }

    fn sorted(&self, handles: impl Iterator<Item = Handle>, after: Option<&Found>, limit: usize) -> Vec<Found> {
        let after = after.map(|after| place(after.handle, &after.identity));
        let mut places: Vec<Place> = handles
            .filter_map(|handle| self.entries.get(&handle).map(|entry| place(handle, &entry.identity)))
            .filter(|place| after.as_ref().is_none_or(|after| place > after))
            .collect();
        places.sort();
        places.into_iter().take(limit).filter_map(|(_, handle)| self.found(handle)).collect()
    }

    fn found(&self, handle: Handle) -> Option<Found> {
        self.entries.get(&handle).map(|entry| Found { handle, identity: entry.identity.clone() })
    }
}

/// The words of a name, a number or a query. A comma ends one, with a space behind it or not.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty())
}

fn place(handle: Handle, identity: &PatientIdentity) -> Place {
    (Word(folded(&identity.name)), handle)
}

/// Name, number, birth date. A number with spaces is also found without them.
fn words(identity: &PatientIdentity) -> Vec<Word> {
    let name = folded(&identity.name);
    let number = folded(&identity.record_number);
    let mut words: Vec<_> = split(&name).chain(split(&number)).map(Word::new).collect();
    words.push(Word::new(number.split_whitespace().collect::<String>()));
    words.push(Word::new(identity.birth_date.clone()));
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str, number: &str, born: &str) -> PatientIdentity {
        PatientIdentity {
            issuer: "clinic".to_owned(),
            record_number: number.to_owned(),
            name: name.to_owned(),
            birth_date: born.to_owned(),
        }
    }

    fn names() -> Names {
        let mut names = Names::default();
        for (n, name, number, born) in [
            (1, "Quittländer, Zoë", "MRN 778", "1961-02-03"),
            (2, "Quill, Adam", "4711", "1990-01-01"),
            (3, "Osei, Kwame", "4712", "1961-02-09"),
        ] {
            names.learn([n; 32], identity(name, number, born));
        }
        names
    }

    fn who(found: &[Found]) -> Vec<u8> {
        found.iter().map(|found| found.handle[0]).collect()
    }

    #[test]
    fn beginnings_of_name_number_and_birth_date_find_by_name() {
        let names = names();
        for (query, expected) in [
            ("", vec![3, 2, 1]),
            ("qui", vec![2, 1]),
            ("zoë QUITT", vec![1]),
            ("Quittländer, Zoë", vec![1]),
            ("quill,adam", vec![2]),
            ("quittlander", vec![]),
            ("mrn778", vec![1]),
            ("778", vec![1]),
            ("47", vec![3, 2]),
            ("1961-02", vec![3, 1]),
            ("1961 osei", vec![3]),
            ("uill", vec![]),
        ] {
            assert_eq!(who(&names.matches(query, None, 9)), expected, "{query}");
            assert_eq!(who(&names.among(query, &[[1; 32], [2; 32], [3; 32], [9; 32]], 9)), expected, "{query}");
        }
        assert_eq!(who(&names.among("", &[[2; 32]], 9)), [2]);
    }

    #[test]
    fn the_list_goes_on_after_whoever_was_last_also_where_many_fit() {
        let mut names = names();
        let first = names.matches("", None, 1);
        assert_eq!(who(&names.matches("", first.last(), 9)), [2, 1]);
        for n in 0..3000u32 {
            let mut handle = [7; 32];
            handle[1..5].copy_from_slice(&n.to_be_bytes());
            names.learn(handle, identity(&format!("Many, {n:04}"), &n.to_string(), "2000-01-01"));
        }
        let (mut all, mut last) = (0, None);
        loop {
            let page = names.matches("many", last.as_ref(), 100);
            let Some(end) = page.last() else { break };
            assert!(last.as_ref().is_none_or(|last: &Found| last.identity.name < end.identity.name));
            all += page.len();
            last = Some(end.clone());
        }
        assert_eq!(all, 3000);
    }

    #[test]
    fn a_record_is_found_by_the_words_of_its_aliases_and_shown_as_itself() {
        let mut names = names();
        names.point([1; 32], [3; 32]);
        for (query, expected) in [("qui", vec![3, 2]), ("mrn778", vec![3]), ("osei", vec![3]), ("1961-02-03", vec![3])]
        {
            assert_eq!(who(&names.matches(query, None, 9)), expected, "{query}");
        }
        assert_eq!(names.matches("778", None, 9)[0].identity.name, "Osei, Kwame");
        assert_eq!(names.get(&[1; 32]).unwrap().record_number, "MRN 778", "who the alias is stays known");
        // Read late, read anew, pointed elsewhere, and back.
        names.point([9; 32], [2; 32]);
        names.learn([9; 32], identity("Later, Read", "9", "1999-09-09"));
        assert_eq!(who(&names.matches("later", None, 9)), [2]);
        names.learn([3; 32], identity("Osei, Kofi", "4712", "1961-02-09"));
        assert_eq!(who(&names.matches("quitt", None, 9)), [3]);
        names.point([1; 32], [2; 32]);
        assert_eq!((who(&names.matches("quitt", None, 9)), who(&names.matches("4712", None, 9))), (vec![2], vec![3]));
        for alias in [1, 9] {
            names.point([alias; 32], [alias; 32]);
        }
        assert_eq!(who(&names.matches("", None, 9)), [9, 3, 2, 1]);
        assert_eq!((who(&names.matches("quitt", None, 9)), names.aside.len(), names.by_record.len()), (vec![1], 0, 0));
        let words: usize = names.entries.values().map(|entry| entry.words.len()).sum();
        assert_eq!(names.by_word.len(), words, "something was left");
    }

    #[test]
    fn whoever_has_another_name_is_found_by_the_new_one_alone() {
        let mut names = names();
        names.learn([1; 32], identity("Neumann, Zoë", "MRN 778", "1961-02-03"));
        assert_eq!(who(&names.matches("quitt", None, 9)), Vec::<u8>::new());
        assert_eq!(who(&names.matches("neu", None, 9)), [1]);
        names.forget(&[1; 32]);
        assert_eq!(who(&names.matches("", None, 9)), [3, 2]);
        let words: usize = names.entries.values().map(|entry| entry.words.len()).sum();
        assert_eq!((names.len(), names.by_name.len(), names.by_word.len()), (2, 2, words), "something was left");
    }
}
