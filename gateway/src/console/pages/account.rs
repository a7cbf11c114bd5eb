//! One's own account: who one is here, where one is logged in, and what is on record of oneself. Patients stand there by name as in the patients' list: to
//! whoever treats them now, on record.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Redirect;
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::entries::{self, Names};
use super::known::Known;
use super::login::Nothing;
use super::{Failure, Frame, Page, html, phones, roles_words, shown};
use crate::clinic::access::Event;
use crate::clinic::sessions::{self, SessionId};
use crate::clinic::{passkeys, resets};
use crate::console::session::{LoggedIn, Posted};
use crate::console::{Console, addresses, looks, text};

struct Row {
    name: String,
    this: bool,
    since: String,
    seen: String,
}

struct Passkey {
    id: String,
    name: String,
    added: String,
    used: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    id: String,
    roles: String,
    sessions: Vec<Row>,
    phones: Vec<phones::Own>,
    passkeys: Vec<Passkey>,
    site: String,
    entries: Vec<entries::Row>,
    linked: bool,
    older: Option<u64>,
    sound: bool,
    building: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Entries older than this one.
    #[serde(default)]
    before: String,
}

pub(super) async fn page(State(console): State<Console>, Query(asked): Query<Asked>, who: LoggedIn) -> Page {
    let before = match asked.before.as_str() {
        "" => None,
        before => Some(before.parse().map_err(|_| Failure::NotFound)?),
    };
    let held = sessions::of_person(&console.desk.clinic().catalog, &who.person.id, console.desk.now()).await?;
    let row = |session: sessions::Session| Row {
        name: HEXLOWER.encode(&session.id),
        this: session.id == who.session,
        since: shown::time(session.created_at),
        seen: shown::time(session.seen_at),
    };
    let passkey = |one: passkeys::Held| Passkey {
        id: HEXLOWER.encode(&one.credential),
        name: one.name,
        added: shown::time(one.added_at),
        used: one.used_at.map(shown::time),
    };
    let passkeys = passkeys::of(&console.desk.clinic().catalog, &who.person.id).await?;
    let own = looks::own(&console, &who, before).await?;
    let names = Names::read(&console).await?;
    let facets = || own.seen.iter().map(|seen| &seen.facets);
    let numbers: Vec<_> = facets().flat_map(|facets| [facets.former, facets.patient]).flatten().collect();
    let known = Known::among(&console, &who, &numbers).await?;
    let known = known.with_pictures(&console, facets().filter_map(|facets| facets.picture)).await?;
    html(&Account {
        frame: Frame::new(&console, &who, "/account").await?,
        id: who.person.id.to_string(),
        roles: roles_words(who.person.roles),
        sessions: held.into_iter().map(row).collect(),
        passkeys: passkeys.into_iter().map(passkey).collect(),
        site: console.inner.passkeys.name(),
        phones: phones::own(&console, &who).await?,
        entries: own.seen.iter().map(|seen| entries::row(seen, &names, &known)).collect(),
        linked: false,
        older: own.seen.last().filter(|_| own.more).map(|seen| seen.index),
        sound: own.proof.is_sound,
        building: !own.is_built,
    })
}

#[derive(Deserialize)]
pub(super) struct End {
    session: String,
}

/// Ends a session of one's own, and nobody else's.
pub(super) async fn end(State(console): State<Console>, posted: Posted<End>) -> Result<Redirect, Failure> {
    let id: SessionId = addresses::id(&posted.form.session).ok_or(Failure::NotFound)?;
    let clinic = console.desk.clinic();
    let held = sessions::find(&clinic.catalog, &id).await?;
    if held.is_none_or(|held| held.person != posted.by.person.id) {
        return Err(Failure::NotFound);
    }
    let mut tx = clinic.catalog.write().await?;
    sessions::end(&mut tx, &id).await?;
    clinic.access.record(&mut tx, &posted.by.actor(), console.desk.now(), &[Event::LoggedOut]).await?;
    tx.commit().await?;
    Ok(Redirect::to("/account"))
}

/// A person has read that an admin could set their account up anew.
pub(super) async fn reset_read(State(console): State<Console>, posted: Posted<Nothing>) -> Result<Redirect, Failure> {
    let clinic = console.desk.clinic();
    let mut tx = clinic.catalog.write().await?;
    if resets::read(&mut tx, &posted.by.person.id).await? {
        let event = [Event::AccountResetRead];
        clinic.access.record(&mut tx, &posted.by.actor(), console.desk.now(), &event).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to("/account"))
}
