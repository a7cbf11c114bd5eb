//! Bits of entropy-coded data, stuffed bytes taken out (T.81 B.1.1.5).

/// The most bits that are asked for at once.
const MOST: u32 = 16;

/// Reads up to the first marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Behind the last byte that is in the buffer.
    at: usize,
    /// The next bits, from the top.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Bits { data, at: 0, buffer: 0, count: 0 }
    }

    /// The next 16 bits, with zeros where there are no more.
    pub(super) fn peek(&mut self) -> u16 {
        if self.count < MOST {
            self.fill();
        }
        u16::try_from(self.buffer >> 48).unwrap_or_default()
    }

    /// Passes over at most [`MOST`] bits. `None` where there are not so many.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        if count > MOST {
            return None;
        }
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count)?;
        self.buffer <<= count;
        Some(())
    }

    /// Reads at most [`MOST`] bits as a number.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        let value = u32::from(self.peek()) >> MOST.checked_sub(count)?;
        self.skip(count)?;
        Some(value)
    }

    /// How many bytes the bits that were read lie in.
    pub(super) fn position(&self) -> usize {
        let mut at = self.at;
        // Whole bytes that were read ahead; a zero behind 0xFF is stuffing and goes with it.
        for _ in 0..self.count / 8 {
            let stuffed = at >= 2 && self.data.get(at - 2..at) == Some(&[0xFF, 0]);
            at -= if stuffed { 2 } else { 1 };
        }
        at
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let len = match self.data.get(self.at..) {
                Some([0xFF, 0, ..]) => 2,
                Some([0xFF, ..]) | Some([]) | None => return,
                Some(_) => 1,
            };
            let byte = self.data.get(self.at).copied().unwrap_or_default();
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.at += len;
        }
    }
}
