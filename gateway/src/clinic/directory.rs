//! Patients' names and numbers in memory while the vault is unlocked, so that a search opens nothing. Each patient's sealed identity is opened once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use safelight_core::label::folded;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::identity::PatientIdentity;
use super::pictures::{self, Handle};
use super::{ClinicError, Running, sealed};
use crate::vault::Unlocked;

/// Opened at once.
const PAGE: u32 = 256;

/// Between two looks for patients who are new.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The names. Empty while the vault is locked.
#[derive(Default)]
pub struct Directory(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    /// In the order of their coming.
    entries: Vec<Entry>,
    places: HashMap<Handle, usize>,
    /// The last patient's number in the catalog.
    last: u64,
}

struct Entry {
    handle: Handle,
    identity: PatientIdentity,
    /// What is searched, word by word.
    words: Vec<Zeroizing<String>>,
}

impl Entry {
    /// Sorted by: the words of the name come first.
    fn key(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.as_str())
    }
}

/// A patient who was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The handle.
    pub handle: Handle,
    /// Who it is.
    pub identity: PatientIdentity,
}

impl Directory {
    /// Those of `among` of whom every word of `query` begins a word of name, number or birth date, by name; at most `limit`, and whether there are more.
    #[must_use]
    pub fn search(&self, query: &str, among: &[Handle], limit: usize) -> (Vec<Found>, bool) {
        let query = folded(query);
        let wanted: Vec<&str> = query.split_whitespace().collect();
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let matches =
            |entry: &&Entry| wanted.iter().all(|wanted| entry.words.iter().any(|word| word.starts_with(wanted)));
        let known = |handle: &Handle| inner.places.get(handle).and_then(|place| inner.entries.get(*place));
        let mut found: Vec<&Entry> = among.iter().filter_map(known).filter(matches).collect();
        found.sort_by(|a, b| a.key().cmp(b.key()).then(a.handle.cmp(&b.handle)));
        let more = found.len() > limit;
        let shown = found.into_iter().take(limit);
        (shown.map(|entry| Found { handle: entry.handle, identity: entry.identity.clone() }).collect(), more)
    }

    /// Who a patient is.
    #[must_use]
    pub fn get(&self, handle: &Handle) -> Option<PatientIdentity> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.places.get(handle).and_then(|place| inner.entries.get(*place)).map(|entry| entry.identity.clone())
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all. They are wiped.
    pub fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }

    async fn load(&self, running: &Running, vault: &Unlocked) -> Result<(), ClinicError> {
        loop {
            let last = self.0.read().unwrap_or_else(PoisonError::into_inner).last;
            let page = pictures::patients_numbered_after(&running.clinic.catalog, last, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for (number, handle) in page {
                // Whoever locked the vault meant it.
                if running.vault.borrow().is_none() {
                    return Ok(());
                }
                // One whose header is destroyed has no name any more, and is left out.
                let identity = match sealed::identity(&running.clinic, vault, &handle).await {
                    Ok(identity) => identity,
                    Err(ClinicError::Destroyed) => None,
                    Err(error) => return Err(error),
                };
                self.learn(number, handle, identity);
            }
        }
    }

    fn learn(&self, number: u64, handle: Handle, identity: Option<PatientIdentity>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.last = inner.last.max(number);
        let Some(identity) = identity else { return };
        let words = words(&identity);
        let place = inner.entries.len();
        if inner.places.insert(handle, place).is_none() {
            inner.entries.push(Entry { handle, identity, words });
        }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

/// Keeps the directory as the catalog is, for as long as the process runs.
pub(super) async fn run(running: Arc<Running>) {
    let mut vaults = running.vault.subscribe();
    loop {
        let vault = vaults.borrow_and_update().clone();
        let Some(vault) = vault else {
            running.directory.clear();
            if vaults.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        };
        if let Err(error) = running.directory.load(&running, &vault).await {
            tracing::error!(%error, "patients' names could not be read");
        }
        drop(vault);
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            _ = vaults.changed() => {}
        }
    }
}

/// Name, number, birth date. A number with spaces is also found without them.
fn words(identity: &PatientIdentity) -> Vec<Zeroizing<String>> {
    let name = folded(&identity.name);
    let number = folded(&identity.record_number);
    let mut words: Vec<_> = name
        .split_whitespace()
        .chain(number.split_whitespace())
        .map(|word| Zeroizing::new(word.trim_matches(',').to_owned()))
        .collect();
    words.push(Zeroizing::new(number.split_whitespace().collect()));
    words.push(Zeroizing::new(identity.birth_date.clone()));
    words
}
