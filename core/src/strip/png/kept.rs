//! The chunks beside the pixels: which are kept, and by what name the others go.

use super::super::pieces::Pieces;
use super::super::{Removed, Report, StripError, exif};
use super::profile;
use crate::photo::png::{Chunk, Colour, Header, MAX_NUMBER, PngError};

/// The order in which chunks are written, whatever it was. Two that stand together keep theirs: sRGB and
/// iCCP contradict each other, and older decoders believe the first.
const ORDER: [&[&[u8; 4]]; 9] = [
    &[b"cICP"],
    &[b"sRGB", b"iCCP"],
    &[b"gAMA"],
    &[b"cHRM"],
    &[b"sBIT"],
    &[b"PLTE"],
    &[b"tRNS"],
    &[b"pHYs"],
    &[b"eXIf"],
];

/// The most entries of a palette (section 11.2.2).
const MAX_PALETTE: usize = 256;

/// The deciding chunks beside the pixels.
pub(super) struct Kept<'a> {
    header: Header,
    chunks: Vec<KeptChunk<'a>>,
    palette_seen: bool,
    pixels_seen: bool,
    exif_seen: bool,
    /// The first profile decides, readable or not; and each costs an inflation.
    profile_seen: bool,
}

struct KeptChunk<'a> {
    name: [u8; 4],
    content: Content<'a>,
}

enum Content<'a> {
    /// As it stands.
    Whole(&'a [u8]),
    /// The data of a chunk that is written anew.
    Rebuilt(Vec<u8>),
}

impl<'a> Kept<'a> {
    pub(super) fn new(header: Header) -> Self {
        Kept {
            header,
            chunks: Vec::new(),
            palette_seen: false,
            pixels_seen: false,
            exif_seen: false,
            profile_seen: false,
        }
    }

    /// From here on, chunks that must stand before the image data mean nothing.
    pub(super) fn pixels_begin(&mut self) -> Result<(), PngError> {
        self.pixels_seen = true;
        let missing = self.header.colour == Colour::Palette && !self.has(b"PLTE");
        if missing { Err(PngError::NoPalette) } else { Ok(()) }
    }

    /// Takes what decides the picture from a chunk and names the rest.
    pub(super) fn read(&mut self, chunk: &Chunk<'a>, report: &mut Report) -> Result<(), StripError> {
        let early = !self.pixels_seen;
        let in_place = match &chunk.name {
            b"PLTE" => return Ok(self.read_palette(chunk, report)?),
            b"eXIf" if chunk.is_sound() => {
                self.read_exif(chunk.data, report);
                return Ok(());
            }
            // Of a damaged chunk decoders see nothing.
            b"iCCP" if chunk.is_sound() => {
                early && !self.palette_seen && !std::mem::replace(&mut self.profile_seen, true)
            }
            b"iCCP" => false,
            b"cICP" | b"sRGB" | b"gAMA" | b"cHRM" | b"sBIT" => early && !self.palette_seen,
            b"tRNS" => early && (self.header.colour != Colour::Palette || self.palette_seen),
            b"pHYs" => early,
            _ => {
                report.add(kind(chunk));
                return Ok(());
            }
        };
        if !in_place || self.has(&chunk.name) || !chunk.is_sound() {
            report.add(Removed::OtherSegments);
            return Ok(());
        }
        let content = match &chunk.name {
            b"iCCP" => match profile::rebuild(chunk.data, self.header.colour, report)? {
                Some(data) if data == chunk.data => Some(Content::Whole(chunk.whole)),
                data => data.map(Content::Rebuilt),
            },
            b"tRNS" => self.transparency(chunk, report)?,
            _ if is_possible(chunk, &self.header) => Some(Content::Whole(chunk.whole)),
            _ => {
                report.add(Removed::OtherSegments);
                None
            }
        };
        self.chunks.extend(content.map(|content| KeptChunk { name: chunk.name, content }));
        Ok(())
    }

    /// Only indexed pixels need a palette. Beside other pixels it is a suggestion that decoders ignore.
    fn read_palette(&mut self, chunk: &Chunk<'a>, report: &mut Report) -> Result<(), PngError> {
        if self.palette_seen {
            return Err(PngError::SecondPalette);
        }
        self.palette_seen = true;
        if self.header.colour != Colour::Palette {
            report.add(Removed::OtherSegments);
            return Ok(());
        }
        let most = MAX_PALETTE.min(1 << self.header.depth);
        let (entries, partial) = (chunk.data.len() / 3, chunk.data.len() % 3);
        if partial != 0 || !(1..=most).contains(&entries) {
            return Err(PngError::Palette);
        }
        self.chunks.push(KeptChunk { name: chunk.name, content: Content::Whole(chunk.whole) });
        Ok(())
    }

    /// The first block decides, before the image data or behind it.
    fn read_exif(&mut self, data: &[u8], report: &mut Report) {
        let tiff = data.strip_prefix(exif::PREFIX).unwrap_or(data);
        let orientation = exif::read(tiff, report);
        // Decoders pass over a block that begins otherwise, as one copied from a JPEG does.
        let counts = !self.exif_seen && (data.starts_with(b"II") || data.starts_with(b"MM"));
        self.exif_seen |= counts;
        if let (Some(orientation), true) = (orientation, counts) {
            let block = exif::orientation_only(orientation).to_vec();
            self.chunks.push(KeptChunk { name: *b"eXIf", content: Content::Rebuilt(block) });
        }
    }

    /// tRNS (section 11.3.1.1). Decoders must mask the bits that the depth cannot use, so these are
    /// zeroed, or anything could be written there. One of a wrong length is refused: some decoders ignore
    /// it, others do not.
    fn transparency(&self, chunk: &Chunk<'a>, report: &mut Report) -> Result<Option<Content<'a>>, PngError> {
        let samples = match self.header.colour {
            Colour::Grey => 1,
            Colour::Rgb => 3,
            Colour::Palette if (1..=self.palette_len()).contains(&chunk.data.len()) => {
                return Ok(Some(Content::Whole(chunk.whole)));
            }
            Colour::Palette => return Err(PngError::Transparency),
            Colour::GreyAlpha | Colour::Rgba => {
                report.add(Removed::OtherSegments);
                return Ok(None);
            }
        };
        if chunk.data.len() != samples * 2 {
            return Err(PngError::Transparency);
        }
        let mask = u16::MAX >> (16 - u32::from(self.header.depth)).min(15);
        let [high, low] = mask.to_be_bytes();
        let masked: Vec<u8> =
            chunk.data.iter().zip([high, low].iter().cycle()).map(|(byte, mask)| byte & mask).collect();
        if masked == chunk.data {
            return Ok(Some(Content::Whole(chunk.whole)));
        }
        report.add(Removed::StrayBytes);
        Ok(Some(Content::Rebuilt(masked)))
    }

    fn palette_len(&self) -> usize {
        let palette = self.chunks.iter().find(|kept| &kept.name == b"PLTE");
        palette.map_or(0, |kept| match kept.content {
            Content::Whole(whole) => whole.len() / 3 - 4,
            Content::Rebuilt(_) => 0,
        })
    }

    fn has(&self, name: &[u8; 4]) -> bool {
        self.chunks.iter().any(|kept| &kept.name == name)
    }

    pub(super) fn write(self, out: &mut Pieces<'a>) -> Result<(), StripError> {
        for names in ORDER {
            for kept in self.chunks.iter().filter(|kept| names.contains(&&kept.name)) {
                match &kept.content {
                    Content::Whole(whole) => out.borrow(whole)?,
                    Content::Rebuilt(data) => super::chunk(out, &kept.name, data)?,
                }
            }
        }
        Ok(())
    }
}

/// What gAMA and cHRM call 1 (sections 11.3.2.1 and 11.3.2.2). No light lies beyond it, and no gamma beyond ten
/// times that.
const ONE: u32 = 100_000;

/// Whether a chunk says something that decoders can follow (section 11.3); they ignore the others.
fn is_possible(chunk: &Chunk<'_>, header: &Header) -> bool {
    let numbers = |data: &[u8], most: u32| {
        let mut words = data.chunks_exact(4).filter_map(|word| word.first_chunk());
        words.all(|word| u32::from_be_bytes(*word) <= most)
    };
    match (&chunk.name, chunk.data) {
        // The matrix is always that of RGB.
        (b"cICP", [_, _, 0, 0 | 1]) => true,
        (b"sRGB", [0..=3]) => true,
        (b"gAMA", gamma @ &[_, _, _, _]) => gamma != [0; 4] && numbers(gamma, 10 * ONE),
        (b"cHRM", points) => points.len() == 8 * 4 && numbers(points, ONE),
        (b"sBIT", bits) => {
            let (samples, depth) = match header.colour {
                Colour::Palette => (3, 8),
                colour => (usize::from(colour.channels()), header.depth),
            };
            bits.len() == samples && bits.iter().all(|bits| (1..=depth).contains(bits))
        }
        (b"pHYs", [density @ .., 0 | 1]) => density.len() == 2 * 4 && numbers(density, MAX_NUMBER),
        _ => false,
    }
}

/// What a chunk tells about.
fn kind(chunk: &Chunk<'_>) -> Removed {
    match &chunk.name {
        b"tEXt" | b"zTXt" | b"iTXt" => text_kind(chunk.data),
        b"tIME" => Removed::CaptureTime,
        b"caBX" => Removed::ContentCredentials,
        b"acTL" | b"fcTL" | b"fdAT" => Removed::FurtherPictures,
        _ => Removed::OtherSegments,
    }
}

/// What a text is by its keyword: programs put whole blocks of other formats into texts.
fn text_kind(data: &[u8]) -> Removed {
    let keyword = memchr::memchr(0, data).and_then(|end| data.get(..end)).unwrap_or(data);
    match keyword {
        b"XML:com.adobe.xmp" | b"Raw profile type xmp" => Removed::Xmp,
        b"Raw profile type iptc" | b"Raw profile type 8bim" => Removed::Iptc,
        b"Raw profile type exif" | b"Raw profile type APP1" => Removed::CameraSettings,
        _ => Removed::Comment,
    }
}
