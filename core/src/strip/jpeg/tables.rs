//! Quantisation and Huffman tables (T.81 B.2.4), table by table.

use super::Item;
use crate::photo::jpeg::{DHT, DQT, JpegError};

/// The kinds of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    Quantisation,
    Huffman,
}

impl TableKind {
    pub(super) fn marker(self) -> u8 {
        match self {
            TableKind::Quantisation => DQT,
            TableKind::Huffman => DHT,
        }
    }
}

/// Slot and length of the table at the start of `bytes`.
///
/// The slot of a Huffman table counts DC tables from 0 and AC tables from [`AC`].
pub(super) fn measure(kind: TableKind, bytes: &[u8]) -> Result<(u8, usize), JpegError> {
    let (first, rest) = bytes.split_first().ok_or(JpegError::Table)?;
    let (class, slot) = (first >> 4, first & 0x0F);
    if class > 1 || slot > 3 {
        return Err(JpegError::Table);
    }
    match kind {
        TableKind::Quantisation => Ok((slot, 1 + 64 * (usize::from(class) + 1))),
        TableKind::Huffman => {
            let counts = rest.first_chunk::<16>().ok_or(JpegError::Table)?;
            let symbols: usize = counts.iter().map(|count| usize::from(*count)).sum();
            if symbols > 256 {
                return Err(JpegError::Table);
            }
            Ok((slot + class * AC, 1 + 16 + symbols))
        }
    }
}

/// Where the slots of AC tables begin.
pub(super) const AC: u8 = 4;

/// Which item each slot holds now.
#[derive(Default)]
pub(super) struct Tables {
    quantisation: [Option<usize>; 4],
    huffman: [Option<usize>; 8],
}

impl Tables {
    /// A table takes its slot; the one that was there is no longer reachable.
    pub(super) fn bind(&mut self, kind: TableKind, slot: u8, item: usize) {
        if let Some(bound) = self.slots(kind).get_mut(usize::from(slot)) {
            *bound = Some(item);
        }
    }

    /// Marks the table in a slot as used by a scan. False when the slot is empty.
    pub(super) fn mark(&mut self, kind: TableKind, slot: u8, items: &mut [Item<'_>]) -> bool {
        let bound = self.slots(kind).get(usize::from(slot)).copied().flatten();
        match bound.and_then(|item| items.get_mut(item)) {
            Some(Item::Table { used, .. }) => {
                *used = true;
                true
            }
            _ => false,
        }
    }

    /// The table in a slot, with the byte that names the slot.
    pub(super) fn get<'a>(&self, kind: TableKind, slot: u8, items: &[Item<'a>]) -> Option<&'a [u8]> {
        let slots: &[Option<usize>] = match kind {
            TableKind::Quantisation => &self.quantisation,
            TableKind::Huffman => &self.huffman,
        };
        match slots.get(usize::from(slot)).copied().flatten().and_then(|item| items.get(item)) {
            Some(Item::Table { bytes, .. }) => Some(bytes),
            _ => None,
        }
    }

    fn slots(&mut self, kind: TableKind) -> &mut [Option<usize>] {
        match kind {
            TableKind::Quantisation => &mut self.quantisation,
            TableKind::Huffman => &mut self.huffman,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_measured() {
        assert_eq!(measure(TableKind::Quantisation, &[0x02]), Ok((2, 65)));
        assert_eq!(measure(TableKind::Quantisation, &[0x13]), Ok((3, 129)));
        assert_eq!(measure(TableKind::Quantisation, &[0x21]), Err(JpegError::Table));
        assert_eq!(measure(TableKind::Quantisation, &[0x04]), Err(JpegError::Table));
        let mut huffman = [0u8; 17];
        huffman[0] = 0x11;
        huffman[3] = 5;
        huffman[16] = 2;
        assert_eq!(measure(TableKind::Huffman, &huffman), Ok((5, 24)));
        huffman[1] = 255;
        assert_eq!(measure(TableKind::Huffman, &huffman), Err(JpegError::Table));
        assert_eq!(measure(TableKind::Huffman, &huffman[..16]), Err(JpegError::Table));
        assert_eq!(measure(TableKind::Huffman, &[]), Err(JpegError::Table));
    }
}
