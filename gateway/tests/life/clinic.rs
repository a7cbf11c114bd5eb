//! A gateway in this process, and phones, all by one clock that the test moves.

use std::future::Future;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use getrandom::SysRng;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use safelight_core::capture::{SealedCapture, Setting, capture};
use safelight_core::client::device::Device;
use safelight_core::client::tls::GRACE;
use safelight_core::client::{CancelToken, Client, ClientError, EnrolRequest, Options, enrol};
use safelight_core::device_key::DeviceKey;
use safelight_core::ids::{DeviceId, InvitationId, UnixMillis};
use safelight_core::invitation::{Invitation, Token};
use safelight_gateway::clinic::access::{Actor, Event};
use safelight_gateway::clinic::pictures::{self, State};
use safelight_gateway::clinic::receipt_key::{self, Old};
use safelight_gateway::clinic::rotation::{self, Rotated};
use safelight_gateway::clinic::{self, ClinicError, devices, invitations, rewrap, sealed, verify};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::demo::photos::photograph;
use safelight_gateway::ingest;
use safelight_gateway::inspector::Inspector;
use safelight_gateway::link::{self, Answer, Ask, IngestStatus};
use safelight_gateway::phone::identity::fresh_key;
use safelight_gateway::phone::label::LabelInput;
use safelight_gateway::setup::{self, Plan};
use safelight_gateway::store::headers::{Headers, Kind};
use safelight_gateway::vault::Passphrase;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{HOUR, MINUTE};

/// For what takes a moment on a busy machine, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

const START: u64 = 1_800_000_000_000;

/// The true time, by which phones go; and the gateway's wall clock, which may be wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    passed: Arc<AtomicU64>,
    skew: Arc<AtomicI64>,
}

impl World {
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(START + self.passed.load(Ordering::SeqCst))
    }

    /// How wrong the gateway's clock is.
    pub(crate) fn set_skew(&self, millis: i64) {
        self.skew.store(millis, Ordering::SeqCst);
    }

    fn pass(&self, millis: u64) {
        self.passed.fetch_add(millis, Ordering::SeqCst);
    }

    /// The gateway's clocks.
    fn clock(&self) -> Clock {
        // A machine that starts counts from there.
        let (wall, steady, from) = (self.clone(), self.clone(), self.passed.load(Ordering::SeqCst));
        Clock::from_fns(
            move || UnixMillis(wall.now().0.saturating_add_signed(wall.skew.load(Ordering::SeqCst))),
            move || Duration::from_millis(steady.passed.load(Ordering::SeqCst) - from),
        )
    }
}

impl TimeProvider for World {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.now().0)))
    }
}

/// The gateway.
pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) layout: Layout,
    pub(crate) config: Config,
    running: Option<Running>,
    _folder: TempDir,
}

struct Running {
    ingest: Process<Result<(), ingest::IngestError>>,
    clinic: Process<Result<(), ClinicError>>,
}

struct Process<T> {
    stop: oneshot::Sender<()>,
    task: JoinHandle<T>,
}

impl Gateway {
    /// Makes one; nothing runs yet.
    pub(crate) async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, kit) = (folder.path().join("data"), folder.path().join("kit.txt"));
        let world = World::default();
        let passphrase = passphrase();
        let any = "127.0.0.1:0".parse().unwrap();
        let plan = Plan {
            clinic_name: "Dermatology".to_owned(),
            hosts: vec!["127.0.0.1".to_owned()],
            listen: any,
            enrol_listen: any,
            console_listen: None,
            passphrase: &passphrase,
            passphrase_work: 1,
            recovery_out: &kit,
            separation: None,
        };
        let made = setup::make(&data, &plan, world.now(), &mut SysRng).await.unwrap();
        Self { world, layout: Layout::new(&data), config: made.config, running: None, _folder: folder }
    }

    pub(crate) async fn running() -> Self {
        let mut gateway = Self::make().await;
        gateway.start().await;
        gateway
    }

    /// Starts both processes, and the clinic process again if it says that it needs that, as `serve` does.
    pub(crate) async fn start(&mut self) {
        let ingest = start(|until, ready| {
            let (layout, config, clock) = (self.layout.clone(), self.config.clone(), self.world.clock());
            async move { ingest::run(&layout, &config, clock, until, ready).await }
        })
        .await
        .expect("phones are served");
        let clinic = match self.start_clinic().await {
            Ok(clinic) => clinic,
            Err(ClinicError::KeySetLearned) => self.start_clinic().await.expect("the clinic process starts"),
            Err(error) => panic!("the clinic process does not start: {error}"),
        };
        self.running = Some(Running { ingest, clinic });
        self.in_force().await;
    }

    async fn start_clinic(&self) -> Result<Process<Result<(), ClinicError>>, ClinicError> {
        let started = start(|until, ready| {
            let (layout, config, clock) = (self.layout.clone(), self.config.clone(), self.world.clock());
            async move { clinic::run(&layout, &config, clock, None, until, ready, |_| std::future::pending()).await }
        })
        .await;
        started.map_err(|ended| ended.expect_err("it ended by itself"))
    }

    pub(crate) async fn stop(&mut self) {
        // Each process keeps the time once a second, and much of it passes in a second here.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let running = self.running.take().expect("a running gateway");
        let _ = running.clinic.stop.send(());
        running.clinic.task.await.unwrap().unwrap();
        let _ = running.ingest.stop.send(());
        running.ingest.task.await.unwrap().unwrap();
    }

    /// Time passes, in pieces that a running gateway notices, until all that follows from it is in force.
    pub(crate) async fn pass(&self, millis: u64) {
        self.world.pass(millis);
        if self.running.is_some() {
            self.in_force().await;
        }
    }

    /// Waits until ingest has what the clinic has decided, and a certificate that holds.
    pub(crate) async fn in_force(&self) {
        let wanted = devices::current_generation(&self.open().await.catalog).await.unwrap();
        self.until("what was decided is in force", |status| {
            let holds = status.certificate_until > self.world.now();
            // While the clock is wrong no certificate is renewed.
            status.devices_generation >= wanted && (holds || self.world.skew.load(Ordering::SeqCst) != 0)
        })
        .await;
    }

    /// Waits for something that ingest says of itself.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&IngestStatus) -> bool) {
        eventually(what, || async {
            let mut link = link::connect(&self.layout.ingest()).await.ok()?;
            match link.ask(&Ask::Status).await.ok()? {
                Answer::Status(status) => holds(&status).then_some(()),
                _ => None,
            }
        })
        .await;
    }

    /// The gateway's clocks.
    pub(crate) fn clock(&self) -> Clock {
        self.world.clock()
    }

    /// The clinic's folder, opened as a command at the shell does.
    pub(crate) async fn open(&self) -> clinic::Clinic {
        clinic::Clinic::open(&self.layout, &self.config, &self.world.clock()).await.unwrap()
    }

    /// An invitation as `device invite` makes it.
    pub(crate) async fn invite(&self, name: &str) -> Result<Invitation, ClinicError> {
        let clinic = self.open().await;
        let now = clinic.time_to_issue()?;
        let (id, token) = (InvitationId::from_bytes(random()), Token::from_bytes(random()));
        let person = "clinician1".parse().unwrap();
        let row = invitations::Invitation {
            id,
            device_name: name.to_owned(),
            person,
            created_at: now,
            expires_at: UnixMillis(now.0 + 15 * MINUTE),
            device: None,
            attempts: 0,
            replays: 0,
            voided_at: None,
        };
        let mut tx = clinic.catalog.write().await?;
        devices::ensure_person(&mut tx, &row.person, now).await?;
        invitations::insert(&mut tx, &row, &token.hash()).await?;
        clinic.access.record(&mut tx, &Actor::shell(), now, &[Event::Invited(id, &row.person)]).await?;
        tx.commit().await?;
        Ok(Invitation {
            clinic_id: clinic.id(),
            invitation_id: id,
            addresses: self.config.enrol_addresses(),
            ca_sha256: clinic.ca.sha256(),
            token,
            expires_at: row.expires_at,
        })
    }

    /// A phone that is enrolled and approved.
    pub(crate) async fn enrol(&self, name: &str) -> Phone {
        let invitation = self.invite(name).await.unwrap();
        self.in_force().await;
        self.until("the enrolment listener", |status| status.enrol_open).await;
        let (_, key) = fresh_key().unwrap();
        let now = self.world.now();
        let request = EnrolRequest {
            invitation: &invitation,
            key: key.clone(),
            device_name: name,
            attestation: None,
            now,
            wait: PATIENCE,
        };
        let mut rng = SysRng;
        let joining = enrol(request, &mut rng, |_| {});
        let approving = async {
            let id = eventually("words", || async {
                let listed = devices::list(&self.open().await.catalog).await.unwrap();
                listed.into_iter().find(|device| device.name == name && !device.words.is_empty()).map(|found| found.id)
            })
            .await;
            self.decide(id, true).await;
        };
        let (device, ()) = tokio::join!(joining, approving);
        let device = device.unwrap();
        Phone { id: device.device_id, world: self.world.clone(), client: client(&self.world, device, key) }
    }

    /// Approves or revokes, as the commands do.
    pub(crate) async fn decide(&self, id: DeviceId, approve: bool) {
        let clinic = self.open().await;
        let now = clinic.now();
        let mut tx = clinic.catalog.write().await.unwrap();
        let (done, event) = match approve {
            true => (devices::approve(&mut tx, id, now).await.unwrap(), Event::DeviceApproved(id)),
            false => (devices::revoke(&mut tx, id, now).await.unwrap(), Event::DeviceRevoked(id)),
        };
        assert!(done);
        clinic.access.record(&mut tx, &Actor::shell(), now, &[event]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// How many entries of this kind the access log has.
    pub(crate) async fn entries(&self, kind: &str) -> usize {
        let clinic = self.open().await;
        let mut bytes = Vec::new();
        clinic.access.log().export(0, &mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).count()
    }

    /// Certificates of a device that let it in or may be renewed.
    pub(crate) async fn usable_certificates(&self, id: DeviceId) -> usize {
        let held = devices::certificates(&self.open().await.catalog, id).await.unwrap();
        held.iter().filter(|held| held.not_after.plus(GRACE) > self.world.now()).count()
    }

    /// Returns once nothing of the clinic's folder is open: connections that were let go of close themselves on threads of their own, and may take
    /// the write-ahead log away.
    async fn closed(&self) {
        let folder = self.layout.clinic();
        eventually("closed files", || async {
            let mut open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let is_ours = |path: PathBuf| path.starts_with(&folder);
            (!open.any(|file| std::fs::read_link(file.path()).is_ok_and(is_ours))).then_some(())
        })
        .await;
    }

    /// A copy of the clinic's folder, as a backup of a stopped gateway is.
    pub(crate) async fn back_up(&self, to: &Path) {
        assert!(self.running.is_none(), "a running database is not copied");
        self.closed().await;
        copy(&self.layout.clinic(), to);
    }

    pub(crate) async fn restore(&self, from: &Path) {
        assert!(self.running.is_none(), "a running database is not replaced");
        self.closed().await;
        std::fs::remove_dir_all(self.layout.clinic()).unwrap();
        copy(from, &self.layout.clinic());
    }
}

impl Gateway {
    /// A new vault key, as an admin makes one: stop, `vault rotate`, start.
    pub(crate) async fn rotate_vault(&mut self) -> Rotated {
        self.stop().await;
        let clinic = self.open().await;
        let rotated = rotation::rotate(&clinic, &passphrase(), &Actor::shell()).await.expect("a new vault key");
        let rewrapped = rewrap::rewrap(&clinic, &rotated.vault, &Actor::shell(), clinic.now(), |_| {}).await.unwrap();
        assert!(rewrapped.failed.is_empty(), "{rewrapped:?}");
        self.start().await;
        rotated
    }

    /// A new receipt key, as an admin orders one.
    pub(crate) async fn rotate_receipt_key(&self) {
        let before = self.open().await.key_set().key_set().receipt_key.clone();
        receipt_key::order(&self.open().await, Old::Overlaps, &Actor::shell()).await.expect("it is due");
        eventually("a new receipt key", || async {
            let clinic = self.open().await;
            let done = !receipt_key::is_ordered(&clinic).await.unwrap();
            (done && clinic.key_set().key_set().receipt_key != before).then_some(())
        })
        .await;
    }

    /// Judges what has come as an unlocked clinic process does, and opens everything there is. How many pictures that is.
    pub(crate) async fn opens_everything(&self) -> usize {
        self.until("everything is taken over", |status| status.inbox == 0).await;
        let mut clinic = self.open().await;
        clinic.inspector = Inspector::new(env!("CARGO_BIN_EXE_safelight").into());
        let vault = clinic.unlock(&passphrase()).unwrap();
        for picture in pictures::list(&clinic.catalog, 0, u32::MAX).await.unwrap() {
            if picture.state == State::Received {
                verify::judge(&clinic, &vault, &picture, clinic.now()).await.unwrap();
            }
        }
        let all = pictures::list(&clinic.catalog, 0, u32::MAX).await.unwrap();
        let epoch = clinic.key_set().key_set().vault_epoch;
        for picture in &all {
            assert_eq!(picture.state, State::Verified, "{}: {}", picture.capture, picture.reason);
            let header = clinic.headers.get(picture.capture.into(), Kind::Picture).await.unwrap().unwrap();
            assert!(vault.opens_with(epoch, &header), "{} is not under the newest key", picture.capture);
            sealed::photograph(&clinic, &vault, picture).await.expect("it opens");
            sealed::label(&clinic, &vault, picture).await.expect("its label opens");
        }
        all.len()
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new("a passphrase for tests alone").unwrap()
}

/// An enrolled phone.
pub(crate) struct Phone {
    pub(crate) id: DeviceId,
    pub(crate) client: Client,
    world: World,
}

impl Phone {
    /// Comes to the gateway as a phone does each day: connects, renews if that is due, takes the newest key set.
    pub(crate) async fn visit(&self) -> Result<(), ClientError> {
        self.client.disconnect().await;
        self.client.connect().await?;
        match self.client.renew_if_due(self.world.now()).await {
            Err(ClientError::Refused(code)) if code.is_temporary() => {}
            other => drop(other?),
        }
        self.client.update_key_set(self.world.now()).await.map(drop)
    }

    /// Takes a photograph, seals it with the key set that it has, and sends it until its receipt holds.
    pub(crate) async fn sends(&self) -> Result<(), ClientError> {
        let sealed = self.seals();
        self.client.upload(&sealed, |_| {}, &CancelToken::new()).await.map(drop)
    }

    /// Takes a photograph and seals it with the key set and the key that it has.
    pub(crate) fn seals(&self) -> Arc<SealedCapture> {
        let photo = photograph(3).unwrap().bytes;
        let label = br#"{"patient":"1","name":"Nobody","birth_date":"1961-02-03","site":"left forearm"}"#;
        let label = LabelInput::parse(label).and_then(|input| input.into_label(self.world.now())).unwrap();
        let sequence = self.client.update(Device::take_sequence);
        let device = self.client.device();
        let setting = Setting {
            key_set: device.key_set.key_set(),
            device_id: device.device_id,
            operator: &device.operator,
            sequence,
            captured_at: self.world.now(),
            workers: NonZeroUsize::MIN,
            software: None,
        };
        Arc::new(capture(&photo, &label, &setting, self.client.key().as_ref(), &mut SysRng).unwrap())
    }

    /// The number of the key set that it has.
    pub(crate) fn key_set(&self) -> u64 {
        self.client.device().key_set.key_set().number
    }

    /// The same phone as it was, for an answer that it will never see.
    pub(crate) fn twin(&self) -> Client {
        client(&self.world, self.client.device(), self.client.key())
    }
}

fn client(world: &World, device: Device, key: Arc<dyn DeviceKey>) -> Client {
    let options = Options { time: Some(Arc::new(world.clone())), retry_for: Duration::ZERO, ..Options::default() };
    Client::new(device, key, options)
}

/// Starts a process; it either serves, or has ended with what it says.
async fn start<T, F>(run: impl FnOnce(Until, Box<dyn FnOnce() + Send>) -> F) -> Result<Process<T>, T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = oneshot::channel::<()>();
    let until: Until = Box::pin(async { drop(stopped.await) });
    let mut task = tokio::spawn(run(
        until,
        Box::new(|| {
            let _ = ready.send(());
        }),
    ));
    tokio::select! {
        Ok(()) = is_ready => Ok(Process { stop, task }),
        ended = &mut task => Err(ended.expect("no panic")),
        () = tokio::time::sleep(PATIENCE) => panic!("it does not start"),
    }
}

type Until = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Looks until there is something to see.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A running gateway notices a clock within a second; this is a little more, by its own clock as well.
pub(crate) async fn a_moment(gateway: &Gateway) {
    gateway.world.pass(HOUR / 60);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}
