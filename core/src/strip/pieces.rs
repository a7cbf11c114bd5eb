//! A file as slices of the camera's buffer and a few rebuilt bytes between them.

use super::StripError;

/// The most pieces that a stripped picture may consist of. It bounds the memory that stripping takes.
pub const MAX_PIECES: usize = 1024;

/// The rebuilt file, in order.
#[derive(Default)]
pub(super) struct Pieces<'a> {
    pieces: Vec<Piece<'a>>,
    built: Vec<u8>,
    len: usize,
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    /// A slice of the camera's buffer.
    Borrowed(&'a [u8]),
    /// `len` bytes from `start` of the rebuilt ones.
    Built { start: u32, len: u32 },
}

impl<'a> Pieces<'a> {
    /// Appends a slice of the camera's buffer.
    pub(super) fn borrow(&mut self, bytes: &'a [u8]) -> Result<(), StripError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.len += bytes.len();
        self.push(Piece::Borrowed(bytes))
    }

    /// Appends rebuilt bytes.
    pub(super) fn build(&mut self, bytes: &[u8]) -> Result<(), StripError> {
        let too_many = |_| StripError::TooManyPieces;
        let start = u32::try_from(self.built.len()).map_err(too_many)?;
        let added = u32::try_from(bytes.len()).map_err(too_many)?;
        self.built.extend_from_slice(bytes);
        self.len += bytes.len();
        if let Some(Piece::Built { len, .. }) = self.pieces.last_mut() {
            *len += added;
            return Ok(());
        }
        self.push(Piece::Built { start, len: added })
    }

    /// Appends a stretch of another file: borrowed bytes stay borrowed.
    pub(super) fn append(&mut self, other: &Pieces<'a>, from: usize, len: usize) -> Result<(), StripError> {
        let mut start = 0;
        for piece in &other.pieces {
            let piece_len = other.bytes(piece).len();
            let (first, end) = (from.max(start), (from + len).min(start + piece_len));
            if first < end {
                let range = first - start..end - start;
                match *piece {
                    Piece::Borrowed(bytes) => self.borrow(bytes.get(range).unwrap_or_default())?,
                    Piece::Built { .. } => {
                        self.build(other.bytes(piece).get(range).unwrap_or_default())?;
                    }
                }
            }
            start += piece_len;
        }
        Ok(())
    }

    /// Length of the whole in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.pieces.iter().map(|piece| self.bytes(piece))
    }

    fn bytes<'s>(&'s self, piece: &Piece<'s>) -> &'s [u8] {
        match *piece {
            Piece::Borrowed(bytes) => bytes,
            Piece::Built { start, len } => {
                let (start, len) = (start as usize, len as usize);
                self.built.get(start..start + len).unwrap_or_default()
            }
        }
    }

    fn push(&mut self, piece: Piece<'a>) -> Result<(), StripError> {
        if self.pieces.len() == MAX_PIECES {
            return Err(StripError::TooManyPieces);
        }
        self.pieces.push(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_in_order_and_neighbours_join() {
        let buffer = *b"0123456789";
        let mut pieces = Pieces::default();
        pieces.build(b"a").unwrap();
        pieces.build(b"b").unwrap();
        pieces.borrow(&buffer[2..5]).unwrap();
        pieces.borrow(&[]).unwrap();
        pieces.build(b"c").unwrap();
        let parts: Vec<_> = pieces.iter().collect();
        assert_eq!(parts, [&b"ab"[..], b"234", b"c"]);
        assert_eq!(pieces.len(), 6);
    }

    #[test]
    fn a_stretch_of_another_file_is_appended_across_its_pieces() {
        let buffer = *b"0123456789";
        let mut other = Pieces::default();
        other.build(b"ab").unwrap();
        other.borrow(&buffer).unwrap();
        other.build(b"cd").unwrap();
        for from in 0..14 {
            for len in 0..=14 - from {
                let mut pieces = Pieces::default();
                pieces.append(&other, from, len).unwrap();
                assert_eq!(pieces.iter().flatten().count(), len);
                assert!(pieces.iter().flatten().eq(b"ab0123456789cd"[from..from + len].iter()));
            }
        }
    }

    #[test]
    fn the_number_of_pieces_is_bounded() {
        let mut pieces = Pieces::default();
        for _ in 0..MAX_PIECES {
            pieces.borrow(b"x").unwrap();
        }
        assert_eq!(pieces.borrow(b"x"), Err(StripError::TooManyPieces));
        assert!(size_of::<Piece<'_>>() * MAX_PIECES <= 16 * 1024);
    }
}
