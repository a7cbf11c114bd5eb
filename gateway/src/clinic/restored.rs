//! A catalog that was restored from a backup has forgotten what came after it: revocations, renewals, key sets. Ingest has a copy of what was
//! in force, so that is asked first on every link. Of its answer nothing is believed that could do harm if it were a lie:
//!
//! - that a device **was revoked**: the worst that a lie does is to shut a device out, which ingest can do anyway;
//! - that a device of ours **has a newer certificate** than we know: its serial number stays in ingest's list, since the CA's signature is
//!   what lets it in; whose key it is, the clinic learns from the certificate itself, when the device renews;
//! - that there is **a newer key set**: if our own clinic key has signed it.
//!
//! A device that we do not know is served no more: somebody must enrol it again.

use safelight_core::client::tls::{Validity, device_of_uri};
use safelight_core::device_key::PublicKey;
use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::keyset::SignedKeySet;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::access::{Actor, Event};
use super::devices::{self, Certificate, Status};
use super::{Clinic, ClinicError};
use crate::link::{Answer, Ask, DeviceRecord, DeviceState, Link, LinkError, MAX_SERIALS};
use crate::store::catalog::WriteTx;

/// A generation that is further ahead than this is a lie: the next ones would soon be beyond every number.
const MAX_AHEAD: u64 = 1 << 32;

/// Certificates of one device that are adopted: at most half of what ingest may hold, so that the others are our own.
const MAX_ADOPTED: usize = MAX_SERIALS / 2;

/// Learns what ingest knows better. Once is enough for a process: who restores a catalog starts it anew,
/// and an ingest that was taken over must not fill the record.
///
/// # Errors
/// [`ClinicError::KeySetLearned`] if there was a newer key set: it is in force after a new start. Else any other.
pub(super) async fn catch_up(clinic: &Clinic, link: &mut Link, learned: &mut bool) -> Result<(), ClinicError> {
    let Answer::InForce { generation, devices, key_set } = link.ask(&Ask::InForce).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let ahead = generation.saturating_sub(devices::current_generation(&clinic.catalog).await?);
    if ahead > MAX_AHEAD {
        tracing::error!(generation, "ingest names a list of devices that cannot be: it is not believed");
    } else if ahead > 0 && !*learned {
        tracing::warn!(
            generation,
            "this catalog is older than what ingest has in force: was it restored from a backup?"
        );
        learn(clinic, generation, &devices).await?;
        // Not before: what could not be kept is to be learned on the next link.
        *learned = true;
    }
    learn_revocations(clinic, &devices).await?;
    match key_set {
        Some(envelope) if is_newer(clinic, &envelope) => {
            super::record(clinic, &[Event::RestoredBehind(generation)]).await?;
            clinic.keys.replace_key_set(&clinic.folder, &envelope)?;
            Err(ClinicError::KeySetLearned)
        }
        _ => Ok(()),
    }
}

/// Whatever the generations say, since commands at a restored catalog raise its own: a device that ingest holds for revoked is not pushed to it
/// as active. A device is revoked once, so that this ends.
async fn learn_revocations(clinic: &Clinic, in_force: &[DeviceRecord]) -> Result<(), ClinicError> {
    let now = clinic.now();
    let mut tx = clinic.catalog.write().await?;
    let mut events = Vec::new();
    for record in in_force.iter().filter(|record| record.state == DeviceState::Revoked) {
        let known = devices::find_in(&mut tx, record.id).await?;
        if known.is_some_and(|known| known.status != Status::Revoked) {
            tracing::warn!(device = %record.id, "a revocation was learned from ingest");
            devices::revoke(&mut tx, record.id, now).await?;
            events.push(Event::RevocationLearned(record.id));
        }
    }
    if events.is_empty() {
        return Ok(());
    }
    clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    Ok(tx.commit().await?)
}

async fn learn(clinic: &Clinic, generation: u64, in_force: &[DeviceRecord]) -> Result<(), ClinicError> {
    let now = clinic.now();
    let mut tx = clinic.catalog.write().await?;
    let mut events = vec![Event::RestoredBehind(generation)];
    for record in in_force {
        let known = devices::find_in(&mut tx, record.id).await?;
        match (known.map(|known| known.status), record.state) {
            (None, _) => {
                tracing::warn!(device = %record.id, "a device that this catalog does not know is served no more");
                events.push(Event::DeviceForgotten(record.id));
            }
            // Those that are revoked at ingest are seen to in any case.
            (Some(Status::Revoked), _) | (Some(_), DeviceState::Revoked) => {}
            (Some(_), DeviceState::Active) => adopt_serials(&mut tx, record, &mut events).await?,
        }
    }
    // Beyond what ingest has, so that the list that follows is the newer one.
    devices::continue_from(&mut tx, generation).await?;
    clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    Ok(tx.commit().await?)
}

async fn adopt_serials(
    tx: &mut WriteTx,
    record: &DeviceRecord,
    events: &mut Vec<Event<'_>>,
) -> Result<(), ClinicError> {
    for serial in record.serials.iter().take(MAX_ADOPTED) {
        let ours = sqlx::query("SELECT 1 FROM certificate WHERE serial = $1")
            .bind(serial.to_vec())
            .fetch_optional(&mut **tx)
            .await?;
        if ours.is_none() {
            sqlx::query(
                "INSERT INTO adopted_certificate (serial, device) VALUES ($1, $2) ON CONFLICT (serial) DO NOTHING",
            )
            .bind(serial.to_vec())
            .bind(record.id.as_bytes().to_vec())
            .execute(&mut **tx)
            .await?;
            events.push(Event::CertificateAdopted(record.id, *serial));
        }
    }
    Ok(())
}

/// Serial numbers of a device's adopted certificates.
pub(super) async fn adopted(
    connection: &mut sqlx::AnyConnection,
    device: DeviceId,
) -> Result<Vec<[u8; 16]>, ClinicError> {
    let rows = sqlx::query("SELECT serial FROM adopted_certificate WHERE device = $1 ORDER BY serial LIMIT $2")
        .bind(device.as_bytes().to_vec())
        .bind(i64::try_from(MAX_ADOPTED).unwrap_or(1))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| devices::fixed(row, 0)).collect()
}

/// Takes a certificate that ingest shows into the catalog, if it is one of `device` that was adopted and that our CA has signed.
pub(super) async fn take_in(
    clinic: &Clinic,
    device: DeviceId,
    der: &[u8],
    now: UnixMillis,
) -> Result<Option<Certificate>, ClinicError> {
    let Some(shown) = read(clinic, device, der, now) else { return Ok(None) };
    let mut tx = clinic.catalog.write().await?;
    let deleted = sqlx::query("DELETE FROM adopted_certificate WHERE serial = $1 AND device = $2")
        .bind(shown.serial.to_vec())
        .bind(device.as_bytes().to_vec())
        .execute(&mut *tx)
        .await?;
    if deleted.rows_affected() != 1 {
        return Ok(None);
    }
    devices::insert_certificate(&mut tx, &shown).await?;
    let event = Event::CertificateAdopted(device, shown.serial);
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[event]).await?;
    tx.commit().await?;
    Ok(Some(shown))
}

fn read(clinic: &Clinic, device: DeviceId, der: &[u8], now: UnixMillis) -> Option<Certificate> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    let signed = certificate.tbs_certificate.as_ref();
    let by_us = |root: &Vec<u8>| {
        PublicKey::of_certificate(root).is_some_and(|key| key.verifies_der(signed, &certificate.signature_value.data))
    };
    if !rest.is_empty() || !clinic.roots().iter().any(by_us) {
        return None;
    }
    let names = certificate.subject_alternative_name().ok()??;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return None };
    if device_of_uri(uri) != Some(device) {
        return None;
    }
    Some(Certificate {
        serial: certificate.raw_serial().try_into().ok()?,
        device,
        public_key: PublicKey::of_certificate(der)?,
        der: der.to_vec(),
        not_after: Validity::of_certificate(der)?.not_after,
        issued_at: now,
    })
}

fn is_newer(clinic: &Clinic, envelope: &[u8]) -> bool {
    let held = clinic.key_set().key_set().number;
    let keys: Vec<PublicKey> = clinic.roots().iter().filter_map(|root| PublicKey::of_certificate(root)).collect();
    let verified = SignedKeySet::parse(envelope).and_then(|set| set.verify(&keys, clinic.id(), clinic.now(), 0));
    verified.is_ok_and(|verified| verified.key_set().number > held)
}
