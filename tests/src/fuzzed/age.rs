//! Sealed files: a header has one spelling, and no file opens but the one that was sealed.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use data_encoding::BASE64_NOPAD;
use safelight_core::seal::{
    CHUNK_LEN, FileKey, Header, HeaderError, MAX_HEADER_LEN, MAX_STANZAS, NONCE_LEN, OpenError, Opener, Stanza,
    TAG_LEN, open_bytes, open_payload, open_to, plain_len, seal_bytes, seal_payload, split,
};

use super::clinic::{Steady, keys};
use super::input::Input;

const VERSION_LINE: &str = "age-encryption.org/v1\n";

/// Bytes as an age file for a vault whose public key everybody has.
pub fn age_header(bytes: &[u8]) {
    let parsed = Header::parse(bytes);
    assert_eq!(split(bytes).is_ok(), parsed.is_ok());
    assert_eq!(
        Header::parse_whole(bytes).is_ok(),
        parsed.as_ref().is_ok_and(|(_, len)| *len == bytes.len()),
        "something may follow a whole header"
    );
    let opened = open_bytes(bytes, &[&keys().vault]);
    if opened.is_ok() {
        assert!(sealed().contains(&bytes.to_vec()), "a file opens that nobody has sealed");
    }
    let Ok((header, len)) = parsed else { return };
    assert!(len <= MAX_HEADER_LEN && (1..=MAX_STANZAS).contains(&header.stanzas().len()));
    let text = bytes.get(..len).and_then(|header| std::str::from_utf8(header).ok()).expect("a header is text");
    assert!(text.starts_with(&written(header.stanzas())), "a second spelling of a header");
    let mac = text.get(written(header.stanzas()).len()..).unwrap_or_default();
    assert!(mac.len() == 48 && mac.starts_with("--- ") && mac.ends_with('\n'), "another last line");
    if let Some((number, hash)) = header.manifest() {
        assert_eq!(header.stanzas().first(), Some(&Stanza::manifest(number, &hash)));
    }
    let cut = usize::from(bytes.last().copied().unwrap_or_default()) % len;
    let shorter = Header::parse(bytes.get(..cut).unwrap_or_default());
    assert_eq!(shorter.err(), Some(HeaderError::Truncated), "a header that is cut is to be continued");
}

/// Bytes as a row of changes to a payload of three chunks: it opens if nothing has changed, and before it does not it gives
/// out a beginning of the picture and nothing else.
pub fn age_payload(bytes: &[u8]) {
    let (plain, genuine, key) = payload();
    let mut input = Input::new(bytes);
    let step = input.below(CHUNK_LEN + TAG_LEN + 2) + 1;
    let mut changed = genuine.clone();
    while !input.is_empty() {
        change(&mut changed, &mut input);
    }

    let at_once = open_payload(key, &changed);
    let mut streamed = Vec::new();
    let in_a_stream = open_to(key, changed.as_slice(), &mut streamed);
    let in_pieces = open_in_pieces(key, &changed, step);
    let is_genuine = changed == *genuine;
    assert_eq!(at_once.is_ok(), is_genuine, "{:?}", at_once.err());
    assert_eq!(in_a_stream.is_ok(), is_genuine);
    assert!(plain.starts_with(&streamed), "what was given out is not what was sealed");
    assert_eq!(in_pieces.as_ref().ok(), is_genuine.then_some(plain));
    if plain_len(changed.len() as u64).is_none() {
        assert!(at_once.is_err(), "a length that no payload has");
    }
}

fn change(payload: &mut Vec<u8>, input: &mut Input<'_>) {
    const SEALED: usize = CHUNK_LEN + TAG_LEN;
    let place = |chunk: usize, offset: usize| NONCE_LEN + chunk * SEALED + offset;
    match input.byte() % 6 {
        // A cut near a border, or anywhere.
        0 => payload.truncate(place(input.below(4), input.below(40))),
        1 => payload.truncate(input.below(CHUNK_LEN)),
        2 => {
            let (chunk, offset, bit) = (input.below(3), input.below(SEALED), input.byte() % 8);
            if let Some(byte) = payload.get_mut(place(chunk, offset)) {
                *byte ^= 1 << bit;
            }
        }
        3 => {
            let (from, to) = (place(input.below(3), 0), place(input.below(3), 0));
            let chunk: Vec<u8> = payload.iter().copied().skip(from).take(SEALED).collect();
            let to = to.min(payload.len());
            payload.splice(to..to, chunk);
        }
        4 => {
            let from = place(input.below(3), 0).min(payload.len());
            payload.drain(from..(from + SEALED).min(payload.len()));
        }
        _ => {
            let len = input.below(64);
            payload.extend_from_slice(input.bytes(len));
        }
    }
    // More would only take longer.
    payload.truncate(5 * SEALED);
}

fn open_in_pieces(key: &FileKey, payload: &[u8], step: usize) -> Result<Vec<u8>, OpenError> {
    let (nonce, chunks) = payload.split_first_chunk().ok_or(OpenError::NoNonce)?;
    let mut opener = Opener::new(key, nonce);
    let mut plain = Vec::new();
    for mut piece in chunks.chunks(step) {
        while !piece.is_empty() {
            let (taken, opened) = opener.push(piece)?;
            assert!(taken > 0 || !opened.is_empty(), "nothing was taken and nothing was given");
            plain.extend_from_slice(opened);
            piece = piece.get(taken..).unwrap_or_default();
        }
    }
    plain.extend_from_slice(&opener.finish()?);
    Ok(plain)
}

/// First line and stanzas as the format has them.
fn written(stanzas: &[Stanza]) -> String {
    let mut text = VERSION_LINE.to_owned();
    for stanza in stanzas {
        text.push_str("->");
        for word in std::iter::once(&stanza.tag).chain(&stanza.args) {
            text.push(' ');
            text.push_str(word);
        }
        text.push('\n');
        let body = BASE64_NOPAD.encode(&stanza.body);
        for line in body.as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        if body.len().is_multiple_of(64) {
            text.push('\n');
        }
    }
    text
}

/// Files that open with the vault's key: the seeds of [`age_header`].
pub fn sealed() -> &'static [Vec<u8>] {
    static SEALED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let (vault, recovery) = (keys().vault.to_recipient(), keys().recovery.to_recipient());
        let mut rng = Steady::new("sealed");
        let small = seal_bytes(b"a label", &[vault, recovery], &mut rng).expect("a file");
        let one = seal_bytes(b"x", &[vault], &mut rng).expect("a file");
        let plain: &[u8] = b"a picture";
        let picture =
            seal_payload(std::iter::once(plain), plain.len(), NonZeroUsize::MIN, &mut rng).expect("a payload");
        let mut bound =
            picture.header(&[Stanza::manifest(2, &[9; 32])], &[vault, recovery], &mut rng).expect("a header");
        bound.extend_from_slice(picture.bytes());
        vec![small, one, bound]
    });
    &SEALED
}

/// Plaintext of three chunks, its payload and its key.
fn payload() -> &'static (Vec<u8>, Vec<u8>, FileKey) {
    static PAYLOAD: LazyLock<(Vec<u8>, Vec<u8>, FileKey)> = LazyLock::new(|| {
        let plain: Vec<u8> = (0u8..251).cycle().take(2 * CHUNK_LEN + 77).collect();
        let mut rng = Steady::new("payload");
        let file = seal_bytes(&plain, &[keys().vault.to_recipient()], &mut rng).expect("a file");
        let (header, len) = Header::parse(&file).expect("a header");
        let key = header.unwrap_key(&[&keys().vault]).expect("the file's key");
        let payload = file.get(len..).unwrap_or_default().to_vec();
        (plain, payload, key)
    });
    &PAYLOAD
}
