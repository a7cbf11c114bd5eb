//! The vault's identities in memory, and what can be done with them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

use rand_core::TryCryptoRng;
use safelight_core::seal::{
    self, Header, HeaderError, Identity, MANIFEST_TAG, OpenError, Recipient, SealError, Stanza, passphrase,
};
use zeroize::Zeroizing;

use super::file::{EPOCH, FIRST_EPOCH, MAX_LOG_N};
use super::passphrase::Passphrase;

/// The largest vault file that is read, in bytes: hundreds of epochs.
pub(super) const MAX_FILE_LEN: u64 = 64 * 1024;

/// Why the vault stays locked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The file cannot be read.
    #[error("the vault file cannot be read")]
    Read(#[source] std::io::Error),
    /// The passphrase does not open the file.
    #[error("wrong passphrase: the vault stays locked")]
    WrongPassphrase,
    /// The file asks for more memory and time than any vault that is made here.
    #[error("the vault file asks for too much work: it was not made here")]
    WorkFactor,
    /// The file is damaged, or something else than a vault.
    #[error("the vault file is damaged or not a vault: restore it from a backup")]
    Damaged,
}

/// Why a header was not written again.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The header cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The header belongs to another manifest than the one at hand, or names none or several.
    #[error("the header belongs to another manifest")]
    OtherManifest,
    /// The new header cannot be written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// A vault that is open: its identities by epoch, wiped when dropped.
pub struct Unlocked {
    identities: BTreeMap<u64, Identity>,
}

impl Unlocked {
    /// Opens the vault file. Takes as long as its work factor says, so call this where it may block.
    pub fn unlock(path: &Path, passphrase: &Passphrase) -> Result<Self, UnlockError> {
        Self::decrypt(&read(path)?, passphrase)
    }

    /// The same from the file's bytes.
    pub(super) fn decrypt(file: &[u8], passphrase: &Passphrase) -> Result<Self, UnlockError> {
        let text = passphrase::decrypt(file, passphrase.as_bytes(), MAX_LOG_N).map_err(|error| match error {
            OpenError::WrongPassphrase => UnlockError::WrongPassphrase,
            OpenError::Header(HeaderError::WorkFactor) => UnlockError::WorkFactor,
            _ => UnlockError::Damaged,
        })?;
        let identities = std::str::from_utf8(&text).ok().and_then(parse).ok_or(UnlockError::Damaged)?;
        Ok(Self { identities })
    }

    /// One that opens nothing, for tests of whoever holds it.
    #[cfg(test)]
    pub(crate) fn without_keys() -> Self {
        Self { identities: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, epoch: u64, identity: Identity) {
        self.identities.insert(epoch, identity);
    }

    /// Oldest first.
    pub(super) fn by_epoch(&self) -> Vec<(u64, &Identity)> {
        self.identities.iter().map(|(epoch, identity)| (*epoch, identity)).collect()
    }

    /// Whether the other has the same keys under the same numbers.
    pub(super) fn holds_the_same_as(&self, other: &Self) -> bool {
        let public = |vault: &Self| -> Vec<(u64, Recipient)> {
            vault.identities.iter().map(|(epoch, identity)| (*epoch, identity.to_recipient())).collect()
        };
        public(self) == public(other)
    }

    /// The epoch to which new pictures are sealed, and its public key.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, Recipient)> {
        let (epoch, identity) = self.identities.last_key_value()?;
        Some((*epoch, identity.to_recipient()))
    }

    /// The public key of an epoch.
    #[must_use]
    pub fn recipient(&self, epoch: u64) -> Option<Recipient> {
        self.identities.get(&epoch).map(Identity::to_recipient)
    }

    /// Whether the identity of `epoch` opens what this header belongs to, whatever others do.
    #[must_use]
    pub fn opens_with(&self, epoch: u64, header: &[u8]) -> bool {
        let Some(identity) = self.identities.get(&epoch) else { return false };
        Header::parse_whole(header).is_ok_and(|header| header.unwrap_key(&[identity]).is_ok())
    }

    /// Opens a picture, bit by bit and in constant memory; gives the length of the plaintext.
    ///
    /// When it fails, what has been written to `out` is authentic but not whole: discard it.
    pub fn open(&self, header: &[u8], payload: impl Read, out: impl Write) -> Result<u64, OpenError> {
        let file_key = Header::parse_whole(header)?.unwrap_key(&self.identities())?;
        seal::open_to(&file_key, payload, out)
    }

    /// Opens a whole small age file: a label or a thumbnail.
    pub fn open_small(&self, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        seal::open_bytes(file, &self.identities())
    }

    /// A new header for the payload of `header`, sealed to `recipients` alone, whoever the old one named.
    ///
    /// `manifest` is the stanza that the old header must have and the new one gets; `None` for a file
    /// that belongs to no manifest.
    pub fn rewrap<R: TryCryptoRng>(
        &self,
        header: &[u8],
        manifest: Option<&Stanza>,
        recipients: &[Recipient],
        rng: &mut R,
    ) -> Result<Vec<u8>, RewrapError> {
        let header = Header::parse_whole(header).map_err(OpenError::from)?;
        let file_key = header.unwrap_key(&self.identities())?;
        let named = header.stanzas().iter().filter(|stanza| stanza.tag == MANIFEST_TAG);
        if !named.eq(manifest) {
            return Err(RewrapError::OtherManifest);
        }
        let stanzas = manifest.map_or(&[][..], std::slice::from_ref);
        Ok(seal::write_header(&file_key, stanzas, recipients, rng)?)
    }

    /// The newest first, since most pictures are sealed to it.
    fn identities(&self) -> Vec<&Identity> {
        self.identities.values().rev().collect()
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epochs = self.identities.keys();
        f.debug_set().entries(epochs).finish()
    }
}

/// The file's bytes, if it is no longer than a vault's can be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, UnlockError> {
    let mut file = Vec::new();
    std::fs::File::open(path)
        .and_then(|source| source.take(MAX_FILE_LEN + 1).read_to_end(&mut file))
        .map_err(UnlockError::Read)?;
    if file.len() as u64 > MAX_FILE_LEN { Err(UnlockError::Damaged) } else { Ok(file) }
}

/// The identities in an age identity file. An epoch stands in a comment before its identity; where it is
/// missing, as in a file by `age-keygen`, it is one more than the last.
fn parse(text: &str) -> Option<BTreeMap<u64, Identity>> {
    let mut identities = BTreeMap::new();
    let mut epoch = FIRST_EPOCH;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix(EPOCH) {
            epoch = number.parse().ok()?;
        } else if !line.starts_with('#') && !line.is_empty() {
            let identity = line.parse().ok()?;
            if identities.insert(epoch, identity).is_some() {
                return None;
            }
            epoch = epoch.checked_add(1)?;
        }
    }
    (!identities.is_empty()).then_some(identities)
}

#[cfg(test)]
mod tests {
    use super::super::file::{MakeError, identity_text, make};
    use super::*;
    use getrandom::SysRng;
    use std::num::NonZeroUsize;
    use std::path::PathBuf;

    const LOG_N: u8 = 2;

    fn words(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    fn vault() -> (tempfile::TempDir, PathBuf, Recipient) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.age");
        let recipient = make(&words("open sesame"), &path, LOG_N, &mut SysRng).unwrap();
        (folder, path, recipient)
    }

    /// Header with the given manifest stanza, and payload.
    fn picture(to: &[Recipient], stanzas: &[Stanza]) -> (Vec<u8>, Vec<u8>) {
        let plain = vec![7; 100_000];
        let parts = std::iter::once(&plain[..]);
        let payload = seal::seal_payload(parts, plain.len(), NonZeroUsize::MIN, &mut SysRng).unwrap();
        let header = payload.header(stanzas, to, &mut SysRng).unwrap();
        (header, payload.bytes().to_vec())
    }

    #[test]
    fn a_vault_opens_with_its_passphrase_alone() {
        let (_folder, path, recipient) = vault();
        let vault = Unlocked::unlock(&path, &words("open sesame")).unwrap();
        assert_eq!(vault.newest(), Some((1, recipient)));
        assert_eq!(vault.recipient(1), Some(recipient));
        assert_eq!(vault.recipient(2), None);
        let wrong = Unlocked::unlock(&path, &words("open barley"));
        assert!(matches!(wrong, Err(UnlockError::WrongPassphrase)));
        let too_much = make(&words("x"), &path, MAX_LOG_N + 1, &mut SysRng);
        assert!(matches!(too_much, Err(MakeError::Seal(SealError::WorkFactor))));
        let again = make(&words("x"), &path, LOG_N, &mut SysRng);
        assert!(matches!(again, Err(MakeError::Exists)));
    }

    #[test]
    fn a_damaged_or_foreign_file_is_told_from_a_wrong_passphrase() {
        let (_folder, path, recipient) = vault();
        let unlock = || Unlocked::unlock(&path, &words("open sesame"));
        let genuine = std::fs::read(&path).unwrap();
        std::fs::write(&path, &genuine[..genuine.len() - 1]).unwrap();
        assert!(matches!(unlock(), Err(UnlockError::Damaged)));
        let for_key = seal::seal_bytes(b"x", &[recipient], &mut SysRng).unwrap();
        let no_identity = passphrase::encrypt(b"# nothing\n", b"open sesame", LOG_N, &mut SysRng).unwrap();
        for file in [Vec::new(), b"text".to_vec(), for_key, no_identity, vec![b'a'; 70_000]] {
            std::fs::write(&path, file).unwrap();
            assert!(matches!(unlock(), Err(UnlockError::Damaged)));
        }
        let text = String::from_utf8_lossy(&genuine).replace(" 2\n", " 21\n");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(unlock(), Err(UnlockError::WorkFactor)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(unlock(), Err(UnlockError::Read(_))));
    }

    #[test]
    fn pictures_and_small_files_open() {
        let (_folder, path, recipient) = vault();
        let vault = Unlocked::unlock(&path, &words("open sesame")).unwrap();
        let (header, payload) = picture(&[recipient], &[]);
        let mut plain = Vec::new();
        assert_eq!(vault.open(&header, &payload[..], &mut plain).unwrap(), 100_000);
        assert!(plain == [7; 100_000]);
        let label = seal::seal_bytes(b"label", &[recipient], &mut SysRng).unwrap();
        assert_eq!(*vault.open_small(&label).unwrap(), b"label");
        let trailing = [&header[..], b"x"].concat();
        let opened = vault.open(&trailing, &payload[..], std::io::sink());
        assert!(matches!(opened, Err(OpenError::Header(HeaderError::Trailing))));
    }

    #[test]
    fn a_rewrapped_header_is_for_the_clinics_keys_whoever_was_named_before() {
        let (_folder, path, vault_key) = vault();
        let vault = Unlocked::unlock(&path, &words("open sesame")).unwrap();
        let [recovery, stranger] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap());
        let manifest = Stanza::manifest(4, &[9; 32]);
        // A phone that lies: a stranger in the place of the recovery key.
        let stanzas = std::slice::from_ref(&manifest);
        let (old, payload) = picture(&[vault_key, stranger.to_recipient()], stanzas);
        let to = [vault_key, recovery.to_recipient()];
        let new = vault.rewrap(&old, Some(&manifest), &to, &mut SysRng).unwrap();

        let header = Header::parse_whole(&new).unwrap();
        assert_eq!(header.manifest(), Some((4, [9; 32])));
        assert_eq!(header.x25519_count(), 2);
        assert!(vault.open(&new, &payload[..], std::io::sink()).is_ok());
        let file_key = header.unwrap_key(&[&recovery]).unwrap();
        assert!(seal::open_payload(&file_key, &payload).is_ok());
        assert!(matches!(header.unwrap_key(&[&stranger]), Err(OpenError::NoMatch)));
    }

    #[test]
    fn a_header_of_another_manifest_is_not_rewrapped() {
        let (_folder, path, to) = vault();
        let vault = Unlocked::unlock(&path, &words("open sesame")).unwrap();
        let [ours, other] = [Stanza::manifest(4, &[9; 32]), Stanza::manifest(4, &[8; 32])];
        for (carried, expected, fits) in [
            (vec![ours.clone()], Some(&ours), true),
            (vec![], None, true),
            (vec![other], Some(&ours), false),
            (vec![], Some(&ours), false),
            (vec![ours.clone()], None, false),
            (vec![ours.clone(), ours.clone()], Some(&ours), false),
        ] {
            let (header, _) = picture(&[to], &carried);
            let result = vault.rewrap(&header, expected, &[to], &mut SysRng);
            assert_eq!(result.is_ok(), fits, "{carried:?} {expected:?}");
            if !fits {
                assert!(matches!(result, Err(RewrapError::OtherManifest)));
            }
        }
        let (header, _) = picture(&[to], &[]);
        let nobody = vault.rewrap(&header, None, &[], &mut SysRng);
        assert!(matches!(nobody, Err(RewrapError::Seal(SealError::NoRecipient))));
    }

    #[test]
    fn every_epoch_opens_what_was_sealed_to_it() {
        let [first, third] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap());
        let text = identity_text(&[(1, &first), (3, &third)]);
        let vault = Unlocked { identities: parse(&text).unwrap() };
        assert_eq!(vault.newest(), Some((3, third.to_recipient())));
        for identity in [&first, &third] {
            let file = seal::seal_bytes(b"x", &[identity.to_recipient()], &mut SysRng).unwrap();
            assert_eq!(*vault.open_small(&file).unwrap(), b"x");
        }
        assert_eq!(format!("{vault:?}"), "{1, 3}");
    }

    #[test]
    fn identity_files_are_read_as_age_reads_them() {
        let [a, b] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap().to_text());
        let epochs = |text: &str| parse(text).map(|found| found.into_keys().collect::<Vec<_>>());
        assert_eq!(epochs(&format!("# created: x\n{}\n\n{}\n", *a, *b)), Some(vec![1, 2]));
        assert_eq!(epochs(&format!("# epoch: 9\n{}\n{}", *a, *b)), Some(vec![9, 10]));
        assert_eq!(epochs(""), None);
        assert_eq!(epochs("AGE-SECRET-KEY-1QQ\n"), None);
        assert_eq!(epochs(&format!("# epoch: x\n{}\n", *a)), None);
        assert_eq!(epochs(&format!("# epoch: 2\n{}\n# epoch: 2\n{}\n", *a, *b)), None);
    }
}
