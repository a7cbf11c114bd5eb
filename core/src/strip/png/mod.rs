//! PNG, rebuilt from the chunks that decide the picture (W3C PNG third edition).

mod deflate;
mod kept;
mod pixels;
mod profile;

use super::pieces::Pieces;
use super::{Removed, Report, StripError};
use crate::photo::Photo;
use crate::photo::png::{Chunk, Chunks, Header, PngError};
use kept::Kept;
use pixels::Pixels;

/// The chunks that decoders must understand and that are understood.
const CRITICAL: [&[u8; 4]; 4] = [b"IHDR", b"PLTE", b"IDAT", b"IEND"];

/// Rebuilds a PNG out of slices of `input`.
pub(super) fn rebuild<'a>(input: &'a [u8], report: &mut Report) -> Result<Pieces<'a>, StripError> {
    let mut chunks = Chunks::new(input);
    let header = Header::read(&mut chunks)?;
    let mut out = Pieces::default();
    out.borrow(input.get(..chunks.position()).unwrap_or_default())?;
    let mut kept = Kept::new(header);
    let mut pixels = Pixels::new(input, header);
    loop {
        let start = chunks.position();
        let chunk = chunks.next_chunk()?;
        check_critical(&chunk)?;
        match &chunk.name {
            b"IHDR" => return Err(PngError::SecondHeader.into()),
            b"IDAT" => {
                kept.pixels_begin()?;
                pixels.add(&chunk, start, report)?;
            }
            b"IEND" => {
                if !chunk.data.is_empty() {
                    report.add(Removed::StrayBytes);
                }
                break;
            }
            _ => kept.read(&chunk, report)?,
        }
    }
    if !chunks.rest().is_empty() {
        report.add(Removed::Trailer);
    }
    if Photo::parse(chunks.rest()).is_ok() {
        report.add(Removed::FurtherPictures);
    }
    kept.write(&mut out)?;
    pixels.write(&mut out)?;
    chunk(&mut out, b"IEND", &[])?;
    Ok(out)
}

/// A critical chunk that is unknown or damaged makes decoders give up.
fn check_critical(chunk: &Chunk<'_>) -> Result<(), PngError> {
    if !chunk.is_critical() {
        return Ok(());
    }
    if !CRITICAL.contains(&&chunk.name) {
        return Err(PngError::UnknownChunk(chunk.name));
    }
    if chunk.is_sound() { Ok(()) } else { Err(PngError::Checksum(chunk.name)) }
}

/// Writes a rebuilt chunk.
fn chunk(out: &mut Pieces<'_>, name: &[u8; 4], data: &[u8]) -> Result<(), StripError> {
    chunk_start(out, name, data.len())?;
    out.build(data)?;
    chunk_end(out, name, data)
}

fn chunk_start(out: &mut Pieces<'_>, name: &[u8; 4], len: usize) -> Result<(), StripError> {
    let len = u32::try_from(len).map_err(|_| StripError::Grew)?;
    out.build(&len.to_be_bytes())?;
    out.build(name)
}

fn chunk_end(out: &mut Pieces<'_>, name: &[u8; 4], data: &[u8]) -> Result<(), StripError> {
    out.build(&crate::photo::png::checksum(name, data).to_be_bytes())
}
