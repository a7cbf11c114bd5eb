//! Whom one treats, and each one's pictures by body site.

use askama::Template;
use axum::extract::{Path, Query, State};
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::care::TERMS;
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::care::{self, Member};
use crate::clinic::directory::Found;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::pictures::Summary;
use crate::console::permit::{self, SearchPatients, ViewPatient};
use crate::console::records::{self, Shown};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};

struct Row {
    reference: String,
    name: String,
    record_number: String,
    birth_date: String,
    pictures: String,
}

#[derive(Template)]
#[template(path = "patients.html")]
struct Patients {
    frame: Frame,
    query: String,
    found: Vec<Row>,
    more: bool,
}

#[derive(Template)]
#[template(path = "found.html")]
struct FoundRows {
    query: String,
    found: Vec<Row>,
    more: bool,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    whole(&console, &who, String::new()).await
}

#[derive(Deserialize)]
pub(super) struct Search {
    query: String,
}

/// Without script. What is searched for is somebody's name, so it is never part of an address.
pub(super) async fn searched(State(console): State<Console>, posted: Posted<Search>) -> Page {
    whole(&console, &posted.by, posted.form.query).await
}

/// The list alone, as somebody types.
pub(super) async fn found(State(console): State<Console>, posted: Posted<Search>) -> Page {
    let (found, more) = rows(&console, &posted.by, &posted.form.query).await?;
    html(&FoundRows { query: posted.form.query, found, more })
}

async fn whole(console: &Console, who: &LoggedIn, query: String) -> Page {
    let (found, more) = rows(console, who, &query).await?;
    html(&Patients { frame: Frame::new(console, who, "/patients").await?, query, found, more })
}

async fn rows(console: &Console, who: &LoggedIn, query: &str) -> Result<(Vec<Row>, bool), Failure> {
    let grant = permit::ask(console, who, SearchPatients).await?;
    let (found, more) = records::search(console, &grant, &who.session, query).await?;
    let summaries = records::summaries(console, &grant, &found).await?;
    Ok((found.iter().zip(&summaries).map(row).collect(), more))
}

fn row((Found { handle, identity }, pictures): (&Found, &Summary)) -> Row {
    Row {
        reference: shown::reference(handle),
        name: identity.name.clone(),
        record_number: identity.record_number.clone(),
        birth_date: identity.birth_date.clone(),
        pictures: pictures_words(pictures),
    }
}

/// `4 pictures, the last from 2026-02-03`.
pub(super) fn pictures_words(pictures: &Summary) -> String {
    let Some(last) = pictures.last else { return text::PATIENT_NO_PICTURES.to_owned() };
    let words = if pictures.count == 1 { text::PATIENTS_PICTURE } else { text::PATIENTS_PICTURES };
    format!("{} {words} {}", pictures.count, shown::day(last))
}

struct Site {
    name: String,
    pictures: Vec<Thumbnail>,
}

struct Thumbnail {
    id: String,
    taken: String,
    by: String,
    has_thumbnail: bool,
    look: bool,
}

struct Colleague {
    id: String,
    until: Option<String>,
    /// By whoever looks at the page, who may end it.
    added: bool,
}

#[derive(Template)]
#[template(path = "patient.html")]
struct Patient {
    frame: Frame,
    patient: PatientIdentity,
    /// Under which the patient was known as well.
    other_numbers: Vec<String>,
    reference: String,
    team: Vec<Colleague>,
    /// For how long a colleague may be added; nothing for whoever is not on the team.
    terms: Vec<(&'static str, &'static str)>,
    ticket: String,
    sites: Vec<Site>,
    /// The last picture here, if there are older ones.
    last: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<String>,
}

pub(super) async fn patient(
    State(console): State<Console>,
    Path(reference): Path<String>,
    Query(query): Query<Before>,
    who: LoggedIn,
) -> Page {
    let handle = shown::handle(&reference).ok_or(Failure::NotFound)?;
    let before = query.before.map(|before| before.parse().map_err(|_| Failure::NotFound)).transpose()?;
    let grant = permit::ask(&console, &who, ViewPatient(handle)).await?;
    let patient = records::identity(&console, &grant).await?;
    let other_numbers = records::other_numbers(&console, &grant).await?;
    let (pictures, last) = records::timeline(&console, &grant, before).await?.ok_or(Failure::NotFound)?;
    let team = care::team_of(&console.desk.clinic().catalog, grant.subject(), grant.at()).await?;
    let me = &who.person.id;
    let on_team = team.iter().any(|member| member.person == *me);
    html(&Patient {
        frame: Frame::new(&console, &who, "/patients").await?,
        patient,
        other_numbers,
        reference: shown::reference(grant.subject()),
        terms: if on_team { TERMS.into_iter().map(|(name, _, words)| (name, words)).collect() } else { Vec::new() },
        team: team.into_iter().map(|member| colleague(member, me)).collect(),
        ticket: console.inner.tickets.for_patient(&who, &grant)?,
        sites: by_site(pictures),
        last: last.map(|last| last.to_string()),
    })
}

fn colleague(member: Member, me: &OperatorId) -> Colleague {
    Colleague {
        until: member.until.map(shown::time),
        added: member.added_by.as_ref() == Some(me),
        id: member.person.to_string(),
    }
}

/// Sites in the order of their newest picture, and pictures newest first.
fn by_site(pictures: Vec<Shown>) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for Shown { picture, label } in pictures {
        let name = site_words(&label);
        let thumbnail = Thumbnail {
            id: picture.capture.to_string(),
            taken: shown::time(picture.captured_at),
            by: picture.operator,
            has_thumbnail: picture.thumbnail.is_some(),
            look: !picture.flags.is_empty(),
        };
        match sites.iter_mut().find(|site| site.name == name) {
            Some(site) => site.pictures.push(thumbnail),
            None => sites.push(Site { name, pictures: vec![thumbnail] }),
        }
    }
    sites
}

/// `Forearm, left`.
pub(super) fn site_words(label: &safelight_core::label::Label) -> String {
    let side = label.laterality.map(|side| format!(", {}", side.as_str())).unwrap_or_default();
    format!("{}{side}", label.body_site.text())
}
