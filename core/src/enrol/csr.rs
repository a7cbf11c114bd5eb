//! Certification requests (PKCS#10, RFC 2986), of which the public key alone is taken.
//!
//! Subject, extensions and attributes are the requester's wishes and are not looked at: certificates are built
//! from the clinic's own template.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::prelude::FromDer;

use crate::device_key::PublicKey;
use crate::keyset::is_p256;

/// The longest request in bytes.
pub const MAX_CSR_LEN: usize = 4 * 1024;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// More bytes than a request needs.
    #[error("the certificate request is longer than {MAX_CSR_LEN} bytes")]
    TooLong,
    /// Not one PKCS#10 object in DER.
    #[error("the certificate request is malformed")]
    Malformed,
    /// A key or signature of another kind than P-256 with ECDSA and SHA-256.
    #[error("the certificate request is for a key that is not accepted: P-256 is")]
    Key,
    /// The requester does not hold the private key.
    #[error("the certificate request is not signed by its own key")]
    Signature,
}

/// A request whose sender holds the private key. Only [`CertificateRequest::parse`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    public_key: PublicKey,
}

impl CertificateRequest {
    /// Reads a request in DER and checks its signature.
    pub fn parse(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_CSR_LEN {
            return Err(CsrError::TooLong);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| CsrError::Malformed)?;
        if !rest.is_empty() {
            return Err(CsrError::Malformed);
        }
        let info = &request.certification_request_info;
        if !is_p256(&info.subject_pki)
            || request.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256
            || request.signature_value.unused_bits != 0
        {
            return Err(CsrError::Key);
        }
        let public_key = PublicKey::from_sec1(&info.subject_pki.subject_public_key.data).map_err(|_| CsrError::Key)?;
        if public_key.verifies_der(info.raw, &request.signature_value.data) {
            Ok(Self { public_key })
        } else {
            Err(CsrError::Signature)
        }
    }

    /// The key to certify.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

#[cfg(test)]
mod tests {
    use super::super::der_for_tests::*;
    use super::*;
    use crate::device_key::SoftwareKey;
    use getrandom::SysRng;

    fn key() -> SoftwareKey {
        SoftwareKey::generate(&mut SysRng).unwrap()
    }

    #[test]
    fn the_key_of_a_right_request_is_taken() {
        let key = key();
        let request = CertificateRequest::parse(&device_request(&key)).unwrap();
        assert_eq!(request.public_key(), &key.verifying());
    }

    /// Made by `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=device
    /// -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=DNS:evil.example -outform DER`.
    #[test]
    fn a_request_by_openssl_with_wishes_is_read_and_its_wishes_are_not() {
        let der = data_encoding::BASE64.decode(OPENSSL.as_bytes()).unwrap();
        let request = CertificateRequest::parse(&der).unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&request.public_key().to_sec1()), OPENSSL_POINT);
    }

    #[test]
    fn a_wish_list_changes_nothing() {
        let key = key();
        let point = key.verifying().to_sec1();
        let wish = tlv(SEQUENCE, &[oid("2a864886f70d01090e"), tlv(SET, &[tlv(SEQUENCE, &[])])]);
        let der = request(spki(EC_PUBLIC_KEY, P256, &point), &[wish], &key);
        assert_eq!(CertificateRequest::parse(&der).unwrap().public_key(), &key.verifying());
    }

    #[test]
    fn other_keys_are_refused() {
        let key = key();
        let point = key.verifying().to_sec1();
        let parse = |spki| CertificateRequest::parse(&request(spki, &[], &key));
        assert_eq!(parse(spki(EC_PUBLIC_KEY, P384, &point)), Err(CsrError::Key));
        // rsaEncryption with the curve's name as its parameter.
        assert_eq!(parse(spki("2a864886f70d010101", P256, &point)), Err(CsrError::Key));
        let mut off_curve = point.clone();
        off_curve[64] ^= 1;
        assert_eq!(parse(spki(EC_PUBLIC_KEY, P256, &off_curve)), Err(CsrError::Key));
        assert_eq!(parse(spki(EC_PUBLIC_KEY, P256, &[0])), Err(CsrError::Key));
        let other = SoftwareKey::generate(&mut SysRng).unwrap().verifying().to_sec1();
        assert_eq!(parse(spki(EC_PUBLIC_KEY, P256, &other)), Err(CsrError::Signature));
        let no_parameters = tlv(SEQUENCE, &[tlv(SEQUENCE, &[oid(EC_PUBLIC_KEY)]), tlv(3, &[vec![0], point])]);
        assert_eq!(parse(no_parameters), Err(CsrError::Key));
    }

    #[test]
    fn every_cut_and_trailing_byte_is_noticed_and_no_flipped_bit_gives_another_key() {
        let key = key();
        let der = device_request(&key);
        let longer = [&der[..], &[0]].concat();
        assert_eq!(CertificateRequest::parse(&longer), Err(CsrError::Malformed));
        for at in 0..der.len() {
            assert!(CertificateRequest::parse(&der[..at]).is_err());
            for bit in 0..8 {
                let mut altered = der.clone();
                altered[at] ^= 1 << bit;
                // The signature covers the request, not its wrapping, whose tags may be spelled otherwise.
                if let Ok(request) = CertificateRequest::parse(&altered) {
                    assert_eq!(request.public_key(), &key.verifying());
                    assert!(!der_info(&der).contains(&at), "bit {bit} of byte {at}");
                }
            }
        }
    }

    /// Where the signed part lies.
    fn der_info(der: &[u8]) -> std::ops::Range<usize> {
        let (_, request) = X509CertificationRequest::from_der(der).unwrap();
        let info = request.certification_request_info.raw;
        let start = der.windows(info.len()).position(|part| part == info).unwrap();
        start..start + info.len()
    }

    #[test]
    fn size_and_nesting_are_bounded() {
        assert_eq!(CertificateRequest::parse(&[0x30; MAX_CSR_LEN + 1]), Err(CsrError::TooLong));
        let mut nested = Vec::new();
        while nested.len() < MAX_CSR_LEN - 8 {
            nested = tlv(SEQUENCE, &[nested]);
        }
        let key = key();
        assert!(CertificateRequest::parse(&nested).is_err());
        let attribute = tlv(SEQUENCE, &[oid("2a864886f70d01090e"), tlv(SET, &[nested[1000..].to_vec()])]);
        let der = request(spki(EC_PUBLIC_KEY, P256, &key.verifying().to_sec1()), &[attribute], &key);
        let _ = CertificateRequest::parse(&der);
        // Lengths that claim more than there is.
        for len in [0x84_ffff_ffff_u64, 0x88_ffff_ffff] {
            let bytes = [&[0x30][..], &len.to_be_bytes()[3..]].concat();
            assert_eq!(CertificateRequest::parse(&bytes), Err(CsrError::Malformed));
        }
    }

    const OPENSSL: &str = "MIIBBjCBrgIBADARMQ8wDQYDVQQDDAZkZXZpY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAToNfg/jCzYNgK/\
         rn6+rQsKdThzGEukKNq6IyXhopcKHezXmY22H/vhtLmwk9zuwl/lFpNtxp1ER5fzwOYV0pgboDswOQYJKoZIhvcN\
         AQkOMSwwKjAPBgNVHRMBAf8EBTADAQH/MBcGA1UdEQQQMA6CDGV2aWwuZXhhbXBsZTAKBggqhkjOPQQDAgNHADBE\
         AiBA0qEhZtssW5z+XbXegEvz+MIvCCkG3O31KOpXdS8EOQIgdeGjNa0XgY1NLzka08sWEGnT7dKiSfxyYSQVomjQ\
         DVc=";
    const OPENSSL_POINT: &str = "04e835f83f8c2cd83602bfae7ebead0b0a753873184ba428daba2325e1a2970a1decd7998db61ffbe1b4b9b0\
         93dceec25fe516936dc69d444797f3c0e615d2981b";
}
