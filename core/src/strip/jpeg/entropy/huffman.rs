//! Huffman tables (T.81 annex C), as far as following codes needs them.

use super::bits::Bits;

/// Codes up to this length are looked up at once.
const SHORT: u32 = 9;

/// A table, ready to decode.
pub(in crate::strip::jpeg) struct HuffmanTable {
    /// For the next [`SHORT`] bits: length of the code, or 0 for a longer one, and its symbol.
    short: Vec<(u8, u8)>,
    /// For each length from 1: the first code that is longer, aligned to 16 bits, and what to add to a code of this
    /// length to find its symbol.
    long: [(u32, i32); 16],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// Reads a table without the byte that names its slot. `None` for lengths that are no code.
    pub(in crate::strip::jpeg) fn parse(bytes: &[u8]) -> Option<Self> {
        let (counts, symbols) = bytes.split_first_chunk::<16>()?;
        let mut short = vec![(0, 0); 1 << SHORT];
        let mut long = [(0, 0); 16];
        let (mut code, mut index) = (0u32, 0usize);
        for ((length, count), bound) in (1u32..).zip(counts).zip(&mut long) {
            let first = index;
            let offset = i32::try_from(index).ok()? - i32::try_from(code).ok()?;
            for _ in 0..*count {
                if length <= SHORT {
                    let from = (code << (SHORT - length)) as usize;
                    let entry = (u8::try_from(length).ok()?, *symbols.get(index)?);
                    short.get_mut(from..from + (1 << (SHORT - length)))?.fill(entry);
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length || index > symbols.len() {
                return None;
            }
            *bound = (if index > first { code << (16 - length) } else { 0 }, offset);
            code <<= 1;
        }
        Some(HuffmanTable { short, long, symbols: symbols.to_vec() })
    }

    /// The next symbol. `None` where the bits are none of the codes.
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let next = bits.peek();
        let (length, symbol) = *self.short.get(usize::from(next >> (16 - SHORT)))?;
        if length > 0 {
            bits.skip(u32::from(length))?;
            return Some(symbol);
        }
        let next = u32::from(next);
        let (length, (_, offset)) =
            (1u32..).zip(&self.long).skip(SHORT as usize).find(|(_, (bound, _))| next < *bound)?;
        bits.skip(length)?;
        let index = i32::try_from(next >> (16 - length)).ok()? + offset;
        self.symbols.get(usize::try_from(index).ok()?).copied()
    }
}
