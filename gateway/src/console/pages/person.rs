//! One person: name, roles, what they use, and whether it is still right.
//!
//! Attacker: an admin who wants to see pictures, or somebody at an admin's screen. Roles can be added, and nobody can prevent an admin from it; so a further
//! role wants a reason, which the log keeps, everybody's sessions end with a change of what they may do, and nobody confirms their own.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::Names;
use super::join::is_name;
use super::login::Nothing;
use super::{Failure, Frame, Page, again, html, led, role_words, shown};
use crate::clinic::access::Event;
use crate::clinic::people::{self, Changed, Person, Role};
use crate::clinic::{credentials, devices, downloads, passkeys, sessions, teams};
use crate::console::permit::{self, Grant, ManagePeople};
use crate::console::session::{LoggedIn, Posted};
use crate::console::words::Reason;
use crate::console::{Console, records, text};
use crate::store::catalog::Catalog;

struct RoleRow {
    name: &'static str,
    words: &'static str,
    held: bool,
}

struct Phone {
    name: String,
    state: &'static str,
    state_words: &'static str,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    problem: Option<&'static str>,
    id: String,
    name: String,
    disabled: bool,
    came: String,
    logged_in: Option<String>,
    confirmed: Option<(String, String)>,
    ways: String,
    teams: String,
    roles: Vec<RoleRow>,
    /// Whether a further role is one beside others.
    has_role: bool,
    sessions: usize,
    phones: Vec<Phone>,
}

pub(super) async fn page(State(console): State<Console>, Path(id): Path<String>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManagePeople).await?;
    let person = known(&console, &grant, &id).await?;
    shown_with(&console, &who, &grant, person, None).await
}

async fn known(console: &Console, _: &Grant<ManagePeople>, id: &str) -> Result<Person, Failure> {
    let id: OperatorId = id.parse().map_err(|_| Failure::NotFound)?;
    people::find(&console.desk.clinic().catalog, &id).await?.ok_or(Failure::NotFound)
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    _: &Grant<ManagePeople>,
    person: Person,
    problem: Option<&'static str>,
) -> Page {
    let catalog = &console.desk.clinic().catalog;
    let (phones, names) = (devices::of_person(catalog, &person.id).await?, Names::read(console).await?);
    let ways = ways(catalog, &person.id).await?;
    let teams = teams::of_everybody(catalog).await?.remove(person.id.as_str()).unwrap_or_default().join(", ");
    let sessions = sessions::of_person(catalog, &person.id, console.desk.now()).await?.len();
    let phone = |device: devices::Device| Phone {
        state: device.status.name(),
        state_words: super::devices::status_words(device.status),
        name: device.name,
    };
    let time = |at: Option<UnixMillis>| at.map(shown::time);
    html(&PersonPage {
        frame: Frame::new(console, who, "/people").await?,
        problem,
        id: person.id.to_string(),
        disabled: !person.is_active(),
        came: shown::time(person.created_at),
        logged_in: time(person.logged_in_at),
        confirmed: time(person.confirmed_at).zip(person.confirmed_by.map(|by| names.person_and_id(&by))),
        ways,
        teams,
        roles: Role::ALL
            .into_iter()
            .map(|role| RoleRow { name: role.name(), words: role_words(role), held: person.roles.has(role) })
            .collect(),
        has_role: !person.roles.is_empty(),
        name: person.name,
        sessions,
        phones: phones.into_iter().map(phone).collect(),
    })
}

/// With what somebody logs in.
async fn ways(catalog: &Catalog, id: &OperatorId) -> Result<String, Failure> {
    let mut tx = catalog.read().await?;
    let mut ways = Vec::new();
    if credentials::has_password(&mut tx, id).await? {
        ways.push(text::PERSON_WAY_PASSWORD.to_owned());
    }
    match passkeys::how_many(&mut tx, id).await? {
        0 => {}
        some => ways.push(format!("{} {some}", text::PERSON_WAY_PASSKEYS)),
    }
    Ok(if ways.is_empty() { text::PERSON_NO_WAY.to_owned() } else { ways.join(", ") })
}

#[derive(Deserialize)]
pub(super) struct Rename {
    name: String,
}

pub(super) async fn rename(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Rename>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let person = known(&console, &grant, &id).await?;
    let name = posted.form.name.trim();
    if !is_name(name) {
        return refused(&console, &posted.by, &grant, person, text::JOIN_BAD_NAME).await;
    }
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let has_changed = people::rename(&mut tx, &person.id, name).await? == Changed::Done;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::PersonRenamed(&person.id)]).await?;
        tx.commit().await?;
    }
    Ok(back_to(&person.id, has_changed))
}

#[derive(Deserialize)]
pub(super) struct RoleForm {
    role: String,
    #[serde(default)]
    reason: String,
}

/// A further role beside others is unusual, and wants a reason that the log keeps.
pub(super) async fn grant(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<RoleForm>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let person = known(&console, &grant, &id).await?;
    let role = Role::parse(&posted.form.role).ok_or(Failure::NotFound)?;
    let reason = Reason::parse(&posted.form.reason);
    let sealed = match (&reason, person.roles.is_empty()) {
        (None, false) => return refused(&console, &posted.by, &grant, person, text::PERSON_REASON_WANTED).await,
        (Some(reason), false) => Some(records::seal_words(&console, reason.as_str())?),
        (_, true) => None,
    };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    // Somebody else may have given the first role meanwhile: then this is a further one, and its reason is missing.
    let now_has = people::find_in(&mut tx, &person.id).await?.is_some_and(|now| now.roles != person.roles);
    let has_changed = !now_has && people::grant(&mut tx, &person.id, role, grant.at()).await? == Changed::Done;
    if has_changed {
        let mut events = vec![Event::RoleGranted(&person.id, role)];
        events.extend(sealed.as_deref().map(|sealed| Event::FurtherRole(&person.id, role, sealed)));
        sessions::end_all(&mut tx, &person.id).await?;
        clinic.access.record(&mut tx, grant.by(), grant.at(), &events).await?;
        tx.commit().await?;
    }
    Ok(back_to(&person.id, has_changed))
}

pub(super) async fn withdraw(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<RoleForm>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let person = known(&console, &grant, &id).await?;
    let role = Role::parse(&posted.form.role).ok_or(Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let changed = people::withdraw(&mut tx, &person.id, role).await?;
    match changed {
        Changed::LastAdmin => {
            drop(tx);
            return refused(&console, &posted.by, &grant, person, text::PEOPLE_LAST_ADMIN).await;
        }
        Changed::Nothing => {}
        Changed::Done => {
            sessions::end_all(&mut tx, &person.id).await?;
            let mut events = vec![Event::RoleWithdrawn(&person.id, role)];
            if role == Role::Clinician {
                let left = teams::leave_all(&mut tx, &person.id, grant.at()).await?;
                events.extend(left.into_iter().map(|team| Event::TeamLeft(team, &person.id)));
                if downloads::withdraw(&mut tx, &person.id).await? == Changed::Done {
                    events.push(Event::DownloadWithdrawn(&person.id));
                }
            }
            clinic.access.record(&mut tx, grant.by(), grant.at(), &events).await?;
            tx.commit().await?;
        }
    }
    Ok(back_to(&person.id, changed == Changed::Done))
}

/// Ends everything that this person is logged in to.
pub(super) async fn end_sessions(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let person = known(&console, &grant, &id).await?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let has_changed = sessions::end_all(&mut tx, &person.id).await? > 0;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::SessionsEnded(&person.id)]).await?;
        tx.commit().await?;
    }
    Ok(back_to(&person.id, has_changed))
}

fn back_to(id: &OperatorId, has_changed: bool) -> Response {
    led(&format!("/people/{id}"), has_changed)
}

async fn refused(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManagePeople>,
    person: Person,
    problem: &'static str,
) -> Result<Response, Failure> {
    let page = shown_with(console, who, grant, person, Some(problem)).await?;
    Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem, page))
}
