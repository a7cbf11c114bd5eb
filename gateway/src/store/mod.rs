//! Where things are kept: rows, sealed bytes, and the headers that open them, each apart.
//!
//! | room | keeps | now | later |
//! |---|---|---|---|
//! | [`catalog`] | rows, through the SQL of whichever room owns them | SQLite | PostgreSQL |
//! | [`blobs`] | payloads of sealed pictures and labels | files | S3 |
//! | [`headers`] | age headers: without its header a payload is noise | a SQLite file of their own | the same |
//!
//! Nothing here knows a network, a key or a patient. What holds for all of it:
//!
//! - What a commit has returned for survives a power cut; what it has not returned for is absent, or
//!   reported as [`catalog::CatalogError::OutcomeUnknown`] and looked up by its id after a restart.
//! - After a failed fsync the kernel may have dropped the written pages and marked them clean, so that a
//!   second fsync succeeds over lost data (PostgreSQL's lesson of 2018). The store then refuses every
//!   further write until the process has been started anew: [`trust::Trust`].
//! - Each step on the way to the disk has a name, [`faults::Step`], at which a test can make it fail.

pub mod blobs;
pub mod catalog;
pub mod faults;
pub mod headers;
pub mod migrate;
pub mod trust;

use std::pin::Pin;

/// A boxed future: the storage traits are used as trait objects, which an `async fn` in a trait is not yet.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
