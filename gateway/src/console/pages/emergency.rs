//! Emergency access: asked for by a clinician, looked at by the privacy officer.
//!
//! Attacker: a member of staff who is curious. They learn that a patient exists by the exact number alone, and that they tried is on record and slows
//! down; without a reason there is nothing; with one there is a banner, an end, and somebody who asks: another privacy officer, if they are one themselves.
//! Whoever would bury one access among many begins none that they do not need, and pushes none off the list: what waits is shown oldest first, all of it.
//! Whoever has one ends it early, and no other's; that takes it from nobody's list, and whoever ends and begins again has each of them on it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER;
use safelight_core::label::DEFAULT_ISSUER;
use serde::Deserialize;

use super::entries::Names;
use super::judge::Judge;
use super::login::Nothing;
use super::numbers::{self, Among, Looked};
use super::{Failure, Frame, Page, html, led, shown};
use crate::clinic::access::Event;
use crate::clinic::emergency::{self, Begun, Emergency, Place, Reason, Verdict};
use crate::console::permit::{self, AskEmergency, EndEmergency, Grant, ReviewEmergencies};
use crate::console::records;
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, text, words};

/// Accesses of one page that wait, and of one that are reviewed.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "emergency.html")]
struct Ask<'a> {
    frame: Frame,
    problem: Option<&'static str>,
    number: &'a str,
    issuer: &'a str,
    words: &'a str,
    reasons: Vec<(&'static str, &'static str, bool)>,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, AskEmergency).await?;
    let nothing = Wanted {
        number: String::new(),
        issuer: DEFAULT_ISSUER.to_owned(),
        reason: String::new(),
        words: String::new(),
    };
    form(&console, &who, &grant, &nothing, None).await
}

async fn form(
    console: &Console,
    who: &LoggedIn,
    _: &Grant<AskEmergency>,
    wanted: &Wanted,
    problem: Option<&'static str>,
) -> Page {
    html(&Ask {
        frame: Frame::new(console, who, "/patients").await?,
        problem,
        number: &wanted.number,
        issuer: &wanted.issuer,
        words: &wanted.words,
        reasons: Reason::ALL
            .into_iter()
            .map(|one| (one.name(), reason_words(one), one.name() == wanted.reason))
            .collect(),
    })
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    number: String,
    issuer: String,
    #[serde(default)]
    reason: String,
    words: String,
}

pub(super) async fn begin(State(console): State<Console>, posted: Posted<Wanted>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, AskEmergency).await?;
    let wanted = &posted.form;
    let refused = async |status: StatusCode, problem| {
        let page = form(&console, &posted.by, &grant, wanted, Some(problem)).await?;
        Ok((status, page).into_response())
    };
    let number = wanted.number.trim();
    let words = words::Reason::parse(&wanted.words);
    let (Some(reason), Some(words), false) = (Reason::parse(&wanted.reason), words, number.is_empty()) else {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, text::EMERGENCY_INCOMPLETE).await;
    };
    let handle = match numbers::find(&console, &posted.by, (&wanted.issuer, number), Among::All, Event::EmergencyMissed)
        .await?
    {
        Looked::Found(found) => found.record,
        Looked::Nobody => return refused(StatusCode::NOT_FOUND, text::EMERGENCY_NONE).await,
        Looked::Wait => return refused(StatusCode::TOO_MANY_REQUESTS, text::EMERGENCY_WAIT).await,
    };
    let clinic = console.desk.clinic();
    let sealed = records::seal_words(&console, words.as_str())?;
    let mut tx = clinic.catalog.write().await?;
    match emergency::begin(&mut tx, &handle, &posted.by.person.id, reason, &sealed, grant.at()).await? {
        Begun::New(id) => {
            let event = Event::EmergencyBegun(id, handle, reason.name());
            clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
            tx.commit().await?;
            tracing::warn!(
                code = "emergency-access",
                "somebody has taken emergency access: the privacy officer is to look at it"
            );
        }
        // Led there, on record as every look.
        Begun::Sees => {}
        Begun::TooOften => {
            drop(tx);
            return refused(StatusCode::TOO_MANY_REQUESTS, text::EMERGENCY_OFTEN).await;
        }
    }
    Ok(Redirect::to(&format!("/patients/{}", shown::reference(&handle))).into_response())
}

/// Ends all that somebody has now. The page that they were on is none for them any more.
pub(super) async fn end(State(console): State<Console>, posted: Posted<Nothing>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, EndEmergency).await?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let ended = emergency::end(&mut tx, &posted.by.person.id, grant.at()).await?;
    let has_changed = !ended.is_empty();
    if has_changed {
        let events: Vec<_> = ended.into_iter().map(|(id, patient)| Event::EmergencyEnded(id, patient)).collect();
        clinic.access.record(&mut tx, grant.by(), grant.at(), &events).await?;
        tx.commit().await?;
        console.inner.tickets.forget(&posted.by.person.id);
    }
    Ok(led("/patients", has_changed))
}

struct Row {
    id: String,
    name: String,
    person: String,
    patient: String,
    /// The whole of it, for the log.
    reference: String,
    reason: &'static str,
    words: Option<String>,
    begun: String,
    until: String,
    ended_early: bool,
    /// Another officer reviews it.
    own: bool,
    verdict: &'static str,
    reviewed_by: String,
}

#[derive(Template)]
#[template(path = "emergencies.html")]
struct List {
    frame: Frame,
    waiting: Vec<Row>,
    /// Where what waits goes on.
    more: Option<String>,
    reviewed: Vec<Row>,
    older: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct From {
    /// The last that waits on the page before.
    after: Option<String>,
    /// The last that is reviewed on the page before.
    before: Option<String>,
}

/// What waits comes first, whatever page of what is reviewed is looked at.
pub(super) async fn list(State(console): State<Console>, Query(from): Query<From>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ReviewEmergencies).await?;
    let catalog = &console.desk.clinic().catalog;
    let (judge, names) = (Judge::of(&mut *catalog.read().await?, &who).await?, Names::read(&console).await?);
    let waiting = emergency::waiting(catalog, place(&console, from.after.as_deref()).await?, PAGE).await?;
    let reviewed = emergency::reviewed(catalog, place(&console, from.before.as_deref()).await?, PAGE).await?;
    let last = |page: &[Emergency]| addresses::last_of_full(page, PAGE).map(|last| HEXLOWER.encode(&last.id));
    let (more, older) = (last(&waiting), last(&reviewed));
    let rows = |page: Vec<Emergency>| -> Vec<Row> {
        page.into_iter().map(|one| row(&console, &grant, (&judge, &names), one)).collect()
    };
    let (waiting, reviewed) = (rows(waiting), rows(reviewed));
    html(&List { frame: Frame::new(&console, &who, "/emergencies").await?, waiting, more, reviewed, older })
}

async fn place(console: &Console, id: Option<&str>) -> Result<Option<Place>, Failure> {
    let Some(id) = id else { return Ok(None) };
    let id = addresses::id(id).ok_or(Failure::NotFound)?;
    let place = emergency::place(&console.desk.clinic().catalog, &id).await?;
    place.map(Some).ok_or(Failure::NotFound)
}

fn row(console: &Console, grant: &Grant<ReviewEmergencies>, (judge, names): (&Judge, &Names), one: Emergency) -> Row {
    Row {
        id: HEXLOWER.encode(&one.id),
        own: judge.is_concerned(&[one.person.as_str()]),
        name: names.person(one.person.as_str()),
        person: one.person.to_string(),
        patient: shown::reference(&one.patient).chars().take(8).collect(),
        reference: shown::reference(&one.patient),
        reason: reason_words(one.reason),
        words: records::open_words(console, grant, &one.words),
        begun: shown::time(one.begun_at),
        until: shown::time(one.until),
        ended_early: one.ended_early,
        verdict: match one.verdict {
            Verdict::Open => "",
            Verdict::Justified => text::EMERGENCIES_JUSTIFIED,
            Verdict::NotJustified => text::EMERGENCIES_NOT,
        },
        reviewed_by: one.reviewed_by.map(|by| names.person_and_id(&by)).unwrap_or_default(),
    }
}

#[derive(Deserialize)]
pub(super) struct Review {
    verdict: String,
}

pub(super) async fn review(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Review>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ReviewEmergencies).await?;
    let verdict = Verdict::parse(&posted.form.verdict).filter(|verdict| *verdict != Verdict::Open);
    let (Some(id), Some(verdict)) = (addresses::id(&id), verdict) else { return Err(Failure::NotFound) };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let whose = emergency::unreviewed(&mut tx, &id).await?.ok_or(Failure::NotFound)?;
    Judge::of(&mut tx, &posted.by).await?.must_not_be(&[whose.as_str()])?;
    if !emergency::review(&mut tx, &id, verdict, &posted.by.person.id, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::EmergencyReviewed(id, verdict.name())]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/emergencies"))
}

const fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Acute => text::EMERGENCY_ACUTE,
        Reason::Treating => text::EMERGENCY_TREATING,
        Reason::Consult => text::EMERGENCY_CONSULT,
        Reason::Other => text::EMERGENCY_OTHER,
    }
}
