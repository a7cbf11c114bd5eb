//! Keeps ingest's copy current: devices, invitations, key set, TLS certificate.

use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::tls::Validity;
use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;
use sha2::{Digest, Sha256};

use super::access::{Actor, Event};
use super::timekeeping::{self, Acceptance};
use super::{Clinic, ClinicError, devices, invitations, receipt_key, revocations, settings};
use crate::link::{Answer, Ask, IngestStatus, Link, LinkError, OpenInvitation};

/// Between two looks at ingest's TLS certificate.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What ingest has been told on this link.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    generation: Option<u64>,
    invitations: Option<Vec<OpenInvitation>>,
    accepted: Option<Vec<u64>>,
    clock: Option<Acceptance>,
    /// On the clock that nobody can set.
    certificate_seen: Option<Duration>,
}

impl Pushed {
    /// Tells ingest whatever it has not been told.
    pub(super) async fn bring_up_to_date(&mut self, clinic: &Clinic, link: &mut Link) -> Result<(), ClinicError> {
        let clock = timekeeping::acceptance(&clinic.catalog).await?;
        if self.clock != Some(clock) {
            if clock.number > 0 {
                link.tell(&Ask::ClockAccepted { number: clock.number, at: clock.at }).await?;
            }
            self.clock = Some(clock);
        }
        let reading = clinic.guard.look();
        let now = reading.now;
        // Read before the invitations and told after them: who waits until ingest has heard of an invitation looks at this number.
        let devices = match self.generation == Some(devices::current_generation(&clinic.catalog).await?) {
            true => None,
            false => Some(devices::for_ingest(&clinic.catalog).await?),
        };
        // Invitations and old key sets also end by time, so they are looked at each round.
        let open = match reading.judgement.may_issue() {
            true => invitations::open_for_ingest(&clinic.catalog, now).await?,
            false => Vec::new(),
        };
        if self.invitations.as_ref() != Some(&open) {
            link.tell(&Ask::Invitations(open.clone())).await?;
            self.invitations = Some(open);
        }
        // Whoever is let in below finds the key set that they were given, or that their pictures are sealed under: without it they would be refused for good.
        self.tell_key_set(clinic, link, now).await?;
        if let Some((generation, devices)) = devices {
            link.tell(&Ask::Devices { generation, devices }).await?;
            revocations::close_books(clinic, link, now).await?;
            self.generation = Some(generation);
        }
        receipt_key::carry_out(clinic, link).await?;
        self.tell_key_set(clinic, link, now).await?;
        let elapsed = clinic.guard.elapsed();
        let due = self.certificate_seen.is_none_or(|seen| elapsed.saturating_sub(seen) >= CERTIFICATE_INTERVAL);
        if due && reading.judgement.may_issue() {
            certify_ingest(clinic, link, now).await?;
            self.certificate_seen = Some(elapsed);
        }
        Ok(())
    }

    /// Tells ingest which key sets are taken, if that has changed.
    async fn tell_key_set(&mut self, clinic: &Clinic, link: &mut Link, now: UnixMillis) -> Result<(), ClinicError> {
        let key_set = clinic.key_set();
        let (accepted, receipt_keys): (Vec<u64>, Vec<PublicKey>) =
            key_set.key_set().accepted(now).into_iter().map(|(number, key)| (number, key.clone())).unzip();
        if self.accepted.as_ref() != Some(&accepted) {
            let envelope = key_set.bytes().to_vec();
            link.tell(&Ask::KeySet { envelope, accepted: accepted.clone(), receipt_keys }).await?;
            self.accepted = Some(accepted);
            receipt_key::pushed(clinic).await?;
        }
        Ok(())
    }
}

/// The setting with the SHA-256 of the CA certificates that ingest was last given.
const ROOTS_GIVEN: &str = "ingest-roots";

/// Gives ingest a new TLS certificate in the last third of the old one's life, and when the CA is rolled over.
async fn certify_ingest(clinic: &Clinic, link: &mut Link, now: UnixMillis) -> Result<(), ClinicError> {
    let Answer::Status(IngestStatus { certificate_until, .. }) = link.ask(&Ask::Status).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let lifetime = crate::enrol::issue::INGEST_LIFETIME;
    let not_before =
        UnixMillis(certificate_until.0.saturating_sub(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)));
    let roots = clinic.roots();
    let wanted = Sha256::digest(roots.concat()).to_vec();
    let given = settings::get(&mut *clinic.catalog.read().await?, ROOTS_GIVEN).await?;
    // What `init` wrote down was the one CA of then.
    let same_roots = given.map_or(roots.len() == 1, |given| given == wanted);
    if same_roots && !(Validity { not_before, not_after: certificate_until }).renewal_due(now) {
        return Ok(());
    }
    let Answer::PublicKey(sec1) = link.ask(&Ask::CertificateRequest).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let key = PublicKey::from_sec1(&sec1).map_err(|_| LinkError::Unexpected)?;
    let issued = clinic.ca.issue_ingest(&key, clinic.id(), clinic.dating(now), &mut SysRng)?;
    let mut tx = clinic.catalog.write().await?;
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[Event::IngestCertified(issued.serial)]).await?;
    tx.commit().await?;
    let chain = std::iter::once(issued.der).chain(roots).collect();
    link.tell(&Ask::Certificate(chain)).await?;
    let mut tx = clinic.catalog.write().await?;
    settings::set(&mut tx, ROOTS_GIVEN, wanted).await?;
    tx.commit().await?;
    tracing::info!("ingest has a new TLS certificate");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Layout;
    use crate::enrol::issue::INGEST_LIFETIME;
    use crate::link;
    use crate::setup::{self, Plan};
    use crate::vault::Passphrase;

    async fn clinic(folder: &Path) -> (Layout, Clinic) {
        let (data, kit) = (folder.join("data"), folder.join("kit.txt"));
        let plan = Plan {
            clinic_name: "Dermatology".to_owned(),
            hosts: vec!["127.0.0.1".to_owned()],
            listen: "127.0.0.1:0".parse().unwrap(),
            enrol_listen: "127.0.0.1:0".parse().unwrap(),
            console_listen: None,
            passphrase: &Passphrase::new("correct horse battery staple").unwrap(),
            passphrase_work: 1,
            recovery_out: &kit,
            separation: None,
        };
        let made = setup::make(&data, &plan, Clock::system().now(), &mut SysRng).await.unwrap();
        let layout = Layout::new(&data);
        let clinic = Clinic::open(&layout, &made.config, &Clock::system()).await.unwrap();
        (layout, clinic)
    }

    /// A phone that is let in before ingest takes its key set is refused for good.
    #[tokio::test]
    async fn ingest_hears_of_the_key_set_before_it_lets_a_device_in() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, clinic) = clinic(folder.path()).await;
        let listener = link::listen(&layout.ingest(), None).unwrap();
        let status = IngestStatus {
            port: 1,
            enrol_port: 2,
            enrol_open: false,
            connections: 0,
            inbox: 0,
            log_size: 1,
            clinic_seen_ms: None,
            unlocked: false,
            store_trusted: true,
            devices_generation: 0,
            certificate_until: clinic.now().plus(INGEST_LIFETIME),
        };
        let ingest = async {
            let (mut link, mut told) = (listener.accept().await.unwrap(), Vec::new());
            while let Some(ask) = link.next_ask().await.unwrap() {
                let answer = if ask == Ask::Status { Answer::Status(status.clone()) } else { Answer::Done };
                link.answer(&answer).await.unwrap();
                told.push(ask);
            }
            told
        };
        let push = async {
            let mut link = link::connect(&layout.ingest()).await.unwrap();
            Pushed::default().bring_up_to_date(&clinic, &mut link).await.unwrap();
        };
        let (told, ()) = tokio::join!(ingest, push);
        let first = |is: fn(&Ask) -> bool| told.iter().position(is).unwrap_or_else(|| panic!("{told:?}"));
        let key_set = first(|ask| matches!(ask, Ask::KeySet { .. }));
        let devices = first(|ask| matches!(ask, Ask::Devices { .. }));
        assert!(key_set < devices, "{told:?}");
    }
}
