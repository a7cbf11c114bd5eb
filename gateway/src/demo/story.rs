//! The demo as it is played: the commands that a user would give, each in its own process, and the phone's client in this one, so that
//! its progress can be shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use safelight_core::client::{Options, Progress};
use safelight_core::ids::UnixMillis;
use safelight_core::photo::Photo;
use safelight_core::strip;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::children::{Gateway, Program, args};
use super::figures::{Figures, Photograph};
use super::patients::{self, Patient};
use super::photos;
use super::pixels::Decoded;
use super::search::{Search, Searched};
use super::{DemoError, control};
use crate::cli::outcome::Output;
use crate::cli::progress::Bar;
use crate::clock::Clock;
use crate::enrol::qr;
use crate::keyfile;
use crate::phone::send::{SendError, Sender};

/// As the admin names the phone. It is not secret, so the search must find it.
const DEVICE_NAME: &str = "Demo phone of room three";

/// Whom the phone belongs to.
pub(super) const PERSON: &str = "clinician1";

/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where everything lies.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) root: PathBuf,
    pub(super) data: PathBuf,
    pub(super) identity: PathBuf,
    pub(super) passphrase: PathBuf,
    pub(super) recovery: PathBuf,
    qr: PathBuf,
    log: PathBuf,
    pub(super) ingest_log: PathBuf,
    opened: PathBuf,
}

impl Places {
    fn below(root: &Path) -> Self {
        let at = |name: &str| root.join(name);
        Self {
            data: at("clinic"),
            identity: at("phone"),
            passphrase: at("passphrase"),
            recovery: at("recovery-kit.txt"),
            qr: at("invitation.png"),
            log: at("gateway.log"),
            ingest_log: at("ingest.log"),
            opened: at("opened.jpg"),
            root: root.to_owned(),
        }
    }
}

/// The demo while it is played.
#[derive(Debug)]
pub(super) struct Story {
    program: Program,
    places: Places,
    photographs: usize,
    output: Output,
    gateway: Option<Gateway>,
}

/// What is kept of the first photograph until it comes out of the vault.
struct Reference {
    id: String,
    original: Vec<u8>,
    stripped: Vec<u8>,
}

impl Story {
    pub(super) fn new(root: &Path, photographs: usize, output: Output) -> Result<Self, DemoError> {
        Ok(Self { program: Program::this()?, places: Places::below(root), photographs, output, gateway: None })
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// From `init` to the picture that comes out of the vault.
    pub(super) async fn play(&mut self) -> Result<Figures, DemoError> {
        self.output.say("Not for real patients yet: backup and restore do not exist. Nobody here exists.\n")?;
        let mut figures = Figures::default();
        self.make_gateway().await?;
        self.enrol(&mut figures).await?;
        let (search, reference) = self.photograph(&mut figures).await?;
        self.wait_until_judged(&mut figures).await?;
        self.open(&reference, &search, &mut figures).await?;
        self.audit(&mut figures).await?;
        self.search(&search, &mut figures)?;
        self.look_at_the_phone(&mut figures)?;
        Ok(figures)
    }

    /// Stops what runs. Says whether all of it ended in order.
    pub(super) async fn end(&mut self) -> bool {
        match self.gateway.take() {
            Some(gateway) => gateway.stop().await,
            None => true,
        }
    }

    /// The gateway's last lines.
    pub(super) fn log_tail(&self, lines: usize) -> Vec<String> {
        let text = std::fs::read(&self.places.log).unwrap_or_default();
        let all: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().to_vec()
    }

    async fn make_gateway(&mut self) -> Result<(), DemoError> {
        let mut passphrase = [0; 16];
        getrandom::fill(&mut passphrase).map_err(|_| DemoError::Randomness)?;
        let line = format!("{}\n", data_encoding::HEXLOWER.encode(&passphrase));
        keyfile::create(&self.places.passphrase, 0o600, line.as_bytes())?;
        let Places { data, passphrase, recovery, .. } = &self.places;
        let any_port = "127.0.0.1:0";
        let init = args(&["init", "--data"]).path(data).flag("--passphrase-file").path(passphrase);
        let init = init.flag("--recovery-out").path(recovery).flag("--host").flag("127.0.0.1");
        let init = init.flag("--clinic-name").flag("Demo clinic");
        self.program
            .run(
                &init
                    .flag("--listen")
                    .flag(any_port)
                    .flag("--enrol-listen")
                    .flag(any_port)
                    .flag("--console-listen")
                    .flag(any_port)
                    .0,
            )
            .await?;
        self.step("init", "keys, two stores and a recovery kit have been made")?;

        let serve = args(&["serve", "--data"]).path(data).flag("--passphrase-file").path(passphrase);
        self.gateway = Some(self.program.start_gateway(&serve.0, &self.places.log)?);
        let deadline = Instant::now() + PATIENCE;
        let health = args(&["health", "--data"]).path(data).flag("--json");
        loop {
            let asked = self.program.try_run(&health.0).await?;
            if asked.status.success() {
                let health: Value =
                    serde_json::from_slice(&asked.stdout).map_err(|_| DemoError::Answer("safelight health".into()))?;
                let port = health.get("port").and_then(Value::as_u64).unwrap_or_default();
                return self.step("serve", &format!("both processes run; phones come to 127.0.0.1, UDP {port}"));
            }
            self.still_there("the gateway's start", deadline).await?;
        }
    }

    async fn enrol(&mut self, figures: &mut Figures) -> Result<(), DemoError> {
        let Places { data, identity, qr, .. } = &self.places;
        let invite = args(&["device", "invite", "--name", DEVICE_NAME, "--person", PERSON, "--data"]).path(data);
        self.program.json(&invite.flag("--qr-png").path(qr).0).await?;
        let text = qr::decode_png(qr)
            .map_err(|error| DemoError::Command { name: "reading the QR code".into(), said: error.to_string() })?;
        let shape = format!("invitation.png: a QR code of {} characters, read back", text.len());
        self.step("device invite", &shape)?;

        let enrol = args(&["phone", "enrol", "--timeout", "90s", "--device-name", "demo", "--identity"]).path(identity);
        let mut phone = self.program.start_talking(&enrol.flag("--qr").path(qr).0)?;
        let phone_words = phone.line().await?;
        self.step("phone enrol", &format!("the phone's screen says  {phone_words}"))?;
        let (device, clinic_words) = self.pending_device().await?;
        self.step("device list", &format!("the admin's screen says  {clinic_words}"))?;
        figures.check("both screens show the same words", words(&phone_words) == words(&clinic_words), phone_words);
        self.program.run(&args(&["device", "approve", &device, "--data"]).path(&self.places.data).0).await?;
        phone.finish().await?;
        self.step("device approve", "the phone has its certificate")
    }

    async fn pending_device(&mut self) -> Result<(String, String), DemoError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = self.program.json(&args(&["device", "list", "--data"]).path(&self.places.data).0).await?;
            let pending = list.as_array().into_iter().flatten().find(|device| text(device, "status") == "pending");
            if let Some(device) = pending {
                return Ok((text(device, "id").to_owned(), said_words(device)));
            }
            self.still_there("the phone's request", deadline).await?;
        }
    }

    /// Takes, strips, seals and sends; then looks what the camera's bytes said, and what the stripped ones say.
    async fn photograph(&mut self, figures: &mut Figures) -> Result<(Search, Reference), DemoError> {
        let taken_at = Arc::new(AtomicU64::new(0));
        let shutter = taken_at.clone();
        let sender = Sender::open(&self.places.identity, Clock::system(), Options::default())?
            .dated_by(Clock::from_fn(move || UnixMillis(shutter.load(Ordering::Relaxed))));
        sender.get_ready().await?;
        let mut planted = Search::default();
        patients::plant(&mut planted);
        let mut reference = None;
        let mut pixels = 0;
        let bar = Arc::new(Bar::new(self.photographs, self.output));
        for index in 0..self.photographs {
            let number = index.saturating_add(1);
            let failed = |why: String| DemoError::Photograph { number, why };
            let patient = Patient::of(index);
            let label = Arc::new(patient.label().map_err(|error| failed(error.to_string()))?);
            let taken =
                tokio::task::spawn_blocking(move || photos::photograph(u32::try_from(number).unwrap_or(u32::MAX)))
                    .await;
            let taken =
                taken.map_err(|_| failed("the camera stopped".into()))?.map_err(|error| failed(error.to_string()))?;
            let jpeg = taken.bytes;
            taken_at.store(patients::visit(index, self.photographs, Clock::system().now()).0, Ordering::Relaxed);

            let shutter = || Ok::<_, SendError>(jpeg.clone());
            let drawn = bar.clone();
            let progress = move |progress: Progress| {
                drawn.picture(progress.sent, progress.total);
                true
            };
            let sent = sender.send(shutter, &label, None, Arc::new(progress)).await?;
            bar.picture_done();

            let mut of_this = Search::default();
            for thing in &taken.planted {
                of_this.bytes(thing.what, &thing.bytes);
                planted.either(thing.what, &thing.bytes);
            }
            let photo = Photo::parse(&jpeg).map_err(|error| failed(error.to_string()))?;
            pixels = u64::from(photo.width()).saturating_mul(photo.height().into());
            let stripped = strip::strip(photo).map_err(|error| failed(error.to_string()))?.to_vec();
            let whats: BTreeSet<&'static str> = taken.planted.iter().map(|thing| thing.what).collect();
            let found = |bytes: &[u8]| -> Vec<&'static str> {
                let found = of_this.in_bytes(bytes);
                whats.iter().copied().filter(|what| found.contains(what)).collect()
            };
            figures.photographs.push(Photograph {
                id: sent.id.to_string(),
                bytes_taken: jpeg.len(),
                bytes_stripped: stripped.len(),
                bytes_sealed: sent.sealed_len,
                planted: whats.len(),
                said_before: found(&jpeg),
                says_after: found(&stripped),
                removed: sent.removed.iter().map(|kind| kind.code()).collect(),
                shutter_to_receipt: sent.took,
                receipt_index: sent.receipt_index,
            });
            // The second is the first one that the camera has turned.
            if reference.is_none() || number == 2 {
                reference = Some(Reference { id: sent.id.to_string(), original: jpeg, stripped });
            }
        }
        drop(bar);
        // `send` returns for a verified receipt and for nothing else, and the device keeps the newest checkpoint that one led to.
        let seen = sender.device()?.checkpoint.map_or(0, |checkpoint| checkpoint.size);
        sender.close().await?;
        let receipts = figures.photographs.len();
        let distinct: BTreeSet<u64> = figures.photographs.iter().map(|sent| sent.receipt_index).collect();
        let holds = receipts == self.photographs && distinct.len() == receipts && seen >= receipts as u64;
        figures.check(
            "receipts verified by the phone",
            holds,
            format!("{receipts} of {}, log size {seen}", self.photographs),
        );
        figures.sum_up(pixels);
        self.step("phone send", &format!("{receipts} photographs stripped, sealed, sent, acknowledged"))?;
        let reference = reference.ok_or_else(|| DemoError::Photograph { number: 1, why: "none was taken".into() })?;
        Ok((planted, reference))
    }

    async fn wait_until_judged(&mut self, figures: &mut Figures) -> Result<(), DemoError> {
        let deadline = Instant::now() + PATIENCE;
        let states = args(&["vault", "list", "--data"]).path(&self.places.data);
        let is_judged = |row: &Value| text(row, "state") != "received";
        loop {
            let rows = self.program.json(&states.0).await?;
            let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
            if rows.len() >= self.photographs && rows.iter().all(is_judged) {
                break;
            }
            self.still_there("the clinic's verification", deadline).await?;
        }
        let list = args(&["vault", "list", "--data"])
            .path(&self.places.data)
            .flag("--passphrase-file")
            .path(&self.places.passphrase);
        let rows = self.program.json(&list.0).await?;
        let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
        let row_of = |photograph: &Photograph| rows.iter().find(|row| text(row, "id") == photograph.id);
        let verified =
            figures.photographs.iter().filter_map(row_of).filter(|row| text(row, "state") == "verified").count();
        let labelled = (0..).zip(&figures.photographs).filter(|(index, photograph)| {
            let patient = Patient::of(*index);
            row_of(photograph)
                .is_some_and(|row| text(row, "patient") == patient.number && text(row, "name") == patient.name)
        });
        let labelled = labelled.count();
        let all = self.photographs;
        figures.check("verified by the clinic", verified == all, format!("{verified} of {all} photographs"));
        figures.check("the vault knows whose they are", labelled == all, format!("{labelled} of {all} photographs"));
        self.step("vault list", &format!("{verified} photographs verified, each with its patient"))
    }

    async fn open(&mut self, reference: &Reference, search: &Search, figures: &mut Figures) -> Result<(), DemoError> {
        let Places { data, passphrase, opened, .. } = &self.places;
        let open = args(&["vault", "open", &reference.id, "--reason", "the demo compares it with the original", "-o"])
            .path(opened);
        self.program.run(&open.flag("--data").path(data).flag("--passphrase-file").path(passphrase).0).await?;
        let from_vault = std::fs::read(opened).map_err(|source| DemoError::Folder { path: opened.clone(), source })?;
        figures.check(
            "the vault gives back the stripped picture",
            from_vault == reference.stripped,
            format!("{} bytes", from_vault.len()),
        );
        let failed = |why: image::ImageError| DemoError::Photograph { number: 1, why: why.to_string() };
        let before = Decoded::of(&reference.original).map_err(failed)?;
        let after = Decoded::of(&from_vault).map_err(failed)?;
        let different = before.differing_pixels(&after);
        let figure =
            different.map_or("another size".to_owned(), |count| format!("{count} of {} pixels differ", after.count()));
        figures.check("its pixels are those of the original", different == Some(0), figure);
        figures.check(
            "it is turned the same way",
            before.orientation == after.orientation,
            format!("{:?}", after.orientation),
        );
        figures.check(
            "it says nothing about the patient",
            search.in_bytes(&from_vault).is_empty(),
            format!("{} things looked for", search.things()),
        );
        self.step("vault open", "one picture taken out of the vault, with the reason on record")
    }

    async fn audit(&mut self, figures: &mut Figures) -> Result<(), DemoError> {
        let finished =
            self.program.try_run(&args(&["audit", "verify", "--json", "--data"]).path(&self.places.data).0).await?;
        let answer: Value = serde_json::from_slice(&finished.stdout).unwrap_or_default();
        let sizes: Vec<String> = sizes(&answer).iter().map(|(log, size)| format!("{log} {size}")).collect();
        let holds = finished.status.success() && sizes.len() == 2;
        figures.check("both logs verified", holds, format!("entries: {}", sizes.join(", ")));
        self.step("audit verify", "every entry of both logs has been hashed again")
    }

    fn search(&self, search: &Search, figures: &mut Figures) -> Result<(), DemoError> {
        let Places { root, data, identity, log, .. } = &self.places;
        let io = |source| DemoError::Folder { path: root.clone(), source };
        let (found, planted) = control::planted(search, root)?;
        figures.check(
            "control: the search finds what is planted",
            found == planted,
            format!("{found} of {planted} spellings"),
        );

        let mut known = Search::default();
        known.text("the device's name", DEVICE_NAME);
        let mut seen = Searched::default();
        known.in_folder(data, &mut seen).map_err(io)?;
        let place =
            seen.found.iter().find_map(|found| found.file.file_name()).map(|name| name.to_string_lossy().into_owned());
        figures.check(
            "control: it finds the device's name",
            place.is_some(),
            place.unwrap_or_else(|| "nowhere".to_owned()),
        );

        let mut searched = Searched::default();
        search.in_folder(data, &mut searched).map_err(io)?;
        search.in_folder(identity, &mut searched).map_err(io)?;
        search.in_file(log, &mut searched).map_err(io)?;
        for found in &searched.found {
            self.output.say(&format!("  found: {} as {} in {}", found.thing, found.form, found.file.display()))?;
        }
        let megabytes = searched.bytes as f64 / 1e6;
        let figure = format!("{} in {} files, {megabytes:.0} MB", searched.found.len(), searched.files);
        figures.check(
            "no patient in any file of clinic or phone",
            searched.found.is_empty() && searched.files > 0,
            figure,
        );
        self.step(
            "search",
            &format!("{} things in {} spellings looked for in every file", search.things(), search.spellings()),
        )
    }

    /// What a phone has on its disk when everything has been sent.
    fn look_at_the_phone(&self, figures: &mut Figures) -> Result<(), DemoError> {
        let folder = &self.places.identity;
        let io = |source| DemoError::Folder { path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)? {
            names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        let in_flight = std::fs::read_to_string(folder.join("in-flight")).map_err(io)?;
        let holds = names == ["device.cbor", "device.key", "in-flight"] && in_flight.trim() == "0";
        figures.check(
            "the phone keeps its identity, nothing else",
            holds,
            format!("{} files, {} in flight", names.len(), in_flight.trim()),
        );
        Ok(())
    }

    fn step(&self, command: &str, what: &str) -> Result<(), DemoError> {
        Ok(self.output.say(&format!("  {command:<14}  {what}"))?)
    }

    /// Waits a little, unless the gateway has gone or time is up.
    async fn still_there(&mut self, what: &'static str, deadline: Instant) -> Result<(), DemoError> {
        if self.gateway.as_mut().is_some_and(Gateway::has_ended) {
            return Err(DemoError::Command { name: "safelight serve".into(), said: "it has ended".into() });
        }
        if Instant::now() >= deadline {
            return Err(DemoError::TooLong(what));
        }
        sleep(LOOK_EVERY).await;
        Ok(())
    }
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn said_words(device: &Value) -> String {
    match device.get("words") {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => text(device, "words").to_owned(),
    }
}

/// Words however they are set apart.
fn words(shown: &str) -> Vec<&str> {
    shown.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

/// The size of every log in what `audit verify --json` prints.
fn sizes(answer: &Value) -> Vec<(String, u64)> {
    let named = |(name, log): (&String, &Value)| Some((name.clone(), log.get("size")?.as_u64()?));
    match answer {
        Value::Object(logs) => logs.iter().filter_map(named).collect(),
        Value::Array(logs) => {
            logs.iter().filter_map(|log| Some((text(log, "log").to_owned(), log.get("size")?.as_u64()?))).collect()
        }
        _ => Vec::new(),
    }
}
