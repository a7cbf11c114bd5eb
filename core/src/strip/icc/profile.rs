//! A profile as it lies in a file.

use super::{MAX_PROFILE_LEN, ProfileError};

/// A profile as it lies in a file, perhaps in several parts.
#[derive(Default)]
pub(in crate::strip) struct Profile<'a> {
    parts: Vec<Part<'a>>,
    /// What it holds, in bytes; less once it is [`bounded`](Self::bounded).
    len: usize,
}

struct Part<'a> {
    number: u8,
    total: u8,
    bytes: &'a [u8],
}

impl<'a> Profile<'a> {
    /// A profile that lies in one piece.
    pub(in crate::strip) fn whole(bytes: &'a [u8]) -> Result<Self, ProfileError> {
        let len = bytes.len();
        if len > MAX_PROFILE_LEN {
            return Err(ProfileError::TooLong);
        }
        Ok(Profile { parts: vec![Part { number: 1, total: 1, bytes }], len })
    }

    /// Adds a part: its number from 1, the number of parts, its bytes.
    pub(in crate::strip) fn add(&mut self, part: &'a [u8]) -> Result<(), ProfileError> {
        let &[number, total, ref bytes @ ..] = part else {
            return Err(ProfileError::Parts);
        };
        self.len += bytes.len();
        if self.len > MAX_PROFILE_LEN {
            return Err(ProfileError::TooLong);
        }
        if self.parts.len() == usize::from(u8::MAX) {
            return Err(ProfileError::Parts);
        }
        self.parts.push(Part { number, total, bytes });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Ends the profile after `len` bytes: what lies behind belongs to nobody.
    pub(super) fn bounded(self, len: usize) -> Self {
        Profile { len: len.min(self.len), ..self }
    }

    /// Puts the parts into their order; each must be there once.
    pub(super) fn order(&mut self) -> Result<(), ProfileError> {
        self.parts.sort_unstable_by_key(|part| part.number);
        let total = self.parts.len();
        let complete = self
            .parts
            .iter()
            .enumerate()
            .all(|(at, part)| usize::from(part.number) == at + 1 && usize::from(part.total) == total);
        if complete { Ok(()) } else { Err(ProfileError::Parts) }
    }

    /// The slices that a stretch of the profile consists of.
    pub(super) fn slices(&self, from: usize, len: usize) -> impl Iterator<Item = &'a [u8]> {
        let end = from.saturating_add(len);
        let starts = self.parts.iter().scan(0usize, |start, part| {
            let this = *start;
            *start += part.bytes.len();
            Some((this, part.bytes))
        });
        starts.filter_map(move |(start, bytes)| {
            let (first, last) = (from.max(start), end.min(start + bytes.len()));
            bytes.get(first.checked_sub(start)?..last.checked_sub(start)?)
        })
    }

    /// A few bytes as an array; `None` where they are not all there.
    pub(super) fn array<const N: usize>(&self, from: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut source = self.slices(from, N).flatten();
        for byte in &mut bytes {
            *byte = *source.next()?;
        }
        Some(bytes)
    }

    pub(super) fn u32(&self, from: usize) -> Option<usize> {
        self.array(from).and_then(|bytes| usize::try_from(u32::from_be_bytes(bytes)).ok())
    }
}
