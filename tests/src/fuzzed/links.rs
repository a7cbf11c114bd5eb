//! The link between the clinic process and ingest: what an ingest that was taken over could answer, and what it could be asked.

use crate::link::{Answer, Ask, MAX_LINK_FRAME};

/// Bytes as a question and as an answer: what is read has one spelling.
pub fn link_messages(bytes: &[u8]) {
    if let Ok(ask) = Ask::from_bytes(bytes) {
        assert!(bytes.len() <= MAX_LINK_FRAME);
        assert_eq!(ask.to_bytes(), bytes, "a second spelling of {ask:?}");
    }
    if let Ok(answer) = Answer::from_bytes(bytes) {
        assert!(bytes.len() <= MAX_LINK_FRAME);
        assert_eq!(answer.to_bytes(), bytes, "a second spelling of {answer:?}");
    }
}
