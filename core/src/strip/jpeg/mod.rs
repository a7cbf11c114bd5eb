//! JPEG, rebuilt from the segments that decide the picture (ITU-T T.81; JFIF 1.02; Adobe TN 5116).

mod entropy;
mod follow;
mod header;
mod scan;
mod tables;

use super::pieces::Pieces;
use super::{Removed, Report, StripError};
use crate::photo::jpeg::{APP0, APP15, COM, DAC, DHT, DQT, DRI, EOI, Frame, JpegError, SOI, SOS, Segments, is_frame};
use entropy::Progress;
pub(super) use follow::Follow;
pub use follow::{MAX_FOLLOWED_LEN, MAX_FOLLOWED_PIXELS};
use header::Header;
use tables::{TableKind, Tables};

/// The most scans that are taken. Each makes a decoder walk the whole picture again.
pub const MAX_SCANS: usize = 100;

/// What follows the header, in the order of the file.
#[derive(Clone, Copy)]
enum Item<'a> {
    /// Kept as it stands.
    Bytes(&'a [u8]),
    /// One table without the header of its segment, kept if a scan uses it.
    Table { kind: TableKind, bytes: &'a [u8], used: bool },
    /// The restart interval from here on.
    RestartInterval(u16),
}

/// Rebuilds a JPEG out of slices of `input`.
pub(super) fn rebuild<'a>(input: &'a [u8], follow: Follow, report: &mut Report) -> Result<Pieces<'a>, StripError> {
    let mut body = Body::new(input, follow);
    let mut header = Header::default();
    loop {
        let marker = body.segments.next_marker()?;
        match marker {
            EOI => break,
            SOS => body.scan()?,
            DQT => body.tables(TableKind::Quantisation)?,
            DHT => body.tables(TableKind::Huffman)?,
            DRI => body.restart_interval()?,
            // Conditions an arithmetic coder, of which there is none in a process that is taken.
            DAC => {
                body.segments.content(marker)?;
                report.add(Removed::OtherSegments);
            }
            APP0..=APP15 | COM => {
                let content = body.segments.content(marker)?;
                header.read(marker, content, body.scans == 0, report)?;
            }
            _ => body.frame(marker)?,
        }
    }
    if body.scans == 0 {
        return Err(JpegError::NoScan.into());
    }
    name_leftovers(&body, report);
    let mut out = Pieces::default();
    out.build(&[0xFF, SOI])?;
    header.write(&mut out, report)?;
    body.write(&mut out, report)?;
    out.build(&[0xFF, EOI])?;
    Ok(out)
}

fn name_leftovers(body: &Body<'_>, report: &mut Report) {
    let trailer = body.segments.rest();
    if !trailer.is_empty() {
        report.add(Removed::Trailer);
    }
    if trailer.starts_with(&[0xFF, SOI, 0xFF]) {
        report.add(Removed::FurtherPictures);
    }
    if body.segments.stray > 0 {
        report.add(Removed::StrayBytes);
    }
}

/// Everything from the first table to the last scan.
struct Body<'a> {
    segments: Segments<'a>,
    items: Vec<Item<'a>>,
    tables: Tables,
    frame: Option<Frame>,
    restart_interval: u16,
    written_interval: u16,
    scans: usize,
    follow: Follow,
    progress: Progress,
    /// Whether a scan of a progressive picture was not followed.
    lost: bool,
    /// The components that a sequential picture has coded, by their ids.
    coded: Vec<u8>,
}

impl<'a> Body<'a> {
    fn new(input: &'a [u8], follow: Follow) -> Self {
        Body {
            segments: Segments::new(input),
            items: Vec::new(),
            tables: Tables::default(),
            frame: None,
            restart_interval: 0,
            written_interval: 0,
            scans: 0,
            follow,
            progress: Progress::default(),
            lost: false,
            coded: Vec::new(),
        }
    }

    fn frame(&mut self, marker: u8) -> Result<(), StripError> {
        if !is_frame(marker)? {
            return Err(JpegError::UnknownMarker(marker).into());
        }
        let start = self.segments.position().saturating_sub(2);
        let content = self.segments.content(marker)?;
        if self.frame.is_some() {
            return Err(JpegError::SecondFrame.into());
        }
        self.frame = Some(Frame::parse(marker, content)?);
        let whole = self.segments.walked(start, self.segments.position());
        self.push(Item::Bytes(whole))
    }

    fn tables(&mut self, kind: TableKind) -> Result<(), StripError> {
        let mut rest = self.segments.content(kind.marker())?;
        while !rest.is_empty() {
            let (slot, len) = tables::measure(kind, rest)?;
            let (bytes, after) = rest.split_at_checked(len).ok_or(JpegError::Table)?;
            self.tables.bind(kind, slot, self.items.len());
            self.push(Item::Table { kind, bytes, used: false })?;
            rest = after;
        }
        Ok(())
    }

    fn restart_interval(&mut self) -> Result<(), StripError> {
        let content = self.segments.content(DRI)?;
        let interval = content.try_into().map_err(|_| JpegError::RestartInterval)?;
        self.restart_interval = u16::from_be_bytes(interval);
        Ok(())
    }

    fn push(&mut self, item: Item<'a>) -> Result<(), StripError> {
        if self.items.len() == super::MAX_PIECES {
            return Err(StripError::TooManyPieces);
        }
        self.items.push(item);
        Ok(())
    }

    /// Neighbouring tables of one kind share a segment, so that the result never grows.
    fn write(self, out: &mut Pieces<'a>, report: &mut Report) -> Result<(), StripError> {
        let unused = |item: &Item<'_>| matches!(item, Item::Table { used: false, .. });
        if self.items.iter().any(unused) {
            report.add(Removed::UnusedTables);
        }
        let mut items = self.items.iter().filter(|item| !unused(item)).peekable();
        let mut run = Vec::new();
        while let Some(item) = items.next() {
            match *item {
                Item::Bytes(bytes) => out.borrow(bytes)?,
                Item::RestartInterval(interval) => {
                    let [high, low] = interval.to_be_bytes();
                    out.build(&[0xFF, DRI, 0, 4, high, low])?;
                }
                Item::Table { kind, bytes, .. } => {
                    run.push(bytes);
                    let joined = items
                        .peek()
                        .is_some_and(|next| matches!(next, Item::Table { kind: other, .. } if *other == kind));
                    if !joined {
                        let len = 2 + run.iter().map(|table| table.len()).sum::<usize>();
                        let len = u16::try_from(len).map_err(|_| JpegError::Table)?;
                        let [high, low] = len.to_be_bytes();
                        out.build(&[0xFF, kind.marker(), high, low])?;
                        run.drain(..).try_for_each(|table| out.borrow(table))?;
                    }
                }
            }
        }
        Ok(())
    }
}
