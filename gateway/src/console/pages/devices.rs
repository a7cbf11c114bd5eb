//! Phones: who waits, who may send, who may not any more.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Redirect;
use safelight_core::ids::DeviceId;

use super::login::Nothing;
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::access::Event;
use crate::clinic::devices::{self, Status};
use crate::console::permit::{self, Grant, ManageDevices};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, text};

struct Row {
    id: String,
    name: String,
    person: String,
    model: String,
    state: &'static str,
    state_words: &'static str,
    words: String,
    since: String,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct Devices {
    frame: Frame,
    devices: Vec<Row>,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let _: Grant<ManageDevices> = permit::ask(&console, &who, ManageDevices).await?;
    let mut all = devices::list(&console.desk.clinic().catalog).await?;
    // Whoever waits is looked for first, then the newest.
    all.sort_by_key(|device| {
        (device.status != Status::Pending, device.status == Status::Revoked, std::cmp::Reverse(device.created_at.0))
    });
    let row = |device: devices::Device| Row {
        id: device.id.to_string(),
        name: device.name,
        person: device.person.to_string(),
        model: device.model,
        state: device.status.name(),
        state_words: match device.status {
            Status::Pending => text::DEVICES_PENDING,
            Status::Active => text::DEVICES_ACTIVE,
            Status::Revoked => text::DEVICES_REVOKED,
        },
        words: device.words,
        since: shown::time(device.revoked_at.or(device.approved_at).unwrap_or(device.created_at)),
    };
    html(&Devices { frame: Frame::new(&console, &who, "/devices"), devices: all.into_iter().map(row).collect() })
}

pub(super) async fn approve(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let device = devices::find(&clinic.catalog, id).await?.ok_or(Failure::NotFound)?;
    // Without words nobody has compared any.
    if device.words.is_empty() {
        return Err(Failure::NotFound);
    }
    let mut tx = clinic.catalog.write().await?;
    if devices::approve(&mut tx, id, grant.at()).await? {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::DeviceApproved(id)]).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to("/devices"))
}

pub(super) async fn revoke(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, ManageDevices).await?;
    let id: DeviceId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if devices::revoke(&mut tx, id, grant.at()).await? {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[Event::DeviceRevoked(id)]).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to("/devices"))
}
