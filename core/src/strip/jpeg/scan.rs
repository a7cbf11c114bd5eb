//! A scan: its header and its entropy-coded data (T.81 B.2.3, B.1.1.5).

use super::entropy::{self, Coding, HuffmanTable};
use super::tables::{AC, TableKind};
use super::{Body, Item, MAX_SCANS};
use crate::photo::jpeg::{Component, Frame, JpegError, RST0, RST7, SOS};
use crate::strip::{MAX_PIECES, StripError};
use std::ops::Range;

impl Body<'_> {
    /// Keeps a scan and the tables that it uses.
    pub(super) fn scan(&mut self) -> Result<(), StripError> {
        let frame = self.frame.ok_or(JpegError::NoFrame)?;
        if self.scans == MAX_SCANS {
            return Err(StripError::TooManyScans);
        }
        let start = self.segments.position().saturating_sub(2);
        let content = self.segments.content(SOS)?;
        let header = ScanHeader::parse(content, &frame)?;
        self.mark_tables(&header, &frame)?;
        self.mark_components(&header, &frame)?;
        if self.restart_interval != self.written_interval {
            self.push(Item::RestartInterval(self.restart_interval))?;
            self.written_interval = self.restart_interval;
        }
        self.scans += 1;
        let (len, mut gone) = self.entropy_coded(header.restarts(&frame, self.restart_interval))?;
        let fill: usize = gone.iter().map(ExactSizeIterator::len).sum();
        let covered = self.follow.covers(&frame, len - fill) && !self.lost;
        match covered.then(|| self.surplus(&frame, &header, len)).flatten() {
            Some(surplus) => {
                self.segments.stray += surplus.iter().map(ExactSizeIterator::len).sum::<usize>();
                gone.extend(surplus);
                gone.sort_unstable_by_key(|range| range.start);
            }
            // What this scan did to the coefficients is not known, and later ones depend on it.
            None => self.lost |= frame.progressive,
        }
        self.keep_scan(start, len, &gone)
    }

    /// A sequential picture codes each component once. Decoders show the first; a second one would be a picture of
    /// its own that nobody sees.
    fn mark_components(&mut self, header: &ScanHeader, frame: &Frame) -> Result<(), JpegError> {
        for (component, _) in header.components().filter(|_| !frame.progressive) {
            if self.coded.contains(&component.id) {
                return Err(JpegError::SecondScan);
            }
            self.coded.push(component.id);
        }
        Ok(())
    }

    /// What of the coded data belongs to no block; `None` where its codes cannot be followed.
    fn surplus(&mut self, frame: &Frame, header: &ScanHeader, len: usize) -> Option<Vec<Range<usize>>> {
        let mut coding = Coding::default();
        for ((dc, ac), (_, slots)) in coding.iter_mut().zip(header.components()) {
            // Those that the output has as well.
            [*dc, *ac] = header.tables(frame, slots).map(|slot| self.huffman(slot?));
        }
        let scan = entropy::Scan { frame, header, coding: &coding, restart_interval: self.restart_interval };
        let data = self.segments.rest().get(..len).unwrap_or_default();
        scan.surplus(data, &mut self.progress)
    }

    fn huffman(&self, slot: u8) -> Option<HuffmanTable> {
        let table = self.tables.get(TableKind::Huffman, slot, &self.items)?;
        HuffmanTable::parse(table.get(1..)?)
    }

    /// Keeps the scan that begins with its header at `start` and has `len` bytes of coded data, but for the
    /// stretches of these that are `gone`.
    fn keep_scan(&mut self, mut start: usize, len: usize, gone: &[Range<usize>]) -> Result<(), StripError> {
        let base = self.segments.position();
        for range in gone {
            let kept = self.segments.walked(start, base + range.start);
            if !kept.is_empty() {
                self.push(Item::Bytes(kept))?;
            }
            start = base + range.end;
        }
        let kept = self.segments.walked(start, base + len);
        self.segments.skip(len);
        if kept.is_empty() { Ok(()) } else { self.push(Item::Bytes(kept)) }
    }

    fn mark_tables(&mut self, header: &ScanHeader, frame: &Frame) -> Result<(), JpegError> {
        // The first scan fixes what decoders need at the start: every component's quantisation table.
        let of_frame = frame.components().iter().copied().filter(|_| self.scans == 0);
        let of_scan = header.components().map(|(component, _)| component);
        for component in of_frame.chain(of_scan) {
            let slot = component.quantisation_table;
            if !self.tables.mark(TableKind::Quantisation, slot, &mut self.items) {
                return Err(JpegError::Table);
            }
        }
        for (_, slots) in header.components() {
            // A missing Huffman table is none of our business: Motion JPEG leaves out the standard ones.
            for slot in header.tables(frame, slots).into_iter().flatten() {
                self.tables.mark(TableKind::Huffman, slot, &mut self.items);
            }
        }
        Ok(())
    }

    /// The length of the coded data up to the next marker, and the fill bytes in it, which go.
    /// `restarts` is how many restart markers the picture has room for.
    ///
    /// What follows a restart marker too many goes as well: no decoder looks at it, and some cameras write one.
    fn entropy_coded(&self, restarts: Option<u64>) -> Result<(usize, Vec<Range<usize>>), StripError> {
        let data = self.segments.rest();
        let mut fills = Vec::new();
        let mut seen = 0;
        let mut from = 0;
        loop {
            from += skip_ordinary(data.get(from..).unwrap_or_default(), restarts, &mut seen);
            let rest = data.get(from..).unwrap_or_default();
            let at = from + find_marker(rest).ok_or(JpegError::CutOff)?;
            let marked = data.get(at..).unwrap_or_default();
            let fill = marked.iter().take_while(|byte| **byte == 0xFF).count();
            match *marked.get(fill).ok_or(JpegError::CutOff)? {
                // Stuffing behind fill bytes, or a marker that stands nowhere: lost data looks like this.
                0..=0xBF => return Err(JpegError::ScanData.into()),
                RST0..=RST7 if !Self::restart_is_surplus(restarts, &mut seen)? => {
                    from = at + fill + 1;
                    if fill > 1 {
                        if fills.len() == MAX_PIECES {
                            return Err(StripError::TooManyPieces);
                        }
                        fills.push(at..from - 2);
                    }
                }
                _ => return Ok((at, fills)),
            }
        }
    }

    /// Counts a restart marker. One in a scan without restart interval is damage: decoders disagree
    /// about what they show then.
    fn restart_is_surplus(room: Option<u64>, seen: &mut u64) -> Result<bool, JpegError> {
        let room = room.ok_or(JpegError::ScanData)?;
        *seen += 1;
        Ok(*seen > room)
    }
}

/// Skips what holds nothing but scan data, stuffed bytes and restart markers that have room; counts these.
///
/// This is what stripping costs. A photograph has a stuffed byte every few hundred bytes, too often to stop
/// at each: blocks are looked at without a branch, which compilers turn into vector instructions. Restart
/// markers are rarer, so only a block that holds a marker of some kind is looked at for them.
fn skip_ordinary(data: &[u8], room: Option<u64>, seen: &mut u64) -> usize {
    const BLOCK: usize = 128;
    let followers = data.get(1..).unwrap_or_default();
    let mut skipped = 0;
    for (block, next) in data.chunks_exact(BLOCK).zip(followers.chunks_exact(BLOCK)) {
        let mut markers = 0u8;
        for (byte, next) in block.iter().zip(next) {
            markers |= u8::from(*byte == 0xFF) & u8::from(*next != 0);
        }
        if markers > 0 {
            let Some(restarts) = restarts_alone(block, next) else {
                break;
            };
            if *seen + restarts > room.unwrap_or(0) {
                break;
            }
            *seen += restarts;
        }
        skipped += BLOCK;
    }
    skipped
}

/// How many restart markers begin in `block`; `None` if another marker or a fill byte does. `next` is the
/// block one byte further on.
fn restarts_alone(block: &[u8], next: &[u8]) -> Option<u64> {
    let mut restarts = 0u8;
    let mut others = 0u8;
    for (byte, next) in block.iter().zip(next) {
        let marked = u8::from(*byte == 0xFF);
        let restart = u8::from(next & !7 == RST0);
        // Wrapping, since a check for overflow would be the branch. A block holds too few to wrap.
        restarts = restarts.wrapping_add(marked & restart);
        others |= marked & !restart & u8::from(*next != 0);
    }
    (others == 0).then_some(u64::from(restarts))
}

/// The first 0xFF that is no stuffed byte, so that a marker or its fill bytes begin there.
pub(super) fn find_marker(data: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xFF, data).find(|at| data.get(at + 1).is_some_and(|next| *next != 0))
}

/// The scan header (T.81 B.2.3).
pub(super) struct ScanHeader {
    listed: [Option<(Component, u8)>; 4],
    pub(super) first_coefficient: u8,
    pub(super) last_coefficient: u8,
    /// The bit position of an earlier scan, if there was one, and of this one.
    pub(super) approximation: u8,
}

impl ScanHeader {
    fn parse(content: &[u8], frame: &Frame) -> Result<Self, JpegError> {
        let (count, rest) = content.split_first().ok_or(JpegError::Scan)?;
        let count = usize::from(*count);
        let (selectors, last) = rest.split_at_checked(count * 2).ok_or(JpegError::Scan)?;
        let &[first_coefficient, last_coefficient, approximation] = last else {
            return Err(JpegError::Scan);
        };
        let mut listed = [None; 4];
        if !(1..=listed.len()).contains(&count) {
            return Err(JpegError::Scan);
        }
        for (place, selector) in listed.iter_mut().zip(selectors.chunks_exact(2)) {
            let &[id, slots] = selector else {
                return Err(JpegError::Scan);
            };
            let found = frame.components().iter().find(|component| component.id == id);
            if slots >> 4 > 3 || slots & 0x0F > 3 {
                return Err(JpegError::Scan);
            }
            *place = Some((*found.ok_or(JpegError::Scan)?, slots));
        }
        // T.81 G.1.1.1: DC alone, or a band of AC of one component. Decoders refuse others, or guess.
        let sound = match first_coefficient {
            0 => last_coefficient == 0,
            first => (first..64).contains(&last_coefficient) && count == 1,
        };
        if frame.progressive && !sound {
            return Err(JpegError::Scan);
        }
        Ok(ScanHeader { listed, first_coefficient, last_coefficient, approximation })
    }

    pub(super) fn components(&self) -> impl Iterator<Item = (Component, u8)> {
        self.listed.iter().flatten().copied()
    }

    /// The slots of the DC and the AC table that a component of this scan uses.
    fn tables(&self, frame: &Frame, slots: u8) -> [Option<u8>; 2] {
        let dc = self.first_coefficient == 0 || !frame.progressive;
        let ac = self.last_coefficient > 0 || !frame.progressive;
        [dc.then_some(slots >> 4), ac.then_some((slots & 0x0F) + AC)]
    }

    /// How many restart markers fit between the scan's intervals (T.81 A.2); `None` without interval.
    fn restarts(&self, frame: &Frame, interval: u16) -> Option<u64> {
        let interval = u64::from(interval);
        (interval > 0).then(|| self.units(frame).div_ceil(interval).saturating_sub(1))
    }

    /// The scan's number of minimum coded units.
    pub(super) fn units(&self, frame: &Frame) -> u64 {
        let all = frame.components();
        let widest = all.iter().map(|c| u64::from(c.horizontal)).max().unwrap_or(1);
        let tallest = all.iter().map(|c| u64::from(c.vertical)).max().unwrap_or(1);
        let (width, height) = (u64::from(frame.width), u64::from(frame.height));
        let mut scanned = self.components();
        match (scanned.next(), scanned.next()) {
            // One component alone: its own blocks, without the padding to whole units.
            (Some((component, _)), None) => {
                let columns = (width * u64::from(component.horizontal)).div_ceil(widest);
                let rows = (height * u64::from(component.vertical)).div_ceil(tallest);
                columns.div_ceil(8) * rows.div_ceil(8)
            }
            _ => width.div_ceil(8 * widest) * height.div_ceil(8 * tallest),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation, reason = "a test's lengths are small")]

    use super::*;

    fn frame(width: u16, height: u16, samplings: &[u8]) -> Frame {
        let [h1, h0] = height.to_be_bytes();
        let [w1, w0] = width.to_be_bytes();
        let mut content = vec![8, h1, h0, w1, w0, samplings.len() as u8];
        for (id, sampling) in samplings.iter().enumerate() {
            content.extend([id as u8 + 1, *sampling, 0]);
        }
        Frame::parse(0xC0, &content).unwrap()
    }

    #[test]
    fn markers_are_found_wherever_they_stand() {
        for len in [0, 1, 2, 127, 128, 129, 300] {
            let mut data = vec![7; len];
            assert_eq!(find_marker(&data), None);
            for at in 0..len {
                data[at] = 0xFF;
                assert_eq!(find_marker(&data), (at + 1 < len).then_some(at), "{at} of {len}");
                if at + 1 < len {
                    data[at + 1] = 0;
                    assert_eq!(find_marker(&data), None, "stuffed at {at} of {len}");
                    data[at + 1] = 7;
                }
                data[at] = 7;
            }
        }
    }

    #[test]
    fn blocks_are_skipped_only_up_to_what_needs_a_look() {
        for at in 0..600 {
            for (pair, room, must_stop) in [
                ([0xFF, 0], None, false),
                ([0xFF, RST0], Some(1), false),
                ([0xFF, RST7], Some(0), true),
                ([0xFF, RST0], None, true),
                ([0xFF, 0xFF], Some(9), true),
                ([0xFF, 0xD9], Some(9), true),
                ([0xFF, 0xC8], Some(9), true),
                ([0xFF, 0x01], Some(9), true),
            ] {
                let mut data = vec![0xD0; 700];
                data[at..at + 2].copy_from_slice(&pair);
                let mut seen = 0;
                let skipped = skip_ordinary(&data, room, &mut seen);
                let restart = pair[1] & !7 == RST0 && !must_stop;
                assert!(skipped <= at || !must_stop, "{pair:X?} at {at} is skipped");
                assert!(skipped + 256 > if must_stop { at } else { data.len() });
                assert_eq!(seen, u64::from(restart && at < skipped), "{pair:X?} at {at}");
            }
        }
    }

    #[test]
    fn units_follow_the_sampling() {
        let frame = frame(35, 17, &[0x22, 0x11, 0x11]);
        let interleaved = ScanHeader::parse(&[3, 1, 0, 2, 0, 3, 0, 0, 63, 0], &frame).unwrap();
        assert_eq!(interleaved.units(&frame), 3 * 2);
        let luma = ScanHeader::parse(&[1, 1, 0, 0, 63, 0], &frame).unwrap();
        assert_eq!(luma.units(&frame), 5 * 3);
        let chroma = ScanHeader::parse(&[1, 2, 0, 0, 63, 0], &frame).unwrap();
        assert_eq!(chroma.units(&frame), 3 * 2);
        assert_eq!(chroma.restarts(&frame, 0), None);
        assert_eq!(chroma.restarts(&frame, 6), Some(0));
        assert_eq!(chroma.restarts(&frame, 4), Some(1));
        assert_eq!(chroma.restarts(&frame, 1), Some(5));
    }

    #[test]
    fn a_grey_picture_has_units_of_one_block_whatever_its_sampling_says() {
        let frame = frame(17, 17, &[0x22]);
        let scan = ScanHeader::parse(&[1, 1, 0, 0, 63, 0], &frame).unwrap();
        assert_eq!(scan.units(&frame), 9);
    }

    #[test]
    fn scan_headers_that_do_not_fit_are_refused() {
        let frame = frame(8, 8, &[0x11]);
        for content in [
            &[][..],
            &[0, 0, 63, 0],
            &[1, 2, 0, 0, 63, 0],
            &[1, 1, 0x40, 0, 63, 0],
            &[1, 1, 0, 0, 63],
            &[1, 1, 0, 0, 63, 0, 0],
            &[5, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 63, 0],
        ] {
            assert_eq!(ScanHeader::parse(content, &frame).err(), Some(JpegError::Scan));
        }
    }
}
