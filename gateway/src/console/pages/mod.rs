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
mod failure;
mod frame;
mod in_frame;
mod invitations;
mod join;
mod judge;
mod known;
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

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Redirect;
use axum::routing::{get, post};

use super::session::LoggedIn;
use super::{Console, guards};
use crate::clinic::people::{Role, Roles};

pub(super) use self::failure::{Failure, refused};
use self::failure::{Page, again, html, or_again};
use self::frame::Frame;
use self::in_frame::led;
use self::shown::{role_words, roles_words};

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

impl Who {
    /// Whether somebody who is logged in with these roles may.
    fn admits(self, roles: Roles) -> bool {
        match self {
            Self::Anybody | Self::LoggedIn => true,
            Self::Has(role) => roles.has(role),
            Self::HasEither(one, other) => roles.has(one) || roles.has(other),
        }
    }
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
                .layer(axum::middleware::from_fn_with_state(console.clone(), in_frame::in_frame))
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
    post "/devices/invitations/{invitation}/withdraw" invitations::withdraw, Who::Has(Role::Admin);
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
    Ok(Redirect::to(if roles.has(Role::Admin) && frame::is_first_run(&console).await? {
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

async fn nothing() -> Failure {
    Failure::NotFound
}
