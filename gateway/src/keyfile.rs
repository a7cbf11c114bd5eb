//! Key files: made once, readable by their owner alone, on the disk before anybody relies on them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rustix::fs::OFlags;
use safelight_core::device_key::SoftwareKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::owner;

/// Largest key or certificate file that is read.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("{0}: others than its owner can read this key file: allow its owner alone (chmod 600)")]
    Exposed(PathBuf),
    /// It does not hold what it should.
    #[error("{0}: this is not the kind of key that is expected here: restore it from the backup")]
    Malformed(PathBuf),
}

/// Makes a folder that its owner alone may enter, and those above it.
pub fn create_folder(path: &Path) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => File::open(folder).and_then(|new| owner::give_to_folders(&new, folder)).map_err(io)?,
            // Made by another in the meantime.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(error)),
        }
    }
    if path.is_dir() { Ok(()) } else { Err(io(io::ErrorKind::NotADirectory.into())) }
}

/// Writes a new file and syncs it and its folder. An existing one is never overwritten.
pub fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(io)?;
    owner::give_to_folders(&file, path)
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder(path))
        .map_err(io)
}

/// Replaces a file as a whole: whoever reads it sees the old or the new one.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), KeyFileError> {
    let beside = path.with_extension("new");
    remove(&beside)?;
    create(&beside, mode, bytes)?;
    rename(&beside, path)
}

/// Reads a file that need not be secret.
pub fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    read_checked(path, false).map(|mut bytes| std::mem::take(&mut *bytes))
}

/// Reads a key file, refusing one that others can read.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    read_checked(path, true)
}

fn read_checked(path: &Path, secret: bool) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    // Not blocking: a pipe in the file's place would keep whoever reads it waiting. Nothing is followed: where root reads a file of
    // ingest's, a link would lead it anywhere.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(KeyFileError::Malformed(path.to_owned()));
    }
    if secret && metadata.mode() & 0o077 != 0 {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    // The right size from the beginning, so that growing leaves no copy of a key behind.
    let len = usize::try_from(metadata.len().min(MAX_FILE_LEN)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(len.saturating_add(1)));
    file.take(MAX_FILE_LEN).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Gives a file another name, over whatever has it, durably.
pub fn rename(from: &Path, to: &Path) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: from.to_owned(), source };
    std::fs::rename(from, to).and_then(|()| sync_folder(to)).map_err(io)
}

/// Removes a file, if there is one.
pub fn remove(path: &Path) -> Result<(), KeyFileError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(KeyFileError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(owner::folder_of(path))?.sync_all()
}

/// Writes a P-256 key as PKCS#8 PEM.
pub fn create_p256(path: &Path, key: &SoftwareKey) -> Result<(), KeyFileError> {
    create(path, 0o600, p256_pem(path, key)?.as_bytes())
}

/// Replaces a P-256 key.
pub fn replace_p256(path: &Path, key: &SoftwareKey) -> Result<(), KeyFileError> {
    replace(path, 0o600, p256_pem(path, key)?.as_bytes())
}

fn p256_pem(path: &Path, key: &SoftwareKey) -> Result<Zeroizing<String>, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_owned());
    let der = key.to_pkcs8().map_err(|_| malformed())?;
    let key = p256::SecretKey::from_pkcs8_der(&der).map_err(|_| malformed())?;
    key.to_pkcs8_pem(LineEnding::LF).map_err(|_| malformed())
}

/// Reads a P-256 key.
pub fn read_p256(path: &Path) -> Result<SoftwareKey, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_owned());
    let pem = read_secret(path)?;
    let text = std::str::from_utf8(&pem).map_err(|_| malformed())?;
    let key = p256::SecretKey::from_pkcs8_pem(text).map_err(|_| malformed())?;
    let der = key.to_pkcs8_der().map_err(|_| malformed())?;
    SoftwareKey::from_pkcs8(der.as_bytes()).map_err(|_| malformed())
}

/// Writes an Ed25519 key as PKCS#8 PEM.
pub fn create_ed25519(path: &Path, key: &ed25519_dalek::SigningKey) -> Result<(), KeyFileError> {
    let pem = key.to_pkcs8_pem(ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF);
    let pem = pem.map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    create(path, 0o600, pem.as_bytes())
}

/// Reads an Ed25519 key.
pub fn read_ed25519(path: &Path) -> Result<ed25519_dalek::SigningKey, KeyFileError> {
    let pem = read_secret(path)?;
    let text = std::str::from_utf8(&pem).map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    ed25519_dalek::SigningKey::from_pkcs8_pem(text).map_err(|_| KeyFileError::Malformed(path.to_owned()))
}

/// A certificate as PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// SHA-256 of a certificate as browsers show it: `AB:CD:...`.
pub fn fingerprint(der: &[u8]) -> String {
    let hex = data_encoding::HEXUPPER.encode(&Sha256::digest(der));
    let pairs = (0..hex.len()).step_by(2).filter_map(|at| hex.get(at..at.saturating_add(2)));
    pairs.collect::<Vec<_>>().join(":")
}

/// The certificates in a PEM file (DER each).
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, KeyFileError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(list) if !list.is_empty() => Ok(list.into_iter().map(|der| der.to_vec()).collect()),
        _ => Err(KeyFileError::Malformed(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_round_trip_are_never_overwritten_and_must_not_be_exposed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p256.key");
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        create_p256(&path, &key).unwrap();
        assert_eq!(read_p256(&path).unwrap().verifying(), key.verifying());
        assert!(matches!(create_p256(&path, &key), Err(KeyFileError::Io { .. })));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(read_ed25519(&path), Err(KeyFileError::Malformed(_))));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(read_p256(&path), Err(KeyFileError::Exposed(_))));

        let path = folder.path().join("ed25519.key");
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        create_ed25519(&path, &key).unwrap();
        assert_eq!(read_ed25519(&path).unwrap().to_bytes(), key.to_bytes());
    }

    #[test]
    fn certificates_round_trip_and_a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain.crt");
        create(&path, 0o644, b"nothing").unwrap();
        assert!(matches!(read_certificates(&path), Err(KeyFileError::Malformed(_))));
        let chain = [certificate_pem(&[1; 100]), certificate_pem(&[2; 48])].concat();
        replace(&path, 0o644, chain.as_bytes()).unwrap();
        assert_eq!(read_certificates(&path).unwrap(), vec![vec![1; 100], vec![2; 48]]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Root reads files of ingest's, whose folder may be an attacker's.
    #[test]
    fn a_link_in_a_files_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("tls.crt"), folder.path().join("target"));
        create(&target, 0o600, b"a secret").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        for read in [read(&path).map(drop), read_secret(&path).map(drop), read_certificates(&path).map(drop)] {
            assert!(matches!(read, Err(KeyFileError::Io { .. })), "{read:?}");
        }
        // The control.
        assert_eq!(read(&target).unwrap(), b"a secret");
    }
}
