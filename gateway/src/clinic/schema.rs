//! The clinic process's catalog. TEXT, BIGINT and BYTEA only, one SQL text for SQLite and PostgreSQL. No column holds a patient's
//! name, number or birth date, nor an unkeyed hash of one: identities are sealed, patients are found by their handle.

use crate::log;
use crate::store::migrate::Migration;

/// `clinic.db`.
pub const FILE_NAME: &str = "clinic.db";

/// All of its versions.
pub fn migrations() -> Vec<Migration> {
    vec![
        log::migration(1),
        Migration {
            number: 2,
            name: "clinic",
            sql: "
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE TABLE invitation (
    id BYTEA PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    device_name TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    device BYTEA
);
CREATE TABLE device (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES person (id),
    model TEXT NOT NULL,
    attestation TEXT NOT NULL,
    status TEXT NOT NULL,
    words TEXT NOT NULL,
    enrol_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    approved_at BIGINT,
    revoked_at BIGINT
);
CREATE TABLE certificate (
    serial BYTEA PRIMARY KEY,
    device BYTEA NOT NULL REFERENCES device (id),
    public_key BYTEA NOT NULL,
    der BYTEA NOT NULL,
    not_after BIGINT NOT NULL,
    issued_at BIGINT NOT NULL
);
CREATE INDEX certificate_device ON certificate (device);
CREATE TABLE patient (
    handle BYTEA PRIMARY KEY,
    identity BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE picture (
    capture BYTEA PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    device BYTEA NOT NULL,
    operator TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    manifest BYTEA NOT NULL,
    manifest_hash BYTEA NOT NULL,
    label BYTEA NOT NULL,
    thumbnail BYTEA,
    patient BYTEA REFERENCES patient (handle),
    captured_at BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    pulled_at BIGINT NOT NULL,
    judged_at BIGINT
);
CREATE INDEX picture_state ON picture (state);
CREATE INDEX picture_device ON picture (device, sequence);
CREATE INDEX picture_patient ON picture (patient)
",
        },
        // Certificates are numbered as they are issued: their times are the clock's, and a clock can be set back.
        Migration {
            number: 3,
            name: "enrolment-under-attack",
            sql: "
ALTER TABLE invitation ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invitation ADD COLUMN replays BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invitation ADD COLUMN voided_at BIGINT;
ALTER TABLE certificate ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE certificate ADD COLUMN used BIGINT NOT NULL DEFAULT 0;
UPDATE certificate SET number = (SELECT COUNT(*) FROM certificate older
    WHERE older.issued_at < certificate.issued_at
       OR (older.issued_at = certificate.issued_at AND older.serial <= certificate.serial));
CREATE TABLE adopted_certificate (
    serial BYTEA PRIMARY KEY,
    device BYTEA NOT NULL REFERENCES device (id)
)
",
        },
        Migration {
            number: 4,
            name: "revocations",
            sql: "
CREATE TABLE revoked_device (
    device BYTEA PRIMARY KEY REFERENCES device (id),
    confirmed_at BIGINT NOT NULL,
    log_size BIGINT NOT NULL,
    log_root BYTEA NOT NULL
);
",
        },
        Migration { number: 5, name: "flags", sql: "ALTER TABLE picture ADD COLUMN flags TEXT NOT NULL DEFAULT ''" },
    ]
}
