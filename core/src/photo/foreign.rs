//! Formats that are recognised only to be refused by name.

/// A file format that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// HEIF with HEVC, an iPhone's default.
    Heic,
    /// HEIF with AV1.
    Avif,
    /// GIF.
    Gif,
    /// TIFF, and the raw formats that are built on it (DNG, NEF, CR2, ARW).
    Tiff,
    /// A maker's raw format.
    Raw,
    /// BMP.
    Bmp,
    /// JPEG XL.
    JpegXl,
    /// JPEG 2000.
    Jpeg2000,
    /// SVG or another XML text.
    Svg,
    /// PDF.
    Pdf,
    /// Photoshop.
    Psd,
    /// DICOM.
    Dicom,
    /// A film: MP4, QuickTime, Matroska, AVI.
    Video,
    /// ZIP and what is built on it.
    Zip,
}

impl Foreign {
    /// Recognises a format by its first bytes.
    pub(super) fn recognise(bytes: &[u8]) -> Option<Foreign> {
        const MAGIC: &[(usize, &[u8], Foreign)] = &[
            (8, b"AVI ", Foreign::Video),
            (0, b"GIF8", Foreign::Gif),
            (0, b"II*\0", Foreign::Tiff),
            (0, b"MM\0*", Foreign::Tiff),
            (0, b"II+\0", Foreign::Tiff),
            (0, b"MM\0+", Foreign::Tiff),
            (0, b"IIRO", Foreign::Raw),
            (0, b"IIRS", Foreign::Raw),
            (0, b"IIU\0", Foreign::Raw),
            (0, b"FUJIFILMCCD-RAW", Foreign::Raw),
            (4, b"ftypcrx ", Foreign::Raw),
            (0, b"BM", Foreign::Bmp),
            (0, b"\xFF\x0A", Foreign::JpegXl),
            (0, b"\0\0\0\x0CJXL ", Foreign::JpegXl),
            (0, b"\xFF\x4F\xFF\x51", Foreign::Jpeg2000),
            (0, b"\0\0\0\x0CjP  ", Foreign::Jpeg2000),
            (0, b"%PDF", Foreign::Pdf),
            (0, b"8BPS", Foreign::Psd),
            (128, b"DICM", Foreign::Dicom),
            (0, b"\x1A\x45\xDF\xA3", Foreign::Video),
            (0, b"PK\x03\x04", Foreign::Zip),
            // QuickTime from before the `ftyp` box.
            (4, b"moov", Foreign::Video),
            (4, b"mdat", Foreign::Video),
            (4, b"wide", Foreign::Video),
            (4, b"skip", Foreign::Video),
            (4, b"free", Foreign::Video),
        ];
        let magic = MAGIC
            .iter()
            .find(|(at, magic, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
            .map(|(_, _, foreign)| *foreign);
        magic.or_else(|| Self::recognise_boxes(bytes)).or_else(|| Self::recognise_text(bytes))
    }

    /// XML, behind a byte order mark and white space. A photograph never begins so, whatever the text is.
    fn recognise_text(bytes: &[u8]) -> Option<Foreign> {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
        [&b"<svg"[..], b"<?xml", b"<!--", b"<!DOCTYPE"]
            .iter()
            .any(|start| text.starts_with(start))
            .then_some(Foreign::Svg)
    }

    /// ISO base media (ISO/IEC 14496-12): the brands of the `ftyp` box say what it holds.
    fn recognise_boxes(bytes: &[u8]) -> Option<Foreign> {
        if bytes.get(4..8)? != b"ftyp" {
            return None;
        }
        let len = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let end = usize::try_from(len).ok()?.clamp(8, 256).min(bytes.len());
        let brands = bytes.get(8..end)?;
        let has = |wanted: &[&[u8]]| brands.chunks_exact(4).any(|brand| wanted.contains(&brand));
        Some(if has(&[b"avif", b"avis"]) {
            Foreign::Avif
        } else if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
            Foreign::Heic
        } else {
            Foreign::Video
        })
    }

    /// The format's name, as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Foreign::Heic => "HEIC",
            Foreign::Avif => "AVIF",
            Foreign::Gif => "GIF",
            Foreign::Tiff => "TIFF or a raw format built on it",
            Foreign::Raw => "a camera's raw format",
            Foreign::Bmp => "BMP",
            Foreign::JpegXl => "JPEG XL",
            Foreign::Jpeg2000 => "JPEG 2000",
            Foreign::Svg => "SVG",
            Foreign::Pdf => "PDF",
            Foreign::Psd => "a Photoshop file",
            Foreign::Dicom => "DICOM",
            Foreign::Video => "a video",
            Foreign::Zip => "a ZIP archive",
        }
    }

    /// A stable code.
    pub fn code(self) -> &'static str {
        match self {
            Foreign::Heic => "format-heic",
            Foreign::Avif => "format-avif",
            Foreign::Gif => "format-gif",
            Foreign::Tiff => "format-tiff",
            Foreign::Raw => "format-raw",
            Foreign::Bmp => "format-bmp",
            Foreign::JpegXl => "format-jpeg-xl",
            Foreign::Jpeg2000 => "format-jpeg-2000",
            Foreign::Svg => "format-svg",
            Foreign::Pdf => "format-pdf",
            Foreign::Psd => "format-psd",
            Foreign::Dicom => "format-dicom",
            Foreign::Video => "format-video",
            Foreign::Zip => "format-zip",
        }
    }

    /// What the app should do instead.
    pub fn advice(self) -> &'static str {
        match self {
            Foreign::Heic => "ask the camera for JPEG (iOS: AVVideoCodecType.jpeg; Android: ImageFormat.JPEG)",
            Foreign::Tiff | Foreign::Raw => "switch raw capture off and ask the camera for JPEG",
            Foreign::Video => "ask the camera for a still picture as JPEG",
            Foreign::Svg | Foreign::Pdf | Foreign::Psd | Foreign::Dicom | Foreign::Zip => {
                "this is not a photograph; take the picture with the camera, as JPEG"
            }
            _ => "ask the camera for JPEG",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
        let cases: &[(&[u8], Foreign)] = &[
            (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", Foreign::Avif),
            (b"\0\0\0\x18ftypmif1\0\0\0\0heicmif1", Foreign::Heic),
            (b"\0\0\0\x14ftypisom\0\0\0\0mp42", Foreign::Video),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Foreign::Video),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", Foreign::Raw),
            (b"RIFF\x10\0\0\0AVI LIST", Foreign::Video),
            (b"GIF89a", Foreign::Gif),
            (b"II*\0\x08\0\0\0", Foreign::Tiff),
            (b"%PDF-1.7", Foreign::Pdf),
            (b"<svg xmlns='x'>", Foreign::Svg),
            (b"\xEF\xBB\xBF\r\n <?xml version='1.0'?>", Foreign::Svg),
            (b"<!DOCTYPE svg>", Foreign::Svg),
            (b"\0\0\0\x08wide\0\0\x10\0mdat", Foreign::Video),
            (&dicom, Foreign::Dicom),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Foreign::recognise(bytes), Some(*expected));
        }
    }

    #[test]
    fn a_short_or_lying_box_is_survived() {
        for len in [0u32, 1, 7, 8, u32::MAX] {
            let bytes = [&len.to_be_bytes()[..], b"ftyphe"].concat();
            assert_eq!(Foreign::recognise(&bytes), Some(Foreign::Video));
        }
    }
}
