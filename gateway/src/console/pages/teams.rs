//! Teams: an admin makes, renames and dissolves them, and puts clinicians in and out.
//!
//! Attacker: an admin who wants to see pictures, or somebody at an admin's screen. Nobody puts themselves into a team while there is another admin, clinicians
//! alone can be in one, and whoever comes into a team that treats patients is on record, said in the program's log, and waits for the privacy officer. A team's
//! name is anybody's text: it is one bounded line and is escaped wherever it is shown. How many patients a team treats is shown, and never whom.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::Names;
use super::join::is_name;
use super::login::Nothing;
use super::{Failure, Frame, Page, again, html, led, shown};
use crate::clinic::access::Event;
use crate::clinic::people::{self, Person, Role};
use crate::clinic::teams::{self, Joined, Named, Team, TeamId};
use crate::console::permit::{self, Grant, ManageTeams};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, text};
use crate::store::catalog::WriteTx;

struct Row {
    id: String,
    name: String,
    members: u64,
    patients: u64,
}

fn row(team: Team) -> Row {
    Row { id: HEXLOWER.encode(&team.id), name: team.name, members: team.members, patients: team.patients }
}

#[derive(Template)]
#[template(path = "teams.html")]
struct Teams {
    frame: Frame,
    problem: Option<&'static str>,
    teams: Vec<Row>,
}

pub(super) async fn list(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManageTeams).await?;
    listed(&console, &who, &grant, None).await
}

async fn listed(console: &Console, who: &LoggedIn, grant: &Grant<ManageTeams>, problem: Option<&'static str>) -> Page {
    let teams = teams::list(&console.desk.clinic().catalog, grant.at()).await?;
    let frame = Frame::new(console, who, "/teams").await?;
    html(&Teams { frame, problem, teams: teams.into_iter().map(row).collect() })
}

#[derive(Deserialize)]
pub(super) struct Name {
    #[serde(default)]
    name: String,
}

pub(super) async fn make(State(console): State<Console>, posted: Posted<Name>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let problem = match made(&mut tx, &grant, &posted.form.name).await? {
        Ok(id) => {
            clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::TeamMade(id)]).await?;
            tx.commit().await?;
            return Ok(Redirect::to(&address(&id)).into_response());
        }
        Err(problem) => problem,
    };
    drop(tx);
    let page = listed(&console, &posted.by, &grant, Some(problem)).await?;
    Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem, page))
}

/// Makes a team of this name, or says why not. It is the caller's to put on record.
pub(super) async fn made(
    tx: &mut WriteTx,
    grant: &Grant<ManageTeams>,
    name: &str,
) -> Result<Result<TeamId, &'static str>, Failure> {
    let name = name.trim();
    if !is_name(name) {
        return Ok(Err(text::TEAMS_BAD_NAME));
    }
    Ok(match teams::make(tx, name, grant.at()).await? {
        Named::Done(id) => Ok(id),
        Named::TooMany => Err(text::TEAMS_TOO_MANY),
        Named::Exists | Named::NoTeam => Err(text::TEAMS_EXISTS),
    })
}

struct Member {
    id: String,
    name: String,
    since: String,
    added_by: String,
}

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    frame: Frame,
    problem: Option<&'static str>,
    team: Row,
    members: Vec<Member>,
    /// Clinicians who are not in it: id and name.
    others: Vec<(String, String)>,
}

pub(super) async fn page(State(console): State<Console>, Path(team): Path<String>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManageTeams).await?;
    let team = known(&console, &grant, &team).await?;
    shown_with(&console, &who, &grant, team, None).await
}

async fn known(console: &Console, grant: &Grant<ManageTeams>, team: &str) -> Result<Team, Failure> {
    let id: TeamId = addresses::id(team).ok_or(Failure::NotFound)?;
    teams::find(&console.desk.clinic().catalog, &id, grant.at()).await?.ok_or(Failure::NotFound)
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    _: &Grant<ManageTeams>,
    team: Team,
    problem: Option<&'static str>,
) -> Page {
    let catalog = &console.desk.clinic().catalog;
    let (members, names) = (teams::members(catalog, &team.id).await?, Names::read(console).await?);
    let is_other = |person: &Person| {
        person.is_active()
            && person.roles.has(Role::Clinician)
            && !members.iter().any(|member| member.person == person.id)
    };
    let others = people::list(catalog).await?.into_iter().filter(is_other);
    let others = others.map(|person| (person.id.to_string(), person.name)).collect();
    let member = |member: teams::Member| Member {
        id: member.person.to_string(),
        name: member.name,
        since: shown::time(member.since),
        added_by: names.person_and_id(member.added_by.as_str()),
    };
    html(&TeamPage {
        frame: Frame::new(console, who, "/teams").await?,
        problem,
        team: row(team),
        others,
        members: members.into_iter().map(member).collect(),
    })
}

async fn refused(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManageTeams>,
    team: Team,
    problem: &'static str,
) -> Result<Response, Failure> {
    let page = shown_with(console, who, grant, team, Some(problem)).await?;
    Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem, page))
}

fn address(team: &TeamId) -> String {
    format!("/teams/{}", HEXLOWER.encode(team))
}

pub(super) async fn rename(
    State(console): State<Console>,
    Path(team): Path<String>,
    posted: Posted<Name>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let team = known(&console, &grant, &team).await?;
    let name = posted.form.name.trim();
    if !is_name(name) {
        return refused(&console, &posted.by, &grant, team, text::TEAMS_BAD_NAME).await;
    }
    if name == team.name {
        return Ok(led(&address(&team.id), false));
    }
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    match teams::rename(&mut tx, &team.id, name).await? {
        Named::Done(id) => {
            clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::TeamRenamed(id)]).await?;
            tx.commit().await?;
            Ok(Redirect::to(&address(&id)).into_response())
        }
        Named::Exists | Named::TooMany => {
            drop(tx);
            refused(&console, &posted.by, &grant, team, text::TEAMS_EXISTS).await
        }
        Named::NoTeam => Err(Failure::NotFound),
    }
}

pub(super) async fn dissolve(
    State(console): State<Console>,
    Path(team): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let id: TeamId = addresses::id(&team).ok_or(Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !teams::dissolve(&mut tx, &id, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::TeamDissolved(id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/teams"))
}

#[derive(Deserialize)]
pub(super) struct Put {
    #[serde(default)]
    person: String,
}

pub(super) async fn join(
    State(console): State<Console>,
    Path(team): Path<String>,
    posted: Posted<Put>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let team = known(&console, &grant, &team).await?;
    let (clinic, me) = (console.desk.clinic(), &posted.by.person.id);
    let Ok(person) = posted.form.person.trim().parse::<OperatorId>() else {
        return refused(&console, &posted.by, &grant, team, text::TEAM_NO_CLINICIAN).await;
    };
    if person == *me && !people::is_only(&people::list(&clinic.catalog).await?, Role::Admin, me) {
        return refused(&console, &posted.by, &grant, team, text::TEAM_OWN).await;
    }
    let mut tx = clinic.catalog.write().await?;
    let problem = match teams::join(&mut tx, &team.id, &person, me, grant.at()).await? {
        Joined::Done { asks } => {
            let event = Event::TeamJoined(team.id, &person, asks);
            clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
            tx.commit().await?;
            if asks {
                tracing::warn!(
                    code = "team-grew",
                    "somebody was put into a team that treats patients: the privacy officer is to look at it"
                );
            }
            return Ok(Redirect::to(&address(&team.id)).into_response());
        }
        Joined::Already => return Ok(led(&address(&team.id), false)),
        Joined::NoTeam => return Err(Failure::NotFound),
        Joined::Full => text::TEAM_FULL,
        Joined::NoClinician => text::TEAM_NO_CLINICIAN,
    };
    drop(tx);
    refused(&console, &posted.by, &grant, team, problem).await
}

pub(super) async fn leave(
    State(console): State<Console>,
    Path((team, person)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let id: TeamId = addresses::id(&team).ok_or(Failure::NotFound)?;
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !teams::leave(&mut tx, &id, &person, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::TeamLeft(id, &person)]).await?;
    tx.commit().await?;
    Ok(Redirect::to(&address(&id)))
}
