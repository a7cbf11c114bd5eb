//! TLS as both ends speak it, and the phone's side of it.
//!
//! Both ends are ours, so nothing is negotiated that need not be: TLS 1.3 alone, one hybrid key exchange,
//! one signature algorithm, no resumption, no early data. What is not offered cannot be downgraded to.
//!
//! | file | what |
//! |---|---|
//! | `profile` | algorithms and ALPN names that both ends share |
//! | `identity` | a [`DeviceKey`](crate::device_key::DeviceKey) in rustls's hands; [`main_config`] |
//! | `enrolment` | [`enrol_config`]: the certificate authority is pinned by its hash |
//! | `request` | [`make_csr`], and the keys as rcgen wants them |
//! | `verifier` | the check of the gateway's certificate that both configurations use |
//! | `validity` | how long a certificate holds, when to renew it, and the grace after it |

mod enrolment;
mod identity;
mod profile;
mod request;
mod validity;
mod verifier;

pub use enrolment::{EnrolTls, PinnedAuthority, enrol_config};
pub use identity::{ClientIdentity, KeyFailures, MainTls, main_config};
pub use profile::{ALPN_ENROL, ALPN_MAIN, device_of_uri, device_uri, foreign_as_unknown, provider};
pub use request::{CertificateKey, CertificateSigner, CsrError, MAX_DEVICE_NAME_CHARS, make_csr};
pub use validity::{GRACE, Validity, ValidityState};

use std::sync::Arc;

use rustls::client::{Resumption, WantsClientCert};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder};

use self::verifier::{GatewayVerifier, Trust};
use crate::ids::ClinicId;

/// Why a TLS configuration could not be made. None of these comes from the network.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// There is no certificate, or one that cannot be read.
    #[error("the device's certificate cannot be read: enrol this device again")]
    Certificate,
    /// The certificate is for another key.
    #[error("the device's certificate and key do not belong together: enrol this device again")]
    KeyMismatch,
    /// The keystore does not answer for the key.
    #[error(transparent)]
    Key(#[from] crate::device_key::DeviceKeyError),
    /// The key set names no certificate authority, or one that cannot be read.
    #[error("the clinic's certificate authority cannot be read: update the clinic's keys, or enrol again")]
    Roots,
    /// rustls refuses the configuration: a fault of this program.
    #[error("TLS could not be set up")]
    Setup(#[source] rustls::Error),
}

fn builder(trust: Trust, clinic: ClinicId) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsConfigError> {
    let server_name = ServerName::try_from(clinic.server_name())
        .map_err(|_| TlsConfigError::Setup(rustls::Error::General("server name".into())))?;
    let verifier = GatewayVerifier { trust, server_name, provider: provider() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsConfigError::Setup)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

fn finished(mut config: ClientConfig, alpn: &[u8]) -> ClientConfig {
    config.alpn_protocols = vec![alpn.to_vec()];
    // A resumed handshake would skip the certificates of both sides.
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config
}
