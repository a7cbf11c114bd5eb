//! Tables of version 4, `mAB ` and `mBA ` (ICC.1:2022 sections 10.12 and 10.13).
//!
//! Their elements lie anywhere in the tag, and anything can lie between them. So they are laid out anew, one
//! behind the other.

use super::content::Content;
use super::tag::read_curve;
use super::{Profile, ProfileError};

/// Kind, reserved bytes, channels, five offsets.
const HEAD_LEN: usize = 32;
const MATRIX_LEN: usize = 12 * 4;

/// Reads the tag of `len` bytes at `from`, which lie inside the profile.
pub(super) fn read(profile: &Profile<'_>, from: usize, len: usize, content: &mut Content) -> Result<(), ProfileError> {
    let [k0, k1, k2, k3, _, _, _, _, inputs, outputs, _, _] = profile.array(from).ok_or(ProfileError::Tag)?;
    if len < HEAD_LEN {
        return Err(ProfileError::Tag);
    }
    // Readers align to the profile or to the element: where both are the same, they read the same.
    if !from.is_multiple_of(4) {
        return Err(ProfileError::Tag);
    }
    let lut = Lut { profile, from, end: from + len };
    // `mBA ` goes the other way: its B curves are those of the input.
    let (a, b) = if k1 == b'A' { (inputs, outputs) } else { (outputs, inputs) };
    let mut body = Content::default();
    let mut offsets = [0; 5];
    let mut curves: Vec<(Content, usize)> = Vec::new();
    for (number, offset) in offsets.iter_mut().enumerate() {
        let Some(at) = lut.element(number)? else {
            continue;
        };
        let end = HEAD_LEN + body.len();
        *offset = end;
        match number {
            1 => lut.matrix(at, &mut body)?,
            3 => lut.table(at, inputs, outputs, &mut body)?,
            _ => {
                let set = lut.curves(at, if number == 4 { a } else { b })?;
                // Curves that lie at one place stay at one place, or the profile would grow.
                match curves.iter().find(|(earlier, _)| *earlier == set) {
                    Some((_, earlier)) => *offset = *earlier,
                    None => {
                        body.append(set.clone());
                        curves.push((set, end));
                    }
                }
            }
        }
    }
    if offsets.first() == Some(&0) {
        return Err(ProfileError::Tag);
    }
    content.build(&[k0, k1, k2, k3, 0, 0, 0, 0, inputs, outputs, 0, 0]);
    offsets.iter().try_for_each(|offset| super::be32(*offset).map(|bytes| content.build(&bytes)))?;
    content.append(body);
    Ok(())
}

/// A tag while it is read.
struct Lut<'p, 'a> {
    profile: &'p Profile<'a>,
    from: usize,
    end: usize,
}

impl Lut<'_, '_> {
    /// Where an element lies in the profile; `None` if there is none.
    fn element(&self, number: usize) -> Result<Option<usize>, ProfileError> {
        let offset = self.profile.u32(self.from + 12 + 4 * number).ok_or(ProfileError::Tag)?;
        if offset == 0 {
            return Ok(None);
        }
        let at =
            self.from.checked_add(offset).filter(|at| offset >= HEAD_LEN && offset.is_multiple_of(4) && *at < self.end);
        at.map(Some).ok_or(ProfileError::Tag)
    }

    /// One curve for each channel, each starting at a multiple of four.
    fn curves(&self, mut at: usize, count: u8) -> Result<Content, ProfileError> {
        let mut set = Content::default();
        for _ in 0..count {
            at += read_curve(self.profile, at, self.end, &mut set)?.next_multiple_of(4);
            set.pad();
        }
        Ok(set)
    }

    fn matrix(&self, at: usize, body: &mut Content) -> Result<(), ProfileError> {
        self.keep(at, MATRIX_LEN, body)
    }

    /// Grid points for each input, the width of a number, the numbers.
    fn table(&self, at: usize, inputs: u8, outputs: u8, body: &mut Content) -> Result<(), ProfileError> {
        const GRID_LEN: usize = 16;
        let grid: [u8; GRID_LEN] = self.profile.array(at).ok_or(ProfileError::Tag)?;
        let [width] = self.profile.array(at + GRID_LEN).ok_or(ProfileError::Tag)?;
        let used = grid.get(..usize::from(inputs)).ok_or(ProfileError::Tag)?;
        let points = used.iter().try_fold(1usize, |points, side| points.checked_mul(usize::from(*side)));
        let numbers = points.and_then(|points| points.checked_mul(usize::from(outputs)));
        let len = numbers.and_then(|numbers| numbers.checked_mul(usize::from(width))).ok_or(ProfileError::Tag)?;
        if !(1..=2).contains(&width) || len == 0 {
            return Err(ProfileError::Tag);
        }
        body.build(used);
        body.build([0; GRID_LEN].get(used.len()..).unwrap_or_default());
        body.build(&[width, 0, 0, 0]);
        self.keep(at + GRID_LEN + 4, len, body)
    }

    fn keep(&self, at: usize, len: usize, body: &mut Content) -> Result<(), ProfileError> {
        if at.checked_add(len).is_none_or(|end| end > self.end) {
            return Err(ProfileError::Tag);
        }
        body.keep(at, len);
        body.pad();
        Ok(())
    }
}
