//! In and out.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Failure, Page, html};
use crate::clinic::access::Event;
use crate::clinic::{people, sessions};
use crate::console::login::{Attempt, log_in as check};
use crate::console::server::Peer;
use crate::console::session::{Open, Posted, Typed, no_cookie};
use crate::console::throttle::Try;
use crate::console::{Console, text};

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    clinic: &'a str,
    problem: Option<&'static str>,
    /// The name that passkeys are for.
    site: String,
}

/// The page again, and what was wrong.
pub(super) fn refused(console: &Console, status: StatusCode, problem: &'static str) -> Result<Response, Failure> {
    Ok((status, page_with(console, Some(problem))?).into_response())
}

fn page_with(console: &Console, problem: Option<&'static str>) -> Page {
    html(&Login { clinic: &console.inner.clinic_name, problem, site: console.inner.passkeys.name() })
}

/// While nobody could log in as an admin, the way leads to where the first one begins.
pub(super) async fn page(State(console): State<Console>) -> Result<Response, Failure> {
    let mut tx = console.desk.clinic().catalog.read().await?;
    if console.inner.demo.is_none() && !people::has_admin(&mut tx).await? {
        return Ok(Redirect::to("/join").into_response());
    }
    Ok(page_with(&console, None)?.into_response())
}

#[derive(Deserialize)]
pub(super) struct Form {
    name: String,
    password: Typed,
    code: Typed,
}

pub(super) async fn log_in(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    Open(form): Open<Form>,
) -> Result<Response, Failure> {
    let now = console.desk.now();
    let throttle = &console.inner.throttle;
    let Some(counted) = throttle.begin(Try::Password(&form.name, from), now) else {
        return refused(&console, StatusCode::TOO_MANY_REQUESTS, text::LOGIN_WAIT);
    };
    let attempt = Attempt { name: form.name, password: form.password.into_inner(), code: form.code.into_inner() };
    let Some(secret) = check(&console, attempt).await? else {
        return refused(&console, StatusCode::UNAUTHORIZED, text::LOGIN_WRONG);
    };
    throttle.right(counted);
    let mut answer = Redirect::to("/").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, secret.cookie());
    Ok(answer)
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn log_out(State(console): State<Console>, posted: Posted<Nothing>) -> Result<Response, Failure> {
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    sessions::end(&mut tx, &posted.by.session).await?;
    clinic.access.record(&mut tx, &posted.by.actor(), console.desk.now(), &[Event::LoggedOut]).await?;
    tx.commit().await?;
    let mut answer = Redirect::to("/login").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, no_cookie());
    Ok(answer)
}
