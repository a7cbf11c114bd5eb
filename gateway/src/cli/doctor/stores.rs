//! Keys, certificates and databases: whether each is there, whole, and in time.

use safelight_core::client::tls::Validity;
use safelight_core::ids::UnixMillis;

use super::Finding;
use crate::alert::book;
use crate::alert::deliver::Way;
use crate::cli::outcome::CliError;
use crate::cli::time;
use crate::clinic::rollover::{self, Step};
use crate::clinic::{Clinic, HEADERS_FILE, invitations, pictures, rewrap as rewrapping, rotation, witness};
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::ingest::inbox;
use crate::ingest::keys::{IngestKeys, TLS_CHAIN_FILE};
use crate::keyfile;
use crate::store::catalog::{Catalog, Check};
use crate::store::headers::SqliteHeaders;
use crate::vault::Passphrase;

/// Gaps in devices' numbering that are looked for.
const MAX_GAPS: u32 = 1000;

pub(super) async fn examine(
    layout: &Layout,
    config: &Config,
    runs: bool,
    passphrase: Option<Result<Passphrase, CliError>>,
) -> Vec<Finding> {
    let now = Clock::system().now();
    let mut findings = vec![ingest_keys(layout), tls_certificate(layout, now, runs)];
    findings.push(match Catalog::open(layout.ingest().join(inbox::FILE_NAME), &inbox::migrations()).await {
        Ok(catalog) => database("ingest-db", inbox::FILE_NAME, &catalog).await,
        Err(error) => broken("ingest-db", inbox::FILE_NAME, &error),
    });
    let stores = [
        ("ingest-headers-db", "ingest/headers.db", layout.ingest().join(inbox::HEADERS_FILE)),
        ("headers-db", "clinic/headers.db", layout.clinic().join(HEADERS_FILE)),
    ];
    for (code, name, path) in stores {
        findings.push(match SqliteHeaders::open(&path).await {
            Ok(headers) => database(code, name, headers.catalog()).await,
            Err(error) => broken(code, name, &error),
        });
    }
    match Clinic::open(layout, config, &Clock::system()).await {
        Ok(clinic) => {
            findings.push(Finding::ok("clinic-keys", "The clinic's keys and its key set belong together."));
            findings.push(ca_certificate(&clinic, now).await);
            findings.push(clock_mark(&clinic));
            findings.push(tried_invitations(&clinic, now).await);
            findings.push(database("clinic-db", "clinic.db", &clinic.catalog).await);
            findings.push(addresses(&clinic, config));
            findings.push(sequences(&clinic).await);
            findings.push(intake_log(&clinic).await);
            findings.push(vault(&clinic, passphrase));
            findings.push(alerts(&clinic, config).await);
            findings.extend(receipt_key(layout, &clinic));
            findings.extend(rewrap(&clinic).await);
        }
        Err(error) => findings.push(Finding::fail(
            "clinic-keys",
            format!("The clinic's folder cannot be used: {error}."),
            "Restore the clinic's folder from the backup.",
        )),
    }
    findings
}

fn ingest_keys(layout: &Layout) -> Finding {
    match IngestKeys::load(&layout.ingest()) {
        Ok(_) => Finding::ok("ingest-keys", "Ingest's keys can be read."),
        Err(error) => Finding::fail("ingest-keys", format!("{error}."), "Restore ingest's folder from the backup."),
    }
}

fn tls_certificate(layout: &Layout, now: UnixMillis, runs: bool) -> Finding {
    let chain = keyfile::read_certificates(&layout.ingest().join(TLS_CHAIN_FILE)).unwrap_or_default();
    let Some(validity) = chain.first().and_then(|der| Validity::of_certificate(der)) else {
        return Finding::fail(
            "tls-certificate",
            "Ingest's TLS certificate cannot be read.",
            "Restore ingest's folder from the backup.",
        );
    };
    let until = time::human(validity.not_after);
    if now < validity.not_before || now > validity.not_after {
        return Finding::fail(
            "tls-certificate",
            format!("Ingest's TLS certificate was valid until {until}: no phone can connect."),
            "Check the clock, then start both processes: the clinic process renews it.",
        );
    }
    if validity.renewal_due(now) && !runs {
        return Finding::warn(
            "tls-certificate",
            format!("Ingest's TLS certificate ends {until}."),
            "Start both processes: the clinic process renews it.",
        );
    }
    Finding::ok("tls-certificate", format!("Ingest's TLS certificate is valid until {until} and renewed by itself."))
}

async fn ca_certificate(clinic: &Clinic, now: UnixMillis) -> Finding {
    const CHECK: &str = "ca-certificate";
    let until = clinic.ca.validity().not_after;
    if now > until {
        return Finding::fail(CHECK, "The clinic's CA has expired.", "Make a new gateway and enrol all phones again.");
    }
    match rollover::step(clinic).await {
        Ok(Step::Begun(from) | Step::Switched(from)) => Finding::warn(
            CHECK,
            format!("The clinic's CA is being rolled over. The next step may be taken from {} on.", time::date(from)),
            "Stop the gateway then, and run: safelight ca rollover.",
        ),
        Ok(Step::One) if until.since(now) < LITTLE_CA_LIFE => Finding::warn(
            CHECK,
            format!("The clinic's CA ends {}.", time::date(until)),
            "Begin to roll it over, since that takes three months: safelight ca rollover.",
        ),
        Ok(Step::One) => Finding::ok(CHECK, format!("The clinic's CA is valid until {}.", time::date(until))),
        Err(error) => broken(CHECK, "clinic.db", &error),
    }
}

/// Below this a rollover should begin.
const LITTLE_CA_LIFE: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 60 * 60);

fn clock_mark(clinic: &Clinic) -> Finding {
    let reading = clinic.guard.look();
    let seen = time::human(reading.mark);
    if reading.judgement.may_issue() {
        return Finding::ok("clock-mark", "The clock agrees with the latest time that was seen.");
    }
    Finding::fail(
        "clock-mark",
        format!("The latest time that was seen is {seen}, which does not fit the clock: nobody is enrolled."),
        "Set the clock. If it is right: safelight clock accept.",
    )
}

/// Invitations of the last week that somebody else tried to use.
async fn tried_invitations(clinic: &Clinic, now: UnixMillis) -> Finding {
    const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);
    let all = match invitations::list(&clinic.catalog).await {
        Ok(all) => all,
        Err(error) => return broken("invitations", "clinic.db", &error),
    };
    let tried = all.iter().filter(|tried| tried.replays > 0 || tried.voided_at.is_some());
    let tried = tried.filter(|tried| now.since(tried.expires_at) < WEEK).count();
    if tried == 0 {
        return Finding::ok("invitations", "Nobody tried an invitation that was not theirs.");
    }
    Finding::warn(
        "invitations",
        format!("{tried} invitations of the last week were tried by somebody else, or too often."),
        "See which: safelight device invitations. Show QR codes to those alone who are to use them.",
    )
}

async fn database(check: &'static str, name: &str, catalog: &Catalog) -> Finding {
    match catalog.problems(Check::Quick).await {
        Ok(0) => Finding::ok(check, format!("{name} is sound.")),
        Ok(count) => Finding::fail(
            check,
            format!("{name} is damaged in {count} places."),
            "Stop the gateway, check the disk, restore a backup.",
        ),
        Err(error) => broken(check, name, &error),
    }
}

fn broken(check: &'static str, name: &str, error: &dyn std::error::Error) -> Finding {
    Finding::fail(check, format!("{name}: {error}."), "Stop the gateway, check the disk, restore a backup.")
}

/// Enrolled phones learn addresses from the key set, not from the configuration.
fn addresses(clinic: &Clinic, config: &Config) -> Finding {
    let key_set = clinic.key_set();
    let told = &key_set.key_set().addresses;
    if *told == config.addresses() {
        return Finding::ok("addresses", "Enrolled phones know the configured addresses.");
    }
    Finding::warn(
        "addresses",
        format!(
            "Enrolled phones are told {}, the configuration says {}.",
            told.join(", "),
            config.addresses().join(", ")
        ),
        "Restart the gateway: it signs a new key set, which phones fetch when they next connect (at an old address).",
    )
}

/// Sequence numbers that never arrived: the only sign of a picture that was kept from the clinic.
async fn sequences(clinic: &Clinic) -> Finding {
    let gaps = match pictures::gaps(&clinic.catalog, MAX_GAPS).await {
        Ok(gaps) => gaps,
        Err(error) => return broken("sequence", "clinic.db", &error),
    };
    let Some(first) = gaps.first() else {
        return Finding::ok("sequence", "No device's numbering of its pictures has a gap.");
    };
    let which = if first.first == first.last {
        format!("number {}", first.first)
    } else {
        format!("numbers {} to {}", first.first, first.last)
    };
    let more = match gaps.len() {
        1 => String::new(),
        gaps => format!(" ({gaps} gaps in all)"),
    };
    Finding::warn(
        "sequence",
        format!("Of device {} the clinic lacks {which}{more}.", first.device),
        "A picture is still on its way, was discarded on the device, or was kept from the clinic: ask whoever has it.",
    )
}

/// Alerts that reach nobody.
async fn alerts(clinic: &Clinic, config: &Config) -> Finding {
    const CHECK: &str = "alerts";
    let undelivered = match book::undelivered(&clinic.catalog).await {
        Ok(undelivered) => undelivered,
        Err(error) => return broken(CHECK, "clinic.db", &error),
    };
    if let Some(first) = undelivered.first() {
        return Finding::warn(
            CHECK,
            format!("{} alerts were not sent by {} ({}).", first.alerts, first.way, first.problem),
            "Look at [alert] in config.toml, then try it: safelight alert test.",
        );
    }
    if Way::configured(&config.alert).next().is_none() {
        return Finding::ok(CHECK, "Alerts show in the console and are sent nowhere.");
    }
    Finding::ok(CHECK, "Every alert was sent.")
}

/// What the clinic process has witnessed of ingest's log.
async fn intake_log(clinic: &Clinic) -> Finding {
    const CHECK: &str = "intake-log";
    match witness::forked_at(&clinic.catalog).await {
        Ok(None) => Finding::ok(CHECK, "Ingest's log has always continued what it had signed before."),
        Ok(Some(at)) => Finding::fail(
            CHECK,
            format!("On {} ingest showed a log that does not continue what it had signed before.", time::human(at)),
            "Keep everything as it is and tell the privacy officer: safelight audit verify says more.",
        ),
        Err(error) => broken(CHECK, "clinic.db", &error),
    }
}

fn vault(clinic: &Clinic, passphrase: Option<Result<Passphrase, CliError>>) -> Finding {
    match passphrase {
        None => Finding::ok("vault", "Whether the vault opens was not tried: no --passphrase-file was given."),
        Some(Err(error)) => Finding::fail("vault", format!("{error}."), "Give a file with the vault's passphrase."),
        Some(Ok(passphrase)) => match clinic.unlock(&passphrase) {
            Ok(vault) if !rotation::holds_key_in_force(clinic.key_set().key_set(), &vault) => Finding::fail(
                "vault",
                "The vault file lacks the key that phones seal to: it is an older copy.",
                "Put the newest copy of vault.age in its place. What is sealed meanwhile opens with the recovery kit.",
            ),
            Ok(_) => Finding::ok("vault", "The passphrase opens the vault."),
            Err(error) => Finding::fail(
                "vault",
                format!("The vault does not open: {error}."),
                "Use the right passphrase; if it is lost, the recovery kit still opens every picture.",
            ),
        },
    }
}

/// Without the key that the clinic names ingest takes no picture.
fn receipt_key(layout: &Layout, clinic: &Clinic) -> Option<Finding> {
    let keys = IngestKeys::load(&layout.ingest()).ok()?;
    if keys.signs_receipts_as(&clinic.key_set().key_set().receipt_key) {
        return None;
    }
    Some(Finding::fail(
        "receipt-key",
        "Ingest does not hold the receipt key that the clinic's key set names: no picture is taken.",
        "Restore ingest's folder, or change the key: safelight receipt-key rotate --compromised.",
    ))
}

async fn rewrap(clinic: &Clinic) -> Option<Finding> {
    match rewrapping::is_due(clinic).await {
        Ok(true) => Some(Finding::warn(
            "rewrap",
            "Pictures are still under an older vault key, since a rotation was cut off.",
            "Finish it: safelight vault rewrap. It may run while the gateway does.",
        )),
        Ok(false) => None,
        Err(error) => Some(Finding::fail("rewrap", format!("{error}."), "Restore clinic.db from the backup.")),
    }
}
