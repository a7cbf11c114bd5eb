//! Additions that the privacy officer is asked about: to care teams, where somebody was not sure, and to teams that treat patients, always.
//!
//! Attacker: an admin who puts somebody into a team to let them see its patients. They cannot keep it from this page, which shows who, by whom and how many
//! patients it reaches, also when they have taken them out again; nobody but the officer takes it off it, on record, and ends it here at once. No page of it
//! names a patient. A clinician who is officer too decides about neither themselves nor whom they added themselves, nor a team that they
//! are in.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Redirect;
use data_encoding::HEXLOWER;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;
use sqlx::AnyConnection;

use super::entries::{Names, with_id};
use super::judge::Judge;
use super::login::Nothing;
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::access::Event;
use crate::clinic::pictures::Handle;
use crate::clinic::teams::{self, TeamId};
use crate::clinic::{ClinicError, care, care_teams, team_visits};
use crate::console::permit::{self, ReviewCare};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, text};

/// Somebody, or a team, on a patient's care team.
struct Row {
    action: String,
    who: String,
    patient: String,
    added_by: String,
    until: Option<String>,
    /// Another officer decides.
    own: bool,
}

/// Somebody who is new in a team.
struct Joined {
    action: String,
    person: String,
    team: String,
    patients: u64,
    added_by: String,
    since: String,
    /// Another officer decides.
    own: bool,
}

#[derive(Template)]
#[template(path = "care_review.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    joined: Vec<Joined>,
    visits: Vec<Visit>,
}

/// Somebody who was in a team, and is not any more.
struct Visit {
    action: String,
    person: String,
    team: String,
    added_by: String,
    since: String,
    until: String,
}

pub(super) async fn list(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ReviewCare).await?;
    let catalog = &console.desk.clinic().catalog;
    let (colleagues, whole) = (care::asked(catalog, grant.at()).await?, care_teams::asked(catalog, grant.at()).await?);
    let (joined, names) = (teams::asked(catalog, grant.at()).await?, Names::read(&console).await?);
    let mut tx = catalog.read().await?;
    let judge = Judge::of(&mut tx, &who).await?;
    let mut rows = Vec::new();
    for member in colleagues {
        let (person, by) = (member.person.as_str(), member.added_by.as_ref().map_or("", OperatorId::as_str));
        let own = judge.is_concerned(&[person, by]);
        let place = (person, names.person_and_id(person));
        rows.push(row(&member.patient, place, names.person_and_id(by), member.until, own));
    }
    for one in whole {
        let own = judge.is_concerned(&concerned(&mut tx, &one.team, &who.person.id, &one.added_by).await?);
        let place = format!("teams/{}", HEXLOWER.encode(&one.team));
        rows.push(row(&one.patient, (&place, one.name), names.person_and_id(one.added_by.as_str()), one.until, own));
    }
    drop(tx);
    let joined = joined.into_iter().map(|one| Joined {
        own: judge.is_concerned(&[one.member.person.as_str(), one.member.added_by.as_str()]),
        action: format!("/team-review/{}/{}", HEXLOWER.encode(&one.team), one.member.person),
        person: with_id(&one.member.name, one.member.person.as_str()),
        team: one.team_name,
        patients: one.patients,
        added_by: names.person_and_id(one.member.added_by.as_str()),
        since: shown::time(one.member.since),
    });
    let joined = joined.collect();
    let visits = team_visits::unseen(catalog).await?.into_iter().map(|one| Visit {
        action: format!("/team-review/{}/{}/seen", HEXLOWER.encode(&one.team), one.person),
        person: with_id(&one.name, one.person.as_str()),
        team: one.team_name,
        added_by: names.person_and_id(one.added_by.as_str()),
        since: shown::time(one.since),
        until: shown::time(one.left_at),
    });
    let visits = visits.collect();
    html(&List { frame: Frame::new(&console, &who, "/care-review").await?, rows, joined, visits })
}

fn row(patient: &Handle, (place, who): (&str, String), added_by: String, until: Option<UnixMillis>, own: bool) -> Row {
    let reference = shown::reference(patient);
    Row {
        action: format!("/care-review/{reference}/{place}"),
        who,
        patient: reference.chars().take(8).collect(),
        added_by,
        until: until.map(shown::time),
        own,
    }
}

/// Whom a decision about a whole team concerns: whoever has added it, and `me` who is in it.
async fn concerned<'a>(
    connection: &mut AnyConnection,
    team: &TeamId,
    me: &'a OperatorId,
    by: &'a OperatorId,
) -> Result<[&'a str; 2], ClinicError> {
    let whose = if teams::is_in(connection, team, me).await? { me } else { by };
    Ok([whose.as_str(), by.as_str()])
}

#[derive(Deserialize)]
pub(super) struct Reviewed {
    #[serde(default)]
    verdict: String,
}

impl Reviewed {
    /// Whether they may stay.
    fn stays(&self) -> Result<bool, Failure> {
        match self.verdict.as_str() {
            "confirm" => Ok(true),
            "end" => Ok(false),
            _ => Err(Failure::NotFound),
        }
    }
}

fn here() -> Redirect {
    Redirect::to("/care-review")
}

/// A colleague on a care team.
pub(super) async fn colleague(
    State(console): State<Console>,
    Path((reference, person)): Path<(String, String)>,
    posted: Posted<Reviewed>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewCare).await?;
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let stays = posted.form.stays()?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = care::asked_by(&mut tx, &handle, &person).await?.ok_or(Failure::NotFound)?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&[person.as_str(), by.as_str()])?;
    if !care::review(&mut tx, &handle, &person, stays).await? {
        return Err(Failure::NotFound);
    }
    let event = if stays { Event::CareConfirmed(handle, &person) } else { Event::CareEnded(handle, &person) };
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    Ok(here())
}

/// A team on a care team.
pub(super) async fn team(
    State(console): State<Console>,
    Path((reference, team)): Path<(String, String)>,
    posted: Posted<Reviewed>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewCare).await?;
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let team = addresses::id(&team).ok_or(Failure::NotFound)?;
    let stays = posted.form.stays()?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = care_teams::asked_by(&mut tx, &handle, &team).await?.ok_or(Failure::NotFound)?;
    let people = concerned(&mut tx, &team, &posted.by.person.id, &by).await?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&people)?;
    if !care_teams::review(&mut tx, &handle, &team, stays).await? {
        return Err(Failure::NotFound);
    }
    let event = if stays { Event::CareTeamConfirmed(handle, team) } else { Event::CareTeamEnded(handle, team) };
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    Ok(here())
}

/// Somebody who is new in a team.
pub(super) async fn joined(
    State(console): State<Console>,
    Path((team, person)): Path<(String, String)>,
    posted: Posted<Reviewed>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewCare).await?;
    let team = addresses::id(&team).ok_or(Failure::NotFound)?;
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let stays = posted.form.stays()?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = teams::asked_by(&mut tx, &team, &person).await?.ok_or(Failure::NotFound)?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&[person.as_str(), by.as_str()])?;
    if !teams::review(&mut tx, &team, &person, stays).await? {
        return Err(Failure::NotFound);
    }
    let event = if stays { Event::TeamConfirmed(team, &person) } else { Event::TeamLeft(team, &person) };
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    Ok(here())
}

/// Somebody who has left a team has been seen.
pub(super) async fn seen(
    State(console): State<Console>,
    Path((team, person)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewCare).await?;
    let team = addresses::id(&team).ok_or(Failure::NotFound)?;
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !team_visits::seen(&mut tx, &team, &person).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::TeamVisitSeen(team, &person)]).await?;
    tx.commit().await?;
    Ok(here())
}
