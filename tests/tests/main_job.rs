//! The main job by its commands, in the order in which a clinic gives them: from `init` to a revoked phone.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use safelight_gateway::demo::photos::photograph;
use safelight_tests::gateway::damage::{change_in, copied};
use safelight_tests::gateway::phone::{LABEL, Phone, strip};
use safelight_tests::gateway::program::{Running, command, finish, safelight, until};
use safelight_tests::gateway::{Gateway, PASSPHRASE, PATIENCE, array, text};
use safelight_tests::tools;
use serde_json::Value;

/// Keys that a JSON object must have.
#[track_caller]
fn has_keys(object: &Value, keys: &[&str]) {
    for key in keys {
        assert!(object.get(key).is_some_and(|value| !value.is_null()), "no `{key}` in {object}");
    }
}

/// Photographs of phone size, with planted metadata, in files.
fn photographs(gateway: &Gateway, count: u32) -> Vec<PathBuf> {
    let write = |number| {
        let path = gateway.at(&format!("photo-{number}.jpg"));
        fs::write(&path, photograph(number).expect("a photograph").bytes).expect("a file");
        path
    };
    (1..=count).map(write).collect()
}

fn pixels(jpeg: &[u8]) -> image::RgbImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).expect("a picture").to_rgb8()
}

#[test]
fn the_main_job_from_init_to_a_revoked_phone() {
    let gateway = Gateway::serving();
    made_by_init(&gateway);
    let health = gateway.run(&["health", "--data", "D", "--json"]).ok().json();
    has_keys(
        &health,
        &["serving", "clinic_linked", "unlocked", "store_trusted", "port", "enrol_port", "intake_log_size"],
    );
    assert_eq!(health["port"], gateway.said_by_init["port"]);
    assert_eq!(health["enrol_port"], gateway.said_by_init["enrol_port"]);

    let phone = enrolled(&gateway);
    a_used_invitation_is_refused(&gateway);

    let photos = photographs(&gateway, 2);
    let before = gateway.run(&["audit", "checkpoint", "--data", "D"]).ok().text();
    let sent = sent(&gateway, &phone, &photos);
    let listed = listed(&gateway, &sent);

    for (row, photo) in sent.iter().zip(&photos) {
        came_out_as_it_went_in(&gateway, text(row, "id"), photo);
    }
    without_the_passphrase_nothing_is_opened(&gateway, text(&listed[0], "id"));
    the_logs_are_sound(&gateway, &before, &listed);
    a_revoked_phone_is_refused_at_once(&gateway, &phone, &photos);
}

fn made_by_init(gateway: &Gateway) {
    let keys = [
        "data",
        "recovery_kit",
        "clinic_id",
        "ca_sha256",
        "vault_recipient",
        "recovery_recipient",
        "hosts",
        "port",
        "enrol_port",
        "warnings",
    ];
    has_keys(&gateway.said_by_init, &keys);
    let kit = fs::read_to_string(gateway.path("recovery-kit.txt")).expect("the recovery kit");
    assert_eq!(kit.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1")).count(), 1);
    let secret = kit.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("the secret line");
    for file in safelight_tests::gateway::files(&gateway.data()) {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "{} holds the recovery key",
            file.display()
        );
    }
    // Made once: a second `init` leaves everything as it is.
    let again = ["init", "--data", "D", "--passphrase-file", "P", "--recovery-out"];
    let other = gateway.path("other-kit.txt");
    let refused = gateway.run(&[&again[..], &[&other]].concat());
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(!Path::new(&other).exists());
}

fn enrolled(gateway: &Gateway) -> Phone {
    let invited = gateway.invite("Room 3", "q.png");
    has_keys(&invited, &["id", "name", "person", "qr", "qr_png", "addresses", "expires_at"]);
    assert_eq!((text(&invited, "name"), text(&invited, "person")), ("Room 3", "clinician1"));

    let mut enrolling = gateway.start_enrolling("phone", "q.png");
    let pending = gateway.pending("Room 3", &mut enrolling);
    let words = text(&pending, "words").to_owned();
    assert_eq!(words.split(' ').count(), 4, "{words:?}");
    // The phone shows the same words while nobody has approved it.
    until("the words on the phone", PATIENCE, || {
        enrolling.stderr().lines().any(|line| line.trim() == words).then_some(())
    });
    assert!(!enrolling.has_ended(), "the phone did not wait for its approval");
    assert_eq!(gateway.devices().len(), 1);

    let device = text(&pending, "id").to_owned();
    let approved = gateway.run(&["device", "approve", &device, "--data", "D", "--json"]).ok().json();
    assert_eq!((text(&approved, "id"), text(&approved, "status")), (device.as_str(), "active"));
    let said = enrolling.wait().ok().json();
    has_keys(&said, &["device", "clinic", "clinic_name", "operator", "words"]);
    assert_eq!((text(&said, "device"), text(&said, "words")), (device.as_str(), words.as_str()));
    assert_eq!(said["clinic"], gateway.said_by_init["clinic_id"]);
    let now = gateway.devices();
    assert_eq!(text(&now[0], "status"), "active");
    assert!(now[0].get("words").is_none(), "words are shown while pending alone");
    // What is approved is not approved again.
    gateway.run(&["device", "approve", &device, "--data", "D"]).exits(6);
    gateway.run(&["device", "approve", "00112233-4455-6677-8899-aabbccddeeff", "--data", "D"]).exits(3);
    Phone { identity: gateway.at("phone"), device }
}

fn a_used_invitation_is_refused(gateway: &Gateway) {
    let refused = gateway.start_enrolling("second-phone", "q.png").wait();
    assert!(refused.stderr.contains("invitation"), "{refused}");
    assert_eq!(gateway.devices().len(), 1);
    let second = Phone { identity: gateway.at("second-phone"), device: String::new() };
    second.send(&["photo.jpg"]).exits(3);
}

/// Sends the photographs, with the patient in flags and then again with the patient on standard input.
fn sent(gateway: &Gateway, phone: &Phone, photos: &[PathBuf]) -> Vec<Value> {
    let photos: Vec<&str> = photos.iter().map(|path| path.to_str().expect("UTF-8")).collect();
    let identity = gateway.path("phone");
    let flags = ["phone", "send", "--identity", &identity, "--patient", "12345", "--name", "Müller, Anna"];
    let more = ["--birth-date", "1961-02-03", "--site", "left forearm", "--json"];
    let with_flags = array(gateway.run(&[&flags[..], &photos, &more].concat()).ok().json());
    let with_file = array(phone.send(&photos).ok().json());
    let rows = [with_flags, with_file].concat();
    assert_eq!(rows.len(), 2 * photos.len());
    for (number, row) in rows.iter().enumerate() {
        has_keys(row, &["id", "receipt_index", "stored_at", "removed"]);
        assert_eq!(text(row, "photo"), photos[number % photos.len()]);
        let removed: Vec<&str> = row["removed"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        for kind in ["location", "serial-number", "thumbnail", "xmp"] {
            assert!(removed.contains(&kind), "{kind} was not removed: {removed:?}");
        }
        // Entry 0 says that the log was made; every capture has the next.
        assert_eq!(row["receipt_index"], number + 1);
    }
    let missing = gateway.run(&["phone", "send", "--identity", &identity, "--patient", "12345", photos[0]]).exits(2);
    assert!(missing.stderr.contains("name"), "{missing}");
    rows
}

fn listed(gateway: &Gateway, sent: &[Value]) -> Vec<Value> {
    let blind = gateway.pictures_in(&["verified"], sent.len());
    assert!(blind.iter().all(|row| row.get("patient").is_none() && row.get("name").is_none()));
    let listed = array(gateway.run(&["vault", "list", "--data", "D", "--passphrase-file", "P", "--json"]).ok().json());
    assert_eq!(listed.len(), sent.len());
    for (number, row) in sent.iter().enumerate() {
        let picture = listed.iter().find(|picture| picture["id"] == row["id"]).expect("every picture is listed");
        assert_eq!(text(picture, "state"), "verified");
        assert_eq!((&picture["log_index"], &picture["stored_at"]), (&row["receipt_index"], &row["stored_at"]));
        let patient =
            if number < sent.len() / 2 { ("12345", "Müller, Anna") } else { ("MRN-77812-04", "Quittländer, Zoë") };
        assert_eq!((text(picture, "patient"), text(picture, "name")), patient);
        assert_eq!(text(picture, "birth_date"), "1961-02-03");
    }
    assert!(LABEL.contains("Quittländer, Zoë") && LABEL.contains("MRN-77812-04"));
    listed
}

/// `vault open`, `phone strip`, and `age` with either identity all give the same bytes, whose pixels are the photograph's.
fn came_out_as_it_went_in(gateway: &Gateway, id: &str, photo: &Path) {
    let opened = gateway.open(id);
    let stripped = strip(photo, &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    assert!(opened == stripped, "{id}: the vault gives {} bytes, `phone strip` {}", opened.len(), stripped.len());
    let original = fs::read(photo).expect("the photograph");
    assert_ne!(original, opened);
    assert!(pixels(&original) == pixels(&opened), "{id}: a pixel differs");

    // On record by name, and not overwritten.
    let entries = gateway.log("access");
    assert!(entries.iter().any(|entry| text(entry, "kind") == "opened" && entry["fields"][0] == *id), "{entries:?}");
    let out = gateway.path(&format!("opened-{id}.jpg"));
    let again = ["vault", "open", id, "-o", &out, "--reason", "again", "--data", "D", "--passphrase-file", "P"];
    gateway.run(&again).exits(2);
    assert!(fs::read(&out).expect("the opened picture") == opened);

    if !tools::has("age", "reading an export with age") {
        return;
    }
    let export = gateway.path(&format!("{id}.age"));
    gateway.run(&["vault", "export", id, "-o", &export, "--data", "D"]).ok();
    for identity in [gateway.path("recovery-kit.txt"), vault_identity(gateway)] {
        let plain = finish(command("age", &["-d", "-i", &identity, &export]), b"").ok().stdout;
        assert!(plain == opened, "age with {identity} gives other bytes");
    }
}

/// The vault's identity in a file: `age` asks for the passphrase on a terminal, which `script` gives it.
fn vault_identity(gateway: &Gateway) -> String {
    let (plain, sealed) = (gateway.path("vault.txt"), gateway.path("data/clinic/vault.age"));
    if !Path::new(&plain).exists() {
        let ask = format!("age -d -o '{plain}' '{sealed}'");
        finish(command("script", &["-qec", &ask, "/dev/null"]), format!("{PASSPHRASE}\n").as_bytes()).ok();
    }
    plain
}

fn without_the_passphrase_nothing_is_opened(gateway: &Gateway, id: &str) {
    let out = gateway.path("not-opened.jpg");
    let open = ["vault", "open", id, "-o", &out, "--reason", "curious", "--data", "D"];
    gateway.run(&open).exits(4);
    let wrong = gateway.path("wrong");
    fs::write(&wrong, "not the passphrase\n").expect("a file");
    gateway.run(&[&open[..], &["--passphrase-file", &wrong]].concat()).exits(4);
    let unknown = [
        "vault",
        "open",
        "01a200ac-6558-7f70-a8ca-d4470a6b2e62",
        "-o",
        &out,
        "--reason",
        "r",
        "--data",
        "D",
        "--passphrase-file",
        "P",
    ];
    gateway.run(&unknown).exits(3);
    let no_reason = ["vault", "open", id, "-o", &out, "--data", "D", "--passphrase-file", "P"];
    gateway.run(&no_reason).exits(2);
    assert!(!Path::new(&out).exists());
}

fn the_logs_are_sound(gateway: &Gateway, before: &str, listed: &[Value]) {
    let sound = gateway.run(&["audit", "verify", "--data", "D", "--json"]).ok().json();
    let sizes: Vec<u64> = array(sound)
        .iter()
        .map(|log| {
            assert_eq!(log["ok"], true, "{log}");
            log["size"].as_u64().expect("a size")
        })
        .collect();
    assert_eq!(sizes.len(), 2);
    assert_eq!(gateway.stored().len(), listed.len());

    // A checkpoint that was kept before any picture came still fits: as a text, as a file, on standard input.
    let kept = gateway.path("kept.txt");
    fs::write(&kept, before).expect("a file");
    for against in [before, &kept] {
        let verdicts =
            array(gateway.run(&["audit", "verify", "--data", "D", "--json", "--against", against]).ok().json());
        assert!(verdicts.iter().all(|log| log["against"] == 1), "{verdicts:?}");
    }
    finish(gateway.command(&["audit", "verify", "--data", "D", "--against", "-"]), before.as_bytes()).ok();
}

fn a_revoked_phone_is_refused_at_once(gateway: &Gateway, phone: &Phone, photos: &[PathBuf]) {
    let stored = gateway.stored();
    let revoked = gateway.run(&["device", "revoke", &phone.device, "--data", "D", "--json"]).ok().json();
    assert_eq!((text(&revoked, "status"), &revoked["in_force"]), ("revoked", &Value::Bool(true)));
    assert_eq!(text(&gateway.devices()[0], "status"), "revoked");

    let begun = std::time::Instant::now();
    let refused = phone.send(&[photos[0].to_str().expect("UTF-8")]).exits(6);
    // At once: not after retries or a time-out, of which the shortest is 5 seconds.
    assert!(begun.elapsed().as_secs() < 5, "it took {:?}", begun.elapsed());
    assert!(refused.stderr.contains("revoked by the clinic") && refused.stderr.contains("IT"), "{refused}");
    assert!(["", "[]"].contains(&refused.text().trim()), "{refused}");
    assert_eq!(gateway.stored(), stored);
    phone.status().exits(6);
}

#[test]
fn a_used_or_unknown_invitation_ends_with_the_exit_code_of_a_refusal() {
    let gateway = Gateway::serving();
    gateway.enrol("phone");
    // The invitation's file is `phone.png`; it was used by the phone that is enrolled now.
    gateway.start_enrolling("thief", "phone.png").wait().exits(6);
}

#[test]
fn a_phone_that_nobody_approves_gives_up_in_time() {
    let gateway = Gateway::serving();
    gateway.invite("Room 4", "q.png");
    let (identity, qr) = (gateway.path("late"), gateway.path("q.png"));
    gateway.run(&["phone", "enrol", "--identity", &identity, "--qr", &qr, "--timeout", "2s"]).exits(8);
    assert_eq!(text(&gateway.devices()[0], "status"), "pending");
}

/// `device invite` has printed the code: whoever scans it at once must not be told that it is not valid.
#[test]
fn an_invitation_holds_as_soon_as_it_is_shown() {
    let gateway = Gateway::serving();
    gateway.invite("Another room", "standing.png");
    until("the enrolment listener", PATIENCE, || gateway.health()["enrol_open"].as_bool().filter(|open| *open));
    let mut waiting = Vec::new();
    for round in 0..5 {
        let (name, qr) = (format!("Room {round}"), format!("{round}.png"));
        gateway.invite(&name, &qr);
        let mut enrolling = gateway.start_enrolling(&format!("phone-{round}"), &qr);
        gateway.pending(&name, &mut enrolling);
        waiting.push(enrolling);
    }
}

#[test]
fn a_phone_that_the_admin_refuses_is_told() {
    let gateway = Gateway::serving();
    gateway.invite("Room 5", "r.png");
    let mut enrolling = gateway.start_enrolling("refused", "r.png");
    let device = gateway.pending("Room 5", &mut enrolling);
    gateway.run(&["device", "revoke", text(&device, "id"), "--data", "D"]).ok();
    let refused = enrolling.wait().exits(6);
    assert!(!refused.stderr.is_empty());
}

#[test]
fn what_contradicts_the_logs_is_found() {
    let mut gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photographs(&gateway, 1);
    for _ in 0..3 {
        phone.send(&[photo[0].to_str().expect("UTF-8")]).ok();
    }
    gateway.pictures_in(&["verified"], 3);
    let kept = gateway.run(&["audit", "checkpoint", "--data", "D"]).ok().text();

    forged_checkpoints_do_not_pass(&gateway, &kept);
    assert!(gateway.stop(), "the gateway did not end well");
    // Nobody has touched it: what follows is found because of what follows.
    gateway.run(&["audit", "verify", "--data", "D", "--against", &kept]).ok();

    let intake = "ingest/ingest.db";
    let access = "clinic/clinic.db";
    let cases = [
        (intake, "UPDATE log_entry SET entry = x'00' WHERE idx = 2", "intake", 2),
        (intake, "DELETE FROM log_entry WHERE idx = 1", "intake", 1),
        (access, "UPDATE log_entry SET entry = (SELECT entry FROM log_entry WHERE idx = 4) WHERE idx = 3", "access", 3),
    ];
    for (database, change, log, first_bad) in cases {
        let damaged = copied(&gateway);
        change_in(&damaged.join(database), change);
        let verify = ["audit", "verify", "--data", damaged.to_str().expect("UTF-8"), "--json"];
        let verdicts = array(gateway.run(&verify).exits(7).json());
        let verdict = verdicts.iter().find(|verdict| text(verdict, "log") == log).expect("a verdict");
        assert_eq!(
            (&verdict["ok"], &verdict["first_bad"]),
            (&Value::Bool(false), &Value::from(first_bad)),
            "{change}: {verdict}"
        );
        let other = verdicts.iter().find(|verdict| text(verdict, "log") != log).expect("a verdict");
        assert_eq!(other["ok"], true, "{change}: {other}");
    }

    // The newest entries are gone with everything that speaks of them inside: the checkpoint kept outside speaks.
    let cut = copied(&gateway);
    for change in [
        "DELETE FROM log_entry WHERE idx >= 2",
        "DELETE FROM log_node WHERE (pos + 1) << level > 2",
        "DELETE FROM log_checkpoint WHERE size > 2",
    ] {
        change_in(&cut.join(intake), change);
    }
    let against = ["audit", "verify", "--data", cut.to_str().expect("UTF-8"), "--against", &kept, "--json"];
    let verdicts = array(gateway.run(&against).exits(7).json());
    assert!(verdicts.iter().any(|verdict| text(verdict, "log") == "intake" && verdict["ok"] == false), "{verdicts:?}");
}

fn forged_checkpoints_do_not_pass(gateway: &Gateway, kept: &str) {
    gateway.run(&["audit", "verify", "--data", "D", "--against", kept]).ok();
    // Another root under the old signature: the third line of a note is its root.
    let line = kept.lines().nth(2).expect("a root");
    let other = if line.starts_with('A') { line.replacen('A', "B", 1) } else { format!("A{}", &line[1..]) };
    let forged = kept.replacen(line, &other, 1);
    assert_ne!(forged, kept);
    gateway.run(&["audit", "verify", "--data", "D", "--against", &forged]).exits(7);
    // A sound one, of another clinic.
    let stranger = Gateway::init();
    let foreign = stranger.run(&["audit", "checkpoint", "--data", "D", "--log", "access"]).ok().text();
    gateway.run(&["audit", "verify", "--data", "D", "--against", &foreign]).exits(7);
    // Not a checkpoint at all.
    let nonsense = gateway.run(&["audit", "verify", "--data", "D", "--against", "no\ncheckpoint\n"]);
    assert_ne!(nonsense.code, Some(0), "{nonsense}");
}

/// A copy of the data folder of a gateway that does not run.
#[test]
fn a_command_on_a_folder_without_a_gateway_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("UTF-8");
    for args in [&["device", "list"][..], &["vault", "list"], &["audit", "verify"], &["serve"]] {
        let args = [args, &["--data", data]].concat();
        let said = Running::start(command(safelight(), &args), b"").wait().exits(3);
        assert!(said.stderr.contains("safelight init"), "{said}");
    }
}

/// Somebody lists, while somebody else does, while the clinic process verifies what comes in.
#[test]
fn commands_at_the_same_time_do_not_fail_for_each_other() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = photographs(&gateway, 1);
    let photo = photo[0].to_str().expect("UTF-8");
    let sending = phone.start_send(&[photo; 6]);
    let list = || {
        (0..15)
            .map(|_| gateway.run(&["vault", "list", "--data", "D", "--json"]))
            .filter(|said| said.code != Some(0))
            .collect::<Vec<_>>()
    };
    let failed: Vec<_> = std::thread::scope(|scope| {
        let lists: Vec<_> = (0..3).map(|_| scope.spawn(list)).collect();
        lists.into_iter().flat_map(|list| list.join().expect("no panic")).collect()
    });
    sending.wait().ok();
    assert!(failed.is_empty(), "{} of 45 commands failed, the first: {}", failed.len(), failed[0]);
    gateway.pictures_in(&["verified"], 6);
}
