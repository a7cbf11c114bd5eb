//! Who may judge: nobody what is about themselves or what they have brought about, as long as there is another privacy officer.
//!
//! Attacker: whoever is clinician and privacy officer at once, sees whom they like, and finds it justified. Asked in the transaction that keeps a verdict, of
//! people as they are then. Whoever is the only active privacy officer judges their own too: on record, as everything here.

use axum::http::StatusCode;
use sqlx::AnyConnection;

use super::Failure;
use crate::clinic::ClinicError;
use crate::clinic::people::{self, Role};
use crate::console::session::LoggedIn;
use crate::console::text;

/// Somebody who is about to judge.
pub(super) struct Judge {
    id: String,
    is_only: bool,
}

impl Judge {
    pub(super) async fn of(connection: &mut AnyConnection, who: &LoggedIn) -> Result<Self, ClinicError> {
        let all = people::list_in(connection).await?;
        let is_only = people::is_only(&all, Role::PrivacyOfficer, &who.person.id);
        Ok(Self { id: who.person.id.to_string(), is_only })
    }

    /// Whether another one must judge what concerns these people.
    pub(super) fn is_concerned(&self, people: &[&str]) -> bool {
        !self.is_only && people.contains(&self.id.as_str())
    }

    /// Refuses if so.
    pub(super) fn must_not_be(&self, people: &[&str]) -> Result<(), Failure> {
        if self.is_concerned(people) {
            return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::JUDGE_OWN));
        }
        Ok(())
    }
}
