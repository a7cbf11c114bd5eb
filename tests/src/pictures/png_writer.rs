//! Writes small PNGs of every kind as lists of chunks that a test can change before they are joined.

use super::pieces::{PNG, chunk, zlib};

/// The signature and the chunks.
pub fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    [PNG, &chunks.concat()[..]].concat()
}

/// What a picture is by its header.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bits a sample.
    pub depth: u8,
    /// The colour type, 0, 2, 3, 4 or 6.
    pub colour: u8,
    /// 0, or 1 for Adam7.
    pub interlace: u8,
}

impl Kind {
    /// Every colour type with every depth, plain and interlaced.
    pub fn all(width: u32, height: u32) -> Vec<Kind> {
        let depths: [(u8, &[u8]); 5] =
            [(0, &[1, 2, 4, 8, 16]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])];
        let mut kinds = Vec::new();
        for (colour, depths) in depths {
            for depth in depths {
                kinds.extend([0, 1].map(|interlace| Kind { width, height, depth: *depth, colour, interlace }));
            }
        }
        kinds
    }

    /// The IHDR chunk.
    pub fn header(&self) -> Vec<u8> {
        let (width, height) = (self.width.to_be_bytes(), self.height.to_be_bytes());
        chunk(b"IHDR", &[&width[..], &height, &[self.depth, self.colour, 0, 0, self.interlace]].concat())
    }

    /// The rows before they are compressed: noise under changing filters.
    pub fn rows(&self) -> Vec<u8> {
        let samples = [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)];
        let bits = samples * u32::from(self.depth);
        let mut rows = Vec::new();
        let mut state = 0x5AFE_u32;
        let mut pass = |columns: u32, count: u32| {
            for row in 0..if columns > 0 { count } else { 0 } {
                rows.push((row % 5) as u8);
                for _ in 0..(columns * bits).div_ceil(8) {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    rows.push((state >> 24) as u8 & 0x3F);
                }
            }
        };
        if self.interlace == 0 {
            pass(self.width, self.height);
        } else {
            let (w, h) = (self.width, self.height);
            pass(w.div_ceil(8), h.div_ceil(8));
            pass((w + 3) / 8, h.div_ceil(8));
            pass(w.div_ceil(4), (h + 3) / 8);
            pass((w + 1) / 4, h.div_ceil(4));
            pass(w.div_ceil(2), (h + 1) / 4);
            pass(w / 2, h.div_ceil(2));
            pass(w, h / 2);
        }
        rows
    }

    /// Header, palette where there must be one, image data in one chunk, end.
    pub fn chunks(&self) -> Vec<Vec<u8>> {
        let mut chunks = vec![self.header()];
        if self.colour == 3 {
            let entries: Vec<u8> = (0..3u32 << self.depth).map(|byte| byte as u8).collect();
            chunks.push(chunk(b"PLTE", &entries));
        }
        chunks.push(chunk(b"IDAT", &zlib(&self.rows())));
        chunks.push(chunk(b"IEND", b""));
        chunks
    }
}

/// The smallest colour profile: a header and no tags.
pub fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 132];
    profile[3] = 132;
    profile[8..10].copy_from_slice(&[2, 0x10]);
    profile[12..24].copy_from_slice(&[b"mntr", &space[..], b"XYZ "].concat());
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&[0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D]);
    profile
}

/// An iCCP chunk.
pub fn iccp(name: &[u8], profile: &[u8]) -> Vec<u8> {
    chunk(b"iCCP", &[name, &[0, 0], &zlib(profile)].concat())
}

/// Chunks that are kept, in the order of the output.
pub fn kept() -> Vec<Vec<u8>> {
    vec![
        chunk(b"cICP", &[9, 16, 0, 1]),
        chunk(b"sRGB", &[0]),
        iccp(b"icc", &profile(b"RGB ")),
        chunk(b"gAMA", &45_455u32.to_be_bytes()),
        chunk(b"cHRM", &[0, 0, 0x7A, 0x26].repeat(8)),
        chunk(b"sBIT", &[5, 6, 5]),
        chunk(b"tRNS", &[0, 1, 0, 2, 0, 3]),
        chunk(b"pHYs", &[0, 0, 0x0B, 0x13, 0, 0, 0x0B, 0x13, 1]),
    ]
}

/// The chunks of a file by name and data.
pub fn walked(bytes: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut left = &bytes[8..];
    let mut found = Vec::new();
    while !left.is_empty() {
        let len = u32::from_be_bytes(left[..4].try_into().unwrap()) as usize;
        found.push((left[4..8].try_into().unwrap(), left[8..8 + len].to_vec()));
        left = &left[12 + len..];
    }
    found
}

/// An EXIF block as PNG has it.
pub fn exif(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    chunk(b"eXIf", &super::jpeg_writer::exif(entries, super::canary::MARK)[10..])
}
