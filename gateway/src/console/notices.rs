//! What has just been done, for the next page of whoever did it.
//!
//! Attacker: whoever leads somebody to an address so that a page says what was not done. It is kept here for a session, by what the session's own form has
//! done, and no address carries it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clinic::sessions::SessionId;

/// Kept at once. Whoever never looks at the next page keeps one until there are so many.
const MAX_KEPT: usize = 1024;

/// By session.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<HashMap<SessionId, &'static str>>);

impl Notices {
    /// For the next page of this session, instead of what there was.
    pub(super) fn keep(&self, session: SessionId, words: &'static str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(session, words);
    }

    /// Once.
    pub(super) fn take(&self, session: &SessionId) -> Option<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_to_whoever_did_it_and_bounded() {
        let notices = Notices::default();
        notices.keep([1; 32], "done");
        assert_eq!(notices.take(&[2; 32]), None, "nobody else's");
        assert_eq!((notices.take(&[1; 32]), notices.take(&[1; 32])), (Some("done"), None));
        for number in 0..10_000_u16 {
            let mut session = [0; 32];
            session[..2].copy_from_slice(&number.to_be_bytes());
            notices.keep(session, "done");
        }
        assert!(notices.0.lock().unwrap().len() <= MAX_KEPT);
    }
}
