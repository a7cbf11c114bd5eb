//! After the figures: the console, open on the demo's pictures until somebody ends it.
//!
//! The clinic process is this one, so that the links that let people in are handed over in memory: no file, flag or variable can make another gateway take
//! them. Ingest is a child, as always.

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use safelight_core::manifest::OperatorId;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::DemoError;
use super::children::args;
use super::story::{PERSON, Places, Story};
use crate::alert;
use crate::cli::outcome::Output;
use crate::clinic::access::{Actor, Event};
use crate::clinic::people::{self, Role};
use crate::clinic::{self, Clinic, ClinicError, first_run};
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::console::{self, DemoLinks};
use crate::keyfile;
use crate::vault;

/// Who may log in: id, name, role, and what they see.
const PEOPLE: [(&str, &str, Role, &str); 4] = [
    (PERSON, "Carla Clinician", Role::Clinician, "the patients and their pictures"),
    ("admin1", "Ada Admin", Role::Admin, "phones, people and the vault"),
    ("officer1", "Petra Privacy", Role::PrivacyOfficer, "the record of all that was done"),
    ("clinician2", "Nils Nightshift", Role::Clinician, "nobody, until Carla adds him or he takes emergency access"),
];

/// The console comes up within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the gateway again, with the console, until `until` returns.
pub(super) async fn keep_open(story: &Story, output: Output, until: impl Future<Output = ()>) -> Result<(), DemoError> {
    let places = story.places();
    let layout = Layout::new(&places.data);
    let config = Config::load_file(&places.data)?;
    employ(&layout, &config).await?;
    let passphrase = vault::read_file(&places.passphrase)?.passphrase;
    let ingest = args(&["ingest", "--data"]).path(&places.data);
    let ingest = story.program().start_gateway(&ingest.0, &places.ingest_log)?;
    let links = DemoLinks::default();
    let (served, handed, beside) = (config.clone(), links.clone(), Layout::new(&places.data));
    let serving = clinic::run(
        &layout,
        &config,
        Clock::system(),
        Some(passphrase),
        until,
        || {},
        |desk| async move {
            tokio::join!(console::run_demo(desk.clone(), served.clone(), handed), alert::run(desk, served, beside));
        },
    );
    let ended = tokio::select! {
        ended = serving => ended.map_err(DemoError::from),
        failed = show(places, &config, &links, output) => failed,
    };
    let _ = ingest.stop().await;
    ended
}

/// People for every role. They have no password: the links are the only way in.
async fn employ(layout: &Layout, config: &Config) -> Result<(), ClinicError> {
    let clinic = Clinic::open(layout, config, &Clock::system()).await?;
    let (by, now) = (Actor::shell(), clinic.now());
    let mut tx = clinic.catalog.write().await?;
    for (id, name, role, _) in PEOPLE {
        let id = person(id)?;
        let _ = people::add(&mut tx, &id, name, now).await?;
        let _ = people::grant(&mut tx, &id, role, now).await?;
        let events = [Event::PersonAdded(&id), Event::RoleGranted(&id, role)];
        clinic.access.record(&mut tx, &by, now, &events).await?;
    }
    // Nobody is led through a first run that has been played.
    first_run::finish(&mut tx, now).await?;
    Ok(tx.commit().await?)
}

fn person(id: &str) -> Result<OperatorId, ClinicError> {
    id.parse().map_err(|_| ClinicError::CatalogDamaged)
}

/// Says where to go, and again each time that somebody presses Enter. Returns only if it cannot.
async fn show(places: &Places, config: &Config, links: &DemoLinks, output: Output) -> Result<(), DemoError> {
    let none = || DemoError::Answer("safelight init".to_owned());
    let listen = config.console_listen.ok_or_else(none)?;
    let address = config.console_address().ok_or_else(none)?;
    wait_for(listen).await?;
    let fingerprint = fingerprint(&Layout::new(&places.data).clinic().join("console.crt"))?;
    output.say(&format!(
        "\nThe console is open on these photographs, for this machine alone: {address}\n\
         Your browser warns, since nobody but this demo knows the certificate. Go on if its SHA-256 is\n  {fingerprint}\n"
    ))?;
    let mut pressed = enter();
    loop {
        output.say(&invitation(&address, links, &places.passphrase)?)?;
        if pressed.recv().await.is_none() {
            return std::future::pending().await;
        }
    }
}

fn invitation(address: &str, links: &DemoLinks, passphrase: &Path) -> Result<String, DemoError> {
    let mut text = String::from(
        "To log in, open one of these; a second person needs another browser or a private\nwindow. Each works once, for 15 minutes:\n",
    );
    let now = Clock::system().now();
    for (id, name, _, sees) in PEOPLE {
        let path = links.issue(&person(id)?, now)?;
        text += &format!("  {name}, who sees {sees}:\n    {address}{}\n", *path);
    }
    let passphrase = passphrase.display();
    Ok(text
        + &format!(
            "If you lock the vault, its passphrase is in {passphrase}\nEnter shows new links. Ctrl-C ends the demo."
        ))
}

/// Somebody presses Enter. The thread ends with the process, or with the terminal.
fn enter() -> mpsc::Receiver<()> {
    let (pressed, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || pressed.blocking_send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn wait_for(listen: SocketAddr) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(listen).await.is_err() {
        if Instant::now() >= deadline {
            return Err(DemoError::TooLong("the console's start"));
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// As browsers show it: `AB:CD:...`.
fn fingerprint(certificate: &Path) -> Result<String, DemoError> {
    let chain = keyfile::read_certificates(certificate)?;
    let first = chain.first().ok_or_else(|| DemoError::Answer("the console".to_owned()))?;
    Ok(keyfile::fingerprint(first))
}
