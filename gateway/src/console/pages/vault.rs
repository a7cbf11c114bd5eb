//! The vault: locked or not.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::login::Nothing;
use super::{Failure, Frame, Page, html};
use crate::clinic::ClinicError;
use crate::clinic::directory::Progress;
use crate::console::permit::{self, Grant, RunVault};
use crate::console::session::{LoggedIn, Posted, Typed};
use crate::console::{Console, text};
use crate::vault::Passphrase;

#[derive(Template)]
#[template(path = "vault.html")]
struct Vault {
    frame: Frame,
    problem: Option<&'static str>,
    unlocked: bool,
    progress: Option<Progress>,
}

#[derive(Template)]
#[template(path = "names.html")]
struct Names {
    progress: Option<Progress>,
}

/// How far names are read, asked for by the page while they are.
pub(super) async fn names(State(console): State<Console>, who: LoggedIn) -> Page {
    let _: Grant<RunVault> = permit::ask(&console, &who, RunVault).await?;
    html(&Names { progress: console.desk.directory().progress() })
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, RunVault).await?;
    shown(&console, &who, &grant, None).await
}

async fn shown(console: &Console, who: &LoggedIn, _: &Grant<RunVault>, problem: Option<&'static str>) -> Page {
    html(&Vault {
        frame: Frame::new(console, who, "/vault").await?,
        problem,
        unlocked: console.desk.vault().is_some(),
        progress: console.desk.directory().progress(),
    })
}

#[derive(Deserialize)]
pub(super) struct Unlock {
    passphrase: Typed,
}

pub(super) async fn unlock(State(console): State<Console>, posted: Posted<Unlock>) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &posted.by, RunVault).await?;
    let wrong = async || {
        let page = shown(&console, &posted.by, &grant, Some(text::VAULT_WRONG)).await?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
    };
    let Ok(passphrase) = Passphrase::new(&posted.form.passphrase) else { return wrong().await };
    match console.desk.unlock(passphrase, grant.by()).await {
        Ok(()) => Ok(Redirect::to("/vault").into_response()),
        Err(ClinicError::Unlock(_)) => wrong().await,
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn lock(State(console): State<Console>, posted: Posted<Nothing>) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, RunVault).await?;
    console.desk.lock(grant.by()).await?;
    Ok(Redirect::to("/vault"))
}
