//! The clinic's gateway: the command `safelight`.
//!
//! Two processes with two stores: `ingest` faces the phones and is blind, `clinic` holds the keys.
//! `ingest` cannot name `vault`, `clinic` or `enrol::ca`; a test reads the imports and holds the house to it.
#![forbid(unsafe_code)]

pub mod alert;
pub mod background;
pub mod cli;
pub mod clinic;
pub mod clock;
pub mod config;
pub mod console;
pub mod demo;
pub mod enrol;
pub mod ingest;
pub mod inspector;
pub mod keyfile;
pub mod link;
pub mod log;
pub mod network;
pub mod owner;
pub mod phone;
pub mod setup;
pub mod store;
pub mod vault;
