//! Writes small JPEGs whose every block has its own brightness, of any sampling and restart interval.

use super::pieces::segment;

/// A JPEG as a list that a test can change before it is written.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Tables, frame header, restart interval: everything before the scan.
    pub head: Vec<Vec<u8>>,
    /// The scan header and its data.
    pub scan: Vec<u8>,
}

impl Picture {
    /// The first scan of a progressive picture: its frame header says so, and its scan codes DC alone.
    pub fn progressive(&self) -> Self {
        let mut picture = self.clone();
        if let Some(frame) = picture.head.iter_mut().find(|segment| segment.starts_with(&[0xFF, 0xC0])) {
            frame[1] = 0xC2;
        }
        let first = 5 + 2 * usize::from(picture.scan[4]);
        picture.scan[first + 1] = 0;
        picture
    }

    /// Concatenates; `between` is written in front of every segment, the scan and the end.
    pub fn to_vec(&self, between: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8];
        for (at, segment) in self.head.iter().chain([&self.scan]).enumerate() {
            bytes.extend(between(at));
            bytes.extend_from_slice(segment);
        }
        bytes.extend(between(self.head.len() + 1));
        bytes.extend([0xFF, 0xD9]);
        bytes
    }
}

/// An EXIF segment of one directory whose entries are (tag, type, count, value or offset).
pub fn exif(entries: &[(u16, u16, u32, u32)], extra: &[u8]) -> Vec<u8> {
    let mut content = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    content.extend((entries.len() as u16).to_le_bytes());
    for (tag, format, count, value) in entries {
        content.extend(tag.to_le_bytes());
        content.extend(format.to_le_bytes());
        content.extend(count.to_le_bytes());
        content.extend(value.to_le_bytes());
    }
    content.extend([0; 4]);
    content.extend_from_slice(extra);
    segment(0xE1, &content)
}

/// A baseline picture: one component per sampling factor, `interval` units between restart markers.
pub fn picture(width: u16, height: u16, samplings: &[u8], interval: u16, seed: u64) -> Picture {
    let mut head = vec![segment(0xDB, &[&[0u8][..], &[8; 64]].concat())];
    let mut frame = vec![8];
    frame.extend(height.to_be_bytes());
    frame.extend(width.to_be_bytes());
    frame.push(samplings.len() as u8);
    let mut scan = vec![samplings.len() as u8];
    for (id, sampling) in (1..).zip(samplings) {
        frame.extend([id, *sampling, 0]);
        scan.extend([id, 0]);
    }
    scan.extend([0, 63, 0]);
    head.push(segment(0xC0, &frame));
    // DC: "0" is no difference, "10" three bits of difference. AC: "0" ends the block.
    let dc = [&[0x00, 1, 1][..], &[0; 14], &[0, 3]].concat();
    let ac = [&[0x10, 1][..], &[0; 15], &[0]].concat();
    head.push(segment(0xC4, &[dc, ac].concat()));
    if interval > 0 {
        head.push(segment(0xDD, &interval.to_be_bytes()));
    }
    let widest = samplings.iter().map(|s| u32::from(s >> 4)).max().unwrap();
    let tallest = samplings.iter().map(|s| u32::from(s & 15)).max().unwrap();
    let (units, blocks) = if samplings.len() == 1 {
        (u32::from(width).div_ceil(8) * u32::from(height).div_ceil(8), 1)
    } else {
        let units = u32::from(width).div_ceil(8 * widest) * u32::from(height).div_ceil(8 * tallest);
        (units, samplings.iter().map(|s| u32::from(s >> 4) * u32::from(s & 15)).sum())
    };
    let mut bits = Bits { bytes: segment(0xDA, &scan), ..Bits::default() };
    let mut state = seed | 1;
    for unit in 0..units {
        if interval > 0 && unit > 0 && unit % u32::from(interval) == 0 {
            bits.restart();
        }
        for _ in 0..blocks {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match (state >> 40) % 9 {
                0 => bits.push(0, 1),
                value => bits.push(0b10_000 | (value as u32 - 1), 5),
            }
            bits.push(0, 1);
        }
    }
    bits.flush();
    Picture { head, scan: bits.bytes }
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
    restarts: u8,
}

impl Bits {
    fn push(&mut self, value: u32, len: u32) {
        for bit in (0..len).rev() {
            self.held = self.held << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.held as u8);
                if self.held as u8 == 0xFF {
                    self.bytes.push(0);
                }
                (self.held, self.count) = (0, 0);
            }
        }
    }

    fn flush(&mut self) {
        while self.count > 0 {
            self.push(1, 1);
        }
    }

    fn restart(&mut self) {
        self.flush();
        self.bytes.extend([0xFF, 0xD0 + self.restarts]);
        self.restarts = (self.restarts + 1) % 8;
    }
}
