//! Makes a gateway: all keys, both stores, the configuration and the recovery kit. All of it, or nothing.
//!
//! Everything is made in a folder inside the data folder and moved into place at the end, `config.toml` last: without it nothing
//! is a gateway. The recovery kit is on the disk before that, so that there is never a gateway without one.

pub mod ports;
mod separation;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use rand_core::TryCryptoRng;
use safelight_core::device_key::{DeviceKeyError, MalformedKey, SoftwareKey};
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_core::keyset::{KeyCertificate, KeySet, KeySetError};
use safelight_core::log::entry::{Entry, EntryError, Field};
use safelight_core::seal::{Identity, Recipient, SealError};
use zeroize::Zeroizing;

use crate::clinic::access::{AccessError, AccessLog, Actor, Event};
use crate::clinic::keys as clinic_keys;
use crate::clinic::{HEADERS_FILE, schema};
use crate::config::alert::AlertConfig;
use crate::config::{Config, ConfigError, Layout, RecordNumbers};
use crate::enrol::ca::{Ca, CaError};
use crate::enrol::issue::IssueError;
use crate::ingest::inbox::{self, InboxError};
use crate::ingest::keys as ingest_keys;
use crate::keyfile::{self, KeyFileError};
use crate::log::{LogError, MerkleLog};
use crate::store::blobs::{BlobError, FileBlobs};
use crate::store::catalog::{Catalog, CatalogError};
use crate::store::headers::{HeaderError, SqliteHeaders};
use crate::vault::{self, MakeError, Passphrase, recovery};

use self::ports::FreePort;
pub use self::separation::{Separation, UnknownUser};

/// Where things are made before they are moved into place.
const STAGING: &str = ".init";

/// The first key set and the first vault key.
const FIRST: u64 = 1;

/// What a new gateway is to be.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The clinic's name, as phones show it.
    pub clinic_name: String,
    /// Names or addresses under which phones reach this machine, best first.
    pub hosts: Vec<String>,
    /// Where phones are served. Port 0 is replaced by a free one.
    pub listen: SocketAddr,
    /// Where phones are enrolled. Likewise.
    pub enrol_listen: SocketAddr,
    /// Where the console is served, if it is. Likewise.
    pub console_listen: Option<SocketAddr>,
    /// Protects the vault key on the disk.
    pub passphrase: &'a Passphrase,
    /// log2 of the work that trying a passphrase costs.
    pub passphrase_work: u8,
    /// Where the recovery kit is written. It must not be in the data folder.
    pub recovery_out: &'a Path,
    /// Two users for the two processes; `None` leaves everything to whoever runs this.
    pub separation: Option<Separation>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Whose gateway it is.
    pub clinic_id: ClinicId,
    /// SHA-256 of the CA certificate, which every QR code carries.
    pub ca_sha256: [u8; 32],
    /// The vault's public half.
    pub vault: Recipient,
    /// The recovery key's public half.
    pub recovery: Recipient,
    /// The configuration that was written.
    pub config: Config,
}

/// Why no gateway was made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The folder has something in it.
    #[error("{0}: the folder is not empty: choose another; a gateway is never made over anything")]
    NotEmpty(PathBuf),
    /// The recovery kit would lie beside what it is to recover.
    #[error("the recovery kit must not lie in the data folder: write it to a medium that you can lock away")]
    RecoveryInside,
    /// The recovery kit cannot be written.
    #[error("{path}: the recovery kit cannot be written: {source}")]
    Recovery {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No free port.
    #[error("no free UDP port at {address}: {source}")]
    Port {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The source of randomness failed.
    #[error("the machine could not produce random numbers: check the system, then try again")]
    Randomness,
    /// A key could not be encoded.
    #[error("a key could not be written: {0}")]
    Key(#[from] MalformedKey),
    /// Files cannot be given to two users.
    #[error("the folders cannot be given to the two users: {0}. Only root may do that")]
    Separation(#[source] std::io::Error),
    /// A file or folder.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The CA.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// Ingest's certificate.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The vault key.
    #[error(transparent)]
    Vault(#[from] MakeError),
    /// The recovery key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The header store.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Ingest's store.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The access log's first entries.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The intake log's first entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl From<DeviceKeyError> for SetupError {
    fn from(_: DeviceKeyError) -> Self {
        // Making a key in software fails for one reason.
        Self::Randomness
    }
}

/// Makes a gateway in `data`, which does not exist or is empty.
///
/// # Errors
/// [`SetupError`]; nothing is left behind then.
pub async fn make<R: TryCryptoRng + Send>(
    data: &Path,
    plan: &Plan<'_>,
    now: UnixMillis,
    rng: &mut R,
) -> Result<Made, SetupError> {
    let existed = check_empty(data)?;
    check_outside(data, plan.recovery_out)?;
    let config = configure(plan)?;
    let outcome = build(data, plan, config, now, rng).await;
    if outcome.is_err() {
        undo(data, existed);
    }
    outcome
}

/// Whether the folder exists.
fn check_empty(data: &Path) -> Result<bool, SetupError> {
    match std::fs::read_dir(data) {
        Ok(mut entries) => {
            if entries.next().is_none() {
                Ok(true)
            } else {
                Err(SetupError::NotEmpty(data.to_owned()))
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(SetupError::Io { path: data.to_owned(), source }),
    }
}

fn check_outside(data: &Path, kit: &Path) -> Result<(), SetupError> {
    let folder = match kit.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let io = |source| SetupError::Recovery { path: kit.to_owned(), source };
    let folder = folder.canonicalize().map_err(io)?;
    // A data folder that does not exist yet cannot hold the kit's folder, which does.
    let is_inside = data.canonicalize().is_ok_and(|data| folder.starts_with(data));
    if is_inside { Err(SetupError::RecoveryInside) } else { Ok(()) }
}

fn configure(plan: &Plan<'_>) -> Result<Config, SetupError> {
    let mut config = Config {
        phone_port: None,
        clinic_name: plan.clinic_name.clone(),
        hosts: plan.hosts.clone(),
        listen: plan.listen,
        enrol_listen: plan.enrol_listen,
        console_listen: plan.console_listen,
        console_certificate: None,
        console_key: None,
        attestation_roots: None,
        clinic_uid: plan.separation.map(|users| users.clinic),
        record_numbers: RecordNumbers::default(),
        alert: AlertConfig::default(),
    };
    // All are held until all are known, so that they differ.
    let listens = [Some(&mut config.listen), Some(&mut config.enrol_listen), config.console_listen.as_mut()];
    let _held = listens.into_iter().flatten().map(choose_port).collect::<Result<Vec<_>, _>>()?;
    config.check()?;
    Ok(config)
}

fn choose_port(listen: &mut SocketAddr) -> Result<Option<FreePort>, SetupError> {
    if listen.port() != 0 {
        return Ok(None);
    }
    let free = FreePort::at(listen.ip()).map_err(|source| SetupError::Port { address: *listen, source })?;
    *listen = free.address();
    Ok(Some(free))
}

async fn build<R: TryCryptoRng + Send>(
    data: &Path,
    plan: &Plan<'_>,
    config: Config,
    now: UnixMillis,
    rng: &mut R,
) -> Result<Made, SetupError> {
    keyfile::create_folder(data)?;
    let staging = Layout::new(data.join(STAGING));
    for folder in [staging.root().to_owned(), staging.ingest(), staging.clinic()] {
        keyfile::create_folder(&folder)?;
    }
    let vault_file = staging.clinic().join(clinic_keys::VAULT_FILE);
    let vault = vault::make(plan.passphrase, &vault_file, plan.passphrase_work, rng)?;
    let keys = Keys::generate(vault, now, rng)?;
    ingest_files(&staging.ingest(), &keys)?;
    ingest_stores(&staging.ingest(), &keys, now).await?;
    clinic_files(&staging.clinic(), &keys, &config, now)?;
    clinic_stores(&staging.clinic(), &keys, now).await?;
    config.save(staging.root())?;
    let config_file = staging.root().join(crate::config::FILE_NAME);
    sync(&config_file)?;
    if let Some(users) = &plan.separation {
        users.apply(&staging).map_err(SetupError::Separation)?;
        users.admit(data).map_err(SetupError::Separation)?;
    }

    write_kit(plan, &keys)?;
    if let Err(error) = move_into_place(&staging, data) {
        // A kit for a gateway that does not exist would be mistaken for that of one that does.
        let _ = std::fs::remove_file(plan.recovery_out);
        return Err(error);
    }
    Ok(Made {
        clinic_id: keys.clinic_id,
        ca_sha256: keys.ca.sha256(),
        vault: keys.vault,
        recovery: keys.recovery.to_recipient(),
        config,
    })
}

/// All keys of a gateway but the vault's, of which this is the public half. They are together here and never again.
struct Keys {
    clinic_id: ClinicId,
    ca: Ca,
    clinic: SoftwareKey,
    tls: SoftwareKey,
    tls_certificate: Vec<u8>,
    tls_serial: [u8; 16],
    receipt: SoftwareKey,
    intake_log: SigningKey,
    access_log: SigningKey,
    handle: Zeroizing<[u8; 32]>,
    vault: Recipient,
    recovery: Identity,
}

impl Keys {
    fn generate<R: TryCryptoRng>(vault: Recipient, now: UnixMillis, rng: &mut R) -> Result<Self, SetupError> {
        let clinic_id = ClinicId::from_bytes(*random(rng)?);
        let ca = Ca::create(clinic_id, now, rng)?;
        let tls = SoftwareKey::generate(rng)?;
        let issued = ca.issue_ingest(&tls.verifying(), clinic_id, now, rng)?;
        Ok(Self {
            clinic_id,
            ca,
            clinic: SoftwareKey::generate(rng)?,
            tls,
            tls_certificate: issued.der,
            tls_serial: issued.serial,
            receipt: SoftwareKey::generate(rng)?,
            intake_log: SigningKey::from_bytes(&*random(rng)?),
            access_log: SigningKey::from_bytes(&*random(rng)?),
            handle: random(rng)?,
            vault,
            recovery: Identity::generate(rng)?,
        })
    }
}

fn random<const N: usize, R: TryCryptoRng>(rng: &mut R) -> Result<Zeroizing<[u8; N]>, SetupError> {
    let mut bytes = Zeroizing::new([0; N]);
    rng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| SetupError::Randomness)?;
    Ok(bytes)
}

fn ingest_files(folder: &Path, keys: &Keys) -> Result<(), SetupError> {
    keyfile::create(&folder.join(ingest_keys::CLINIC_ID_FILE), 0o600, format!("{}\n", keys.clinic_id).as_bytes())?;
    keyfile::create_p256(&folder.join(ingest_keys::TLS_KEY_FILE), &keys.tls)?;
    let chain = [keyfile::certificate_pem(&keys.tls_certificate), keys.ca.certificate_pem()].concat();
    keyfile::create(&folder.join(ingest_keys::TLS_CHAIN_FILE), 0o600, chain.as_bytes())?;
    keyfile::create_p256(&folder.join(ingest_keys::RECEIPT_KEY_FILE), &keys.receipt)?;
    keyfile::create_ed25519(&folder.join(ingest_keys::LOG_KEY_FILE), &keys.intake_log)?;
    FileBlobs::create(folder)?;
    Ok(())
}

/// `headers.db`, and `ingest.db`, whose log begins with an entry that says so and a checkpoint that signs for it.
async fn ingest_stores(folder: &Path, keys: &Keys, now: UnixMillis) -> Result<(), SetupError> {
    let headers = SqliteHeaders::create(&folder.join(inbox::HEADERS_FILE)).await?;
    headers.catalog().close().await;
    let catalog = Catalog::create(folder.join(inbox::FILE_NAME), &inbox::migrations()).await?;
    let log = MerkleLog::new(catalog.clone(), &inbox::log_origin(keys.clinic_id), keys.intake_log.verifying_key())?;
    let entry = Entry::new("initialised", vec![Field::Number(now.0)])?.to_bytes();
    let mut tx = catalog.write().await?;
    log.append(&mut tx, &[entry]).await?;
    log.sign(&mut tx, &keys.intake_log, now).await?;
    tx.commit().await?;
    catalog.close().await;
    Ok(())
}

fn clinic_files(folder: &Path, keys: &Keys, config: &Config, now: UnixMillis) -> Result<(), SetupError> {
    keyfile::create(&folder.join(clinic_keys::CLINIC_ID_FILE), 0o600, format!("{}\n", keys.clinic_id).as_bytes())?;
    keys.ca.save(&folder.join(clinic_keys::CA_KEY_FILE), &folder.join(clinic_keys::CA_CERTIFICATE_FILE))?;
    keyfile::create_p256(&folder.join(clinic_keys::CLINIC_KEY_FILE), &keys.clinic)?;
    keyfile::create_ed25519(&folder.join(clinic_keys::ACCESS_LOG_KEY_FILE), &keys.access_log)?;
    keyfile::create(&folder.join(clinic_keys::HANDLE_KEY_FILE), 0o600, keys.handle.as_slice())?;

    let life = keys.ca.validity();
    let certificate = KeyCertificate::issue(
        keys.ca.key(),
        keys.clinic_id,
        &keys.clinic.verifying(),
        life.not_before,
        life.not_after,
    )?;
    keyfile::create(&folder.join(clinic_keys::CLINIC_CERTIFICATE_FILE), 0o600, certificate.bytes())?;
    let key_set = KeySet {
        clinic_id: keys.clinic_id,
        clinic_name: config.clinic_name.clone(),
        number: FIRST,
        vault_epoch: FIRST,
        vault: *keys.vault.as_bytes(),
        recovery: *keys.recovery.to_recipient().as_bytes(),
        receipt_key: keys.receipt.verifying(),
        log_key: keys.intake_log.verifying_key().to_bytes(),
        log_origin: inbox::log_origin(keys.clinic_id),
        roots: vec![keys.ca.certificate().to_vec()],
        previous: Vec::new(),
        issued_at: now,
        addresses: config.addresses(),
    };
    let envelope = key_set.sign(&keys.clinic, &certificate)?;
    keyfile::create(&folder.join(clinic_keys::KEY_SET_FILE), 0o600, envelope.bytes())?;
    Ok(())
}

/// `clinic.db` and `headers.db`.
async fn clinic_stores(folder: &Path, keys: &Keys, now: UnixMillis) -> Result<(), SetupError> {
    let headers = SqliteHeaders::create(&folder.join(HEADERS_FILE)).await?;
    headers.catalog().close().await;
    let catalog = Catalog::create(folder.join(schema::FILE_NAME), &schema::migrations()).await?;
    let origin = clinic_keys::access_origin(keys.clinic_id);
    let log = MerkleLog::new(catalog.clone(), &origin, keys.access_log.verifying_key())?;
    let access = AccessLog::new(log, keys.access_log.clone());
    let mut tx = catalog.write().await?;
    let events = [Event::Initialised, Event::IngestCertified(keys.tls_serial)];
    access.record(&mut tx, &Actor::shell(), now, &events).await?;
    tx.commit().await?;
    catalog.close().await;
    Ok(())
}

fn write_kit(plan: &Plan<'_>, keys: &Keys) -> Result<(), SetupError> {
    let (clinic_id, ca_sha256) = (keys.clinic_id.to_string(), HEXLOWER.encode(&keys.ca.sha256()));
    let vault = keys.vault.to_string();
    let fingerprints = [
        ("Clinic id", clinic_id.as_str()),
        ("Certificate authority, SHA-256", ca_sha256.as_str()),
        ("Vault, public key", vault.as_str()),
    ];
    let kit = recovery::Kit { clinic: &plan.clinic_name, fingerprints: &fingerprints };
    let text = recovery::kit_text(&keys.recovery, &kit);
    recovery::write_kit(plan.recovery_out, &text)
        .map_err(|source| SetupError::Recovery { path: plan.recovery_out.to_owned(), source })
}

/// Renames within one folder; `config.toml`, which makes it a gateway, last.
fn move_into_place(staging: &Layout, data: &Path) -> Result<(), SetupError> {
    for name in ["ingest", "clinic", crate::config::FILE_NAME] {
        let to = data.join(name);
        std::fs::rename(staging.root().join(name), &to).map_err(|source| SetupError::Io { path: to, source })?;
        sync(data)?;
    }
    std::fs::remove_dir(staging.root()).map_err(|source| SetupError::Io { path: staging.root().to_owned(), source })?;
    sync(data)
}

fn sync(path: &Path) -> Result<(), SetupError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| SetupError::Io { path: path.to_owned(), source })
}

/// Removes what was made. The folder was empty before, so everything in it is ours.
fn undo(data: &Path, existed: bool) {
    for folder in [STAGING, "ingest", "clinic"] {
        let _ = std::fs::remove_dir_all(data.join(folder));
    }
    let _ = std::fs::remove_file(data.join(crate::config::FILE_NAME));
    if !existed {
        let _ = std::fs::remove_dir(data);
    }
}

#[cfg(test)]
mod tests;
