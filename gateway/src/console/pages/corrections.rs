//! Pictures that should not be where they are: reported by whoever sees them, decided by whoever took them or by the privacy officer.
//!
//! Attackers: a member of staff who wants a picture gone, or somebody else's patient's pictures. A reported picture is unseen and nothing else: it can be
//! put back, and what the phone has signed stays. Who takes it from one patient to another, and from which to which, is on record; the officer decides
//! without picture and name, and learns of a number what emergency access tells.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use data_encoding::HEXLOWER;
use safelight_core::ids::CaptureId;
use safelight_core::label::DEFAULT_ISSUER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::Names;
use super::judge::Judge;
use super::known::{Known, Patient};
use super::numbers::{self, Among, Looked};
use super::patients::site_words;
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::because::Because;
use crate::clinic::corrections::{self, Decider, Decision, Kind, Report};
use crate::clinic::identity::PatientIdentity;
use crate::clinic::pictures::{self, Handle, Picture};
use crate::console::permit::{
    self, CorrectAny, CorrectOwn, Grant, ListOwnReported, ListReported, ReportPicture, Right, ViewReported,
};
use crate::console::records;
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, text, words};

#[derive(Deserialize)]
pub(super) struct Reported {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    words: String,
}

pub(super) async fn report(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Reported>,
) -> Result<Redirect, Failure> {
    let id: CaptureId = id.parse().map_err(|_| Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ReportPicture(id)).await?;
    // Words are welcome and not asked for: what should be out of sight is so at once.
    let unprocessable = |words| Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, words);
    let kind = Kind::parse(&posted.form.kind).ok_or(unprocessable(text::REPORT_INCOMPLETE))?;
    let words = words::plain(&posted.form.words);
    if words.len() > words::MAX_LEN {
        return Err(unprocessable(text::DECIDE_WORDS_LONG));
    }
    let words = sealed(&console, &words)?;
    let (picture, patient) = grant.subject();
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = &posted.by.person.id;
    // Somebody else has reported it meanwhile: it is unseen already.
    let report = corrections::report(&mut tx, (picture.capture, patient), kind, &words, by, grant.at()).await?;
    let report = report.ok_or(Failure::NotFound)?;
    let event = Event::PictureReported(report, picture.capture, kind.name());
    clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
    tx.commit().await?;
    tracing::warn!(
        code = "picture-reported",
        "somebody has reported a picture: its author or the privacy officer is to decide"
    );
    Ok(Redirect::to(&format!("/patients/{}", shown::reference(patient))))
}

/// What the decision's form needs.
struct Deciding {
    action: String,
    token: String,
    issuer: &'static str,
}

/// A report, as lists show it.
pub(super) struct Row {
    pub(super) picture: String,
    pub(super) author: String,
    pub(super) device: String,
    pub(super) taken: String,
    pub(super) kind: &'static str,
    pub(super) reported_by: String,
    pub(super) reported: String,
    pub(super) words: Option<String>,
    /// Under whose record the picture was when it was reported.
    pub(super) patient: Patient,
    /// The author opens the picture first.
    opens: Option<String>,
    deciding: Option<Deciding>,
}

#[derive(Template)]
#[template(path = "corrections.html")]
struct List {
    frame: Frame,
    title: &'static str,
    lead: &'static str,
    sealed: bool,
    /// Where decided ones are.
    decided: &'static str,
    rows: Vec<Row>,
}

/// All, for the privacy officer: without picture or name.
pub(super) async fn list(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListReported).await?;
    let frame = Frame::new(&console, &who, "/corrections").await?;
    let found = corrections::open(&console.desk.clinic().catalog, None).await?;
    let known = Known::in_log(&console, &filed(&found)).await?;
    let (names, mut rows) = (Names::read(&console).await?, Vec::with_capacity(found.len()));
    for report in found {
        let mut row = row(&console, (&names, &known), &report).await?;
        row.words = records::reported_words(&console, &grant, &report.words);
        let action = format!("/corrections/{}", HEXLOWER.encode(&report.id));
        row.deciding = Some(deciding(&who, action));
        rows.push(row);
    }
    let sealed = rows.iter().any(|row| row.words.is_none());
    html(&List { frame, title: text::REPORTED_TITLE, lead: text::REPORTED_LEAD, sealed, decided: "/decided", rows })
}

/// One's own.
pub(super) async fn own(State(console): State<Console>, who: LoggedIn) -> Page {
    let _: Grant<ListOwnReported> = permit::ask(&console, &who, ListOwnReported).await?;
    let frame = Frame::new(&console, &who, "/corrections/own").await?;
    let found = corrections::open(&console.desk.clinic().catalog, Some(&who.person.id)).await?;
    let known = Known::among(&console, &who, &filed(&found)).await?;
    let (names, mut rows) = (Names::read(&console).await?, Vec::with_capacity(found.len()));
    for report in found {
        let mut row = row(&console, (&names, &known), &report).await?;
        row.opens = Some(format!("/corrections/own/{}", HEXLOWER.encode(&report.id)));
        rows.push(row);
    }
    html(&List {
        frame,
        title: text::OWN_REPORTED_TITLE,
        lead: text::OWN_REPORTED_LEAD,
        sealed: false,
        decided: "/decided/own",
        rows,
    })
}

fn filed(reports: &[Report]) -> Vec<Handle> {
    reports.iter().map(|report| report.filed).collect()
}

pub(super) async fn row(
    console: &Console,
    (names, known): (&Names, &Known),
    report: &Report,
) -> Result<Row, ClinicError> {
    let catalog = &console.desk.clinic().catalog;
    let picture = pictures::find(catalog, report.capture).await?.ok_or(ClinicError::CatalogDamaged)?;
    Ok(Row {
        picture: report.capture.to_string(),
        author: names.person_and_id(&picture.operator),
        device: names.device(&picture.device),
        taken: shown::time(picture.captured_at),
        kind: kind_words(report.kind),
        reported_by: names.person_and_id(report.reported_by.as_str()),
        reported: shown::time(report.reported_at),
        words: None,
        patient: known.patient(&report.filed),
        opens: None,
        deciding: None,
    })
}

fn deciding(who: &LoggedIn, action: String) -> Deciding {
    Deciding { action, token: who.token.clone(), issuer: DEFAULT_ISSUER }
}

#[derive(Template)]
#[template(path = "reported.html")]
struct ReportedPage {
    frame: Frame,
    patient: PatientIdentity,
    ticket: String,
    id: String,
    site: String,
    taken: String,
    kind: &'static str,
    words: Option<String>,
    reported_by: String,
    reported: String,
    deciding: Deciding,
}

/// A reported picture, for whoever has taken it.
pub(super) async fn reported(State(console): State<Console>, Path(id): Path<String>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ViewReported(addresses::id(&id).ok_or(Failure::NotFound)?)).await?;
    let (label, patient, words) = records::reported(&console, &grant).await?;
    let ((report, picture), names) = (grant.subject(), Names::read(&console).await?);
    html(&ReportedPage {
        frame: Frame::new(&console, &who, "/corrections/own").await?,
        patient,
        ticket: console.inner.tickets.for_reported(&who, &grant)?,
        id: picture.capture.to_string(),
        site: site_words(&label),
        taken: shown::time(picture.captured_at),
        kind: kind_words(report.kind),
        words: words.filter(|words| !words.is_empty()),
        reported_by: names.person_and_id(report.reported_by.as_str()),
        reported: shown::time(report.reported_at),
        deciding: deciding(&who, format!("/corrections/own/{id}")),
    })
}

#[derive(Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    words: String,
}

pub(super) async fn decide_own(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Decided>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, CorrectOwn(addresses::id(&id).ok_or(Failure::NotFound)?)).await?;
    // Its author comes onto the patient's care team with a picture: given to anybody, it would open any patient whose number they know.
    decide(&console, &grant, &posted, Decider::Author).await?;
    Ok(Redirect::to("/corrections/own"))
}

pub(super) async fn decide_any(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Decided>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, CorrectAny(addresses::id(&id).ok_or(Failure::NotFound)?)).await?;
    decide(&console, &grant, &posted, Decider::Officer).await?;
    Ok(Redirect::to("/corrections"))
}

async fn decide<R: Right<Subject = (Report, Picture)>>(
    console: &Console,
    grant: &Grant<R>,
    posted: &Posted<Decided>,
    decider: Decider,
) -> Result<(), Failure> {
    let (report, picture) = grant.subject();
    let (among, nobody) = match decider {
        Decider::Author => (Among::Treated, text::DECIDE_NOT_TREATED),
        Decider::Officer => (Among::All, text::EMERGENCY_NONE),
    };
    let incomplete = Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::DECIDE_INCOMPLETE);
    let form = &posted.form;
    let words = words::plain(&form.words);
    // Before a number is tried: what is refused for its words says nothing of whose it is.
    if words.len() > words::MAX_LEN {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::DECIDE_WORDS_LONG));
    }
    let decision = match form.decision.as_str() {
        "restore" => Decision::Restored,
        "withdraw" => Decision::Withdrawn,
        "move" if form.number.trim().is_empty() => return Err(incomplete),
        "move" => {
            match numbers::find(console, &posted.by, (&form.issuer, &form.number), among, Event::CorrectionMissed)
                .await?
            {
                // The patient whose it was anyway: it was right.
                Looked::Found(to) if to.number == report.filed => Decision::Restored,
                Looked::Found(to) => Decision::Moved(to),
                Looked::Nobody => return Err(Failure::Refused(StatusCode::NOT_FOUND, nobody)),
                Looked::Wait => return Err(Failure::Refused(StatusCode::TOO_MANY_REQUESTS, text::EMERGENCY_WAIT)),
            }
        }
        _ => return Err(incomplete),
    };
    let words = sealed(console, &words)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let by = &posted.by.person.id;
    // The officer gives a picture to anybody, and its author treats them then: not by their own word.
    if matches!(decision, Decision::Moved(_)) && decider == Decider::Officer {
        Judge::of(&mut tx, &posted.by).await?.must_not_be(&[picture.operator.as_str()])?;
    }
    let why = Because { by, at: grant.at(), words: &words };
    let left = match corrections::decide(&mut tx, (report, picture), decision, decider, why).await? {
        corrections::Decided::Done { left } => left,
        corrections::Decided::Already => return Err(Failure::NotFound),
        corrections::Decided::Changed => {
            return Err(Failure::Refused(StatusCode::CONFLICT, text::RECORD_CHANGED));
        }
    };
    let mut events = vec![match decision {
        Decision::Restored => Event::PictureRestored(report.id, report.capture),
        Decision::Moved(to) => Event::PictureMoved(report.id, report.capture, report.filed, to.number),
        Decision::Withdrawn => Event::PictureWithdrawn(report.id, report.capture),
    }];
    let author: Option<OperatorId> = picture.operator.parse().ok();
    if let (true, Some(author)) = (left, &author) {
        events.push(Event::CareEnded(report.filed, author));
    }
    clinic.access.record(&mut tx, grant.by(), grant.at(), &events).await?;
    Ok(tx.commit().await?)
}

/// Words that somebody has said, if they have.
fn sealed(console: &Console, words: &str) -> Result<Vec<u8>, ClinicError> {
    if words.is_empty() { Ok(Vec::new()) } else { records::seal_words(console, words) }
}

pub(super) const fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::WrongPatient => text::REPORT_WRONG_PATIENT,
        Kind::NotWanted => text::REPORT_NOT_WANTED,
    }
}
