//! Plaintext that lies in several slices, read as if it were one.

/// Borrowed slices in their order, none empty.
pub(super) struct Pieces<'a> {
    /// Each with the offset at which it starts.
    pieces: Vec<(usize, &'a [u8])>,
    len: usize,
}

impl<'a> Pieces<'a> {
    /// `None` if the slices are together longer than memory.
    pub(super) fn new(parts: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut len = 0usize;
        let mut pieces = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            pieces.push((len, part));
            len = len.checked_add(part.len())?;
        }
        Some(Self { pieces, len })
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The `len` bytes from `at` on, in the slices in which they lie.
    pub(super) fn range(&self, at: usize, len: usize) -> impl Iterator<Item = &'a [u8]> {
        let first = self.pieces.partition_point(|(start, piece)| start + piece.len() <= at);
        let mut at = at;
        let mut left = len;
        self.pieces.get(first..).unwrap_or_default().iter().map_while(move |(start, piece)| {
            let piece = piece.get(at.checked_sub(*start)?..)?;
            let piece = piece.get(..left).unwrap_or(piece);
            at += piece.len();
            left -= piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_same_however_the_slices_are_cut() {
        let whole: Vec<u8> = (0..40).collect();
        for cuts in [vec![], vec![1], vec![20], vec![0, 0, 7, 7, 39, 40], (0..40).collect()] {
            let mut rest = whole.as_slice();
            let mut parts = Vec::new();
            let mut done = 0;
            for cut in cuts {
                let (front, back) = rest.split_at(cut - done);
                parts.push(front);
                (rest, done) = (back, cut);
            }
            parts.push(rest);
            let pieces = Pieces::new(parts.into_iter()).unwrap();
            assert_eq!(pieces.len(), 40);
            for at in 0..=40 {
                for len in 0..=40 - at {
                    let range: Vec<u8> = pieces.range(at, len).flatten().copied().collect();
                    assert_eq!(range, &whole[at..at + len]);
                }
            }
        }
    }
}
