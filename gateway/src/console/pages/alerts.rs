//! Alerts: seen, taken and closed by the privacy officer; those about the machine by admins too.
//!
//! Attacker: a member of staff whom an alert is about, and who would rather that nobody saw it. Only the two roles get here; an admin sees no alert about a
//! person, and is told of one what is told of none; an officer neither takes nor closes one about themselves while there is another; whoever takes or closes one
//! is on record in the same transaction, and a closed one stays.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::entries::Names;
use super::judge::Judge;
use super::login::Nothing;
use super::{Failure, Frame, Page, html, shown};
use crate::alert::book::{self, Alert, State as Stage, Undelivered};
use crate::alert::rules::Severity;
use crate::alert::words;
use crate::clinic::access::Event;
use crate::console::permit::{self, Grant, HandleAlert, SeeAlerts};
use crate::console::records;
use crate::console::session::{LoggedIn, Posted};
use crate::console::words::{MAX_LEN, plain};
use crate::console::{Console, addresses, text};

/// Alerts of one state on a page.
const PAGE: u32 = 100;

struct Row {
    id: String,
    what: &'static str,
    severity: &'static str,
    high: bool,
    subject: String,
    first: String,
    last: String,
    count: u64,
    open: bool,
    closed: bool,
    /// Another officer sees to it.
    own: bool,
    state: &'static str,
    owner: String,
    note: Option<String>,
    sealed: bool,
}

struct Filter {
    href: String,
    name: &'static str,
    here: bool,
}

/// Where the older ones of a state are.
struct Older {
    href: String,
    name: String,
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct List {
    frame: Frame,
    filters: Vec<Filter>,
    alerts: Vec<Row>,
    older: Vec<Older>,
    undelivered: Vec<Undelivered>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    state: Option<String>,
    before: Option<u64>,
}

pub(super) async fn list(State(console): State<Console>, Query(wanted): Query<Wanted>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, SeeAlerts).await?;
    let chosen = wanted.state.as_deref().and_then(Stage::parse);
    let catalog = &console.desk.clinic().catalog;
    let (judge, names) = (Judge::of(&mut *catalog.read().await?, &who).await?, Names::read(&console).await?);
    let (mut alerts, mut older) = (Vec::new(), Vec::new());
    // Those that nobody sees to come first; what is further back is one state's.
    let stages: Vec<Stage> = chosen.map_or_else(|| Stage::ALL.to_vec(), |stage| vec![stage]);
    for stage in stages {
        let before = wanted.before.filter(|_| chosen.is_some());
        let found = book::list(catalog, grant.subject(), stage, before, PAGE).await?;
        if let Some(last) = addresses::last_of_full(&found, PAGE) {
            let href = format!("/alerts?state={}&before={}", stage.name(), last.seq);
            older.push(Older { href, name: format!("{} {}", text::ALERTS_OLDER, stage_words(stage)) });
        }
        alerts.extend(found.into_iter().map(|alert| row(&console, &grant, (&judge, &names), alert)));
    }
    html(&List {
        frame: Frame::new(&console, &who, "/alerts").await?,
        filters: filters(chosen),
        alerts,
        older,
        undelivered: book::undelivered(catalog).await?,
    })
}

fn filters(chosen: Option<Stage>) -> Vec<Filter> {
    let all = Filter { href: "/alerts".to_owned(), name: text::ALERTS_ALL, here: chosen.is_none() };
    let one = |stage: Stage| Filter {
        href: format!("/alerts?state={}", stage.name()),
        name: stage_words(stage),
        here: chosen == Some(stage),
    };
    std::iter::once(all).chain(Stage::ALL.into_iter().map(one)).collect()
}

/// The id of the person whom an alert is about, if it is about one.
fn about(alert: &Alert) -> &str {
    alert.subject.strip_prefix("person:").unwrap_or_default()
}

fn row(console: &Console, grant: &Grant<SeeAlerts>, (judge, names): (&Judge, &Names), alert: Alert) -> Row {
    let severity = Severity::of(alert.code);
    let note = alert.note.as_deref().and_then(|sealed| records::open_note(console, grant, sealed));
    Row {
        id: HEXLOWER.encode(&alert.id),
        own: judge.is_concerned(&[about(&alert)]),
        what: words::of(alert.code),
        severity: words::how_soon(severity),
        high: severity == Severity::High,
        subject: match about(&alert) {
            "" => alert.subject,
            id => names.person_and_id(id),
        },
        first: shown::time(alert.first_at),
        last: shown::time(alert.last_at),
        count: alert.count,
        open: alert.state == Stage::Open,
        closed: alert.state == Stage::Closed,
        state: stage_words(alert.state),
        owner: alert.owner.map(|owner| names.person_and_id(&owner)).unwrap_or_default(),
        sealed: alert.note.is_some() && note.is_none(),
        note,
    }
}

pub(super) async fn take(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, HandleAlert(id)).await?;
    let clinic = console.desk.clinic();
    let alert = grant.subject();
    let mut tx = clinic.catalog.write().await?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&[about(alert)])?;
    if !book::take(&mut tx, &alert.id, &posted.by.person.id).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::AlertTaken(alert.id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/alerts"))
}

#[derive(Deserialize)]
pub(super) struct Closing {
    #[serde(default)]
    note: String,
}

pub(super) async fn close(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Closing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, HandleAlert(id)).await?;
    let note = plain(&posted.form.note);
    if note.len() > MAX_LEN {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::ALERTS_NOTE_LONG));
    }
    let sealed = if note.is_empty() { None } else { Some(records::seal_words(&console, &note)?) };
    let clinic = console.desk.clinic();
    let alert = grant.subject();
    let mut tx = clinic.catalog.write().await?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&[about(alert)])?;
    if !book::close(&mut tx, &alert.id, &posted.by.person.id, sealed, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::AlertClosed(alert.id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/alerts"))
}

const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Open => text::ALERTS_OPEN,
        Stage::Taken => text::ALERTS_TAKEN,
        Stage::Closed => text::ALERTS_CLOSED,
    }
}
