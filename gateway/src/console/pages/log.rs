//! The access log, newest first.

use askama::Template;
use axum::extract::{Query, State};
use data_encoding::HEXLOWER;
use safelight_core::ids::UnixMillis;
use safelight_core::log::entry::{Entry, Field};
use serde::Deserialize;

use super::{Frame, Page, html, shown};
use crate::console::permit::{self, Grant, ReadLog};
use crate::console::session::LoggedIn;
use crate::console::{Console, text};

/// Entries of a page.
const PAGE: u64 = 100;

struct Row {
    index: u64,
    time: String,
    actor: String,
    kind: String,
    fields: String,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    frame: Frame,
    entries: Vec<Row>,
    older: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn page(State(console): State<Console>, Query(query): Query<Before>, who: LoggedIn) -> Page {
    let _: Grant<ReadLog> = permit::ask(&console, &who, ReadLog).await?;
    let log = console.desk.clinic().access.log();
    let mut tx = console.desk.clinic().catalog.read().await?;
    let size = log.size(&mut tx).await?;
    let end = query.before.unwrap_or(size).min(size);
    let start = end.saturating_sub(PAGE);
    let count = u32::try_from(end.saturating_sub(start)).unwrap_or(0);
    let mut entries: Vec<Row> = match count {
        0 => Vec::new(),
        count => log.entries(&mut tx, start, count).await?.iter().map(|(index, entry)| row(*index, entry)).collect(),
    };
    entries.reverse();
    html(&Log { frame: Frame::new(&console, &who, "/log").await?, entries, older: (start > 0).then_some(start) })
}

/// The last two fields of every entry are who and when.
fn row(index: u64, entry: &[u8]) -> Row {
    let Ok(entry) = Entry::parse(entry) else {
        return Row {
            index,
            time: String::new(),
            actor: String::new(),
            kind: HEXLOWER.encode(entry),
            fields: String::new(),
        };
    };
    let mut fields = entry.fields().to_vec();
    let time = match fields.pop() {
        Some(Field::Number(at)) => shown::time(UnixMillis(at)),
        other => {
            fields.extend(other);
            String::new()
        }
    };
    let actor = match fields.pop() {
        Some(Field::Code(actor)) => actor,
        other => {
            fields.extend(other);
            String::new()
        }
    };
    let fields = fields.iter().map(field).collect::<Vec<_>>().join(" ");
    Row { index, time, actor, kind: entry.kind().to_owned(), fields }
}

fn field(field: &Field) -> String {
    match field {
        Field::Number(number) => number.to_string(),
        Field::Code(code) => code.clone(),
        Field::Absent => "-".to_owned(),
        Field::Bytes(bytes) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(id) => uuid::Uuid::from_bytes(id).to_string(),
            // A handle, a digest, or a reason that is sealed: its beginning tells them apart.
            Err(_) => format!("{}…", HEXLOWER.encode(bytes.get(..8).unwrap_or(bytes))),
        },
    }
}
