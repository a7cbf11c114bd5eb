//! What is a device's certificate, and what only looks like one.

use getrandom::SysRng;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType};
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use safelight_core::client::tls::device_uri;
use safelight_core::ids::DeviceId;
use safelight_gateway::ingest::authenticate::{IdentifyError, identify};

use crate::cast::{CLINIC, Clinic, DEVICE, Device, device_key, now};
use crate::stage::{Side, meet, refused};

/// How a certificate differs from the template.
type Change = fn(&mut CertificateParams);

#[tokio::test]
async fn t10_the_servers_certificate_is_no_device_certificate() {
    let clinic = Clinic::new();
    let key = device_key();
    let issued = clinic.ca.issue_ingest(&key.public_key().unwrap(), CLINIC, now(), &mut SysRng).unwrap();
    let device = Device::new(vec![issued.der], key);
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotADevice));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnsupportedCertificate).await;
}

#[tokio::test]
async fn t10_a_certificate_of_another_shape_is_refused_though_our_ca_signed_it() {
    let clinic = Clinic::new();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let other_device = device_uri(DeviceId::from_bytes([1; 16]));
    let shapes: [(&str, Change); 4] = [
        ("two purposes", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        ("no purpose", |params| params.extended_key_usages.clear()),
        ("any purpose", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
        ("no name", |params| params.subject_alt_names.clear()),
    ];
    let mut made: Vec<_> = shapes
        .into_iter()
        .map(|(shape, change)| {
            let mut params = Clinic::device_params();
            change(&mut params);
            (shape, params)
        })
        .collect();
    for (shape, names) in [
        ("two devices", vec![uri(&device_uri(DEVICE)), uri(&other_device)]),
        ("upper case", vec![uri(&device_uri(DEVICE).to_uppercase())]),
        ("another URI", vec![uri("https://example.org/")]),
        ("a host beside it", vec![uri(&device_uri(DEVICE)), SanType::DnsName("a.example".try_into().unwrap())]),
    ] {
        let mut params = Clinic::device_params();
        params.subject_alt_names = names;
        made.push((shape, params));
    }
    for (shape, params) in made {
        let device = clinic.sign(&params);
        assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotADevice), "{shape}");
        let verdict = meet(clinic.server(), clinic.client(&device)).await;
        assert_eq!(verdict.err().unwrap().alert(Side::Server), AlertDescription::UnsupportedCertificate, "{shape}");
    }
    // The shape itself, made the same way, gets in: what was refused was refused for its difference.
    let device = clinic.sign(&Clinic::device_params());
    assert!(meet(clinic.server(), clinic.client(&device)).await.is_ok());
}

#[test]
fn what_is_not_a_certificate_identifies_nobody() {
    assert_eq!(identify(&[], now()), Err(IdentifyError::NoCertificate));
    let clinic = Clinic::new();
    let whole = clinic.device(now()).identity.chain.remove(0);
    for end in 0..whole.len() {
        let cut = CertificateDer::from(whole[..end].to_vec());
        assert_eq!(identify(&[cut], now()), Err(IdentifyError::Malformed), "{end}");
    }
    let longer = CertificateDer::from([whole.as_slice(), &[0]].concat());
    assert_eq!(identify(&[longer], now()), Err(IdentifyError::Malformed));
}
