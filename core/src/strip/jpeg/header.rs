//! What stands before the first table: who reads what, and the few blocks that are written anew.

use super::super::icc::{self, Profile};
use super::super::pieces::Pieces;
use super::super::{Removed, Report, StripError, exif};
use crate::photo::jpeg::{APP0, COM};

const APP1: u8 = APP0 + 1;
const APP2: u8 = APP0 + 2;
const APP11: u8 = APP0 + 11;
const APP13: u8 = APP0 + 13;
const APP14: u8 = APP0 + 14;

const JFIF: &[u8] = b"JFIF\0";
const JFXX: &[u8] = b"JFXX\0";
const ADOBE: &[u8] = b"Adobe";
const ICC: &[u8] = b"ICC_PROFILE\0";
/// Profile bytes that fit into one segment: 65535 less the length, the name and two counters.
const ICC_CONTENT: usize = 65_535 - 2 - 12 - 2;

/// The deciding content of the application segments.
#[derive(Default)]
pub(super) struct Header<'a> {
    /// Units and the two densities.
    density: Option<[u8; 5]>,
    /// Adobe's colour transform. Decoders take the last one before the scan.
    transform: Option<u8>,
    /// The first EXIF block decides; `Some(None)` is one that says nothing about orientation.
    orientation: Option<Option<u8>>,
    profile: Profile<'a>,
}

impl<'a> Header<'a> {
    /// Takes what decides the picture from an application segment or comment and names the rest.
    pub(super) fn read(
        &mut self,
        marker: u8,
        content: &'a [u8],
        before_scans: bool,
        report: &mut Report,
    ) -> Result<(), StripError> {
        let kind = match marker {
            APP0 if content.starts_with(JFIF) && before_scans => {
                self.read_jfif(content, report);
                return Ok(());
            }
            APP14 if content.starts_with(ADOBE) && before_scans => {
                self.read_adobe(content, report);
                return Ok(());
            }
            APP1 if content.starts_with(exif::PREFIX) => {
                self.read_exif(content, before_scans, report);
                return Ok(());
            }
            APP2 if content.starts_with(ICC) && before_scans => {
                self.profile.add(content.get(ICC.len()..).unwrap_or_default())?;
                return Ok(());
            }
            APP0 if content.starts_with(JFXX) => Removed::Thumbnail,
            // CIFF, the block of Canon's first cameras.
            APP0 if content.get(6..).is_some_and(|ciff| ciff.starts_with(b"HEAPJPGM")) => Removed::MakerNote,
            APP1 if content.starts_with(b"http://ns.adobe.com/x") => Removed::Xmp,
            APP2 if content.starts_with(b"MPF\0") => Removed::FurtherPictures,
            APP11 if content.starts_with(b"JP") => Removed::ContentCredentials,
            APP13 if content.starts_with(b"Photoshop") => Removed::Iptc,
            APP13 if content.starts_with(b"Adobe_Photoshop") => Removed::Iptc,
            COM => Removed::Comment,
            _ => Removed::OtherSegments,
        };
        report.add(kind);
        Ok(())
    }

    /// JFIF 1.02: name, version, units, densities, thumbnail. Shorter ones are no JFIF to decoders.
    fn read_jfif(&mut self, content: &[u8], report: &mut Report) {
        let fixed = content.get(JFIF.len()..).and_then(|rest| rest.first_chunk::<9>());
        let Some(&[_, _, units, x1, x0, y1, y0, _, _]) = fixed else {
            report.add(Removed::OtherSegments);
            return;
        };
        let sound = units <= 2 && [x1, x0] != [0, 0] && [y1, y0] != [0, 0];
        let density = if sound { [units, x1, x0, y1, y0] } else { [0, 0, 1, 0, 1] };
        self.density = Some(density);
        if content.len() > JFIF.len() + 9 {
            report.add(Removed::Thumbnail);
        }
    }

    /// Adobe Technical Note 5116: name, version, two words of flags, transform.
    fn read_adobe(&mut self, content: &[u8], report: &mut Report) {
        self.transform = content.get(11).copied().or(self.transform);
        if self.transform.is_none_or(|transform| content != [ADOBE, &adobe(transform)].concat()) {
            report.add(Removed::OtherSegments);
        }
    }

    fn read_exif(&mut self, content: &[u8], before_scans: bool, report: &mut Report) {
        let tiff = content.get(exif::PREFIX.len()..).unwrap_or_default();
        let orientation = exif::read(tiff, report);
        if before_scans && self.orientation.is_none() {
            self.orientation = Some(orientation);
        }
    }

    /// Writes the blocks in one fixed order, so that stripping twice changes nothing.
    pub(super) fn write(self, out: &mut Pieces<'a>, report: &mut Report) -> Result<(), StripError> {
        if let Some([units, x1, x0, y1, y0]) = self.density {
            segment(out, APP0, &[JFIF, &[1, 2, units, x1, x0, y1, y0, 0, 0]])?;
        }
        if let Some(orientation) = self.orientation.flatten() {
            segment(out, APP1, &[exif::PREFIX, &exif::orientation_only(orientation)])?;
        }
        if let Some(transform) = self.transform {
            segment(out, APP14, &[ADOBE, &adobe(transform)])?;
        }
        if let Some(profile) = icc::rebuild(self.profile, report)? {
            write_profile(&profile, out)?;
        }
        Ok(())
    }
}

/// What follows the name in Adobe's block: the first version, no flags, the transform.
fn adobe(transform: u8) -> [u8; 7] {
    [0, 100, 0, 0, 0, 0, transform]
}

/// Annex B.4 of ICC.1: the profile cut into segments that are numbered from 1.
fn write_profile<'a>(profile: &Pieces<'a>, out: &mut Pieces<'a>) -> Result<(), StripError> {
    let count = profile.len().div_ceil(ICC_CONTENT);
    let total = u8::try_from(count).map_err(|_| icc::ProfileError::TooLong)?;
    for number in 1..=total {
        let from = (usize::from(number) - 1) * ICC_CONTENT;
        let len = ICC_CONTENT.min(profile.len() - from);
        segment_start(out, APP2, ICC.len() + 2 + len)?;
        out.build(ICC)?;
        out.build(&[number, total])?;
        out.append(profile, from, len)?;
    }
    Ok(())
}

fn segment(out: &mut Pieces<'_>, marker: u8, parts: &[&[u8]]) -> Result<(), StripError> {
    segment_start(out, marker, parts.iter().map(|part| part.len()).sum())?;
    parts.iter().try_for_each(|part| out.build(part))
}

fn segment_start(out: &mut Pieces<'_>, marker: u8, content: usize) -> Result<(), StripError> {
    let len = u16::try_from(content + 2).map_err(|_| StripError::Grew)?;
    let [high, low] = len.to_be_bytes();
    out.build(&[0xFF, marker, high, low])
}
