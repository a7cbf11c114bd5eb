//! The way in of a demo: a link shows a button, and the button uses it up. See [`DemoLinks`](crate::console::DemoLinks).

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Failure, Page, html, roles_words};
use crate::clinic::access::{Actor, Event};
use crate::clinic::people::{self, Person};
use crate::clinic::sessions;
use crate::console::demo_links::DemoLinks;
use crate::console::session::{Open, Secret, Typed};
use crate::console::{Console, text};

/// Routes that a gateway has which is no demo are not among these, nor these among its.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    router.route("/demo/{token}", get(page)).route("/demo", post(log_in))
}

#[derive(Template)]
#[template(path = "demo.html")]
struct Demo<'a> {
    clinic: &'a str,
    person: &'a str,
    roles: String,
    token: &'a str,
}

fn links(console: &Console) -> Result<&DemoLinks, Failure> {
    console.inner.demo.as_ref().ok_or(Failure::NotFound)
}

async fn page(State(console): State<Console>, Path(token): Path<String>) -> Page {
    let token = Zeroizing::new(token);
    let id = links(&console)?.whose(&token, console.desk.now()).ok_or(Failure::NoLink)?;
    let person = people::find(&console.desk.clinic().catalog, &id).await?.ok_or(Failure::NoLink)?;
    let clinic = &console.inner.clinic_name;
    html(&Demo { clinic, person: &person.name, roles: roles_words(person.roles), token: &token })
}

#[derive(Deserialize)]
struct Form {
    token: Typed,
}

async fn log_in(State(console): State<Console>, Open(form): Open<Form>) -> Result<Response, Failure> {
    let (clinic, now) = (console.desk.clinic(), console.desk.now());
    let id = links(&console)?.take(&form.token, now).ok_or(Failure::NoLink)?;
    let person = people::find(&clinic.catalog, &id).await?.filter(Person::is_active).ok_or(Failure::NoLink)?;
    let session = Secret::generate()?;
    let mut tx = clinic.catalog.write().await?;
    sessions::begin(&mut tx, &session.session(), &person.id, now).await?;
    let events = [Event::LoggedIn("demo-link")];
    clinic.access.record(&mut tx, &Actor::Person(person.id), now, &events).await?;
    tx.commit().await?;
    let mut answer = Redirect::to("/").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, session.cookie());
    Ok(answer)
}
