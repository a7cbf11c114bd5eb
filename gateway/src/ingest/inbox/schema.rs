//! Ingest's catalog. It holds ciphertext, digests and ids, and nothing that names a person. Headers are not in it: they lie in a
//! header store of ingest's own, where destroying one leaves nothing of it.

use crate::log;
use crate::store::migrate::Migration;

/// Name of the file in ingest's folder.
pub const FILE_NAME: &str = "ingest.db";

/// Name of the header store in ingest's folder.
pub const HEADERS_FILE: &str = "headers.db";

/// All versions of `ingest.db`.
pub fn migrations() -> Vec<Migration> {
    vec![
        log::migration(1),
        Migration {
            number: 2,
            name: "inbox",
            sql: "
CREATE TABLE inbox (
    seq BIGINT PRIMARY KEY,
    capture BYTEA NOT NULL UNIQUE,
    manifest_hash BYTEA NOT NULL,
    device BYTEA NOT NULL,
    manifest BYTEA NOT NULL,
    label_payload BYTEA NOT NULL,
    stored_at BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    settled BIGINT NOT NULL
);
CREATE INDEX inbox_settled ON inbox (settled, seq);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);
",
        },
    ]
}
