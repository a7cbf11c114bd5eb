//! From one receipt key to the next, while both processes run.
//!
//! ```text
//! order     somebody at the shell orders it, on record. Ingest cannot
//! ask       the clinic process asks ingest for a successor; its private half never leaves ingest
//! key set   the next one names it, and the old one for what was sealed before
//! push      ingest has the key set, and signs with what it names
//! done      the order is forgotten
//! ```
//! An answer that is no new key ends the order, on record, and nothing has changed. A clinic process that was cut off in between goes on where it
//! was: the order says which key is to go.

use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;
use safelight_core::keyset::{KeySet, Overlap};
use sha2::{Digest, Sha256};

use super::access::{Actor, Event};
use super::keys::next_key_set;
use super::{Clinic, ClinicError, settings};
use crate::link::{Answer, Ask, Link, LinkError};

/// The setting with what was ordered.
const ORDER: &str = "receipt-key-order";

/// What becomes of the old key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// It signs receipts for what was sealed before, for as long as that is taken.
    Overlaps,
    /// Somebody else may have it: it signs nothing any more.
    Compromised,
}

/// What was ordered.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    old: Old,
    /// The key that is to go, SEC1.
    key: Vec<u8>,
}

/// Why nothing was ordered.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The last change is not through.
    #[error("the receipt key of before is still in its overlap")]
    TooEarly(UnixMillis),
    /// Anything else.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
}

/// Orders a new receipt key. A running clinic process hears of it within a second.
///
/// # Errors
/// [`OrderError::TooEarly`] while a key of before overlaps, unless it is compromised; [`ClinicError::Clock`] while the clock cannot be right.
pub async fn order(clinic: &Clinic, old: Old, actor: &Actor) -> Result<(), OrderError> {
    let now = clinic.time_to_issue()?;
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    // Ingest keeps one key of before.
    if let (Old::Overlaps, Some(until)) = (old, key_set.receipt_key_overlaps_until(now)) {
        return Err(OrderError::TooEarly(until));
    }
    let order = Order { old, key: key_set.receipt_key.to_sec1() };
    let mut tx = clinic.catalog.write().await.map_err(ClinicError::from)?;
    settings::set(&mut tx, ORDER, order.to_bytes()).await?;
    let event = Event::ReceiptKeyOrdered(old == Old::Compromised);
    clinic.access.record(&mut tx, actor, now, &[event]).await.map_err(ClinicError::from)?;
    tx.commit().await.map_err(ClinicError::from)?;
    Ok(())
}

/// Whether an order waits for the two processes.
pub async fn is_ordered(clinic: &Clinic) -> Result<bool, ClinicError> {
    Ok(pending(clinic).await?.is_some())
}

/// SHA-256 of a receipt key's SEC1 bytes, by which people and the access log name it.
pub fn fingerprint(key: &PublicKey) -> [u8; 32] {
    Sha256::digest(key.to_sec1()).into()
}

/// Signs the next key set if a new receipt key was ordered; it is pushed after that.
pub(super) async fn carry_out(clinic: &Clinic, link: &mut Link) -> Result<(), ClinicError> {
    let Some(order) = pending(clinic).await? else { return Ok(()) };
    let held = clinic.key_set();
    let held = held.key_set();
    let Ok(now) = clinic.time_to_issue() else { return Ok(()) };
    if held.receipt_key.to_sec1() != order.key {
        return Ok(());
    }
    let offered = match link.ask(&Ask::ReceiptKeyRequest).await {
        Ok(Answer::PublicKey(sec1)) => PublicKey::from_sec1(&sec1).ok(),
        Ok(_) | Err(LinkError::Failed(_)) => None,
        // An order that is asked for again and again would keep an ingest that does not understand it from ever being served.
        Err(error) => {
            forget(clinic, &[Event::ReceiptKeyRefused]).await?;
            return Err(error.into());
        }
    };
    let Some(key) = offered.filter(|key| is_new(held, key)) else {
        tracing::error!("ingest gave no key that could sign receipts: nothing has changed");
        return forget(clinic, &[Event::ReceiptKeyRefused]).await;
    };
    let next = with_receipt_key(next_key_set(held, now), key, order.old);
    let events = [Event::ReceiptKeyChanged(fingerprint(&next.receipt_key)), Event::KeySetSigned(next.number)];
    super::record(clinic, &events).await?;
    clinic.put_in_force(&next, now)
}

/// To be called once ingest has the key set: what it names is in force.
pub(super) async fn pushed(clinic: &Clinic) -> Result<(), ClinicError> {
    let Some(order) = pending(clinic).await? else { return Ok(()) };
    if clinic.key_set().key_set().receipt_key.to_sec1() == order.key {
        return Ok(());
    }
    forget(clinic, &[]).await
}

fn with_receipt_key(next: KeySet, key: PublicKey, old: Old) -> KeySet {
    let then = next.receipt_key.clone();
    let overlap = |overlap: Overlap| Overlap {
        receipt_key: match old {
            Old::Overlaps => Some(overlap.receipt_key.unwrap_or_else(|| then.clone())),
            Old::Compromised => None,
        },
        ..overlap
    };
    let previous = next.previous.clone().into_iter().map(overlap).collect();
    KeySet { receipt_key: key, previous, ..next }
}

/// Neither the key of today nor one of before.
fn is_new(held: &KeySet, key: &PublicKey) -> bool {
    let before = held.previous.iter().filter_map(|overlap| overlap.receipt_key.as_ref());
    !std::iter::once(&held.receipt_key).chain(before).any(|known| known == key)
}

async fn forget(clinic: &Clinic, events: &[Event<'_>]) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    settings::remove(&mut tx, ORDER).await?;
    if !events.is_empty() {
        clinic.access.record(&mut tx, &Actor::Gateway, clinic.now(), events).await?;
    }
    Ok(tx.commit().await?)
}

async fn pending(clinic: &Clinic) -> Result<Option<Order>, ClinicError> {
    let value = settings::get(&mut *clinic.catalog.read().await?, ORDER).await?;
    value.map(|value| Order::from_bytes(&value).ok_or(ClinicError::CatalogDamaged)).transpose()
}

impl Order {
    fn to_bytes(&self) -> Vec<u8> {
        [&[u8::from(self.old == Old::Compromised)][..], &self.key].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (old, key) = bytes.split_first()?;
        let old = match old {
            0 => Old::Overlaps,
            1 => Old::Compromised,
            _ => return None,
        };
        Some(Self { old, key: key.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;
    use safelight_core::device_key::SoftwareKey;
    use safelight_core::ids::ClinicId;

    fn key() -> PublicKey {
        SoftwareKey::generate(&mut SysRng).unwrap().verifying()
    }

    fn held(receipt_key: PublicKey) -> KeySet {
        KeySet {
            clinic_id: ClinicId::from_bytes([1; 16]),
            clinic_name: "Clinic".into(),
            number: 9,
            vault_epoch: 1,
            vault: [2; 32],
            recovery: [3; 32],
            receipt_key,
            log_key: [4; 32],
            log_origin: "example.internal/intake".into(),
            roots: Vec::new(),
            previous: vec![Overlap { number: 8, until: UnixMillis(2_000), receipt_key: None }],
            issued_at: UnixMillis(1),
            addresses: Vec::new(),
        }
    }

    #[test]
    fn what_was_sealed_before_keeps_the_key_of_then_unless_that_is_compromised() {
        let [first, second, third] = [key(), key(), key()];
        let next =
            with_receipt_key(next_key_set(&held(first.clone()), UnixMillis(1_000)), second.clone(), Old::Overlaps);
        let of = |set: &KeySet| -> Vec<(u64, PublicKey)> {
            set.accepted(UnixMillis(1_000)).into_iter().map(|(number, key)| (number, key.clone())).collect()
        };
        assert_eq!(of(&next), [(10, second.clone()), (9, first.clone()), (8, first.clone())]);
        let later = next_key_set(&next, UnixMillis(1_000));
        assert_eq!(
            of(&later),
            [(11, second.clone()), (10, second.clone()), (9, first.clone()), (8, first.clone())],
            "another change in between"
        );
        assert!(!is_new(&later, &first) && !is_new(&later, &second) && is_new(&later, &third));
        let stolen = with_receipt_key(later, third.clone(), Old::Compromised);
        assert!(of(&stolen).iter().all(|(_, key)| *key == third), "{stolen:?}");
    }

    #[test]
    fn an_order_reads_back_and_nothing_else_is_one() {
        for old in [Old::Overlaps, Old::Compromised] {
            let order = Order { old, key: vec![4; 65] };
            assert_eq!(Order::from_bytes(&order.to_bytes()), Some(order));
        }
        assert_eq!(Order::from_bytes(&[]), None);
        assert_eq!(Order::from_bytes(&[2, 4]), None);
    }
}
