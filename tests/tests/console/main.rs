//! The console against whoever should not get through: strangers, other web sites, colleagues. Through the running gateway and over TLS.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

mod access;
mod alerts;
mod care;
mod corrections;
mod demo;
mod download;
mod first_run;
mod officer;
mod people;
mod receivers;
mod records;
mod requests;
mod sessions;
mod stage;
mod timeline;
