//! WebP, rebuilt from the chunks that decide the picture (RFC 9649).
//!
//! Where readers differ, the demultiplexer of libwebp decides, with which browsers and Pillow read: in an
//! extended file the flags say whether a profile, transparency and EXIF count, and a file that starts with
//! its picture has nothing else. Where that one refuses and others show something, what they show is kept.

use super::icc::{self, Profile};
use super::pieces::Pieces;
use super::{Removed, Report, StripError, exif};
use crate::photo::webp::{Chunk, Chunks, Extended, Picture};
use crate::photo::{Photo, WebpError};

/// Rebuilds a WebP out of slices of `input`.
pub(super) fn rebuild<'a>(input: &'a [u8], report: &mut Report) -> Result<Pieces<'a>, StripError> {
    let mut chunks = Chunks::new(input)?;
    let mut deciding = Deciding::new(chunks.extended);
    if chunks.extended.is_some_and(|header| header.reserved) {
        report.add(Removed::StrayBytes);
    }
    while let Some(chunk) = chunks.next_chunk()? {
        deciding.read(&chunk, report)?;
        if chunk.padding.is_some_and(|byte| byte != 0) {
            report.add(Removed::StrayBytes);
        }
    }
    let Some((picture, chunk)) = deciding.picture else {
        return Err(chunks.no_picture().into());
    };
    name_leftovers(&chunks, report);
    deciding.write(&picture, &chunk, report)
}

fn name_leftovers(chunks: &Chunks<'_>, report: &mut Report) {
    if !chunks.rest().is_empty() {
        report.add(Removed::StrayBytes);
    }
    if !chunks.trailer.is_empty() {
        report.add(Removed::Trailer);
    }
    if Photo::parse(chunks.trailer).is_ok() {
        report.add(Removed::FurtherPictures);
    }
}

/// The chunks that decide the picture.
struct Deciding<'a> {
    extended: Option<Extended>,
    picture: Option<(Picture, Chunk<'a>)>,
    alpha: Option<&'a [u8]>,
    /// Decoders choose differently among several, and between before and behind the picture.
    alpha_unclear: bool,
    profile: Option<&'a [u8]>,
    /// The first EXIF block decides; `Some(None)` is one that says nothing about orientation.
    orientation: Option<Option<u8>>,
}

impl<'a> Deciding<'a> {
    fn new(extended: Option<Extended>) -> Self {
        Deciding { extended, picture: None, alpha: None, alpha_unclear: false, profile: None, orientation: None }
    }

    /// Whether a flag of an extended file is set.
    fn flagged(&self, flag: u8) -> bool {
        self.extended.is_some_and(|header| header.flags & flag != 0)
    }

    /// Takes what decides the picture from a chunk and names the rest.
    fn read(&mut self, chunk: &Chunk<'a>, report: &mut Report) -> Result<(), StripError> {
        let kind = match &chunk.name {
            b"VP8 " | b"VP8L" if self.picture.is_none() => {
                let picture = Picture::parse(chunk, self.extended.as_ref())?;
                self.picture = picture.map(|picture| (picture, *chunk));
                return Ok(());
            }
            b"ALPH" if self.flagged(Extended::ALPHA) => {
                self.alpha_unclear |= self.alpha.is_some() || self.picture.is_some();
                self.alpha = self.alpha.or(Some(chunk.content));
                return Ok(());
            }
            b"ICCP" if self.flagged(Extended::PROFILE) && self.profile.is_none() => {
                self.profile = Some(chunk.content);
                return Ok(());
            }
            b"EXIF" => {
                self.read_exif(chunk.content, report);
                return Ok(());
            }
            b"VP8 " | b"VP8L" | b"ANMF" => Removed::FurtherPictures,
            b"XMP " => Removed::Xmp,
            b"C2PA" => Removed::ContentCredentials,
            _ => Removed::OtherSegments,
        };
        report.add(kind);
        Ok(())
    }

    /// RFC 9649 puts the TIFF structure into the chunk as it stands; some writers put the start of a JPEG's
    /// block before it, and most readers see past that.
    fn read_exif(&mut self, content: &[u8], report: &mut Report) {
        let tiff = content.strip_prefix(exif::PREFIX).unwrap_or(content);
        let orientation = exif::read(tiff, report);
        if self.flagged(Extended::EXIF) && self.orientation.is_none() {
            self.orientation = Some(orientation);
        }
    }

    /// Writes the chunks in the order of RFC 9649, so that stripping twice changes nothing.
    fn write(self, picture: &Picture, chunk: &Chunk<'a>, report: &mut Report) -> Result<Pieces<'a>, StripError> {
        let profile = self.profile.map(|profile| rebuild_profile(profile, report)).transpose()?.flatten();
        let alpha = self.alpha(picture, report)?;
        let orientation = self.orientation.flatten();
        // Decoders believe the file's flag before the lossless picture's own.
        let transparent = if picture.lossless && self.extended.is_some() {
            self.flagged(Extended::ALPHA)
        } else {
            picture.alpha || alpha.is_some()
        };
        let flags = [
            (Extended::PROFILE, profile.is_some()),
            (Extended::ALPHA, transparent),
            (Extended::EXIF, orientation.is_some()),
        ];
        let flags = flags.iter().filter(|(_, set)| *set).fold(0, |flags, (flag, _)| flags | flag);
        let simple = if picture.alpha { Extended::ALPHA } else { 0 };

        let mut body = Pieces::default();
        body.build(b"WEBP")?;
        if flags != simple {
            body.build(&Extended::chunk(flags, picture))?;
        }
        if let Some(profile) = profile {
            write_chunk(&mut body, *b"ICCP", profile.len(), |body| body.append(&profile, 0, profile.len()))?;
        }
        if let Some(alpha) = alpha {
            write_chunk(&mut body, *b"ALPH", alpha.len(), |body| body.borrow(alpha))?;
        }
        write_chunk(&mut body, chunk.name, chunk.content.len(), |body| body.borrow(chunk.content))?;
        if let Some(orientation) = orientation {
            // Without the prefix, as RFC 9649 wants it: image libraries look for the first bytes of TIFF.
            let block = exif::orientation_only(orientation);
            write_chunk(&mut body, *b"EXIF", block.len(), |body| body.build(&block))?;
        }

        let mut out = Pieces::default();
        write_chunk(&mut out, *b"RIFF", body.len(), |out| out.append(&body, 0, body.len()))?;
        Ok(out)
    }

    /// The transparency of a lossy picture (RFC 9649 section 2.7.1.2). A lossless one has its own.
    fn alpha(&self, picture: &Picture, report: &mut Report) -> Result<Option<&'a [u8]>, WebpError> {
        let Some(content) = self.alpha else {
            return Ok(None);
        };
        if picture.lossless {
            report.add(Removed::OtherSegments);
            return Ok(None);
        }
        let (header, coded) = content.split_first().ok_or(WebpError::Alpha)?;
        let (reserved, preprocessing, compression) = (header >> 6, header >> 4 & 3, header & 3);
        if self.alpha_unclear || reserved != 0 || preprocessing > 1 || compression > 1 || coded.is_empty() {
            return Err(WebpError::Alpha);
        }
        if compression == 1 {
            return Ok(Some(content));
        }
        // Not compressed: one byte a pixel, and what follows is never read.
        let pixels = u64::from(picture.width) * u64::from(picture.height);
        let len = usize::try_from(pixels).ok().and_then(|pixels| pixels.checked_add(1)).ok_or(WebpError::Alpha)?;
        let (content, surplus) = content.split_at_checked(len).ok_or(WebpError::Alpha)?;
        if !surplus.is_empty() {
            report.add(Removed::StrayBytes);
        }
        Ok(Some(content))
    }
}

/// The profile laid out anew; `None` for one that decoders ignore, because WebP is RGB.
fn rebuild_profile<'a>(profile: &'a [u8], report: &mut Report) -> Result<Option<Pieces<'a>>, StripError> {
    let space = profile.get(16..).and_then(|rest| rest.first_chunk());
    if space != Some(b"RGB ") {
        report.add(Removed::UnreadableProfile);
        return Ok(None);
    }
    icc::rebuild(Profile::whole(profile)?, report)
}

/// Name, length, content, and a zero behind an odd length (RFC 9649 section 2.3).
fn write_chunk<'a>(
    out: &mut Pieces<'a>,
    name: [u8; 4],
    len: usize,
    content: impl FnOnce(&mut Pieces<'a>) -> Result<(), StripError>,
) -> Result<(), StripError> {
    out.build(&name)?;
    out.build(&u32::try_from(len).map_err(|_| StripError::Grew)?.to_le_bytes())?;
    content(out)?;
    if len % 2 == 1 {
        out.build(&[0])?;
    }
    Ok(())
}
