//! The public age test vectors: each file says in its own first lines what must happen.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::stream::{ChunkCipher, SEALED_CHUNK_LEN};
use super::{FileKey, Header, HeaderError, Identity, OpenError, open_payload, open_to};

/// What a vector's file says about itself.
struct Vector {
    name: String,
    fields: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn parse(name: String, bytes: &[u8]) -> Self {
        let end = memchr::memmem::find(bytes, b"\n\n").expect("a vector has a header");
        let fields: Vec<(String, String)> = std::str::from_utf8(&bytes[..end])
            .expect("a vector's header is text")
            .lines()
            .map(|line| line.split_once(": ").expect("field: value"))
            .map(|(field, value)| (field.to_owned(), value.to_owned()))
            .collect();
        let mut file = bytes[end + 2..].to_vec();
        if fields.iter().any(|(field, _)| field == "compressed") {
            file = miniz_oxide::inflate::decompress_to_vec_zlib(&file).expect("zlib");
        }
        Self { name, fields, file }
    }

    fn all(&self, field: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    fn one(&self, field: &str) -> Option<&str> {
        self.all(field).next()
    }

    /// What is not built here: armor, and key types other than X25519 and passphrases.
    fn left_out(&self) -> bool {
        self.one("armored").is_some()
            || self.all("identity").any(|key| key.starts_with("AGE-SECRET-KEY-PQ-"))
            || (self.one("passphrase").is_some() && !cfg!(feature = "passphrase"))
    }
}

/// The expectation that an error stands for.
fn outcome(error: &OpenError) -> &'static str {
    match error {
        // A reader that takes header and payload from one stream notices a missing nonce with the header.
        OpenError::Header(_) | OpenError::NoNonce => "header failure",
        OpenError::NoMatch | OpenError::WrongPassphrase => "no match",
        OpenError::HeaderMac => "HMAC failure",
        _ => "payload failure",
    }
}

struct Opened {
    /// All plaintext that could be given out, also when an error follows.
    plain: Vec<u8>,
    result: Result<(), OpenError>,
}

fn open(vector: &Vector) -> Opened {
    let mut plain = Vec::new();
    let result = file_key(vector).and_then(|(file_key, payload)| {
        if let Some(hex) = vector.one("file key") {
            let expected = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            assert_eq!(file_key.as_bytes().as_slice(), expected, "{}: file key", vector.name);
        }
        plain = authentic_chunks(&file_key, payload);
        let mut streamed = Vec::new();
        let result = open_to(&file_key, payload, &mut streamed);
        assert!(plain.starts_with(&streamed), "{}: more than is authentic", vector.name);
        // Both ways of opening agree.
        let at_once = open_payload(&file_key, payload);
        assert_eq!(result.is_ok(), at_once.is_ok(), "{}", vector.name);
        if let Ok(at_once) = at_once {
            assert!(*at_once == streamed && streamed == plain, "{}", vector.name);
        }
        result.map(drop)
    });
    Opened { plain, result }
}

/// The plaintext of all chunks up to the first that does not authenticate or is a last one. The openers may
/// stop earlier: they hold a chunk back until they know whether it is to be the last.
fn authentic_chunks(file_key: &FileKey, payload: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let Some((nonce, chunks)) = payload.split_first_chunk() else {
        return plain;
    };
    let cipher = ChunkCipher::new(file_key, nonce).unwrap();
    for (counter, chunk) in (0..).zip(chunks.chunks(SEALED_CHUNK_LEN)) {
        for last in [false, true] {
            if !last && chunk.len() < SEALED_CHUNK_LEN {
                continue;
            }
            let mut chunk = chunk.to_vec();
            if let Ok(len) = cipher.open(counter, last, &mut chunk) {
                plain.extend_from_slice(&chunk[..len]);
                if last {
                    return plain;
                }
                break;
            }
            if last {
                return plain;
            }
        }
    }
    plain
}

fn file_key(vector: &Vector) -> Result<(FileKey, &[u8]), OpenError> {
    let identities: Vec<Identity> = vector
        .all("identity")
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{}: identity", vector.name)))
        .collect();
    let identities: Vec<&Identity> = identities.iter().collect();
    let (header, consumed) = Header::parse(&vector.file)?;
    let file_key = header.unwrap_key(&identities)?;
    Ok((file_key, &vector.file[consumed..]))
}

#[cfg(feature = "passphrase")]
fn open_with_passphrase(vector: &Vector, passphrase: &str) -> Opened {
    // 16 is what the vectors need; more would only make a test that expects a refusal wait.
    const MAX_LOG_N: u8 = 16;
    match super::passphrase::decrypt(&vector.file, passphrase.as_bytes(), MAX_LOG_N) {
        Ok(plain) => Opened { plain: plain.to_vec(), result: Ok(()) },
        Err(error) => Opened { plain: Vec::new(), result: Err(error) },
    }
}

fn check(vector: &Vector) -> Result<(), String> {
    #[cfg(feature = "passphrase")]
    let opened = match vector.one("passphrase") {
        Some(passphrase) => open_with_passphrase(vector, passphrase),
        None => open(vector),
    };
    #[cfg(not(feature = "passphrase"))]
    let opened = open(vector);

    let expected = vector.one("expect").expect("every vector expects something");
    let actual = opened.result.as_ref().err().map_or("success", outcome);
    if actual != expected {
        return Err(format!("{}: expected {expected}, got {actual} ({:?})", vector.name, opened.result));
    }
    // Files under a passphrase are opened as a whole or not at all.
    let whole = vector.one("passphrase").is_none() || actual == "success";
    if let Some(hash) = vector.one("payload").filter(|_| whole) {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&opened.plain));
        if digest != hash {
            return Err(format!("{}: other plaintext", vector.name));
        }
    }
    Ok(())
}

#[test]
fn s13_s15_s21_the_age_vectors_give_their_stated_results() {
    let shared = std::env::var_os("SAFELIGHT_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let folder = shared.join("corpus/age");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("SKIPPED s13_s15_s21_the_age_vectors_give_their_stated_results: no folder {}", folder.display());
        return;
    };
    let (mut read, mut left_out, mut failures) = (0, Vec::new(), Vec::new());
    for file in files {
        let file = file.unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let vector = Vector::parse(file.file_name().to_string_lossy().into_owned(), &bytes);
        if vector.left_out() {
            left_out.push(vector.name);
            continue;
        }
        read += 1;
        failures.extend(check(&vector).err());
    }
    left_out.sort();
    println!("{read} age vectors read, {} left out: {}", left_out.len(), left_out.join(" "));
    assert!(read > 0, "the folder is there and has no vector that could be read");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_failure_has_its_class() {
    assert_eq!(outcome(&OpenError::Header(HeaderError::LowOrderShare)), "header failure");
    assert_eq!(outcome(&OpenError::Chunk(0)), "payload failure");
}
