//! Whom a chain may lead to. A root is its name and its public key: Google has issued its first one anew with the same key, several times,
//! and phones send whichever they were built with. The first of those certificates ended in May 2026; its key did not.

use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::chain::Kind;

/// Google's hardware attestation roots, PEM; what they are and where they come from stands in the file.
const GOOGLE: &[u8] = include_bytes!("google-roots.pem");

/// The longest file of roots in bytes. Less than what is read of a file at most: one that was cut is refused.
const MAX_FILE_LEN: usize = 60 * 1024;

/// How a certificate begins in PEM, but for the dashes.
const BEGINNING: &[u8] = b"BEGIN CERTIFICATE";

/// The most roots of a file.
const MAX_ROOTS: usize = 32;

/// Why a file of roots cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// Too much.
    #[error("at most {MAX_ROOTS} certificates in {MAX_FILE_LEN} bytes are expected")]
    TooLong,
    /// Not PEM, nothing in it, or a block that is not one to the parser: it steps over lines that it does not know.
    #[error("certificates in PEM are expected")]
    NotPem,
    /// One of them is not the certificate of a CA that has issued it itself, or has a key of another kind.
    #[error(
        "number {0} is not a root: a CA's certificate that it issued itself, with a key on P-256 or P-384, or an RSA key"
    )]
    NotARoot(usize),
}

/// The roots that are trusted.
#[derive(Debug, Clone)]
pub struct Roots(Vec<Root>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Root {
    /// Its name, DER.
    subject: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    key: Vec<u8>,
}

impl Roots {
    /// Google's, which every phone with Google's services leads to.
    #[must_use]
    pub fn google() -> Self {
        // That they can be read is a test.
        Self(read(GOOGLE).unwrap_or_default())
    }

    /// With those of a file in PEM beside them.
    ///
    /// # Errors
    /// [`RootsError`]; nothing of the file counts then.
    pub fn and(mut self, pem: &[u8]) -> Result<Self, RootsError> {
        self.0.extend(read(pem)?);
        Ok(self)
    }

    /// Whether a root has this key.
    pub(super) fn has_key(&self, spki: &[u8]) -> bool {
        self.0.iter().any(|root| root.key == spki)
    }

    /// The keys of the roots of this name.
    pub(super) fn of_subject<'a>(&'a self, subject: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |root| root.subject == subject).map(|root| root.key.as_slice())
    }
}

fn read(pem: &[u8]) -> Result<Vec<Root>, RootsError> {
    if pem.len() > MAX_FILE_LEN {
        return Err(RootsError::TooLong);
    }
    let mut roots: Vec<Root> = Vec::new();
    let mut blocks = 0;
    for (index, block) in Pem::iter_from_buffer(pem).enumerate() {
        if index == MAX_ROOTS {
            return Err(RootsError::TooLong);
        }
        blocks += 1;
        let block = block.map_err(|_| RootsError::NotPem)?;
        let not_a_root = RootsError::NotARoot(index + 1);
        if block.label != "CERTIFICATE" {
            return Err(RootsError::NotPem);
        }
        let (rest, certificate) = X509Certificate::from_der(&block.contents).map_err(|_| not_a_root)?;
        // One that another has issued is no end of a chain: phones send what stands above it as well, and would be judged broken.
        let is_its_own = certificate.issuer().as_raw() == certificate.subject().as_raw();
        let is_known = Kind::of(certificate.public_key()).is_some();
        if !rest.is_empty() || !certificate.is_ca() || !is_its_own || !is_known {
            return Err(not_a_root);
        }
        let root =
            Root { subject: certificate.subject().as_raw().to_vec(), key: certificate.public_key().raw.to_vec() };
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    let begun = pem.windows(BEGINNING.len()).filter(|window| *window == BEGINNING).count();
    if roots.is_empty() || begun != blocks { Err(RootsError::NotPem) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn google_s_roots_are_two_keys() {
        let digests: Vec<_> =
            Roots::google().0.iter().map(|root| data_encoding::HEXLOWER.encode(&Sha256::digest(&root.key))).collect();
        assert_eq!(
            digests,
            [
                "feb2ea7551ee316ed4bb443c8293b884dbfdea40b603ee3e4f4a897e4580fbae",
                "3ee44512a1af2beb39c889490c60ea3f82e43f5d5a5532f5ab9419f676cd07ec",
            ]
        );
    }

    #[test]
    fn a_file_adds_to_them_whole_or_not_at_all() {
        let again = Roots::google().and(GOOGLE).unwrap();
        assert_eq!(again.0.len(), 4);
        let error = |pem: &[u8]| Roots::google().and(pem).unwrap_err();
        assert_eq!(error(b""), RootsError::NotPem);
        assert_eq!(error(b"roots"), RootsError::NotPem);
        assert_eq!(error(&vec![b'\n'; MAX_FILE_LEN + 1]), RootsError::TooLong);
        assert_eq!(error(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), RootsError::NotARoot(1));
        // The first of them is none to the parser, and the other would be left.
        let beginning = GOOGLE.windows(10).position(|window| window == b"-----BEGIN").unwrap();
        for before in [&b"\xef\xbb\xbf-----BEGIN"[..], b" -----BEGIN", b"----BEGIN"] {
            let bad = [before, &GOOGLE[beginning + 10..], GOOGLE].concat();
            assert_eq!(error(&bad), RootsError::NotPem);
        }
        assert_eq!(error(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), RootsError::NotPem);
    }
}
