//! A patient by the exact record number.
//!
//! Attacker: a member of staff who tries numbers to learn who is a patient here. Each number that nobody has is on record, and slows down all further
//! ones, whatever they are for.

use std::net::IpAddr;

use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::pictures::{self, Handle};
use crate::console::session::LoggedIn;
use crate::console::{Console, permit};

/// Among whom.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// Everybody who is a patient here.
    All,
    /// Those whom whoever asks may see. Anybody else is nobody, in answer, record and waiting.
    Seen,
}

/// What came of it.
pub(super) enum Looked {
    /// This patient.
    Found(Handle),
    /// Nobody has this number, which is on record.
    Nobody,
    /// Too many were tried.
    Wait,
}

/// Whoever has this number of this issuer. `missed` goes on record if nobody does.
pub(super) async fn find(
    console: &Console,
    (who, from): (&LoggedIn, IpAddr),
    (issuer, number): (&str, &str),
    among: Among,
    missed: Event<'_>,
) -> Result<Looked, ClinicError> {
    let (throttle, now) = (&console.inner.throttle, console.desk.now());
    let tries = format!("emergency {}", who.person.id);
    if throttle.wait(&tries, from, now).is_some() {
        return Ok(Looked::Wait);
    }
    let clinic = console.desk.clinic();
    let handle = clinic.keys.handle().of_number(issuer.trim(), number.trim(), &clinic.record_numbers);
    let is_known = match among {
        Among::All => pictures::identity(&clinic.catalog, &handle).await?.is_some(),
        Among::Seen => permit::may_see(&clinic.catalog, &handle, who, now).await?,
    };
    if is_known {
        return Ok(Looked::Found(handle));
    }
    throttle.wrong(&tries, from, now);
    console.desk.record(&who.actor(), &[missed]).await?;
    Ok(Looked::Nobody)
}
