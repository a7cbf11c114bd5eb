//! Which attributes mean "only tests compile this".

use super::tokens::Kind;

/// `#[test]`, `#[something::test]`, or a `cfg` that only tests meet.
pub(super) fn is_test_attribute(body: &[Kind]) -> bool {
    match body {
        [Kind::Word(w), Kind::Sign('('), predicate @ .., Kind::Sign(')')] if w == "cfg" => requires_test(predicate),
        [.., Kind::Word(last)] => last == "test" && body.iter().all(|k| matches!(k, Kind::Word(_) | Kind::Colons)),
        _ => false,
    }
}

fn requires_test(predicate: &[Kind]) -> bool {
    match predicate {
        [Kind::Word(w)] => w == "test",
        [Kind::Word(w), Kind::Sign('('), list @ .., Kind::Sign(')')] if w == "all" => {
            members(list).into_iter().any(requires_test)
        }
        [Kind::Word(w), Kind::Sign('('), list @ .., Kind::Sign(')')] if w == "any" => {
            let members = members(list);
            !members.is_empty() && members.into_iter().all(requires_test)
        }
        _ => false,
    }
}

fn members(list: &[Kind]) -> Vec<&[Kind]> {
    let mut depth = 0_usize;
    list.split(|kind| {
        match kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *kind == Kind::Sign(',')
    })
    .filter(|member| !member.is_empty())
    .collect()
}
