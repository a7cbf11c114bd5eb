//! A patient by the exact record number.
//!
//! Attacker: a member of staff who tries numbers to learn who is a patient here. Each number that nobody has is on record, and slows down all further
//! ones, whatever they are for.

use crate::clinic::access::Event;
use crate::clinic::aliases::{self, Numbered};
use crate::clinic::{ClinicError, care, pictures};
use crate::console::Console;
use crate::console::session::LoggedIn;
use crate::console::throttle::{Counted, Try};

/// Among whom.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// Everybody who is a patient here.
    All,
    /// Those on whose care team whoever asks is: emergency access is not enough. Anybody else is nobody, in answer, record and waiting.
    Treated,
}

/// What came of it.
pub(super) enum Looked {
    /// This number, and the patient who has it.
    Found(Numbered),
    /// Nobody has this number, which is on record.
    Nobody,
    /// Too many were tried.
    Wait,
}

/// Whoever has this number of this issuer. `missed` goes on record if nobody does.
pub(super) async fn find(
    console: &Console,
    who: &LoggedIn,
    (issuer, number): (&str, &str),
    among: Among,
    missed: Event<'_>,
) -> Result<Looked, ClinicError> {
    let Some(counted) = begin(console, who) else { return Ok(Looked::Wait) };
    let (clinic, now) = (console.desk.clinic(), console.desk.now());
    let found = aliases::of_number(clinic, issuer, number).await?;
    let is_known = match among {
        Among::All => pictures::identity(&clinic.catalog, &found.record).await?.is_some(),
        Among::Treated => care::is_on(&clinic.catalog, &found.record, &who.person.id, now).await?,
    };
    if is_known {
        end(console, counted);
        return Ok(Looked::Found(found));
    }
    console.desk.record(&who.actor(), &[missed]).await?;
    Ok(Looked::Nobody)
}

/// A number is about to be looked up. It counts as nobody's until [`end`]; `None` while this person has to wait.
pub(super) fn begin(console: &Console, who: &LoggedIn) -> Option<Counted> {
    console.inner.throttle.begin(Try::Number(&who.person.id), console.desk.now())
}

/// It was one that this person may know of.
pub(super) fn end(console: &Console, counted: Counted) {
    console.inner.throttle.take_back(counted);
}
