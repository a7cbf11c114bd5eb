//! What is verified gets headers for the vault key in force. Payloads stay as they are, and with them every signature: a header holds the
//! key of one payload, and nobody has signed it.
//!
//! Written anew are the headers of pictures, labels, thumbnails and patients' identities, in small batches of which each is all or none. A header that the
//! new key opens is left alone, so that a run that was cut off goes on where it was, and one too many changes nothing. The header store leaves
//! nothing of the old ones.
//!
//! Left as they are: what waits to be judged and what did not pass, which have the phone's own headers, and the reasons in the access log, which
//! its hashes hold fast. They open with the old epochs, which stay in the vault's file for that.

use getrandom::SysRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::SignedManifest;
use safelight_core::seal::{Recipient, Stanza};

use super::access::{Actor, Event};
use super::pictures::{self, Picture};
use super::rotation::holds_key_in_force;
use super::verify::{patient_header, recipients};
use super::{Clinic, ClinicError, settings};
use crate::store::headers::{Header, HeaderError, HeaderId, Headers, Kind, wiped_later};
use crate::vault::{RewrapError, Unlocked};

/// The setting that says up to which epoch there is something to do.
pub(super) const DUE: &str = "rewrap-due";

/// Pictures or patients whose headers are replaced together.
const BATCH: u32 = 64;

/// What a run has done.
#[derive(Debug, Default)]
pub struct Rewrapped {
    /// Headers that were written anew.
    pub written: u64,
    /// Headers that were for the new key already.
    pub already: u64,
    /// What could not be written anew, and stays as it is.
    pub failed: Vec<Failed>,
}

/// One header that is missing, or does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// The picture, or half of a patient's handle.
    pub id: HeaderId,
    /// Which of its headers.
    pub kind: Kind,
    /// `missing`, `not-for-this-vault` or `of-another-manifest`.
    pub why: &'static str,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Pictures and patients that are done.
    pub done: u64,
    /// All of them.
    pub all: u64,
}

/// Whether a rotation's headers are still to be written anew.
pub async fn is_due(clinic: &Clinic) -> Result<bool, ClinicError> {
    Ok(settings::number(&mut *clinic.catalog.read().await?, DUE).await?.is_some())
}

/// Writes what is verified to the vault key and the recovery key of the key set in force. May run beside the clinic process.
///
/// # Errors
/// [`ClinicError::VaultBehind`] if `vault` lacks that key; else what failed. What was written stays written.
pub async fn rewrap(
    clinic: &Clinic,
    vault: &Unlocked,
    actor: &Actor,
    now: UnixMillis,
    mut progress: impl FnMut(Progress),
) -> Result<Rewrapped, ClinicError> {
    let key_set = clinic.key_set();
    if !holds_key_in_force(key_set.key_set(), vault) {
        return Err(ClinicError::VaultBehind);
    }
    let epoch = key_set.key_set().vault_epoch;
    let recipients = recipients(clinic)?;
    record(clinic, actor, now, Event::RewrapBegun(epoch), None).await?;
    let mut run = Run { clinic, vault, epoch, recipients, outcome: Rewrapped::default() };
    let mut at = Progress { done: 0, all: pictures::count_verified(&clinic.catalog).await? };
    progress(at);
    let mut after = 0;
    loop {
        let page = pictures::verified_after(&clinic.catalog, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        run.batch(&page.iter().flat_map(of_picture).collect::<Vec<_>>()).await?;
        at.done += page.len() as u64;
        progress(at);
    }
    let mut after = None;
    loop {
        let page = pictures::patients_after(&clinic.catalog, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        let identity = |patient| Wanted { id: patient_header(patient), kind: Kind::Identity, manifest: None };
        run.batch(&page.iter().map(identity).collect::<Vec<_>>()).await?;
        at.done += page.len() as u64;
        progress(at);
    }
    let outcome = run.outcome;
    let done = outcome.failed.is_empty().then_some(epoch);
    record(clinic, actor, clinic.now(), Event::Rewrapped(epoch, outcome.written), done).await?;
    Ok(outcome)
}

/// A header that there must be, and what it must name.
#[derive(Debug)]
struct Wanted {
    id: HeaderId,
    kind: Kind,
    manifest: Option<Stanza>,
}

/// The headers of a verified picture.
fn of_picture(picture: &Picture) -> Vec<Wanted> {
    let id = HeaderId::from(picture.capture);
    let plain = |kind| Wanted { id, kind, manifest: None };
    let mut wanted = vec![plain(Kind::Picture), plain(Kind::Label)];
    if let (Some(first), Ok(manifest)) = (wanted.first_mut(), SignedManifest::parse(&picture.manifest)) {
        let said = manifest.claimed();
        first.manifest = Some(Stanza::manifest(said.key_set, &said.hash().0));
    }
    wanted.extend(picture.has_thumbnail.then(|| plain(Kind::Thumbnail)));
    wanted
}

struct Run<'a> {
    clinic: &'a Clinic,
    vault: &'a Unlocked,
    epoch: u64,
    recipients: [Recipient; 2],
    outcome: Rewrapped,
}

impl Run<'_> {
    async fn batch(&mut self, wanted: &[Wanted]) -> Result<(), ClinicError> {
        let mut fresh = Vec::with_capacity(wanted.len());
        for one in wanted {
            match self.anew(one).await? {
                Ok(Some(header)) => fresh.push(header),
                Ok(None) => self.outcome.already += 1,
                Err(why) => self.outcome.failed.push(Failed { id: one.id, kind: one.kind, why }),
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        match wiped_later(self.clinic.headers.replace(&fresh).await) {
            Ok(()) => self.outcome.written += fresh.len() as u64,
            // One of them was destroyed since the look above. The others are written all the same.
            Err(HeaderError::NotFound) => {
                for header in fresh {
                    let (id, kind) = (header.id, header.kind);
                    match wiped_later(self.clinic.headers.replace(&[header]).await) {
                        Ok(()) => self.outcome.written += 1,
                        Err(HeaderError::NotFound) => self.outcome.failed.push(Failed { id, kind, why: "missing" }),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The header for the new key; nothing if it is that already.
    async fn anew(&self, wanted: &Wanted) -> Result<Result<Option<Header>, &'static str>, ClinicError> {
        let Some(old) = self.clinic.headers.get(wanted.id, wanted.kind).await? else { return Ok(Err("missing")) };
        if self.vault.opens_with(self.epoch, &old) {
            return Ok(Ok(None));
        }
        let header = |bytes| Header { id: wanted.id, kind: wanted.kind, bytes };
        match self.vault.rewrap(&old, wanted.manifest.as_ref(), &self.recipients, &mut SysRng) {
            Ok(bytes) => Ok(Ok(Some(header(bytes)))),
            Err(RewrapError::Open(_)) => Ok(Err("not-for-this-vault")),
            Err(RewrapError::OtherManifest) => Ok(Err("of-another-manifest")),
            Err(RewrapError::Seal(_)) => Err(ClinicError::Randomness),
        }
    }
}

/// With `done`, nothing is due any more up to that epoch.
async fn record(
    clinic: &Clinic,
    actor: &Actor,
    now: UnixMillis,
    event: Event<'_>,
    done: Option<u64>,
) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    if let Some(epoch) = done
        && settings::number(&mut tx, DUE).await?.is_some_and(|due| due <= epoch)
    {
        settings::remove(&mut tx, DUE).await?;
    }
    clinic.access.record(&mut tx, actor, now, &[event]).await?;
    Ok(tx.commit().await?)
}
