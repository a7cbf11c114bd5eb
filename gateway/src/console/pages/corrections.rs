//! A picture that somebody says is another patient's, or should not be there.
//!
//! Attackers: a colleague who makes pictures disappear, which is on record with their name, and undone with one click; one who moves a picture to get at another
//! patient, which moves it among patients whom they treat and no others. The privacy officer decides without seeing the picture or a name.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use safelight_core::ids::CaptureId;
use safelight_core::label::DEFAULT_ISSUER;
use serde::Deserialize;

use super::{Failure, Frame, Page, html, shown};
use crate::clinic::access::Event;
use crate::clinic::corrections::{self, Complaint, Correction, Outcome};
use crate::clinic::pictures::{self, Handle};
use crate::console::permit::{
    self, CorrectAny, CorrectOwn, Grant, ListCorrections, ListOwnCorrections, ReportPicture, Right,
};
use crate::console::server::Peer;
use crate::console::session::{LoggedIn, Posted};
use crate::console::words::Reason;
use crate::console::{Console, records, text};

#[derive(Deserialize)]
pub(super) struct ReportForm {
    complaint: String,
    #[serde(default)]
    words: String,
}

/// Out of sight with the next request, whoever has its page open.
pub(super) async fn report(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<ReportForm>,
) -> Result<Redirect, Failure> {
    let id: CaptureId = id.parse().map_err(|_| Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ReportPicture(id)).await?;
    let complaint = Complaint::parse(&posted.form.complaint).ok_or(Failure::NotFound)?;
    // Words are welcome and not asked for: what should be out of sight is so at once.
    let words = match Reason::parse(&posted.form.words) {
        Some(words) => records::seal_words(&console, words.as_str())?,
        None => Vec::new(),
    };
    let (picture, patient) = grant.subject();
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = &posted.by.person.id;
    let reported = corrections::report(&mut tx, (picture, patient), complaint, by, &words, grant.at()).await?;
    if reported.is_some() {
        let event = Event::PictureReported(picture.capture, *patient, complaint.name());
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to(&format!("/patients/{}", shown::reference(patient))))
}

struct Row {
    id: String,
    picture: String,
    taken: String,
    author: String,
    by: String,
    at: String,
    complaint: &'static str,
    /// Whether there are words, and they, while the vault is unlocked.
    has_words: bool,
    words: Option<String>,
}

#[derive(Template)]
#[template(path = "corrections.html")]
struct List {
    frame: Frame,
    lead: &'static str,
    problem: Option<&'static str>,
    /// Where decisions go.
    base: &'static str,
    /// Of thumbnails, for the author.
    ticket: Option<String>,
    issuer: &'static str,
    rows: Vec<Row>,
}

/// The privacy officer's.
pub(super) async fn list(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListCorrections).await?;
    all(&console, &who, &grant, None).await
}

async fn all(console: &Console, who: &LoggedIn, grant: &Grant<ListCorrections>, problem: Option<&'static str>) -> Page {
    let open = corrections::open(&console.desk.clinic().catalog).await?;
    let mut rows = Vec::new();
    for one in open {
        let words = records::open_complaint(console, grant, &one.words);
        rows.push(row(console, one, words).await?);
    }
    let frame = Frame::new(console, who, "/corrections").await?;
    let (lead, base, issuer) = (text::CORRECTIONS_LEAD, "/corrections", DEFAULT_ISSUER);
    html(&List { frame, lead, problem, base, ticket: None, issuer, rows })
}

/// The author's own.
pub(super) async fn own(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListOwnCorrections).await?;
    all_own(&console, &who, &grant, None).await
}

async fn all_own(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ListOwnCorrections>,
    problem: Option<&'static str>,
) -> Page {
    let open = corrections::open_of(&console.desk.clinic().catalog, &who.person.id).await?;
    let mut rows = Vec::new();
    for one in open {
        let words = records::open_complaint(console, grant, &one.words);
        rows.push(row(console, one, words).await?);
    }
    let frame = Frame::new(console, who, "/reported").await?;
    let ticket = Some(console.inner.tickets.for_reported(who, grant)?);
    let (lead, base, issuer) = (text::CORRECTIONS_OWN_LEAD, "/reported", DEFAULT_ISSUER);
    html(&List { frame, lead, problem, base, ticket, issuer, rows })
}

async fn row(console: &Console, one: Correction, words: Option<String>) -> Result<Row, Failure> {
    let picture = pictures::find(&console.desk.clinic().catalog, one.capture).await?;
    Ok(Row {
        id: data_encoding::HEXLOWER.encode(&one.id),
        picture: one.capture.to_string(),
        taken: picture.map(|picture| shown::time(picture.captured_at)).unwrap_or_default(),
        author: one.author,
        by: one.reported_by.to_string(),
        at: shown::time(one.reported_at),
        complaint: complaint_words(one.complaint),
        has_words: !one.words.is_empty(),
        words,
    })
}

#[derive(Deserialize)]
pub(super) struct Decision {
    outcome: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    issuer: String,
}

/// By the privacy officer: to whomever the number belongs.
pub(super) async fn decide(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    Path(id): Path<String>,
    posted: Posted<Decision>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, CorrectAny(parsed(&id)?)).await?;
    let Some(outcome) = outcome(&console, from, &posted, grant.subject(), grant.at(), None).await? else {
        let list = permit::ask(&console, &posted.by, ListCorrections).await?;
        let page = all(&console, &posted.by, &list, Some(text::CORRECTIONS_NOBODY)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    decided(&console, &posted.by, &grant, grant.subject(), &outcome, "/corrections").await
}

/// By the author: among patients whom they treat.
pub(super) async fn decide_own(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    Path(id): Path<String>,
    posted: Posted<Decision>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, CorrectOwn(parsed(&id)?)).await?;
    let own = Some(&posted.by);
    let Some(outcome) = outcome(&console, from, &posted, grant.subject(), grant.at(), own).await? else {
        let list = permit::ask(&console, &posted.by, ListOwnCorrections).await?;
        let page = all_own(&console, &posted.by, &list, Some(text::CORRECTIONS_NOBODY_OWN)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    decided(&console, &posted.by, &grant, grant.subject(), &outcome, "/reported").await
}

fn parsed(id: &str) -> Result<[u8; 16], Failure> {
    let bytes = data_encoding::HEXLOWER.decode(id.as_bytes()).map_err(|_| Failure::NotFound)?;
    bytes.try_into().map_err(|_| Failure::NotFound)
}

/// What the form says; `None` if there is no such patient, or none whom `treated_by` treats: the same to them.
async fn outcome(
    console: &Console,
    from: std::net::IpAddr,
    posted: &Posted<Decision>,
    correction: &Correction,
    now: safelight_core::ids::UnixMillis,
    treated_by: Option<&LoggedIn>,
) -> Result<Option<Outcome>, Failure> {
    match posted.form.outcome.as_str() {
        "right" => return Ok(Some(Outcome::Right)),
        "withdrawn" => return Ok(Some(Outcome::Withdrawn)),
        "moved" => {}
        _ => return Err(Failure::NotFound),
    }
    let throttle = &console.inner.throttle;
    let tries = format!("correction {}", posted.by.person.id);
    if throttle.wait(&tries, from, now).is_some() {
        return Ok(None);
    }
    let clinic = console.desk.clinic();
    let (issuer, number) = (posted.form.issuer.trim(), posted.form.number.trim());
    let to: Handle = clinic.keys.handle().of_number(issuer, number, &clinic.record_numbers);
    let known = match treated_by {
        Some(who) => permit::may_see(&clinic.catalog, &to, who, now).await?,
        None => pictures::identity(&clinic.catalog, &to).await?.is_some(),
    };
    if !known || number.is_empty() || to == correction.patient {
        throttle.wrong(&tries, from, now);
        return Ok(None);
    }
    Ok(Some(Outcome::Moved(to)))
}

async fn decided<R: Right>(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<R>,
    correction: &Correction,
    outcome: &Outcome,
    back: &str,
) -> Result<Response, Failure> {
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !corrections::decide(&mut tx, correction, outcome, &who.person.id, grant.at()).await? {
        return Err(Failure::NotFound);
    }
    let to = match outcome {
        Outcome::Moved(to) => *to,
        Outcome::Right | Outcome::Withdrawn => correction.patient,
    };
    let event = Event::PictureCorrected(correction.capture, to, outcome.name());
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    Ok(Redirect::to(back).into_response())
}

const fn complaint_words(complaint: Complaint) -> &'static str {
    match complaint {
        Complaint::WrongPatient => text::REPORT_WRONG_PATIENT,
        Complaint::NotWanted => text::REPORT_NOT_WANTED,
    }
}
