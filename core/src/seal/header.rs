//! The header: who may open the file, and proof by a holder of the file key that nobody changed it.

use data_encoding::BASE64_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand_core::TryCryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::{HeaderError, OpenError, SealError};
use super::keys::{FileKey, Identity, Recipient};
use super::stanza::{COLUMNS, MANIFEST_TAG, PREFIX, Stanza, decode_base64};
use super::{MAX_HEADER_LEN, MAX_STANZAS, x25519};

const VERSION_LINE: &str = "age-encryption.org/v1";
const ANY_VERSION: &[u8] = b"age-encryption.org/";
const MAC_MARK: &str = "---";
const MAC_LEN: usize = 32;

/// The tag of the passphrase recipient, which never shares a header with another stanza.
pub(super) const SCRYPT_TAG: &str = "scrypt";

/// A header that follows the grammar and the limits. Whether it is genuine shows in
/// [`unwrap_key`](Header::unwrap_key).
#[derive(Debug, Clone)]
pub struct Header {
    stanzas: Vec<Stanza>,
    /// What the MAC is over: from the first byte to the mark of the last line.
    authenticated: Vec<u8>,
    mac: [u8; MAC_LEN],
}

impl Header {
    /// Reads the header at the start of `bytes`; also gives its length, which is where the payload starts.
    ///
    /// Looks at no more than [`MAX_HEADER_LEN`] bytes. [`HeaderError::Truncated`] says that further bytes
    /// could complete it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), HeaderError> {
        let mut lines = Lines::new(bytes);
        match lines.next_line() {
            Ok(line) if line == VERSION_LINE.as_bytes() => {}
            Ok(line) if line.starts_with(ANY_VERSION) => return Err(HeaderError::Version),
            Err(error) if ANY_VERSION.starts_with(bytes) || bytes.starts_with(ANY_VERSION) => {
                return Err(error);
            }
            _ => return Err(HeaderError::NotAge),
        }
        let mut stanzas = Vec::new();
        loop {
            let start = lines.at;
            let line = ascii(lines.next_line()?)?;
            if let Some(arguments) = line.strip_prefix(PREFIX) {
                if stanzas.len() == MAX_STANZAS {
                    return Err(HeaderError::TooManyStanzas);
                }
                let (tag, args) = Stanza::parse_arguments(arguments)?;
                let body = lines.body()?;
                stanzas.push(Stanza { tag, args, body });
                continue;
            }
            let mac =
                line.strip_prefix(MAC_MARK).and_then(|line| line.strip_prefix(' ')).ok_or(HeaderError::Malformed)?;
            let mac = decode_base64(mac.as_bytes())?;
            let authenticated = bytes.get(..start + MAC_MARK.len()).ok_or(HeaderError::Truncated)?;
            let header = Self {
                stanzas,
                authenticated: authenticated.to_vec(),
                mac: mac.try_into().map_err(|_| HeaderError::Malformed)?,
            };
            header.check_stanzas()?;
            return Ok((header, lines.at));
        }
    }

    /// Reads `bytes`, which are a header and nothing else, as they are stored and sent.
    pub fn parse_whole(bytes: &[u8]) -> Result<Self, HeaderError> {
        match Self::parse(bytes)? {
            (header, consumed) if consumed == bytes.len() => Ok(header),
            _ => Err(HeaderError::Trailing),
        }
    }

    /// All stanzas, in order, also those of types that are not known here.
    #[must_use]
    pub fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// Key-set number and manifest hash, if the first stanza and no other is a manifest stanza.
    #[must_use]
    pub fn manifest(&self) -> Option<(u64, [u8; 32])> {
        let (first, others) = self.stanzas.split_first()?;
        let again = others.iter().any(|stanza| stanza.tag == MANIFEST_TAG);
        if again { None } else { first.as_manifest() }
    }

    /// How many X25519 recipients there are.
    #[must_use]
    pub fn x25519_count(&self) -> usize {
        self.stanzas.iter().filter(|stanza| stanza.tag == x25519::TAG).count()
    }

    /// The file key, by the first stanza that one of `identities` opens, if the MAC over the header then
    /// holds. Fails on a share of low order before it is used.
    pub fn unwrap_key(&self, identities: &[&Identity]) -> Result<FileKey, OpenError> {
        for stanza in self.x25519_stanzas() {
            let stanza = stanza?;
            for identity in identities {
                if let Some(file_key) = stanza.unwrap(identity)? {
                    self.verify_mac(&file_key)?;
                    return Ok(file_key);
                }
            }
        }
        Err(OpenError::NoMatch)
    }

    /// In constant time.
    pub(super) fn verify_mac(&self, file_key: &FileKey) -> Result<(), OpenError> {
        mac_over(&self.authenticated, file_key)
            .and_then(|mac| mac.verify_slice(&self.mac).ok())
            .ok_or(OpenError::HeaderMac)
    }

    fn x25519_stanzas(&self) -> impl Iterator<Item = Result<x25519::Parsed<'_>, HeaderError>> {
        self.stanzas.iter().filter_map(x25519::Parsed::from_stanza)
    }

    /// What the known types demand of their stanzas.
    fn check_stanzas(&self) -> Result<(), HeaderError> {
        if self.stanzas.is_empty() {
            return Err(HeaderError::NoStanza);
        }
        let scrypt = self.stanzas.iter().any(|stanza| stanza.tag == SCRYPT_TAG);
        if scrypt && self.stanzas.len() > 1 {
            return Err(HeaderError::Scrypt);
        }
        self.x25519_stanzas().try_for_each(|stanza| stanza.map(drop))
    }
}

/// A header for `file_key`: `stanzas` first, then one X25519 stanza for each of `recipients`, each with a
/// fresh ephemeral share. The same call serves a re-written header, whose payload stays as it is.
pub fn write_header<R: TryCryptoRng>(
    file_key: &FileKey,
    stanzas: &[Stanza],
    recipients: &[Recipient],
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    // A caller's stanza that looks like a recipient's would be taken for one by every reader.
    if stanzas.iter().any(|stanza| [x25519::TAG, SCRYPT_TAG].contains(&stanza.tag.as_str())) {
        return Err(SealError::Stanza);
    }
    let mut all = stanzas.to_vec();
    for recipient in recipients {
        all.push(x25519::wrap(file_key, recipient, rng)?);
    }
    assemble(file_key, &all)
}

/// `stanzas` as they are, with first line and MAC.
pub(super) fn assemble(file_key: &FileKey, stanzas: &[Stanza]) -> Result<Vec<u8>, SealError> {
    if stanzas.len() > MAX_STANZAS {
        return Err(SealError::HeaderTooLarge);
    }
    let mut header = format!("{VERSION_LINE}\n");
    for stanza in stanzas {
        stanza.write(&mut header)?;
    }
    header.push_str(MAC_MARK);
    let mac = mac_over(header.as_bytes(), file_key).ok_or(SealError::Cipher)?;
    header.push(' ');
    header.push_str(&BASE64_NOPAD.encode(&mac.finalize().into_bytes()));
    header.push('\n');
    if header.len() > MAX_HEADER_LEN {
        return Err(SealError::HeaderTooLarge);
    }
    Ok(header.into_bytes())
}

/// `None` cannot happen: both lengths are ones that HKDF and HMAC take.
fn mac_over(authenticated: &[u8], file_key: &FileKey) -> Option<Hmac<Sha256>> {
    let mut key = Zeroizing::new([0; MAC_LEN]);
    Hkdf::<Sha256>::new(None, file_key.as_bytes()).expand(b"header", key.as_mut()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).ok()?;
    mac.update(authenticated);
    Some(mac)
}

fn ascii(line: &[u8]) -> Result<&str, HeaderError> {
    if line.is_ascii() {
        std::str::from_utf8(line).map_err(|_| HeaderError::Malformed)
    } else {
        Err(HeaderError::Malformed)
    }
}

/// The lines of a header, never beyond the longest header.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What running out of bytes means.
    at_end: HeaderError,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        match bytes.split_at_checked(MAX_HEADER_LEN) {
            Some((bytes, _)) => Self { bytes, at: 0, at_end: HeaderError::TooLong },
            None => Self { bytes, at: 0, at_end: HeaderError::Truncated },
        }
    }

    /// The next line without its line feed.
    fn next_line(&mut self) -> Result<&'a [u8], HeaderError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).ok_or(self.at_end)?;
        self.at += end + 1;
        rest.get(..end).ok_or(self.at_end)
    }

    /// A stanza's body: full lines, then one that is shorter.
    fn body(&mut self) -> Result<Vec<u8>, HeaderError> {
        let mut body = Vec::new();
        loop {
            let line = self.next_line()?;
            if line.len() > COLUMNS {
                return Err(HeaderError::Malformed);
            }
            // A full line is a multiple of four characters, so that lines decode one by one.
            body.append(&mut decode_base64(line)?);
            if line.len() < COLUMNS {
                return Ok(body);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;

    fn stanza(tag: &str, body: usize) -> Stanza {
        Stanza { tag: tag.into(), args: vec!["a".into()], body: vec![9; body] }
    }

    fn key() -> FileKey {
        FileKey::from_bytes(&[3; 16])
    }

    #[test]
    fn what_is_written_is_read() {
        let [vault, recovery, stranger] = std::array::from_fn(|_| Identity::generate(&mut SysRng).unwrap());
        let to = [vault.to_recipient(), recovery.to_recipient()];
        let stanzas = [Stanza::manifest(12, &[8; 32]), stanza("example.org/x", 100)];
        let mut bytes = write_header(&key(), &stanzas, &to, &mut SysRng).unwrap();
        let len = bytes.len();
        bytes.extend_from_slice(b"payload\n-> more");
        let (header, consumed) = Header::parse(&bytes).unwrap();
        assert_eq!(consumed, len);
        assert!(Header::parse_whole(&bytes[..len]).is_ok());
        let trailing = Header::parse_whole(&bytes[..=len]);
        assert_eq!(trailing.err(), Some(HeaderError::Trailing));
        assert_eq!(header.manifest(), Some((12, [8; 32])));
        assert_eq!(header.x25519_count(), 2);
        assert_eq!(&header.stanzas()[..2], &stanzas);
        for identity in [&vault, &recovery] {
            let file_key = header.unwrap_key(&[&stranger, identity]).unwrap();
            assert_eq!(file_key.as_bytes(), key().as_bytes());
        }
        assert!(matches!(header.unwrap_key(&[&stranger]), Err(OpenError::NoMatch)));
        assert!(matches!(header.unwrap_key(&[]), Err(OpenError::NoMatch)));
    }

    #[test]
    fn s20_every_stanza_has_a_fresh_share() {
        let to = Identity::generate(&mut SysRng).unwrap().to_recipient();
        let bytes = write_header(&key(), &[], &[to; 10], &mut SysRng).unwrap();
        let (header, _) = Header::parse(&bytes).unwrap();
        let shares: std::collections::HashSet<_> = header.stanzas().iter().map(|stanza| &stanza.args).collect();
        assert_eq!(shares.len(), 10);
    }

    #[test]
    fn s09_manifest_stanzas_stand_first_and_once() {
        let to = [Identity::generate(&mut SysRng).unwrap().to_recipient()];
        let manifest = Stanza::manifest(1, &[8; 32]);
        for stanzas in [
            vec![],
            vec![stanza("x", 0), manifest.clone()],
            vec![manifest.clone(), manifest.clone()],
            vec![manifest, stanza(MANIFEST_TAG, 0)],
        ] {
            let bytes = write_header(&key(), &stanzas, &to, &mut SysRng).unwrap();
            assert_eq!(Header::parse(&bytes).unwrap().0.manifest(), None);
        }
    }

    #[test]
    fn s14_limits_hold_when_writing() {
        let to = Identity::generate(&mut SysRng).unwrap().to_recipient();
        let write = |stanzas: &[Stanza], recipients: usize| {
            write_header(&key(), stanzas, &vec![to; recipients], &mut SysRng).map(|header| {
                assert!(Header::parse(&header).is_ok());
            })
        };
        assert_eq!(write(&[], 0), Err(SealError::NoRecipient));
        assert_eq!(write(&[], MAX_STANZAS), Ok(()));
        assert_eq!(write(&[], MAX_STANZAS + 1), Err(SealError::HeaderTooLarge));
        assert_eq!(write(&[stanza("x", 11_000)], 1), Ok(()));
        assert_eq!(write(&[stanza("x", MAX_HEADER_LEN)], 1), Err(SealError::HeaderTooLarge));
        assert_eq!(write(&[stanza("X25519", 32)], 1), Err(SealError::Stanza));
        assert_eq!(write(&[stanza("scrypt", 32)], 1), Err(SealError::Stanza));
    }

    fn parse(text: &str) -> Result<(), HeaderError> {
        Header::parse(text.as_bytes()).map(|_| ())
    }

    const MAC: &str = "--- qcNy6mAn80JKuXPUW7ANJdOhzbOtVSsIGM12i5B4vx4\n";

    #[test]
    fn s15_the_grammar_is_kept_to_the_letter() {
        let v1 = "age-encryption.org/v1\n";
        let share = "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc";
        let key = "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE";
        let full = "A".repeat(64);
        let case = |stanza: &str| parse(&format!("{v1}{stanza}{MAC}"));
        assert_eq!(case("-> x\n\n"), Ok(()));
        assert_eq!(case(&format!("-> x\n{full}\n\n")), Ok(()));
        assert_eq!(case(&format!("-> X25519 {share}\n{key}\n")), Ok(()));
        use HeaderError::{Base64, Malformed, NoStanza, Scrypt, X25519};
        for (stanza, error) in [
            ("", NoStanza),
            ("->\n\n", Malformed),
            ("-> \n\n", Malformed),
            ("->x\n\n", Malformed),
            ("-> x \n\n", Malformed),
            ("-> x  y\n\n", Malformed),
            ("-> x\r\n\n", Malformed),
            ("-> x\n\r\n", Base64),
            ("-> x\ty\n\n", Malformed),
            ("-> x\0\n\n", Malformed),
            ("-> é\n\n", Malformed),
            ("-> x\nAB\n", Base64),
            ("-> x\nAA==\n", Base64),
            ("-> x\nA\n", Base64),
            ("-> x\nAA\nAA\n", Malformed),
            ("-> x\n A\n", Base64),
            ("\n-> x\n\n", Malformed),
            (&format!("-> x\n{full}\n"), Base64),
            (&format!("-> x\n{full}AA\n"), Malformed),
            (&format!("-> X25519\n{key}\n"), X25519),
            (&format!("-> X25519 {share} a\n{key}\n"), X25519),
            (&format!("-> X25519 {}\n{key}\n", &share[..40]), X25519),
            (&format!("-> X25519 {}d\n{key}\n", &share[..42]), Base64),
            (&format!("-> X25519 {share}\n{}\n", &key[..40]), X25519),
            (&format!("-> X25519 {share}\nAAAA{key}\n"), X25519),
            (&format!("-> X25519 {share}\n{key}\n-> scrypt a 1\n\n"), Scrypt),
            ("-> scrypt a 1\n\n-> scrypt a 1\n\n", Scrypt),
        ] {
            assert_eq!(case(stanza), Err(error), "{stanza:?}");
        }
    }

    #[test]
    fn s15_first_and_last_line_are_kept_to_the_letter() {
        let stanza = "-> x\n\n";
        let v1 = "age-encryption.org/v1\n";
        use HeaderError::{Base64, Malformed, NotAge, Truncated, Version};
        for (text, error) in [
            (format!("age-encryption.org/v2\n{stanza}{MAC}"), Version),
            (format!("age-encryption.org/v1\r\n{stanza}{MAC}"), Version),
            (format!("-----BEGIN AGE ENCRYPTED FILE-----\n{MAC}"), NotAge),
            (format!(" {v1}{stanza}{MAC}"), NotAge),
            ("\u{feff}".to_owned() + v1, NotAge),
            (String::new(), Truncated),
            ("age-enc".to_owned(), Truncated),
            (v1.to_owned(), Truncated),
            (format!("{v1}{stanza}{}", MAC.trim_end()), Truncated),
            (format!("{v1}{stanza}---{}", &MAC[4..]), Malformed),
            (format!("{v1}{stanza}---  {}", &MAC[4..]), Base64),
            (format!("{v1}{stanza}----{}", &MAC[3..]), Malformed),
            (format!("{v1}{stanza}{} \n", MAC.trim_end()), Base64),
            (format!("{v1}{stanza}{}\r\n", MAC.trim_end()), Base64),
            (format!("{v1}{stanza}{}5\n", &MAC[..46]), Base64),
            (format!("{v1}{stanza}---\n"), Malformed),
            (format!("{v1}{stanza}--- \n"), Malformed),
            (format!("{v1}{stanza}--- AAAA\n"), Malformed),
        ] {
            assert_eq!(parse(&text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn s14_a_header_without_end_is_given_up() {
        let bomb = format!("age-encryption.org/v1\n-> x\n{}", format!("{}\n", "A".repeat(64)).repeat(300));
        assert_eq!(parse(&bomb), Err(HeaderError::TooLong));
        assert_eq!(parse(&bomb[..MAX_HEADER_LEN - 1]), Err(HeaderError::Truncated));
        assert_eq!(parse(&format!("age-encryption.org/{}", "1".repeat(20_000))), Err(HeaderError::TooLong));
        let many = format!("age-encryption.org/v1\n{}{MAC}", "-> x\n\n".repeat(MAX_STANZAS));
        assert_eq!(parse(&many), Ok(()));
        let more = format!("age-encryption.org/v1\n{}{MAC}", "-> x\n\n".repeat(MAX_STANZAS + 1));
        assert_eq!(parse(&more), Err(HeaderError::TooManyStanzas));
    }
}
