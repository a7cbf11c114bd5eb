//! The image data: inflated in constant memory, only to learn where it ends and that it holds the rows of
//! the picture and nothing else.

use std::ops::Range;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

use super::super::pieces::Pieces;
use super::super::{Removed, Report, StripError};
use crate::photo::png::{Chunk, Header, Pass, PngError};

/// The last filter type (section 9.2).
const LAST_FILTER: u8 = 4;

/// The IDAT chunks that hold the picture.
pub(super) struct Pixels<'a> {
    input: &'a [u8],
    kept: Pieces<'a>,
    /// Chunks that are kept as they stand: neighbours make one piece.
    run: Range<usize>,
    /// Where the last IDAT ended.
    end: Option<usize>,
    stream: Stream,
}

impl<'a> Pixels<'a> {
    pub(super) fn new(input: &'a [u8], header: Header) -> Self {
        Pixels { input, kept: Pieces::default(), run: 0..0, end: None, stream: Stream::new(header) }
    }

    /// Takes the IDAT that begins at `start`. What lies behind the end of the stream is left out.
    pub(super) fn add(&mut self, chunk: &Chunk<'a>, start: usize, report: &mut Report) -> Result<(), StripError> {
        if self.end.is_some_and(|end| end != start) {
            return Err(PngError::ScatteredData.into());
        }
        let end = start + chunk.whole.len();
        self.end = Some(end);
        let taken = self.stream.inflate(chunk.data)?;
        if taken < chunk.data.len() || taken == 0 {
            report.add(Removed::StrayBytes);
        }
        if taken == 0 {
            return Ok(());
        }
        if taken == chunk.data.len() {
            if self.run.end != start {
                self.end_run()?;
                self.run.start = start;
            }
            self.run.end = end;
            return Ok(());
        }
        self.end_run()?;
        let data = chunk.data.get(..taken).unwrap_or_default();
        super::chunk_start(&mut self.kept, &chunk.name, data.len())?;
        self.kept.borrow(data)?;
        super::chunk_end(&mut self.kept, &chunk.name, data)
    }

    /// Writes the chunks once the whole picture is there.
    pub(super) fn write(mut self, out: &mut Pieces<'a>) -> Result<(), StripError> {
        if self.end.is_none() {
            return Err(PngError::NoPixels.into());
        }
        self.stream.finish()?;
        self.end_run()?;
        out.append(&self.kept, 0, self.kept.len())
    }

    fn end_run(&mut self) -> Result<(), StripError> {
        let run = std::mem::take(&mut self.run);
        self.kept.borrow(self.input.get(run).unwrap_or_default())
    }
}

/// The zlib stream (RFC 1950) that the IDAT chunks make together.
struct Stream {
    inflater: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    /// Whether the window has been filled once, so that the stream may refer to all of it.
    wrapped: bool,
    ended: bool,
    rows: Rows,
}

impl Stream {
    fn new(header: Header) -> Self {
        Stream {
            inflater: Box::default(),
            window: vec![0; TINFL_LZ_DICT_SIZE],
            at: 0,
            wrapped: false,
            ended: false,
            rows: Rows::new(header),
        }
    }

    /// Goes on with the stream; returns how many of the bytes belong to it.
    fn inflate(&mut self, data: &[u8]) -> Result<usize, PngError> {
        let mut taken = 0;
        while !self.ended {
            let rest = data.get(taken..).unwrap_or_default();
            let bounds = if self.wrapped { 0 } else { TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF };
            let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_HAS_MORE_INPUT | bounds;
            let (status, read, written) = decompress(&mut self.inflater, rest, &mut self.window, self.at, flags);
            taken += read;
            self.rows.read(self.window.get(self.at..self.at + written).unwrap_or_default())?;
            self.at += written;
            if self.at == self.window.len() {
                (self.at, self.wrapped) = (0, true);
            }
            match status {
                TINFLStatus::Done => self.ended = true,
                TINFLStatus::HasMoreOutput if written > 0 => {}
                TINFLStatus::NeedsMoreInput => break,
                _ => return Err(PngError::Data),
            }
        }
        Ok(taken)
    }

    /// Whether the stream has ended, and with the last row.
    fn finish(&mut self) -> Result<(), PngError> {
        let complete = self.ended && self.rows.left == 0 && self.rows.next_row().is_none();
        if complete { Ok(()) } else { Err(PngError::MissingData) }
    }
}

/// The rows that the stream must hold.
struct Rows {
    passes: Box<dyn Iterator<Item = Pass>>,
    pass: Pass,
    /// Bytes that are missing from the current row.
    left: u64,
}

impl Rows {
    fn new(header: Header) -> Self {
        Rows { passes: Box::new(header.passes()), pass: Pass::default(), left: 0 }
    }

    /// Takes inflated bytes.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), PngError> {
        while let Some(first) = bytes.first() {
            if self.left == 0 {
                self.left = self.next_row().ok_or(PngError::SurplusData)?;
                if *first > LAST_FILTER {
                    return Err(PngError::Data);
                }
            }
            let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.left -= len as u64;
            bytes = bytes.get(len..).unwrap_or_default();
        }
        Ok(())
    }

    /// Begins the next row and returns its length in bytes.
    fn next_row(&mut self) -> Option<u64> {
        if self.pass.rows == 0 {
            self.pass = self.passes.next()?;
        }
        self.pass.rows -= 1;
        Some(self.pass.row_len)
    }
}
