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
        // Whoever took a picture before there were care teams is on its patient's.
        Migration {
            number: 6,
            name: "people",
            sql: "
ALTER TABLE person ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN disabled_at BIGINT;
CREATE TABLE person_role (
    person TEXT NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (person, role)
);
CREATE TABLE password (
    person TEXT PRIMARY KEY REFERENCES person (id),
    phc TEXT NOT NULL,
    totp BYTEA NOT NULL,
    last_step BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE TABLE recovery_code (
    person TEXT NOT NULL REFERENCES person (id),
    hash BYTEA NOT NULL,
    PRIMARY KEY (person, hash)
);
CREATE TABLE join_code (
    hash BYTEA PRIMARY KEY,
    person TEXT REFERENCES person (id),
    until BIGINT NOT NULL
);
CREATE TABLE session (
    id BYTEA PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person);
CREATE TABLE care (
    patient BYTEA NOT NULL REFERENCES patient (handle),
    person TEXT NOT NULL REFERENCES person (id),
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (patient, person)
);
CREATE INDEX care_person ON care (person, patient);
CREATE TABLE emergency (
    id BYTEA PRIMARY KEY,
    patient BYTEA NOT NULL REFERENCES patient (handle),
    person TEXT NOT NULL REFERENCES person (id),
    reason TEXT NOT NULL,
    words BYTEA NOT NULL,
    begun_at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    reviewed_by TEXT,
    reviewed_at BIGINT
);
CREATE INDEX emergency_person ON emergency (person, until);
CREATE INDEX emergency_review ON emergency (verdict, begun_at);
INSERT INTO care (patient, person, since)
    SELECT picture.patient, picture.operator, MIN(picture.judged_at) FROM picture
    JOIN person ON person.id = picture.operator
    WHERE picture.state = 'verified' AND picture.patient IS NOT NULL AND picture.judged_at IS NOT NULL
    GROUP BY picture.patient, picture.operator;
ALTER TABLE patient ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
UPDATE patient SET number = (SELECT COUNT(*) FROM patient older
    WHERE older.created_at < patient.created_at
       OR (older.created_at = patient.created_at AND older.handle <= patient.handle));
CREATE UNIQUE INDEX patient_number ON patient (number);
DROP INDEX picture_patient;
CREATE INDEX picture_timeline ON picture (patient, captured_at, capture)
",
        },
        Migration {
            number: 7,
            name: "access-review",
            sql: "
ALTER TABLE person ADD COLUMN logged_in_at BIGINT;
ALTER TABLE person ADD COLUMN confirmed_at BIGINT;
ALTER TABLE person ADD COLUMN confirmed_by TEXT
",
        },
        // What the access log names, so that it can be found. Every index ends in the order in which pages show entries.
        Migration {
            number: 8,
            name: "access-index",
            sql: "
CREATE TABLE access_index (
    idx BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    patient BYTEA,
    picture BYTEA,
    device BYTEA,
    person TEXT
);
CREATE INDEX access_index_at ON access_index (at, idx);
CREATE INDEX access_index_kind ON access_index (kind, at, idx);
CREATE INDEX access_index_actor ON access_index (actor, at, idx);
CREATE INDEX access_index_patient ON access_index (patient, at, idx) WHERE patient IS NOT NULL;
CREATE INDEX access_index_picture ON access_index (picture, at, idx) WHERE picture IS NOT NULL;
CREATE INDEX access_index_device ON access_index (device, at, idx) WHERE device IS NOT NULL;
CREATE INDEX access_index_person ON access_index (person, at, idx) WHERE person IS NOT NULL
",
        },
        // What is counted of a person's days and hours is numbers and handles: it tells of no patient by itself.
        Migration {
            number: 9,
            name: "alerts",
            sql: "
CREATE TABLE alert (
    id BYTEA PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT REFERENCES person (id),
    closed_at BIGINT,
    note BYTEA
);
CREATE INDEX alert_state ON alert (state, seq);
CREATE INDEX alert_code ON alert (code, state, subject, seq);
CREATE TABLE alert_delivery (
    alert BYTEA NOT NULL REFERENCES alert (id),
    way TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT,
    problem TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (alert, way)
);
CREATE INDEX alert_delivery_due ON alert_delivery (next_at);
CREATE INDEX alert_delivery_problem ON alert_delivery (problem);
CREATE TABLE alert_tally (
    person TEXT NOT NULL,
    what TEXT NOT NULL,
    period BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (person, what, period)
);
CREATE INDEX alert_tally_old ON alert_tally (what, period);
CREATE TABLE alert_patient (
    day BIGINT NOT NULL,
    person TEXT NOT NULL,
    patient BYTEA NOT NULL,
    PRIMARY KEY (day, person, patient)
)
",
        },
        // Who was put on a team by a colleague and not by a picture has that colleague in `added_by`.
        Migration {
            number: 10,
            name: "corrections",
            sql: "
CREATE TABLE correction (
    id BYTEA PRIMARY KEY,
    capture BYTEA NOT NULL REFERENCES picture (capture),
    kind TEXT NOT NULL,
    patient BYTEA NOT NULL REFERENCES patient (handle),
    words BYTEA NOT NULL,
    reported_by TEXT NOT NULL REFERENCES person (id),
    reported_at BIGINT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    moved_to BYTEA REFERENCES patient (handle),
    decided_by TEXT REFERENCES person (id),
    decided_at BIGINT
);
CREATE INDEX correction_open ON correction (outcome, reported_at, id);
CREATE INDEX correction_capture ON correction (capture, outcome, decided_at);
CREATE TABLE download_right (
    person TEXT PRIMARY KEY REFERENCES person (id),
    granted_at BIGINT NOT NULL
);
ALTER TABLE care ADD COLUMN added_by TEXT NOT NULL DEFAULT '';
ALTER TABLE care ADD COLUMN review TEXT NOT NULL DEFAULT '';
CREATE INDEX care_review ON care (review, since);
CREATE INDEX picture_author ON picture (operator, patient)
",
        },
        // An authenticator keeps `handle` with a passkey: random, since it may show it to whoever holds it.
        Migration {
            number: 11,
            name: "passkeys",
            sql: "
CREATE TABLE passkey_user (
    person TEXT PRIMARY KEY REFERENCES person (id),
    handle BYTEA NOT NULL UNIQUE
);
CREATE TABLE passkey (
    credential BYTEA PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    passkey BYTEA NOT NULL,
    added_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkey_person ON passkey (person, added_at);
CREATE TABLE account_reset (
    person TEXT PRIMARY KEY REFERENCES person (id),
    reset_by TEXT NOT NULL REFERENCES person (id),
    reset_at BIGINT NOT NULL
)
",
        },
        // A team that was dissolved keeps its name: the log still names it. The author stands in a report too, so that theirs are found by an index.
        Migration {
            number: 12,
            name: "teams",
            sql: "
CREATE TABLE team (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    dissolved_at BIGINT
);
CREATE TABLE team_member (
    team BYTEA NOT NULL REFERENCES team (id),
    person TEXT NOT NULL REFERENCES person (id),
    since BIGINT NOT NULL,
    added_by TEXT NOT NULL REFERENCES person (id),
    review TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (team, person)
);
CREATE INDEX team_member_person ON team_member (person, team);
CREATE INDEX team_member_review ON team_member (review, since);
CREATE TABLE care_team (
    patient BYTEA NOT NULL REFERENCES patient (handle),
    team BYTEA NOT NULL REFERENCES team (id),
    since BIGINT NOT NULL,
    until BIGINT,
    added_by TEXT NOT NULL REFERENCES person (id),
    review TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (patient, team)
);
CREATE INDEX care_team_team ON care_team (team, patient, until);
CREATE INDEX care_team_review ON care_team (review, since);
ALTER TABLE correction ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE correction ADD COLUMN decided_words BYTEA;
UPDATE correction SET author = COALESCE((SELECT operator FROM picture WHERE picture.capture = correction.capture), '');
CREATE INDEX correction_decided ON correction (decided_at, id);
CREATE INDEX correction_author ON correction (author, decided_at, id)
",
        },
        // Under which number a picture is filed stays; `patient` is the record that stands for it. An alias that stands by itself again is its own record.
        Migration {
            number: 13,
            name: "records",
            sql: "
CREATE TABLE patient_alias (
    handle BYTEA PRIMARY KEY REFERENCES patient (handle),
    record BYTEA NOT NULL REFERENCES patient (handle),
    changed BIGINT NOT NULL UNIQUE
);
CREATE INDEX patient_alias_record ON patient_alias (record);
CREATE TABLE patient_merge (
    id BYTEA PRIMARY KEY,
    seq BIGINT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    alias BYTEA NOT NULL REFERENCES patient (handle),
    record BYTEA NOT NULL REFERENCES patient (handle),
    reason TEXT NOT NULL,
    words BYTEA NOT NULL,
    merged_by TEXT NOT NULL REFERENCES person (id),
    merged_at BIGINT NOT NULL,
    undone_by TEXT REFERENCES person (id),
    undone_at BIGINT
);
CREATE INDEX patient_merge_alias ON patient_merge (alias, merged_at);
CREATE INDEX patient_merge_record ON patient_merge (record, merged_at);
ALTER TABLE picture ADD COLUMN filed BYTEA REFERENCES patient (handle);
UPDATE picture SET filed = patient WHERE patient IS NOT NULL;
CREATE INDEX picture_filed ON picture (filed);
CREATE INDEX emergency_patient ON emergency (patient);
DROP INDEX picture_author;
CREATE INDEX picture_author ON picture (operator, filed)
",
        },
        // A picture that was moved is named with both of its patients. What is indexed already is indexed anew.
        Migration {
            number: 14,
            name: "former-patient",
            sql: "
ALTER TABLE access_index ADD COLUMN former BYTEA;
CREATE INDEX access_index_former ON access_index (former, at, idx) WHERE former IS NOT NULL;
DELETE FROM setting WHERE name = 'access-index-built'
",
        },
        // Who has left a team before the privacy officer had looked.
        Migration {
            number: 15,
            name: "team visits",
            sql: "
CREATE TABLE team_visit (
    team BYTEA NOT NULL REFERENCES team (id),
    person TEXT NOT NULL REFERENCES person (id),
    since BIGINT NOT NULL,
    added_by TEXT NOT NULL REFERENCES person (id),
    left_at BIGINT NOT NULL,
    PRIMARY KEY (team, person, since)
);
CREATE INDEX team_visit_left ON team_visit (left_at, team, person)
",
        },
        // What a search asks of each patient is in an index whole: in a large catalog each row is a page that is not in memory.
        Migration {
            number: 16,
            name: "covering indexes",
            sql: "
DROP INDEX care_person;
CREATE INDEX care_person ON care (person, patient, until);
DROP INDEX picture_timeline;
CREATE INDEX picture_timeline ON picture (patient, captured_at, capture, state)
",
        },
        // When a phone was last there, pictures or none.
        Migration {
            number: 17,
            name: "devices seen",
            sql: "
ALTER TABLE device ADD COLUMN seen_at BIGINT;
UPDATE device SET seen_at = (SELECT MAX(stored_at) FROM picture WHERE picture.device = device.id)
",
        },
        // A list of pictures reads none of their thumbnails.
        Migration {
            number: 18,
            name: "thumbnails",
            sql: "
CREATE TABLE thumbnail (
    capture BYTEA PRIMARY KEY REFERENCES picture (capture) ON DELETE CASCADE,
    payload BYTEA NOT NULL
);
INSERT INTO thumbnail (capture, payload) SELECT capture, thumbnail FROM picture WHERE thumbnail IS NOT NULL;
ALTER TABLE picture DROP COLUMN thumbnail
",
        },
        // Emergency accesses that were given up before their time.
        Migration {
            number: 19,
            name: "emergencies ended early",
            sql: "ALTER TABLE emergency ADD COLUMN ended_early BIGINT NOT NULL DEFAULT 0",
        },
        // Which hardware keeps a phone's key, or why its attestation does not prove any. Those from before were not judged.
        Migration {
            number: 20,
            name: "attestation judged",
            sql: "ALTER TABLE device ADD COLUMN attestation_detail TEXT NOT NULL DEFAULT ''",
        },
    ]
}
