//! The process that faces the phones, and is blind.
//!
//! It holds its TLS key, the receipt key and the intake-log key, and nothing else: it cannot open a picture, enrol a device or
//! change the key set that phones are given. It never opens a connection inward.
//!
//! | file | does |
//! |---|---|
//! | `listener` | the two QUIC endpoints, and how they are tuned |
//! | [`authenticate`] | from a handshake to a `VerifiedDevice` |
//! | `connection` | one phone: welcome, streams, answers |
//! | `upload` | one picture: judged, written, made durable, acknowledged |
//! | `inbox` | what is stored: inbox rows and the intake log, in one transaction; receipts |
//! | `renew`, `enrol_listener`, `relay` | carried to the clinic process, not understood |
//! | `link_server` | answers the clinic process |
//! | `sweep` | removes what was never acknowledged, names what is lost |
//! | `timekeeping` | whether the clock can be right |
//! | `receipt_keys` | the key that signs receipts, and how it is changed |
//! | `devices`, `key_set`, `live`, `unfinished`, `handshakes`, `refusals`, `knocks`, `sightings` | what is in force and what is live |

pub mod authenticate;
mod connection;
mod devices;
mod enrol_listener;
mod handshakes;
pub mod inbox;
mod key_set;
pub mod keys;
mod knocks;
mod link_server;
mod listener;
mod live;
mod receipt_keys;
mod refusals;
mod relay;
mod renew;
mod sightings;
mod sweep;
mod timekeeping;
mod unfinished;
mod upload;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use safelight_core::device_key::SoftwareKey;
use safelight_core::ids::{ClinicId, DeviceId};
use safelight_core::wire::{CloseReason, RefusalCode};
use tokio::sync::{Notify, watch};

use self::inbox::{Inbox, InboxError};
use self::key_set::InForce;
use self::keys::{IngestKeys, KeysError};
use crate::background::Background;
use crate::clock::Clock;
use crate::clock::guard::Guard;
use crate::config::{Config, Layout};
use crate::link::{self, LinkError, OpenInvitation};
use crate::store::blobs::{BlobError, Blobs, FileBlobs};

/// Uploads that are written at once. More wait with the phone, which tries again.
const MAX_UPLOADS: usize = 256;

/// How long running uploads have to end when the process is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long they then have to write down what has arrived.
const AFTER_CUT: Duration = Duration::from_secs(2);

/// Why ingest could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Keys or certificate.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The inbox.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The payloads.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] authenticate::ServerTlsError),
    /// A port that cannot be had.
    #[error(
        "cannot listen on UDP {address}: {source}. Is another gateway running, or does the address belong to another machine?"
    )]
    Listen {
        /// What was asked for.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Another ingest process works on this folder.
    #[error("another ingest process is running on {0}")]
    AlreadyRunning(PathBuf),
    /// After a failed fsync nothing that the store says can be believed.
    #[error("the store can no longer be trusted (a write to the disk failed): check the disk, then start again")]
    StoreDistrusted,
    /// A part of the process has ended that must not.
    #[error(
        "a part of the ingest process has ended ({0}): this is a fault of the program, and its log says more. Start it again"
    )]
    TaskEnded(&'static str),
    /// The folder.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Everything that a connection needs.
#[derive(Debug)]
pub(crate) struct Ingest {
    clinic_id: ClinicId,
    /// The watched one.
    clock: Clock,
    guard: Guard,
    inbox: Inbox,
    blobs: FileBlobs,
    keys: Mutex<IngestKeys>,
    devices: Arc<devices::Devices>,
    key_set: key_set::KeySetInForce,
    invitations: Mutex<Vec<OpenInvitation>>,
    wrong_tokens: enrol_listener::WrongTokens,
    live: live::Live,
    unfinished: unfinished::Unfinished,
    handshakes: handshakes::Handshakes,
    relay: relay::Relay,
    refusals: refusals::Refusals,
    knocks: knocks::Knocks,
    sightings: sightings::Sightings,
    /// Something new for the clinic process.
    news: Arc<Notify>,
    /// The certificate has changed.
    reconfigured: Notify,
    /// The invitations have changed.
    invited: Notify,
    enrol_open: AtomicBool,
    /// No new requests are taken.
    stop: watch::Sender<bool>,
    /// Running uploads are ended too.
    cut: watch::Sender<bool>,
    uploads: AtomicUsize,
    clinic_seen: AtomicU64,
    clinic_unlocked: AtomicBool,
}

impl Ingest {
    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    async fn stopping(&self) {
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    async fn cut_off(&self) {
        let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
    }

    /// Ends the process once the store can no longer be trusted: a restart looks at what is really there.
    fn stop_if_distrusted(&self) {
        if !self.inbox.is_trusted() || !self.blobs.trust().holds() {
            self.stop.send_replace(true);
            self.cut.send_replace(true);
        }
    }

    async fn distrusted(&self) {
        tokio::select! {
            () = self.inbox.distrusted() => {}
            () = self.blobs.trust().lost() => {}
        }
    }

    /// A place among the uploads, given back when it is dropped.
    fn try_reserve_upload(&self) -> Result<UploadPlace<'_>, RefusalCode> {
        let place = UploadPlace(&self.uploads);
        if self.uploads.fetch_add(1, Ordering::AcqRel) >= MAX_UPLOADS { Err(RefusalCode::TooMany) } else { Ok(place) }
    }

    /// The refusal for a failure of the store. One that makes the store untrustworthy ends the process.
    fn store_failed(&self, error: &BlobError) -> RefusalCode {
        tracing::error!(%error, "the store failed");
        self.stop_if_distrusted();
        RefusalCode::StoreUnavailable
    }

    /// The key that the key set in force names for receipts of pictures that were sealed under key set `number`.
    fn receipt_key(&self, number: u64) -> Result<SoftwareKey, RefusalCode> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let receipt = keys.receipt();
        let key = match self.key_set.receipt_key(number) {
            Some(named) => receipt.of(&named),
            // A clinic process of before has not said.
            None => Some(receipt.current()),
        };
        key.cloned().ok_or_else(|| {
            tracing::error!(
                "the clinic names a receipt key that is not here: `safelight receipt-key rotate` changes it"
            );
            RefusalCode::StoreUnavailable
        })
    }

    async fn refuse_connection(&self, device: DeviceId, reason: CloseReason) {
        self.log_refusal(device, reason.name()).await;
    }

    async fn refuse_request(&self, device: DeviceId, code: RefusalCode) {
        self.log_refusal(device, code.name()).await;
    }

    async fn log_refusal(&self, device: DeviceId, code: &'static str) {
        let now = self.clock.now();
        if self.refusals.note_device(device, code, now) {
            tracing::info!(%device, code, "refused");
            if let Err(error) = self.inbox.log_refusal(device, code, now).await {
                tracing::error!(%error, "a refusal could not be logged");
            }
        }
    }

    /// Counts somebody unknown who was refused, and puts it on record now and then: beside whoever serves, so that a flood waits for no disk.
    fn turn_away(self: &Arc<Self>, code: &'static str) {
        let now = self.clock.now();
        let Some(count) = self.refusals.note_stranger(code, now) else { return };
        tracing::info!(code, count, "turned away");
        let ingest = self.clone();
        tokio::spawn(async move {
            if let Err(error) = ingest.inbox.log_turned_away(code, count, now).await {
                tracing::error!(%error, "a refusal could not be logged");
            }
        });
    }

    fn clinic_seen(&self, unlocked: bool) {
        self.clinic_seen.store(self.elapsed_ms(), Ordering::Release);
        self.clinic_unlocked.store(unlocked, Ordering::Release);
    }

    fn clinic_seen_ms_ago(&self) -> Option<u64> {
        match self.clinic_seen.load(Ordering::Acquire) {
            0 => None,
            seen => Some(self.elapsed_ms().saturating_sub(seen)),
        }
    }

    /// On the clock that nobody can set; never 0.
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

struct UploadPlace<'a>(&'a AtomicUsize);

impl Drop for UploadPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs until `until` returns, or the store can no longer be trusted. `ready` is called once phones are served.
pub async fn run(
    layout: &Layout,
    config: &Config,
    clock: Clock,
    until: impl Future<Output = ()>,
    ready: impl FnOnce(),
) -> Result<(), IngestError> {
    let folder = layout.ingest();
    let _lock = lock(&folder)?;
    let keys = IngestKeys::load(&folder)?;
    let devices = Arc::new(devices::Devices::default());
    let (inbox, guard) = Inbox::open(&folder, &keys, &clock, devices.clone()).await?;
    let blobs = FileBlobs::open(&folder)?;
    let news = Arc::new(Notify::new());
    let ingest = Arc::new(Ingest {
        clinic_id: keys.clinic_id(),
        clock: guard.clock(),
        guard,
        blobs,
        keys: Mutex::new(keys),
        devices,
        key_set: key_set::KeySetInForce::default(),
        invitations: Mutex::default(),
        wrong_tokens: enrol_listener::WrongTokens::default(),
        live: live::Live::default(),
        unfinished: unfinished::Unfinished::default(),
        handshakes: handshakes::Handshakes::default(),
        relay: relay::Relay::new(news.clone()),
        refusals: refusals::Refusals::default(),
        knocks: knocks::Knocks::default(),
        sightings: sightings::Sightings::default(),
        news,
        reconfigured: Notify::new(),
        stop: watch::Sender::new(false),
        cut: watch::Sender::new(false),
        uploads: AtomicUsize::new(0),
        clinic_seen: AtomicU64::new(0),
        clinic_unlocked: AtomicBool::new(false),
        invited: Notify::new(),
        enrol_open: AtomicBool::new(false),
        inbox,
    });
    recall(&ingest).await?;
    let link_listener = link::listen(&folder, config.clinic_uid)?;
    let phones = listener::Phones::open(&ingest, config.listen)?;
    let mut background = Background::<IngestError>::default();
    background.start("link", link_server::serve(ingest.clone(), link_listener, config.listen, config.enrol_listen));
    background.start("enrolment", listener::enrolling(ingest.clone(), config.enrol_listen));
    background.start("sweep", sweep::run(ingest.clone()));
    background.start("timekeeping", timekeeping::run(ingest.clone()));
    background.start("watch", watch_live(ingest.clone()));
    tracing::info!(listen = %config.listen, "phones are served");
    ready();
    let died = tokio::select! {
        () = until => None,
        () = phones.serve(ingest.clone()) => Some("phones"),
        (task, _) = background.ended() => Some(task),
        () = ingest.stopping() => None,
        // Whoever has found out: a phone's upload, the clinic process's answer, the sweep.
        () = ingest.distrusted() => {
            ingest.stop_if_distrusted();
            None
        }
    };
    let distrusted = ingest.is_stopping();
    ingest.stop.send_replace(true);
    drain(&ingest).await;
    phones.close().await;
    background.stop().await;
    match died {
        _ if distrusted => Err(IngestError::StoreDistrusted),
        Some(task) => Err(IngestError::TaskEnded(task)),
        None => Ok(()),
    }
}

/// What was in force before the restart.
async fn recall(ingest: &Ingest) -> Result<(), IngestError> {
    let (generation, devices) = ingest.inbox.devices().await?;
    ingest.devices.replace(generation, devices);
    if let Some(in_force) = ingest.inbox.key_set().await? {
        put_in_force(ingest, in_force)?;
    }
    Ok(())
}

/// Key sets that are taken now, and the receipt keys that they name. What signs is looked up there, so that comes first.
fn put_in_force(ingest: &Ingest, in_force: InForce) -> Result<(), KeysError> {
    let named = in_force.receipt_keys.clone();
    ingest.key_set.replace(in_force);
    ingest.keys.lock().unwrap_or_else(PoisonError::into_inner).receipt().follow(&named)
}

/// Lets running uploads end by themselves for a while, then ends them: what has arrived stays, and the phones go on from there.
async fn drain(ingest: &Ingest) {
    for (cut, patience) in [(false, DRAIN), (true, AFTER_CUT)] {
        if cut {
            ingest.cut.send_replace(true);
        }
        let deadline = tokio::time::Instant::now() + patience;
        while ingest.uploads.load(Ordering::Acquire) > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Between two looks at who is still connected and welcome.
const LOOK_AT_LIVE: Duration = Duration::from_secs(5);

/// A connection does not outlive its certificate, however long it is kept alive.
async fn watch_live(ingest: Arc<Ingest>) {
    loop {
        tokio::time::sleep(LOOK_AT_LIVE).await;
        connection::close_unwelcome(&ingest).await;
    }
}

fn lock(folder: &std::path::Path) -> Result<std::fs::File, IngestError> {
    match crate::owner::lock(folder) {
        Ok(Some(held)) => Ok(held),
        Ok(None) => Err(IngestError::AlreadyRunning(folder.to_owned())),
        Err(source) => Err(IngestError::Io { path: folder.join(crate::owner::LOCK_FILE), source }),
    }
}
