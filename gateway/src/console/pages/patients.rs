//! Whom one treats, and each one's pictures by body site.

use askama::Template;
use axum::extract::{Path, Query, State};
use data_encoding::HEXLOWER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::Names;
use super::terms::{self, Offered};
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::ClinicError;
use crate::clinic::care::{self, Member};
use crate::clinic::care_teams::{self, CareTeam};
use crate::clinic::directory::Found;
use crate::clinic::identity::PatientIdentity;
use crate::clinic::people::{self, Person, Role};
use crate::clinic::pictures::Summary;
use crate::clinic::teams;
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
    /// With the id.
    name: String,
    until: Option<String>,
    /// Whoever looks at the page, who may leave.
    is_me: bool,
    /// Whether whoever looks at the page may end it.
    ends: bool,
}

/// A team that treats the patient.
struct Whole {
    id: String,
    name: String,
    until: Option<String>,
    /// Who is in it now: name and id.
    members: Vec<(String, String)>,
    /// Whether whoever looks at the page may end it.
    ends: bool,
}

/// What whoever is on the team may add.
struct Adding {
    offered: Offered,
    /// Clinicians who are not on the care team: id and name.
    colleagues: Vec<(String, String)>,
    /// Teams that do not treat the patient yet: id and name.
    teams: Vec<(String, String)>,
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
    whole: Vec<Whole>,
    /// Nothing for whoever is not on the team.
    adding: Option<Adding>,
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
    let catalog = &console.desk.clinic().catalog;
    let (me, now) = (&who.person.id, grant.at());
    let names = Names::read(&console).await?;
    let members = care::team_of(catalog, grant.subject(), now).await?;
    let teams_here = care_teams::of_patient(catalog, grant.subject(), now).await?;
    let mut tx = catalog.read().await?;
    let is_on = care::is_on_in(&mut tx, grant.subject(), me, now).await?;
    let mut team = Vec::with_capacity(members.len());
    for member in members {
        let place = (&member.person, member.added_by.as_ref());
        let ends = is_on && care::may_end(&mut tx, grant.subject(), place, me, now).await?;
        team.push(colleague(&member, &names, me, ends));
    }
    let mut ended = Vec::with_capacity(teams_here.len());
    for one in &teams_here {
        ended.push(is_on && care_teams::may_end(&mut tx, grant.subject(), &one.added_by, me, now).await?);
    }
    drop(tx);
    let mut whole = Vec::with_capacity(teams_here.len());
    for (one, ends) in teams_here.into_iter().zip(ended) {
        whole.push(Whole::of(one, &console, ends).await?);
    }
    let adding = if is_on {
        let all = teams::list(catalog, now).await?.into_iter().map(|team| (HEXLOWER.encode(&team.id), team.name));
        let teams = all.filter(|(id, _)| !whole.iter().any(|one| one.id == *id)).collect();
        let is_other = |person: &Person| {
            person.is_active()
                && person.roles.has(Role::Clinician)
                && !team.iter().any(|member| member.id == person.id.as_str())
        };
        let colleagues = people::list(catalog).await?.into_iter().filter(is_other);
        let colleagues = colleagues.map(|person| (person.id.to_string(), person.name)).collect();
        Some(Adding { offered: terms::offered(now), colleagues, teams })
    } else {
        None
    };
    html(&Patient {
        frame: Frame::new(&console, &who, "/patients").await?,
        patient,
        other_numbers,
        reference: shown::reference(grant.subject()),
        team,
        whole,
        adding,
        ticket: console.inner.tickets.for_patient(&who, &grant)?,
        sites: by_site(pictures, &names),
        last: last.map(|last| last.to_string()),
    })
}

fn colleague(member: &Member, names: &Names, me: &OperatorId, ends: bool) -> Colleague {
    Colleague {
        id: member.person.to_string(),
        name: names.person_and_id(member.person.as_str()),
        until: member.until.map(shown::time),
        is_me: member.person == *me,
        ends,
    }
}

impl Whole {
    async fn of(one: CareTeam, console: &Console, ends: bool) -> Result<Self, ClinicError> {
        let members = teams::members(&console.desk.clinic().catalog, &one.team).await?;
        Ok(Self {
            id: HEXLOWER.encode(&one.team),
            name: one.name,
            until: one.until.map(shown::time),
            members: members.into_iter().map(|member| (member.name, member.person.to_string())).collect(),
            ends,
        })
    }
}

/// Sites in the order of their newest picture, and pictures newest first.
fn by_site(pictures: Vec<Shown>, names: &Names) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for Shown { picture, label } in pictures {
        let name = site_words(&label);
        let thumbnail = Thumbnail {
            id: picture.capture.to_string(),
            taken: shown::time(picture.captured_at),
            by: names.person(&picture.operator),
            has_thumbnail: picture.has_thumbnail,
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
