//! The console: where staff see the patients whom they treat, phones are enrolled, and every look is on record. It runs in the clinic process.
//!
//! | file | does |
//! |---|---|
//! | `server` | TLS, connections, their limits |
//! | `tls` | the console's certificate |
//! | `own_certificate` | one that the clinic brings |
//! | `guards` | what every answer carries and every request must: host, origin, headers |
//! | `login`, `throttle` | passwords, authenticator codes, guesses |
//! | `passkeys` | passkeys: what a browser is asked, and whether its answer holds |
//! | `session` | who is asking: cookie, time-outs, the token of a form |
//! | [`permit`] | the only place that says who may do what, and puts it on record |
//! | `records` | patients and pictures, for whoever brings a `permit::Grant` |
//! | `looks` | what the access log says, and whether it can be believed |
//! | `verification` | the whole log, verified when somebody asks for it |
//! | `noise` | what one person can make the log grow by |
//! | `notices` | what somebody has just done, for their next page |
//! | `csv` | tables for spreadsheet programs |
//! | `room` | pictures in memory, bounded, until they are sent |
//! | `tickets` | which pictures a page that was granted may show |
//! | `demo_links` | log-in links, in a demo alone |
//! | `pages` | one file a page: what is asked, what is shown |
//! | `roles` | docs/ROLES.md, from the rights and routes as they are |
//! | `text` | every word that is shown |
//! | `words` | a reason that somebody gives |
//! | `addresses` | ids and places of lists, as addresses and forms have them |
//!
//! **Attackers.** Somebody on the clinic's network without an account; another web site in a browser that is logged in; a member of staff who asks for what
//! is not theirs; a phone that puts markup into a label. A handler reaches pictures and names through `records` alone, which wants a grant, which
//! [`permit`] alone makes once it is in the log: so a handler that forgets to ask does not compile.

mod addresses;
mod csv;
mod demo_links;
mod guards;
mod login;
mod looks;
mod noise;
mod notices;
mod own_certificate;
mod pages;
mod passkeys;
pub mod permit;
mod records;
#[cfg(test)]
mod roles;
mod room;
mod server;
mod session;
mod text;
mod throttle;
mod tickets;
mod tls;
mod verification;
mod words;

pub use demo_links::DemoLinks;
pub use own_certificate::{OwnCertificateError, check_certificate};
pub use pages::{ROUTES, Route, Who};
pub use tls::KEY_FILE;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clinic::desk::Desk;
use crate::config::Config;

/// What every handler has.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    desk: Desk,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clinic_name: String,
    /// `host:port` and `host` as a browser may name this console.
    names: Vec<String>,
    /// The name that people are told.
    host: String,
    /// Where the certificate lies that the clinic has brought, if it has.
    own_certificate: Option<own_certificate::Files>,
    /// Where phones are enrolled, as invitations say it.
    enrol_addresses: Vec<String>,
    /// Where people are told that it is.
    address: String,
    passwords: login::Passwords,
    passkeys: passkeys::Passkeys,
    throttle: throttle::Throttle,
    tickets: tickets::Tickets,
    room: room::Room,
    /// The data folder, for whoever examines the gateway.
    data: PathBuf,
    /// Held while the gateway is examined.
    examining: tokio::sync::Mutex<()>,
    noise: noise::Noise,
    notices: notices::Notices,
    verification: verification::Verification,
    /// A demo's way in. There is none elsewhere.
    demo: Option<DemoLinks>,
}

/// Serves the console for as long as the process runs. One that cannot be served is said in the log: pictures must not wait for it.
pub async fn run(desk: Desk, config: Config) {
    serve(desk, config, None).await
}

/// The same for a demo, whose links let people in.
pub async fn run_demo(desk: Desk, config: Config, links: DemoLinks) {
    serve(desk, config, Some(links)).await
}

async fn serve(desk: Desk, config: Config, demo: Option<DemoLinks>) {
    let Some(listen) = config.console_listen else { return std::future::pending().await };
    let console = Console::new(desk, &config, listen, demo);
    if let Err(error) = server::serve(console, listen).await {
        tracing::error!(code = "console-not-served", %error, "the console is not served");
    }
    std::future::pending().await
}

impl Console {
    fn new(desk: Desk, config: &Config, listen: SocketAddr, demo: Option<DemoLinks>) -> Self {
        let folder = desk.clinic().folder();
        let data = folder.parent().unwrap_or(folder).to_owned();
        let inner = Inner {
            clinic_name: config.clinic_name.clone(),
            names: guards::names(&config.hosts, listen.port()),
            host: own_certificate::host_of(config).to_owned(),
            own_certificate: own_certificate::Files::of(config),
            enrol_addresses: config.enrol_addresses(),
            address: config.console_address().unwrap_or_default(),
            passwords: login::Passwords::default(),
            passkeys: passkeys::Passkeys::new(own_certificate::host_of(config), listen.port(), &config.clinic_name),
            throttle: throttle::Throttle::default(),
            tickets: tickets::Tickets::default(),
            room: room::Room::default(),
            data,
            examining: tokio::sync::Mutex::default(),
            noise: noise::Noise::default(),
            notices: notices::Notices::default(),
            verification: verification::Verification::default(),
            demo,
        };
        Self { desk, inner: Arc::new(inner) }
    }
}
