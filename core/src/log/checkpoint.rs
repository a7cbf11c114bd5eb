//! Checkpoints: a log's size and root, signed, as text that a person can print and a witness can keep.
//!
//! The body is a C2SP tlog-checkpoint (<https://c2sp.org/tlog-checkpoint>), the envelope a C2SP signed note
//! (<https://c2sp.org/signed-note>) with Ed25519, so that other tools can check a log:
//!
//! ```text
//! <origin>
//! <size in decimal>
//! <root hash in base64>
//!
//! — <origin> <base64 of 4 bytes of key id, then 64 bytes of signature>
//! ```
//!
//! The key's name is the origin. Lines by other keys, such as witnesses' cosignatures, are kept and not judged.

use std::fmt::Write as _;

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::Hash;

/// The longest signed checkpoint in bytes.
pub const MAX_CHECKPOINT_LEN: usize = 2048;
/// The longest origin in bytes.
pub const MAX_ORIGIN_LEN: usize = 128;
/// The most signature lines.
pub const MAX_SIGNATURES: usize = 8;

/// What signed notes call Ed25519.
const ED25519: u8 = 1;

/// Why a checkpoint was not made or not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// An origin that cannot stand in a checkpoint: see [`is_origin`].
    #[error("the log's name is empty, too long, or holds a space, a plus sign or a character outside ASCII")]
    Origin,
    /// A size that no log here reaches.
    #[error("the log's size is beyond what a log can hold")]
    Size,
    /// More bytes or more signature lines than a checkpoint may have.
    #[error("the checkpoint is too long")]
    TooLong,
    /// Not the text that a checkpoint is.
    #[error("this is not a checkpoint: it must be copied whole, with its blank line and its signature")]
    Malformed,
    /// A checkpoint of another log.
    #[error("the checkpoint is of another log")]
    OtherLog,
    /// No signature by the log's key.
    #[error("the checkpoint is not signed by this log's key")]
    NotSigned,
    /// A signature that claims the log's key and is not by it.
    #[error("the checkpoint's signature is wrong: it was altered, or is a forgery")]
    WrongSignature,
}

/// How long a log is, and the root of its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, unique in the world, such as `<clinic's server name>/intake`.
    pub origin: String,
    /// How many entries the log has, at most [`crate::cbor::MAX_UINT`].
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Whether `text` can name a log: ASCII from `!` to `~` without `+`, 1 to [`MAX_ORIGIN_LEN`] characters.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    (1..=MAX_ORIGIN_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
}

impl Checkpoint {
    /// This checkpoint with the log's signature.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, CheckpointError> {
        let mut text = self.body()?;
        let mut line = key_id(&self.origin, &key.verifying_key()).to_vec();
        line.extend(key.sign(text.as_bytes()).to_bytes());
        let _ = write!(text, "\n\u{2014} {} {}\n", self.origin, BASE64.encode(&line));
        Ok(SignedCheckpoint { checkpoint: self, text })
    }

    /// The lines that are signed.
    fn body(&self) -> Result<String, CheckpointError> {
        if !is_origin(&self.origin) {
            return Err(CheckpointError::Origin);
        }
        if self.size > crate::cbor::MAX_UINT {
            return Err(CheckpointError::Size);
        }
        Ok(format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root)))
    }

    fn parse_body(body: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let mut lines = body.split('\n');
        let mut line = || lines.next().ok_or(malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        let root = BASE64.decode(root.as_bytes()).map_err(|_| malformed)?;
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| malformed)?,
            root: root.try_into().map_err(|_| malformed)?,
        };
        // One spelling: no sign or leading zero before the size, no further lines.
        if checkpoint.body()? == body { Ok(checkpoint) } else { Err(malformed) }
    }
}

/// A checkpoint whose signature was made or checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    text: String,
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint of the log `origin` and checks its signature by `key`.
    pub fn parse_and_verify(text: &str, origin: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        if text.len() > MAX_CHECKPOINT_LEN {
            return Err(CheckpointError::TooLong);
        }
        let malformed = CheckpointError::Malformed;
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(malformed);
        }
        let (before, signatures) = text.split_once("\n\n").ok_or(malformed)?;
        let body = format!("{before}\n");
        let checkpoint = Checkpoint::parse_body(&body)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::OtherLog);
        }
        let signatures = signatures.strip_suffix('\n').ok_or(malformed)?;
        if signatures.split('\n').count() > MAX_SIGNATURES {
            return Err(CheckpointError::TooLong);
        }
        let mut signed = false;
        for line in signatures.split('\n') {
            let (name, id, signature) = split_signature(line).ok_or(malformed)?;
            if name != origin || id != key_id(origin, key) {
                continue;
            }
            let signature = Signature::from_slice(&signature).map_err(|_| malformed)?;
            key.verify_strict(body.as_bytes(), &signature).map_err(|_| CheckpointError::WrongSignature)?;
            signed = true;
        }
        if signed { Ok(Self { checkpoint, text: text.to_owned() }) } else { Err(CheckpointError::NotSigned) }
    }

    /// What was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The whole note, signatures included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The log's public key as signed notes write it, `<origin>+<key id>+<key>`, for other tools and for print.
#[must_use]
pub fn verifier_key(origin: &str, key: &VerifyingKey) -> String {
    let id = data_encoding::HEXLOWER.encode(&key_id(origin, key));
    let mut bytes = vec![ED25519];
    bytes.extend(key.as_bytes());
    format!("{origin}+{id}+{}", BASE64.encode(&bytes))
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest =
        Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    let [a, b, c, d, ..] = digest.0;
    [a, b, c, d]
}

/// Name, key id and signature of a signature line.
fn split_signature(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
        return None;
    }
    let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    (!signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the signed-note specification and of its first implementation (golang.org/x/mod/sumdb/note).
    #[test]
    fn the_key_of_the_specification_has_its_id() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = BASE64.decode(b"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let key = VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
        assert_eq!(verifier_key("PeterNeumann", &key), text);
        // And the signature over its note verifies.
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let (name, id, signature) = split_signature(line).unwrap();
        assert_eq!((name, id), ("PeterNeumann", key_id(name, &key)));
        let signature = Signature::from_slice(&signature).unwrap();
        assert!(key.verify_strict(note.as_bytes(), &signature).is_ok());
    }

    fn signed() -> (SignedCheckpoint, SigningKey) {
        let key = SigningKey::from_bytes(&[3; 32]);
        let checkpoint = Checkpoint { origin: "example.internal/intake".into(), size: 17, root: [9; 32] };
        (checkpoint.sign(&key).unwrap(), key)
    }

    fn verify(text: &str) -> Result<SignedCheckpoint, CheckpointError> {
        SignedCheckpoint::parse_and_verify(text, "example.internal/intake", &signed().1.verifying_key())
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let (signed, _) = signed();
        assert!(signed.text().starts_with(
            "example.internal/intake\n17\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n\u{2014} example.internal/intake "
        ));
        assert_eq!(verify(signed.text()), Ok(signed));
    }

    #[test]
    fn every_altered_or_missing_byte_is_noticed() {
        let text = signed().0.text().to_owned();
        for at in 0..text.len() {
            if let Some(cut) = text.get(..at) {
                assert!(verify(cut).is_err(), "cut at {at}");
            }
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(altered) = String::from_utf8(bytes) {
                    assert!(verify(&altered).is_err(), "bit {bit} of byte {at}");
                }
            }
        }
        assert!(verify(&format!("{text}\n")).is_err());
        assert!(verify(&format!(" {text}")).is_err());
        assert!(verify(&text.replace('\n', "\r\n")).is_err());
    }

    #[test]
    fn another_log_another_key_and_no_signature_are_told_apart() {
        let (signed, key) = signed();
        let other = SigningKey::from_bytes(&[4; 32]);
        let text = signed.text();
        let parse = SignedCheckpoint::parse_and_verify;
        assert_eq!(parse(text, "other", &key.verifying_key()), Err(CheckpointError::OtherLog));
        assert_eq!(parse(text, "example.internal/intake", &other.verifying_key()), Err(CheckpointError::NotSigned));
        let forged = text.replace("\n17\n", "\n18\n");
        assert_eq!(verify(&forged), Err(CheckpointError::WrongSignature));
    }

    #[test]
    fn a_witness_line_is_kept_and_one_bad_line_by_the_log_spoils_the_note() {
        let (signed, key) = signed();
        let witness = format!("{}\u{2014} witness.example {}\n", signed.text(), BASE64.encode(&[1; 76]));
        assert_eq!(verify(&witness).unwrap().text(), witness);

        let mut line = key_id("example.internal/intake", &key.verifying_key()).to_vec();
        line.extend([0; 64]);
        let spoilt = format!("{}\u{2014} example.internal/intake {}\n", signed.text(), BASE64.encode(&line));
        assert_eq!(verify(&spoilt), Err(CheckpointError::WrongSignature));
    }

    #[test]
    fn bodies_have_one_spelling_and_limits() {
        let (signed, key) = signed();
        let origin = "example.internal/intake";
        let root = BASE64.encode(&[9; 32]);
        for body in [
            format!("{origin}\n017\n{root}\n"),
            format!("{origin}\n+17\n{root}\n"),
            format!("{origin}\n-1\n{root}\n"),
            format!("{origin}\n9223372036854775808\n{root}\n"),
            format!("{origin}\n17\n{}\n", BASE64.encode(&[9; 31])),
            format!("{origin}\n17\n{root}\nextension\n"),
            format!("{origin}\n17\n"),
            format!("{origin}\n17\n{root}"),
            String::new(),
        ] {
            // Signed by the right key, so that nothing but the form can be at fault.
            let mut line = key_id(origin, &key.verifying_key()).to_vec();
            line.extend(key.sign(body.as_bytes()).to_bytes());
            let text = format!("{body}\n\u{2014} {origin} {}\n", BASE64.encode(&line));
            assert!(verify(&text).is_err(), "{body:?}");
        }
        let line = format!("\u{2014} w {}\n", BASE64.encode(&[1; 68]));
        assert!(verify(&format!("{}{}", signed.text(), line.repeat(7))).is_ok());
        assert_eq!(verify(&format!("{}{}", signed.text(), line.repeat(8))), Err(CheckpointError::TooLong));
        assert_eq!(verify(&"a".repeat(MAX_CHECKPOINT_LEN + 1)), Err(CheckpointError::TooLong));
    }

    #[test]
    fn an_origin_that_would_break_the_note_is_not_signed() {
        let key = SigningKey::from_bytes(&[3; 32]);
        for origin in ["", "a b", "a+b", "a\nb", "ä", "\u{2028}"] {
            let checkpoint = Checkpoint { origin: origin.into(), size: 0, root: [0; 32] };
            assert_eq!(checkpoint.sign(&key), Err(CheckpointError::Origin), "{origin:?}");
        }
        let checkpoint = Checkpoint { origin: "a".into(), size: u64::MAX, root: [0; 32] };
        assert_eq!(checkpoint.sign(&key), Err(CheckpointError::Size));
    }
}
