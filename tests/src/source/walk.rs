//! A walk over the tokens of one file that gathers what it names and what it brings into scope.

use super::attributes::is_test_attribute;
use super::tokens::{Kind, Token, tokens};

/// A path as written, with `crate`, `self` and `super` already made absolute.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) glob: bool,
    pub(super) line: usize,
    /// Starts at a crate, so that no alias applies.
    pub(super) absolute: bool,
}

/// A name that the file brings into scope, by `use`, `extern crate` or `mod`.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) named: Named,
    pub(super) name: Option<String>,
    pub(super) scope: Vec<String>,
    pub(super) public: bool,
    pub(super) is_child: bool,
}

/// What a walk gathers.
#[derive(Debug)]
pub(super) struct Found {
    /// Paths in code.
    pub(super) named: Vec<Named>,
    /// Names brought into scope.
    pub(super) imports: Vec<Import>,
    /// Modules that only tests compile, by their full path in the crate.
    pub(super) test_modules: Vec<Vec<String>>,
}

/// Walks one file, as the module `module` of the crate that calls itself `crate_name`.
pub(super) fn walk(text: &str, module: &[String], crate_name: &str) -> Found {
    let tokens = tokens(text);
    let mut walk = Walk {
        tokens: &tokens,
        at: 0,
        crate_name,
        scope: module.to_vec(),
        open_modules: Vec::new(),
        depth: 0,
        named: Vec::new(),
        imports: Vec::new(),
        test_modules: Vec::new(),
    };
    walk.run();
    let Walk { named, imports, test_modules, .. } = walk;
    Found { named, imports, test_modules }
}

struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    crate_name: &'a str,
    /// The module that the walk is in, inline modules included.
    scope: Vec<String>,
    /// Brace depths at which the inline modules of `scope` close.
    open_modules: Vec<usize>,
    depth: usize,
    named: Vec<Named>,
    imports: Vec<Import>,
    test_modules: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn token(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|t| &t.kind)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |t| t.line)
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        match self.token(ahead) {
            Some(Kind::Word(w)) => Some(w),
            _ => None,
        }
    }

    fn is_sign(&self, ahead: usize, sign: char) -> bool {
        self.token(ahead) == Some(&Kind::Sign(sign))
    }

    fn run(&mut self) {
        while let Some(kind) = self.token(0).cloned() {
            match kind {
                Kind::Sign('#') => self.attribute(),
                Kind::Sign('{') => {
                    self.depth += 1;
                    self.at += 1;
                }
                Kind::Sign('}') => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.open_modules.last() == Some(&self.depth) {
                        self.open_modules.pop();
                        self.scope.pop();
                    }
                    self.at += 1;
                }
                Kind::Word(w) if w == "use" && !self.is_sign(1, '<') => self.use_item(),
                Kind::Word(w) if w == "extern" && self.word(1) == Some("crate") => {
                    self.extern_crate();
                }
                Kind::Word(w) if w == "mod" && self.word(1).is_some() => self.module(),
                Kind::Word(w) if w == "include" && self.is_sign(1, '!') => self.hidden("include!"),
                Kind::Word(_) | Kind::Colons => self.path(),
                _ => self.at += 1,
            }
        }
    }

    /// Something that takes code from where this reading does not follow.
    fn hidden(&mut self, what: &str) {
        self.named.push(Named { path: vec![what.to_owned()], glob: false, line: self.line(), absolute: true });
        self.at += 1;
    }

    /// `#[...]` or `#![...]`: test code is skipped, other attributes are read like code.
    fn attribute(&mut self) {
        let inner = self.is_sign(1, '!');
        let open = if inner { 2 } else { 1 };
        if !self.is_sign(open, '[') {
            self.at += 1;
            return;
        }
        let end = self.matching(self.at + open);
        let body: Vec<Kind> =
            self.tokens.get(self.at + open + 1..end).unwrap_or_default().iter().map(|t| t.kind.clone()).collect();
        if !is_test_attribute(&body) {
            if body.first() == Some(&Kind::Word("path".to_owned())) {
                self.hidden("#[path]");
            }
            self.at += 1;
        } else if inner {
            self.test_modules.push(self.scope.clone());
            self.at = self.tokens.len();
        } else {
            self.at = end + 1;
            self.skip_item();
        }
    }

    /// Index of the bracket that closes the one at `open`, or the end of the file.
    fn matching(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Sign('(' | '[' | '{') => depth += 1,
                Kind::Sign(')' | ']' | '}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Skips what a test attribute belongs to: an item, or a field, variant or arm.
    fn skip_item(&mut self) {
        while self.is_sign(0, '#') && self.is_sign(1, '[') {
            self.at = self.matching(self.at + 1) + 1;
        }
        if self.word(0) == Some("pub") {
            self.at += 1;
            if self.is_sign(0, '(') {
                self.at = self.matching(self.at) + 1;
            }
        }
        if let (Some("mod"), Some(name)) = (self.word(0), self.word(1)) {
            let mut module = self.scope.clone();
            module.push(name.to_owned());
            self.test_modules.push(module);
        }
        // Only where the item is not one that may have a comma in its generics.
        let ends_at_comma = !matches!(
            self.word(0),
            Some(
                "fn" | "mod"
                    | "use"
                    | "impl"
                    | "struct"
                    | "enum"
                    | "trait"
                    | "const"
                    | "static"
                    | "unsafe"
                    | "async"
                    | "type"
                    | "extern"
                    | "macro_rules"
                    | "let"
                    | "union"
            )
        );
        loop {
            match self.token(0) {
                None | Some(Kind::Sign(')' | ']' | '}')) => return,
                Some(Kind::Sign(',')) if ends_at_comma => break,
                Some(Kind::Sign(';')) => break,
                Some(Kind::Sign('{')) => {
                    self.at = self.matching(self.at);
                    break;
                }
                Some(Kind::Sign('(' | '[')) => self.at = self.matching(self.at) + 1,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn module(&mut self) {
        let line = self.line();
        let Some(name) = self.word(1).map(str::to_owned) else {
            return;
        };
        let mut full = vec!["crate".to_owned()];
        full.extend_from_slice(&self.scope);
        full.push(name.clone());
        self.imports.push(Import {
            named: Named { path: full, glob: false, line, absolute: true },
            name: Some(name.clone()),
            scope: self.scope.clone(),
            public: false,
            is_child: true,
        });
        self.at += 2;
        if self.is_sign(0, '{') {
            self.scope.push(name);
            self.open_modules.push(self.depth);
            self.depth += 1;
            self.at += 1;
        }
    }

    fn extern_crate(&mut self) {
        let line = self.line();
        let Some(name) = self.word(2).map(str::to_owned) else {
            self.at += 2;
            return;
        };
        let alias = match self.word(3) {
            Some("as") => self.word(4).map(str::to_owned),
            _ => None,
        };
        let path =
            if name == "self" || name == self.crate_name { vec!["crate".to_owned()] } else { vec![name.clone()] };
        self.imports.push(Import {
            named: Named { path, glob: false, line, absolute: true },
            name: Some(alias.unwrap_or(name)),
            scope: self.scope.clone(),
            public: false,
            is_child: false,
        });
        self.at += 3;
    }

    fn use_item(&mut self) {
        let public = self.at.checked_sub(1).is_some_and(|before| {
            self.tokens.get(before).is_some_and(|t| t.kind == Kind::Word("pub".to_owned()) || t.kind == Kind::Sign(')'))
        });
        self.at += 1;
        let absolute = self.token(0) == Some(&Kind::Colons);
        self.use_tree(&[], absolute, public);
    }

    /// One branch of a `use`, up to the comma, brace or semicolon that ends it.
    fn use_tree(&mut self, prefix: &[String], absolute: bool, public: bool) {
        let mut path = prefix.to_vec();
        let mut glob = false;
        let mut alias = None;
        let line = self.line();
        loop {
            match self.token(0).cloned() {
                Some(Kind::Colons) => {}
                Some(Kind::Word(w)) if w == "as" => {
                    alias = self.word(1).map(str::to_owned);
                    self.at += 1;
                }
                Some(Kind::Word(w)) if w == "self" && !path.is_empty() => {}
                Some(Kind::Word(w)) => path.push(w),
                Some(Kind::Sign('*')) => glob = true,
                Some(Kind::Sign('{')) => {
                    self.at += 1;
                    while !self.is_sign(0, '}') && !self.is_sign(0, ';') && self.token(0).is_some() {
                        let absolute = absolute || self.token(0) == Some(&Kind::Colons);
                        self.use_tree(&path, absolute, public);
                        if self.is_sign(0, ',') {
                            self.at += 1;
                        }
                    }
                    if self.is_sign(0, '}') {
                        self.at += 1;
                    }
                    return;
                }
                _ => break,
            }
            self.at += 1;
        }
        // Whatever ended the branch: a `;` is left to the main walk, anything unknown is stepped over.
        if !matches!(self.token(0), None | Some(Kind::Sign(',' | '}' | ';'))) {
            self.at += 1;
        }
        if path.is_empty() && !glob {
            return;
        }
        let name = alias.or_else(|| path.last().cloned()).filter(|_| !glob);
        self.imports.push(Import {
            named: self.named(path, glob, line, absolute),
            name,
            scope: self.scope.clone(),
            public,
            is_child: false,
        });
    }

    /// A path in code. One bare word is no path: what it could mean has been imported, and counts there.
    fn path(&mut self) {
        let line = self.line();
        let absolute = self.token(0) == Some(&Kind::Colons);
        if absolute {
            self.at += 1;
        }
        let mut path = Vec::new();
        while let Some(word) = self.word(0).map(str::to_owned) {
            path.push(word);
            self.at += 1;
            if self.token(0) != Some(&Kind::Colons) || self.word(1).is_none() {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 || (absolute && !path.is_empty()) {
            let named = self.named(path, false, line, absolute);
            self.named.push(named);
        }
    }

    /// Makes `crate`, `self`, `super` and the crate's own name absolute.
    fn named(&self, path: Vec<String>, glob: bool, line: usize, absolute: bool) -> Named {
        let mut base: Option<Vec<String>> = None;
        let mut rest = path.as_slice();
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => base = Some(Vec::new()),
                own if own == self.crate_name && base.is_none() => base = Some(Vec::new()),
                "self" => base = Some(base.unwrap_or_else(|| self.scope.clone())),
                "super" => {
                    let mut up = base.unwrap_or_else(|| self.scope.clone());
                    up.pop();
                    base = Some(up);
                }
                _ => break,
            }
            rest = others;
        }
        let Some(base) = base else {
            return Named { path, glob, line, absolute };
        };
        let mut full = vec!["crate".to_owned()];
        full.extend(base);
        full.extend_from_slice(rest);
        Named { path: full, glob, line, absolute: true }
    }
}
