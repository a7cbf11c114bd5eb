//! Small age files under a passphrase: the scrypt recipient type, as `age -p` writes and `age -d` reads it.

use std::num::NonZeroUsize;

use data_encoding::BASE64_NOPAD;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::error::{HeaderError, OpenError, SealError};
use super::header::{Header, SCRYPT_TAG, assemble};
use super::payload::seal_payload;
use super::stanza::{Stanza, decode_base64, parse_decimal};
use super::stream::open_payload;
use super::x25519::{WRAPPED_LEN, unwrap_with, wrap_with};

/// log2 of the work factor with which files are written: about a second, and 256 MiB, as `age -p` has it.
pub const DEFAULT_LOG_N: u8 = 18;

/// The largest log2 of a work factor that [`encrypt`] writes: `age -d` reads up to 22, which takes 4 GiB.
pub const MAX_LOG_N: u8 = 22;

const SALT_LEN: usize = 16;
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 1;

/// Seals `plain` under `passphrase` with the work factor 2^`log_n`. Takes 2^`log_n` KiB of memory.
pub fn encrypt<R: TryCryptoRng>(plain: &[u8], passphrase: &[u8], log_n: u8, rng: &mut R) -> Result<Vec<u8>, SealError> {
    if log_n == 0 || log_n > MAX_LOG_N {
        return Err(SealError::WorkFactor);
    }
    let mut salt = [0; SALT_LEN];
    rng.try_fill_bytes(&mut salt).map_err(|_| SealError::Randomness)?;
    let payload = seal_payload(std::iter::once(plain), plain.len(), NonZeroUsize::MIN, rng)?;
    let wrap_key = wrap_key(passphrase, &salt, log_n).ok_or(SealError::WorkFactor)?;
    let stanza = Stanza {
        tag: SCRYPT_TAG.to_owned(),
        args: vec![BASE64_NOPAD.encode(&salt), log_n.to_string()],
        body: wrap_with(&wrap_key, payload.file_key())?,
    };
    let mut file = assemble(payload.file_key(), &[stanza])?;
    file.extend_from_slice(payload.bytes());
    Ok(file)
}

/// Opens what [`encrypt`] or `age -p` wrote, if it asks for no more work than 2^`max_log_n`.
pub fn decrypt(file: &[u8], passphrase: &[u8], max_log_n: u8) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (header, consumed) = Header::parse(file)?;
    let [stanza] = header.stanzas() else {
        return Err(OpenError::NoMatch);
    };
    if stanza.tag != SCRYPT_TAG {
        return Err(OpenError::NoMatch);
    }
    let Scrypt { salt, log_n, body } = Scrypt::from_stanza(stanza, max_log_n)?;
    let wrap_key = wrap_key(passphrase, &salt, log_n).ok_or(HeaderError::WorkFactor)?;
    let file_key = unwrap_with(&wrap_key, body).ok_or(OpenError::WrongPassphrase)?;
    header.verify_mac(&file_key)?;
    open_payload(&file_key, file.get(consumed..).unwrap_or_default())
}

/// log2 of the work factor that a file under a passphrase asks for; `None` for any other file.
#[must_use]
pub fn work_factor(file: &[u8]) -> Option<u8> {
    let (header, _) = Header::parse(file).ok()?;
    match header.stanzas() {
        [stanza] if stanza.tag == SCRYPT_TAG => Scrypt::from_stanza(stanza, MAX_LOG_N).ok().map(|scrypt| scrypt.log_n),
        _ => None,
    }
}

struct Scrypt<'a> {
    salt: [u8; SALT_LEN],
    log_n: u8,
    body: &'a [u8; WRAPPED_LEN],
}

impl<'a> Scrypt<'a> {
    fn from_stanza(stanza: &'a Stanza, max_log_n: u8) -> Result<Self, HeaderError> {
        let [salt, log_n] = stanza.args.as_slice() else {
            return Err(HeaderError::Scrypt);
        };
        let salt = decode_base64(salt.as_bytes())?;
        let log_n = parse_decimal(log_n).filter(|log_n| *log_n > 0).ok_or(HeaderError::Scrypt)?;
        Ok(Self {
            salt: salt.try_into().map_err(|_| HeaderError::Scrypt)?,
            log_n: u8::try_from(log_n).ok().filter(|log_n| *log_n <= max_log_n).ok_or(HeaderError::WorkFactor)?,
            body: stanza.body.as_slice().try_into().map_err(|_| HeaderError::Scrypt)?,
        })
    }
}

fn wrap_key(passphrase: &[u8], salt: &[u8; SALT_LEN], log_n: u8) -> Option<Zeroizing<[u8; 32]>> {
    let params = scrypt::Params::new(log_n, BLOCK_SIZE, PARALLELISM).ok()?;
    let salt = [SALT_LABEL, salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, &salt, &params, key.as_mut()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;

    const LOW: u8 = 4;

    #[test]
    fn the_right_passphrase_opens_and_another_does_not() {
        let file = encrypt(b"secret", b"correct horse", LOW, &mut SysRng).unwrap();
        assert_eq!(*decrypt(&file, b"correct horse", LOW).unwrap(), b"secret");
        for wrong in [&b"correct hors"[..], b"", b"correct horse\n"] {
            assert!(matches!(decrypt(&file, wrong, LOW), Err(OpenError::WrongPassphrase)));
        }
        let again = encrypt(b"secret", b"correct horse", LOW, &mut SysRng).unwrap();
        assert_ne!(file, again);
        assert_eq!(work_factor(&file), Some(LOW));
        let for_key = crate::seal::Identity::generate(&mut SysRng).unwrap().to_recipient();
        assert_eq!(work_factor(&crate::seal::seal_bytes(b"x", &[for_key], &mut SysRng).unwrap()), None);
        assert_eq!(work_factor(b"x"), None);
    }

    #[test]
    fn work_factors_are_capped_both_ways() {
        for log_n in [0, MAX_LOG_N + 1, 64, 255] {
            assert_eq!(encrypt(b"x", b"p", log_n, &mut SysRng), Err(SealError::WorkFactor));
        }
        let file = encrypt(b"x", b"p", LOW + 1, &mut SysRng).unwrap();
        let error = decrypt(&file, b"p", LOW).unwrap_err();
        assert!(matches!(error, OpenError::Header(HeaderError::WorkFactor)));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let file = encrypt(b"x", b"p", 1, &mut SysRng).unwrap();
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decrypt(&changed, b"p", LOW).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_stanza_has_one_form() {
        let good = Stanza {
            tag: SCRYPT_TAG.into(),
            args: vec!["AAAAAAAAAAAAAAAAAAAAAA".into(), "10".into()],
            body: vec![0; 32],
        };
        let with = |change: &dyn Fn(&mut Stanza)| {
            let mut stanza = good.clone();
            change(&mut stanza);
            Scrypt::from_stanza(&stanza, 10).map(|_| ()).err()
        };
        assert_eq!(with(&|_| ()), None);
        for work in ["0", "010", "+10", "-10", "", "0xa", "10 ", "ten", "18446744073709551626"] {
            assert_eq!(with(&|s| s.args[1] = work.into()), Some(HeaderError::Scrypt), "{work}");
        }
        assert_eq!(with(&|s| s.args[1] = "11".into()), Some(HeaderError::WorkFactor));
        assert_eq!(with(&|s| s.args[1] = "266".into()), Some(HeaderError::WorkFactor));
        assert_eq!(with(&|s| s.args[0] = "AAAA".into()), Some(HeaderError::Scrypt));
        assert_eq!(with(&|s| s.args[0] = "AAAAAAAAAAAAAAAAAAAAAB".into()), Some(HeaderError::Base64));
        assert_eq!(with(&|s| s.args.truncate(1)), Some(HeaderError::Scrypt));
        assert_eq!(with(&|s| s.args.push("x".into())), Some(HeaderError::Scrypt));
        assert_eq!(with(&|s| s.body.push(0)), Some(HeaderError::Scrypt));
    }

    #[test]
    fn files_for_keys_are_not_for_passphrases() {
        let identity = super::super::Identity::generate(&mut SysRng).unwrap();
        let file = super::super::seal_bytes(b"x", &[identity.to_recipient()], &mut SysRng).unwrap();
        assert!(matches!(decrypt(&file, b"p", LOW), Err(OpenError::NoMatch)));
        let file = encrypt(b"x", b"p", 1, &mut SysRng).unwrap();
        let opened = super::super::open_bytes(&file, &[&identity]);
        assert!(matches!(opened, Err(OpenError::NoMatch)));
    }
}
