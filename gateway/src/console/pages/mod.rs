//! One file a page: what is asked, what is shown. The list of routes is the whole of what the console answers to.

mod account;
mod assets;
mod care;
mod compare;
mod corrections;
mod devices;
mod download;
mod emergency;
mod join;
mod log;
mod login;
mod numbers;
mod patients;
mod people;
mod pictures;
mod shown;
mod vault;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::permit::Denied;
use super::records::Unreadable;
use super::session::LoggedIn;
use super::{Console, guards, text};
use crate::clinic::ClinicError;
use crate::clinic::people::{Role, Roles};

/// Largest body of a request. Forms are limited further where they are read.
const MAX_BODY_LEN: usize = 64 * 1024;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody on the network.
    Anybody,
    /// Whoever is logged in.
    LoggedIn,
    /// Whoever has this role.
    Has(Role),
}

/// A route: method, path as the router has it, and who may use it.
pub type Route = (&'static str, &'static str, Who);

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $who:expr;)*) => {
        /// Everything that the console answers to. A test asks each as each role.
        pub const ROUTES: &[Route] = &[$((stringify!($method), $path, $who)),*];

        pub(super) fn router(console: Console) -> Router {
            Router::new()
                $(.route($path, $method($handler)))*
                .fallback(nothing)
                .layer(DefaultBodyLimit::max(MAX_BODY_LEN))
                .layer(axum::middleware::from_fn_with_state(console.clone(), guards::guard))
                .with_state(console)
        }
    };
}

routes! {
    get "/static/{file}" assets::get, Who::Anybody;
    get "/authority" assets::authority, Who::Anybody;
    get "/login" login::page, Who::Anybody;
    post "/login" login::log_in, Who::Anybody;
    post "/logout" login::log_out, Who::LoggedIn;
    get "/join" join::page, Who::Anybody;
    post "/join" join::code, Who::Anybody;
    post "/join/account" join::account, Who::Anybody;
    get "/" home, Who::LoggedIn;
    get "/account" account::page, Who::LoggedIn;
    post "/account/end" account::end, Who::LoggedIn;
    get "/patients" patients::page, Who::Has(Role::Clinician);
    post "/patients" patients::searched, Who::Has(Role::Clinician);
    post "/patients/found" patients::found, Who::Has(Role::Clinician);
    get "/patients/{patient}" patients::patient, Who::Has(Role::Clinician);
    post "/patients/{patient}/team" care::add, Who::Has(Role::Clinician);
    post "/patients/{patient}/team/{person}/end" care::end, Who::Has(Role::Clinician);
    get "/care-review" care::list, Who::Has(Role::PrivacyOfficer);
    post "/care-review/{patient}/{person}" care::review, Who::Has(Role::PrivacyOfficer);
    get "/pictures/{picture}" pictures::page, Who::Has(Role::Clinician);
    post "/pictures/{picture}/report" corrections::report, Who::Has(Role::Clinician);
    post "/pictures/{picture}/download" download::picture, Who::Has(Role::Clinician);
    get "/corrections/own" corrections::own, Who::Has(Role::Clinician);
    get "/corrections/own/{correction}" corrections::reported, Who::Has(Role::Clinician);
    post "/corrections/own/{correction}" corrections::decide_own, Who::Has(Role::Clinician);
    get "/corrections" corrections::list, Who::Has(Role::PrivacyOfficer);
    post "/corrections/{correction}" corrections::decide_any, Who::Has(Role::PrivacyOfficer);
    get "/compare" compare::page, Who::Has(Role::Clinician);
    get "/emergency" emergency::page, Who::Has(Role::Clinician);
    post "/emergency" emergency::begin, Who::Has(Role::Clinician);
    get "/emergencies" emergency::list, Who::Has(Role::PrivacyOfficer);
    post "/emergencies/{emergency}" emergency::review, Who::Has(Role::PrivacyOfficer);
    get "/images/{ticket}/{picture}" pictures::image, Who::Has(Role::Clinician);
    get "/thumbnails/{ticket}/{picture}" pictures::thumbnail, Who::Has(Role::Clinician);
    get "/devices" devices::page, Who::Has(Role::Admin);
    post "/devices" devices::invite, Who::Has(Role::Admin);
    get "/devices/rows" devices::rows, Who::Has(Role::Admin);
    post "/devices/{device}/approve" devices::approve, Who::Has(Role::Admin);
    post "/devices/{device}/revoke" devices::revoke, Who::Has(Role::Admin);
    get "/people" people::page, Who::Has(Role::Admin);
    post "/people" people::add, Who::Has(Role::Admin);
    post "/people/{person}/code" people::code, Who::Has(Role::Admin);
    post "/people/{person}/disable" people::disable, Who::Has(Role::Admin);
    post "/people/{person}/enable" people::enable, Who::Has(Role::Admin);
    post "/people/{person}/download" download::right, Who::Has(Role::Admin);
    get "/vault" vault::page, Who::Has(Role::Admin);
    post "/vault/unlock" vault::unlock, Who::Has(Role::Admin);
    post "/vault/lock" vault::lock, Who::Has(Role::Admin);
    get "/log" log::page, Who::Has(Role::PrivacyOfficer);
}

/// Where each role's day begins.
async fn home(who: LoggedIn) -> Redirect {
    let roles = who.person.roles;
    Redirect::to(if roles.has(Role::Clinician) {
        "/patients"
    } else if roles.has(Role::Admin) {
        "/devices"
    } else if roles.has(Role::PrivacyOfficer) {
        "/log"
    } else {
        "/account"
    })
}

async fn nothing() -> Failure {
    Failure::NotFound
}

/// What stands around every page of somebody who is logged in.
pub(super) struct Frame {
    clinic: String,
    person: String,
    roles: Roles,
    token: String,
    here: &'static str,
    /// Until when this person has emergency access to somebody.
    emergency: Option<String>,
}

/// A place in the navigation.
struct Item {
    href: &'static str,
    name: &'static str,
}

impl Frame {
    async fn new(console: &Console, who: &LoggedIn, here: &'static str) -> Result<Self, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        let emergency = crate::clinic::emergency::until(catalog, &who.person.id, console.desk.now()).await?;
        Ok(Self {
            clinic: console.inner.clinic_name.clone(),
            person: who.person.name.clone(),
            roles: who.person.roles,
            token: who.token.clone(),
            here,
            emergency: emergency.map(shown::time),
        })
    }

    fn nav(&self) -> Vec<Item> {
        let all = [
            (Some(Role::Clinician), "/patients", text::NAV_PATIENTS),
            (Some(Role::Clinician), "/corrections/own", text::NAV_OWN_REPORTED),
            (Some(Role::Admin), "/devices", text::NAV_DEVICES),
            (Some(Role::Admin), "/people", text::NAV_PEOPLE),
            (Some(Role::Admin), "/vault", text::NAV_VAULT),
            (Some(Role::PrivacyOfficer), "/emergencies", text::NAV_EMERGENCIES),
            (Some(Role::PrivacyOfficer), "/care-review", text::NAV_CARE_REVIEW),
            (Some(Role::PrivacyOfficer), "/corrections", text::NAV_REPORTED),
            (Some(Role::PrivacyOfficer), "/log", text::NAV_LOG),
            (None, "/account", text::NAV_ACCOUNT),
        ];
        let is_for = |role: Option<Role>| role.is_none_or(|role| self.roles.has(role));
        all.into_iter().filter(|(role, ..)| is_for(*role)).map(|(_, href, name)| Item { href, name }).collect()
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// It does not exist, or is not for whoever asks: the same to them.
    NotFound,
    /// The form cannot be done, and why.
    Refused(StatusCode, &'static str),
    /// The vault is locked.
    Locked,
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

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    title: &'static str,
    words: &'static str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, words) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, text::NOT_FOUND_TITLE, text::NOT_FOUND),
            Self::Refused(status, words) => (status, text::REFUSED_TITLE, words),
            Self::Locked => (StatusCode::SERVICE_UNAVAILABLE, text::LOCKED_TITLE, text::LOCKED),
            Self::Clinic(error) => {
                tracing::error!(code = "console-page", %error, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, text::FAILED_TITLE, text::FAILED)
            }
            Self::Template => (StatusCode::INTERNAL_SERVER_ERROR, text::FAILED_TITLE, text::FAILED),
        };
        let body = Message { title, words }.render().unwrap_or_default();
        (status, Html(body)).into_response()
    }
}

/// A page, or why there is none.
type Page = Result<Html<String>, Failure>;

fn html(template: &impl Template) -> Page {
    template.render().map(Html).map_err(|_| Failure::Template)
}

const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Clinician => text::ROLE_CLINICIAN,
        Role::Admin => text::ROLE_ADMIN,
        Role::PrivacyOfficer => text::ROLE_PRIVACY_OFFICER,
    }
}

fn roles_words(roles: Roles) -> String {
    if roles.is_empty() {
        return text::PEOPLE_NO_ROLE.to_owned();
    }
    roles.iter().map(role_words).collect::<Vec<_>>().join(", ")
}
