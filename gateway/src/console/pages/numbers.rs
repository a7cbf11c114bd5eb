//! A patient by the exact record number, for whoever does not treat them.
//!
//! Attacker: a member of staff who tries numbers to learn who is a patient here. Each number that nobody has is on record, and slows down all further
//! ones, whatever they are for.

use std::net::IpAddr;

use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::pictures::{self, Handle};
use crate::console::Console;
use crate::console::session::LoggedIn;

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
    issuer: &str,
    number: &str,
    missed: Event<'_>,
) -> Result<Looked, ClinicError> {
    let (throttle, now) = (&console.inner.throttle, console.desk.now());
    let tries = format!("emergency {}", who.person.id);
    if throttle.wait(&tries, from, now).is_some() {
        return Ok(Looked::Wait);
    }
    let clinic = console.desk.clinic();
    let handle = clinic.keys.handle().of_number(issuer.trim(), number.trim(), &clinic.record_numbers);
    if pictures::identity(&clinic.catalog, &handle).await?.is_some() {
        return Ok(Looked::Found(handle));
    }
    throttle.wrong(&tries, from, now);
    console.desk.record(&who.actor(), &[missed]).await?;
    Ok(Looked::Nobody)
}
