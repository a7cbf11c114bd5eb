//! Progressive scans (T.81 annex G). What later scans of a component add to depends on which of its
//! coefficients are zero so far, so that much is remembered.

use super::super::scan::ScanHeader;
use super::bits::Bits;
use super::huffman::HuffmanTable;

/// A DC and an AC table, as far as they are there.
type Pair<'t> = (Option<&'t HuffmanTable>, Option<&'t HuffmanTable>);

/// Which coefficients are not zero: for each component, by its id, a bit for each coefficient of each block.
#[derive(Default)]
pub(in crate::strip::jpeg) struct Progress {
    components: Vec<(u8, Vec<u64>)>,
}

impl Progress {
    /// One block of a scan. `run` counts the blocks of which it is known that they end at once.
    pub(super) fn block(
        &mut self,
        scan: &ScanHeader,
        component: u8,
        number: u64,
        (dc, ac): Pair<'_>,
        bits: &mut Bits<'_>,
        run: &mut u32,
    ) -> Option<()> {
        let refines = scan.approximation >> 4 > 0;
        if scan.first_coefficient == 0 {
            return if refines { bits.skip(1) } else { dc?.decode(bits).and_then(|size| bits.skip(u32::from(size))) };
        }
        let known = self.known(component, usize::try_from(number).ok()?)?;
        let band = u32::from(scan.first_coefficient)..=u32::from(scan.last_coefficient.min(63));
        if refines { refine(band, known, ac?, bits, run) } else { first(band, known, ac?, bits, run) }
    }

    fn known(&mut self, component: u8, block: usize) -> Option<&mut u64> {
        let at = match self.components.iter().position(|(id, _)| *id == component) {
            Some(at) => at,
            None => {
                self.components.push((component, Vec::new()));
                self.components.len() - 1
            }
        };
        let (_, blocks) = self.components.get_mut(at)?;
        if block >= blocks.len() {
            blocks.resize(block + 1, 0);
        }
        blocks.get_mut(block)
    }
}

type Band = std::ops::RangeInclusive<u32>;

/// The first scan of a band (T.81 G.1.2.2).
fn first(band: Band, known: &mut u64, ac: &HuffmanTable, bits: &mut Bits<'_>, run: &mut u32) -> Option<()> {
    if *run > 0 {
        *run -= 1;
        return Some(());
    }
    let mut place = *band.start();
    while place <= *band.end() {
        let code = ac.decode(bits)?;
        let (zeros, size) = (u32::from(code >> 4), u32::from(code & 15));
        if size == 0 && zeros < 15 {
            *run = (1 << zeros) - 1 + bits.read(zeros)?;
            return Some(());
        }
        place += zeros;
        if size > 0 {
            bits.skip(size)?;
            *known |= 1u64.checked_shl(place)?;
        }
        place += 1;
    }
    Some(())
}

/// A further scan of a band (T.81 G.1.2.3): a bit for each coefficient that is not zero, between the new ones.
fn refine(band: Band, known: &mut u64, ac: &HuffmanTable, bits: &mut Bits<'_>, run: &mut u32) -> Option<()> {
    let mut place = *band.start();
    while *run == 0 && place <= *band.end() {
        let code = ac.decode(bits)?;
        let (mut zeros, size) = (u32::from(code >> 4), code & 15);
        if size == 0 && zeros < 15 {
            *run = (1 << zeros) + bits.read(zeros)?;
            break;
        }
        if size > 0 {
            bits.skip(1)?;
        }
        while place <= *band.end() {
            if *known >> place & 1 == 1 {
                bits.skip(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            place += 1;
        }
        if size > 0 && place <= *band.end() {
            *known |= 1 << place;
        }
        place += 1;
    }
    if *run > 0 {
        *run -= 1;
        let rest = (place..=*band.end()).filter(|place| *known >> place & 1 == 1).count();
        (0..rest).try_for_each(|_| bits.skip(1))?;
    }
    Some(())
}
