//! The process that holds the keys: it pulls what ingest has stored, believes none of it, opens it, and shows it to
//! those who treat the patient. It also runs the clinic's list of devices.
//!
//! | file | does |
//! |---|---|
//! | `pull` | takes captures over from ingest |
//! | `verify` | judges them: signature, payload, label, inspector; writes a header of the clinic's own |
//! | `flags` | what a person should look at although a picture is sound |
//! | `enrolments`, `renewals` | phones that join, and phones that stay |
//! | [`attestation_roots`] | whom a phone's key attestation may lead to |
//! | `revocations`, `knocks`, `sightings` | what had come from a device when its revocation came into force, that it tries to connect all the same, and when others were there |
//! | `push` | keeps ingest's copy of devices, invitations and key set current |
//! | [`inviting`], `invitations` | what brings devices, and how often it was tried |
//! | `timekeeping` | whether the clock can be right |
//! | `rollover` | from one CA to the next |
//! | [`receipt_key`] | from one receipt key to the next |
//! | [`rotation`], [`rewrap`] | from one vault key to the next, and what was sealed to the old one |
//! | `restored` | what ingest knows better after this catalog was restored from a backup |
//! | `witness` | remembers what ingest has signed, so that it cannot take it back |
//! | [`devices`], [`pictures`], `thumbnails`, [`people`], [`teams`], [`team_visits`], [`care`], [`care_teams`], [`emergency`], [`corrections`], [`downloads`], [`access`], [`schema`] | the catalog |
//! | [`joining`], [`credentials`], [`sessions`] | how people begin, how they show who they are, and who is logged in |
//! | [`access_index`] | where in the access log a patient, a picture, a person is named |
//! | [`aliases`], [`merges`] | which record stands for a number, and how that changes |
//! | [`because`] | who changes something of a record, when and why |
//! | [`directory`] | patients' names in memory, while the vault is unlocked |
//! | [`desk`], `door` | what the console may ask of the running process, and the vault in it |
//! | [`keys`] | the CA, the clinic key, the handle key, the access-log key |

pub mod access;
pub mod access_index;
pub mod aliases;
pub mod attestation_roots;
pub mod because;
pub mod care;
pub mod care_teams;
pub mod corrections;
pub mod credentials;
pub mod desk;
pub mod devices;
pub mod directory;
mod door;
pub mod downloads;
pub mod emergency;
mod enrolments;
pub mod first_run;
mod flags;
pub mod identity;
pub mod invitations;
pub mod inviting;
pub mod joining;
pub mod keys;
mod knocks;
pub mod merges;
pub mod passkeys;
pub mod people;
pub mod pictures;
mod pull;
mod push;
pub mod reading;
pub mod receipt_key;
mod renewals;
pub mod resets;
mod restored;
mod revocations;
pub mod rewrap;
pub mod rollover;
pub mod rotation;
pub mod schema;
pub mod sealed;
pub mod sessions;
pub(crate) mod settings;
mod sightings;
pub mod team_visits;
pub mod teams;
mod thumbnails;
pub mod timekeeping;
pub mod verify;
pub mod witness;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::device_key::PublicKey;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_core::invitation::InvitationError;
use safelight_core::keyset::{KeySet, KeySetError, VerifiedKeySet};
use safelight_core::seal::{HeaderError as SealedHeaderError, OpenError};
use tokio::sync::{Notify, watch};

use self::access::{AccessError, AccessLog, Actor, Event};
use self::desk::Desk;
use self::directory::Directory;
use self::door::Door;
use self::keys::{ClinicKeys, ClinicKeysError, next_key_set_for};
use self::rollover::OtherCas;
use crate::background::Background;
use crate::clock::Clock;
use crate::clock::guard::Guard;
use crate::config::{Config, Layout, RecordNumbers};
use crate::enrol::attestation::Roots;
use crate::enrol::ca::{Ca, CaError};
use crate::enrol::issue::{Dating, IssueError, IssuedCertificate};
use crate::inspector::Inspector;
use crate::link::LinkError;
use crate::log::{LogError, MerkleLog};
use crate::store::blobs::{BlobError, FileBlobs};
use crate::store::catalog::{Catalog, CatalogError};
use crate::store::headers::{HeaderError, SqliteHeaders};
use crate::vault::{EpochError, Passphrase, UnlockError, Unlocked};

/// Name of the header store.
pub const HEADERS_FILE: &str = "headers.db";

/// Why the clinic process could not do something. A person's data is in none of these.
#[derive(Debug, thiserror::Error)]
pub enum ClinicError {
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The header store.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The payloads.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The access log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry of the access log.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The clinic's keys.
    #[error(transparent)]
    Keys(#[from] ClinicKeysError),
    /// The CA.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// A certificate could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// An invitation cannot be written.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The vault.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The vault's file has no further key.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// The vault's file is not the one of the key set in force.
    #[error(
        "the vault file does not hold the key that new pictures are sealed to: put the newest copy of it in its place"
    )]
    VaultBehind,
    /// Something sealed does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The parts of a sealed file.
    #[error(transparent)]
    SealedFile(#[from] SealedHeaderError),
    /// The payload is not the one that the device signed for.
    #[error("the stored picture is damaged or was replaced: it is not what the device signed for")]
    PayloadDamaged,
    /// Its header is gone, and with it whatever it opened.
    #[error("this was destroyed: its header is gone, and nothing can open it any more")]
    Destroyed,
    /// The inspector could not work; the log says why.
    #[error("pictures cannot be inspected at the moment: see the log")]
    Inspector,
    /// Ingest has a newer key set that this clinic has signed: this catalog was restored from an older backup.
    #[error("a newer key set of this clinic was found and taken over: it is in force after a new start")]
    KeySetLearned,
    /// The clock is not to be believed.
    #[error(
        "the clock cannot be right (it says a time that is {}, from what was seen before), so nobody is enrolled: set it; if it is right, run `safelight clock accept`",
        .0.name()
    )]
    Clock(crate::clock::guard::Judgement),
    /// Something in the catalog is not what this program writes.
    #[error("clinic.db holds something that this program did not write: restore it from the backup")]
    CatalogDamaged,
    /// The source of randomness failed.
    #[error("the machine could not produce random numbers: check the system, then start again")]
    Randomness,
    /// A part of the process has ended that must not.
    #[error(
        "a part of the clinic process has ended ({0}): this is a fault of the program, and its log says more. Start it again"
    )]
    TaskEnded(&'static str),
    /// Who signed this cannot be said yet: the certificate was issued after the backup that this catalog was restored from.
    #[error(
        "a certificate of this device is not known yet, since the catalog was restored from a backup: it is learned when the device renews it"
    )]
    CertificateNotKnownYet,
    /// Another clinic process works on this folder.
    #[error("another clinic process is running on {0}")]
    AlreadyRunning(PathBuf),
    /// The lock file.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ClinicError {
    /// What is wrong with what is stored, as a stable code, if that is what the error says.
    #[must_use]
    pub const fn damage(&self) -> Option<&'static str> {
        match self {
            Self::PayloadDamaged => Some("payload"),
            Self::Blobs(BlobError::Missing | BlobError::NotFound | BlobError::NotAFile | BlobError::OutOfRange) => {
                Some("payload-gone")
            }
            Self::Blobs(BlobError::Io(_)) => Some("disk"),
            Self::Destroyed => Some("header-gone"),
            Self::Open(_) | Self::SealedFile(_) => Some("seal"),
            Self::CatalogDamaged => Some("catalog"),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for ClinicError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}

/// The clinic's folder, opened: what the process and the shell commands work on.
#[derive(Debug)]
pub struct Clinic {
    /// `clinic.db`.
    pub catalog: Catalog,
    /// `headers.db`.
    pub headers: SqliteHeaders,
    /// Sealed payloads, to be read.
    pub blobs: FileBlobs,
    /// The access log.
    pub access: AccessLog,
    /// The CA.
    pub ca: Ca,
    other_cas: OtherCas,
    /// The clinic's other keys.
    pub keys: ClinicKeys,
    key_set: Mutex<Arc<VerifiedKeySet>>,
    /// How record numbers are compared.
    pub record_numbers: RecordNumbers,
    /// Looks into pictures, in a process of its own.
    pub inspector: Inspector,
    /// The clock, watched.
    pub guard: Guard,
    /// Held from the look whether a number has an identity until that is in the catalog: its header lies elsewhere, and must be of the same.
    naming: tokio::sync::Mutex<()>,
    folder: PathBuf,
}

impl Clinic {
    /// Opens the clinic's part of a data folder.
    pub async fn open(layout: &Layout, config: &Config, clock: &Clock) -> Result<Self, ClinicError> {
        let folder = layout.clinic();
        let keys = ClinicKeys::load(&folder)?;
        let other_cas = OtherCas::load(&folder, keys.clinic_id())?;
        let ca = keys.load_ca(&folder)?;
        let catalog = Catalog::open(folder.join(schema::FILE_NAME), &schema::migrations()).await?;
        let guard = timekeeping::guard(&catalog, clock).await?;
        let key_set = keys.load_key_set(&folder, &other_cas.roots(&ca), guard.now())?;
        let origin = keys::access_origin(keys.clinic_id());
        let log = MerkleLog::new(catalog.clone(), &origin, keys.access_log().verifying_key())?;
        let access = AccessLog::new(log, keys.access_log().clone());
        Ok(Self {
            headers: SqliteHeaders::open(&folder.join(HEADERS_FILE)).await?,
            blobs: FileBlobs::open(&layout.ingest())?,
            access,
            ca,
            other_cas,
            key_set: Mutex::new(Arc::new(key_set)),
            inspector: Inspector::this_program()
                .map_err(|source| ClinicError::Io { path: "inspector".into(), source })?,
            guard,
            naming: tokio::sync::Mutex::new(()),
            keys,
            catalog,
            record_numbers: config.record_numbers,
            folder,
        })
    }

    /// Whose clinic this is.
    pub fn id(&self) -> ClinicId {
        self.keys.clinic_id()
    }

    /// The CA certificates that are trusted (DER), the one that issues first.
    fn roots(&self) -> Vec<Vec<u8>> {
        self.other_cas.roots(&self.ca)
    }

    /// The time to be used.
    pub fn now(&self) -> UnixMillis {
        self.guard.now()
    }

    /// The time, if something may be dated by it.
    ///
    /// # Errors
    /// [`ClinicError::Clock`].
    pub fn time_to_issue(&self) -> Result<UnixMillis, ClinicError> {
        let reading = self.guard.look();
        if reading.judgement.may_issue() { Ok(reading.now) } else { Err(ClinicError::Clock(reading.judgement)) }
    }

    /// How a certificate is dated at `now`: so that it holds by the time that was last believed too.
    fn dating(&self, now: UnixMillis) -> Dating {
        Dating { since: self.guard.look().mark, now }
    }

    /// The clinic process's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A TLS certificate for the console, for these names and addresses.
    ///
    /// # Errors
    /// [`ClinicError::Issue`].
    pub fn issue_console(&self, key: &PublicKey, hosts: &[String]) -> Result<IssuedCertificate, ClinicError> {
        Ok(self.ca.issue_console(key, hosts, self.dating(self.now()), &mut SysRng)?)
    }

    /// The vault's file.
    pub fn vault_file(&self) -> PathBuf {
        self.folder.join(keys::VAULT_FILE)
    }

    /// Unlocks the vault.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<Unlocked, ClinicError> {
        Ok(Unlocked::unlock(&self.vault_file(), passphrase)?)
    }

    /// Signs a new key set if name or addresses have been configured anew, or the CA is rolled over: phones learn them from there.
    async fn follow_configuration(&self, config: &Config) -> Result<(), ClinicError> {
        let held = self.key_set();
        let held = held.key_set();
        let roots = self.roots();
        let same =
            held.clinic_name == config.clinic_name && held.addresses == config.addresses() && held.roots == roots;
        // A key set that is dated wrongly can wait.
        if same || self.time_to_issue().is_err() {
            return Ok(());
        }
        let now = self.now();
        let next = next_key_set_for(held, config, roots, now);
        record(self, &[Event::KeySetSigned(next.number)]).await?;
        self.put_in_force(&next, now)
    }

    /// Signs a key set and puts it in force, here and on the disk; ingest is told of it on the link.
    fn put_in_force(&self, next: &KeySet, now: UnixMillis) -> Result<(), ClinicError> {
        let signed = self.keys.sign_and_keep(&self.folder, next, now)?;
        *self.key_set.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(signed);
        tracing::info!(number = next.number, "a new key set tells phones what has changed");
        Ok(())
    }

    /// The key set in force.
    pub fn key_set(&self) -> Arc<VerifiedKeySet> {
        self.key_set.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The running clinic process.
#[derive(Debug)]
struct Running {
    clinic: Clinic,
    clock: Clock,
    ingest_folder: PathBuf,
    vault: Door,
    /// A capture has been taken over.
    pulled: Notify,
    /// Patients' names while the vault is unlocked.
    directory: Directory,
    /// Whom a phone's attestation may lead to.
    attestation_roots: Roots,
}

/// Between two attempts to reach ingest.
const RECONNECT: Duration = Duration::from_millis(500);

/// Runs until `until` returns. `ready` is called when the link to ingest stands for the first time. Without a passphrase the vault stays
/// locked until somebody unlocks it: captures are taken over and wait. `serving` is what the process does beside, such as its console.
pub async fn run<S: Future<Output = ()> + Send + 'static>(
    layout: &Layout,
    config: &Config,
    clock: Clock,
    passphrase: Option<Passphrase>,
    until: impl Future<Output = ()>,
    ready: impl FnOnce(),
    serving: impl FnOnce(Desk) -> S,
) -> Result<(), ClinicError> {
    let _lock = lock(&layout.clinic())?;
    let clinic = Clinic::open(layout, config, &clock).await?;
    clinic.follow_configuration(config).await?;
    let vault = unlocked(&clinic, passphrase).await?;
    // From here on the time is the watched one.
    let clock = clinic.guard.clock();
    let running = Arc::new(Running {
        clinic,
        clock,
        ingest_folder: layout.ingest(),
        vault: Door::new(vault),
        pulled: Notify::new(),
        directory: Directory::default(),
        attestation_roots: attestation_roots::in_force(config),
    });
    let (linked, mut on_linked) = watch::channel(false);
    let mut background = Background::default();
    let pulling = running.clone();
    background.start_until("pull", async move { Some(pull::run(pulling, linked).await) });
    background.start("verify", verify::run(running.clone()));
    background.start("directory", directory::run(running.clone()));
    background.start("witness", witness::run(running.clone()));
    background.start("timekeeping", timekeeping::run(running.clone()));
    background.start("sessions", sessions::run(running.clone()));
    background.start("access-index", access_index::run(running.clone()));
    background.start("console", serving(Desk::new(running)));
    let ready = async {
        if on_linked.wait_for(|linked| *linked).await.is_ok() {
            ready();
        }
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        () = until => Ok(()),
        () = ready => Ok(()),
        (task, reason) = background.ended() => Err(reason.unwrap_or(ClinicError::TaskEnded(task))),
    };
    background.stop().await;
    outcome
}

/// The vault, if the passphrase opens it. With a wrong one it stays locked, as without any: ingest must not suffer for it, nor the pictures that
/// wait, and a process that ended would only be started again with the same.
async fn unlocked(clinic: &Clinic, passphrase: Option<Passphrase>) -> Result<Option<Unlocked>, ClinicError> {
    let Some(passphrase) = passphrase else {
        tracing::warn!("the vault is locked: pictures are taken in and wait");
        return Ok(None);
    };
    match clinic.unlock(&passphrase) {
        Ok(vault) => {
            record(clinic, &[Event::VaultUnlocked]).await?;
            rotation::reconcile(clinic, &vault).await?;
            Ok(Some(vault))
        }
        Err(ClinicError::Unlock(error)) => {
            tracing::error!(%error, "the vault stays locked: pictures are taken in and wait. Restart with the right passphrase");
            record(clinic, &[Event::VaultStayedLocked]).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Puts events of the gateway itself on record.
async fn record(clinic: &Clinic, events: &[Event<'_>]) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    clinic.access.record(&mut tx, &Actor::Gateway, clinic.now(), events).await?;
    tx.commit().await?;
    Ok(())
}

/// Held by whoever works on the clinic's folder as its process.
///
/// # Errors
/// [`ClinicError::AlreadyRunning`].
pub fn lock(folder: &Path) -> Result<std::fs::File, ClinicError> {
    match crate::owner::lock(folder) {
        Ok(Some(held)) => Ok(held),
        Ok(None) => Err(ClinicError::AlreadyRunning(folder.to_owned())),
        Err(source) => Err(ClinicError::Io { path: folder.join(crate::owner::LOCK_FILE), source }),
    }
}
