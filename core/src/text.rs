//! Text that people will read on a screen, a terminal or paper.

/// Whether `text` is one line that shows as it is: no control characters, no line or paragraph separators, nothing
/// that turns the writing direction or is invisible at its ends.
#[must_use]
pub fn is_one_line(text: &str) -> bool {
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || is_invisible(c)
    };
    !text.is_empty() && text.trim() == text && !text.contains(deceives)
}

/// Characters that show nothing (Unicode's Default_Ignorable_Code_Point), with which one visible number could be several. The two joiners and
/// the variation selectors stay allowed: names in Persian and Hindi, and emoji, need them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::is_one_line;

    #[test]
    fn names_pass_and_tricks_do_not() {
        for text in ["Room 3", "Müller", "王小明", "محمد", "O'Neill-García", "👁"] {
            assert!(is_one_line(text), "{text}");
        }
        for text in [
            "",
            " a",
            "a ",
            "a\nb",
            "a\tb",
            "a\0b",
            "\u{1b}[31m",
            "a\u{202e}b",
            "a\u{2028}b",
            "\u{feff}a",
            "7\u{200b}7",
            "7\u{ad}7",
            "7\u{3164}",
        ] {
            assert!(!is_one_line(text), "{text:?}");
        }
    }
}
