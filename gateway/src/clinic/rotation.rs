//! From one vault key to the next. The passphrase stays what it is, and so does the recovery key.
//!
//! ```text
//! unlock      without the passphrase nothing changes
//! record      the access log has it before it happens
//! vault file  written anew with a further epoch, opened once, durable; every older epoch stays in it
//! key set     names the new key; the ones before are taken for their overlap
//! rewrap      what is verified gets headers for the new key; see `rewrap`
//! ```
//! The order is the promise: no key set is in force whose vault key is not in the vault's file. Cut off between the last two, the file has an epoch
//! that nothing names, and the next rotation takes it.
//!
//! It runs with the clinic process stopped, since that holds the old keys in memory; ingest goes on.

use getrandom::SysRng;
use safelight_core::ids::UnixMillis;
use safelight_core::keyset::KeySet;
use safelight_core::seal::Recipient;

use super::access::{Actor, Event};
use super::keys::next_key_set;
use super::{Clinic, ClinicError, settings};
use crate::vault::{Passphrase, Unlocked};

/// The setting with the latest epoch that a key set has named, once an older one had to be named again.
const LATEST_EPOCH: &str = "vault-epoch";

/// What is in force after a rotation.
#[derive(Debug)]
pub struct Rotated {
    /// The vault, with all of its epochs.
    pub vault: Unlocked,
    /// The new one.
    pub epoch: u64,
    /// Its public key.
    pub recipient: Recipient,
    /// The key set that names it.
    pub key_set: u64,
    /// Until when phones may send what they have sealed to the old key.
    pub overlap_until: UnixMillis,
}

/// Gives the vault a new key. `clinic` is opened for this alone, with [`super::lock`] held.
///
/// # Errors
/// [`ClinicError::Unlock`] for a wrong passphrase, [`ClinicError::Clock`] while the clock cannot be right: nothing is changed then. Else what failed; run it
/// again.
pub async fn rotate(clinic: &Clinic, passphrase: &Passphrase, actor: &Actor) -> Result<Rotated, ClinicError> {
    let vault = clinic.unlock(passphrase)?;
    let now = clinic.time_to_issue()?;
    let held = clinic.key_set();
    let held = held.key_set();
    let latest = latest_epoch(clinic).await?.max(held.vault_epoch);
    let unnamed = vault.newest().filter(|(newest, _)| *newest > latest);
    let epoch = unnamed.map_or(latest.saturating_add(1), |(newest, _)| newest);
    let next = next_key_set(held, now);

    let mut tx = clinic.catalog.write().await?;
    settings::set_number(&mut tx, super::rewrap::DUE, epoch).await?;
    let events = [Event::VaultRotated(epoch, next.number), Event::KeySetSigned(next.number)];
    clinic.access.record(&mut tx, actor, now, &events).await?;
    tx.commit().await?;

    let (vault, recipient) = match unnamed {
        Some((_, recipient)) => (vault, recipient),
        None => {
            let path = clinic.vault_file();
            tokio::task::block_in_place(|| Unlocked::with_epoch(&path, passphrase, epoch, &mut SysRng))?
        }
    };
    put_in_force(clinic, next, epoch, recipient, now)?;
    let overlap_until = clinic.key_set().key_set().previous.first().map_or(now, |overlap| overlap.until);
    Ok(Rotated { vault, epoch, recipient, key_set: clinic.key_set().key_set().number, overlap_until })
}

/// A vault's file that was restored from an older copy lacks the key that phones seal to: then the newest that it has is named again, so that
/// what is taken from now on can be opened. What was sealed to the missing one waits for a newer copy of the file.
pub(super) async fn reconcile(clinic: &Clinic, vault: &Unlocked) -> Result<(), ClinicError> {
    let held = clinic.key_set();
    let held = held.key_set();
    if holds_key_in_force(held, vault) {
        return Ok(());
    }
    let (epoch, recipient) = vault.newest().ok_or(ClinicError::VaultBehind)?;
    tracing::error!(
        lacks = held.vault_epoch,
        newest = epoch,
        "the vault file lacks the key that new pictures were sealed to: an older one is used again. Put the newest copy of vault.age in its place: what was sealed in between waits for it"
    );
    // A key set that is dated wrongly would hold longer than the clock is wrong; what comes is kept until then.
    let Ok(now) = clinic.time_to_issue() else { return Ok(()) };
    let next = next_key_set(held, now);
    // Numbers of epochs are never given twice, even to keys of which one was lost.
    let latest = latest_epoch(clinic).await?.max(held.vault_epoch);
    let mut tx = clinic.catalog.write().await?;
    settings::set_number(&mut tx, LATEST_EPOCH, latest).await?;
    let events = [Event::VaultKeyMissing(held.vault_epoch, epoch), Event::KeySetSigned(next.number)];
    clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    tx.commit().await?;
    put_in_force(clinic, next, epoch, recipient, now)
}

/// Whether the vault has the key that `key_set` names. An older copy of its file lacks it.
pub fn holds_key_in_force(key_set: &KeySet, vault: &Unlocked) -> bool {
    vault.recipient(key_set.vault_epoch).is_some_and(|key| *key.as_bytes() == key_set.vault)
}

/// Whether phones have sealed to a key that the vault's file was found to lack, and still does.
pub(super) async fn lacks_a_key(clinic: &Clinic, vault: &Unlocked) -> Result<bool, ClinicError> {
    let latest = latest_epoch(clinic).await?;
    Ok(latest > 0 && vault.recipient(latest).is_none())
}

fn put_in_force(
    clinic: &Clinic,
    next: KeySet,
    epoch: u64,
    recipient: Recipient,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    clinic.put_in_force(&KeySet { vault_epoch: epoch, vault: *recipient.as_bytes(), ..next }, now)
}

async fn latest_epoch(clinic: &Clinic) -> Result<u64, ClinicError> {
    Ok(settings::number(&mut *clinic.catalog.read().await?, LATEST_EPOCH).await?.unwrap_or(0))
}
