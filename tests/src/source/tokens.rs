//! Rust text to tokens: enough of the Rust Reference's chapter "Lexical structure" to tell code from
//! comments and literals.

/// A token that can be part of a path or of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Line in the file, from 1.
    pub(super) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword; a raw identifier without its `r#`.
    Word(String),
    /// `::`
    Colons,
    /// Any other sign.
    Sign(char),
    /// A string, character, byte or number literal, content dropped.
    Literal,
}

/// Splits a source text into tokens. Comments vanish. Text that is not Rust gives some tokens, never a panic.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut reader = Reader { chars: &chars, at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(token) = reader.next_token() {
        found.push(token);
    }
    found
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn next_token(&mut self) -> Option<Token> {
        loop {
            let c = self.peek(0)?;
            let line = self.line;
            let kind = match c {
                c if c.is_whitespace() => {
                    self.bump();
                    continue;
                }
                '/' if self.peek(1) == Some('/') => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                    continue;
                }
                '/' if self.peek(1) == Some('*') => {
                    self.block_comment();
                    continue;
                }
                '"' => self.quoted('"'),
                '\'' => match self.lifetime_or_char() {
                    Some(kind) => kind,
                    None => continue,
                },
                ':' if self.peek(1) == Some(':') => {
                    self.at += 2;
                    Kind::Colons
                }
                c if c.is_ascii_digit() => {
                    self.word();
                    Kind::Literal
                }
                c if c == '_' || c.is_alphabetic() => self.word_or_prefixed_literal(),
                c => {
                    self.bump();
                    Kind::Sign(c)
                }
            };
            return Some(Token { kind, line });
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.bump() {
            match (c, self.peek(0)) {
                ('/', Some('*')) => {
                    self.bump();
                    depth += 1;
                }
                ('*', Some('/')) => {
                    self.bump();
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// From the opening quote to the closing one, with backslash escapes.
    fn quoted(&mut self, quote: char) -> Kind {
        self.bump();
        while let Some(c) = self.bump() {
            if c == '\\' {
                self.bump();
            } else if c == quote {
                break;
            }
        }
        Kind::Literal
    }

    /// `'a'` is a literal; `'a` without a closing quote is a lifetime, which gives no token.
    fn lifetime_or_char(&mut self) -> Option<Kind> {
        let is_char = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        if is_char {
            return Some(self.quoted('\''));
        }
        self.bump();
        self.word();
        None
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek(0) {
            if c != '_' && !c.is_alphanumeric() {
                break;
            }
            word.push(c);
            self.bump();
        }
        word
    }

    fn word_or_prefixed_literal(&mut self) -> Kind {
        let word = self.word();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        match self.peek(0) {
            Some('"') if raw => self.raw_string(0),
            Some('"') if word == "b" || word == "c" => self.quoted('"'),
            Some('\'') if word == "b" => self.quoted('\''),
            Some('#') if raw => {
                let hashes = (0..).take_while(|&n| self.peek(n) == Some('#')).count();
                if self.peek(hashes) == Some('"') {
                    self.at += hashes;
                    self.raw_string(hashes)
                } else if word == "r" && hashes == 1 {
                    self.at += 1;
                    Kind::Word(self.word())
                } else {
                    Kind::Word(word)
                }
            }
            _ => Kind::Word(word),
        }
    }

    /// From the opening quote to a quote with as many hashes behind it; no escapes.
    fn raw_string(&mut self, hashes: usize) -> Kind {
        self.bump();
        while let Some(c) = self.bump() {
            if c == '"' && (0..hashes).all(|n| self.peek(n) == Some('#')) {
                self.at += hashes;
                break;
            }
        }
        Kind::Literal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text)
            .into_iter()
            .filter_map(|t| match t.kind {
                Kind::Word(w) => Some(w),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn comments_and_literals_hold_no_words() {
        let text = r####"
            a // b
            /* c /* d */ e */ f
            "g \" h" i r"j\" k r#"l " m"# n b"o" br##"p "# q"## c"r" s
            'u' '\'' '\u{7f}' b'v' w /** x */ /// y
            z
        "####;
        assert_eq!(words(text), ["a", "f", "i", "k", "n", "s", "w", "z"]);
    }

    #[test]
    fn lifetimes_do_not_swallow_code() {
        assert_eq!(words("fn f<'a>(x: &'a str) -> &'static A<'_> { b }"), ["fn", "f", "x", "str", "A", "b"]);
        assert_eq!(words("'outer: loop { break 'outer; }"), ["loop", "break"]);
    }

    #[test]
    fn raw_identifiers_are_their_names() {
        assert_eq!(words("r#fs r#type r"), ["fs", "type", "r"]);
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let last = tokens("\"one\ntwo\"\n/* three\n */ four").pop().expect("a token");
        assert_eq!(last, Token { kind: Kind::Word("four".into()), line: 4 });
    }

    #[test]
    fn unfinished_text_ends() {
        for text in ["\"", "'", "/*", "r#\"", "'\\", "b'", "r#", "\"\\"] {
            tokens(text);
        }
    }
}
