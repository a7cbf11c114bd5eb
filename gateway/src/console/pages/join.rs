//! How somebody begins: a code, and then a passkey, or a password with an authenticator and recovery codes.
//!
//! Attacker: has no code and guesses (80 bits), has one that was used or is old, changes what a form carries from one step to the next. Nothing of the
//! first step is believed in the second: the code is looked up again, and the authenticator's secret is whoever's account it is.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE32_NOPAD;
use safelight_core::manifest::OperatorId;
use safelight_core::text::is_one_line;
use serde::Deserialize;
use zeroize::Zeroizing;

mod making;

use self::making::{Made, Way, make};
use super::passkeys::{self, told, untold};
use super::{Failure, Page, html};
use crate::clinic::joining::{self, For, JoinCode};
use crate::clinic::passkeys::random_handle;
use crate::clinic::people;
use crate::console::login::{self, NewCredentials, WeakPassword};
use crate::console::passkeys::Owner;
use crate::console::server::Peer;
use crate::console::session::{Open, Typed};
use crate::console::{Console, text};
use crate::enrol::qr;

/// Longest name of a person, in bytes.
pub(super) const MAX_NAME_LEN: usize = 64;

#[derive(Template)]
#[template(path = "join.html")]
struct Join<'a> {
    clinic: &'a str,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "join_account.html")]
struct Account<'a> {
    clinic: &'a str,
    title: &'static str,
    lead: &'static str,
    problem: Option<&'static str>,
    first: bool,
    code: &'a str,
    secret: &'a str,
    id: &'a str,
    name: &'a str,
    qr: &'a str,
    key: &'a str,
    site: String,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct Codes<'a> {
    clinic: &'a str,
    codes: &'a [Zeroizing<String>],
}

pub(super) async fn page(State(console): State<Console>) -> Page {
    html(&Join { clinic: &console.inner.clinic_name, problem: None })
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    code: Typed,
}

pub(super) async fn code(State(console): State<Console>, Open(form): Open<CodeForm>) -> Result<Response, Failure> {
    let Some((code, whom)) = held(&console, &form.code).await? else { return wrong(&console) };
    let new = NewCredentials::generate()?;
    let given = Given { id: String::new(), name: String::new() };
    Ok(account_page(&console, &code, &whom, &new.totp, &given, None)?.into_response())
}

/// The code, and whom it is for, if it holds. Wrong ones do not slow down: there is nothing to guess, and whoever waits for them would be somebody who has one.
async fn held(console: &Console, typed: &str) -> Result<Option<(JoinCode, For)>, Failure> {
    let Some(code) = JoinCode::parse(typed) else { return Ok(None) };
    let mut tx = console.desk.clinic().catalog.read().await?;
    let whom = joining::find(&mut tx, &code, console.desk.now()).await?;
    Ok(whom.map(|whom| (code, whom)))
}

fn wrong(console: &Console) -> Result<Response, Failure> {
    let page = html(&Join { clinic: &console.inner.clinic_name, problem: Some(text::JOIN_WRONG) })?;
    Ok((StatusCode::UNAUTHORIZED, page).into_response())
}

/// What the first admin says of themselves.
struct Given {
    id: String,
    name: String,
}

fn account_page(
    console: &Console,
    code: &JoinCode,
    whom: &For,
    totp: &[u8],
    given: &Given,
    problem: Option<&'static str>,
) -> Page {
    let (first, id) = match whom {
        For::FirstAdmin => (true, given.id.as_str()),
        For::Person(id) => (false, id.as_str()),
    };
    // The authenticator shows whose account it is; the first admin has chosen none yet.
    let label = id.parse::<OperatorId>().or_else(|_| "admin".parse()).map_err(|_| Failure::Template)?;
    let secret = Zeroizing::new(BASE32_NOPAD.encode(totp));
    let clinic = &console.inner.clinic_name;
    let address = login::otpauth(totp, &format!("Safelight {clinic}"), &label);
    let picture = Zeroizing::new(qr::svg(&address).map_err(|_| Failure::Template)?);
    let groups = (0..secret.len()).step_by(4).filter_map(|at| secret.get(at..at.saturating_add(4)));
    html(&Account {
        clinic,
        title: if first { text::JOIN_FIRST_TITLE } else { text::JOIN_PERSON_TITLE },
        lead: if first { text::JOIN_FIRST_LEAD } else { text::JOIN_PERSON_LEAD },
        problem,
        first,
        code: &code.text(),
        secret: &secret,
        id,
        name: &given.name,
        qr: &picture,
        key: &groups.collect::<Vec<_>>().join(" "),
        site: console.inner.passkeys.name(),
    })
}

#[derive(Deserialize)]
pub(super) struct AccountForm {
    code: Typed,
    secret: Typed,
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    password: Typed,
    digits: Typed,
}

pub(super) async fn account(
    State(console): State<Console>,
    Open(form): Open<AccountForm>,
) -> Result<Response, Failure> {
    let Some((code, whom)) = held(&console, &form.code).await? else { return wrong(&console) };
    let (secret, password) = (form.secret, form.password.into_inner());
    let mut new = NewCredentials::generate()?;
    let chosen = BASE32_NOPAD.decode(secret.as_bytes()).ok().map(Zeroizing::new);
    let Some(chosen) = chosen.filter(|chosen| chosen.len() == new.totp.len()) else { return wrong(&console) };
    new.totp = chosen;
    let given = Given { id: form.id.trim().to_owned(), name: form.name.trim().to_owned() };
    let again = |problem: &'static str| {
        let page = account_page(&console, &code, &whom, &new.totp, &given, Some(problem))?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
    };
    let id = match whose(&whom, &given) {
        Ok(id) => id,
        Err(words) => return again(words),
    };
    if let Err(weak) = login::check_password(&password, &[id.as_str(), &given.name, &console.inner.clinic_name]) {
        return again(weak_words(weak));
    }
    let now = console.desk.now();
    let Some(step) = login::step_of(&new.totp, &form.digits, now) else { return again(text::JOIN_BAD_CODE) };
    let hash = console.inner.passwords.hash(password).await?;

    let way = Way::Password(hash, &new, step);
    let session = match make(&console, (&code, &whom), (&id, &given.name), way).await? {
        Made::Session(session) => session,
        Made::Taken => return again(text::JOIN_BAD_ID),
        Made::NoCode => return wrong(&console),
    };
    let mut answer = html(&Codes { clinic: &console.inner.clinic_name, codes: &new.recovery })?.into_response();
    answer.headers_mut().insert(header::SET_COOKIE, session.cookie());
    Ok(answer)
}

/// Whose account it is to be, or why it cannot be.
fn whose(whom: &For, given: &Given) -> Result<OperatorId, &'static str> {
    match whom {
        For::Person(id) => Ok(id.clone()),
        For::FirstAdmin if !is_name(&given.name) => Err(text::JOIN_BAD_NAME),
        For::FirstAdmin => given.id.parse().map_err(|_| text::JOIN_BAD_ID),
    }
}

#[derive(Deserialize)]
pub(super) struct PasskeyForm {
    code: Typed,
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    answer: String,
}

impl PasskeyForm {
    fn given(&self) -> Given {
        Given { id: self.id.trim().to_owned(), name: self.name.trim().to_owned() }
    }
}

/// Asks for the passkey of somebody who begins.
pub(super) async fn ask_passkey(
    State(console): State<Console>,
    Extension(Peer(from)): Extension<Peer>,
    Open(form): Open<PasskeyForm>,
) -> Result<Response, Failure> {
    let Some((_, whom)) = held(&console, &form.code).await? else { return Ok(untold(text::JOIN_WRONG)) };
    let given = form.given();
    let id = match whose(&whom, &given) {
        Ok(id) => id,
        Err(words) => return Ok(untold(words)),
    };
    let known = people::find(&console.desk.clinic().catalog, &id).await?;
    let name = known.map_or(given.name, |person| person.name);
    let (handle, owner) = (random_handle()?, Owner::Beginner(id.clone()));
    told(console.inner.passkeys.ask_new(owner, handle, (&id, &name), Vec::new(), (from, console.desk.now())))
}

/// Somebody begins with a passkey. What was given with the question is given again, and compared.
pub(super) async fn passkey(
    State(console): State<Console>,
    Open(form): Open<PasskeyForm>,
) -> Result<Response, Failure> {
    let Some((code, whom)) = held(&console, &form.code).await? else { return wrong(&console) };
    let (given, new) = (form.given(), NewCredentials::generate()?);
    let again = |problem: &'static str| {
        let page = account_page(&console, &code, &whom, &new.totp, &given, Some(problem))?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
    };
    let id = match whose(&whom, &given) {
        Ok(id) => id,
        Err(words) => return again(words),
    };
    let owner = Owner::Beginner(id.clone());
    let answered = console.inner.passkeys.answered_new(&form.question, &owner, &form.answer, console.desk.now());
    let (passkey, handle) = match answered {
        Ok(answered) => answered,
        Err(error) => return again(passkeys::words(error)?),
    };
    let way = Way::Passkey(&passkey, handle, text::PASSKEYS_FIRST);
    let session = match make(&console, (&code, &whom), (&id, &given.name), way).await? {
        Made::Session(session) => session,
        Made::Taken => return again(text::JOIN_BAD_ID),
        Made::NoCode => return wrong(&console),
    };
    let mut answer = Redirect::to("/").into_response();
    answer.headers_mut().insert(header::SET_COOKIE, session.cookie());
    Ok(answer)
}

/// Whether this may be a person's name.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN && is_one_line(name)
}

const fn weak_words(weak: WeakPassword) -> &'static str {
    match weak {
        WeakPassword::Short => text::JOIN_SHORT,
        WeakPassword::Long => text::JOIN_LONG,
        WeakPassword::Known => text::JOIN_KNOWN,
        WeakPassword::Own => text::JOIN_OWN,
    }
}
