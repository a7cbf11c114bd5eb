//! Alerts: what somebody must look at, found in the access log and on the machine, kept, and sent to people who are not looking at the console.
//!
//! | file | does |
//! |---|---|
//! | [`rules`] | what is unusual: pure, with the time as an argument |
//! | `follow` | takes each entry of the access log to the rules, once |
//! | `watch` | certificates, disk, gaps, the log's own soundness, every hour |
//! | [`book`] | the alerts, and what is to be sent of them |
//! | [`deliver`] | what is posted to a webhook, and what is mailed |
//! | [`words`] | what an alert is about, in words |
//!
//! **Attackers.** A member of staff who looks at many patients, at night, or tries ids; somebody who tries passwords: rules follow the log, which has each of
//! these before it happens, so that nothing can be done that no rule sees. Somebody who makes a thousand alerts to hide one: the same thing again is counted
//! in the alert that is there, and the number of open ones of a code is bounded. Whoever reads what is posted: it carries code, severity, time, count, the
//! alert's id and the console's address, never a person or a patient; a mailbox likewise. Whoever writes to the webhook's receiver: the body is signed, with its time. A receiver
//! that hangs, redirects or answers without end: only the status of its answer is read, within a deadline, and nothing waits for it.

pub mod book;
pub mod deliver;
mod follow;
pub mod rules;
mod watch;
pub mod words;

use crate::clinic::desk::Desk;
use crate::config::{Config, Layout};

/// Follows, watches and delivers for as long as the process runs.
pub async fn run(desk: Desk, config: Config, layout: Layout) {
    tokio::join!(
        follow::run(desk.clone(), &config),
        watch::run(desk.clone(), &config, &layout),
        deliver::run(desk, &config)
    );
}
