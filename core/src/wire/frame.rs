//! Frames: a big-endian `u32` length, then that many bytes of CBOR.

use super::WireError;
use super::limits::FRAME_PREFIX_LEN;

/// `body` with its length before it. A body is bounded by whoever encodes it, far below `u32::MAX`.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(FRAME_PREFIX_LEN.saturating_add(body.len()));
    framed.extend_from_slice(&len.to_be_bytes());
    framed.extend_from_slice(body);
    framed
}

/// Collects one frame from bytes that arrive in any pieces, never holding more than the frame.
#[derive(Debug)]
pub struct FrameReader {
    limit: usize,
    prefix: Vec<u8>,
    body: Vec<u8>,
    expected: Option<usize>,
}

impl FrameReader {
    /// A reader that refuses a body of more than `limit` bytes before it has read any of it.
    pub fn new(limit: usize) -> Self {
        Self { limit, prefix: Vec::with_capacity(FRAME_PREFIX_LEN), body: Vec::new(), expected: None }
    }

    /// Takes from the front of `input` what belongs to the frame and leaves the rest there. `Some` is the whole body.
    ///
    /// # Errors
    /// [`WireError::TooLong`] as soon as the prefix says more than the limit; [`WireError::Empty`] for a body of no bytes.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let expected = match self.expected {
            Some(expected) => expected,
            None => {
                take(&mut self.prefix, input, FRAME_PREFIX_LEN);
                let Ok(prefix) = <[u8; FRAME_PREFIX_LEN]>::try_from(self.prefix.as_slice()) else {
                    return Ok(None);
                };
                let expected = usize::try_from(u32::from_be_bytes(prefix)).map_err(|_| WireError::TooLong)?;
                if expected > self.limit {
                    return Err(WireError::TooLong);
                }
                if expected == 0 {
                    return Err(WireError::Empty);
                }
                self.expected = Some(expected);
                expected
            }
        };
        // The body grows with what arrives, not with what the prefix promises.
        take(&mut self.body, input, expected);
        if self.body.len() < expected {
            return Ok(None);
        }
        self.prefix.clear();
        self.expected = None;
        Ok(Some(std::mem::take(&mut self.body)))
    }

    /// Whether a frame has begun and is not whole: a stream that ends here was cut.
    pub fn is_mid_frame(&self) -> bool {
        !self.prefix.is_empty() || self.expected.is_some()
    }
}

fn take(into: &mut Vec<u8>, input: &mut &[u8], upto: usize) {
    let wanted = upto.saturating_sub(into.len()).min(input.len());
    let (now, later) = input.split_at(wanted);
    into.extend_from_slice(now);
    *input = later;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_survive_any_cutting(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..5), step in 1usize..50) {
            let stream: Vec<u8> = bodies.iter().flat_map(|body| frame(body)).collect();
            let mut reader = FrameReader::new(200);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                let mut piece = piece;
                while !piece.is_empty() {
                    if let Some(body) = reader.read(&mut piece).unwrap() {
                        seen.push(body);
                    }
                }
            }
            prop_assert_eq!(seen, bodies);
            prop_assert!(!reader.is_mid_frame());
        }
    }

    #[test]
    fn a_promise_beyond_the_limit_is_refused_before_its_bytes() {
        let mut reader = FrameReader::new(10);
        assert_eq!(reader.read(&mut [0, 0, 0, 11].as_slice()), Err(WireError::TooLong));
        assert_eq!(FrameReader::new(10).read(&mut [0xff; 4].as_slice()), Err(WireError::TooLong));
        assert_eq!(FrameReader::new(10).read(&mut [0; 4].as_slice()), Err(WireError::Empty));
    }
}
