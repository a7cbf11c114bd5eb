//! One file a page: what is asked, what is shown. The list of routes is the whole of what the console answers to.

mod account;
mod alerts;
mod assets;
mod care;
mod care_review;
mod compare;
mod corrections;
mod decided;
mod demo;
mod devices;
mod download;
mod emergency;
mod entries;
mod join;
mod judge;
mod log;
mod login;
mod merges;
mod numbers;
mod passkeys;
mod patients;
mod people;
mod person;
mod phones;
mod pictures;
mod reports;
mod review;
mod setup;
mod shown;
mod system;
mod teams;
mod terms;
mod trust;
mod vault;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::permit::{self, Denied};
use super::records::Unreadable;
use super::session::LoggedIn;
use super::{Console, guards, text};
use crate::alert::book;
use crate::clinic::people::{Role, Roles};
use crate::clinic::{ClinicError, care_teams, first_run};

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
    /// Whoever has one of these two.
    HasEither(Role, Role),
}

/// A route: method, path as the router has it, and who may use it.
pub type Route = (&'static str, &'static str, Who);

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $who:expr;)*) => {
        /// Everything that the console answers to. A test asks each as each role.
        pub const ROUTES: &[Route] = &[$((stringify!($method), $path, $who)),*];

        pub(super) fn router(console: Console) -> Router {
            let router = Router::new()$(.route($path, $method($handler)))*;
            let router = if console.inner.demo.is_some() { demo::routes(router) } else { router };
            router
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
    post "/login/passkey/begin" passkeys::ask_log_in, Who::Anybody;
    post "/login/passkey" passkeys::log_in, Who::Anybody;
    post "/logout" login::log_out, Who::LoggedIn;
    get "/join" join::page, Who::Anybody;
    post "/join" join::code, Who::Anybody;
    post "/join/account" join::account, Who::Anybody;
    post "/join/passkey/begin" join::ask_passkey, Who::Anybody;
    post "/join/passkey" join::passkey, Who::Anybody;
    get "/" home, Who::LoggedIn;
    get "/account" account::page, Who::LoggedIn;
    post "/account/end" account::end, Who::LoggedIn;
    post "/account/passkeys/begin" passkeys::ask_new, Who::LoggedIn;
    post "/account/passkeys" passkeys::add, Who::LoggedIn;
    post "/account/passkeys/remove" passkeys::remove, Who::LoggedIn;
    post "/account/reset-read" account::reset_read, Who::LoggedIn;
    post "/account/phones/{device}/lost" phones::lost, Who::LoggedIn;
    get "/patients" patients::page, Who::Has(Role::Clinician);
    post "/patients" patients::searched, Who::Has(Role::Clinician);
    post "/patients/found" patients::found, Who::Has(Role::Clinician);
    get "/patients/{patient}" patients::patient, Who::Has(Role::Clinician);
    post "/patients/{patient}/team" care::add, Who::Has(Role::Clinician);
    post "/patients/{patient}/team/{person}/end" care::end, Who::Has(Role::Clinician);
    post "/patients/{patient}/teams" care::add_team, Who::Has(Role::Clinician);
    post "/patients/{patient}/teams/{team}/end" care::end_team, Who::Has(Role::Clinician);
    get "/care-review" care_review::list, Who::Has(Role::PrivacyOfficer);
    post "/care-review/{patient}/{person}" care_review::colleague, Who::Has(Role::PrivacyOfficer);
    post "/care-review/{patient}/teams/{team}" care_review::team, Who::Has(Role::PrivacyOfficer);
    post "/team-review/{team}/{person}" care_review::joined, Who::Has(Role::PrivacyOfficer);
    post "/team-review/{team}/{person}/seen" care_review::seen, Who::Has(Role::PrivacyOfficer);
    get "/patients/{patient}/record" merges::page, Who::Has(Role::Clinician);
    post "/patients/{patient}/record/compare" merges::compare, Who::Has(Role::Clinician);
    post "/patients/{patient}/record/merge" merges::merge, Who::Has(Role::Clinician);
    post "/patients/{patient}/record/number" merges::renumber, Who::Has(Role::Clinician);
    get "/merges" merges::list, Who::Has(Role::PrivacyOfficer);
    post "/merges/{merge}/undo" merges::undo, Who::Has(Role::PrivacyOfficer);
    get "/pictures/{picture}" pictures::page, Who::Has(Role::Clinician);
    post "/pictures/{picture}/report" corrections::report, Who::Has(Role::Clinician);
    post "/pictures/{picture}/download" download::picture, Who::Has(Role::Clinician);
    get "/corrections/own" corrections::own, Who::Has(Role::Clinician);
    get "/corrections/own/{correction}" corrections::reported, Who::Has(Role::Clinician);
    post "/corrections/own/{correction}" corrections::decide_own, Who::Has(Role::Clinician);
    get "/corrections" corrections::list, Who::Has(Role::PrivacyOfficer);
    post "/corrections/{correction}" corrections::decide_any, Who::Has(Role::PrivacyOfficer);
    get "/decided" decided::list, Who::Has(Role::PrivacyOfficer);
    get "/decided/own" decided::own, Who::Has(Role::Clinician);
    get "/compare" compare::page, Who::Has(Role::Clinician);
    get "/emergency" emergency::page, Who::Has(Role::Clinician);
    post "/emergency" emergency::begin, Who::Has(Role::Clinician);
    post "/emergency/end" emergency::end, Who::Has(Role::Clinician);
    get "/emergencies" emergency::list, Who::Has(Role::PrivacyOfficer);
    post "/emergencies/{emergency}" emergency::review, Who::Has(Role::PrivacyOfficer);
    get "/images/{ticket}/{picture}" pictures::image, Who::Has(Role::Clinician);
    get "/thumbnails/{ticket}/{picture}" pictures::thumbnail, Who::Has(Role::Clinician);
    get "/devices" devices::page, Who::Has(Role::Admin);
    post "/devices" devices::invite, Who::Has(Role::Admin);
    get "/devices/rows" devices::rows, Who::Has(Role::Admin);
    post "/devices/{device}/approve" devices::approve, Who::Has(Role::Admin);
    post "/devices/{device}/revoke" devices::revoke, Who::Has(Role::Admin);
    post "/devices/{device}/name" devices::rename, Who::Has(Role::Admin);
    get "/people" people::page, Who::Has(Role::Admin);
    post "/people" people::add, Who::Has(Role::Admin);
    post "/people/{person}/code" people::code, Who::Has(Role::Admin);
    post "/people/{person}/disable" people::disable, Who::Has(Role::Admin);
    post "/people/{person}/enable" people::enable, Who::Has(Role::Admin);
    get "/people/{person}" person::page, Who::Has(Role::Admin);
    post "/people/{person}/name" person::rename, Who::Has(Role::Admin);
    post "/people/{person}/grant" person::grant, Who::Has(Role::Admin);
    post "/people/{person}/withdraw" person::withdraw, Who::Has(Role::Admin);
    post "/people/{person}/sessions" person::end_sessions, Who::Has(Role::Admin);
    get "/teams" teams::list, Who::Has(Role::Admin);
    post "/teams" teams::make, Who::Has(Role::Admin);
    get "/teams/{team}" teams::page, Who::Has(Role::Admin);
    post "/teams/{team}/name" teams::rename, Who::Has(Role::Admin);
    post "/teams/{team}/dissolve" teams::dissolve, Who::Has(Role::Admin);
    post "/teams/{team}/members" teams::join, Who::Has(Role::Admin);
    post "/teams/{team}/members/{person}/end" teams::leave, Who::Has(Role::Admin);
    get "/review" review::page, Who::Has(Role::Admin);
    post "/review/{person}" review::confirm, Who::Has(Role::Admin);
    get "/system" system::page, Who::Has(Role::Admin);
    post "/people/{person}/download" download::right, Who::Has(Role::Admin);
    get "/vault" vault::page, Who::Has(Role::Admin);
    get "/vault/names" vault::names, Who::Has(Role::Admin);
    post "/vault/unlock" vault::unlock, Who::Has(Role::Admin);
    post "/vault/lock" vault::lock, Who::Has(Role::Admin);
    get "/alerts" alerts::list, Who::HasEither(Role::PrivacyOfficer, Role::Admin);
    post "/alerts/{alert}/take" alerts::take, Who::HasEither(Role::PrivacyOfficer, Role::Admin);
    post "/alerts/{alert}/close" alerts::close, Who::HasEither(Role::PrivacyOfficer, Role::Admin);
    get "/log" log::page, Who::Has(Role::PrivacyOfficer);
    post "/log" log::look, Who::Has(Role::PrivacyOfficer);
    post "/log/verify" log::verify, Who::Has(Role::PrivacyOfficer);
    get "/reports" reports::page, Who::Has(Role::PrivacyOfficer);
    post "/reports/patient" reports::patient, Who::Has(Role::PrivacyOfficer);
    post "/reports/patient/csv" reports::patient_csv, Who::Has(Role::PrivacyOfficer);
    post "/reports/person" reports::person, Who::Has(Role::PrivacyOfficer);
    post "/reports/person/csv" reports::person_csv, Who::Has(Role::PrivacyOfficer);
    get "/trust" trust::page, Who::Anybody;
    get "/setup" setup::page, Who::Has(Role::Admin);
    post "/setup/name" setup::name, Who::Has(Role::Admin);
    post "/setup/unlock" setup::unlock, Who::Has(Role::Admin);
    post "/setup/kit" setup::kit, Who::Has(Role::Admin);
    post "/setup/clinician" setup::clinician, Who::Has(Role::Admin);
    post "/setup/phone" setup::phone, Who::Has(Role::Admin);
    get "/setup/rows" setup::rows, Who::Has(Role::Admin);
    post "/setup/devices/{device}/approve" setup::approve, Who::Has(Role::Admin);
    post "/setup/devices/{device}/revoke" setup::revoke, Who::Has(Role::Admin);
    get "/setup/arrived" setup::arrived, Who::Has(Role::Admin);
    post "/setup/finish" setup::finish, Who::Has(Role::Admin);
}

/// Where each role's day begins: an admin's with what is left of the first run.
async fn home(State(console): State<Console>, who: LoggedIn) -> Result<Redirect, Failure> {
    let roles = who.person.roles;
    Ok(Redirect::to(if roles.has(Role::Admin) && is_first_run(&console).await? {
        "/setup"
    } else if roles.has(Role::Clinician) {
        "/patients"
    } else if roles.has(Role::Admin) {
        "/devices"
    } else if roles.has(Role::PrivacyOfficer) {
        "/log"
    } else {
        "/account"
    }))
}

async fn is_first_run(console: &Console) -> Result<bool, ClinicError> {
    Ok(first_run::state(&console.desk.clinic().catalog).await?.finished.is_none())
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
    first_run: bool,
    /// Until when this person has emergency access to somebody, who may end it.
    emergency: Option<String>,
    /// Alerts that nobody sees to, of those that this person sees.
    alerts: u64,
    /// Who has made a code for this account, and when, until this person has read it.
    reset: Option<(String, String)>,
    /// What waits for this person elsewhere, by where.
    waiting: Vec<(&'static str, u64)>,
}

/// A place in the navigation.
struct Item {
    href: &'static str,
    name: String,
}

impl Frame {
    async fn new(console: &Console, who: &LoggedIn, here: &'static str) -> Result<Self, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        // Whoever is no clinician any more sees nobody by one that they had.
        let emergency = match who.person.roles.has(Role::Clinician) {
            true => crate::clinic::emergency::until(catalog, &who.person.id, console.desk.now()).await?,
            false => None,
        };
        let codes = permit::alert_codes(who.person.roles);
        let alerts = if codes.is_empty() { 0 } else { book::open_count(catalog, &codes).await? };
        let reset = match crate::clinic::resets::of(catalog, &who.person.id).await? {
            Some(reset) => {
                let names = entries::Names::read(console).await?;
                Some((names.person_and_id(reset.by.as_str()), shown::time(reset.at)))
            }
            None => None,
        };
        let mut waiting = Vec::new();
        if who.person.roles.has(Role::PrivacyOfficer) {
            waiting.push(("/care-review", care_teams::asked_count(catalog, console.desk.now()).await?));
            waiting.push(("/emergencies", crate::clinic::emergency::waiting_count(catalog).await?));
            waiting.push(("/corrections", crate::clinic::corrections::waiting_count(catalog, None).await?));
        }
        if who.person.roles.has(Role::Clinician) {
            let own = crate::clinic::corrections::waiting_count(catalog, Some(&who.person.id)).await?;
            waiting.push(("/corrections/own", own));
        }
        Ok(Self {
            alerts,
            waiting,
            reset,
            clinic: console.inner.clinic_name.clone(),
            person: who.person.name.clone(),
            roles: who.person.roles,
            token: who.token.clone(),
            here,
            first_run: who.person.roles.has(Role::Admin) && is_first_run(console).await?,
            emergency: emergency.map(shown::time),
        })
    }

    fn nav(&self) -> Vec<Item> {
        let all = [
            (Some(Role::Clinician), "/patients", text::NAV_PATIENTS),
            (Some(Role::Clinician), "/corrections/own", text::NAV_OWN_REPORTED),
            (Some(Role::Admin), "/devices", text::NAV_DEVICES),
            (Some(Role::Admin), "/people", text::NAV_PEOPLE),
            (Some(Role::Admin), "/teams", text::NAV_TEAMS),
            (Some(Role::Admin), "/vault", text::NAV_VAULT),
            (Some(Role::Admin), "/system", text::NAV_SYSTEM),
            (Some(Role::PrivacyOfficer), "/emergencies", text::NAV_EMERGENCIES),
            (Some(Role::PrivacyOfficer), "/care-review", text::NAV_CARE_REVIEW),
            (Some(Role::PrivacyOfficer), "/corrections", text::NAV_REPORTED),
            (Some(Role::PrivacyOfficer), "/merges", text::NAV_MERGES),
            (Some(Role::PrivacyOfficer), "/log", text::NAV_LOG),
            (Some(Role::PrivacyOfficer), "/reports", text::NAV_REPORTS),
            (None, "/account", text::NAV_ACCOUNT),
        ];
        let is_for = |role: Option<Role>| role.is_none_or(|role| self.roles.has(role));
        let item = |(_, href, name): (_, &'static str, &str)| Item {
            href,
            name: counted(name, self.waiting.iter().find(|(place, _)| *place == href).map_or(0, |(_, count)| *count)),
        };
        let mut items: Vec<Item> = all.into_iter().filter(|(role, ..)| is_for(*role)).map(item).collect();
        if !permit::alert_codes(self.roles).is_empty() {
            let name = counted(text::NAV_ALERTS, self.alerts);
            items.insert(items.len().saturating_sub(1), Item { href: "/alerts", name });
        }
        if self.first_run {
            items.insert(0, Item { href: "/setup", name: text::NAV_SETUP.to_owned() });
        }
        items
    }
}

/// With how much waits there, if anything does.
fn counted(name: &str, waiting: u64) -> String {
    if waiting == 0 { name.to_owned() } else { format!("{name} ({waiting})") }
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// It does not exist, or is not for whoever asks: the same to them.
    NotFound,
    /// A demo's link that holds no more, or never did.
    NoLink,
    /// The form cannot be done, and why.
    Refused(StatusCode, &'static str),
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
            Self::NoLink => (StatusCode::NOT_FOUND, text::DEMO_NO_LINK_TITLE, text::DEMO_NO_LINK),
            Self::Refused(status, words) => (status, text::REFUSED_TITLE, words),
            Self::Locked => (StatusCode::SERVICE_UNAVAILABLE, text::LOCKED_TITLE, text::LOCKED),
            Self::Damaged => (StatusCode::INTERNAL_SERVER_ERROR, text::DAMAGED_TITLE, text::DAMAGED),
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
