//! Two to four pictures of one body site of one patient, side by side.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use safelight_core::ids::CaptureId;

use super::entries::Names;
use super::failure::Told;
use super::patients::site_words;
use super::{Failure, Frame, html, shown};
use crate::clinic::identity::PatientIdentity;
use crate::console::permit::{self, ComparePictures, Grant, ViewPicture};
use crate::console::records;
use crate::console::session::LoggedIn;
use crate::console::{Console, text};

/// At once on a screen.
const MAX_COMPARED: usize = 4;

struct Compared {
    id: String,
    ticket: String,
    sound: bool,
    taken: String,
    by: String,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare {
    frame: Frame,
    patient: PatientIdentity,
    reference: String,
    site: String,
    /// Whether one can be laid over the other.
    overlay: bool,
    pictures: Vec<Compared>,
}

/// Each of them is asked for and put on record, as if it were shown alone.
pub(super) async fn page(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
    who: LoggedIn,
) -> Result<Response, Failure> {
    let ids = chosen(query.as_deref().unwrap_or_default());
    // Whoever has no such right is not told what to choose.
    let grant: Grant<ComparePictures> =
        permit::ask(&console, &who, ComparePictures(ids.clone().unwrap_or_default())).await?;
    let Some(ids) = ids else { return Err(choose_again()) };
    if grant.subject().windows(2).any(|two| two.first() != two.last()) {
        return Err(choose_again());
    }
    let names = Names::read(&console).await?;
    let (mut pictures, mut of) = (Vec::new(), None);
    for id in ids {
        let grant = permit::ask(&console, &who, ViewPicture(id)).await?;
        let site = site_words(&records::label(&console, &grant).await?);
        let (picture, handle) = grant.subject();
        let compared = Compared {
            id: picture.capture.to_string(),
            ticket: console.inner.tickets.for_picture(&who, &grant)?,
            sound: records::is_sound(&console, &grant).await?,
            taken: shown::time(picture.captured_at),
            by: names.person_and_id(&picture.operator),
        };
        pictures.push((picture.captured_at, compared));
        let this = (*handle, site);
        match &of {
            None => of = Some((this, records::patient_of(&console, &grant).await?)),
            Some((first, _)) if *first != this => return Err(choose_again()),
            Some(_) => {}
        }
    }
    let Some(((handle, site), patient)) = of else { return Err(choose_again()) };
    // What was before stands before.
    pictures.sort_by_key(|(taken, _)| taken.0);
    let page = html(&Compare {
        frame: Frame::new(&console, &who, "/patients").await?,
        patient,
        reference: shown::reference(&handle),
        site,
        overlay: pictures.len() == 2 && pictures.iter().all(|(_, compared)| compared.sound),
        pictures: pictures.into_iter().map(|(_, compared)| compared).collect(),
    })?;
    Ok(page.into_response())
}

/// `picture=ID&picture=ID`: two to four different ones.
fn chosen(query: &str) -> Option<Vec<CaptureId>> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let mut ids = Vec::new();
    for (_, id) in pairs.iter().filter(|(name, _)| name == "picture") {
        let id: CaptureId = id.parse().ok()?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    (2..=MAX_COMPARED).contains(&ids.len()).then_some(ids)
}

fn choose_again() -> Failure {
    let told = Told { title: text::COMPARE_FEW_TITLE, words: text::COMPARE_FEW };
    Failure::Told(StatusCode::UNPROCESSABLE_ENTITY, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_to_four_different_pictures_are_compared() {
        let id = |last: u8| format!("picture=00000000-0000-7000-8000-0000000000{last:02}");
        let query = |ids: &[u8]| ids.iter().map(|last| id(*last)).collect::<Vec<_>>().join("&");
        assert_eq!(chosen(&query(&[1, 2])).map(|ids| ids.len()), Some(2));
        assert_eq!(chosen(&query(&[1, 2, 1, 3, 4])).map(|ids| ids.len()), Some(4));
        for wrong in [
            "".to_owned(),
            query(&[1]),
            query(&[1, 1]),
            query(&[1, 2, 3, 4, 5]),
            format!("{}&picture=x", query(&[1, 2])),
        ] {
            assert_eq!(chosen(&wrong), None, "{wrong}");
        }
    }
}
