//! No statement reads a large table from end to end: every one that the clinic's part of the program has is read from its source, and its plan from SQLite.
//!
//! Tables grow with the years; what is fast with a hundred pictures and slow with a million would be found by the clinic, and not by its tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use safelight_tests::gateway::{Gateway, files};
use sqlx::{Connection, Row};

/// Tables that grow with pictures, patients and looks. Others hold people, phones and what waits for a moment.
const LARGE: &[&str] = &[
    "picture",
    "thumbnail",
    "patient",
    "patient_alias",
    "patient_merge",
    "care",
    "care_team",
    "emergency",
    "correction",
    "log_entry",
    "log_node",
    "access_index",
    "alert",
    "alert_patient",
    "alert_tally",
];

/// Statements that read one of them whole, and why they may.
const MAY_SCAN: &[(&str, &str)] = &[
    ("LAG(sequence)", "gaps of all devices: `vault list` and `doctor`, by hand, and once an hour for alerts"),
    ("SELECT (SELECT COUNT(*) FROM picture", "what a new vault key has to rewrite, once a rotation"),
    ("SELECT (SELECT COUNT(*) FROM access_index)", "whether a report can find everything, once a report"),
    ("SELECT COUNT(*) FROM access_index", "the whole log is verified, by hand"),
    ("SELECT COUNT(*) FROM log_node", "likewise"),
];

/// Beginnings whose end the program writes as long as it needs.
const BEGINNINGS: &[&str] = &["FROM log_node WHERE (level, pos) IN (VALUES"];

#[test]
fn every_statement_finds_what_it_reads_by_an_index() {
    let gateway = Gateway::init();
    let database = gateway.data().join("clinic/clinic.db");
    let statements = statements();
    assert!(statements.len() > 80, "the source is not read: {statements:#?}");
    let mut scans = Vec::new();
    for (statement, file) in &statements {
        if BEGINNINGS.iter().any(|beginning| statement.ends_with(beginning)) {
            continue;
        }
        for step in plan(&database, statement) {
            let reads = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            let whole = reads.is_some_and(|table| LARGE.contains(&table));
            // The order of an index, without a beginning in it, is the whole of it.
            if whole && !MAY_SCAN.iter().any(|(part, _)| statement.contains(part)) {
                scans.push(format!("{file}: {step}\n    {statement}"));
            }
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
    // The control: what has no index is seen.
    let steps = plan(&database, "SELECT capture FROM picture WHERE log_index = $1");
    assert!(steps.iter().any(|step| step.starts_with("SCAN picture")), "{steps:?}");
}

/// Every statement that reads, with the file that it stands in.
fn statements() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/src");
    let mut statements = BTreeMap::new();
    for room in ["clinic", "console", "log", "alert"] {
        for file in files(&source.join(room)) {
            let within = file.strip_prefix(&source).expect("below it");
            let is_test = within.iter().any(|part| part.to_string_lossy().starts_with("tests"));
            if is_test || within.extension().is_none_or(|it| it != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("a source file");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let name = within.display().to_string();
            for (before, literal) in with_what_is_before(text) {
                // A constant is the beginning of several statements, and none by itself.
                if before.trim_end().ends_with(": &str =") {
                    continue;
                }
                if let Some(statement) = as_statement(&literal, text) {
                    statements.insert(statement, name.clone());
                }
            }
        }
    }
    statements
}

/// A literal that is a whole statement once constants of its file stand in it. A list of places is one place.
fn as_statement(literal: &str, text: &str) -> Option<String> {
    let mut statement = literal.to_owned();
    while let Some((before, rest)) = statement.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        let value = match name {
            "" => "$9".to_owned(),
            name => constant(text, name)?,
        };
        statement = format!("{before}{value}{after}");
    }
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_whole = words.starts_with("SELECT ") && words.contains(" FROM ")
        || words.starts_with("UPDATE ")
        || words.starts_with("DELETE FROM ");
    is_whole.then_some(words)
}

fn constant(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("const {name}: &str ="))?;
    literals(rest).into_iter().next()
}

/// The string literals of a source file.
fn literals(text: &str) -> Vec<String> {
    with_what_is_before(text).into_iter().map(|(_, literal)| literal).collect()
}

fn with_what_is_before(text: &str) -> Vec<(&str, String)> {
    let parts: Vec<&str> = text.split('"').collect();
    let pair = |pair: &[&'_ str]| match pair {
        [before, literal] => Some((before.len(), literal.replace("\\\n", " "))),
        _ => None,
    };
    let mut at = 0;
    let mut found = Vec::new();
    for two in parts.chunks(2) {
        if let Some((len, literal)) = pair(two) {
            found.push((text.get(at..at + len).unwrap_or_default(), literal));
        }
        at += two.iter().map(|part| part.len() + 1).sum::<usize>();
    }
    found
}

fn plan(database: &Path, statement: &str) -> Vec<String> {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = format!("sqlite:{}", database.display());
        let mut connection = sqlx::AnyConnection::connect(&address).await.expect("the database");
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.expect("the database");
        rows.iter().map(|row| row.try_get::<String, _>(3).expect("a step")).collect()
    })
}
