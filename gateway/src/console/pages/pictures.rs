//! One picture, large, with what is recorded of it.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::label::{Consent, Label};
use safelight_core::manifest::SignedManifest;

use super::corrections::kind_words;
use super::entries::Names;
use super::patients::site_words;
use super::{Failure, Frame, Page, download, html, shown};
use crate::clinic::corrections::{self, Kind};
use crate::clinic::identity::PatientIdentity;
use crate::clinic::pictures::{self, Picture};
use crate::clinic::{ClinicError, devices, downloads};
use crate::console::permit::{self, ViewPicture};
use crate::console::records;
use crate::console::session::LoggedIn;
use crate::console::{Console, looks, text};

#[derive(Template)]
#[template(path = "picture.html")]
struct PicturePage {
    frame: Frame,
    patient: PatientIdentity,
    reference: String,
    ticket: String,
    id: String,
    /// Whether what is stored of it is what its device signed for; else nothing of it is shown.
    sound: bool,
    site: String,
    taken: String,
    flags: Vec<String>,
    facts: Vec<(&'static str, String)>,
    corrected: Option<String>,
    /// The number of its label, where that is another one of the patient's.
    labelled: Option<String>,
    kinds: Vec<(&'static str, &'static str)>,
    /// Why it may be taken out; nothing for whoever may not.
    purposes: Vec<(&'static str, &'static str)>,
    /// What was typed for that, and why it was refused.
    wanted: download::Wanted,
    problem: Option<&'static str>,
    looked: Vec<Look>,
    building: bool,
}

/// Somebody who has looked.
struct Look {
    who: String,
    time: String,
    is_wrong: bool,
}

pub(super) async fn page(State(console): State<Console>, Path(id): Path<String>, who: LoggedIn) -> Page {
    shown_with(&console, &who, id.parse().map_err(|_| Failure::NotFound)?, None).await
}

/// With what was typed to download it, and why that was refused.
pub(super) async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    id: CaptureId,
    refused: Option<(download::Wanted, &'static str)>,
) -> Page {
    let grant = permit::ask(console, who, ViewPicture(id)).await?;
    let label = records::label(console, &grant).await?;
    let patient = records::patient_of(console, &grant).await?;
    let sound = records::is_sound(console, &grant).await?;
    let (picture, handle) = grant.subject();
    let (looked, names) = (looks::of_picture(console, &grant).await?, Names::read(console).await?);
    let (wanted, problem) = refused.map(|(wanted, problem)| (wanted, Some(problem))).unwrap_or_default();
    let look = |seen: &looks::Seen| Look {
        who: names.actor_and_id(&seen.facets.actor),
        time: shown::time(seen.facets.at),
        is_wrong: !seen.is_vouched || !seen.is_indexed,
    };
    let catalog = &console.desk.clinic().catalog;
    let device = devices::find(catalog, picture.device).await?;
    let corrected = corrections::of_picture(catalog, picture.capture).await?;
    let may_download = sound && downloads::may(catalog, &who.person.id).await?;
    // The label of one that was given to the patient names somebody else.
    let is_alias = picture.filed != picture.patient && corrected.is_none();
    let labelled = is_alias.then(|| format!("{} {}", text::PICTURE_LABELLED, label.record_number));
    html(&PicturePage {
        labelled,
        frame: Frame::new(console, who, "/patients").await?,
        wanted,
        problem,
        patient,
        reference: shown::reference(handle),
        ticket: console.inner.tickets.for_picture(who, &grant)?,
        id: picture.capture.to_string(),
        sound,
        site: site_words(&label),
        taken: shown::time(picture.captured_at),
        flags: picture.flags.split_whitespace().map(str::to_owned).collect(),
        corrected: corrected.map(|one| {
            let by = names.person_and_id(one.by.as_str());
            format!("{} {by}, {}", text::PICTURE_CORRECTED, shown::time(one.at))
        }),
        kinds: Kind::ALL.into_iter().map(|kind| (kind.name(), kind_words(kind))).collect(),
        purposes: if may_download { download::purposes() } else { Vec::new() },
        facts: facts(picture, &label, (&names, device.map(|device| device.name)), sound),
        building: !looked.is_built,
        looked: looked.seen.iter().map(look).collect(),
    })
}

fn facts(
    picture: &Picture,
    label: &Label,
    (names, device): (&Names, Option<String>),
    sound: bool,
) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (text::PICTURE_TAKEN, shown::time(picture.captured_at)),
        (text::PICTURE_BY, names.person_and_id(&picture.operator)),
        (text::PICTURE_DEVICE, device.unwrap_or_else(|| picture.device.to_string())),
        (text::PICTURE_CONSENT, consent(label.consent).to_owned()),
    ];
    facts.extend(devices::software_of(&picture.manifest).map(|app| (text::PICTURE_APP, app)));
    facts.extend(label.view.clone().map(|view| (text::PICTURE_VIEW, view)));
    facts.extend(label.note.clone().map(|note| (text::PICTURE_NOTE, note)));
    facts.push((text::PICTURE_STORED, shown::time(picture.stored_at)));
    // Only what is verified has a page.
    let state = if sound { text::PICTURE_VERIFIED } else { text::PICTURE_WAS_VERIFIED };
    facts.push((text::PICTURE_STATE, state.to_owned()));
    facts.push((text::PICTURE_ENTRY, picture.log_index.to_string()));
    facts
}

const fn consent(consent: Option<Consent>) -> &'static str {
    match consent {
        None => text::PICTURE_CONSENT_NONE,
        Some(Consent::Record) => text::PICTURE_CONSENT_RECORD,
        Some(Consent::Teaching) => text::PICTURE_CONSENT_TEACHING,
        Some(Consent::Publication) => text::PICTURE_CONSENT_PUBLICATION,
    }
}

/// The picture itself, for a page that is on record.
pub(super) async fn image(
    State(console): State<Console>,
    Path((ticket, id)): Path<(String, String)>,
    who: LoggedIn,
) -> Result<Response, Failure> {
    let now = console.desk.now();
    let picture = find(&console, &who, &id, now).await?;
    let may = console.inner.tickets.picture(&who, &ticket, picture, now).ok_or(Failure::NotFound)?;
    let manifest = SignedManifest::parse(&may.picture().manifest).map_err(|_| ClinicError::CatalogDamaged)?;
    let said = manifest.claimed();
    let busy = Failure::Refused(StatusCode::SERVICE_UNAVAILABLE, text::PICTURE_BUSY);
    let place = console.inner.room.place(&who.person.id, said.picture.len).await.ok_or(busy)?;
    Ok(sent(records::photograph(&console, &may, place).await?, said.content_type.as_str()))
}

/// Its thumbnail, likewise.
pub(super) async fn thumbnail(
    State(console): State<Console>,
    Path((ticket, id)): Path<(String, String)>,
    who: LoggedIn,
) -> Result<Response, Failure> {
    let now = console.desk.now();
    let picture = find(&console, &who, &id, now).await?;
    let may = console.inner.tickets.thumbnail(&who, &ticket, picture, now).ok_or(Failure::NotFound)?;
    let thumbnail = records::thumbnail(&console, &may).await?.ok_or(Failure::NotFound)?;
    Ok(sent(Bytes::from_owner(thumbnail), "image/jpeg"))
}

/// A picture, unless it is of somebody whom `who` does not treat any more: a ticket outlives a place on a care team by minutes.
async fn find(console: &Console, who: &LoggedIn, id: &str, now: UnixMillis) -> Result<Picture, Failure> {
    let id: CaptureId = id.parse().map_err(|_| Failure::NotFound)?;
    let catalog = &console.desk.clinic().catalog;
    let picture = pictures::find(catalog, id).await?.ok_or(Failure::NotFound)?;
    match picture.shown_under() {
        Some(patient) if !permit::may_see(catalog, &patient, who, now).await? => Err(Failure::NotFound),
        _ => Ok(picture),
    }
}

/// Whole, whatever range was asked for. It is wiped once it is sent; what TLS and the browser make of it is theirs.
fn sent(picture: Bytes, kind: &'static str) -> Response {
    let mut answer = Body::from(picture).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    answer
}
