//! Takes each entry of the access log to the rules, once. The place up to which this is done is kept with what came of it, so that a restart neither repeats
//! nor misses any.

use std::time::Duration;

use safelight_core::ids::UnixMillis;
use safelight_core::log::entry::Entry;
use tokio::time::sleep;

use super::book::{self, SAME_FOR};
use super::rules::{self, Alarm, Record};
use crate::clinic::access::AccessLog;
use crate::clinic::desk::Desk;
use crate::clinic::{ClinicError, settings};
use crate::config::Config;
use crate::config::alert::{AlertConfig, Code};
use crate::store::catalog::WriteTx;

/// Where the place is kept: the index of the next entry.
const CURSOR: &str = "alert-cursor";

/// Entries of one transaction: nobody waits long for it.
const BATCH: u32 = 256;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After something went wrong.
const BACK_OFF: Duration = Duration::from_secs(10);

/// Follows for ever.
pub(super) async fn run(desk: Desk, config: &Config) {
    loop {
        match step(&desk.clinic().access, &config.alert, desk.now()).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => sleep(LOOK_EVERY).await,
            Err(error) => {
                tracing::error!(code = "alert-follow", %error, "the access log could not be looked at for alerts");
                sleep(BACK_OFF).await;
            }
        }
    }
}

/// One batch. Says whether there may be more.
async fn step(access: &AccessLog, config: &AlertConfig, now: UnixMillis) -> Result<bool, ClinicError> {
    let log = access.log();
    let mut reading = log.catalog().read().await?;
    let from = settings::number(&mut reading, CURSOR).await?.unwrap_or(0);
    let entries = log.entries(&mut reading, from, BATCH).await?;
    let size = if entries.is_empty() { log.size(&mut reading).await? } else { from };
    drop(reading);
    if entries.is_empty() && size >= from {
        return Ok(false);
    }
    let mut tx = log.catalog().write().await?;
    let mut next = from;
    if entries.is_empty() {
        // It is shorter than it was.
        next = size;
        trouble(&mut tx, access, config, now).await?;
    }
    for (index, entry) in &entries {
        if *index != next {
            trouble(&mut tx, access, config, now).await?;
        }
        next = index.saturating_add(1);
        match Entry::parse(entry) {
            Ok(entry) => judge(&mut tx, access, config, &entry, now).await?,
            Err(_) => trouble(&mut tx, access, config, now).await?,
        }
    }
    settings::set_number(&mut tx, CURSOR, next).await?;
    tx.commit().await?;
    Ok(!entries.is_empty())
}

/// The log itself is not what it was.
async fn trouble(
    tx: &mut WriteTx,
    access: &AccessLog,
    config: &AlertConfig,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    if !config.has(Code::LogTrouble) {
        return Ok(());
    }
    let alarm = Alarm { code: Code::LogTrouble, subject: "log:access".to_owned() };
    book::raise(tx, access, config, &alarm, (now, now), false).await
}

async fn judge(
    tx: &mut WriteTx,
    access: &AccessLog,
    config: &AlertConfig,
    entry: &Entry,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    let Some(record) = Record::of(entry) else { return Ok(()) };
    // What is older, such as in a log from before there were alerts, is a person's past and no news.
    let is_news = record.at.0.saturating_add(SAME_FOR) >= now.0;
    if let Some(alarm) = rules::at_once(&record, config).filter(|_| is_news) {
        book::raise(tx, access, config, &alarm, (record.at, now), false).await?;
    }
    let Some(counted) = rules::counted(&record) else { return Ok(()) };
    let (what, period) = (counted.what, counted.what.period(record.at, config));
    let Some((count, highest)) = book::tally(tx, &counted, period).await? else { return Ok(()) };
    if is_news && config.has(what.code()) && rules::is_too_many(what, count, highest, config) {
        let alarm = Alarm { code: what.code(), subject: counted.person };
        book::raise(tx, access, config, &alarm, (record.at, now), false).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
