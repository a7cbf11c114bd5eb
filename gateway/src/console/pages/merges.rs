//! Two records of one patient that become one, and records that get another number: by whoever treats the patient, seen and undone by the privacy officer.
//!
//! Attackers: a member of staff who wants another patient's pictures, or to learn who is a patient here; and one who joins two patients by mistake. Nobody
//! merges with a record on whose team they are not: its number is answered, recorded and slowed down as one that nobody has. Whether a number that is given
//! anew is somebody's shows in that it is refused, which counts likewise, or in that the record has it, for everybody to see, up to a bound. The page
//! shows both records, on record, before it offers to merge them. Nothing that was signed changes, and a merge is undone without anything lost.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use data_encoding::HEXLOWER;
use safelight_core::label::{DEFAULT_ISSUER, check_number};
use serde::Deserialize;

use super::entries::Names;
use super::login::Nothing;
use super::numbers::{self, Among, Looked};
use super::patients::pictures_words;
use super::{Failure, Frame, Page, html, or_again, shown};
use crate::clinic::access::Event;
use crate::clinic::because::Because;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::merges::{self, Kind, Merge, Outcome, Reason, Undone, Why};
use crate::clinic::pictures::Handle;
use crate::clinic::{aliases, care};
use crate::console::permit::{self, ChangeRecord, Grant, ListMerges, UndoMerge, ViewPatient};
use crate::console::records;
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, text, words};

/// Merges of one page.
const PAGE: u32 = 100;

/// A record, for whoever compares.
struct Record {
    reference: String,
    patient: PatientIdentity,
    other_numbers: Vec<String>,
    pictures: String,
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    frame: Frame,
    record: Record,
    /// Of the second record, if it was refused, and why.
    other: String,
    other_issuer: String,
    problem: Option<&'static str>,
    issuer: &'static str,
    reasons: Vec<(&'static str, &'static str)>,
}

/// What can be done with a record's numbers.
pub(super) async fn page(State(console): State<Console>, Path(reference): Path<String>, who: LoggedIn) -> Page {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &who, ChangeRecord(handle)).await?;
    shown_with(&console, &who, &grant, Wanted { issuer: DEFAULT_ISSUER.to_owned(), ..Wanted::default() }, None).await
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ChangeRecord>,
    typed: Wanted,
    problem: Option<&'static str>,
) -> Page {
    html(&RecordPage {
        frame: Frame::new(console, who, "/patients").await?,
        record: record(console, who, grant.subject()).await?,
        other: typed.number,
        other_issuer: typed.issuer,
        problem,
        issuer: DEFAULT_ISSUER,
        reasons: reasons(),
    })
}

/// Looked at, on record.
async fn record(console: &Console, who: &LoggedIn, handle: &Handle) -> Result<Record, Failure> {
    let grant = permit::ask(console, who, ViewPatient(*handle)).await?;
    Ok(Record {
        reference: shown::reference(grant.subject()),
        patient: records::identity(console, &grant).await?,
        other_numbers: records::other_numbers(console, &grant).await?,
        pictures: pictures_words(&records::summary(console, &grant).await?),
    })
}

#[derive(Template)]
#[template(path = "record_compare.html")]
struct Compare {
    frame: Frame,
    record: Record,
    other: Record,
    differ: bool,
    reasons: Vec<(&'static str, &'static str)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    number: String,
    issuer: String,
    other: String,
    reason: String,
    words: String,
}

impl Wanted {
    fn why(&self) -> Result<(Reason, words::Reason), Failure> {
        let why = Reason::parse(&self.reason).zip(words::Reason::parse(&self.words));
        why.ok_or(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_INCOMPLETE))
    }
}

/// Both records, side by side, before they are merged.
pub(super) async fn compare(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<Wanted>,
) -> Result<Response, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let Posted { by, form } = posted;
    let grant = permit::ask(&console, &by, ChangeRecord(handle)).await?;
    let page = compared(&console, &by, &grant, &form).await;
    or_again(page, |words| shown_with(&console, &by, &grant, form, Some(words))).await
}

async fn compared(console: &Console, who: &LoggedIn, grant: &Grant<ChangeRecord>, form: &Wanted) -> Page {
    records::must_be_readable(console)?;
    let Wanted { number, issuer, .. } = form;
    if number.trim().is_empty() {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_INCOMPLETE));
    }
    let other = match numbers::find(console, who, (issuer, number), Among::Treated, Event::RecordMissed).await? {
        Looked::Found(found) => found.record,
        Looked::Nobody => return Err(Failure::Refused(StatusCode::NOT_FOUND, text::RECORD_NOT_TREATED)),
        Looked::Wait => return Err(Failure::Refused(StatusCode::TOO_MANY_REQUESTS, text::EMERGENCY_WAIT)),
    };
    if other == *grant.subject() {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_SAME));
    }
    let (this, other) = (record(console, who, grant.subject()).await?, record(console, who, &other).await?);
    let differ = this.patient.name != other.patient.name || this.patient.birth_date != other.patient.birth_date;
    let frame = Frame::new(console, who, "/patients").await?;
    html(&Compare { frame, record: this, other, differ, reasons: reasons() })
}

pub(super) async fn merge(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<Wanted>,
) -> Result<Redirect, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeRecord(handle)).await?;
    let other = shown::handle(&posted.form.other).ok_or(Failure::NotFound)?;
    let other: Grant<ChangeRecord> = permit::ask(&console, &posted.by, ChangeRecord(other)).await?;
    records::must_be_readable(&console)?;
    let (record, other) = (grant.subject(), other.subject());
    if record == other {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_SAME));
    }
    let (reason, words) = posted.form.why()?;
    let words = records::seal_words(&console, words.as_str())?;
    let why = Why { reason, because: Because { by: &posted.by.person.id, at: grant.at(), words: &words } };
    let outcome = merges::merge(console.desk.clinic(), other, record, why).await?;
    done(outcome, record)
}

pub(super) async fn renumber(
    State(console): State<Console>,
    Path(reference): Path<String>,
    posted: Posted<Wanted>,
) -> Result<Redirect, Failure> {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, ChangeRecord(handle)).await?;
    records::must_be_readable(&console)?;
    let unprocessable = |words| Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, words);
    let (issuer, number) = (posted.form.issuer.trim(), posted.form.number.trim());
    check_number(issuer, number).map_err(|_| unprocessable(text::RECORD_INCOMPLETE))?;
    let (reason, words) = posted.form.why()?;
    let Some(counted) = numbers::begin(&console, &posted.by) else {
        return Err(Failure::Refused(StatusCode::TOO_MANY_REQUESTS, text::EMERGENCY_WAIT));
    };
    let (clinic, me) = (console.desk.clinic(), &posted.by.person.id);
    let found = aliases::of_number(clinic, issuer, number).await?;
    if found.record == *grant.subject() {
        numbers::end(&console, counted);
        return Err(unprocessable(text::RECORD_SAME));
    }
    if care::is_on(&clinic.catalog, &found.record, me, grant.at()).await? {
        numbers::end(&console, counted);
        return Err(unprocessable(text::RECORD_MERGE_INSTEAD));
    }
    let words = records::seal_words(&console, words.as_str())?;
    let why = Why { reason, because: Because { by: me, at: grant.at(), words: &words } };
    let outcome = records::renumber(&console, &grant, &found.number, (issuer, number), why).await?;
    // Too many numbers, too: whoever has as many as they may would try others for nothing.
    if matches!(outcome, Outcome::Taken | Outcome::TooMany) {
        console.desk.record(&posted.by.actor(), &[Event::RecordMissed]).await?;
    } else {
        numbers::end(&console, counted);
    }
    done(outcome, &found.number)
}

fn done(outcome: Outcome, record: &Handle) -> Result<Redirect, Failure> {
    match outcome {
        Outcome::Done => {
            tracing::warn!(
                code = "records-changed",
                "records were merged or renumbered: the privacy officer is to look"
            );
            Ok(Redirect::to(&format!("/patients/{}", shown::reference(record))))
        }
        Outcome::Changed => Err(Failure::Refused(StatusCode::CONFLICT, text::RECORD_CHANGED)),
        Outcome::ForATime => Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_FOR_A_TIME)),
        Outcome::Taken => Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_TAKEN)),
        Outcome::TooMany => Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::RECORD_TOO_MANY)),
    }
}

struct Row {
    id: String,
    kind: &'static str,
    record: String,
    alias: String,
    by: String,
    at: String,
    reason: &'static str,
    words: Option<String>,
    undone: Option<String>,
}

#[derive(Template)]
#[template(path = "merges.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    sealed: bool,
    older: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

/// All of them, for the privacy officer: without name or number.
pub(super) async fn list(State(console): State<Console>, Query(query): Query<Before>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListMerges).await?;
    let found = merges::list(&console.desk.clinic().catalog, query.before, PAGE).await?;
    let older = addresses::last_of_full(&found, PAGE).map(|last| last.seq);
    let names = Names::read(&console).await?;
    let rows: Vec<Row> = found.into_iter().map(|merge| row(&console, &grant, &names, merge)).collect();
    let sealed = rows.iter().any(|row| row.words.is_none());
    html(&List { frame: Frame::new(&console, &who, "/merges").await?, rows, sealed, older })
}

fn row(console: &Console, grant: &Grant<ListMerges>, names: &Names, merge: Merge) -> Row {
    let short = |handle| shown::reference(handle).chars().take(8).collect();
    Row {
        id: HEXLOWER.encode(&merge.id),
        kind: match merge.kind {
            Kind::Merged => text::MERGES_MERGED,
            Kind::Renumbered => text::MERGES_RENUMBERED,
        },
        record: short(&merge.record),
        alias: short(&merge.alias),
        at: shown::time(merge.at),
        by: names.person_and_id(merge.by.as_str()),
        reason: reason_words(merge.reason),
        words: records::merge_words(console, grant, &merge.words),
        undone: merge.undone.map(|(by, at)| {
            let by = names.person_and_id(by.as_str());
            format!("{} {by}, {}", text::MERGES_UNDONE, shown::time(at))
        }),
    }
}

pub(super) async fn undo(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let id = addresses::id(&id).ok_or(Failure::NotFound)?;
    let grant = permit::ask(&console, &posted.by, UndoMerge(id)).await?;
    match merges::undo(console.desk.clinic(), grant.subject(), &posted.by.person.id, grant.at()).await? {
        Undone::Done => Ok(Redirect::to("/merges")),
        Undone::Already => Err(Failure::NotFound),
        Undone::LaterFirst => Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::MERGES_LATER_FIRST)),
    }
}

fn reasons() -> Vec<(&'static str, &'static str)> {
    Reason::ALL.into_iter().map(|reason| (reason.name(), reason_words(reason))).collect()
}

const fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Duplicate => text::RECORD_DUPLICATE,
        Reason::Temporary => text::RECORD_TEMPORARY,
        Reason::Mistyped => text::RECORD_MISTYPED,
        Reason::Other => text::EMERGENCY_OTHER,
    }
}
