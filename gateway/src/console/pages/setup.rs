//! The first run: what an admin does once, in an order that ends with a picture. Each step is seen from the clinic itself, so the way can be left and
//! taken up again, on another day or by another admin.
//!
//! **Attackers.** An admin who would rather be done: the end is decided here from what is there, and not from what a form says. Whoever holds a kit of
//! another clinic, or an old one: a sample is sealed to the key in force and opened, nothing less counts. Whoever reads the log or the disk: the kit is
//! in neither, and the log says that it was tested, by whom, and what came of it. Somebody who is no admin, and an admin after the end, see what does not
//! exist. No step shows a picture, or whose it is.

mod steps;

use askama::Template;
use axum::extract::State;

use super::devices::{self, DeviceRows, Invited, Row};
use super::people::NewCode;
use super::{Frame, Page, html};
use crate::clinic::ClinicError;
use crate::clinic::devices::Status;
use crate::clinic::first_run::FirstRun;
use crate::clinic::people::{self, Person, Role};
use crate::clinic::pictures::{self, Arrived};
use crate::clinic::teams;
use crate::console::permit::{self, Grant, ManageDevices, RunFirst};
use crate::console::session::LoggedIn;
use crate::console::{Console, text};

pub(super) use steps::{approve, clinician, finish, kit, name, phone, revoke, unlock};

/// Under which address phones are approved and revoked here.
const PHONES: &str = "/setup/devices";

/// Where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Name,
    Kit,
    Clinician,
    Phone,
    Picture,
    Done,
}

impl Step {
    /// Those that are done one after the other, in words.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Name, text::SETUP_NAME),
        (Self::Kit, text::SETUP_KIT),
        (Self::Clinician, text::SETUP_CLINICIAN),
        (Self::Phone, text::SETUP_PHONE),
        (Self::Picture, text::SETUP_PICTURE),
    ];

    /// The first that is not done.
    async fn of(console: &Console, state: &FirstRun) -> Result<Self, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        if state.named.is_none() {
            return Ok(Self::Name);
        }
        if state.kit_tested.is_none() || console.desk.vault().is_none() {
            return Ok(Self::Kit);
        }
        if !people::list(catalog).await?.iter().any(is_clinician) {
            return Ok(Self::Clinician);
        }
        let devices = crate::clinic::devices::list(catalog).await?;
        if !devices.iter().any(|device| device.status == Status::Active) {
            return Ok(Self::Phone);
        }
        let arrived = pictures::arrived(catalog).await?;
        Ok(if arrived == Arrived::Verified { Self::Done } else { Self::Picture })
    }
}

fn is_clinician(person: &Person) -> bool {
    person.is_active() && person.roles.has(Role::Clinician)
}

/// What a form has led to, shown once.
#[derive(Default)]
struct Outcome {
    problem: Option<&'static str>,
    code: Option<NewCode>,
    invited: Option<Invited>,
    /// What was refused.
    typed: Option<Filled>,
}

/// Of the form that is shown: only one of its step has an id, or whose a phone is.
#[derive(Default)]
struct Filled {
    id: String,
    name: String,
    team: String,
    person: String,
}

impl Outcome {
    fn problem(problem: &'static str) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }
}

struct Mark {
    words: &'static str,
    /// `done`, `now`, `later`: a class, and what `aria-current` follows.
    state: &'static str,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct Setup {
    frame: Frame,
    marks: Vec<Mark>,
    step: Step,
    outcome: Outcome,
    clinic: String,
    locked: bool,
    kit_tested: bool,
    clinicians: Vec<(String, String)>,
    /// The first team is called as the words have it unless somebody says otherwise; nothing once there is a team.
    typed: Filled,
    token: String,
    base: &'static str,
    devices: Vec<Row>,
    arrived: Arrived,
}

#[derive(Template)]
#[template(path = "setup_arrived.html")]
struct ArrivedPart {
    token: String,
    arrived: Arrived,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, RunFirst).await?;
    shown(&console, &who, &grant, Outcome::default()).await
}

/// Phones that wait, asked for every moment while a code is shown.
pub(super) async fn rows(State(console): State<Console>, who: LoggedIn) -> Page {
    permit::ask(&console, &who, RunFirst).await?;
    let grant = permit::ask(&console, &who, ManageDevices).await?;
    html(&DeviceRows { token: who.token.clone(), base: PHONES, devices: devices::listed(&console, &grant).await? })
}

/// Whether a picture has come, asked for every moment while one is awaited.
pub(super) async fn arrived(State(console): State<Console>, who: LoggedIn) -> Page {
    permit::ask(&console, &who, RunFirst).await?;
    let arrived = pictures::arrived(&console.desk.clinic().catalog).await?;
    html(&ArrivedPart { token: who.token, arrived })
}

async fn shown(console: &Console, who: &LoggedIn, grant: &Grant<RunFirst>, mut outcome: Outcome) -> Page {
    let catalog = &console.desk.clinic().catalog;
    let state = crate::clinic::first_run::state(catalog).await?;
    let step = Step::of(console, &state).await?;
    let phones: Grant<ManageDevices> = permit::ask(console, who, ManageDevices).await?;
    let mark = |(each, words): (Step, &'static str)| Mark {
        words,
        state: match each.cmp(&step) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "later",
        },
    };
    let team = if teams::names(catalog).await?.is_empty() { text::SETUP_TEAM_DEFAULT } else { "" };
    let typed = outcome.typed.take().unwrap_or_else(|| Filled { team: team.to_owned(), ..Filled::default() });
    let clinicians = people::list(catalog).await?.into_iter().filter(is_clinician);
    html(&Setup {
        frame: Frame::new(console, who, "/setup").await?,
        marks: Step::ALL.into_iter().map(mark).collect(),
        step,
        outcome,
        clinic: console.inner.clinic_name.clone(),
        locked: console.desk.vault().is_none(),
        kit_tested: grant.subject().kit_tested.or(state.kit_tested).is_some(),
        clinicians: clinicians.map(|person| (person.id.to_string(), person.name)).collect(),
        typed,
        token: who.token.clone(),
        base: PHONES,
        devices: if step == Step::Phone { devices::listed(console, &phones).await? } else { Vec::new() },
        arrived: pictures::arrived(catalog).await?,
    })
}
