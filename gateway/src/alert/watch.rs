//! What no entry of the log says: certificates that end, a disk that is nearly full, numbers that stay missing, and whether the log is sound.

use std::path::Path;
use std::time::Duration;

use safelight_core::client::tls::Validity;
use tokio::time::sleep;

use super::book;
use super::rules::{self, Alarm};
use crate::clinic::ClinicError;
use crate::clinic::desk::Desk;
use crate::clinic::pictures::{self, Gap};
use crate::config::alert::Code;
use crate::config::{Config, Layout};
use crate::keyfile;
use crate::log::VerifyError;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// The log is recomputed with every so many looks.
const VERIFY_EVERY: u32 = 24;

/// Gaps that are looked at.
const MAX_GAPS: u32 = 100;

/// Certificates that are files: the clinic's own, and ingest's where this user may read it.
const CERTIFICATES: [(&str, &str); 2] = [("console", "clinic/console.crt"), ("ingest", "ingest/tls.crt")];

/// Watches for ever.
pub(super) async fn run(desk: Desk, config: &Config, layout: &Layout) {
    let mut gaps = Vec::new();
    let mut looks: u32 = 0;
    loop {
        let verify = looks % VERIFY_EVERY == 1;
        if let Err(error) = look(&desk, config, layout, &mut gaps, verify).await {
            tracing::error!(code = "alert-watch", %error, "the machine could not be looked at for alerts");
        }
        looks = looks.wrapping_add(1);
        sleep(LOOK_EVERY).await;
    }
}

async fn look(
    desk: &Desk,
    config: &Config,
    layout: &Layout,
    gaps: &mut Vec<Gap>,
    verify: bool,
) -> Result<(), ClinicError> {
    let (clinic, now) = (desk.clinic(), desk.now());
    let mut alarms = certificates(desk, config, layout.root());
    if is_disk_low(layout.root()) {
        alarms.push(Alarm { code: Code::DiskLow, subject: "volume:data".to_owned() });
    }
    let missing = pictures::gaps(&clinic.catalog, MAX_GAPS).await?;
    alarms.extend(staying(gaps, &missing));
    *gaps = missing;
    if verify && let Err(VerifyError::Bad(_)) = clinic.access.log().verify(&[]).await {
        alarms.push(Alarm { code: Code::LogTrouble, subject: "log:access".to_owned() });
    }
    let mut tx = clinic.catalog.write().await?;
    book::forget(&mut tx, &config.alert, now).await?;
    for alarm in alarms.iter().filter(|alarm| config.alert.has(alarm.code)) {
        book::raise(&mut tx, &clinic.access, &config.alert, alarm, (now, now), true).await?;
    }
    Ok(tx.commit().await?)
}

fn certificates(desk: &Desk, config: &Config, root: &Path) -> Vec<Alarm> {
    let file = |(name, path): &(&'static str, &str)| {
        let held = keyfile::read_certificates(&root.join(path)).ok()?;
        Some((*name, held.into_iter().next()?))
    };
    let ca = ("ca", desk.clinic().ca.certificate().to_vec());
    let ends = |der: &[u8]| {
        let validity = Validity::of_certificate(der);
        validity.is_some_and(|valid| rules::ends_soon(valid.not_after, desk.now(), config.alert.certificate_days))
    };
    let all = CERTIFICATES.iter().filter_map(file).chain([ca]);
    all.filter(|(_, der)| ends(der))
        .map(|(name, _)| Alarm { code: Code::CertificateEnds, subject: format!("certificate:{name}") })
        .collect()
}

fn is_disk_low(root: &Path) -> bool {
    rustix::fs::statvfs(root).is_ok_and(|volume| {
        let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
        rules::is_low(bytes(volume.f_bavail), bytes(volume.f_blocks))
    })
}

/// Gaps that were there at the last look too: a picture that was on its way then is not any more. One alert a device.
fn staying(before: &[Gap], now: &[Gap]) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for gap in now.iter().filter(|gap| before.contains(gap)) {
        let alarm = Alarm { code: Code::SequenceGap, subject: format!("device:{}", gap.device) };
        if alarms.last() != Some(&alarm) {
            alarms.push(alarm);
        }
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;
    use safelight_core::ids::DeviceId;

    #[test]
    fn a_gap_that_stays_is_an_alert_and_one_that_closes_is_none() {
        let gap = |device: u8, first| Gap { device: DeviceId::from_bytes([device; 16]), first, last: first };
        let before = [gap(1, 3), gap(1, 5), gap(2, 1)];
        assert_eq!(staying(&[], &before), []);
        let alarms = staying(&before, &[gap(1, 3), gap(1, 5), gap(3, 9)]);
        assert_eq!(alarms.len(), 1);
        assert_eq!(alarms[0].subject, format!("device:{}", DeviceId::from_bytes([1; 16])));
    }
}
