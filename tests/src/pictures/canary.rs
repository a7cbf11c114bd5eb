//! Pictures with a marker in one carrier of metadata each: whatever a file format has room for beside its picture.

pub mod exif;
pub mod icc;
pub mod jpeg;
pub mod png;
pub mod webp;

use safelight_gateway::demo::search::Search;

use super::inflated;

/// What stands in a carrier and must not be in an output.
pub const CANARY: &str = "CANARY-4711";
/// How much of it the narrowest carriers hold.
pub const BEGINNING: usize = 7;
/// The same as bytes.
pub const MARK: &[u8] = CANARY.as_bytes();

/// A picture with the marker in one carrier.
#[derive(Debug, Clone)]
pub struct Planted {
    /// What carries it.
    pub carrier: String,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Whether a refusal is an answer too: what no camera writes may be refused, what cameras write must be cleaned.
    pub may_be_refused: bool,
}

impl Planted {
    /// A file that must be cleaned.
    pub fn new(carrier: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { carrier: carrier.into(), bytes, may_be_refused: false }
    }

    /// A file that is cleaned or refused.
    pub fn odd(carrier: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { carrier: carrier.into(), bytes, may_be_refused: true }
    }
}

/// The marker in UTF-16 of either byte order.
pub fn utf16(big_endian: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    CANARY.encode_utf16().flat_map(bytes).collect()
}

/// Looks for the marker in every spelling: as text, UTF-16, base64 and hexadecimal, in the file and in what of it inflates.
#[derive(Debug)]
pub struct Watch(Search);

impl Default for Watch {
    fn default() -> Self {
        let mut search = Search::default();
        // Some carriers have room for its beginning only.
        search.text("the marker", &CANARY[..BEGINNING]);
        Self(search)
    }
}

impl Watch {
    /// Whether the marker is in a picture.
    pub fn finds(&self, picture: &[u8]) -> bool {
        inflated::layers(picture).iter().any(|layer| !self.0.in_bytes(layer).is_empty())
    }

    /// The spellings that are looked for.
    pub fn spellings(&self) -> impl Iterator<Item = &[u8]> {
        self.0.samples().map(|(_, _, bytes)| bytes)
    }
}
