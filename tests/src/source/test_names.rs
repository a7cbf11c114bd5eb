//! The names of a file's tests.

use super::tokens::{Kind, tokens};

/// The names of all functions with a `#[test]` or `#[...::test]` attribute, also inside of macros, in the file's order.
pub fn test_names(text: &str) -> Vec<String> {
    let tokens: Vec<Kind> = tokens(text).into_iter().map(|token| token.kind).collect();
    let mut names = Vec::new();
    let mut is_test = false;
    let mut at = 0;
    while let Some(kind) = tokens.get(at) {
        match kind {
            Kind::Sign('#') if tokens.get(at + 1) == Some(&Kind::Sign('[')) => {
                let end = attribute_end(&tokens, at + 1);
                is_test |= is_test_function(tokens.get(at + 2..end).unwrap_or_default());
                at = end;
            }
            Kind::Word(word) if word == "fn" => {
                if let (true, Some(Kind::Word(name))) = (is_test, tokens.get(at + 1)) {
                    names.push(name.clone());
                }
                is_test = false;
            }
            // An attribute belongs to the item that follows, whatever stands between.
            Kind::Sign('{' | '}' | ';') => is_test = false,
            _ => {}
        }
        at += 1;
    }
    names
}

/// The names of all functions of a Kotlin file that follow a line with `@Test` alone, in the file's order.
pub fn kotlin_test_names(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let tests = lines.windows(2).filter(|pair| pair.first() == Some(&"@Test"));
    tests
        .filter_map(|pair| pair.last()?.strip_prefix("fun ")?.split_once('('))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The names of all tests of a file for Node's test runner, in the file's order: lines that begin with `test("`.
pub fn javascript_test_names(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("test(\"")?.split_once('"')?.0.to_owned());
    text.lines().filter_map(name).collect()
}

/// `test`, `tokio::test`, `tokio::test(flavor = "multi_thread")`.
fn is_test_function(body: &[Kind]) -> bool {
    let path = body.split(|kind| *kind == Kind::Sign('(')).next().unwrap_or_default();
    matches!(path.last(), Some(Kind::Word(word)) if word == "test")
        && path.iter().all(|kind| matches!(kind, Kind::Word(_) | Kind::Colons))
}

/// Where the bracket that opens at `open` closes.
fn attribute_end(tokens: &[Kind], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, kind) in tokens.iter().enumerate().skip(open) {
        match kind {
            Kind::Sign('[') => depth += 1,
            Kind::Sign(']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::{javascript_test_names, kotlin_test_names, test_names};

    #[test]
    fn tests_are_found_and_others_are_not() {
        let text = r##"
            /// #[test] fn in_a_comment() {}
            #[test]
            #[cfg(unix)]
            fn plain() { fn inner() {} let text = "#[test] fn in_a_string() {}"; }
            #[tokio::test(flavor = "multi_thread")]
            async fn with_a_runtime() {}
            proptest! { #[test] fn generated(a in 0..3) {} }
            #[cfg(test)]
            fn helper() {}
            #[test]
            const NOT_A_FUNCTION: u8 = 0;
            fn after_it() {}
        "##;
        assert_eq!(test_names(text), ["plain", "with_a_runtime", "generated"]);
    }

    #[test]
    fn kotlin_tests_are_those_with_their_annotation_on_a_line_of_its_own() {
        let text = "class A {\n    @Test\n    fun f01_one() {\n    }\n\n    fun f02_helper() {}\n    @Test\n    fun f03_two() = runTest {\n";
        assert_eq!(kotlin_test_names(text), ["f01_one", "f03_two"]);
    }

    #[test]
    fn javascript_tests_are_those_at_the_beginning_of_a_line() {
        let text = "test(\"c03_one\", async () => {\n  test(\"inner\");\n});\n// test(\"c04_comment\")\ntest(\"c05_two\", () => {});\n";
        assert_eq!(javascript_test_names(text), ["c03_one", "c05_two"]);
    }
}
