//! Times, roles and names of patients' pages as people and addresses have them.

use data_encoding::BASE32_NOPAD;
use safelight_core::ids::UnixMillis;

use crate::clinic::people::{Role, Roles};
use crate::clinic::pictures::Handle;
use crate::clock::calendar::rfc3339;
use crate::console::text;

/// `2026-02-03 04:05 UTC`.
pub(super) fn time(at: UnixMillis) -> String {
    let text = rfc3339(at);
    let minutes = text.get(..16).unwrap_or(&text);
    format!("{} UTC", minutes.replace('T', " "))
}

/// `2026-02-03`.
pub(super) fn day(at: UnixMillis) -> String {
    rfc3339(at).chars().take(10).collect()
}

/// A patient in an address: the handle, which tells nothing of name or number.
pub(super) fn reference(handle: &Handle) -> String {
    BASE32_NOPAD.encode(handle).to_lowercase()
}

/// From an address. One spelling alone.
pub(super) fn handle(reference: &str) -> Option<Handle> {
    if reference.len() != 52 || reference.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD.decode(reference.to_uppercase().as_bytes()).ok()?.try_into().ok()
}

/// A role as people call it.
pub(super) const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Clinician => text::ROLE_CLINICIAN,
        Role::Admin => text::ROLE_ADMIN,
        Role::PrivacyOfficer => text::ROLE_PRIVACY_OFFICER,
    }
}

/// All that somebody has.
pub(super) fn roles_words(roles: Roles) -> String {
    if roles.is_empty() {
        return text::PEOPLE_NO_ROLE.to_owned();
    }
    roles.iter().map(role_words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c06_a_reference_is_a_handle_in_one_spelling_or_nothing() {
        let known = [0xab; 32];
        let text = reference(&known);
        assert_eq!(handle(&text), Some(known));
        for wrong in [
            "",
            "..",
            "%2e%2e",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}a"),
            &"é".repeat(26),
            &text.replace('v', "1"),
        ] {
            assert_eq!(handle(wrong), None, "{wrong}");
        }
        assert_eq!(time(UnixMillis(1_760_000_000_000)), "2025-10-09 08:53 UTC");
    }
}
