//! What became of reported pictures: for the privacy officer of all, for whoever took them of their own.
//!
//! Attacker: a member of staff who wants to read what was said of other people's pictures. The list is of one's own by its statement, and a page of it begins
//! where a report of one's own was decided: any other name in the address is none. Words are opened for a grant, while the vault is unlocked. No picture is on
//! these pages. From which patient to which one was given stands there by reference, and by name for whoever took it, while they treat that patient.

use askama::Template;
use axum::extract::{Query, State};
use data_encoding::HEXLOWER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::corrections::{self as pages, Row as Report};
use super::entries::Names;
use super::known::{Known, Patient};
use super::{Failure, Frame, Page, html, shown};
use crate::clinic::corrections::{self, Outcome, Settled};
use crate::clinic::pictures::Handle;
use crate::console::permit::{self, ListOwnReported, ListReported};
use crate::console::records;
use crate::console::session::LoggedIn;
use crate::console::{Console, addresses, text};

/// Reports of one page.
const PAGE: u32 = 50;

struct Row {
    report: Report,
    outcome: &'static str,
    by: String,
    at: String,
    words: Option<String>,
    /// Where the picture went, if it went anywhere.
    moved_to: Option<Patient>,
}

#[derive(Template)]
#[template(path = "decided.html")]
struct List {
    frame: Frame,
    /// What waits.
    base: &'static str,
    sealed: bool,
    rows: Vec<Row>,
    older: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<String>,
}

pub(super) async fn list(State(console): State<Console>, Query(query): Query<Before>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListReported).await?;
    let open = |sealed: &[u8]| records::reported_words(&console, &grant, sealed);
    listed(&console, &who, ("/decided", "/corrections"), None, query, open).await
}

pub(super) async fn own(State(console): State<Console>, Query(query): Query<Before>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, ListOwnReported).await?;
    let open = |sealed: &[u8]| records::own_reported_words(&console, &grant, sealed);
    listed(&console, &who, ("/decided/own", "/corrections/own"), Some(&who.person.id), query, open).await
}

async fn listed(
    console: &Console,
    who: &LoggedIn,
    (here, base): (&'static str, &'static str),
    author: Option<&OperatorId>,
    query: Before,
    open: impl Fn(&[u8]) -> Option<String>,
) -> Page {
    let catalog = &console.desk.clinic().catalog;
    let after = match query.before {
        None => None,
        Some(id) => {
            let id = addresses::id(&id).ok_or(Failure::NotFound)?;
            Some(corrections::place(catalog, author, &id).await?.ok_or(Failure::NotFound)?)
        }
    };
    let found = corrections::decided(catalog, author, after, PAGE).await?;
    let last = addresses::last_of_full(&found, PAGE);
    let older = last.map(|last| format!("{here}?before={}", HEXLOWER.encode(&last.report.id)));
    let numbers: Vec<Handle> = found.iter().flat_map(numbers).collect();
    let known = match author {
        Some(_) => Known::among(console, who, &numbers).await?,
        None => Known::in_log(console, &numbers).await?,
    };
    let (names, mut rows) = (Names::read(console).await?, Vec::with_capacity(found.len()));
    for Settled { report, outcome, by, at, words } in found {
        let mut row = pages::row(console, (&names, &known), &report).await?;
        row.words = open(&report.words);
        rows.push(Row {
            report: row,
            outcome: outcome_words(outcome),
            by: names.person_and_id(by.as_str()),
            at: shown::time(at),
            words: open(&words),
            moved_to: moved_to(outcome).map(|number| known.patient(&number)),
        });
    }
    let sealed = rows.iter().any(|row| row.words.is_none() || row.report.words.is_none());
    html(&List { frame: Frame::new(console, who, base).await?, base, sealed, rows, older })
}

/// From which and to which patient's number.
fn numbers(settled: &Settled) -> impl Iterator<Item = Handle> + use<> {
    std::iter::once(settled.report.filed).chain(moved_to(settled.outcome))
}

const fn moved_to(outcome: Outcome) -> Option<Handle> {
    match outcome {
        Outcome::Moved(number) => Some(number),
        Outcome::Restored | Outcome::Withdrawn => None,
    }
}

const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Restored => text::DECIDED_RESTORED,
        Outcome::Moved(_) => text::DECIDED_MOVED,
        Outcome::Withdrawn => text::DECIDED_WITHDRAWN,
    }
}
