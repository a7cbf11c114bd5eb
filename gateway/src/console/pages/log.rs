//! The access log, newest first, and what is looked for in it.
//!
//! Attacker: somebody who writes an address for the officer, or a form: every part of it is parsed into an id, a code of the list or a day before anything
//! is asked of the catalog, which gets it as a bound value. A record number is a person's: it is posted, becomes the patient's handle here, and stands in no
//! address.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::label::DEFAULT_ISSUER;
use safelight_core::manifest::OperatorId;
use serde::Deserialize;

use super::entries::{Names, Row, proof_words, row};
use super::known::Known;
use super::login::Nothing;
use super::{Failure, Frame, Page, again, html, shown};
use crate::clinic::access_index::Filter;
use crate::clinic::aliases;
use crate::clock::calendar::midnight;
use crate::console::looks::{self, View};
use crate::console::permit::{self, Grant, ReadLog, SearchLog, VerifyLog};
use crate::console::session::{LoggedIn, Posted};
use crate::console::verification::{self, Finding};
use crate::console::{Console, text};

/// A day.
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// Longest name of who did something.
const MAX_ACTOR_LEN: usize = 80;

/// What is looked for, as addresses and forms have it: empty where it does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    by: String,
    about: String,
    patient: String,
    picture: String,
    device: String,
    kind: String,
    from: String,
    to: String,
    before: String,
}

/// The same from the form, with a record number in the place of the reference.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    by: String,
    about: String,
    patient: String,
    picture: String,
    device: String,
    kind: String,
    from: String,
    to: String,
    number: String,
    issuer: String,
}

/// A choice of a form: value, words, and whether it is chosen.
struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    frame: Frame,
    /// Why nothing was looked for.
    problem: Option<&'static str>,
    entries: Vec<Row>,
    linked: bool,
    older: Option<String>,
    building: bool,
    sound: bool,
    proof: String,
    whole: Option<(bool, String)>,
    asked: Asked,
    patient: String,
    number: String,
    issuer: String,
    everything: bool,
    actors: Vec<Choice>,
    people: Vec<Choice>,
    /// By what they are about.
    kinds: Vec<(&'static str, Vec<Choice>)>,
}

pub(super) async fn page(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
    who: LoggedIn,
) -> Result<Response, Failure> {
    let grant = permit::ask(&console, &who, ReadLog).await?;
    let before = match asked.before.as_str() {
        "" => None,
        before => Some(before.parse().map_err(|_| Failure::NotFound)?),
    };
    let number = (String::new(), DEFAULT_ISSUER.to_owned());
    let Some(filter) = asked.filter() else {
        return asked_badly(&console, &who, &grant, (asked, number), StatusCode::NOT_FOUND).await;
    };
    let view = looks::page(&console, &grant, &filter, before).await?;
    Ok(shown_with(&console, &who, view, (asked, number), None).await?.into_response())
}

/// The form as it was typed, and nothing that was found.
async fn asked_badly(
    console: &Console,
    who: &LoggedIn,
    grant: &Grant<ReadLog>,
    typed: (Asked, (String, String)),
    status: StatusCode,
) -> Result<Response, Failure> {
    let problem = text::LOG_ASKED_BADLY;
    // As it stands, without an entry of it: what vouches for the log is on the page.
    let none = Filter { until: Some(UnixMillis(0)), ..Filter::default() };
    let view = looks::page(console, grant, &none, None).await?;
    let page = shown_with(console, who, view, typed, Some(problem)).await?;
    Ok(again(status, problem, page))
}

async fn shown_with(
    console: &Console,
    who: &LoggedIn,
    view: View,
    (asked, (number, issuer)): (Asked, (String, String)),
    problem: Option<&'static str>,
) -> Page {
    // Whoever reads the log sees no names of patients.
    let (names, nobody) = (Names::read(console).await?, Known::default());
    let (sound, proof) = proof_words(&view.proof);
    let everything = problem.is_none() && asked.filter().is_some_and(|filter| filter.is_everything());
    let oldest = view.seen.last().filter(|_| view.more).map(|seen| seen.index.to_string());
    html(&Log {
        frame: Frame::new(console, who, "/log").await?,
        problem,
        entries: view.seen.iter().map(|seen| row(seen, &names, &nobody)).collect(),
        linked: true,
        older: oldest.map(|before| Asked { before, ..asked.clone() }.address()),
        building: !view.is_built && !everything,
        sound,
        proof,
        whole: console.inner.verification.last().map(|outcome| whole_words(&outcome)),
        patient: super::entries::short(&asked.patient),
        number,
        issuer,
        everything,
        actors: actors(&names, &asked.by),
        people: people(&names, &asked.about),
        kinds: kinds(&asked.kind),
        asked,
    })
}

/// From the form to an address of codes and references, whose page is on record. What cannot be looked for is answered with the log's page, without
/// entries and with the form as it was typed: that is to read the log, and on record as such.
pub(super) async fn look(State(console): State<Console>, posted: Posted<Typed>) -> Result<Response, Failure> {
    let _: Grant<SearchLog> = permit::ask(&console, &posted.by, SearchLog).await?;
    let Posted { by, form: typed } = posted;
    let number = typed.number.trim().to_owned();
    let asked = Asked {
        by: typed.by,
        about: typed.about,
        patient: typed.patient,
        picture: typed.picture.trim().to_owned(),
        device: typed.device.trim().to_owned(),
        kind: typed.kind,
        from: typed.from.trim().to_owned(),
        to: typed.to.trim().to_owned(),
        before: String::new(),
    };
    if asked.filter().is_none() {
        let grant = permit::ask(&console, &by, ReadLog).await?;
        let typed = (asked, (number, typed.issuer));
        return asked_badly(&console, &by, &grant, typed, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let asked = if number.is_empty() {
        asked
    } else {
        let clinic = console.desk.clinic();
        Asked { patient: shown::reference(&aliases::of_number(clinic, &typed.issuer, &number).await?.number), ..asked }
    };
    Ok(Redirect::to(&asked.address()).into_response())
}

/// Verifies all of it, which takes a moment for a large log.
pub(super) async fn verify(State(console): State<Console>, posted: Posted<Nothing>) -> Result<Redirect, Failure> {
    let grant = permit::ask(&console, &posted.by, VerifyLog).await?;
    verification::verify(&console, &grant).await?;
    Ok(Redirect::to("/log"))
}

impl Asked {
    /// What it asks for, if every part of it is something that could be.
    fn filter(&self) -> Option<Filter> {
        fn part<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
            if text.is_empty() { Some(None) } else { parse(text).map(Some) }
        }
        let kind = part(&self.kind, text::kind_of_list)?;
        let (from, until) = period(&self.from, &self.to)?;
        Some(Filter {
            actor: part(&self.by, |by| is_actor(by).then(|| by.to_owned()))?,
            person: part(&self.about, |id| id.parse::<OperatorId>().ok().map(|id| id.to_string()))?,
            patient: part(&self.patient, shown::handle)?,
            former: None,
            picture: part(&self.picture, |id| id.parse::<CaptureId>().ok())?,
            device: part(&self.device, |id| id.parse::<DeviceId>().ok())?,
            kinds: kind.into_iter().collect(),
            from,
            until,
            between: None,
        })
    }

    fn address(&self) -> String {
        let all = [
            ("by", &self.by),
            ("about", &self.about),
            ("patient", &self.patient),
            ("picture", &self.picture),
            ("device", &self.device),
            ("kind", &self.kind),
            ("from", &self.from),
            ("to", &self.to),
            ("before", &self.before),
        ];
        let said: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("/log?{}", serde_urlencoded::to_string(said).unwrap_or_default())
    }
}

/// From the first day to the last, both included, in UTC; none if one is no day.
pub(super) fn period(from: &str, to: &str) -> Option<(Option<UnixMillis>, Option<UnixMillis>)> {
    let day = |text: &str| if text.is_empty() { Some(None) } else { midnight(text).map(Some) };
    Some((day(from)?, day(to)?.map(|to| to.plus(DAY))))
}

/// `gateway`, `person:ID`, `device:ID`, `uid:NUMBER`: whatever of these characters is none of them finds nothing.
fn is_actor(text: &str) -> bool {
    text.len() <= MAX_ACTOR_LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
}

fn actors(names: &Names, chosen: &str) -> Vec<Choice> {
    let mut all: Vec<_> = names.people().into_iter().map(|(id, name)| (format!("person:{id}"), name)).collect();
    all.push(("gateway".to_owned(), text::LOG_GATEWAY.to_owned()));
    if !chosen.is_empty() && !all.iter().any(|(actor, _)| actor == chosen) {
        all.push((chosen.to_owned(), names.actor(chosen)));
    }
    all.into_iter().map(|(value, words)| Choice { chosen: value == chosen, value, words }).collect()
}

fn people(names: &Names, chosen: &str) -> Vec<Choice> {
    names.people().into_iter().map(|(value, words)| Choice { chosen: value == chosen, value, words }).collect()
}

fn kinds(chosen: &str) -> Vec<(&'static str, Vec<Choice>)> {
    let choice = |(kind, words): &(&str, &str)| Choice {
        value: (*kind).to_owned(),
        words: (*words).to_owned(),
        chosen: *kind == chosen,
    };
    text::KINDS.iter().map(|(group, kinds)| (*group, kinds.iter().map(choice).collect())).collect()
}

fn whole_words(outcome: &verification::Outcome) -> (bool, String) {
    let at = shown::time(outcome.at);
    match &outcome.found {
        Finding::Sound(verified) => {
            (true, format!("{} {at}: {} {}.", text::LOG_WHOLE, verified.size, text::LOG_WHOLE_SOUND))
        }
        Finding::Indexing(verified) => {
            (true, format!("{} {at}: {} {}.", text::LOG_WHOLE, verified.size, text::LOG_WHOLE_INDEXING))
        }
        Finding::IndexWrong(rows) => (false, format!("{} {at}: {rows} {}", text::LOG_WHOLE, text::LOG_WHOLE_INDEX)),
        Finding::Bad { first } => (false, format!("{} {at}: {} {first}.", text::LOG_WHOLE, text::LOG_WHOLE_BAD)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c05_what_is_looked_for_is_an_id_a_code_or_a_day_or_nothing_at_all() {
        let good = Asked {
            by: "person:dr.a_b-c".to_owned(),
            about: "dr.a".to_owned(),
            patient: shown::reference(&[7; 32]),
            picture: CaptureId::from_bytes([1; 16]).to_string(),
            device: DeviceId::from_bytes([2; 16]).to_string(),
            kind: "picture-viewed".to_owned(),
            from: "2026-01-01".to_owned(),
            to: "2026-01-31".to_owned(),
            before: String::new(),
        };
        let filter = good.filter().expect("the control");
        assert_eq!(filter.kinds, ["picture-viewed"]);
        assert_eq!(filter.until.map(|until| until.0), Some(1_769_904_000_000), "the last day is part of it");
        let fields: [fn(&mut Asked) -> &mut String; 8] = [
            |asked| &mut asked.by,
            |asked| &mut asked.about,
            |asked| &mut asked.patient,
            |asked| &mut asked.picture,
            |asked| &mut asked.device,
            |asked| &mut asked.kind,
            |asked| &mut asked.from,
            |asked| &mut asked.to,
        ];
        for field in fields {
            for evil in ["' OR 1=1 --", "x' UNION SELECT 1", "%", "\0", "a b", "é", "(SELECT 1)"] {
                let mut asked = good.clone();
                *field(&mut asked) = evil.to_owned();
                assert!(asked.filter().is_none(), "{evil}");
            }
        }
    }
}
