//! What stands around every page of somebody who is logged in: where they can go, what waits for them, what they are told wherever they are.

use askama::Template;

use super::entries::Names;
use super::shown;
use crate::alert::book;
use crate::clinic::people::{Role, Roles};
use crate::clinic::{ClinicError, care_teams, corrections, emergency, first_run, resets};
use crate::console::session::LoggedIn;
use crate::console::{Console, permit, text};

/// What stands around every page of somebody who is logged in.
///
/// Rendered by itself: what is typed by people is escaped there, so pages put it where it belongs as it is.
#[derive(Template)]
#[template(path = "bar.html")]
pub(super) struct Frame {
    pub(super) clinic: String,
    pub(super) person: String,
    roles: Roles,
    pub(super) token: String,
    here: &'static str,
    first_run: bool,
    /// Where the patients are to whom this person has emergency access, and until when to the last of them. They may end it.
    emergency: Vec<String>,
    emergency_until: String,
    /// What has just been done.
    done: Option<&'static str>,
    /// Alerts that nobody sees to, of those that this person sees.
    alerts: u64,
    /// Who has made a code for this account, and when, until this person has read it.
    reset: Option<(String, String)>,
    /// What waits for this person elsewhere, by where.
    waiting: Vec<(&'static str, u64)>,
}

/// Emergency accesses that the banner leads to. Who has more of them at once is led to the last.
const RUNNING: u32 = 8;

/// A place in the navigation.
struct Item {
    href: &'static str,
    name: String,
}

impl Frame {
    pub(super) async fn new(console: &Console, who: &LoggedIn, here: &'static str) -> Result<Self, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        // Whoever is no clinician any more sees nobody by one that they had.
        let emergency = match who.person.roles.has(Role::Clinician) {
            true => emergency::running(catalog, &who.person.id, console.desk.now(), RUNNING).await?,
            false => Vec::new(),
        };
        let codes = permit::alert_codes(who.person.roles);
        let alerts = if codes.is_empty() { 0 } else { book::open_count(catalog, &codes).await? };
        let reset = match resets::of(catalog, &who.person.id).await? {
            Some(reset) => {
                let names = Names::read(console).await?;
                Some((names.person_and_id(reset.by.as_str()), shown::time(reset.at)))
            }
            None => None,
        };
        let mut waiting = Vec::new();
        if who.person.roles.has(Role::PrivacyOfficer) {
            waiting.push(("/care-review", care_teams::asked_count(catalog, console.desk.now()).await?));
            waiting.push(("/emergencies", emergency::waiting_count(catalog).await?));
            waiting.push(("/corrections", corrections::waiting_count(catalog, None).await?));
        }
        if who.person.roles.has(Role::Clinician) {
            let own = corrections::waiting_count(catalog, Some(&who.person.id)).await?;
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
            emergency_until: emergency.first().map(|(_, until)| shown::time(*until)).unwrap_or_default(),
            emergency: emergency.iter().map(|(patient, _)| shown::reference(patient)).collect(),
            done: console.inner.notices.take(&who.session),
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

/// Whether an admin has not finished the set-up yet.
pub(super) async fn is_first_run(console: &Console) -> Result<bool, ClinicError> {
    Ok(first_run::state(&console.desk.clinic().catalog).await?.finished.is_none())
}
