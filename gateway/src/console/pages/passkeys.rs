//! Logging in with a passkey, and one's own passkeys.
//!
//! Attacker: sits at a browser that somebody left logged in, and wants to come back without them: a further passkey wants a log-in that was just now. Or asks
//! for questions without end: so many are kept, and whoever asks pushes out their own. Or answers without end: wrong answers of a network slow down.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::join::is_name;
use super::login::{self, Nothing};
use crate::clinic::access::Event;
use crate::clinic::passkeys::{self, MAX_PER_PERSON};
use crate::clinic::{credentials, sessions};
use crate::console::passkeys::{Owner, PasskeyError, Question, log_in as check};
use crate::console::server::Peer;
use crate::console::session::{LoggedIn, Open, Posted};
use crate::console::throttle::Try;
use crate::console::{Console, text};

/// How long after a log-in a passkey is added without another.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// What a form brings back from the browser.
#[derive(Deserialize)]
pub(super) struct Answered {
    question: String,
    answer: String,
}

/// What the browser is told to do, or in which words it tells that it cannot.
pub(super) fn told(asked: Result<Question, PasskeyError>) -> Result<Response, Failure> {
    match asked {
        Ok(question) => Ok(json(StatusCode::OK, &question)),
        Err(error) => Ok(untold(words(error)?)),
    }
}

/// The words of a page whose script shows them.
pub(super) fn untold(words: &'static str) -> Response {
    json(StatusCode::UNPROCESSABLE_ENTITY, &Problem { problem: words })
}

#[derive(Serialize)]
struct Problem {
    problem: &'static str,
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => Failure::Template.into_response(),
    }
}

/// What a person is told.
pub(super) fn words(error: PasskeyError) -> Result<&'static str, Failure> {
    Ok(match error {
        PasskeyError::NoName => text::PASSKEY_NO_NAME,
        PasskeyError::Unasked => text::PASSKEY_EXPIRED,
        PasskeyError::Refused => text::PASSKEY_REFUSED,
        PasskeyError::Clinic(error) => return Err(error.into()),
    })
}

pub(super) async fn ask_log_in(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
) -> Result<Response, Failure> {
    told(console.inner.passkeys.ask_log_in(from, console.desk.now()))
}

pub(super) async fn log_in(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    Open(form): Open<Answered>,
) -> Result<Response, Failure> {
    let (now, throttle) = (console.desk.now(), &console.inner.throttle);
    let Some(counted) = throttle.begin(Try::Passkey(from), now) else {
        return login::refused(&console, StatusCode::TOO_MANY_REQUESTS, text::LOGIN_WAIT);
    };
    let secret = match check(&console, &form.question, &form.answer).await {
        Ok(secret) => secret,
        Err(PasskeyError::Clinic(error)) => return Err(error.into()),
        Err(_) => None,
    };
    let Some(secret) = secret else {
        return login::refused(&console, StatusCode::UNAUTHORIZED, text::LOGIN_PASSKEY_WRONG);
    };
    throttle.right(counted);
    let mut answer = Redirect::to("/").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, secret.cookie());
    Ok(answer)
}

/// Why a person may add none at present.
async fn not_now(console: &Console, who: &LoggedIn) -> Result<Option<&'static str>, Failure> {
    let catalog = &console.desk.clinic().catalog;
    let session = sessions::find(catalog, &who.session).await?.ok_or(Failure::NotFound)?;
    if console.desk.now().since(session.created_at) >= FRESH {
        return Ok(Some(text::PASSKEY_NOT_FRESH));
    }
    let many = passkeys::how_many(&mut *catalog.read().await?, &who.person.id).await? >= MAX_PER_PERSON;
    Ok(many.then_some(text::PASSKEY_MANY))
}

pub(super) async fn ask_new(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    let who = &posted.by;
    if let Some(words) = not_now(&console, who).await? {
        return Ok(untold(words));
    }
    let catalog = &console.desk.clinic().catalog;
    let held = passkeys::of(catalog, &who.person.id).await?.into_iter().map(|one| one.credential).collect();
    let mut tx = catalog.write().await?;
    let handle = passkeys::handle_of(&mut tx, &who.person.id).await?;
    tx.commit().await?;
    let shown = (&who.person.id, who.person.name.as_str());
    let owner = Owner::Session(who.session);
    told(console.inner.passkeys.ask_new(owner, handle, shown, held, (from, console.desk.now())))
}

#[derive(Deserialize)]
pub(super) struct Added {
    #[serde(default)]
    name: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    answer: String,
}

pub(super) async fn add(State(console): State<Console>, posted: Posted<Added>) -> Result<Redirect, Failure> {
    let refused = |words| Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, words);
    let (who, form, now) = (&posted.by, &posted.form, console.desk.now());
    if let Some(words) = not_now(&console, who).await? {
        return Err(refused(words));
    }
    let name = form.name.trim();
    if !is_name(name) {
        return Err(refused(text::PASSKEY_BAD_NAME));
    }
    let owner = Owner::Session(who.session);
    let passkey = match console.inner.passkeys.answered_new(&form.question, &owner, &form.answer, now) {
        Ok((passkey, _)) => passkey,
        Err(error) => return Err(refused(words(error)?)),
    };
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if passkeys::how_many(&mut tx, &who.person.id).await? >= MAX_PER_PERSON {
        return Err(refused(text::PASSKEY_MANY));
    }
    if !passkeys::add(&mut tx, &who.person.id, name, &passkey, now).await? {
        return Err(refused(text::PASSKEY_TAKEN));
    }
    clinic.access.record(&mut tx, &who.actor(), now, &[Event::PasskeyAdded(&who.person.id)]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/account"))
}

#[derive(Deserialize)]
pub(super) struct Removed {
    #[serde(default)]
    passkey: String,
}

/// Takes one of one's own away, unless nothing else would let its owner in.
pub(super) async fn remove(State(console): State<Console>, posted: Posted<Removed>) -> Result<Redirect, Failure> {
    let who = &posted.by.person.id;
    let credential = HEXLOWER.decode(posted.form.passkey.as_bytes()).map_err(|_| Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if !passkeys::remove(&mut tx, who, &credential).await? {
        return Err(Failure::NotFound);
    }
    if passkeys::how_many(&mut tx, who).await? == 0 && !credentials::has_password(&mut tx, who).await? {
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text::PASSKEY_LAST));
    }
    let event = [Event::PasskeyRemoved(who)];
    clinic.access.record(&mut tx, &posted.by.actor(), console.desk.now(), &event).await?;
    tx.commit().await?;
    Ok(Redirect::to("/account"))
}
