//! What an inspector says on its standard output: one CBOR map (RFC 8949).
//!
//! `{1: 0, 2: content type, 3: width, 4: height, 5: thumbnail or marked picture}` or `{1: failure}`.

use ciborium::Value;

/// An inspector's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The picture passed.
    Passed { content_type: String, width: u32, height: u32, thumbnail: Vec<u8> },
    /// It did not.
    Refused(Failure),
}

/// Why it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    StripChangesIt,
    NotDecodable,
    TooLarge,
    NoSandbox,
}

impl Failure {
    const ALL: [(i64, Failure); 4] =
        [(1, Failure::StripChangesIt), (2, Failure::NotDecodable), (3, Failure::TooLarge), (4, Failure::NoSandbox)];

    fn number(self) -> i64 {
        Self::ALL.iter().find(|(_, failure)| *failure == self).map_or(0, |(number, _)| *number)
    }
}

/// Nothing in an answer is nested deeper.
const MAX_DEPTH: usize = 4;

impl Answer {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let fields = match self {
            Answer::Refused(failure) => vec![Value::from(failure.number())],
            Answer::Passed { content_type, width, height, thumbnail } => vec![
                Value::from(0),
                Value::from(content_type.as_str()),
                Value::from(*width),
                Value::from(*height),
                Value::from(thumbnail.as_slice()),
            ],
        };
        let map = (1i64..).zip(fields).map(|(key, value)| (Value::from(key), value)).collect();
        let mut bytes = Vec::new();
        // Writing to memory does not fail; an empty answer would be read as malformed.
        let _ = ciborium::into_writer(&Value::Map(map), &mut bytes);
        bytes
    }

    /// `None` for everything that [`to_bytes`](Self::to_bytes) does not write.
    pub(super) fn parse(bytes: &[u8]) -> Option<Answer> {
        let value = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH).ok()?;
        let answer = Self::from_value(value)?;
        (answer.to_bytes() == bytes).then_some(answer)
    }

    fn from_value(value: Value) -> Option<Answer> {
        let fields: Vec<Value> = value.into_map().ok()?.into_iter().map(|(_, value)| value).collect();
        match <[Value; 5]>::try_from(fields) {
            Ok([_, content_type, width, height, thumbnail]) => Some(Answer::Passed {
                content_type: content_type.into_text().ok()?,
                width: width.as_integer()?.try_into().ok()?,
                height: height.as_integer()?.try_into().ok()?,
                thumbnail: thumbnail.into_bytes().ok()?,
            }),
            Err(fields) => {
                let number = i64::try_from(fields.first()?.as_integer()?).ok()?;
                let (_, failure) = *Failure::ALL.iter().find(|(known, _)| *known == number)?;
                Some(Answer::Refused(failure))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let passed =
            Answer::Passed { content_type: "image/jpeg".into(), width: 4000, height: 3000, thumbnail: vec![1, 2, 3] };
        assert_eq!(Answer::parse(&passed.to_bytes()), Some(passed));
        for (_, failure) in Failure::ALL {
            let bytes = Answer::Refused(failure).to_bytes();
            assert_eq!(Answer::parse(&bytes), Some(Answer::Refused(failure)));
            assert_eq!(Answer::parse(&[&bytes[..], &[0]].concat()), None);
        }
        for bytes in [&[][..], b"\xA1\x01\x05", b"\xA1\x02\x01", b"\xBF\x01\x01\xFF", b"garbage"] {
            assert_eq!(Answer::parse(bytes), None);
        }
        assert_eq!(Answer::parse(&[0x81; 4000]), None);
    }
}
