//! Pictures that leave the console: by whoever was given that right, for a reason, with a mark of who took them out.
//!
//! Attackers: a member of staff who takes pictures home, and whoever they pass them to. Nobody may by role; each one is on record before it is read, with
//! a reason; and what leaves says in its pixels who took it, and when. There is no file of it on the gateway.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use safelight_core::ids::CaptureId;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Failure, led, or_again, pictures, shown};
use crate::clinic::access::Event;
use crate::clinic::downloads::{self, Purpose};
use crate::clinic::people::Changed;
use crate::console::permit::{self, DownloadPicture, Grant, ManagePeople};
use crate::console::records::{self, Unmarked};
use crate::console::session::{LoggedIn, Posted};
use crate::console::words::Reason;
use crate::console::{Console, text};

/// A whole picture, decoded, is hundreds of megabytes.
static AT_ONCE: Semaphore = Semaphore::const_new(1);

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) purpose: String,
    #[serde(default)]
    pub(super) words: String,
}

pub(super) async fn picture(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Wanted>,
) -> Result<Response, Failure> {
    let id: CaptureId = id.parse().map_err(|_| Failure::NotFound)?;
    let Posted { by, form } = posted;
    let grant = permit::ask(&console, &by, DownloadPicture(id)).await?;
    let answer = taken(&console, &by, &grant, &form).await;
    // The picture's page shows the picture, on record.
    or_again(answer, |words| pictures::shown_with(&console, &by, id, Some((form, words)))).await
}

async fn taken(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<DownloadPicture>,
    form: &Wanted,
) -> Result<Response, Failure> {
    let (id, asked) = (grant.subject().0.capture, Purpose::parse(&form.purpose).zip(Reason::parse(&form.words)));
    let incomplete = Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::DOWNLOAD_INCOMPLETE);
    let (purpose, reason) = asked.ok_or(incomplete)?;
    let Ok(_turn) = AT_ONCE.try_acquire() else {
        return Err(Failure::Refused(StatusCode::TOO_MANY_REQUESTS, text::DOWNLOAD_BUSY));
    };
    let words = records::seal_words(console, reason.as_str())?;
    let now = shown::time(grant.at());
    let clinic: String = console.inner.clinic_name.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    let mark = format!("{}  {now}  {clinic}", who.person.id);
    let marked = match records::marked(console, grant, (purpose, &words), &mark).await {
        Ok(marked) => marked,
        Err(Unmarked::Unreadable(unreadable)) => return Err(unreadable.into()),
        Err(Unmarked::TooLarge) => {
            return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::DOWNLOAD_TOO_LARGE));
        }
    };
    let first: String = id.to_string().chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let day: String = now.chars().take(10).collect();
    let name = HeaderValue::from_str(&format!("attachment; filename=\"safelight-{first}-{day}.jpg\""));
    let mut answer = Body::from(marked).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(header::CONTENT_DISPOSITION, name.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(answer)
}

#[derive(Deserialize)]
pub(super) struct Allowed {
    #[serde(default)]
    allow: String,
}

/// Gives a person the right, or takes it back.
pub(super) async fn right(
    State(console): State<Console>,
    Path(id): Path<String>,
    posted: Posted<Allowed>,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, ManagePeople).await?;
    let id: OperatorId = id.parse().map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    let (changed, event) = if posted.form.allow == "yes" {
        (downloads::grant(&mut tx, &id, grant.at()).await?, Event::DownloadGranted(&id))
    } else {
        (downloads::withdraw(&mut tx, &id).await?, Event::DownloadWithdrawn(&id))
    };
    if changed == Changed::Done {
        clinic.access.record(&mut tx, grant.by(), grant.at(), &[event]).await?;
        tx.commit().await?;
    }
    Ok(led("/people", changed == Changed::Done))
}

/// Why, for the form.
pub(super) fn purposes() -> Vec<(&'static str, &'static str)> {
    Purpose::ALL.into_iter().map(|purpose| (purpose.name(), words(purpose))).collect()
}

const fn words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Referral => text::DOWNLOAD_REFERRAL,
        Purpose::Patient => text::DOWNLOAD_PATIENT,
        Purpose::Teaching => text::DOWNLOAD_TEACHING,
        Purpose::Other => text::EMERGENCY_OTHER,
    }
}
