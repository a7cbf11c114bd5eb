//! The documents keep what they promise to a reader who clicks: links lead somewhere, and every
//! decision is in the list of decisions.
#![allow(clippy::expect_used, reason = "a failed read is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use safelight_tests::source::files_with_extension;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text without fenced code blocks and inline code, where brackets are not links.
fn prose(markdown: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// Targets of `[text](target)` and `![text](target)`.
fn links(markdown: &str) -> Vec<String> {
    let prose = prose(markdown);
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split_whitespace().next().unwrap_or("").to_owned())
        .collect()
}

/// The anchors of a page's headings, made as repository hosts make them.
fn anchors(markdown: &str) -> Vec<String> {
    let mut fenced = false;
    let mut anchors = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let title = line.trim_start_matches('#');
        if !fenced && title.len() < line.len() && title.starts_with(' ') {
            let kept = title.trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    anchors
}

/// What is wrong with a link of the page at `page`, if anything.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_path_buf(),
        file => page.parent().unwrap_or(page).join(file),
    };
    if !path.exists() {
        return Some(format!("{}: {target} does not exist", page.display()));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let known = anchors(&text).iter().any(|a| a == anchor);
    (!known).then(|| format!("{}: {target} names no heading", page.display()))
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = files_with_extension(&workspace(), "md").expect("the workspace can be read");
    let mut seen = 0;
    let mut faults = Vec::new();
    for page in &pages {
        for target in links(&fs::read_to_string(page).expect("a page")) {
            seen += 1;
            faults.extend(fault(page, &target));
        }
    }
    assert!(seen > 0, "no link was found in {} pages", pages.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("page.md");
    let text = "# One & two\n[a](page.md#one--two) [b](missing.md) ![c](page.md \"title\") [d](#nowhere)\n\
                `[e](code.md)`\n```\n[f](fence.md)\n# not a heading\n```\n[g](https://example.org/x) [h](#not-a-heading)\n";
    fs::write(&page, text).expect("a page");
    let faults: Vec<String> = links(text).iter().filter_map(|t| fault(&page, t)).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    for (found, expected) in faults.iter().zip(["missing.md", "#nowhere", "#not-a-heading"]) {
        assert!(found.contains(expected), "{faults:?}");
    }
}

#[test]
fn every_decision_is_in_the_list() {
    let folder = workspace().join("docs/adr");
    let list = fs::read_to_string(folder.join("README.md")).expect("docs/adr/README.md");
    let decisions: Vec<String> = files_with_extension(&folder, "md")
        .expect("docs/adr")
        .iter()
        .filter_map(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()))
        .filter(|name| name != "README.md")
        .collect();
    assert!(!decisions.is_empty(), "no decision was found");
    for (number, name) in (1..).zip(&decisions) {
        assert!(list.contains(&format!("({name})")), "docs/adr/README.md does not list {name}");
        assert!(name.starts_with(&format!("{number:04}-")), "{name} should be number {number:04}");
    }
}

#[test]
fn f11_what_lies_outside_the_promise_is_said_to_those_who_rely_on_it() {
    for page in ["docs/THREAT-MODEL.md", "docs/MOBILE.md"] {
        let text = fs::read_to_string(workspace().join(page)).expect("a page");
        let said = text
            .split("\n\n")
            .any(|paragraph| paragraph.contains("rooted or jailbroken") && paragraph.contains("debugger"));
        assert!(said, "{page} does not say that a rooted phone and a debugger are outside the promise");
    }
}
