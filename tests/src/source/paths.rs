//! Tokens to the paths that the non-test code names, made absolute.
//!
//! Where a name could mean two things (one name imported in two scopes of a file), both count: a
//! false alarm is seen and mended, a miss is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::walk::{Found, Named, walk};

/// How far imports of imports are followed; it also ends circles.
const MAX_HOPS: usize = 8;

/// A path that some code names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The path from its crate's name on; `crate` for the crate itself.
    pub path: Vec<String>,
    /// Whether it ends in `*`, and so names everything below.
    pub glob: bool,
    /// Line in the file, from 1.
    pub line: usize,
}

impl Reference {
    /// Whether this names `target` (as in `std::fs`) or something inside it, or imports it by a `*` above it.
    pub fn reaches(&self, target: &str) -> bool {
        let target: Vec<&str> = target.split("::").collect();
        let shared = self.path.iter().zip(&target).take_while(|(a, b)| a == *b).count();
        shared == target.len() || (self.glob && shared == self.path.len())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.glob { "::*" } else { "" };
        write!(f, "{}{star}", self.path.join("::"))
    }
}

/// What one file gives.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) references: Vec<Reference>,
    /// Modules declared under `#[cfg(test)]`, by their full path in the crate.
    pub(super) test_modules: Vec<Vec<String>>,
    /// What the file hands on under names of its own.
    pub(super) exports: Vec<Export>,
}

/// `pub use target [as name]` in a module: `name` is the full path under which others find it, without
/// the last part where the target is a `*`.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) name: Vec<String>,
    pub(super) target: Reference,
}

impl Export {
    /// What `reference` names in truth, when it goes through this export.
    fn followed(&self, reference: &Reference) -> Option<Reference> {
        let rest = reference.path.strip_prefix(self.name.as_slice())?;
        // A `*` hands on what is inside, not the module itself; what is inside already needs no second step.
        let inside = reference.path.starts_with(&self.target.path);
        if self.target.glob && (rest.is_empty() || inside) {
            return None;
        }
        let mut path = self.target.path.clone();
        path.extend_from_slice(rest);
        Some(Reference { path, ..reference.clone() })
    }
}

/// Reads one file as the module `module` of the crate that calls itself `crate_name`.
pub(super) fn read(text: &str, module: &[String], crate_name: &str) -> Read {
    let Found { named, imports, test_modules } = walk(text, module, crate_name);

    let mut aliases: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for import in &imports {
        if let Some(name) = &import.name {
            let targets = aliases.entry(name.clone()).or_default();
            targets.insert(import.named.path.clone());
        }
    }
    let resolve = |named: &Named| -> Vec<Reference> {
        let paths = if named.absolute { vec![named.path.clone()] } else { expand(&named.path, &aliases, MAX_HOPS) };
        paths.into_iter().map(|path| Reference { path, glob: named.glob, line: named.line }).collect()
    };

    let mut read = Read { test_modules, ..Read::default() };
    for import in imports.iter().filter(|i| !i.is_child) {
        let targets = resolve(&import.named);
        if import.public {
            for target in &targets {
                let mut name = import.scope.clone();
                name.insert(0, "crate".to_owned());
                name.extend(import.name.clone().filter(|_| !target.glob));
                let target = target.clone();
                read.exports.push(Export { name, target });
            }
        }
        read.references.extend(targets);
    }
    read.references.extend(named.iter().flat_map(resolve));
    read.references.sort();
    read.references.dedup();
    read
}

/// Follows what other modules hand on: a reference to `crate::a::X` with `pub use b::X` in `a` also
/// names `crate::a::b::X`.
pub(super) fn follow_exports(references: &mut Vec<Reference>, exports: &[Export]) {
    let mut latest = references.clone();
    for _ in 0..MAX_HOPS {
        latest = latest
            .iter()
            .flat_map(|reference| exports.iter().filter_map(|e| e.followed(reference)))
            .filter(|next| !references.contains(next))
            .collect();
        latest.sort();
        latest.dedup();
        if latest.is_empty() {
            return;
        }
        references.extend_from_slice(&latest);
    }
}

fn expand(path: &[String], aliases: &BTreeMap<String, BTreeSet<Vec<String>>>, hops: usize) -> Vec<Vec<String>> {
    let Some((first, rest)) = path.split_first() else {
        return Vec::new();
    };
    let targets = aliases.get(first).into_iter().flatten();
    let mut found = Vec::new();
    for target in targets.filter(|t| t.first() != Some(first)) {
        let mut longer = target.clone();
        longer.extend_from_slice(rest);
        if hops > 0 {
            found.extend(expand(&longer, aliases, hops - 1));
        }
    }
    // The name may also be what it says: a crate, whatever else some scope of the file calls so.
    found.push(path.to_vec());
    found
}
