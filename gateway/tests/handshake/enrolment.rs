//! The enrolment listener: the phone has no certificate yet, and believes the CA whose hash it has scanned.

use getrandom::SysRng;
use rustls::AlertDescription;
use safelight_core::client::tls::enrol_config;
use safelight_core::device_key::PublicKey;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_gateway::ingest::authenticate::enrol_server_config;

use crate::cast::{CLINIC, Clinic, DEVICE, HOUR, now, server_key};
use crate::stage::{Side, meet, refused};

#[tokio::test]
async fn e06_the_pinned_ca_is_shown_and_kept() {
    let clinic = Clinic::new();
    let tls = enrol_config(clinic.ca.sha256(), CLINIC).unwrap();
    assert_eq!(tls.server_name, CLINIC.server_name());
    assert_eq!(tls.authority.der(), None);
    meet(clinic.enrol_server(&[clinic.ca.certificate()]), tls.config).await.unwrap();
    assert_eq!(tls.authority.der(), Some(clinic.ca.certificate().as_ref()));
}

#[tokio::test]
async fn e06_e07_another_ca_is_refused_whatever_it_is_called_and_shows() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let (own, theirs) = (clinic.ca.certificate(), other.ca.certificate());
    for chain in [vec![theirs], vec![own], vec![theirs, own], vec![own, theirs]] {
        let tls = enrol_config(clinic.ca.sha256(), CLINIC).unwrap();
        refused(other.enrol_server(&chain), tls.config, Side::Client, AlertDescription::UnknownCA).await;
        assert_eq!(tls.authority.der(), None);
    }
}

#[tokio::test]
async fn e06_the_pinned_ca_vouches_for_a_server_of_this_clinic_and_for_nothing_else() {
    let clinic = Clinic::new();
    let client = || enrol_config(clinic.ca.sha256(), CLINIC).unwrap().config;
    let serve = |issue: &dyn Fn(&PublicKey) -> Vec<u8>| {
        let (key, private) = server_key();
        let chain = vec![issue(&key).into(), clinic.ca.certificate().clone()];
        enrol_server_config(chain, private).unwrap()
    };
    let device = serve(&|key| clinic.ca.issue_device(key, DEVICE, now(), &mut SysRng).unwrap().der);
    refused(device, client(), Side::Client, AlertDescription::UnsupportedCertificate).await;
    let named = ClinicId::from_bytes([8; 16]);
    let stranger = serve(&|key| clinic.ca.issue_ingest(key, named, now(), &mut SysRng).unwrap().der);
    refused(stranger, client(), Side::Client, AlertDescription::BadCertificate).await;
    let then = UnixMillis(now().0 - 91 * 24 * HOUR);
    let stale = serve(&|key| clinic.ca.issue_ingest(key, CLINIC, then, &mut SysRng).unwrap().der);
    refused(stale, client(), Side::Client, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn e06_the_enrolment_listener_serves_enrolment_alone() {
    let clinic = Clinic::new();
    let server = || clinic.enrol_server(&[clinic.ca.certificate()]);
    let client = clinic.client(&clinic.device(now()));
    refused(server(), client, Side::Server, AlertDescription::NoApplicationProtocol).await;
    let (_, private) = server_key();
    assert!(enrol_server_config(vec![clinic.ca.certificate().clone()], private).is_err());
}
