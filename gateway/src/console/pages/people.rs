//! People: who works here, as what, and codes for whoever begins.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use safelight_core::manifest::OperatorId;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::entries::with_id;
use super::join::is_name;
use super::login::Nothing;
use super::{Failure, Frame, Page, again, html, led, review, role_words, roles_words};
use crate::clinic::access::Event;
use crate::clinic::people::{self, Changed, Person, Role};
use crate::clinic::{credentials, downloads, joining, passkeys, resets, sessions, teams};
use crate::console::permit::{self, Grant, ManagePeople};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};
use crate::store::catalog::WriteTx;

struct Row {
    id: String,
    name: String,
    roles: String,
    disabled: bool,
    is_clinician: bool,
    downloads: bool,
}

pub(super) struct NewCode {
    pub(super) person: String,
    pub(super) text: Zeroizing<String>,
    pub(super) place: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    frame: Frame,
    problem: Option<&'static str>,
    code: Option<NewCode>,
    /// What was refused.
    typed: Add,
    /// How many are to be looked at again.
    due: usize,
    people: Vec<Row>,
    roles: Vec<(&'static str, &'static str)>,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManagePeople).await?;
    shown(&console, &who, &grant, Outcome::default()).await
}

/// What a form has led to.
#[derive(Default)]
struct Outcome {
    problem: Option<&'static str>,
    code: Option<NewCode>,
    typed: Add,
}

async fn shown(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManagePeople>,
    Outcome { problem, code, typed }: Outcome,
) -> Page {
    let may_download = downloads::list(&console.desk.clinic().catalog).await?;
    let row = |person: Person| Row {
        downloads: may_download.iter().any(|id| id == person.id.as_str()),
        id: person.id.to_string(),
        roles: roles_words(person.roles),
        disabled: !person.is_active(),
        is_clinician: person.roles.has(Role::Clinician),
        name: person.name,
    };
    html(&People {
        frame: Frame::new(console, who, "/people").await?,
        problem,
        code,
        typed,
        due: review::due(console, grant).await?,
        people: people::list(&console.desk.clinic().catalog).await?.into_iter().map(row).collect(),
        roles: Role::ALL.into_iter().map(|role| (role.name(), role_words(role))).collect(),
    })
}

#[derive(Default, Deserialize)]
pub(super) struct Add {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: String,
}

pub(super) async fn add(State(console): State<Console>, posted: Posted<Add>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let Posted { by, form } = posted;
    let Some(code) = added(&console, &grant, &form).await? else {
        return refused(&console, &by, &grant, form, text::PEOPLE_EXISTS).await;
    };
    let outcome = Outcome { code: Some(code), ..Outcome::default() };
    Ok(shown(&console, &by, &grant, outcome).await?.into_response())
}

async fn refused(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManagePeople>,
    typed: Add,
    problem: &'static str,
) -> Result<Response, Failure> {
    let outcome = Outcome { problem: Some(problem), typed, ..Outcome::default() };
    let page = shown(console, who, grant, outcome).await?;
    Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem, page))
}

/// Adds somebody, and makes the code with which they begin. None if there is somebody of that id, or it cannot be one.
pub(super) async fn added(
    console: &Console,
    grant: &Grant<ManagePeople>,
    form: &Add,
) -> Result<Option<NewCode>, Failure> {
    let mut tx = console.desk.clinic().catalog.write().await?;
    let Some((_, code)) = added_in(&mut tx, console, grant, form).await? else { return Ok(None) };
    tx.commit().await?;
    Ok(Some(code))
}

/// The same in the caller's transaction, with who it is.
pub(super) async fn added_in(
    tx: &mut WriteTx,
    console: &Console,
    grant: &Grant<ManagePeople>,
    form: &Add,
) -> Result<Option<(OperatorId, NewCode)>, Failure> {
    let (id, name, role) = (form.id.trim().parse::<OperatorId>(), form.name.trim(), Role::parse(&form.role));
    let (Ok(id), true, Some(role)) = (id, is_name(name), role) else { return Ok(None) };
    if people::add(tx, &id, name, grant.at()).await? != Changed::Done {
        return Ok(None);
    }
    let _ = people::grant(tx, &id, role, grant.at()).await?;
    let code = joining::for_person(tx, &id, grant.at()).await?;
    let events = [Event::PersonAdded(&id), Event::RoleGranted(&id, role), Event::JoinCodeMade(&id)];
    console.desk.clinic().access.record(tx, grant.by(), grant.at(), &events).await?;
    let code = new_code(console, (&id, name), code.text());
    Ok(Some((id, code)))
}

fn new_code(console: &Console, (id, name): (&OperatorId, &str), text: Zeroizing<String>) -> NewCode {
    NewCode { person: with_id(name, id.as_str()), text, place: format!("{}/join", console.inner.address) }
}

pub(super) async fn code(State(console): State<Console>, Path(id): Path<String>, posted: Posted<Nothing>) -> Page {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let id: OperatorId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let person = people::find_in(&mut tx, &id).await?.ok_or(Failure::NotFound)?;
    let code = joining::for_person(&mut tx, &id, grant.at()).await?;
    // Whoever has an account is told: with the code it is whoever's the code is given to.
    let has_account = credentials::has_password(&mut tx, &id).await? || passkeys::how_many(&mut tx, &id).await? > 0;
    let event = if has_account {
        resets::note(&mut tx, &id, &posted.by.person.id, grant.at()).await?;
        Event::AccountReset(&id)
    } else {
        Event::JoinCodeMade(&id)
    };
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    let code = new_code(&console, (&id, &person.name), code.text());
    shown(&console, &posted.by, &grant, Outcome { code: Some(code), ..Outcome::default() }).await
}

pub(super) async fn disable(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let id: OperatorId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let changed = people::disable(&mut tx, &id, grant.at()).await?;
    match changed {
        Changed::LastAdmin => {
            drop(tx);
            return refused(&console, &posted.by, &grant, Add::default(), text::PEOPLE_LAST_ADMIN).await;
        }
        Changed::Nothing => {}
        Changed::Done => {
            sessions::end_all(&mut tx, &id).await?;
            let left = teams::leave_all(&mut tx, &id, grant.at()).await?;
            let mut events = vec![Event::PersonDisabled(&id)];
            events.extend(left.into_iter().map(|team| Event::TeamLeft(team, &id)));
            if downloads::withdraw(&mut tx, &id).await? == Changed::Done {
                events.push(Event::DownloadWithdrawn(&id));
            }
            clinic.access.record(&mut tx, grant.by(), grant.at(), &events).await?;
            tx.commit().await?;
        }
    }
    Ok(led("/people", changed == Changed::Done))
}

pub(super) async fn enable(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let id: OperatorId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let has_changed = people::enable(&mut tx, &id).await? == Changed::Done;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::PersonEnabled(&id)]).await?;
        tx.commit().await?;
    }
    Ok(led("/people", has_changed))
}
