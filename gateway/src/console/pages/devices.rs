//! Phones: who waits, who may send, who may not any more.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::manifest::OperatorId;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

use super::entries::{Names, with_id};
use super::login::Nothing;
use super::{Failure, Frame, Page, again, html, invitations, led, shown};
use crate::clinic::ClinicError;
use crate::clinic::access::Event;
use crate::clinic::devices::{self, Attestation, Seen, Status};
use crate::clinic::inviting::{Prepared, is_device_name};
use crate::clinic::people;
use crate::console::permit::{self, Grant, ManageDevices};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};
use crate::enrol::qr;

/// How long an invitation that is shown on the screen stays open.
const INVITATION_LIFETIME: Duration = Duration::from_secs(15 * 60);

pub(super) struct Row {
    /// Where its key lies, once it has said so.
    pub(super) key: Option<String>,
    /// What took its newest picture, as that says.
    pub(super) app: Option<String>,
    /// When it last came or went, or sent a picture.
    pub(super) last_seen: Option<String>,
    pub(super) last_picture: Option<String>,
    /// Days that its certificate holds on; none once it has run out.
    pub(super) days: Option<u64>,
    pub(super) has_certificate: bool,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) person: String,
    pub(super) model: String,
    pub(super) state: &'static str,
    pub(super) state_words: &'static str,
    pub(super) words: String,
    pub(super) since: String,
}

/// An invitation that was just made.
pub(super) struct Invited {
    /// What it will be called, and whose it is.
    pub(super) name: String,
    pub(super) person: String,
    pub(super) qr: String,
    pub(super) until: String,
    /// For the seconds that are counted down where there is script.
    pub(super) seconds: u64,
}

/// Under which address phones are approved and revoked, for the page that lists them.
const HERE: &str = "/devices";

#[derive(Template)]
#[template(path = "devices.html")]
struct Devices {
    frame: Frame,
    problem: Option<&'static str>,
    invited: Option<Invited>,
    people: Vec<(String, String)>,
    /// What was refused.
    typed: Invite,
    token: String,
    base: &'static str,
    devices: Vec<Row>,
    open: Vec<invitations::Row>,
}

#[derive(Template)]
#[template(path = "device_rows.html")]
pub(super) struct DeviceRows {
    pub(super) token: String,
    pub(super) base: &'static str,
    pub(super) devices: Vec<Row>,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManageDevices).await?;
    shown_with(&console, &who, &grant, Outcome::default()).await
}

/// The list alone: while a code is shown, the page asks for it every moment.
pub(super) async fn rows(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ManageDevices).await?;
    html(&DeviceRows { token: who.token.clone(), base: HERE, devices: listed(&console, &grant).await? })
}

/// What a form has led to.
#[derive(Default)]
struct Outcome {
    problem: Option<&'static str>,
    invited: Option<Invited>,
    typed: Invite,
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManageDevices>,
    Outcome { problem, invited, typed }: Outcome,
) -> Page {
    let people = people::list(&console.desk.clinic().catalog).await?;
    let active = people.into_iter().filter(people::Person::is_active);
    html(&Devices {
        frame: Frame::new(console, who, "/devices").await?,
        problem,
        invited,
        people: active.map(|person| (person.id.to_string(), person.name)).collect(),
        typed,
        token: who.token.clone(),
        base: HERE,
        devices: listed(console, grant).await?,
        open: invitations::open(console, grant).await?,
    })
}

pub(super) async fn listed(console: &Console, grant: &Grant<ManageDevices>) -> Result<Vec<Row>, ClinicError> {
    let catalog = &console.desk.clinic().catalog;
    let seen: HashMap<DeviceId, Seen> = devices::seen(catalog).await?.into_iter().collect();
    let (names, mut all) = (Names::read(console).await?, devices::list(catalog).await?);
    // Whoever waits is looked for first, then the newest.
    let order = |device: &devices::Device| {
        (device.status != Status::Pending, device.status == Status::Revoked, std::cmp::Reverse(device.created_at.0))
    };
    all.sort_by_key(order);
    let row = |device: devices::Device| Row {
        key: device.known_attestation().map(key_words),
        app: seen.get(&device.id).and_then(|seen| seen.software.clone()),
        last_seen: device.seen_at.map(shown::time),
        last_picture: seen.get(&device.id).and_then(|seen| seen.last_picture_at).map(shown::time),
        days: seen.get(&device.id).and_then(|seen| seen.certified_until).and_then(|until| days_left(until, grant.at())),
        has_certificate: seen.get(&device.id).is_some_and(|seen| seen.certified_until.is_some()),
        id: device.id.to_string(),
        name: device.name,
        person: names.person_and_id(device.person.as_str()),
        model: if device.model.is_empty() { "-".to_owned() } else { device.model },
        state: device.status.name(),
        state_words: status_words(device.status),
        words: device.words,
        since: shown::time(device.revoked_at.or(device.approved_at).unwrap_or(device.created_at)),
    };
    Ok(all.into_iter().map(row).collect())
}

/// What is known of where the key lies.
fn key_words(attestation: Attestation) -> String {
    match attestation {
        Attestation::Attested(_) => text::DEVICES_ATTESTED.to_owned(),
        Attestation::Claimed(reason) => {
            let why = reason.map_or(text::DEVICES_NOT_JUDGED, text::devices_unproved);
            format!("{} {why}", text::DEVICES_CLAIMED)
        }
        Attestation::Software => text::DEVICES_SOFTWARE.to_owned(),
    }
}

/// Whole days until then; none once it is past.
fn days_left(until: UnixMillis, now: UnixMillis) -> Option<u64> {
    (until > now).then(|| until.since(now).as_secs() / (24 * 60 * 60))
}

#[derive(Deserialize)]
pub(super) struct Rename {
    name: String,
}

pub(super) async fn rename(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Rename>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    if devices::find(&clinic.catalog, id).await?.is_none() {
        return Err(Failure::NotFound);
    }
    let name = posted.form.name.trim();
    if !is_device_name(name) {
        return refused(&console, &posted.by, &grant, Invite::default()).await;
    }
    let mut tx = clinic.catalog.write().await?;
    let has_changed = devices::rename(&mut tx, id, name).await?;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::DeviceRenamed(id)]).await?;
        tx.commit().await?;
    }
    Ok(led(HERE, has_changed))
}

async fn refused(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ManageDevices>,
    typed: Invite,
) -> Result<Response, Failure> {
    let problem = text::DEVICES_INVITE_BAD;
    let outcome = Outcome { problem: Some(problem), typed, ..Outcome::default() };
    let page = shown_with(console, who, grant, outcome).await?;
    Ok(again(StatusCode::UNPROCESSABLE_ENTITY, problem, page))
}

#[derive(Default, Deserialize)]
pub(super) struct Invite {
    pub(super) name: String,
    pub(super) person: String,
}

pub(super) async fn invite(State(console): State<Console>, posted: Posted<Invite>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let Posted { by, form } = posted;
    let Some(invited) = invited(&console, &grant, &form).await? else {
        return refused(&console, &by, &grant, form).await;
    };
    let outcome = Outcome { invited: Some(invited), ..Outcome::default() };
    Ok(shown_with(&console, &by, &grant, outcome).await?.into_response())
}

/// Opens an invitation. None if the form says no name that a phone can have, or nobody who works here.
pub(super) async fn invited(
    console: &Console,
    grant: &Grant<ManageDevices>,
    form: &Invite,
) -> Result<Option<Invited>, Failure> {
    let (name, person) = (form.name.trim(), form.person.parse::<OperatorId>().ok());
    let clinic = console.desk.clinic();
    let known = match &person {
        Some(person) => people::find(&clinic.catalog, person).await?.filter(people::Person::is_active),
        None => None,
    };
    let Some(known) = known.filter(|_| is_device_name(name)) else { return Ok(None) };
    let addresses = console.inner.enrol_addresses.clone();
    let prepared = Prepared::new(clinic, addresses, name, &known.id, INVITATION_LIFETIME)?;
    let qr = qr::svg(&prepared.text).map_err(|_| Failure::Template)?;
    prepared.open(clinic, grant.by()).await?;
    Ok(Some(Invited {
        name: name.to_owned(),
        person: with_id(&known.name, known.id.as_str()),
        qr,
        until: shown::time(prepared.expires_at()),
        seconds: INVITATION_LIFETIME.as_secs(),
    }))
}

pub(super) async fn approve(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Compared>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    Ok(led(HERE, approved(&console, &grant, &id, &posted.form).await?))
}

/// What the page showed on which somebody compared.
#[derive(Deserialize)]
pub(super) struct Compared {
    #[serde(default)]
    words: String,
}

/// Lets a phone send whose words somebody has compared. Says whether it did not before. A phone that has begun again meanwhile has other words, and may say
/// something else of its key: what was on the page is not it.
pub(super) async fn approved(
    console: &Console,
    grant: &Grant<ManageDevices>,
    id: &str,
    compared: &Compared,
) -> Result<bool, Failure> {
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let device = devices::find_in(&mut tx, id).await?.ok_or(Failure::NotFound)?;
    // Without words nobody has compared any.
    if device.words.is_empty() {
        return Err(Failure::NotFound);
    }
    if device.words != compared.words {
        return Err(Failure::Refused(StatusCode::CONFLICT, text::DEVICES_OTHER_WORDS));
    }
    let has_changed = devices::approve(&mut tx, id, grant.at()).await?;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::DeviceApproved(id)]).await?;
        tx.commit().await?;
    }
    Ok(has_changed)
}

pub(super) async fn revoke(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    Ok(led(HERE, revoked(&console, &grant, &id).await?))
}

/// Shuts a phone out. Says whether it was not before.
pub(super) async fn revoked(console: &Console, grant: &Grant<ManageDevices>, id: &str) -> Result<bool, Failure> {
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let has_changed = devices::revoke(&mut tx, id, grant.at()).await?;
    if has_changed {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::DeviceRevoked(id)]).await?;
        tx.commit().await?;
    }
    Ok(has_changed)
}

pub(super) const fn status_words(status: Status) -> &'static str {
    match status {
        Status::Pending => text::DEVICES_PENDING,
        Status::Active => text::DEVICES_ACTIVE,
        Status::Revoked => text::DEVICES_REVOKED,
    }
}
