//! Text that people will read on a screen, a terminal or paper.

/// Whether `text` is one line that shows as it is: no control characters, no line or paragraph separators, nothing
/// that turns the writing direction or is invisible at its ends.
#[must_use]
pub fn is_one_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && shows(text)
}

/// Whether every line of `text` shows as it is, whatever spaces it begins or ends with. Lines end as on Unix or on Windows.
#[must_use]
pub fn are_lines(text: &str) -> bool {
    text.split('\n').all(|line| shows(line.strip_suffix('\r').unwrap_or(line)))
}

fn shows(line: &str) -> bool {
    !line.contains(|c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || is_invisible(c)
    })
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
    use super::{are_lines, is_one_line};

    #[test]
    fn x76_lines_may_be_several_and_none_may_lead_a_terminal_elsewhere() {
        for text in ["", "one", " one \n\n  two ", "one\r\ntwo\r\n", "\u{a0}one"] {
            assert!(are_lines(text), "{text:?}");
        }
        for text in [
            "one\n\rforged",
            "one\rforged",
            "one\r\rforged",
            "one\r\r\n",
            "one\u{b}forged",
            "\u{c}forged",
            "one\u{85}forged",
            "one\n\u{2028}forged",
            "one\u{2029}",
            "\u{1b}[1A",
            "a\u{202e}b",
        ] {
            assert!(!are_lines(text), "{text:?}");
        }
    }

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
