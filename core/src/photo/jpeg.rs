//! JPEG's own nouns (ITU-T T.81, annex B): markers, segments, the frame header.

/// Start of image.
pub(crate) const SOI: u8 = 0xD8;
/// End of image.
pub(crate) const EOI: u8 = 0xD9;
/// Start of scan.
pub(crate) const SOS: u8 = 0xDA;
/// Define quantisation tables.
pub(crate) const DQT: u8 = 0xDB;
/// Define number of lines.
pub(crate) const DNL: u8 = 0xDC;
/// Define restart interval.
pub(crate) const DRI: u8 = 0xDD;
/// Define hierarchical progression.
pub(crate) const DHP: u8 = 0xDE;
/// Expand reference components.
pub(crate) const EXP: u8 = 0xDF;
/// Define Huffman tables.
pub(crate) const DHT: u8 = 0xC4;
/// Define arithmetic coding conditioning.
pub(crate) const DAC: u8 = 0xCC;
/// First and last restart marker.
pub(crate) const RST0: u8 = 0xD0;
/// See [`RST0`].
pub(crate) const RST7: u8 = 0xD7;
/// For temporary use in arithmetic coding: stands alone, means nothing here.
pub(crate) const TEM: u8 = 0x01;
/// First application segment.
pub(crate) const APP0: u8 = 0xE0;
/// Last application segment.
pub(crate) const APP15: u8 = 0xEF;
/// Comment.
pub(crate) const COM: u8 = 0xFE;

/// The most segments that are walked: every one costs time, none costs memory.
pub const MAX_SEGMENTS: usize = 8192;

/// Why a JPEG is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The file ends before the end of image: a part of the picture may be missing.
    #[error("the JPEG is cut off: it ends before its end marker; take the picture again")]
    CutOff,
    /// A segment's length is impossible.
    #[error("the JPEG is damaged: the length of segment 0x{0:02X} is impossible")]
    SegmentLength(u8),
    /// More segments than are walked.
    #[error("the JPEG has more segments than are taken")]
    TooManySegments,
    /// A marker that T.81 reserves.
    #[error("the JPEG is damaged: 0x{0:02X} is no marker of a picture")]
    UnknownMarker(u8),
    /// A second start of image inside the first.
    #[error("the JPEG is damaged: a second picture starts inside the first")]
    NestedStart,
    /// No frame header before the first scan or the end.
    #[error("the JPEG has no frame header")]
    NoFrame,
    /// Two frame headers.
    #[error("the JPEG has two frame headers")]
    SecondFrame,
    /// The frame header contradicts itself.
    #[error("the JPEG's frame header is damaged")]
    Frame,
    /// No scan.
    #[error("the JPEG has no scan, so no pixels")]
    NoScan,
    /// A scan header that does not fit its frame.
    #[error("a scan header of the JPEG is damaged")]
    Scan,
    /// A second scan of what a sequential process codes once.
    #[error("the JPEG holds a second picture in further scans; ask the camera for an ordinary JPEG")]
    SecondScan,
    /// Scan data that no encoder writes.
    #[error("the scan data of the JPEG is damaged; take the picture again")]
    ScanData,
    /// A quantisation or Huffman table that cannot be read.
    #[error("a table of the JPEG is damaged or missing")]
    Table,
    /// A restart interval that cannot be read.
    #[error("the restart interval of the JPEG is damaged")]
    RestartInterval,
    /// Lossless process (SOF3).
    #[error("lossless JPEG is not taken; ask the camera for an ordinary JPEG")]
    Lossless,
    /// Arithmetic coding (SOF9 to SOF15).
    #[error("arithmetic-coded JPEG is not taken; ask the camera for an ordinary JPEG")]
    Arithmetic,
    /// Hierarchical process (SOF5 to SOF7, DHP, EXP).
    #[error("hierarchical JPEG is not taken; ask the camera for an ordinary JPEG")]
    Hierarchical,
    /// JPEG-LS (ITU-T T.87).
    #[error("JPEG-LS is not taken; ask the camera for an ordinary JPEG")]
    JpegLs,
    /// A sample precision other than 8 bits.
    #[error("JPEG with {0} bits a sample is not taken; ask the camera for 8 bits")]
    Precision(u8),
    /// A number of components other than 1, 3 or 4.
    #[error("JPEG with {0} components is not taken; ask the camera for colour or grey")]
    Components(u8),
    /// The height stands behind the scan (DNL).
    #[error("JPEG that tells its height only at the end is not taken")]
    LateHeight,
}

impl JpegError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            JpegError::CutOff => "jpeg-cut-off",
            JpegError::SegmentLength(_) => "jpeg-segment-length",
            JpegError::TooManySegments => "jpeg-too-many-segments",
            JpegError::UnknownMarker(_) => "jpeg-unknown-marker",
            JpegError::NestedStart => "jpeg-nested-start",
            JpegError::NoFrame => "jpeg-no-frame",
            JpegError::SecondFrame => "jpeg-second-frame",
            JpegError::Frame => "jpeg-frame",
            JpegError::NoScan => "jpeg-no-scan",
            JpegError::Scan => "jpeg-scan",
            JpegError::SecondScan => "jpeg-second-scan",
            JpegError::ScanData => "jpeg-scan-data",
            JpegError::Table => "jpeg-table",
            JpegError::RestartInterval => "jpeg-restart-interval",
            JpegError::Lossless => "jpeg-lossless",
            JpegError::Arithmetic => "jpeg-arithmetic",
            JpegError::Hierarchical => "jpeg-hierarchical",
            JpegError::JpegLs => "jpeg-ls",
            JpegError::Precision(_) => "jpeg-precision",
            JpegError::Components(_) => "jpeg-components",
            JpegError::LateHeight => "jpeg-late-height",
        }
    }
}

/// Walks markers and segments as decoders do: bytes that belong to no segment are skipped.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
    seen: usize,
    /// Bytes skipped because they belong to no segment (fill bytes do not count).
    pub(crate) stray: usize,
}

impl<'a> Segments<'a> {
    /// Starts behind the start of image.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Segments { bytes, at: 2, seen: 0, stray: 0 }
    }

    /// The next marker's code. Stray bytes, fill bytes and markers that mean nothing are skipped.
    pub(crate) fn next_marker(&mut self) -> Result<u8, JpegError> {
        loop {
            let rest = self.rest();
            let stray = memchr::memchr(0xFF, rest).ok_or(JpegError::CutOff)?;
            let marked = rest.get(stray..).unwrap_or_default();
            let fill = marked.iter().take_while(|byte| **byte == 0xFF).count();
            let code = *marked.get(fill).ok_or(JpegError::CutOff)?;
            self.stray += stray;
            self.at += stray + fill + 1;
            self.seen += 1;
            match code {
                0 | TEM | RST0..=RST7 => self.stray += 2,
                _ if self.seen > MAX_SEGMENTS => return Err(JpegError::TooManySegments),
                _ => return Ok(code),
            }
        }
    }

    /// The content of the segment whose marker was just read, without marker and length.
    pub(crate) fn content(&mut self, marker: u8) -> Result<&'a [u8], JpegError> {
        let rest = self.rest();
        let (len, _) = rest.split_first_chunk::<2>().ok_or(JpegError::CutOff)?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len < 2 {
            return Err(JpegError::SegmentLength(marker));
        }
        let content = rest.get(2..len).ok_or(JpegError::CutOff)?;
        self.at += len;
        Ok(content)
    }

    /// Where the walk stands, from the start of the file.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// A stretch that has been walked.
    pub(crate) fn walked(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// What has not been walked yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes on behind `len` bytes, which the caller has read from [`Segments::rest`].
    pub(crate) fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.bytes.len());
    }
}

/// The frame header (T.81 B.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) progressive: bool,
    components: [Component; MAX_COMPONENTS],
    count: usize,
}

/// One colour component of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u8,
    pub(crate) horizontal: u8,
    pub(crate) vertical: u8,
    pub(crate) quantisation_table: u8,
}

const MAX_COMPONENTS: usize = 4;

impl Frame {
    /// Reads a frame header; `marker` is one that [`refuse_process`] let pass.
    pub(crate) fn parse(marker: u8, content: &[u8]) -> Result<Frame, JpegError> {
        let &[precision, h1, h0, w1, w0, count, ref listed @ ..] = content else {
            return Err(JpegError::Frame);
        };
        if precision != 8 {
            return Err(JpegError::Precision(precision));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(JpegError::Components(count));
        }
        let count = usize::from(count);
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if height == 0 {
            return Err(JpegError::LateHeight);
        }
        if width == 0 || listed.len() != count * 3 {
            return Err(JpegError::Frame);
        }
        let mut components = [Component::default(); MAX_COMPONENTS];
        for (component, entry) in components.iter_mut().zip(listed.chunks_exact(3)) {
            let &[id, sampling, quantisation_table] = entry else {
                return Err(JpegError::Frame);
            };
            let (horizontal, vertical) = (sampling >> 4, sampling & 0x0F);
            let sound = (1..=4).contains(&horizontal) && (1..=4).contains(&vertical) && quantisation_table < 4;
            if !sound {
                return Err(JpegError::Frame);
            }
            *component = Component { id, horizontal, vertical, quantisation_table };
        }
        Ok(Frame { width, height, progressive: marker == 0xC2, components, count })
    }

    /// The components in the frame's order.
    pub(crate) fn components(&self) -> &[Component] {
        self.components.get(..self.count).unwrap_or_default()
    }
}

/// Whether a marker is a frame header of a process that is taken.
///
/// # Errors
/// The process by name when it is not taken.
pub(crate) fn is_frame(marker: u8) -> Result<bool, JpegError> {
    match marker {
        0xC0..=0xC2 => Ok(true),
        0xC3 => Err(JpegError::Lossless),
        0xC5..=0xC7 | DHP | EXP => Err(JpegError::Hierarchical),
        0xC9..=0xCB | 0xCD..=0xCF => Err(JpegError::Arithmetic),
        0xF7 => Err(JpegError::JpegLs),
        DNL => Err(JpegError::LateHeight),
        SOI => Err(JpegError::NestedStart),
        DHT | DAC | SOS | DQT | DRI | EOI | APP0..=APP15 | COM => Ok(false),
        _ => Err(JpegError::UnknownMarker(marker)),
    }
}

/// The frame header, found without looking at any scan.
pub(super) fn find_frame(bytes: &[u8]) -> Result<Frame, JpegError> {
    let mut segments = Segments::new(bytes);
    loop {
        let marker = segments.next_marker()?;
        if is_frame(marker)? {
            return Frame::parse(marker, segments.content(marker)?);
        }
        if marker == SOS || marker == EOI {
            return Err(JpegError::NoFrame);
        }
        segments.content(marker)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_and_fill_bytes_are_skipped_as_decoders_do() {
        let bytes = [0xFF, SOI, 7, 7, 0xFF, 0, 9, 0xFF, 0xFF, 0xFF, COM, 0, 3, b'x'];
        let mut segments = Segments::new(&bytes);
        assert_eq!(segments.next_marker(), Ok(COM));
        assert_eq!(segments.content(COM), Ok(&b"x"[..]));
        assert_eq!(segments.walked(9, segments.position()), &[0xFF, COM, 0, 3, b'x']);
        assert_eq!(segments.stray, 5);
        assert_eq!(segments.next_marker(), Err(JpegError::CutOff));
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        for (len, expected) in [
            (0u16, JpegError::SegmentLength(COM)),
            (1, JpegError::SegmentLength(COM)),
            (4, JpegError::CutOff),
            (u16::MAX, JpegError::CutOff),
        ] {
            let bytes = [&[0xFF, SOI, 0xFF, COM][..], &len.to_be_bytes(), b"x"].concat();
            let mut segments = Segments::new(&bytes);
            assert_eq!(segments.next_marker(), Ok(COM));
            assert_eq!(segments.content(COM), Err(expected));
        }
    }

    #[test]
    fn processes_that_are_not_taken_are_named() {
        for (marker, expected) in [
            (0xC3, JpegError::Lossless),
            (0xC7, JpegError::Hierarchical),
            (0xC9, JpegError::Arithmetic),
            (0xF7, JpegError::JpegLs),
            (0xC8, JpegError::UnknownMarker(0xC8)),
            (SOI, JpegError::NestedStart),
        ] {
            assert_eq!(is_frame(marker), Err(expected));
        }
    }

    #[test]
    fn a_frame_header_must_fit_itself() {
        let good = [8, 0, 2, 0, 3, 1, 1, 0x11, 0];
        let frame = Frame::parse(0xC2, &good).unwrap();
        assert_eq!((frame.width, frame.height, frame.progressive), (3, 2, true));
        let changed = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Frame::parse(0xC0, &bytes)
        };
        assert_eq!(changed(0, 12), Err(JpegError::Precision(12)));
        assert_eq!(changed(2, 0), Err(JpegError::LateHeight));
        assert_eq!(changed(4, 0), Err(JpegError::Frame));
        assert_eq!(changed(5, 2), Err(JpegError::Components(2)));
        assert_eq!(changed(5, 3), Err(JpegError::Frame));
        assert_eq!(changed(7, 0x50), Err(JpegError::Frame));
        assert_eq!(changed(8, 4), Err(JpegError::Frame));
    }
}
