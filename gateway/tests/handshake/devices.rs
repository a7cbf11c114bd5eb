//! Which devices get in, and what the others are told.

use std::sync::Arc;

use quinn::ConnectionError;
use quinn::crypto::rustls::HandshakeData;
use rcgen::{CertificateParams, DnType, Issuer};
use rustls::AlertDescription;
use safelight_core::client::tls::{
    self, CertificateKey, CertificateSigner, ClientIdentity, GRACE, TlsConfigError, main_config,
};
use safelight_core::device_key::DeviceKeyError;
use safelight_core::ids::UnixMillis;
use safelight_gateway::enrol::issue::DEVICE_LIFETIME;
use safelight_gateway::ingest::authenticate::{DeviceStatus, IdentifyError, Refused, authenticate, identify};

use crate::cast::{CLINIC, Clinic, DEVICE, Device, HOUR, Liar, NoCertificate, Unwilling, device_key, now};
use crate::stage::{Side, meet, refused, shown};

#[tokio::test]
async fn t16_a_device_gets_in_and_is_identified() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let met = meet(clinic.server(), clinic.client(&device)).await.unwrap();
    let data = met.server.handshake_data().unwrap().downcast::<HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(tls::ALPN_MAIN));
    assert_eq!(data.server_name, Some(CLINIC.server_name()));
    let presented = identify(&shown(&met.server), now()).unwrap();
    assert_eq!(presented.device_id(), DEVICE);
    assert_eq!(presented.public_key(), &device.identity.key.public_key().unwrap());
    assert_eq!(presented.not_after(), device.not_after);
    let active = DeviceStatus::Active { serials: vec![[1; 16], device.serial] };
    let verified = authenticate(presented, &active, now()).unwrap();
    assert_eq!((verified.device_id(), verified.may_only_renew()), (DEVICE, false));
}

#[tokio::test]
async fn t01_without_a_client_certificate_nobody_gets_in() {
    let clinic = Clinic::new();
    let mut config = clinic.client(&clinic.device(now()));
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    refused(clinic.server(), config, Side::Server, AlertDescription::CertificateRequired).await;
}

#[tokio::test]
async fn t02_an_expired_certificate_is_marked_within_the_grace_and_refused_beyond_it() {
    let clinic = Clinic::new();
    let grace = u64::try_from(GRACE.as_millis()).unwrap();
    let life = u64::try_from(DEVICE_LIFETIME.as_millis()).unwrap();
    for expired_for in [2_000, grace - HOUR] {
        let device = clinic.device(UnixMillis(now().0 - life - expired_for));
        let met = meet(clinic.server(), clinic.client(&device)).await.unwrap();
        let presented = identify(&shown(&met.server), now()).unwrap();
        let active = DeviceStatus::Active { serials: vec![device.serial] };
        let verified = authenticate(presented.clone(), &active, now()).unwrap();
        assert!(verified.may_only_renew(), "{expired_for}");
        // The connection that was made within the grace does not outlive it.
        let over = now().plus(GRACE);
        assert_eq!(authenticate(presented, &active, over), Err(Refused::Expired), "{expired_for}");
    }
    let device = clinic.device(UnixMillis(now().0 - life - grace - 1_000));
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::Expired));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn t02_the_grace_is_not_a_way_round_the_signature() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let life = u64::try_from(DEVICE_LIFETIME.as_millis()).unwrap();
    let device = other.device(UnixMillis(now().0 - life - HOUR));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn t03_a_certificate_of_tomorrow_is_refused() {
    let clinic = Clinic::new();
    let device = clinic.device(UnixMillis(now().0 + HOUR));
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotYetValid));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn t04_another_ca_of_the_same_name_is_refused() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let device = other.device(now());
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn t05_a_self_signed_certificate_with_our_issuer_name_is_refused() {
    let clinic = Clinic::new();
    let mut params = Clinic::device_params();
    params.distinguished_name.push(DnType::CommonName, format!("Safelight CA {CLINIC}"));
    let key = device_key();
    let signer = CertificateSigner::new(key.as_ref()).unwrap();
    let der = params.self_signed(&signer).unwrap().der().to_vec();
    let device = Device::new(vec![der], key);
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn a_device_certificate_certifies_nobody() {
    let clinic = Clinic::new();
    let (device, friend) = (clinic.device(now()), device_key());
    let signer = CertificateSigner::new(device.identity.key.as_ref()).unwrap();
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, DEVICE.to_string());
    let key = CertificateKey::from(&friend.public_key().unwrap());
    let der = Clinic::device_params().signed_by(&key, &Issuer::new(issuer, signer)).unwrap().der().to_vec();
    let chain = vec![der, device.identity.chain[0].clone(), clinic.ca.certificate().to_vec()];
    let friend = Device::new(chain, friend);
    refused(clinic.server(), clinic.client(&friend), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let thief = ClientIdentity { chain: device.identity.chain.clone(), key: device_key() };
    let made = main_config(&thief, &clinic.roots(), CLINIC);
    assert!(matches!(made, Err(TlsConfigError::KeyMismatch)));
    let public = device.identity.key.public_key().unwrap();
    let liar = ClientIdentity { key: Arc::new(Liar { public, key: device_key() }), ..thief };
    let config = main_config(&liar, &clinic.roots(), CLINIC).unwrap().config;
    refused(clinic.server(), config, Side::Server, AlertDescription::DecryptError).await;
}

#[tokio::test]
async fn f10_a_key_that_does_not_sign_says_why() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let key = Arc::new(Unwilling(device.identity.key.clone()));
    let identity = ClientIdentity { key, ..device.identity };
    let tls = main_config(&identity, &clinic.roots(), CLINIC).unwrap();
    assert_eq!(tls.key_failures.take(), None);
    let failed = meet(clinic.server(), tls.config).await.err().unwrap();
    assert!(matches!(failed.client, Some(ConnectionError::TransportError(_))), "{failed:?}");
    assert_eq!(tls.key_failures.take(), Some(DeviceKeyError::Invalidated));
    assert_eq!(tls.key_failures.take(), None);
}

#[test]
fn t06_t12_status_decides() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let ask = |status: DeviceStatus| authenticate(identify(&device.chain(), now()).unwrap(), &status, now());
    assert!(ask(DeviceStatus::Active { serials: vec![device.serial] }).is_ok());
    assert_eq!(ask(DeviceStatus::Revoked), Err(Refused::Revoked));
    assert_eq!(ask(DeviceStatus::Unknown), Err(Refused::Unknown));
    for serials in [vec![], vec![[0; 16]]] {
        assert_eq!(ask(DeviceStatus::Active { serials }), Err(Refused::Superseded));
    }
}
