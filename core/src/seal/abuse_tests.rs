//! What an attacker with the file, or with the public keys, could try.

use std::num::NonZeroUsize;

use getrandom::SysRng;

use super::*;
use crate::testing::Failing;

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
fn s07_every_flipped_bit_of_a_file_is_noticed() {
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
fn s01_every_cut_of_a_file_is_noticed() {
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
fn s01_s02_cuts_around_every_chunk_are_noticed() {
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
fn s03_s04_s05_chunks_moved_repeated_dropped_or_added_are_noticed() {
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
fn s06_an_authentic_empty_last_chunk_is_refused() {
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
fn s08_a_header_of_another_picture_does_not_fit() {
    let vault = identity();
    let [a, b] = [seal(b"picture a"), seal(b"picture b")];
    let header = a.header(&[], &[vault.to_recipient()], &mut SysRng).unwrap();
    let mixed = [header.as_slice(), b.bytes()].concat();
    let opened = open_bytes(&mixed, &[&vault]);
    assert!(matches!(opened, Err(OpenError::Chunk(0))));
}

#[test]
fn s09_an_altered_manifest_stanza_breaks_the_mac() {
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
fn s13_shares_of_low_order_are_refused() {
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
fn s20_nothing_is_used_twice() {
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

#[test]
fn s20_a_failing_source_of_randomness_is_an_error_wherever_it_fails() {
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

/// The counter is eleven bytes in the nonce: where one of them overflows into the next, an implementation that keeps fewer would go
/// round and use a nonce twice, and chunks of equal low bytes could change places.
#[test]
fn s21_counters_pass_every_boundary_and_no_two_are_alike() {
    let payload = seal(b"x");
    let nonce = payload.bytes().first_chunk().unwrap();
    let cipher = stream::ChunkCipher::new(payload.file_key(), nonce).unwrap();
    let counters: Vec<u64> =
        (8..64).step_by(8).map(|bits| 1 << bits).flat_map(|at: u64| [at - 1, at, at + 1]).collect();
    let mut seen = std::collections::HashSet::new();
    for counter in counters.iter().copied().chain([0, 2, u64::MAX]) {
        for last in [false, true] {
            let mut chunk = vec![0; 32];
            let tag = cipher.seal(counter, last, &mut chunk).unwrap();
            chunk.extend_from_slice(&tag);
            assert!(seen.insert(chunk.clone()), "counter {counter} gives the key stream of another");
            for (other, other_last) in
                [(counter ^ 256, last), (counter ^ 65_536, last), (counter & 255, last), (counter, !last)]
            {
                if (other, other_last) != (counter, last) {
                    assert!(cipher.open(other, other_last, &mut chunk.clone()).is_err(), "{counter} as {other}");
                }
            }
            assert_eq!(cipher.open(counter, last, &mut chunk).unwrap(), 32);
        }
    }
}

#[test]
fn s21_a_picture_of_more_than_256_chunks_opens_and_its_chunks_keep_their_places() {
    let genuine = plain(CHUNK_LEN * 257 + 1);
    let payload = seal(&genuine);
    assert!(open_all_ways(payload.file_key(), payload.bytes(), &genuine).is_ok());
    let place = |chunk: usize| NONCE_LEN + chunk * (CHUNK_LEN + TAG_LEN);
    let mut swapped = payload.bytes().to_vec();
    let (front, back) = swapped.split_at_mut(place(256));
    front[place(0)..place(1)].swap_with_slice(&mut back[..CHUNK_LEN + TAG_LEN]);
    assert!(matches!(open_all_ways(payload.file_key(), &swapped, &genuine), Err(OpenError::Chunk(0))));
    let cut = &payload.bytes()[..place(256)];
    assert!(open_all_ways(payload.file_key(), cut, &genuine).is_err());
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
