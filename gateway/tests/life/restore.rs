//! The clinic's folder comes back from an old backup, with its CA and its old list of devices. Ingest has gone on.

use safelight_core::client::ClientError;
use safelight_core::ids::UnixMillis;
use safelight_core::wire::CloseReason;
use safelight_gateway::clinic::pictures::{self, Picture, State};
use safelight_gateway::clinic::{ClinicError, verify};
use safelight_gateway::link::{self, Answer, Ask, DeviceRecord, DeviceState};
use safelight_gateway::vault::Passphrase;

use crate::DAY;
use crate::clinic::{Gateway, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn e21_a_restored_ca_learns_later_revocations_before_it_serves() {
    let mut gateway = Gateway::running().await;
    let (kept, renewed, revoked) =
        (gateway.enrol("kept").await, gateway.enrol("renewed").await, gateway.enrol("revoked").await);
    gateway.stop().await;
    let backup = tempfile::tempdir().unwrap();
    gateway.back_up(backup.path()).await;
    gateway.start().await;

    gateway.pass(27 * DAY).await;
    renewed.visit().await.expect("an active phone renews");
    gateway.decide(revoked.id, false).await;
    let later = gateway.enrol("later").await;
    // Phones know a newer key set than the backup does.
    gateway.stop().await;
    gateway.config.clinic_name = "Dermatology and Allergology".to_owned();
    gateway.start().await;
    renewed.visit().await.expect("an active phone");
    let newest = renewed.key_set();
    assert!(newest > 1);

    gateway.stop().await;
    gateway.restore(backup.path()).await;
    gateway.start().await;
    // Not a moment in which the revoked one gets in, though the restored catalog had it as active.
    let refused = revoked.visit().await;
    assert!(matches!(refused, Err(ClientError::Closed(CloseReason::Revoked))), "{refused:?}");
    assert_eq!(gateway.entries("revocation-learned").await, 1);
    // Unknown to the backup: to be enrolled again, and said so.
    assert!(matches!(later.visit().await, Err(ClientError::Closed(CloseReason::UnknownDevice))));
    assert_eq!(gateway.entries("device-forgotten").await, 1);
    // Whose certificate is newer than the backup is let in, and renews.
    renewed.visit().await.expect("an active phone");
    renewed.client.renew().await.expect("the clinic learns its certificate from itself");
    renewed.visit().await.expect("with the new certificate");
    kept.visit().await.expect("an active phone");
    // The key set is the newest that phones have seen; the next one is newer still.
    assert_eq!((kept.key_set(), renewed.key_set()), (newest, newest));
    gateway.stop().await;
    gateway.config.clinic_name = "Skin".to_owned();
    gateway.start().await;
    renewed.visit().await.expect("an active phone");
    assert_eq!(renewed.key_set(), newest + 1);
    // And revoking still reaches ingest, whose list was the newer one.
    gateway.decide(kept.id, false).await;
    gateway.in_force().await;
    assert!(matches!(kept.visit().await, Err(ClientError::Closed(CloseReason::Revoked))));
    let issued = gateway.entries("certificate-issued").await;
    assert!(issued >= 4, "{issued}");
}

/// An ingest that was taken over uses that question to tell lies: a list from the end of all numbers, revocations, certificates without end.
/// It can shut out whom it could shut out anyway; the clinic's own numbers and devices stay usable.
#[tokio::test(flavor = "multi_thread")]
async fn x14_lies_about_what_is_in_force_spoil_nothing_for_good() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    gateway.stop().await;
    let before = gateway.open().await;
    let generation = safelight_gateway::clinic::devices::current_generation(&before.catalog).await.unwrap();
    let lies = [
        // Beyond every number: the next list could never be newer.
        ((1 << 63) - 1, vec![]),
        // Certificates that push the real ones out.
        (
            generation + 1,
            vec![DeviceRecord {
                id: phone.id,
                state: DeviceState::Active,
                serials: (1..=8).map(|n| [n; 16]).collect(),
            }],
        ),
    ];
    for (claimed, devices) in lies {
        let listener = link::listen(&gateway.layout.ingest(), None).unwrap();
        let (layout, config, clock) = (gateway.layout.clone(), gateway.config.clone(), gateway.clock());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let clinic = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            safelight_gateway::clinic::run(&layout, &config, clock, None, until, || {}, |_| std::future::pending())
                .await
        });
        // Several parts of the clinic process have a connection each.
        let (told, mut is_told) = tokio::sync::mpsc::unbounded_channel();
        let lying = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            while let Ok(mut link) = listener.accept().await {
                let (told, devices) = (told.clone(), devices.clone());
                links.spawn(async move {
                    while let Ok(Some(ask)) = link.next_ask().await {
                        let answer = match ask {
                            Ask::InForce => {
                                Answer::InForce { generation: claimed, devices: devices.clone(), key_set: None }
                            }
                            Ask::Devices { generation, devices } => {
                                let _ = told.send((generation, devices));
                                Answer::Done
                            }
                            _ => Answer::Done,
                        };
                        link.answer(&answer).await?;
                    }
                    Ok::<_, link::LinkError>(())
                });
            }
        });
        let (generation, list) = is_told.recv().await.expect("a list");
        assert!(generation < 1_000, "the lie about the number was believed");
        let own = list.iter().find(|device| device.id == phone.id).expect("the device is in the list");
        assert_eq!(own.state, DeviceState::Active);
        drop(stop);
        clinic.await.unwrap().unwrap();
        lying.abort();
        assert!(lying.await.is_err_and(|ended| ended.is_cancelled()));
    }
    gateway.start().await;
    phone.visit().await.expect("an active phone");
    phone.client.renew().await.expect("an active phone");
    gateway.decide(phone.id, false).await;
    gateway.in_force().await;
    eventually("the revocation", || async {
        matches!(phone.visit().await, Err(ClientError::Closed(CloseReason::Revoked))).then_some(())
    })
    .await;
}

/// The phone sends on under a certificate that the restored catalog has forgotten. Its pictures are sound, and who signed them is known as soon as
/// it renews.
#[tokio::test(flavor = "multi_thread")]
async fn x68_pictures_under_a_forgotten_certificate_wait_for_it_and_not_for_ever() {
    let mut gateway = Gateway::running().await;
    let phone = gateway.enrol("phone").await;
    gateway.stop().await;
    let backup = tempfile::tempdir().unwrap();
    gateway.back_up(backup.path()).await;
    gateway.start().await;
    gateway.pass(27 * DAY).await;
    phone.visit().await.expect("an active phone renews");
    gateway.stop().await;
    gateway.restore(backup.path()).await;
    gateway.start().await;
    for _ in 0..2 {
        phone.sends().await.expect("ingest knows the certificate");
    }
    let received = eventually("both pictures", || async {
        let listed = pictures::list(&gateway.open().await.catalog, 0, 9).await.unwrap();
        (listed.len() == 2).then_some(listed)
    })
    .await;
    let clinic = gateway.open().await;
    let vault = clinic.unlock(&Passphrase::new("a passphrase for tests alone").unwrap()).unwrap();
    let state = async |of: &Picture| {
        let found = pictures::find(&gateway.open().await.catalog, of.capture).await.unwrap().unwrap();
        (found.state, found.reason)
    };
    for picture in &received {
        let judged = verify::judge(&clinic, &vault, picture, clinic.now()).await;
        assert!(matches!(judged, Err(ClinicError::CertificateNotKnownYet)), "{judged:?}");
        assert_eq!(state(picture).await.0, State::Received);
    }
    // A device that has not come back by then never will with that certificate.
    verify::judge(&clinic, &vault, &received[0], UnixMillis(clinic.now().0 + 45 * DAY)).await.unwrap();
    assert_eq!(state(&received[0]).await, (State::Quarantined, "bad-signature".to_owned()));

    phone.client.renew().await.expect("the clinic learns its certificate from itself");
    // This test is no program that could be the inspector, which comes last: what is before it has passed.
    let judged = verify::judge(&clinic, &vault, &received[1], clinic.now()).await;
    assert!(matches!(judged, Ok(()) | Err(ClinicError::Inspector)), "{judged:?}");
    let (_, reason) = state(&received[1]).await;
    assert!(["", "malformed-answer", "killed", "timed-out"].contains(&reason.as_str()), "{reason}");
    gateway.stop().await;
}
