//! Text that people will read on a screen, a terminal or paper.

/// Whether `text` is one line that shows as it is: no control characters, no line or paragraph separators, nothing
/// that turns the writing direction or is invisible at its ends.
pub(crate) fn is_one_line(text: &str) -> bool {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !text.is_empty() && text.trim() == text && !text.contains(deceives)
}

#[cfg(test)]
mod tests {
    use super::is_one_line;

    #[test]
    fn names_pass_and_tricks_do_not() {
        for text in ["Room 3", "Müller", "王小明", "محمد", "O'Neill-García", "👁"] {
            assert!(is_one_line(text), "{text}");
        }
        for text in ["", " a", "a ", "a\nb", "a\tb", "a\0b", "\u{1b}[31m", "a\u{202e}b", "a\u{2028}b", "\u{feff}a"] {
            assert!(!is_one_line(text), "{text:?}");
        }
    }
}
