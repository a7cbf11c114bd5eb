//! The console against whoever should not get through: strangers, other web sites, colleagues. Through the running gateway and over TLS.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

mod access;
mod account;
mod alerts;
mod authenticator;
mod care;
mod corrections;
mod demo;
mod download;
mod emergency;
mod first_run;
mod judging;
mod mail;
mod mailbox;
mod matrix;
mod officer;
mod passkeys;
mod people;
mod receivers;
mod records;
mod refusals;
mod requests;
mod sessions;
mod stage;
mod teams;
mod timeline;
mod trouble;
