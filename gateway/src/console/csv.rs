//! Tables for spreadsheet programs: RFC 4180 in UTF-8 with a byte order mark, without which some of them take it for another encoding.
//!
//! Attacker: whoever may choose a name that ends in a cell, such as a phone's, and wants it to be run where the table is opened. A cell that a spreadsheet
//! program takes for a formula begins with an apostrophe, which it takes for text; characters that do not show are replaced.

use safelight_core::text::are_lines;

/// What some spreadsheet program takes for the beginning of a formula.
const FORMULAS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A table, row by row.
#[derive(Debug)]
pub(super) struct Table(String);

impl Table {
    /// With this heading.
    pub(super) fn new(heading: &[&str]) -> Self {
        let mut table = Self("\u{feff}".to_owned());
        table.row(heading);
        table
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: &[&str]) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            self.cell(cell);
        }
        self.0.push_str("\r\n");
    }

    /// Always in quotes: then no character in it means anything.
    fn cell(&mut self, text: &str) {
        self.0.push('"');
        if text.trim_start_matches([' ', '\u{a0}']).starts_with(FORMULAS) {
            self.0.push('\'');
        }
        for character in text.chars() {
            match character {
                '"' => self.0.push_str("\"\""),
                '\r' | '\n' | '\t' => self.0.push(' '),
                other if !are_lines(other.encode_utf8(&mut [0; 4])) => self.0.push(char::REPLACEMENT_CHARACTER),
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }

    /// The whole of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut table = Table::new(&["a"]);
        table.row(&[text]);
        table.into_text().trim_start_matches("\u{feff}\"a\"\r\n").trim_end_matches("\r\n").to_owned()
    }

    #[test]
    fn a05_no_cell_is_a_formula_ends_its_row_or_hides_anything() {
        for formula in
            ["=CMD()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u{a0}=1", "＝1", "=1+\"x\",1\r\n=2"]
        {
            let cell = cell(formula);
            assert!(cell.starts_with("\"'") && !cell.contains(['\r', '\n', '\t']), "{formula:?}: {cell:?}");
        }
        assert_eq!(cell("a=b"), "\"a=b\"", "the control");
        assert_eq!(cell("say \"a\", b"), "\"say \"\"a\"\", b\"");
        assert_eq!(cell("\u{1b}[31mred\u{202e}exe"), "\"\u{fffd}[31mred\u{fffd}exe\"");
        assert_eq!(cell(""), "\"\"");
        assert_eq!(Table::new(&["time", "who"]).into_text(), "\u{feff}\"time\",\"who\"\r\n");
    }
}
