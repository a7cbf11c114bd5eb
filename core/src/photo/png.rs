//! PNG's own nouns (W3C PNG third edition, sections 5 and 11): signature, chunks, the image header.

/// How every PNG begins.
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The most chunks that are walked: every one costs time, none costs memory. The longest file that is
/// taken may still come in chunks of 2 KiB, a quarter of what libpng writes.
pub const MAX_CHUNKS: usize = 65_536;
/// The largest number that a PNG may hold (section 7.1).
pub(crate) const MAX_NUMBER: u32 = 0x7FFF_FFFF;

/// Why a PNG is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// The file ends before the end of the picture.
    #[error("the PNG is cut off: it ends before its end chunk; take the picture again")]
    CutOff,
    /// A chunk's length is impossible.
    #[error("the PNG is damaged: the length of a chunk is impossible")]
    ChunkLength,
    /// A chunk's name is none.
    #[error("the PNG is damaged: the name of a chunk is impossible")]
    ChunkName,
    /// More chunks than are walked.
    #[error("the PNG has more chunks than are taken")]
    TooManyChunks,
    /// A chunk without which there is no picture does not match its checksum.
    #[error("the PNG is damaged: the checksum of chunk {} is wrong; take the picture again", .0.escape_ascii())]
    Checksum([u8; 4]),
    /// A chunk that decoders must understand, but that no photograph has.
    #[error("chunk {} of the PNG is not known; ask the camera for JPEG", .0.escape_ascii())]
    UnknownChunk([u8; 4]),
    /// The file does not begin with the image header.
    #[error("the PNG has no image header")]
    NoHeader,
    /// Two image headers.
    #[error("the PNG has two image headers")]
    SecondHeader,
    /// The image header contradicts itself.
    #[error("the PNG's image header is damaged")]
    Header,
    /// A palette that cannot be read.
    #[error("the palette of the PNG is damaged")]
    Palette,
    /// The pixels name palette entries, but there is no palette before them.
    #[error("the palette of the PNG is missing")]
    NoPalette,
    /// Two palettes.
    #[error("the PNG has two palettes")]
    SecondPalette,
    /// A transparency that decoders understand each in its own way.
    #[error("the transparency of the PNG is damaged; ask the camera for JPEG")]
    Transparency,
    /// No image data.
    #[error("the PNG has no image data, so no pixels")]
    NoPixels,
    /// Another chunk between the chunks of image data.
    #[error("the image data of the PNG does not stand together")]
    ScatteredData,
    /// Image data that no encoder writes.
    #[error("the image data of the PNG is damaged; take the picture again")]
    Data,
    /// The image data ends before the last row.
    #[error("the image data of the PNG is incomplete; take the picture again")]
    MissingData,
    /// The image data goes on behind the last row, where nobody would see it.
    #[error("the PNG holds data behind its last row; ask the camera for JPEG")]
    SurplusData,
}

impl PngError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            PngError::CutOff => "png-cut-off",
            PngError::ChunkLength => "png-chunk-length",
            PngError::ChunkName => "png-chunk-name",
            PngError::TooManyChunks => "png-too-many-chunks",
            PngError::Checksum(_) => "png-checksum",
            PngError::UnknownChunk(_) => "png-unknown-chunk",
            PngError::NoHeader => "png-no-header",
            PngError::SecondHeader => "png-second-header",
            PngError::Header => "png-header",
            PngError::Palette => "png-palette",
            PngError::NoPalette => "png-no-palette",
            PngError::SecondPalette => "png-second-palette",
            PngError::Transparency => "png-transparency",
            PngError::NoPixels => "png-no-pixels",
            PngError::ScatteredData => "png-scattered-data",
            PngError::Data => "png-data",
            PngError::MissingData => "png-missing-data",
            PngError::SurplusData => "png-surplus-data",
        }
    }
}

/// Width and height in pixels.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), PngError> {
    let header = Header::read(&mut Chunks::new(bytes))?;
    Ok((header.width, header.height))
}

/// Walks the chunks of a file.
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
    seen: usize,
}

/// One chunk (section 5.3).
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) data: &'a [u8],
    /// The chunk as it stands: length, name, data, checksum.
    pub(crate) whole: &'a [u8],
    checksum: u32,
}

/// What a chunk has beside its data: length, name, checksum.
const FRAMING: usize = 12;

impl<'a> Chunks<'a> {
    /// Starts behind the signature.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Chunks { bytes, at: SIGNATURE.len(), seen: 0 }
    }

    /// The next chunk.
    pub(crate) fn next_chunk(&mut self) -> Result<Chunk<'a>, PngError> {
        let rest = self.rest();
        let (len, after) = rest.split_first_chunk().ok_or(PngError::CutOff)?;
        let (name, after) = after.split_first_chunk::<4>().ok_or(PngError::CutOff)?;
        let len = u32::from_be_bytes(*len);
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return Err(PngError::ChunkName);
        }
        if len > MAX_NUMBER {
            return Err(PngError::ChunkLength);
        }
        if self.seen == MAX_CHUNKS {
            return Err(PngError::TooManyChunks);
        }
        let len = usize::try_from(len).map_err(|_| PngError::ChunkLength)?;
        let (data, after) = after.split_at_checked(len).ok_or(PngError::CutOff)?;
        let checksum = after.first_chunk().ok_or(PngError::CutOff)?;
        let whole = rest.get(..len + FRAMING).ok_or(PngError::CutOff)?;
        self.at += whole.len();
        self.seen += 1;
        Ok(Chunk { name: *name, data, whole, checksum: u32::from_be_bytes(*checksum) })
    }

    /// Where the walk stands, from the start of the file.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// What has not been walked yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl Chunk<'_> {
    /// Whether a decoder must understand it (section 5.4).
    pub(crate) fn is_critical(&self) -> bool {
        self.name.first().is_some_and(u8::is_ascii_uppercase)
    }

    /// Whether its checksum holds.
    pub(crate) fn is_sound(&self) -> bool {
        checksum(&self.name, self.data) == self.checksum
    }
}

/// The checksum of a chunk (section 5.5): CRC-32 over name and data.
pub(crate) fn checksum(name: &[u8; 4], data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name);
    hasher.update(data);
    hasher.finalize()
}

/// The image header (section 11.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits a sample, or a palette index.
    pub(crate) depth: u8,
    pub(crate) colour: Colour,
    interlaced: bool,
}

/// What a pixel consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    Rgba,
}

/// First column, first row, and the steps to the next, of the seven passes of an interlaced picture
/// (section 8.2).
const ADAM7: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// Rows of one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) rows: u32,
    /// Bytes of a row, its filter type included.
    pub(crate) row_len: u64,
}

impl Header {
    /// Reads the first chunk, which must be the image header.
    pub(crate) fn read(chunks: &mut Chunks<'_>) -> Result<Header, PngError> {
        let chunk = chunks.next_chunk()?;
        if &chunk.name != b"IHDR" {
            return Err(PngError::NoHeader);
        }
        if !chunk.is_sound() {
            return Err(PngError::Checksum(chunk.name));
        }
        let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, 0, 0, interlace] = chunk.data else {
            return Err(PngError::Header);
        };
        let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Palette,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::Rgba,
            _ => return Err(PngError::Header),
        };
        let sound = (1..=MAX_NUMBER).contains(&width) && (1..=MAX_NUMBER).contains(&height) && interlace <= 1;
        if !sound {
            return Err(PngError::Header);
        }
        Ok(Header { width, height, depth, colour, interlaced: interlace == 1 })
    }

    /// The rows that the image data must hold, in its order. Passes without pixels are none.
    pub(crate) fn passes(&self) -> impl Iterator<Item = Pass> + use<> {
        let Header { width, height, interlaced, .. } = *self;
        let bits = u64::from(self.depth) * u64::from(self.colour.channels());
        let steps: &[[u32; 4]] = if interlaced { &ADAM7 } else { &[[0, 0, 1, 1]] };
        steps.iter().filter_map(move |[left, top, across, down]| {
            let columns = width.saturating_sub(*left).div_ceil(*across);
            let rows = height.saturating_sub(*top).div_ceil(*down);
            let row_len = 1 + (u64::from(columns) * bits).div_ceil(8);
            (columns > 0 && rows > 0).then_some(Pass { rows, row_len })
        })
    }
}

impl Colour {
    /// Samples a pixel.
    pub(crate) fn channels(self) -> u8 {
        match self {
            Colour::Grey | Colour::Palette => 1,
            Colour::GreyAlpha => 2,
            Colour::Rgb => 3,
            Colour::Rgba => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let len = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&len, &name[..], data, &checksum(name, data).to_be_bytes()].concat()
    }

    fn header(data: &[u8]) -> Result<Header, PngError> {
        Header::read(&mut Chunks::new(&[SIGNATURE, &chunk(b"IHDR", data)].concat()))
    }

    const GOOD: [u8; 13] = [0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0];

    #[test]
    fn chunks_are_walked_with_their_checksums() {
        let (first, second) = (chunk(b"tEXt", b"x"), chunk(b"IEND", b""));
        let mut bytes = [SIGNATURE, &first, &second].concat();
        bytes[SIGNATURE.len() + 8] = b'y';
        let mut chunks = Chunks::new(&bytes);
        let text = chunks.next_chunk().unwrap();
        assert_eq!((&text.name, text.data, text.whole.len()), (b"tEXt", &b"y"[..], first.len()));
        assert!(!text.is_sound() && !text.is_critical());
        let end = chunks.next_chunk().unwrap();
        assert!(end.is_sound() && end.is_critical() && end.whole == second);
        assert_eq!(chunks.position(), bytes.len());
        assert_eq!(chunks.next_chunk().err(), Some(PngError::CutOff));
    }

    #[test]
    fn lengths_and_names_that_lie_are_errors() {
        let error = |start: &[u8]| Chunks::new(&[SIGNATURE, start, &[0; 8]].concat()).next_chunk().err();
        assert_eq!(error(b"\x80\0\0\0IDAT"), Some(PngError::ChunkLength));
        assert_eq!(error(b"\x7F\xFF\xFF\xFFIDAT"), Some(PngError::CutOff));
        assert_eq!(error(b"\0\0\0\x05IDAT"), Some(PngError::CutOff));
        assert_eq!(error(b"\0\0\0\x04IDAT"), None);
        assert_eq!(error(b"\0\0\0\0ID T"), Some(PngError::ChunkName));
    }

    #[test]
    fn the_number_of_chunks_is_bounded() {
        let bytes = [SIGNATURE, &chunk(b"IDAT", b"").repeat(MAX_CHUNKS + 1)].concat();
        let mut chunks = Chunks::new(&bytes);
        for _ in 0..MAX_CHUNKS {
            chunks.next_chunk().unwrap();
        }
        assert_eq!(chunks.next_chunk().err(), Some(PngError::TooManyChunks));
    }

    #[test]
    fn an_image_header_must_fit_itself() {
        let good = header(&GOOD).unwrap();
        assert_eq!((good.width, good.height, good.depth, good.colour), (3, 2, 8, Colour::Rgb));
        assert_eq!(header(&GOOD[..12]), Err(PngError::Header));
        for (at, value) in [(0, 0x80), (3, 0), (7, 0), (8, 4), (8, 32), (9, 1), (9, 5), (10, 1), (11, 1), (12, 2)] {
            let mut data = GOOD;
            data[at] = value;
            assert_eq!(header(&data), Err(PngError::Header), "{value} at {at}");
        }
        let mut bytes = [SIGNATURE, &chunk(b"IHDR", &GOOD)].concat();
        bytes[20] ^= 1;
        assert_eq!(size(&bytes), Err(PngError::Checksum(*b"IHDR")));
        assert_eq!(size(&[SIGNATURE, &chunk(b"gAMA", &GOOD)].concat()), Err(PngError::NoHeader));
        assert_eq!(size(SIGNATURE), Err(PngError::CutOff));
    }

    #[test]
    fn passes_hold_every_pixel_once() {
        for (width, height) in [(1u8, 1u8), (2, 1), (1, 9), (5, 5), (8, 8), (33, 17)] {
            for interlace in [0, 1] {
                let header = header(&[0, 0, 0, width, 0, 0, 0, height, 8, 6, 0, 0, interlace]).unwrap();
                let pixels = |pass: Pass| u64::from(pass.rows) * (pass.row_len - 1);
                let held: u64 = header.passes().map(pixels).sum();
                assert_eq!(held, u64::from(width) * u64::from(height) * 4);
            }
        }
        let bits = header(&[0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 0, 0, 0]).unwrap();
        assert_eq!(bits.passes().collect::<Vec<_>>(), [Pass { rows: 1, row_len: 3 }]);
    }

    #[test]
    fn the_largest_header_does_not_overflow() {
        let largest = [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 16, 6, 0, 0, 1];
        assert_eq!(header(&largest).unwrap().passes().count(), ADAM7.len());
    }
}
