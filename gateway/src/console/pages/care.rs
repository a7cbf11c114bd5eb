//! Care teams: members add colleagues, for a time or for good, and end what they have added; whoever is not sure asks the privacy officer.
//!
//! Attackers: a member of staff who has a colleague let them in, and a member who lets in whom they like. Who added whom, to whom and until when is on
//! record before it holds; nobody adds themselves, nobody with emergency access adds anybody, and nobody ends what they did not add.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::login::Nothing;
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::access::Event;
use crate::clinic::care::{self, Member};
use crate::clinic::people::{self, Role};
use crate::clinic::pictures::Handle;
use crate::console::permit::{self, ChangeTeam, ReviewCare};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};

const DAY: u64 = 24 * 60 * 60;

/// For how long somebody is added, as forms and pages have it. Longer than a year is for good.
pub(super) const TERMS: [(&str, u64, &str); 5] = [
    ("week", 7, text::CARE_WEEK),
    ("month", 30, text::CARE_MONTH),
    ("quarter", 91, text::CARE_QUARTER),
    ("year", 365, text::CARE_YEAR),
    ("open", 0, text::CARE_OPEN),
];

#[derive(Deserialize)]
pub(super) struct Added {
    #[serde(default)]
    person: String,
    #[serde(default)]
    term: String,
    #[serde(default)]
    unsure: String,
}

pub(super) async fn add(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<Added>,
) -> Result<Redirect, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let form = &posted.form;
    let incomplete = || Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::CARE_INCOMPLETE);
    let person: OperatorId = form.person.trim().parse().map_err(|_| incomplete())?;
    let (_, days, _) = TERMS.into_iter().find(|(name, ..)| *name == form.term).ok_or_else(incomplete)?;
    let until = (days > 0).then(|| grant.at().plus(Duration::from_secs(days * DAY)));
    let asks = form.unsure == "yes";
    let member = Member { patient: handle, person, until, added_by: Some(posted.by.person.id.clone()) };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let known = people::find_in(&mut tx, &member.person).await?;
    if !known.is_some_and(|person| person.is_active() && person.roles.has(Role::Clinician)) {
        return Err(incomplete());
    }
    if care::add(&mut tx, &member, asks, grant.at()).await? {
        let event = Event::CareAdded(handle, &member.person, until.map_or(0, |until| until.0), asks);
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to(&format!("/patients/{}", shown::reference(&handle))))
}

pub(super) async fn end(
    State(console): State<Console>,
    Path((reference, person)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeTeam(handle)).await?;
    let handle = *grant.subject();
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !care::end(&mut tx, &handle, &person, &posted.by.person.id).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::CareEnded(handle, &person)]).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/patients/{}", shown::reference(&handle))))
}

struct Row {
    reference: String,
    patient: String,
    person: String,
    added_by: String,
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "care_review.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
}

pub(super) async fn list(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ReviewCare).await?;
    let row = |member: Member| Row {
        reference: shown::reference(&member.patient),
        patient: shown::reference(&member.patient).chars().take(8).collect(),
        until: member.until.map(shown::time),
        person: member.person.to_string(),
        added_by: member.added_by.map(|by| by.to_string()).unwrap_or_default(),
    };
    let rows = care::asked(&console.desk.clinic().catalog, grant.at()).await?.into_iter().map(row).collect();
    html(&List { frame: Frame::new(&console, &who, "/care-review").await?, rows })
}

#[derive(Deserialize)]
pub(super) struct Reviewed {
    #[serde(default)]
    verdict: String,
}

pub(super) async fn review(
    State(console): State<Console>,
    Path((reference, person)): Path<(String, String)>,
    posted: Posted<Reviewed>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewCare).await?;
    let handle: Handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let person: OperatorId = person.parse().map_err(|_| Failure::NotFound)?;
    let (stays, event) = match posted.form.verdict.as_str() {
        "confirm" => (true, Event::CareConfirmed(handle, &person)),
        "end" => (false, Event::CareEnded(handle, &person)),
        _ => return Err(Failure::NotFound),
    };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !care::review(&mut tx, &handle, &person, stays).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/care-review"))
}
