//! WebP's own nouns (RFC 9649): the RIFF container, its chunks, the headers of the two kinds of picture.

/// The most chunks that are walked: every one costs time, none costs memory.
pub const MAX_CHUNKS: usize = 1024;

/// `RIFF`, the length of what follows it, `WEBP`.
const RIFF_HEADER_LEN: usize = 12;
/// The name and the length of a chunk.
const CHUNK_HEADER_LEN: usize = 8;

/// Why a WebP is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebpError {
    /// The file ends before the end of the picture.
    #[error("the WebP is cut off: it ends before its picture; take the picture again")]
    CutOff,
    /// The first chunk is none that a picture starts with.
    #[error("the WebP is damaged: it starts with no chunk of a picture")]
    FirstChunk,
    /// The header of an extended file has a length that readers judge differently.
    #[error("the WebP's extended header is damaged")]
    ExtendedHeader,
    /// More than [`MAX_CHUNKS`].
    #[error("the WebP has more chunks than are taken")]
    TooManyChunks,
    /// Several pictures that are shown one after the other.
    #[error("animated WebP is not taken; ask the camera for a still picture")]
    Animation,
    /// All chunks are there, but none is a picture.
    #[error("the WebP has no picture")]
    NoPicture,
    /// A header of VP8 or VP8L that no decoder takes.
    #[error("the picture in the WebP is damaged; take the picture again")]
    Picture,
    /// The picture is not as large as the file says.
    #[error("the WebP is damaged: its picture is not as large as the file says")]
    Size,
    /// Transparency that no decoder reads, or each its own way.
    #[error("the transparency of the WebP is damaged; ask the camera for JPEG")]
    Alpha,
}

impl WebpError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            WebpError::CutOff => "webp-cut-off",
            WebpError::FirstChunk => "webp-first-chunk",
            WebpError::ExtendedHeader => "webp-extended-header",
            WebpError::TooManyChunks => "webp-too-many-chunks",
            WebpError::Animation => "webp-animation",
            WebpError::NoPicture => "webp-no-picture",
            WebpError::Picture => "webp-picture",
            WebpError::Size => "webp-size",
            WebpError::Alpha => "webp-alpha",
        }
    }
}

/// Whether bytes begin as a WebP does.
pub(super) fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..).is_some_and(|rest| rest.starts_with(b"WEBP"))
}

/// Width and height in pixels: the picture's own, with which the file's must agree.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), WebpError> {
    let mut chunks = Chunks::new(bytes)?;
    while let Some(chunk) = chunks.next_chunk()? {
        if let Some(picture) = Picture::parse(&chunk, chunks.extended.as_ref())? {
            return Ok((picture.width, picture.height));
        }
    }
    Err(chunks.no_picture())
}

/// Walks the chunks of a file (RFC 9649 section 2.3), without the extended header.
pub(crate) struct Chunks<'a> {
    /// The header of an extended file. Without it the first chunk is the picture, and decoders read no other.
    pub(crate) extended: Option<Extended>,
    /// What follows the container.
    pub(crate) trailer: &'a [u8],
    rest: &'a [u8],
    seen: usize,
}

/// One chunk.
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) content: &'a [u8],
    /// The byte that makes an odd length even.
    pub(crate) padding: Option<u8>,
}

impl<'a> Chunks<'a> {
    /// Opens the container and reads the extended header where there is one.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, WebpError> {
        let len = le32(bytes, 4).and_then(|len| len.checked_add(CHUNK_HEADER_LEN)).ok_or(WebpError::CutOff)?;
        let (container, trailer) = bytes.split_at_checked(len).ok_or(WebpError::CutOff)?;
        let rest = container.get(RIFF_HEADER_LEN..).ok_or(WebpError::CutOff)?;
        let mut chunks = Chunks { extended: None, trailer, rest, seen: 0 };
        match rest.first_chunk() {
            Some(b"VP8 " | b"VP8L") => {}
            Some(b"VP8X") => {
                let header = chunks.next_chunk()?.ok_or(WebpError::CutOff)?;
                chunks.extended = Some(Extended::parse(header.content)?);
            }
            Some(_) => return Err(WebpError::FirstChunk),
            None => return Err(WebpError::CutOff),
        }
        Ok(chunks)
    }

    /// The next chunk that lies wholly in the container. The padding of the last one may be missing, as
    /// some encoders leave it out and decoders let it pass.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Chunk<'a>>, WebpError> {
        let whole = le32(self.rest, 4).zip(self.rest.split_at_checked(CHUNK_HEADER_LEN));
        let Some((len, (header, after))) = whole else {
            return Ok(None);
        };
        let (Some((content, mut rest)), Some(name)) = (after.split_at_checked(len), header.first_chunk()) else {
            return Ok(None);
        };
        if self.seen == MAX_CHUNKS {
            return Err(WebpError::TooManyChunks);
        }
        if self.extended.is_some() && matches!(name, b"ANIM" | b"ANMF") {
            return Err(WebpError::Animation);
        }
        let mut padding = None;
        if let (1, Some((byte, after))) = (len % 2, rest.split_first()) {
            (padding, rest) = (Some(*byte), after);
        }
        self.seen += 1;
        self.rest = rest;
        Ok(Some(Chunk { name: *name, content, padding }))
    }

    /// What is left of the container when no whole chunk is.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Why a walk to the end found no picture.
    pub(crate) fn no_picture(&self) -> WebpError {
        if self.rest.is_empty() { WebpError::NoPicture } else { WebpError::CutOff }
    }
}

/// The header of an extended file (RFC 9649 section 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extended {
    pub(crate) flags: u8,
    /// Whether a reserved bit is set.
    pub(crate) reserved: bool,
    width: u32,
    height: u32,
}

impl Extended {
    /// The flag of a colour profile.
    pub(crate) const PROFILE: u8 = 0x20;
    /// The flag of transparency.
    pub(crate) const ALPHA: u8 = 0x10;
    /// The flag of EXIF.
    pub(crate) const EXIF: u8 = 0x08;
    const XMP: u8 = 0x04;
    const ANIMATION: u8 = 0x02;

    fn parse(content: &[u8]) -> Result<Extended, WebpError> {
        let &[flags, r0, r1, r2, w0, w1, w2, h0, h1, h2] = content else {
            return Err(WebpError::ExtendedHeader);
        };
        if flags & Self::ANIMATION != 0 {
            return Err(WebpError::Animation);
        }
        let known = Self::PROFILE | Self::ALPHA | Self::EXIF | Self::XMP;
        Ok(Extended {
            flags,
            reserved: flags & !known != 0 || [r0, r1, r2] != [0; 3],
            width: u32::from_le_bytes([w0, w1, w2, 0]) + 1,
            height: u32::from_le_bytes([h0, h1, h2, 0]) + 1,
        })
    }

    /// The whole chunk, for a picture and the flags that are true of it.
    pub(crate) fn chunk(flags: u8, picture: &Picture) -> [u8; 18] {
        let [w0, w1, w2, _] = picture.width.saturating_sub(1).to_le_bytes();
        let [h0, h1, h2, _] = picture.height.saturating_sub(1).to_le_bytes();
        [b'V', b'P', b'8', b'X', 10, 0, 0, 0, flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]
    }
}

/// What the header of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) lossless: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Whether a lossless picture says that it is transparent.
    pub(crate) alpha: bool,
}

impl Picture {
    /// Reads a picture's header; `None` for a chunk that is none. Its size must be that of an extended file.
    pub(crate) fn parse(chunk: &Chunk<'_>, extended: Option<&Extended>) -> Result<Option<Picture>, WebpError> {
        let picture = match &chunk.name {
            b"VP8 " => Self::parse_lossy(chunk.content),
            b"VP8L" => Self::parse_lossless(chunk.content),
            _ => return Ok(None),
        };
        let picture = picture.ok_or(WebpError::Picture)?;
        if extended.is_some_and(|file| (file.width, file.height) != (picture.width, picture.height)) {
            return Err(WebpError::Size);
        }
        Ok(Some(picture))
    }

    /// RFC 6386 section 9.1: a key frame that is shown, of a known version, whose first partition leaves
    /// room for a second. The scaling in the upper bits of the sizes is ignored by decoders.
    fn parse_lossy(content: &[u8]) -> Option<Picture> {
        let &[t0, t1, t2, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ref partitions @ ..] = content else {
            return None;
        };
        let tag = u32::from_le_bytes([t0, t1, t2, 0]);
        let first = usize::try_from(tag >> 5).ok()?;
        let sound = tag & 1 == 0 && tag >> 1 & 7 <= 3 && tag >> 4 & 1 == 1 && first < partitions.len();
        let width = u32::from(u16::from_le_bytes([w0, w1]) & 0x3FFF);
        let height = u32::from(u16::from_le_bytes([h0, h1]) & 0x3FFF);
        (sound && width > 0 && height > 0).then_some(Picture { lossless: false, width, height, alpha: false })
    }

    /// RFC 9649 section 3.4: signature, two sizes less one, the hint of transparency, version 0.
    fn parse_lossless(content: &[u8]) -> Option<Picture> {
        let &[0x2F, b0, b1, b2, b3, ..] = content else {
            return None;
        };
        let bits = u32::from_le_bytes([b0, b1, b2, b3]);
        (bits >> 29 == 0).then_some(Picture {
            lossless: true,
            width: (bits & 0x3FFF) + 1,
            height: (bits >> 14 & 0x3FFF) + 1,
            alpha: bits >> 28 & 1 == 1,
        })
    }
}

fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (name, content) in chunks {
            body.extend_from_slice(*name);
            body.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            body.extend_from_slice(content);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    /// A header of 300 by 2 pixels, of a first partition of one byte.
    const LOSSY: [u8; 12] = [0x30, 0, 0, 0x9D, 1, 0x2A, 0x2C, 0x41, 2, 0xC0, 0, 0];
    const LOSSLESS: [u8; 5] = [0x2F, 0x2B, 0x41, 0, 0x10];
    const EXTENDED: [u8; 10] = [0x10, 0, 0, 0, 0x2B, 1, 0, 1, 0, 0];

    #[test]
    fn all_three_layouts_give_the_size() {
        for chunks in [
            &[(b"VP8 ", &LOSSY[..])][..],
            &[(b"VP8L", &LOSSLESS)],
            &[(b"VP8X", &EXTENDED), (b"odd ", b"x"), (b"none", b""), (b"VP8L", &LOSSLESS)],
        ] {
            let bytes = file(chunks);
            assert!(is_webp(&bytes));
            assert_eq!(size(&bytes), Ok((300, 2)));
        }
    }

    #[test]
    fn a_header_that_no_decoder_takes_is_refused() {
        let changed = |at: usize, value: u8| {
            let mut bytes = LOSSY;
            bytes[at] = value;
            size(&file(&[(b"VP8 ", &bytes)]))
        };
        // An interframe, an unknown version, a hidden frame, a first partition that fills the chunk.
        for tag in [0x31, 0x38, 0x20, 0x50] {
            assert_eq!(changed(0, tag), Err(WebpError::Picture), "{tag:02X}");
        }
        assert_eq!(changed(3, 0), Err(WebpError::Picture));
        assert_eq!(changed(8, 0), Err(WebpError::Picture), "no height");
        for bytes in [[0x2E, 0, 0, 0, 0], [0x2F, 0, 0, 0, 0x20]] {
            assert_eq!(size(&file(&[(b"VP8L", &bytes)])), Err(WebpError::Picture));
        }
        assert_eq!(size(&file(&[(b"VP8L", &LOSSLESS[..4])])), Err(WebpError::Picture));
    }

    #[test]
    fn a_file_of_another_layout_is_refused_by_name() {
        let extended = |chunks: &[(&[u8; 4], &[u8])]| size(&file(&[&[(b"VP8X", &EXTENDED[..])], chunks].concat()));
        assert_eq!(size(&file(&[(b"ALPH", b"")])), Err(WebpError::FirstChunk));
        assert_eq!(size(&file(&[(b"VP8X", &EXTENDED[1..])])), Err(WebpError::ExtendedHeader));
        assert_eq!(size(&file(&[(b"VP8X", &[2; 10])])), Err(WebpError::Animation));
        assert_eq!(extended(&[(b"ANMF", b"")]), Err(WebpError::Animation));
        assert_eq!(extended(&[]), Err(WebpError::NoPicture));
        assert_eq!(extended(&[(b"VP8L", &[0x2F, 0, 0, 0, 0])]), Err(WebpError::Size));
        assert_eq!(extended(&vec![(b"none", &b""[..]); MAX_CHUNKS]), Err(WebpError::TooManyChunks));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let bytes = file(&[(b"VP8X", &EXTENDED), (b"VP8L", &LOSSLESS)]);
        for len in 12..bytes.len() {
            assert_eq!(size(&bytes[..len]), Err(WebpError::CutOff), "{len}");
        }
        for (at, limit) in [(4, bytes.len() - 7), (34, 7)] {
            for len in [u32::MAX, u32::MAX - 7, u32::try_from(limit).unwrap()] {
                let mut lying = bytes.clone();
                lying[at..at + 4].copy_from_slice(&len.to_le_bytes());
                assert_eq!(size(&lying), Err(WebpError::CutOff), "{len} at {at}");
            }
        }
        for len in 0..12u8 {
            let mut lying = bytes.clone();
            lying[4] = len;
            assert_eq!(size(&lying), Err(WebpError::CutOff), "{len}");
        }
    }

    #[test]
    fn the_last_padding_may_be_missing() {
        let mut bytes = file(&[(b"VP8L", &LOSSLESS)]);
        bytes.pop();
        bytes[4] -= 1;
        assert_eq!(size(&bytes), Ok((300, 2)));
    }
}
