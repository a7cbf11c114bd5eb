//! What the forms of the first run do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Filled, Outcome, Step, shown};
use crate::clinic::access::Event;
use crate::clinic::people::Role;
use crate::clinic::teams::{self as clinic_teams, Joined};
use crate::clinic::{ClinicError, first_run};
use crate::console::pages::Failure;
use crate::console::pages::devices::{self, Invite};
use crate::console::pages::login::Nothing;
use crate::console::pages::people::{self, Add};
use crate::console::pages::teams;
use crate::console::permit::{self, Grant, ManageDevices, ManagePeople, ManageTeams, RunFirst, RunVault};
use crate::console::session::{LoggedIn, Posted, Typed};
use crate::console::{Console, text};
use crate::vault::Passphrase;
use crate::vault::recovery::{self, KitError};

const HERE: &str = "/setup";

async fn refused(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<RunFirst>,
    problem: &'static str,
) -> Result<Response, Failure> {
    refused_with(console, who, grant, Outcome::problem(problem)).await
}

async fn refused_with(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<RunFirst>,
    outcome: Outcome,
) -> Result<Response, Failure> {
    let page = shown(console, who, grant, outcome).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(in crate::console::pages) async fn name(
    State(console): State<Console>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, RunFirst).await?;
    let mut tx = console.desk.clinic().catalog.write().await?;
    first_run::name(&mut tx, grant.at()).await?;
    tx.commit().await?;
    Ok(Redirect::to(HERE))
}

#[derive(Deserialize)]
pub(in crate::console::pages) struct Unlock {
    passphrase: Typed,
}

pub(in crate::console::pages) async fn unlock(
    State(console): State<Console>,
    posted: Posted<Unlock>,
) -> Result<Response, Failure> {
    let first = permit::ask(&console, &posted.by, RunFirst).await?;
    let grant = permit::ask(&console, &posted.by, RunVault).await?;
    let Ok(passphrase) = Passphrase::new(&posted.form.passphrase) else {
        return refused(&console, &posted.by, &first, text::VAULT_WRONG).await;
    };
    match console.desk.unlock(passphrase, grant.by()).await {
        Ok(()) => Ok(Redirect::to(HERE).into_response()),
        Err(ClinicError::Unlock(_)) => refused(&console, &posted.by, &first, text::VAULT_WRONG).await,
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize)]
pub(in crate::console::pages) struct Kit {
    kit: Typed,
}

pub(in crate::console::pages) async fn kit(
    State(console): State<Console>,
    posted: Posted<Kit>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, RunFirst).await?;
    let clinic = console.desk.clinic();
    let tested = recovery::test_kit(&posted.form.kit, clinic.key_set().key_set().recovery);
    drop(posted.form);
    let mut tx = clinic.catalog.write().await?;
    let event = match tested {
        Ok(()) => {
            first_run::kit_tested(&mut tx, grant.at()).await?;
            Event::RecoveryKitTested
        }
        Err(why) => Event::RecoveryKitRefused(why.code()),
    };
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    match tested {
        Ok(()) => Ok(Redirect::to(HERE).into_response()),
        Err(why) => refused(&console, &posted.by, &grant, kit_words(why)).await,
    }
}

const fn kit_words(why: KitError) -> &'static str {
    match why {
        KitError::NoKey => text::SETUP_KIT_NO_KEY,
        KitError::Mistyped => text::SETUP_KIT_MISTYPED,
        KitError::OtherKey => text::SETUP_KIT_OTHER,
        KitError::NoSample => text::FAILED,
    }
}

#[derive(Deserialize)]
pub(in crate::console::pages) struct Clinician {
    id: String,
    name: String,
    /// Of a first team that they come into; none if it is empty.
    #[serde(default)]
    team: String,
}

pub(in crate::console::pages) async fn clinician(
    State(console): State<Console>,
    posted: Posted<Clinician>,
) -> Result<Response, Failure> {
    let first = permit::ask(&console, &posted.by, RunFirst).await?;
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let teams_grant = permit::ask(&console, &posted.by, ManageTeams).await?;
    let Posted { by, form } = posted;
    let role = Role::Clinician.name().to_owned();
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let add = Add { id: form.id, name: form.name, role };
    let added = people::added_in(&mut tx, &console, &grant, &add).await?;
    let typed = Some(Filled { id: add.id, name: add.name, team: form.team.clone(), person: String::new() });
    let Some((person, code)) = added else {
        drop(tx);
        return refused_with(&console, &by, &first, Outcome { typed, ..Outcome::problem(text::PEOPLE_EXISTS) }).await;
    };
    if !form.team.trim().is_empty() {
        match teams::made(&mut tx, &teams_grant, &form.team).await? {
            Ok(team) => {
                let mut events = vec![Event::TeamMade(team)];
                let joined = clinic_teams::join(&mut tx, &team, &person, &by.person.id, teams_grant.at()).await?;
                if let Joined::Done { asks } = joined {
                    events.push(Event::TeamJoined(team, &person, asks));
                }
                clinic.access.record(&mut tx, teams_grant.by(), teams_grant.at(), &events).await?;
            }
            Err(problem) => {
                drop(tx);
                return refused_with(&console, &by, &first, Outcome { typed, ..Outcome::problem(problem) }).await;
            }
        }
    }
    tx.commit().await?;
    let outcome = Outcome { code: Some(code), ..Outcome::default() };
    Ok(shown(&console, &by, &first, outcome).await?.into_response())
}

pub(in crate::console::pages) async fn phone(
    State(console): State<Console>,
    posted: Posted<Invite>,
) -> Result<Response, Failure> {
    let first = permit::ask(&console, &posted.by, RunFirst).await?;
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let Posted { by, form } = posted;
    match devices::invited(&console, &grant, &form).await? {
        Some(invited) => {
            let outcome = Outcome { invited: Some(invited), ..Outcome::default() };
            Ok(shown(&console, &by, &first, outcome).await?.into_response())
        }
        None => {
            let typed = Some(Filled { name: form.name, person: form.person, ..Filled::default() });
            refused_with(&console, &by, &first, Outcome { typed, ..Outcome::problem(text::DEVICES_INVITE_BAD) }).await
        }
    }
}

pub(in crate::console::pages) async fn approve(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<devices::Compared>,
) -> Result<Redirect, Failure> {
    permit::ask(&console, &posted.by, RunFirst).await?;
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    devices::approved(&console, &grant, &id, &posted.form).await?;
    Ok(Redirect::to(HERE))
}

pub(in crate::console::pages) async fn revoke(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    permit::ask(&console, &posted.by, RunFirst).await?;
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    devices::revoked(&console, &grant, &id).await?;
    Ok(Redirect::to(HERE))
}

/// The end, if nothing is missing: looked at here, whatever page the form comes from.
pub(in crate::console::pages) async fn finish(
    State(console): State<Console>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, RunFirst).await?;
    if Step::of(&console, grant.subject()).await? != Step::Done {
        return refused(&console, &posted.by, &grant, text::SETUP_NOT_YET).await;
    }
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    first_run::finish(&mut tx, grant.at()).await?;
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::FirstRunFinished]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/devices").into_response())
}
