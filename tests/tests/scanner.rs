//! The scanner that holds the house must find an arrow in whatever form it is written, or house.rs
//! proves nothing.
#![allow(clippy::expect_used, reason = "a failed read is a failed test")]

use std::fs;

use safelight_tests::source::{self, references};

fn finds(text: &str, target: &str) -> bool {
    references(text, &["ingest", "receive"], "safelight_gateway").iter().any(|r| r.reaches(target))
}

#[test]
fn an_arrow_is_found_in_every_form() {
    for text in [
        "use crate::vault;",
        "use crate::vault::Vault;",
        "pub(crate) use crate::vault as cellar;",
        "use crate::{store, vault::{self, open}};",
        "use crate::{store::{Catalog, Blobs}, vault};",
        "use crate::vault::*;",
        "use crate::*;",
        "use super::super::vault::open;",
        "use super::super::*;",
        "use super::{super::vault, accept};",
        "use safelight_gateway::vault;",
        "use ::safelight_gateway::vault;",
        "extern crate self as me; fn f() { me::vault::open() }",
        "use crate as me; fn f() { me::vault::open() }",
        "use crate::{self as me}; use me::vault::open;",
        "use super::super as up; type T = up::vault::T;",
        "fn f() { crate::vault::open() }",
        "fn f() { crate :: /* here */ vault\n::open() }",
        "fn f() { super::super::vault::open::<u8>() }",
        "fn f(x: &'a mut crate::vault::Vault) {}",
        "fn f() -> Option<Box<dyn crate::vault::Open>> { None }",
        "impl<T> From<crate::vault::Error> for E<T> {}",
        "fn f() { <crate::vault::Vault as Default>::default() }",
        "fn f() { vec![1, crate::vault::open()] }",
        "macro_rules! m { () => { $crate::vault::open() } }",
        "#[derive(crate::vault::Derive)] struct S;",
        "mod inner { use super::super::super::vault; }",
        "mod inner { fn f() { super::super::super::vault::open() } }",
        "fn f() { let s = \"\\\"\"; crate::vault::open(s) }",
        "fn f() { let c = '\"'; crate::vault::open(c) }",
        "fn f() { r#crate::x(); crate::r#vault::open() }",
        "// a comment\nuse crate::vault;",
        "#[cfg(not(test))] use crate::vault;",
        "#[cfg(any(test, feature = \"x\"))] use crate::vault;",
        "#[cfg(test)] mod tests { } use crate::vault;",
        "#[cfg(test)] mod tests; use crate::vault;",
        "#[cfg(test)] fn f<A, B>() { x() } fn g() { crate::vault::open() }",
        "struct S { #[cfg(test)] a: u8, b: crate::vault::Vault }",
        "struct S { #[cfg(test)] pub(crate) a: u8, b: crate::vault::Vault }",
    ] {
        assert!(finds(text, "crate::vault"), "not found in: {text}");
    }
}

#[test]
fn a_crate_is_found_in_every_form() {
    for text in [
        "use std::fs;",
        "use std::{io, fs::File};",
        "use std::*;",
        "use std as s; fn f() { s::fs::read(p) }",
        "use std::{self as s}; fn f() { s::fs::read(p) }",
        "extern crate std as s; fn f() { s::fs::read(p) }",
        "fn f() { std::fs::read(p) }",
        "fn f() { ::std::fs::read(p) }",
        "fn f() -> ::std::fs::File { g() }",
        "use std::fs as disk; fn f() { disk::read(p) }",
    ] {
        assert!(finds(text, "std::fs"), "not found in: {text}");
    }
    assert!(finds("use std::time; fn f() { time::Instant::now() }", "std::time::Instant"));
    assert!(finds("use std::time::*;", "std::time::Instant"));
    assert!(finds("extern crate tokio;", "tokio"));
    assert!(finds("#[tokio::main] async fn main() {}", "tokio"));
    assert!(finds("#[path = \"../vault/mod.rs\"] mod x;", "#[path]"));
    assert!(finds("include!(\"../vault/mod.rs\");", "include!"));
}

#[test]
fn what_is_no_arrow_is_not_found() {
    for text in [
        "// use crate::vault;",
        "/* use crate::vault; /* crate::vault::x() */ crate::vault::y() */",
        "/// See [`crate::vault`].\nfn f() {}",
        "//! See [`crate::vault`].",
        "const S: &str = \"crate::vault::open()\";",
        "const S: &str = r#\"use crate::vault; \"quoted\" \"#;",
        "const S: &[u8] = b\"crate::vault::x\";",
        "#[doc = \"crate::vault::open\"] fn f() {}",
        "#[cfg(test)] mod tests { use crate::vault; fn f() { crate::vault::open() } }",
        "#[cfg(all(test, unix))] mod tests { use crate::vault; }",
        "#[cfg(test)] use crate::vault::{open, close};",
        "#[cfg(test)] #[allow(dead_code)] fn f<A, B>(a: [u8; 2]) { crate::vault::open() }",
        "#[test] fn f() { crate::vault::open() }",
        "#[tokio::test] async fn f() { crate::vault::open() }",
        "enum E { #[cfg(test)] A(crate::vault::V), B }",
        "#![cfg(test)] use crate::vault;",
        "use crate::vaulted; fn f() { crate::vaulted::open() }",
        "use self::vault; fn f() { vault::open() }",
        "mod vault; fn f() { vault::open() }",
        "use super::vault::open;",
        "fn f() { x.vault::<u8>() }",
        "use crate::ingest::*;",
    ] {
        assert!(!finds(text, "crate::vault"), "wrongly found in: {text}");
    }
    assert!(!finds("use std::time::Duration;", "std::time::Instant"));
    assert!(!finds("use std::time; fn f() { time::Duration::ZERO }", "std::time::Instant"));
}

#[test]
fn an_arrow_says_its_line() {
    let found = references("\n\nuse crate::vault;\n", &[], "x");
    assert_eq!(found.first().map(|r| (r.line, r.to_string())), Some((3, "crate::vault".into())));
}
/// What `ingest` names of `crate::enrol::ca` and `crate::vault` in a small crate on disk, since re-exports
/// and test files are seen only across files.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let read = source::read_crate(folder.path(), "x").expect("a crate");
    let mut found = Vec::new();
    for file in read.iter().filter(|f| f.room() == "ingest") {
        for reference in &file.references {
            if reference.reaches("crate::enrol::ca") || reference.reaches("crate::vault") {
                found.push(format!("{}:{}: {reference}", file.name, reference.line));
            }
        }
    }
    found
}

#[test]
fn a_re_export_hides_nothing() {
    for re_export in ["pub use ca::Ca;", "pub(crate) use self::ca::{Ca, Other};", "pub use ca::*;"] {
        let enrol = format!("mod ca; {re_export}");
        let found = arrows(&[
            ("lib.rs", "mod enrol; mod ingest;"),
            ("enrol/mod.rs", &enrol),
            ("ingest.rs", "fn f(ca: &crate::enrol::Ca) {}"),
        ]);
        assert_eq!(found.len(), 1, "{re_export}: {found:?}");
    }
    let at_the_root = arrows(&[
        ("lib.rs", "mod enrol; mod ingest; mod vault; pub use vault::open as look;"),
        ("ingest.rs", "use crate::look;"),
    ]);
    assert_eq!(at_the_root.len(), 1, "{at_the_root:?}");
}

#[test]
fn test_files_do_not_count_and_others_do() {
    let found = arrows(&[
        ("ingest/mod.rs", "#[cfg(test)] mod tests; mod real;"),
        ("ingest/tests.rs", "use crate::vault;"),
        ("ingest/tests/deeper.rs", "use crate::vault;"),
        ("ingest/real.rs", "use crate::vault;"),
        ("store.rs", "use crate::vault;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found.iter().all(|f| f.starts_with("ingest/real.rs:1:")), "{found:?}");
}
