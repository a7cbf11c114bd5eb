//! Reports for whoever asks: everybody who saw a patient, all that a person saw. Printed or as a table for spreadsheet programs.
//!
//! Attacker: whoever is curious and not the officer, to whom these pages do not exist; whoever chose a name that a spreadsheet program would run. The patient's
//! number is posted, shown on the one page that it was typed for, and kept nowhere. That a report is made is on record before it is, and of whom.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use safelight_core::ids::CaptureId;
use safelight_core::label::DEFAULT_ISSUER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::{Names, faults, proof_words, short, with_id};
use super::log::period;
use super::{Failure, Frame, Page, html, or_again, shown};
use crate::clinic::pictures::{self, Handle};
use crate::clinic::{ClinicError, access_index, aliases};
use crate::clock::calendar::rfc3339;
use crate::console::csv::Table;
use crate::console::looks::{self, View};
use crate::console::permit::{self, ChooseReport, Grant, ReportPatient, ReportPerson};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    frame: Frame,
    people: Vec<(String, String)>,
    /// Why there is no report, and what was typed.
    of_patient: OfPatient,
    patient_problem: Option<&'static str>,
    of_person: OfPerson,
    person_problem: Option<&'static str>,
}

/// What was asked for in vain.
enum Refused {
    OfPatient(OfPatient, &'static str),
    OfPerson(OfPerson, &'static str),
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let _: Grant<ChooseReport> = permit::ask(&console, &who, ChooseReport).await?;
    chosen(&console, &who, None).await
}

async fn chosen(console: &Console, who: &LoggedIn, refused: Option<Refused>) -> Page {
    let mut reports = Reports {
        frame: Frame::new(console, who, "/reports").await?,
        people: Names::read(console).await?.people(),
        of_patient: OfPatient { issuer: DEFAULT_ISSUER.to_owned(), ..OfPatient::default() },
        patient_problem: None,
        of_person: OfPerson::default(),
        person_problem: None,
    };
    match refused {
        None => {}
        Some(Refused::OfPatient(typed, words)) => {
            (reports.of_patient, reports.patient_problem) = (typed, Some(words));
        }
        Some(Refused::OfPerson(typed, words)) => (reports.of_person, reports.person_problem) = (typed, Some(words)),
    }
    html(&reports)
}

/// A patient by number or by reference, and a time.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OfPatient {
    number: String,
    issuer: String,
    patient: String,
    from: String,
    to: String,
}

/// A person, and a time.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OfPerson {
    person: String,
    from: String,
    to: String,
}

/// A report, before it is a page or a table.
struct Made {
    title: &'static str,
    subject: String,
    view: View,
    names: Names,
    is_whole: bool,
}

struct Row {
    index: u64,
    time: String,
    who: String,
    id: String,
    words: String,
    patient: String,
    picture: String,
    phone: String,
    faults: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    frame: Frame,
    title: &'static str,
    subject: String,
    by: String,
    made: String,
    period: String,
    rows: Vec<Row>,
    more: bool,
    building: bool,
    lacks: bool,
    sound: bool,
    proof: String,
    size: u64,
    root: String,
    csv: &'static str,
    fields: Vec<(&'static str, String)>,
}

pub(super) async fn patient(State(console): State<Console>, posted: Posted<OfPatient>) -> Result<Response, Failure> {
    let Posted { by, form } = posted;
    let answer = async {
        let (made, handle) = of_patient(&console, &by, &form).await?;
        let number = form.number.trim();
        let subject = if number.is_empty() { made.subject.clone() } else { format!("{number} ({})", made.subject) };
        let fields = vec![
            ("patient", shown::reference(&handle)),
            ("from", form.from.trim().to_owned()),
            ("to", form.to.trim().to_owned()),
        ];
        printed(&console, &by, Made { subject, ..made }, "/reports/patient/csv", fields).await
    }
    .await;
    or_again(answer, |words| chosen(&console, &by, Some(Refused::OfPatient(form, words)))).await
}

pub(super) async fn patient_csv(
    State(console): State<Console>,
    posted: Posted<OfPatient>,
) -> Result<Response, Failure> {
    let Posted { by, form } = posted;
    let answer = async {
        let (made, _) = of_patient(&console, &by, &form).await?;
        table(&console, &made, "attachment; filename=\"safelight-patient-report.csv\"").await
    }
    .await;
    or_again(answer, |words| chosen(&console, &by, Some(Refused::OfPatient(form, words)))).await
}

pub(super) async fn person(State(console): State<Console>, posted: Posted<OfPerson>) -> Result<Response, Failure> {
    let Posted { by, form } = posted;
    let answer = async {
        let made = of_person(&console, &by, &form).await?;
        let OfPerson { person, from, to } = &form;
        let fields = vec![("person", person.clone()), ("from", from.trim().to_owned()), ("to", to.trim().to_owned())];
        printed(&console, &by, made, "/reports/person/csv", fields).await
    }
    .await;
    or_again(answer, |words| chosen(&console, &by, Some(Refused::OfPerson(form, words)))).await
}

pub(super) async fn person_csv(State(console): State<Console>, posted: Posted<OfPerson>) -> Result<Response, Failure> {
    let Posted { by, form } = posted;
    let answer = async {
        let made = of_person(&console, &by, &form).await?;
        table(&console, &made, "attachment; filename=\"safelight-person-report.csv\"").await
    }
    .await;
    or_again(answer, |words| chosen(&console, &by, Some(Refused::OfPerson(form, words)))).await
}

/// The report and whose it is.
async fn of_patient(console: &Console, who: &LoggedIn, asked: &OfPatient) -> Result<(Made, Handle), Failure> {
    let clinic = console.desk.clinic();
    let handle = match asked.number.trim() {
        "" => shown::handle(&asked.patient),
        number => Some(aliases::of_number(clinic, &asked.issuer, number).await?.number),
    };
    let (Some(handle), Some((from, until))) = (handle, period(asked.from.trim(), asked.to.trim())) else {
        let _: Grant<ChooseReport> = permit::ask(console, who, ChooseReport).await?;
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::REPORTS_ASKED_BADLY));
    };
    let grant = permit::ask(console, who, ReportPatient(handle)).await?;
    let handle = *grant.subject();
    if pictures::identity(&clinic.catalog, &handle).await?.is_none() {
        return Err(Failure::Refused(StatusCode::NOT_FOUND, text::REPORTS_NO_PATIENT));
    }
    let view = looks::of_patient(console, &grant, from, until).await?;
    let subject = short(&shown::reference(&handle));
    let made = made(console, text::REPORTS_OF_PATIENT, subject, view).await?;
    Ok((made, handle))
}

async fn of_person(console: &Console, who: &LoggedIn, asked: &OfPerson) -> Result<Made, Failure> {
    let id = asked.person.parse::<OperatorId>().ok();
    let (Some(id), Some((from, until))) = (id, period(asked.from.trim(), asked.to.trim())) else {
        let _: Grant<ChooseReport> = permit::ask(console, who, ChooseReport).await?;
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::REPORTS_ASKED_BADLY));
    };
    let grant = permit::ask(console, who, ReportPerson(id)).await?;
    let view = looks::of_person(console, &grant, from, until).await?;
    let subject = with_id(&grant.subject().name, grant.subject().id.as_str());
    Ok(made(console, text::REPORTS_OF_PERSON, subject, view).await?)
}

async fn made(console: &Console, title: &'static str, subject: String, view: View) -> Result<Made, ClinicError> {
    let is_whole = access_index::is_whole(&mut *console.desk.clinic().catalog.read().await?).await?;
    Ok(Made { title, subject, view, names: Names::read(console).await?, is_whole })
}

/// With what a reader of the paper needs to find it again in the log.
async fn printed(
    console: &Console,
    who: &LoggedIn,
    made: Made,
    csv: &'static str,
    fields: Vec<(&'static str, String)>,
) -> Result<Response, Failure> {
    let rows = rows(console, &made).await?;
    let (sound, proof) = proof_words(&made.view.proof);
    let day = |name| {
        let day = fields.iter().find(|(field, _)| *field == name).map(|(_, day)| day.as_str());
        day.filter(|day| !day.is_empty()).unwrap_or(text::REPORTS_OPEN).to_owned()
    };
    let period = format!("{} {} {}", day("from"), text::REPORTS_TO, day("to"));
    let page = html(&Report {
        frame: Frame::new(console, who, "/reports").await?,
        title: made.title,
        subject: made.subject,
        by: with_id(&who.person.name, who.person.id.as_str()),
        made: shown::time(console.desk.now()),
        period,
        rows,
        more: made.view.more,
        building: !made.view.is_built,
        lacks: made.view.is_built && !made.is_whole,
        sound,
        proof,
        size: made.view.proof.size,
        root: made.view.proof.root,
        csv,
        fields,
    })?;
    Ok(page.into_response())
}

async fn rows(console: &Console, made: &Made) -> Result<Vec<Row>, ClinicError> {
    let mut rows = Vec::with_capacity(made.view.seen.len());
    let mut tx = console.desk.clinic().catalog.read().await?;
    let mut phones: HashMap<CaptureId, String> = HashMap::new();
    for seen in &made.view.seen {
        let facets = &seen.facets;
        if let Some(picture) = facets.picture
            && !phones.contains_key(&picture)
        {
            phones.insert(picture, pictures::phone_of(&mut tx, picture).await?.unwrap_or_default());
        }
        rows.push(Row {
            index: seen.index,
            time: shown::time(facets.at),
            who: made.names.actor(&facets.actor),
            id: facets.actor.clone(),
            words: text::kind_words(&facets.kind).to_owned(),
            patient: facets.patient.as_ref().map(|patient| short(&shown::reference(patient))).unwrap_or_default(),
            picture: facets.picture.map(|picture| picture.to_string()).unwrap_or_default(),
            phone: facets.picture.and_then(|picture| phones.get(&picture).cloned()).unwrap_or_default(),
            faults: faults(seen),
        });
    }
    Ok(rows)
}

/// Whole in memory: it is bounded, and says when it was cut.
async fn table(console: &Console, made: &Made, disposition: &'static str) -> Result<Response, Failure> {
    let mut table = Table::new(text::REPORTS_COLUMNS);
    for (row, seen) in rows(console, made).await?.iter().zip(&made.view.seen) {
        let patient = seen.facets.patient.as_ref().map(shown::reference).unwrap_or_default();
        let time = rfc3339(seen.facets.at);
        let (index, faults) = (row.index.to_string(), row.faults.join(" "));
        table.row(&[
            &index,
            &time,
            &row.who,
            &row.id,
            &row.words,
            &seen.facets.kind,
            &patient,
            &row.picture,
            &row.phone,
            &faults,
        ]);
    }
    let (_, proof) = proof_words(&made.view.proof);
    let notes = [
        (true, proof.as_str()),
        (made.view.more, text::REPORTS_CUT),
        (!made.view.is_built, text::LOG_BUILDING),
        (made.view.is_built && !made.is_whole, text::REPORTS_LACKS),
    ];
    for (_, note) in notes.into_iter().filter(|(is_so, _)| *is_so) {
        table.row(&["", "", "", "", "", "", "", "", "", note]);
    }
    let mut answer = table.into_text().into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(answer)
}
