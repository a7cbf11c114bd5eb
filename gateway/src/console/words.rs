//! A reason in somebody's own words, as forms ask for it: long enough to say something, short enough to be kept.

/// Shortest, in characters. A full stop is no reason.
const MIN_CHARS: usize = 10;

/// Longest, in bytes: whatever fits into a page's widest field, of 1,024 UTF-16 units, none of which takes more than three.
pub(super) const MAX_LEN: usize = 3 * 1024;

/// What somebody has typed, as it is kept: without what stands around it, and without what plays with a page or a terminal (control characters, and those
/// that turn the direction of what follows). Lines end in one way.
pub(super) fn plain(typed: &str) -> String {
    let turns = |it: char| matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_shown = |it: &char| {
        matches!(it, '\n' | '\t') || !(it.is_control() || turns(*it) || matches!(it, '\u{2028}' | '\u{2029}'))
    };
    typed.trim().replace("\r\n", "\n").chars().filter(is_shown).collect()
}

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
        let words = plain(typed);
        (words.chars().count() >= MIN_CHARS && words.len() <= MAX_LEN).then_some(Self(words))
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
    fn what_plays_with_a_page_or_a_terminal_is_not_kept() {
        assert_eq!(plain("  the left\r\none\0\u{1b}[31m \u{202e}live\u{2066}\u{200b} \n"), "the left\none[31m live");
        assert_eq!(
            plain("Gr\u{fc}\u{df}e \u{0645}\u{0631}\u{062d}\u{0628}\u{0627} \u{1f44b}"),
            "Gr\u{fc}\u{df}e \u{0645}\u{0631}\u{062d}\u{0628}\u{0627} \u{1f44b}"
        );
        assert!(
            Reason::parse("\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}\u{202e}")
                .is_none()
        );
    }

    #[test]
    fn a_reason_says_something_and_is_bounded() {
        assert_eq!(Reason::parse("  covers for a colleague \n").unwrap().as_str(), "covers for a colleague");
        assert!(Reason::parse(&"\u{20ac}".repeat(1024)).is_some(), "what a page's field takes");
        for none in ["", "because", "         .         ", &"x".repeat(MAX_LEN + 1)] {
            assert!(Reason::parse(none).is_none(), "{none}");
        }
    }
}
