//! Where the coded data of a scan really ends (T.81 annexes F and G).
//!
//! Between the last block and the next marker anything can lie, and no decoder looks at it. Nothing but the
//! Huffman codes tells where the last block ends, so they are followed here, to no other result.

mod bits;
mod huffman;
mod progress;

use std::ops::Range;

use super::scan::ScanHeader;
use crate::photo::jpeg::{Frame, RST0, RST7};
use crate::strip::MAX_PIECES;
use bits::Bits;
pub(super) use huffman::HuffmanTable;
pub(super) use progress::Progress;

/// The tables of a scan: for each component of it the DC and the AC table, as far as they are there.
pub(super) type Coding = [(Option<HuffmanTable>, Option<HuffmanTable>); 4];

/// A scan whose codes are followed.
pub(super) struct Scan<'s> {
    pub(super) frame: &'s Frame,
    pub(super) header: &'s ScanHeader,
    pub(super) coding: &'s Coding,
    /// Units between two restart markers; 0 without any.
    pub(super) restart_interval: u16,
}

impl Scan<'_> {
    /// The stretches of `data` that belong to no block. `data` reaches to the marker behind the scan.
    ///
    /// More stretches than there may be pieces are not all looked for. `None` where the codes cannot be followed to the last block: what decoders show then is not known.
    pub(super) fn surplus(&self, data: &[u8], progress: &mut Progress) -> Option<Vec<Range<usize>>> {
        let mut surplus = Vec::new();
        let mut left = self.header.units(self.frame);
        let interval = if self.restart_interval == 0 { left } else { u64::from(self.restart_interval) };
        let mut from = 0;
        let mut unit = 0;
        while left > 0 {
            let mut bits = Bits::new(data.get(from..)?);
            let count = interval.min(left);
            let mut run = 0;
            for _ in 0..count {
                self.unit(unit, &mut bits, &mut run, progress)?;
                unit += 1;
            }
            left -= count;
            let end = from + bits.position();
            let marker = next_marker(data, end);
            if end < marker {
                surplus.push(end..marker);
            }
            if surplus.len() > MAX_PIECES {
                return Some(surplus);
            }
            if left == 0 {
                // A restart marker behind the last block has been cut off before.
                return (marker == data.len()).then_some(surplus);
            }
            let rest = data.get(marker..)?;
            let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
            if !(RST0..=RST7).contains(rest.get(fill)?) {
                return None;
            }
            from = marker + fill + 1;
        }
        Some(surplus)
    }

    /// One minimum coded unit.
    fn unit(&self, number: u64, bits: &mut Bits<'_>, run: &mut u32, progress: &mut Progress) -> Option<()> {
        let alone = self.header.components().count() == 1;
        for ((component, _), (dc, ac)) in self.header.components().zip(self.coding) {
            let blocks = if alone { 1 } else { u32::from(component.horizontal) * u32::from(component.vertical) };
            for _ in 0..blocks {
                if self.frame.progressive {
                    progress.block(self.header, component.id, number, (dc.as_ref(), ac.as_ref()), bits, run)?;
                } else {
                    sequential(dc.as_ref()?, ac.as_ref()?, bits)?;
                }
            }
        }
        Some(())
    }
}

/// One block of a sequential scan (T.81 F.2.2).
fn sequential(dc: &HuffmanTable, ac: &HuffmanTable, bits: &mut Bits<'_>) -> Option<()> {
    let size = dc.decode(bits)?;
    bits.skip(u32::from(size))?;
    let mut place = 1;
    while place < 64 {
        let code = ac.decode(bits)?;
        let (zeros, size) = (u32::from(code >> 4), u32::from(code & 15));
        if size == 0 {
            if zeros < 15 {
                break;
            }
            place += 16;
            continue;
        }
        bits.skip(size)?;
        place += zeros + 1;
    }
    (place <= 64).then_some(())
}

/// Where the next marker or its fill bytes begin, from `from` on; the end where there is none.
fn next_marker(data: &[u8], from: usize) -> usize {
    let rest = data.get(from..).unwrap_or_default();
    super::scan::find_marker(rest).map_or(data.len(), |at| from + at)
}

#[cfg(test)]
mod tests;
