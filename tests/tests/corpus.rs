//! Photographs of cameras and phones that nobody here made, through capture, store and vault: each comes out as `phone strip`
//! cleans it, or is refused with a reason.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safelight_gateway::clinic::access::Actor;
use safelight_gateway::clinic::{Clinic, reading};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::vault::Passphrase;
use safelight_tests::gateway::phone::{Phone, strip};
use safelight_tests::gateway::{Gateway, PASSPHRASE, array, files, text};
use safelight_tests::shared;
use tokio::runtime::Runtime;

/// Photographs in one `phone send`.
const BATCH: usize = 25;

fn photographs(folder: &Path) -> Vec<PathBuf> {
    const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
    let is_photograph = |path: &PathBuf| {
        path.extension().is_some_and(|end| ENDINGS.iter().any(|ending| end.eq_ignore_ascii_case(ending)))
    };
    files(folder).into_iter().filter(is_photograph).collect()
}

/// What became of the photographs: capture ids, and reasons.
#[derive(Default)]
struct Outcome {
    sent: BTreeMap<PathBuf, String>,
    refused: BTreeMap<PathBuf, String>,
}

fn send(phone: &Phone, photos: &[PathBuf], outcome: &mut Outcome) {
    let names: Vec<&str> = photos.iter().map(|path| path.to_str().expect("UTF-8")).collect();
    let finished = phone.send(&names);
    let rows = array(finished.json());
    assert_eq!(finished.code, Some(if rows.len() == photos.len() { 0 } else { 9 }), "{finished}");
    for row in &rows {
        let id = text(row, "id").to_owned();
        assert!(outcome.sent.insert(text(row, "photo").into(), id).is_none());
    }
    for (photo, name) in photos.iter().zip(&names).filter(|(photo, _)| !outcome.sent.contains_key(*photo)) {
        let reason = finished.stderr.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let reason = reason.unwrap_or_else(|| panic!("{name} was neither sent nor refused with a reason\n{finished}"));
        outcome.refused.insert(photo.clone(), reason.to_owned());
    }
}

/// Opens pictures as `vault open` does, with one unlocking for all of them.
struct Vault {
    runtime: Runtime,
    clinic: Clinic,
    unlocked: safelight_gateway::vault::Unlocked,
}

impl Vault {
    fn unlock(gateway: &Gateway) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let layout = Layout::new(gateway.data());
        let config = Config::load(&gateway.data()).expect("the configuration");
        let clinic = runtime.block_on(Clinic::open(&layout, &config, &Clock::system())).expect("the clinic's stores");
        let unlocked = clinic.unlock(&Passphrase::new(PASSPHRASE).expect("a passphrase")).expect("the vault");
        Self { runtime, clinic, unlocked }
    }

    fn open(&self, id: &str) -> Vec<u8> {
        let id = id.parse().expect("a capture id");
        let (actor, now) = (Actor::shell(), Clock::system().now());
        let opened = reading::open(&self.clinic, &self.unlocked, id, "the corpus is compared", &actor, now);
        self.runtime.block_on(opened).unwrap_or_else(|error| panic!("{id}: {error}")).to_vec()
    }
}

#[test]
fn every_photograph_of_the_corpus_comes_out_clean_or_is_refused_with_a_reason() {
    let Some(folder) = shared::folder() else {
        eprintln!(
            "skipped: every_photograph_of_the_corpus_comes_out_clean_or_is_refused_with_a_reason (no shared folder)"
        );
        return;
    };
    let photos = photographs(&folder.join("corpus/photos"));
    assert!(!photos.is_empty(), "no photograph in {}", folder.display());

    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let mut outcome = Outcome::default();
    for batch in photos.chunks(BATCH) {
        send(&phone, batch, &mut outcome);
    }
    let Outcome { sent, refused } = outcome;
    assert_eq!(sent.len() + refused.len(), photos.len());
    assert!(sent.len() > refused.len(), "{} of {} were refused", refused.len(), photos.len());

    let pictures = gateway.pictures_in(&["verified", "quarantined"], sent.len());
    let states: HashMap<&str, String> = pictures
        .iter()
        .map(|picture| (text(picture, "id"), format!("{} {}", text(picture, "state"), text(picture, "reason"))))
        .collect();
    let not_verified: Vec<_> = sent
        .iter()
        .filter(|(_, id)| states[id.as_str()].trim() != "verified")
        .map(|(photo, id)| (photo, &states[id.as_str()]))
        .collect();
    assert!(not_verified.is_empty(), "{not_verified:#?}");

    let vault = Vault::unlock(&gateway);
    for (number, (photo, id)) in sent.iter().enumerate() {
        let stripped = strip(photo, &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
        assert!(vault.open(id) == stripped, "{} is not what `phone strip` makes", photo.display());
        if number % 50 == 0 {
            assert!(gateway.open(id) == stripped, "{} is not what `phone strip` makes", photo.display());
        }
    }
    for (photo, reason) in &refused {
        // The same code says the same of the same file.
        let stripping = strip(photo, &gateway.at("")).expect_err("what cannot be stripped cannot be sent").exits(9);
        assert!(stripping.stderr.contains(reason), "{reason:?} against {stripping}");
        assert!(names_what_is_wrong(reason), "{}: {reason:?}", photo.display());
        eprintln!("refused: {}: {reason}", photo.strip_prefix(&folder).unwrap_or(photo).display());
    }
    let opened = gateway.log("access").iter().filter(|entry| text(entry, "kind") == "opened").count();
    assert!(opened >= sent.len(), "{opened} looks are on record, {} pictures were opened", sent.len());
    gateway.run(&["audit", "verify", "--data", "D"]).ok();
    eprintln!("corpus: {} photographs read, {} verified, {} refused", photos.len(), sent.len(), refused.len());
}

/// A sentence about the picture, not about the program or an error number.
fn names_what_is_wrong(reason: &str) -> bool {
    let about_the_program = ["panick", "os error", "internal", "Err(", "unknown error"];
    reason.split(' ').count() >= 4 && !about_the_program.iter().any(|word| reason.contains(word))
}
