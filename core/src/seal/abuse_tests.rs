//! What an attacker with the file, or with the public keys, could try.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use getrandom::SysRng;
use rand_core::{TryCryptoRng, TryRng};

use super::*;

fn identity() -> Identity {
    Identity::generate(&mut SysRng).unwrap()
}

fn plain(len: usize) -> Vec<u8> {
    (0u8..241).cycle().take(len).collect()
}

fn seal(plain: &[u8]) -> SealedPayload {
    seal_payload(std::iter::once(plain), plain.len(), NonZeroUsize::MIN, &mut SysRng).unwrap()
}

/// Opens in every way there is, and sees to it that they agree and give out nothing but a prefix.
fn open_all_ways(key: &FileKey, payload: &[u8], genuine: &[u8]) -> Result<(), OpenError> {
    let at_once = open_payload(key, payload);
    let mut streamed = Vec::new();
    let result = open_to(key, payload, &mut streamed);
    assert_eq!(result.is_ok(), at_once.is_ok());
    assert!(genuine.starts_with(&streamed), "unauthenticated plaintext was given out");
    if let Ok(at_once) = &at_once {
        assert!(**at_once == streamed);
    }
    result.map(drop)
}

#[test]
fn every_flipped_bit_of_a_file_is_noticed() {
    let vault = identity();
    let payload = seal(b"photograph");
    let stanzas = [Stanza::manifest(1, &[5; 32])];
    let recipients = [vault.to_recipient(), identity().to_recipient()];
    let mut file = payload.header(&stanzas, &recipients, &mut SysRng).unwrap();
    file.extend_from_slice(payload.bytes());
    assert_eq!(*open_bytes(&file, &[&vault]).unwrap(), b"photograph");
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open_bytes(&changed, &[&vault]).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_of_a_file_is_noticed() {
    let vault = identity();
    let file = seal_bytes(b"photograph", &[vault.to_recipient()], &mut SysRng).unwrap();
    for len in 0..file.len() {
        assert!(open_bytes(&file[..len], &[&vault]).is_err(), "cut at {len}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(open_bytes(&longer, &[&vault]).is_err());
}

#[test]
fn cuts_around_every_chunk_are_noticed() {
    let genuine = plain(CHUNK_LEN * 3);
    let payload = seal(&genuine);
    let sealed_chunk = CHUNK_LEN + TAG_LEN;
    let cuts = (0..=3)
        .map(|chunk| NONCE_LEN + chunk * sealed_chunk)
        .flat_map(|boundary| [0, 1, 15, 16, 17, sealed_chunk / 2, sealed_chunk - 1].map(|offset| boundary + offset));
    for cut in (0..NONCE_LEN).chain(cuts).filter(|cut| *cut < payload.len()) {
        let opened = open_all_ways(payload.file_key(), &payload.bytes()[..cut], &genuine);
        assert!(opened.is_err(), "cut at {cut}");
    }
    assert!(open_all_ways(payload.file_key(), payload.bytes(), &genuine).is_ok());
}

#[test]
fn chunks_moved_repeated_dropped_or_added_are_noticed() {
    let genuine = plain(CHUNK_LEN * 4 - 9);
    let payload = seal(&genuine);
    let other = seal(&genuine);
    let chunks: Vec<&[u8]> = payload.bytes()[NONCE_LEN..].chunks(CHUNK_LEN + TAG_LEN).collect();
    let foreign: Vec<&[u8]> = other.bytes()[NONCE_LEN..].chunks(CHUNK_LEN + TAG_LEN).collect();
    let [a, b, c, z] = chunks[..] else { unreachable!() };
    let empty = [0u8; TAG_LEN];
    for (what, chunks) in [
        ("swapped", vec![b, a, c, z]),
        ("swapped later", vec![a, c, b, z]),
        ("repeated", vec![a, a, b, c, z]),
        ("dropped first", vec![b, c, z]),
        ("dropped within", vec![a, c, z]),
        ("dropped last", vec![a, b, c]),
        ("last twice", vec![a, b, c, z, z]),
        ("after last", vec![a, b, c, z, a]),
        ("last first", vec![z, a, b, c]),
        ("only last", vec![z]),
        ("empty one added", vec![a, b, c, z, &empty]),
        ("empty one for last", vec![a, b, c, &empty]),
        ("of another file", vec![a, foreign[1], c, z]),
        ("last of another file", vec![a, b, c, foreign[3]]),
    ] {
        let changed = [&[&payload.bytes()[..NONCE_LEN]], &chunks[..]].concat().concat();
        let opened = open_all_ways(payload.file_key(), &changed, &genuine);
        assert!(opened.is_err(), "{what}");
    }
    let mut nonce = payload.bytes().to_vec();
    nonce[..NONCE_LEN].copy_from_slice(&other.bytes()[..NONCE_LEN]);
    assert!(open_all_ways(payload.file_key(), &nonce, &genuine).is_err());
}

#[test]
fn an_authentic_empty_last_chunk_is_refused() {
    // Only a holder of the file key can make one; age forbids it all the same.
    let genuine = plain(CHUNK_LEN);
    let payload = seal(&genuine);
    let nonce = payload.bytes().first_chunk().unwrap();
    let cipher = stream::ChunkCipher::new(payload.file_key(), nonce).unwrap();
    let mut full = genuine.clone();
    let full_tag = cipher.seal(0, false, &mut full).unwrap();
    let empty_tag = cipher.seal(1, true, &mut []).unwrap();
    let changed = [nonce, full.as_slice(), &full_tag, &empty_tag].concat();
    let opened = open_all_ways(payload.file_key(), &changed, &genuine);
    assert!(matches!(opened, Err(OpenError::Length)));
}

#[test]
fn a_header_of_another_picture_does_not_fit() {
    let vault = identity();
    let [a, b] = [seal(b"picture a"), seal(b"picture b")];
    let header = a.header(&[], &[vault.to_recipient()], &mut SysRng).unwrap();
    let mixed = [header.as_slice(), b.bytes()].concat();
    let opened = open_bytes(&mixed, &[&vault]);
    assert!(matches!(opened, Err(OpenError::Chunk(0))));
}

#[test]
fn an_altered_manifest_stanza_breaks_the_mac() {
    let vault = identity();
    let payload = seal(b"picture");
    let manifest = Stanza::manifest(7, &[5; 32]);
    let header = payload.header(&[manifest], &[vault.to_recipient()], &mut SysRng).unwrap();
    let text = String::from_utf8(header).unwrap();
    let stanza = text.split_inclusive('\n').skip(1).take(2).collect::<String>();
    assert!(stanza.starts_with("-> safelight/manifest 7\n"));
    for changed in [
        text.replace("manifest 7", "manifest 8"),
        text.replace(&stanza, ""),
        text.replace(&stanza, &stanza.repeat(2)),
        text.replace("BQUF", "BQUE"),
    ] {
        assert_ne!(changed, text);
        let (header, _) = Header::parse(changed.as_bytes()).unwrap();
        assert!(matches!(header.unwrap_key(&[&vault]), Err(OpenError::HeaderMac)));
    }
}

#[test]
fn shares_of_low_order_are_refused() {
    let vault = identity();
    let header = seal(b"x").header(&[], &[vault.to_recipient()], &mut SysRng).unwrap();
    let text = String::from_utf8(header).unwrap();
    let share = text.lines().nth(1).unwrap().strip_prefix("-> X25519 ").unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    for low in [[0; 32], one] {
        let changed = text.replace(share, &data_encoding::BASE64_NOPAD.encode(&low));
        let (header, _) = Header::parse(changed.as_bytes()).unwrap();
        let result = header.unwrap_key(&[&vault]);
        assert!(matches!(result, Err(OpenError::Header(HeaderError::LowOrderShare))));
    }
}

#[test]
fn after_an_error_the_opener_gives_nothing_more() {
    let genuine = plain(CHUNK_LEN * 2 + 1);
    let payload = seal(&genuine);
    let (nonce, chunks) = payload.bytes().split_first_chunk().unwrap();
    let mut opener = Opener::new(payload.file_key(), nonce);
    let mut changed = chunks[..CHUNK_LEN + TAG_LEN].to_vec();
    changed[0] ^= 1;
    assert_eq!(opener.push(&changed).unwrap(), (changed.len(), &[][..]));
    assert!(matches!(opener.push(&[0]), Err(OpenError::Chunk(0))));
    assert!(matches!(opener.push(&[0]), Err(OpenError::Failed)));
    assert!(matches!(opener.finish(), Err(OpenError::Failed)));
}

#[test]
fn the_opener_takes_pieces_of_any_size() {
    let genuine = plain(CHUNK_LEN * 2 + 77);
    let payload = seal(&genuine);
    let (nonce, chunks) = payload.bytes().split_first_chunk().unwrap();
    for size in [1, 7, 4096, CHUNK_LEN, CHUNK_LEN + TAG_LEN, chunks.len()] {
        let mut opener = Opener::new(payload.file_key(), nonce);
        let mut plain = Vec::new();
        for mut piece in chunks.chunks(size) {
            while !piece.is_empty() {
                let (taken, opened) = opener.push(piece).unwrap();
                plain.extend_from_slice(opened);
                piece = &piece[taken..];
            }
        }
        plain.extend_from_slice(&opener.finish().unwrap());
        assert!(plain == genuine, "pieces of {size}");
    }
}

#[test]
fn nothing_is_used_twice() {
    let vault = identity().to_recipient();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let payload = seal(b"the same picture");
        let header = payload.header(&[], &[vault], &mut SysRng).unwrap();
        let share = String::from_utf8(header).unwrap().lines().nth(1).unwrap().to_owned();
        assert!(seen.insert(payload.file_key().as_bytes().to_vec()));
        assert!(seen.insert(payload.bytes()[..NONCE_LEN].to_vec()));
        assert!(seen.insert(share.into_bytes()));
    }
}

/// A source of randomness that gives out `left` bytes and then fails.
struct Failing {
    left: usize,
}

#[derive(Debug)]
struct Exhausted;

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("exhausted")
    }
}

impl std::error::Error for Exhausted {}

impl TryRng for Failing {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        Err(Exhausted)
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        Err(Exhausted)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(Exhausted)?;
        let Ok(()) = SysRng.try_fill_bytes(bytes).map_err(|_| -> Infallible { unreachable!() });
        Ok(())
    }
}

impl TryCryptoRng for Failing {}

#[test]
fn a_failing_source_of_randomness_is_an_error_wherever_it_fails() {
    let vault = identity().to_recipient();
    // File key, nonce, one ephemeral secret.
    let needed = 16 + 16 + 32;
    for left in 0..needed {
        let sealed = seal_bytes(b"x", &[vault], &mut Failing { left });
        assert_eq!(sealed, Err(SealError::Randomness), "after {left} bytes");
    }
    assert!(seal_bytes(b"x", &[vault], &mut Failing { left: needed }).is_ok());
    assert!(Identity::generate(&mut Failing { left: 31 }).is_err());
}

#[test]
fn reading_and_writing_errors_are_passed_on() {
    let payload = seal(&plain(CHUNK_LEN + 1));
    let broken = std::io::Read::chain(&payload.bytes()[..100], BrokenPipe);
    let read = open_to(payload.file_key(), broken, std::io::sink());
    assert!(matches!(read, Err(OpenError::Read(_))));
    let written = open_to(payload.file_key(), payload.bytes(), BrokenPipe);
    assert!(matches!(written, Err(OpenError::Write(_))));
}

struct BrokenPipe;

impl std::io::Read for BrokenPipe {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

impl std::io::Write for BrokenPipe {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
