//! The access review: who holds what, confirmed or withdrawn by an admin, on record.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use safelight_core::ids::UnixMillis;

use super::entries::Names;
use super::login::Nothing;
use super::{Failure, Frame, Page, html, roles_words, shown};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::devices::{self, Status};
use crate::clinic::people::{self, Person, Role};
use crate::clinic::teams;
use crate::console::permit::{self, Grant, ManagePeople};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};

/// Whoever was not confirmed for so long is to be looked at.
const EVERY: Duration = Duration::from_secs(90 * 24 * 60 * 60);

struct Row {
    id: String,
    name: String,
    roles: String,
    phones: usize,
    logged_in: Option<String>,
    confirmed: Option<(String, String)>,
    /// Their names.
    teams: String,
    due: bool,
    /// Nobody confirms their own, unless there is nobody else.
    own: bool,
}

#[derive(Template)]
#[template(path = "review.html")]
struct Review {
    frame: Frame,
    problem: Option<&'static str>,
    due: usize,
    people: Vec<Row>,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManagePeople).await?;
    shown_with(&console, &who, &grant, None).await
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManagePeople>,
    problem: Option<&'static str>,
) -> Page {
    let catalog = &console.desk.clinic().catalog;
    let devices = devices::list(catalog).await?;
    let all = people::list(catalog).await?;
    let (teams, names) = (teams::of_everybody(catalog).await?, Names::read(console).await?);
    let alone = people::is_only(&all, Role::Admin, &who.person.id);
    let row = |person: Person| Row {
        phones: devices.iter().filter(|device| device.person == person.id && device.status == Status::Active).count(),
        teams: teams.get(person.id.as_str()).map(|names| names.join(", ")).unwrap_or_default(),
        due: is_due(&person, grant.at()),
        own: person.id == who.person.id && !alone,
        roles: roles_words(person.roles),
        logged_in: person.logged_in_at.map(shown::time),
        confirmed: person.confirmed_at.map(shown::time).zip(person.confirmed_by.map(|by| names.person_and_id(&by))),
        id: person.id.to_string(),
        name: person.name,
    };
    let mut people: Vec<Row> = all.into_iter().filter(Person::is_active).map(row).collect();
    people.sort_by_key(|row| !row.due);
    let due = people.iter().filter(|row| row.due).count();
    html(&Review { frame: Frame::new(console, who, "/people").await?, problem, due, people })
}

/// How many are to be looked at.
pub(super) async fn due(console: &Console, grant: &Grant<ManagePeople>) -> Result<usize, ClinicError> {
    let all = people::list(&console.desk.clinic().catalog).await?;
    Ok(all.iter().filter(|person| person.is_active() && is_due(person, grant.at())).count())
}

/// Somebody new has just been given what they hold.
fn is_due(person: &Person, now: UnixMillis) -> bool {
    now.since(person.confirmed_at.unwrap_or(person.created_at)) >= EVERY
}

pub(super) async fn confirm(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let clinic = console.desk.clinic();
    let all = people::list(&clinic.catalog).await?;
    let person = all.iter().find(|person| person.id.as_str() == id && person.is_active()).ok_or(Failure::NotFound)?;
    if person.id == posted.by.person.id && !people::is_only(&all, Role::Admin, &person.id) {
        let page = shown_with(&console, &posted.by, &grant, Some(text::REVIEW_OWN)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let mut tx = clinic.catalog.write().await?;
    let _ = people::confirm(&mut tx, &person.id, &posted.by.person.id, grant.at()).await?;
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::AccessConfirmed(&person.id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/review").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str, roles: &[Role], created: u64, confirmed: Option<u64>) -> Person {
        Person {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            roles: roles.iter().fold(people::Roles::default(), |all, role| all.and(*role)),
            created_at: UnixMillis(created),
            disabled_at: None,
            logged_in_at: None,
            confirmed_at: confirmed.map(UnixMillis),
            confirmed_by: None,
        }
    }

    #[test]
    fn whoever_was_not_confirmed_for_a_quarter_is_due() {
        let every = u64::try_from(EVERY.as_millis()).unwrap();
        assert!(!is_due(&person("a", &[], 1000, None), UnixMillis(1000 + every - 1)));
        assert!(is_due(&person("a", &[], 1000, None), UnixMillis(1000 + every)));
        assert!(!is_due(&person("a", &[], 1000, Some(2000)), UnixMillis(1000 + every)));
        assert!(is_due(&person("a", &[], 1000, Some(2000)), UnixMillis(2000 + every)));
    }

    #[test]
    fn nobody_confirms_their_own_unless_they_run_it_alone() {
        let ada = person("ada", &[Role::Admin], 0, None);
        let carla = person("carla", &[Role::Clinician], 0, None);
        let mut second = person("second", &[Role::Admin, Role::Clinician], 0, None);
        let is_only = |all: &[Person]| people::is_only(all, Role::Admin, &ada.id);
        assert!(is_only(&[ada.clone(), carla.clone()]));
        assert!(!is_only(&[ada.clone(), carla.clone(), second.clone()]));
        second.disabled_at = Some(UnixMillis(1));
        assert!(is_only(&[ada.clone(), carla, second]));
    }
}
