//! docs/ROLES.md: who may do what, from [`RIGHTS`](super::permit::RIGHTS) and [`ROUTES`](super::ROUTES) as they are. A test compares.

use std::fmt::Write as _;
use std::path::Path;

use super::pages::{ROUTES, Who};
use super::permit::RIGHTS;
use super::text;
use crate::clinic::people::Role;

const HEAD: &str = "# Who may do what in the console

Each right belongs to one role, one about alerts to two; a person has what their roles have together, and nothing else. Beyond the role a right may ask for more: a clinician sees
the patients whom they treat. Whoever asks for what is not theirs is told what is told of what does not exist, and the log has it (`denied`, with the code).
A test compares this page with the code.

";

const fn words(role: Role) -> &'static str {
    match role {
        Role::Clinician => text::ROLE_CLINICIAN,
        Role::Admin => text::ROLE_ADMIN,
        Role::PrivacyOfficer => text::ROLE_PRIVACY_OFFICER,
    }
}

fn table(page: &mut String, first: &str) {
    let roles: Vec<_> = Role::ALL.into_iter().map(words).collect();
    let _ = writeln!(page, "| {first} | {} |\n|---|{}", roles.join(" | "), "---|".repeat(roles.len()));
}

fn row(page: &mut String, first: &str, may: impl Fn(Role) -> bool) {
    let marks: Vec<_> = Role::ALL.into_iter().map(|role| if may(role) { "yes" } else { "" }).collect();
    let _ = writeln!(page, "| {first} | {} |", marks.join(" | "));
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    table(&mut page, "right");
    for (code, role, also, words) in RIGHTS {
        row(&mut page, &format!("{words} (`{code}`)"), |each| each == *role || Some(each) == *also);
    }
    page += "\n## Every address\n\nWhat is marked for everybody with an account needs one alone; what is for anybody shows nothing of patients or people.\n\n";
    table(&mut page, "address");
    for (method, path, who) in ROUTES {
        let method = method.to_uppercase();
        match who {
            Who::Anybody => row(&mut page, &format!("{method} `{path}` (anybody)"), |_| true),
            Who::LoggedIn => row(&mut page, &format!("{method} `{path}` (with an account)"), |_| true),
            Who::Has(role) => row(&mut page, &format!("{method} `{path}`"), |each| each == *role),
            Who::HasEither(one, other) => {
                row(&mut page, &format!("{method} `{path}`"), |each| each == *one || each == *other);
            }
        }
    }
    page
}

#[test]
fn the_page_of_roles_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ROLES.md");
    let page = page();
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        let fresh = std::env::temp_dir().join(format!("safelight-roles-{}.md", std::process::id()));
        std::fs::write(&fresh, page).unwrap();
        panic!("docs/ROLES.md is not what the code says: compare it with {}", fresh.display());
    }
}

#[test]
fn no_right_is_left_out_of_the_list() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let source = read(&room.join("permit.rs"));
    let files = std::fs::read_dir(room.join("permit")).unwrap().map(|entry| read(&entry.unwrap().path()));
    let by_hand: usize =
        files.chain([source.clone()]).map(|file| file.matches("const CODE: &'static str = \"").count()).sum();
    let (_, by_role) = source.split_once("\nby_role! {").unwrap();
    let by_role = by_role.lines().filter(|line| line.trim_end().ends_with(';')).count();
    assert!(by_hand > 2 && by_role > 2, "{by_hand} {by_role}");
    assert_eq!(RIGHTS.len(), by_hand + by_role);
    for (at, (code, ..)) in RIGHTS.iter().enumerate() {
        assert!(RIGHTS.iter().skip(at + 1).all(|(other, ..)| other != code), "{code} twice");
    }
}
