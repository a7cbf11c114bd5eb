//! A reason in somebody's own words, as forms ask for it: long enough to say something, short enough to be kept.

/// Shortest, in characters. A full stop is no reason.
const MIN_CHARS: usize = 10;

/// Longest, in bytes: whatever fits into a page's widest field, of 1,024 UTF-16 units, none of which takes more than three.
pub(super) const MAX_LEN: usize = 3 * 1024;

/// Words that say why. They may name a patient, and are sealed wherever they are kept.
pub(super) struct Reason(String);

impl std::fmt::Debug for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reason")
    }
}

impl Reason {
    /// From a form, without what stands around it. `None` if that says too little or too much.
    pub(super) fn parse(typed: &str) -> Option<Self> {
        let words = typed.trim();
        (words.chars().count() >= MIN_CHARS && words.len() <= MAX_LEN).then(|| Self(words.to_owned()))
    }

    /// The words.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something_and_is_bounded() {
        assert_eq!(Reason::parse("  covers for a colleague \n").unwrap().as_str(), "covers for a colleague");
        assert!(Reason::parse(&"\u{20ac}".repeat(1024)).is_some(), "what a page's field takes");
        for none in ["", "because", "         .         ", &"x".repeat(MAX_LEN + 1)] {
            assert!(Reason::parse(none).is_none(), "{none}");
        }
    }
}
