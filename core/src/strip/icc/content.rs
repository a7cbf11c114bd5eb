//! The content of a tag in the new profile: a few built bytes and stretches of the old one.

use super::Profile;
use crate::strip::StripError;
use crate::strip::pieces::Pieces;

/// Equal where both take the same bytes of the same places; see [`Content::equals`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    parts: Vec<Part>,
    len: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Built(Vec<u8>),
    /// A stretch of the old profile.
    Kept {
        from: usize,
        len: usize,
    },
}

impl Content {
    /// Appends built bytes.
    pub(super) fn build(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        match self.parts.last_mut() {
            Some(Part::Built(built)) => built.extend_from_slice(bytes),
            _ => self.parts.push(Part::Built(bytes.to_vec())),
        }
    }

    /// Appends a stretch of the old profile.
    pub(super) fn keep(&mut self, from: usize, len: usize) {
        if len > 0 {
            self.len += len;
            self.parts.push(Part::Kept { from, len });
        }
    }

    /// Appends what another one holds.
    pub(super) fn append(&mut self, other: Content) {
        self.len += other.len;
        self.parts.extend(other.parts);
    }

    /// Appends zeros up to the next multiple of four.
    pub(super) fn pad(&mut self) {
        let missing = self.len.next_multiple_of(4) - self.len;
        self.build([0; 3].get(..missing).unwrap_or_default());
    }

    /// Length in bytes, without padding behind it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes, where there are `N` of them.
    pub(super) fn array<const N: usize>(&self, profile: &Profile<'_>) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut source = self.bytes(profile);
        bytes.iter_mut().try_for_each(|byte| source.next().map(|next| *byte = next))?;
        (self.len == N).then_some(bytes)
    }

    /// Whether another one has the same bytes, wherever in the old profile they lie.
    pub(super) fn equals(&self, other: &Content, profile: &Profile<'_>) -> bool {
        self.len == other.len && (self == other || slices_equal(self.slices(profile), other.slices(profile)))
    }

    /// The bytes, one by one.
    pub(super) fn bytes<'s>(&'s self, profile: &'s Profile<'s>) -> impl Iterator<Item = u8> + 's {
        self.slices(profile).flatten().copied()
    }

    fn slices<'s>(&'s self, profile: &'s Profile<'s>) -> impl Iterator<Item = &'s [u8]> {
        self.parts.iter().flat_map(move |part| {
            let (built, kept) = match part {
                Part::Built(bytes) => (bytes.as_slice(), 0..0),
                Part::Kept { from, len } => (&[][..], *from..*from + *len),
            };
            std::iter::once(built).chain(profile.slices(kept.start, kept.len()))
        })
    }

    pub(super) fn write<'a>(&self, profile: &Profile<'a>, out: &mut Pieces<'a>) -> Result<(), StripError> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Built(bytes) => out.build(bytes),
            Part::Kept { from, len } => profile.slices(*from, *len).try_for_each(|slice| out.borrow(slice)),
        })
    }
}

/// Compares by stretches: tables are long.
fn slices_equal<'s>(mut left: impl Iterator<Item = &'s [u8]>, mut right: impl Iterator<Item = &'s [u8]>) -> bool {
    let (mut mine, mut theirs): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if mine.is_empty() {
            match left.next() {
                Some(next) => mine = next,
                None => return theirs.is_empty() && right.all(<[u8]>::is_empty),
            }
        } else if theirs.is_empty() {
            match right.next() {
                Some(next) => theirs = next,
                None => return false,
            }
        } else {
            let len = mine.len().min(theirs.len());
            if mine.get(..len) != theirs.get(..len) {
                return false;
            }
            mine = mine.get(len..).unwrap_or_default();
            theirs = theirs.get(len..).unwrap_or_default();
        }
    }
}
