//! Keeps ingest's copy current: devices, invitations, key set, TLS certificate.

use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::tls::Validity;
use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;

use super::access::{Actor, Event};
use super::{Clinic, ClinicError, devices, revocations};
use crate::link::{Answer, Ask, IngestStatus, Link, LinkError, OpenInvitation};

/// Between two looks at ingest's TLS certificate.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What ingest has been told on this link.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    generation: Option<u64>,
    invitations: Option<Vec<OpenInvitation>>,
    key_set: bool,
    certificate_seen: Option<UnixMillis>,
}

impl Pushed {
    /// Tells ingest whatever it has not been told.
    pub(super) async fn bring_up_to_date(
        &mut self,
        clinic: &Clinic,
        link: &mut Link,
        now: UnixMillis,
    ) -> Result<(), ClinicError> {
        if self.generation != Some(devices::current_generation(&clinic.catalog).await?) {
            let (generation, devices) = devices::for_ingest(&clinic.catalog).await?;
            link.tell(&Ask::Devices { generation, devices }).await?;
            revocations::close_books(clinic, link, now).await?;
            self.generation = Some(generation);
        }
        // Invitations also end by time, so they are looked at each round.
        let open = devices::open_invitations(&clinic.catalog, now).await?;
        if self.invitations.as_ref() != Some(&open) {
            link.tell(&Ask::Invitations(open.clone())).await?;
            self.invitations = Some(open);
        }
        if !self.key_set {
            let key_set = clinic.key_set.key_set();
            let mut accepted = vec![key_set.number];
            accepted.extend(
                key_set.previous.iter().filter(|previous| previous.until > now).map(|previous| previous.number),
            );
            link.tell(&Ask::KeySet { envelope: clinic.key_set_envelope().to_vec(), accepted }).await?;
            self.key_set = true;
        }
        let due = self.certificate_seen.is_none_or(|seen| now.since(seen) >= CERTIFICATE_INTERVAL);
        if due {
            certify_ingest(clinic, link, now).await?;
            self.certificate_seen = Some(now);
        }
        Ok(())
    }
}

/// Gives ingest a new TLS certificate in the last third of the old one's life.
async fn certify_ingest(clinic: &Clinic, link: &mut Link, now: UnixMillis) -> Result<(), ClinicError> {
    let Answer::Status(IngestStatus { certificate_until, .. }) = link.ask(&Ask::Status).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let lifetime = crate::enrol::issue::INGEST_LIFETIME;
    let not_before =
        UnixMillis(certificate_until.0.saturating_sub(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)));
    if !(Validity { not_before, not_after: certificate_until }).renewal_due(now) {
        return Ok(());
    }
    let Answer::PublicKey(sec1) = link.ask(&Ask::CertificateRequest).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let key = PublicKey::from_sec1(&sec1).map_err(|_| LinkError::Unexpected)?;
    let issued = clinic.ca.issue_ingest(&key, clinic.id(), now, &mut SysRng)?;
    let mut tx = clinic.catalog.write().await?;
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[Event::IngestCertified(issued.serial)]).await?;
    tx.commit().await?;
    link.tell(&Ask::Certificate(vec![issued.der.to_vec(), clinic.ca.certificate().to_vec()])).await?;
    tracing::info!("ingest has a new TLS certificate");
    Ok(())
}
