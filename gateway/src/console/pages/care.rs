//! Care teams: members add colleagues and whole teams, for a time or for good, end what they have added, and leave; whoever is not sure asks the privacy officer.
//!
//! Attackers: a member of staff who has a colleague let them in, and a member who lets in whom they like. Who added whom, to whom and until when is on
//! record before it holds; nobody adds themselves, nobody adds a team that they are in for longer than they treat the patient themselves, nobody with
//! emergency access adds anybody. What somebody added they alone end, as long as they can: once they are no active clinician or not on the team, any member does,
//! so that no place outlives everybody who could take it away. One's own everybody leaves. A team is named by its random id, and one that is none, or is
//! dissolved, adds nobody.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::login::Nothing;
use super::{Failure, led, shown, terms};
use crate::clinic::access::Event;
use crate::clinic::care::{self, Changed, Member, Stay};
use crate::clinic::people::{self, Role};
use crate::clinic::pictures::Handle;
use crate::clinic::{care_teams, teams};
use crate::console::permit::{self, ChangeTeam};
use crate::console::session::Posted;
use crate::console::{Console, addresses, text};

#[derive(Deserialize)]
pub(super) struct Added {
    #[serde(default)]
    person: String,
    #[serde(default)]
    term: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    unsure: String,
}

const fn refused(words: &'static str) -> Failure {
    Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, words)
}

fn back_to(patient: &Handle, has_changed: bool) -> Response {
    led(&format!("/patients/{}", shown::reference(patient)), has_changed)
}

/// Whether anything was changed.
fn is_done(changed: Changed) -> Result<bool, Failure> {
    match changed {
        Changed::Done => Ok(true),
        Changed::Nothing => Ok(false),
        Changed::Meanwhile => Err(Failure::Refused(StatusCode::CONFLICT, text::CARE_CHANGED)),
    }
}

pub(super) async fn add(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<Added>,
) -> Result<Response, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let (form, by) = (&posted.form, &posted.by.person.id);
    let person: OperatorId = form.person.trim().parse().map_err(|_| refused(text::CARE_INCOMPLETE))?;
    // Whoever is here through a team could stay when the team's time is over.
    if person == *by {
        return Err(refused(text::CARE_SELF));
    }
    let until = terms::end(&form.term, &form.until, grant.at())?;
    let asks = form.unsure == "yes";
    let member = Member { patient: handle, person, until, added_by: Some(by.clone()) };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let known = people::find_in(&mut tx, &member.person).await?;
    if !known.is_some_and(|person| person.is_active() && person.roles.has(Role::Clinician)) {
        return Err(refused(text::CARE_INCOMPLETE));
    }
    let has_changed = is_done(care::add(&mut tx, &member, asks, grant.at()).await?)?;
    if has_changed {
        let event = Event::CareAdded(handle, &member.person, until.map_or(0, |until| until.0), asks);
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
        tx.commit().await?;
    }
    Ok(back_to(&handle, has_changed))
}

pub(super) async fn end(
    State(console): State<Console>,
    Path((reference, person)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !is_done(care::end(&mut tx, &handle, &person, &posted.by.person.id, grant.at()).await?)? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::CareEnded(handle, &person)]).await?;
    tx.commit().await?;
    // Whoever has left may not see the patient any more.
    Ok(if person == posted.by.person.id { led("/patients", true) } else { back_to(&handle, true) })
}

#[derive(Deserialize)]
pub(super) struct AddedTeam {
    #[serde(default)]
    team: String,
    #[serde(default)]
    term: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    unsure: String,
}

pub(super) async fn add_team(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<AddedTeam>,
) -> Result<Response, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let (form, by, now) = (&posted.form, &posted.by.person.id, grant.at());
    let team = addresses::id(&form.team).ok_or(refused(text::CARE_TEAM_GONE))?;
    let until = terms::end(&form.term, &form.until, now)?;
    let asks = form.unsure == "yes";
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !teams::stands(&mut tx, &team).await? {
        return Err(refused(text::CARE_TEAM_GONE));
    }
    if teams::is_in(&mut tx, &team, by).await? && is_after(until, care::stay(&mut tx, &handle, by, now).await?) {
        return Err(refused(text::CARE_TEAM_LONGER));
    }
    let added = care_teams::Added { patient: &handle, team: &team, until, by, asks };
    let has_changed = is_done(care_teams::add(&mut tx, &added, now).await?)?;
    if has_changed {
        let event = Event::CareTeamAdded(handle, team, until.map_or(0, |until| until.0), asks);
        clinic.access.record(&mut tx, grant.by(), now, &[event]).await?;
        tx.commit().await?;
    }
    Ok(back_to(&handle, has_changed))
}

/// Whether an end lies after somebody's own.
const fn is_after(until: Option<UnixMillis>, stay: Stay) -> bool {
    match (stay, until) {
        (Stay::ForGood, _) => false,
        (Stay::Not, _) | (Stay::Until(_), None) => true,
        (Stay::Until(own), Some(until)) => until.0 > own.0,
    }
}

pub(super) async fn end_team(
    State(console): State<Console>,
    Path((reference, team)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let team = addresses::id(&team).ok_or(Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !is_done(care_teams::end(&mut tx, &handle, &team, &posted.by.person.id, grant.at()).await?)? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::CareTeamEnded(handle, team)]).await?;
    tx.commit().await?;
    Ok(back_to(&handle, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x97_a_team_of_one_s_own_stays_no_longer_than_oneself() {
        let at = |millis| Some(UnixMillis(millis));
        for until in [None, at(1), at(u64::MAX)] {
            assert!(!is_after(until, Stay::ForGood));
            assert!(is_after(until, Stay::Not), "whoever has left meanwhile");
        }
        let stay = Stay::Until(UnixMillis(1000));
        assert!(!is_after(at(1000), stay) && is_after(at(1001), stay) && is_after(None, stay));
    }
}
