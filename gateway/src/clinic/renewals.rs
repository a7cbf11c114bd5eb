//! Renewal: a device that is active gets a certificate for a fresh key.

use safelight_core::client::tls::GRACE;
use safelight_core::device_key::Es256;
use safelight_core::enrol::csr::CertificateRequest;
use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::wire::{RefusalCode, Request, Response, renewal_message};

use super::devices::{self, Status};
use super::{Clinic, ClinicError, enrolments, restored};

/// Certificates that one device may have issued to it within a day: more is a device, or an ingest, that plays.
const MAX_PER_DAY: usize = 6;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The response for the phone, encoded. `device` is what ingest says, and is believed only if the request is signed by a key that this
/// clinic has certified for that device. `shown` is the certificate that the device has connected with, as ingest says: it matters only where
/// the catalog was restored from a backup and does not know it.
pub(super) async fn renew(
    clinic: &Clinic,
    device: DeviceId,
    shown: &[u8],
    request: &[u8],
    now: UnixMillis,
) -> Result<Vec<u8>, ClinicError> {
    let response = match judge(clinic, device, shown, request, now).await? {
        Ok(certificate) => Response::Certificate { certificate },
        Err(code) => Response::Refused(code.into()),
    };
    response.to_bytes().map_err(|_| ClinicError::CatalogDamaged)
}

async fn judge(
    clinic: &Clinic,
    device: DeviceId,
    shown: &[u8],
    request: &[u8],
    now: UnixMillis,
) -> Result<Result<Vec<u8>, RefusalCode>, ClinicError> {
    let known = devices::find(&clinic.catalog, device).await?;
    if known.is_none_or(|known| known.status != Status::Active) {
        return Ok(Err(RefusalCode::NotApproved));
    }
    // A certificate that is dated wrongly is worse than one that comes later.
    if clinic.time_to_issue().is_err() {
        return Ok(Err(RefusalCode::ClinicUnavailable));
    }
    let Ok(Request::Renew { csr, proof }) = Request::from_bytes(request) else {
        return Ok(Err(RefusalCode::Malformed));
    };
    let Ok(request) = CertificateRequest::parse(&csr) else {
        return Ok(Err(RefusalCode::BadCertificateRequest));
    };
    let mut held = devices::certificates(&clinic.catalog, device).await?;
    held.extend(restored::take_in(clinic, device, shown, now).await?);
    let message = renewal_message(clinic.id(), device, &csr);
    let outage = clinic.guard.look().outage;
    let excused = |end| outage.is_some_and(|outage| outage.excuses(end, GRACE, now));
    let usable = |held: &&devices::Certificate| now <= held.not_after.plus(GRACE) || excused(held.not_after);
    let Some(used) = held.iter().filter(usable).find(|held| held.public_key.verifies(&message, &Es256(proof))) else {
        tracing::warn!(%device, "a renewal was not signed by the device");
        return Ok(Err(RefusalCode::BadCertificateRequest));
    };
    // A key that was certified before is not certified again: a renewal changes the key.
    if held.iter().any(|held| held.public_key == *request.public_key()) {
        return Ok(Err(RefusalCode::BadCertificateRequest));
    }
    // Those that a wrong clock dated into the future would count for as long as that lies ahead.
    let today = |held: &&devices::Certificate| held.issued_at <= now && now.since(held.issued_at) < DAY;
    if held.iter().filter(today).count() > MAX_PER_DAY {
        return Ok(Err(RefusalCode::TooMany));
    }
    enrolments::issue(clinic, device, request.public_key(), Some(&used.serial), now).await.map(Ok)
}
