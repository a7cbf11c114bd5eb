//! Certificates from our own templates (RFC 5280). The caller brings a public key that it has verified; nothing else
//! of a request can get in.

use std::net::IpAddr;
use std::time::Duration;

use rand_core::TryCryptoRng;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SanType,
    SerialNumber,
};
use safelight_core::client::tls::{CertificateKey, CertificateSigner, Validity, device_uri};
use safelight_core::device_key::{DeviceKeyError, PublicKey, SoftwareDeviceKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};

use super::ca::{self, Ca};

/// How long a device certificate holds.
pub const DEVICE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long an ingest certificate holds.
pub const INGEST_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long the console's certificate holds.
pub const CONSOLE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How far back a certificate's start is dated, so that a phone whose clock is a little slow accepts it at once.
pub const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// 9999-12-31T23:59:59Z in seconds since 1970, the last moment that a certificate can name (RFC 5280 section 4.1.2.5).
const LAST_MOMENT: u64 = 253_402_300_799;

/// From when to when a certificate is dated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dating {
    /// It holds from then on, and a moment before. Earlier than `now` where the clock has leapt forward and may yet be set back.
    pub since: UnixMillis,
    /// Its life is counted from then.
    pub now: UnixMillis,
}

impl From<UnixMillis> for Dating {
    fn from(now: UnixMillis) -> Self {
        Self { since: now, now }
    }
}

/// A certificate that was just issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// X.509 in DER.
    pub der: Vec<u8>,
    /// Its serial number, big-endian.
    pub serial: [u8; 16],
    /// Its first moment.
    pub not_before: UnixMillis,
    /// Its last moment.
    pub not_after: UnixMillis,
}

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The source of randomness failed.
    #[error("no randomness for a serial number: check the system, then try again")]
    Random,
    /// The clock says a time that no certificate can name, or one outside the CA's own life.
    #[error(
        "the clock is outside the life of the clinic's CA: set the clock, or make a new CA if this one has expired"
    )]
    Clock,
    /// The CA key did not sign.
    #[error("the CA key did not sign")]
    Key(#[source] DeviceKeyError),
    /// The certificate could not be encoded: a fault of this program.
    #[error("the certificate could not be made")]
    Encoding(#[source] rcgen::Error),
}

impl Ca {
    /// A certificate for TLS client authentication by `device`, and for nothing else. It names the device in
    /// its common name and as the URI `safelight:device:<id>`.
    pub fn issue_device<R: TryCryptoRng>(
        &self,
        key: &PublicKey,
        device: DeviceId,
        dating: impl Into<Dating>,
        rng: &mut R,
    ) -> Result<IssuedCertificate, IssueError> {
        let san = SanType::URI(ia5(&device_uri(device))?);
        let params = end_entity(&device.to_string(), san, ExtendedKeyUsagePurpose::ClientAuth);
        self.issue(key, params, DEVICE_LIFETIME, dating.into(), rng)
    }

    /// A certificate for TLS server authentication by ingest under the clinic's fixed name, and for nothing else.
    pub fn issue_ingest<R: TryCryptoRng>(
        &self,
        key: &PublicKey,
        clinic: ClinicId,
        dating: impl Into<Dating>,
        rng: &mut R,
    ) -> Result<IssuedCertificate, IssueError> {
        let name = clinic.server_name();
        let san = SanType::DnsName(ia5(&name)?);
        let params = end_entity(&name, san, ExtendedKeyUsagePurpose::ServerAuth);
        self.issue(key, params, INGEST_LIFETIME, dating.into(), rng)
    }

    /// A certificate for TLS server authentication by the console under these names and addresses, and for nothing else.
    pub fn issue_console<R: TryCryptoRng>(
        &self,
        key: &PublicKey,
        hosts: &[String],
        dating: impl Into<Dating>,
        rng: &mut R,
    ) -> Result<IssuedCertificate, IssueError> {
        let name = |host: &String| match host.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => ia5(host).map(SanType::DnsName),
        };
        let names = hosts.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let mut params =
            end_entity("safelight console", SanType::DnsName(ia5("localhost")?), ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = names;
        self.issue(key, params, CONSOLE_LIFETIME, dating.into(), rng)
    }

    fn issue<R: TryCryptoRng>(
        &self,
        key: &PublicKey,
        params: CertificateParams,
        lifetime: Duration,
        Dating { since, now }: Dating,
        rng: &mut R,
    ) -> Result<IssuedCertificate, IssueError> {
        let mut validity = validity_from(now, lifetime);
        validity.not_before = validity.not_before.min(validity_from(since, lifetime).not_before);
        // Nobody checks a root's own end, so nothing under it may outlive it.
        validity.not_before = validity.not_before.max(self.validity().not_before);
        validity.not_after = validity.not_after.min(self.validity().not_after);
        if now < validity.not_before || now > validity.not_after {
            return Err(IssueError::Clock);
        }
        let serial = new_serial(rng)?;
        let params = dated(params, validity, &serial)?;
        let signing = SoftwareDeviceKey::new(self.key().clone(), getrandom::SysRng);
        let signer = CertificateSigner::new(&signing).map_err(IssueError::Key)?;
        let issuer = Issuer::new(ca::ca_params(self.clinic()), signer);
        let der = params.signed_by(&CertificateKey::from(key), &issuer).map_err(IssueError::Encoding)?.der().to_vec();
        let whole = |moment: UnixMillis| UnixMillis(moment.0 / 1000 * 1000);
        Ok(IssuedCertificate {
            der,
            serial,
            not_before: whole(validity.not_before),
            not_after: whole(validity.not_after),
        })
    }
}

fn end_entity(name: &str, san: SanType, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.subject_alt_names = vec![san];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

fn ia5(text: &str) -> Result<rcgen::string::Ia5String, IssueError> {
    text.try_into().map_err(IssueError::Encoding)
}

pub(super) fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

pub(super) fn validity_from(now: UnixMillis, lifetime: Duration) -> Validity {
    let backdated = u64::try_from(BACKDATED.as_millis()).unwrap_or(u64::MAX);
    Validity { not_before: UnixMillis(now.0.saturating_sub(backdated)), not_after: now.plus(lifetime) }
}

/// 126 random bits: the top bit is clear, so that the number is positive, and the next one set, so that
/// it always has sixteen bytes.
pub(super) fn new_serial<R: TryCryptoRng>(rng: &mut R) -> Result<[u8; 16], IssueError> {
    let mut serial = [0u8; 16];
    rng.try_fill_bytes(&mut serial).map_err(|_| IssueError::Random)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x3f | 0x40;
    Ok(serial)
}

pub(super) fn dated(
    mut params: CertificateParams,
    validity: Validity,
    serial: &[u8; 16],
) -> Result<CertificateParams, IssueError> {
    let (start, end) = (validity.not_before.0 / 1000, validity.not_after.0 / 1000);
    if end > LAST_MOMENT || start > end {
        return Err(IssueError::Clock);
    }
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(start);
    params.not_after = epoch + Duration::from_secs(end);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    Ok(params)
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use safelight_core::device_key::SoftwareKey;
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_760_000_000_123);
    const DAY: u64 = 86_400_000;
    const CLINIC: ClinicId = ClinicId::from_bytes([7; 16]);
    const DEVICE: DeviceId = DeviceId::from_bytes([9; 16]);

    fn ca() -> Ca {
        Ca::create(CLINIC, NOW, &mut SysRng).unwrap()
    }

    fn key() -> PublicKey {
        SoftwareKey::generate(&mut SysRng).unwrap().verifying()
    }

    /// What both templates share; returns how many extensions there are.
    fn assert_end_entity(ca: &Ca, key: &PublicKey, issued: &IssuedCertificate) {
        let (rest, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(certificate.raw_serial(), issued.serial);
        assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), key.to_sec1());
        let (_, authority) = X509Certificate::from_der(ca.certificate()).unwrap();
        assert_eq!(certificate.issuer().as_raw(), authority.subject().as_raw());
        let signed = certificate.tbs_certificate.as_ref();
        assert!(ca.key().verifying().verifies_der(signed, &certificate.signature_value.data));
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(!constraints.value.ca && constraints.critical);
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.value.digital_signature() && usage.critical);
        assert_eq!(usage.value.flags.count_ones(), 1, "digitalSignature and nothing else");
        assert_eq!(
            Validity::of_certificate(&issued.der).unwrap(),
            Validity { not_before: issued.not_before, not_after: issued.not_after }
        );
        // Authority and subject key identifier, name, two usages, constraints.
        assert_eq!(certificate.extensions().len(), 6);
    }

    #[test]
    fn a_device_certificate_follows_the_template() {
        let (ca, key) = (ca(), key());
        let issued = ca.issue_device(&key, DEVICE, NOW, &mut SysRng).unwrap();
        assert_end_entity(&ca, &key, &issued);
        assert_eq!(issued.not_before.0, 1_760_000_000_000 - 300_000);
        assert_eq!(issued.not_after.0, 1_760_000_000_000 + 30 * DAY);
        let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(certificate.subject().to_string(), format!("CN={DEVICE}"));
        let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth && !purposes.any && purposes.other.is_empty());
        let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert!(
            matches!(names[..], [GeneralName::URI(uri)] if uri == format!("safelight:device:{DEVICE}")),
            "{names:?}"
        );
    }

    #[test]
    fn an_ingest_certificate_follows_the_template() {
        let (ca, key) = (ca(), key());
        let issued = ca.issue_ingest(&key, CLINIC, NOW, &mut SysRng).unwrap();
        assert_end_entity(&ca, &key, &issued);
        assert_eq!(issued.not_after.0, 1_760_000_000_000 + 90 * DAY);
        let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.server_auth && !purposes.client_auth && !purposes.any && purposes.other.is_empty());
        let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert!(matches!(names[..], [GeneralName::DNSName(name)] if name == CLINIC.server_name()), "{names:?}");
    }

    #[test]
    fn e21_serials_are_random_positive_and_sixteen_bytes() {
        let serials: std::collections::BTreeSet<_> = (0..200).map(|_| new_serial(&mut SysRng).unwrap()).collect();
        assert_eq!(serials.len(), 200);
        assert!(serials.iter().all(|serial| serial[0] & 0xc0 == 0x40));
    }

    #[test]
    fn nothing_outlives_the_authority_or_is_issued_outside_its_life() {
        let ca = ca();
        let issue = |now| ca.issue_device(&key(), DEVICE, now, &mut SysRng);
        let end = ca.validity().not_after;
        assert_eq!(issue(UnixMillis(end.0 - DAY)).unwrap().not_after, end);
        assert!(matches!(issue(UnixMillis(end.0 + 1000)), Err(IssueError::Clock)));
        assert!(matches!(issue(UnixMillis(NOW.0 - DAY)), Err(IssueError::Clock)));
        for now in [0, u64::MAX] {
            assert!(matches!(issue(UnixMillis(now)), Err(IssueError::Clock)));
        }
        assert!(Ca::create(CLINIC, UnixMillis(u64::MAX), &mut SysRng).is_err());
    }

    #[test]
    fn a_source_of_randomness_that_fails_stops_it() {
        struct Broken;
        impl rand_core::TryRng for Broken {
            type Error = std::fmt::Error;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Err(std::fmt::Error)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Err(std::fmt::Error)
            }
            fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
                Err(std::fmt::Error)
            }
        }
        impl TryCryptoRng for Broken {}
        assert!(matches!(ca().issue_device(&key(), DEVICE, NOW, &mut Broken), Err(IssueError::Random)));
        assert!(Ca::create(CLINIC, NOW, &mut Broken).is_err());
    }
}
