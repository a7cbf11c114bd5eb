//! Frames and the messages in them: cut anywhere they are the same, and what is read has one spelling.

use safelight_core::wire::limits::FRAME_PREFIX_LEN;
use safelight_core::wire::{FrameReader, Request, Response, WireError};

use super::input::Input;

/// What frames are read with here: small, so that a fuzzer reaches it.
const LIMIT: usize = 600;

/// A reader fed in pieces gives what the specification says of the whole, and holds no more than one frame.
pub fn wire_frames(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let steps: Vec<usize> = input.bytes(4).iter().map(|step| usize::from(*step) + 1).collect();
    let stream = input.rest();
    let (expected, error) = by_the_specification(stream);

    let mut reader = FrameReader::new(LIMIT);
    let mut read = Vec::new();
    let mut stopped = None;
    let mut rest = stream;
    let mut steps = steps.iter().cycle();
    'pieces: while !rest.is_empty() {
        let step = steps.next().copied().unwrap_or(1).min(rest.len());
        let (mut piece, later) = rest.split_at(step);
        rest = later;
        while !piece.is_empty() {
            let before = piece.len();
            match reader.read(&mut piece) {
                Ok(Some(body)) => read.push(body),
                Ok(None) => assert!(piece.is_empty(), "bytes were left in the middle of a frame"),
                Err(error) => {
                    stopped = Some(error);
                    break 'pieces;
                }
            }
            assert!(piece.len() < before, "nothing was taken");
        }
    }
    assert_eq!(read, expected, "other frames");
    assert_eq!(stopped, error, "another end");
    if error.is_none() {
        let whole: usize = expected.iter().map(|body| FRAME_PREFIX_LEN + body.len()).sum();
        assert_eq!(reader.is_mid_frame(), whole < stream.len());
    }
}

/// Bytes as the body of a request and of a response.
pub fn wire_messages(bytes: &[u8]) {
    if let Ok(request) = Request::from_bytes(bytes) {
        assert_eq!(request.to_bytes().as_deref(), Ok(bytes), "a second spelling of {request:?}");
    }
    if let Ok(response) = Response::from_bytes(bytes) {
        assert_eq!(response.to_bytes().as_deref(), Ok(bytes), "a second spelling of {response:?}");
    }
}

/// The frames of a whole stream, and what is wrong with the one behind them.
fn by_the_specification(mut stream: &[u8]) -> (Vec<Vec<u8>>, Option<WireError>) {
    let mut frames = Vec::new();
    while let Some((prefix, behind)) = stream.split_first_chunk::<FRAME_PREFIX_LEN>() {
        let len = u32::from_be_bytes(*prefix) as usize;
        if len > LIMIT {
            return (frames, Some(WireError::TooLong));
        }
        if len == 0 {
            return (frames, Some(WireError::Empty));
        }
        let Some((body, later)) = behind.split_at_checked(len) else { break };
        frames.push(body.to_vec());
        stream = later;
    }
    (frames, None)
}
