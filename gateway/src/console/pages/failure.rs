//! Why there is no page, in words.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use crate::clinic::ClinicError;
use crate::console::permit::Denied;
use crate::console::records::Unreadable;
use crate::console::text;

/// Why there is no page.
#[derive(Debug)]
pub(in crate::console) enum Failure {
    /// It does not exist, or is not for whoever asks: the same to them.
    NotFound,
    /// A demo's link that holds no more, or never did.
    NoLink,
    /// The form cannot be done, and why.
    Refused(StatusCode, &'static str),
    /// The same under another title.
    Told(StatusCode, Told),
    /// The vault is locked.
    Locked,
    /// What is stored of a picture is damaged or gone.
    Damaged,
    /// The stores.
    Clinic(ClinicError),
    /// A template: a fault of this program.
    Template,
}

impl From<ClinicError> for Failure {
    fn from(error: ClinicError) -> Self {
        Self::Clinic(error)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::No => Self::NotFound,
            Denied::Failed(error) => Self::Clinic(error),
        }
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Locked => Self::Locked,
            Unreadable::Damaged => Self::Damaged,
            Unreadable::Failed(error) => Self::Clinic(error),
        }
    }
}

impl From<crate::store::catalog::CatalogError> for Failure {
    fn from(error: crate::store::catalog::CatalogError) -> Self {
        Self::Clinic(error.into())
    }
}

impl From<crate::log::LogError> for Failure {
    fn from(error: crate::log::LogError) -> Self {
        Self::Clinic(error.into())
    }
}

impl From<crate::clinic::access::AccessError> for Failure {
    fn from(error: crate::clinic::access::AccessError) -> Self {
        Self::Clinic(error.into())
    }
}

/// What somebody is told instead of a page. It goes with the answer, so that [`in_frame`](super::in_frame) can put its own page around it.
#[derive(Debug, Clone, Copy)]
pub(in crate::console) struct Told {
    pub(super) title: &'static str,
    pub(super) words: &'static str,
}

impl Told {
    /// Of an answer that has a status and no words: what holds for all requests says no more.
    pub(super) fn of(method: &Method, status: StatusCode) -> Self {
        let (title, words) = match status {
            // An address that no link of the console has.
            StatusCode::BAD_REQUEST if *method != Method::POST => (text::NOT_FOUND_TITLE, text::NOT_FOUND),
            StatusCode::BAD_REQUEST => (text::REFUSED_TITLE, text::FORM_UNREADABLE),
            StatusCode::FORBIDDEN => (text::REFUSED_TITLE, text::FORM_OLD),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => (text::NOT_FOUND_TITLE, text::NOT_FOUND),
            StatusCode::REQUEST_TIMEOUT => (text::REFUSED_TITLE, text::FORM_SLOW),
            StatusCode::PAYLOAD_TOO_LARGE => (text::REFUSED_TITLE, text::FORM_LARGE),
            StatusCode::MISDIRECTED_REQUEST => (text::WRONG_HOST_TITLE, text::WRONG_HOST),
            _ => (text::FAILED_TITLE, text::FAILED),
        };
        Self { title, words }
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    told: Told,
}

/// A page of its own, for whoever is not logged in.
pub(super) fn alone(status: StatusCode, told: Told) -> Response {
    let body = Message { told }.render().unwrap_or_default();
    let mut answer = (status, Html(body)).into_response();
    answer.extensions_mut().insert(told);
    answer
}

/// The page of a request that no handler has seen.
pub(in crate::console) fn refused(method: &Method, status: StatusCode) -> Response {
    alone(status, Told::of(method, status))
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, words) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, text::NOT_FOUND_TITLE, text::NOT_FOUND),
            Self::NoLink => (StatusCode::NOT_FOUND, text::DEMO_NO_LINK_TITLE, text::DEMO_NO_LINK),
            Self::Refused(status, words) => (status, text::REFUSED_TITLE, words),
            Self::Told(status, told) => (status, told.title, told.words),
            Self::Locked => (StatusCode::SERVICE_UNAVAILABLE, text::LOCKED_TITLE, text::LOCKED),
            Self::Damaged => (StatusCode::INTERNAL_SERVER_ERROR, text::DAMAGED_TITLE, text::DAMAGED),
            Self::Clinic(error) => {
                tracing::error!(code = "console-page", %error, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, text::FAILED_TITLE, text::FAILED)
            }
            Self::Template => (StatusCode::INTERNAL_SERVER_ERROR, text::FAILED_TITLE, text::FAILED),
        };
        alone(status, Told { title, words })
    }
}

/// An answer that is a form's own page: it says itself what is wrong, and has what was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again;

/// The form's own page, with what was typed and these words above it. A script that has sent the form gets the words alone.
pub(super) fn again(status: StatusCode, words: &'static str, page: Html<String>) -> Response {
    let mut answer = (status, page).into_response();
    answer.extensions_mut().insert(Told { title: text::REFUSED_TITLE, words });
    answer.extensions_mut().insert(Again);
    answer
}

/// An answer; where the form was refused, its own page [`again`], which `page` makes with what was typed and these words above it.
pub(super) async fn or_again<F: Future<Output = Page>>(
    answer: Result<impl IntoResponse, Failure>,
    page: impl FnOnce(&'static str) -> F,
) -> Result<Response, Failure> {
    match answer {
        Err(Failure::Refused(status, words)) => Ok(again(status, words, page(words).await?)),
        answer => Ok(answer?.into_response()),
    }
}

/// A page, or why there is none.
pub(super) type Page = Result<Html<String>, Failure>;

/// A template's page.
pub(super) fn html(template: &impl Template) -> Page {
    template.render().map(Html).map_err(|_| Failure::Template)
}
