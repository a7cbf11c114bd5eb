//! The list of cases, `abuse-cases.toml`, says what is so: every case of the catalogue stands in it with the layer that must
//! catch it, and with tests that exist or the work that will bring them; and no test that carries a case's id is missing.
#![allow(clippy::expect_used, clippy::panic, reason = "a failed read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use safelight_tests::source::{files_with_extension, javascript_test_names, kotlin_test_names, test_names};

/// The catalogue: how many cases each of its chapters has.
const CHAPTERS: [(char, usize); 8] =
    [('T', 25), ('E', 22), ('S', 23), ('I', 13), ('D', 17), ('A', 13), ('C', 20), ('F', 12)];

/// What was found by attacking the running program.
const FOUND_HERE: char = 'X';

const LAYERS: [&str; 6] = ["core", "ingest", "clinic", "console", "phone", "custody"];

struct Case {
    caught_by: Vec<String>,
    tests: BTreeSet<String>,
    issue: Option<String>,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cases() -> BTreeMap<String, Case> {
    let text = fs::read_to_string(workspace().join("tests/abuse-cases.toml")).expect("the list of cases");
    let table: toml::Table = text.parse().expect("TOML");
    table.into_iter().map(|(id, case)| (id.clone(), read(&id, &case))).collect()
}

fn read(id: &str, case: &toml::Value) -> Case {
    let case = case.as_table().unwrap_or_else(|| panic!("{id} is no table"));
    for key in case.keys() {
        assert!(["case", "caught_by", "tests", "issue"].contains(&key.as_str()), "{id}: unknown key {key}");
    }
    assert!(case.get("case").and_then(toml::Value::as_str).is_some_and(|text| !text.is_empty()), "{id} says nothing");
    let list = |key: &str| -> Vec<String> {
        let items = case.get(key).and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
    };
    Case {
        caught_by: list("caught_by"),
        tests: list("tests").into_iter().collect(),
        issue: case.get("issue").and_then(toml::Value::as_str).map(str::to_owned),
    }
}

/// Every test with an id in its name, as `file::function`, by id.
fn tests_by_id() -> BTreeMap<String, BTreeSet<String>> {
    let root = workspace();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |extension: &str, parts: &[&str], names: fn(&str) -> Vec<String>| {
        for part in parts {
            for file in files_with_extension(&root.join(part), extension).expect("sources") {
                let text = fs::read_to_string(&file).expect("a source file");
                let below = file.strip_prefix(&root).expect("a path below the workspace").display().to_string();
                for name in names(&text) {
                    for id in ids(&name) {
                        found.entry(id).or_default().insert(format!("{below}::{name}"));
                    }
                }
            }
        }
    };
    add("rs", &["core", "gateway", "mobile-bindings", "tests"], test_names);
    add("kt", &["android-demo"], kotlin_test_names);
    add("mjs", &["tests/browser"], javascript_test_names);
    found
}

/// The ids that a test's name begins with: `t08_t09_there_are_no_tickets` has two.
fn ids(name: &str) -> Vec<String> {
    name.split('_').map_while(as_id).collect()
}

fn as_id(word: &str) -> Option<String> {
    let chapter = word.chars().next()?.to_ascii_uppercase();
    let number = word.get(1..)?;
    let known = chapter == FOUND_HERE || CHAPTERS.iter().any(|(letter, _)| *letter == chapter);
    (known && number.len() == 2 && number.chars().all(|c| c.is_ascii_digit())).then(|| word.to_ascii_uppercase())
}

#[test]
fn every_case_of_the_catalogue_is_listed_and_no_other() {
    let catalogue: BTreeSet<String> =
        CHAPTERS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n:02}"))).collect();
    let listed: BTreeSet<String> = cases().into_keys().filter(|id| !id.starts_with(FOUND_HERE)).collect();
    assert_eq!(listed, catalogue);
}

#[test]
fn every_case_names_who_catches_it_and_a_test_or_what_will_bring_one() {
    for (id, case) in cases() {
        assert!(!case.caught_by.is_empty(), "{id} names no layer");
        for layer in &case.caught_by {
            assert!(LAYERS.contains(&layer.as_str()), "{id}: {layer} is no layer");
        }
        let waits = case.issue.as_deref().is_some_and(|issue| !issue.trim().is_empty());
        assert!(!case.tests.is_empty() || waits, "{id} has neither a test nor the work that will bring one");
        assert!(!id.starts_with(FOUND_HERE) || !case.tests.is_empty(), "{id} was found here and has no test");
    }
}

#[test]
fn the_tests_listed_are_those_that_exist() {
    let found = tests_by_id();
    let mut wrong = Vec::new();
    let cases = cases();
    for (id, case) in &cases {
        let exist = found.get(id).cloned().unwrap_or_default();
        wrong.extend(
            case.tests.difference(&exist).map(|test| format!("{id} lists {test}, which is no test with its id")),
        );
        wrong.extend(exist.difference(&case.tests).map(|test| format!("{id} does not list {test}")));
    }
    wrong.extend(found.keys().filter(|id| !cases.contains_key(*id)).map(|id| format!("{id} has tests and no entry")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
