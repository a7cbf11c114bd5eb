//! The access log: who did what, before it happens. Entries carry codes, ids and handles; a reason is free text and is sealed.

use ed25519_dalek::SigningKey;
use safelight_core::ids::{CaptureId, DeviceId, InvitationId, UnixMillis};
use safelight_core::log::entry::{Entry, EntryError, Field};
use safelight_core::manifest::OperatorId;

use super::access_index;
use super::people::Role;
use super::teams::TeamId;
use crate::log::{LogError, MerkleLog};
use crate::store::catalog::{CatalogError, WriteTx};

/// Why something could not be put on record: then it must not happen either.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// What finds it again.
    #[error(transparent)]
    Index(#[from] CatalogError),
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The clinic process itself.
    Gateway,
    /// Somebody at the machine's shell, by user id: the shell knows no other name that could be trusted.
    Shell(u32),
    /// A device, through its signature.
    Device(DeviceId),
    /// Somebody who is logged in to the console.
    Person(OperatorId),
}

impl Actor {
    /// Whoever runs this command.
    pub fn shell() -> Self {
        Self::Shell(rustix::process::getuid().as_raw())
    }

    fn code(&self) -> String {
        match self {
            Self::Gateway => "gateway".to_owned(),
            Self::Shell(uid) => format!("uid:{uid}"),
            Self::Device(id) => format!("device:{id}"),
            Self::Person(id) => format!("person:{}", id.as_str()),
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The gateway was made.
    Initialised,
    /// An invitation was made for a device of this person.
    Invited(InvitationId, &'a OperatorId),
    /// Somebody came with a token that was used before, with another key.
    InvitationReplayed(InvitationId),
    /// Too much was tried with an invitation: nobody may use it any more.
    InvitationVoided(InvitationId),
    /// An invitation was withdrawn before a phone used it.
    InvitationWithdrawn(InvitationId),
    /// Somebody who wanted to enrol was refused, under this code: at most one a minute of each.
    EnrolmentRefused(&'a str),
    /// A device has shown its words and waits.
    DevicePending(DeviceId),
    /// It may send.
    DeviceApproved(DeviceId),
    /// It may not send any more.
    DeviceRevoked(DeviceId),
    /// It has tried to connect all the same, so often since the last such entry: at most one in ten minutes of each device.
    RevokedDeviceKnocked(DeviceId, u64),
    /// Ingest has confirmed that it may not; size and root of the intake log then.
    RevocationInForce(DeviceId, u64, [u8; 32]),
    /// A certificate with this serial number was issued.
    CertificateIssued(DeviceId, [u8; 16]),
    /// Ingest got a TLS certificate.
    IngestCertified([u8; 16]),
    /// A key set of this number is about to be signed.
    KeySetSigned(u64),
    /// The vault was unlocked.
    VaultUnlocked,
    /// A passphrase was given that did not unlock the vault.
    VaultStayedLocked,
    /// A capture was taken over from ingest.
    Pulled(CaptureId),
    /// It was opened, checked and given a header of the clinic's own.
    Verified(CaptureId, [u8; 32]),
    /// It was verified, and a person should look at something of it, under this code.
    Flagged(CaptureId, &'a str),
    /// What is stored of a picture was found damaged or gone when somebody wanted to see it, under this code: at most one an hour of each by the console.
    PictureDamaged(CaptureId, &'a str),
    /// It is not shown to anybody, and why.
    Quarantined(CaptureId, &'a str),
    /// The list of pictures with their patients was read.
    Listed(u64),
    /// A picture is about to be opened, for this reason (sealed).
    Opened(CaptureId, &'a [u8]),
    /// A picture is about to be exported, still sealed.
    Exported(CaptureId),
    /// A size and root of the intake log that ingest has signed: the clinic process is its witness.
    IntakeSeen(u64, [u8; 32]),
    /// Ingest has shown an intake log that is not a continuation of what was seen.
    IntakeForked(u64),
    /// The clock cannot be right, under this code, and nothing is issued: what it says, and what it must be at least.
    ClockWrong(&'a str, UnixMillis, UnixMillis),
    /// The clock is right again, by itself.
    ClockRight,
    /// Somebody says that the clock is right: what it says, and what was the latest before.
    ClockAccepted(UnixMillis, UnixMillis),
    /// Ingest has a newer list of devices than this catalog: the catalog was restored from an older backup.
    RestoredBehind(u64),
    /// Ingest knows that this device was revoked; this catalog did not.
    RevocationLearned(DeviceId),
    /// Ingest serves a device that this catalog does not know: it is served no more.
    DeviceForgotten(DeviceId),
    /// A certificate of a device that is known was issued after the backup that this catalog was restored from.
    CertificateAdopted(DeviceId, [u8; 16]),
    /// A new CA was made. It issues nothing yet; phones learn it with the next key set.
    CaRolloverBegun([u8; 32]),
    /// The new CA has taken the old one's place.
    CaRolledOver([u8; 32]),
    /// The old CA's certificate is trusted no more.
    CaRetired([u8; 32]),
    /// Somebody ordered a new receipt key; whether the old one is compromised.
    ReceiptKeyOrdered(bool),
    /// Ingest gave no key that could take its place: nothing has changed.
    ReceiptKeyRefused,
    /// A key set is about to name this one (SHA-256).
    ReceiptKeyChanged([u8; 32]),
    /// The vault is about to have a key of this epoch, which the key set of this number will name.
    VaultRotated(u64, u64),
    /// The vault's file lacks the key of the first epoch, which the key set in force named: an older copy was put in its place. The key of the second is
    /// named again.
    VaultKeyMissing(u64, u64),
    /// What was sealed to older keys is about to be written to the key of this epoch.
    RewrapBegun(u64),
    /// So many headers were.
    Rewrapped(u64, u64),
    /// The vault was locked while the process ran.
    VaultLocked,
    /// The console got a TLS certificate.
    ConsoleCertified([u8; 16]),
    /// The console's first run made its first admin.
    FirstAdmin(&'a OperatorId),
    /// A person was added.
    PersonAdded(&'a OperatorId),
    /// A code was made with which a person sets password and authenticator.
    JoinCodeMade(&'a OperatorId),
    /// A person has a role from here on.
    RoleGranted(&'a OperatorId, Role),
    /// And not any more.
    RoleWithdrawn(&'a OperatorId, Role),
    /// A person may not log in any more.
    PersonDisabled(&'a OperatorId),
    /// And may again.
    PersonEnabled(&'a OperatorId),
    /// An admin has made a code with which somebody who has an account sets it up anew.
    AccountReset(&'a OperatorId),
    /// And they have been told.
    AccountResetRead,
    /// A person can log in with a further passkey.
    PasskeyAdded(&'a OperatorId),
    /// And with one of theirs not any more.
    PasskeyRemoved(&'a OperatorId),
    /// A person has set password and authenticator, or a passkey, in the place of all that was before.
    CredentialsSet(&'a OperatorId),
    /// A person logged in, in this way.
    LoggedIn(&'a str),
    /// Somebody gave a wrong password or code for a person that there is, under this code. Guesses slow down, and with them what is put on record of them.
    LogInFailed(&'a OperatorId, &'a str),
    /// A person logged out, or a session was ended.
    LoggedOut,
    /// So many patients were shown by name: those whom a search found, or whom a page has by reference.
    Searched(u64),
    /// A patient's page is about to be shown.
    PatientViewed([u8; 32]),
    /// A picture is about to be shown.
    PictureViewed(CaptureId, [u8; 32]),
    /// Somebody has emergency access to a patient, for this reason.
    EmergencyBegun([u8; 16], [u8; 32], &'a str),
    /// Whoever had it has ended it before its time.
    EmergencyEnded([u8; 16], [u8; 32]),
    /// Somebody asked for emergency access to a number that nobody has.
    EmergencyMissed,
    /// The privacy officer has looked at an emergency access, and found this.
    EmergencyReviewed([u8; 16], &'a str),
    /// The log is about to be read.
    LogRead,
    /// Why a person holds a further role beside those that they have (sealed).
    FurtherRole(&'a OperatorId, Role, &'a [u8]),
    /// Everything that a person was logged in to was ended by somebody else.
    SessionsEnded(&'a OperatorId),
    /// A person has another name on screens.
    PersonRenamed(&'a OperatorId),
    /// An admin has looked at what a person may do, and left it so.
    AccessConfirmed(&'a OperatorId),
    /// A device has another name.
    DeviceRenamed(DeviceId),
    /// Somebody says that their own device is lost: it may not send any more.
    DeviceLost(DeviceId),
    /// Something was asked for that this person may not have, under this code, and how often since the last such entry: at most two a minute of each
    /// person and code.
    Denied(&'a str, u64),
    /// The whole log is about to be verified.
    LogVerified,
    /// A report is about to be made of everybody who saw this patient.
    PatientReported([u8; 32]),
    /// A report is about to be made of all that this person saw.
    PersonReported(&'a OperatorId),
    /// The recovery kit has opened a sample that was sealed to the recovery key in force.
    RecoveryKitTested,
    /// What was given as the recovery kit did not, under this code.
    RecoveryKitRefused(&'a str),
    /// The console's first run is done.
    FirstRunFinished,
    /// An alert of this name was raised, under this code.
    AlertRaised([u8; 16], &'a str),
    /// A person sees to an alert.
    AlertTaken([u8; 16]),
    /// And is done with it.
    AlertClosed([u8; 16]),
    /// A picture is shown to nobody from here on, since somebody says this of it.
    PictureReported([u8; 16], CaptureId, &'a str),
    /// A reported picture was right, and is shown again.
    PictureRestored([u8; 16], CaptureId),
    /// A reported picture is the second patient's and not the first's.
    PictureMoved([u8; 16], CaptureId, [u8; 32], [u8; 32]),
    /// A reported picture stays unseen for good.
    PictureWithdrawn([u8; 16], CaptureId),
    /// Somebody wanted to give a picture to a number that nobody has.
    CorrectionMissed,
    /// The list of reported pictures is about to be read.
    CorrectionsRead,
    /// A person is on a patient's care team no more.
    CareEnded([u8; 32], &'a OperatorId),
    /// A picture is about to leave the console with a mark of who took it out, for this reason (sealed).
    PictureDownloaded(CaptureId, [u8; 32], &'a str, &'a [u8]),
    /// A person may download pictures from here on.
    DownloadGranted(&'a OperatorId),
    /// And not any more.
    DownloadWithdrawn(&'a OperatorId),
    /// A person was put on a patient's care team, until this time (0 for good), and whether the privacy officer is asked about it.
    CareAdded([u8; 32], &'a OperatorId, u64, bool),
    /// The privacy officer finds that they may stay.
    CareConfirmed([u8; 32], &'a OperatorId),
    /// A team was made.
    TeamMade(TeamId),
    /// It has another name.
    TeamRenamed(TeamId),
    /// It is no more: nobody is in it, and it treats nobody.
    TeamDissolved(TeamId),
    /// A person was put into a team, and whether that reaches patients, so that the privacy officer is asked about it.
    TeamJoined(TeamId, &'a OperatorId, bool),
    /// The privacy officer finds that they may stay.
    TeamConfirmed(TeamId, &'a OperatorId),
    /// A person is in a team no more.
    TeamLeft(TeamId, &'a OperatorId),
    /// The privacy officer has seen who was in a team, and out of it before they had looked.
    TeamVisitSeen(TeamId, &'a OperatorId),
    /// A team was put on a patient's care team, until this time (0 for good), and whether the privacy officer is asked about it.
    CareTeamAdded([u8; 32], TeamId, u64, bool),
    /// The privacy officer finds that it may stay.
    CareTeamConfirmed([u8; 32], TeamId),
    /// A team is on a patient's care team no more.
    CareTeamEnded([u8; 32], TeamId),
    /// The first record stands for the second too from here on, for this reason.
    RecordsMerged([u8; 16], [u8; 32], [u8; 32], &'a str),
    /// The second record has the number of the first, which nobody had, for this reason.
    RecordRenumbered([u8; 16], [u8; 32], [u8; 32], &'a str),
    /// One of these was undone.
    RecordsParted([u8; 16], [u8; 32], [u8; 32]),
    /// Somebody wanted to merge a number, or to give one to a record, that is not theirs to merge or to give.
    RecordMissed,
    /// The list of these is about to be read.
    MergesRead,
}

impl Event<'_> {
    fn entry(&self, actor: &Actor, at: UnixMillis) -> Result<Entry, EntryError> {
        let id = |bytes: &[u8]| Field::Bytes(bytes.to_vec());
        let code = |text: &str| Field::Code(text.to_owned());
        let (kind, mut fields) = match self {
            Self::Initialised => ("initialised", vec![]),
            Self::Invited(invitation, person) => {
                ("invited", vec![id(invitation.as_bytes()), Field::Code(person.as_str().to_owned())])
            }
            Self::InvitationReplayed(invitation) => ("invitation-replayed", vec![id(invitation.as_bytes())]),
            Self::InvitationVoided(invitation) => ("invitation-voided", vec![id(invitation.as_bytes())]),
            Self::InvitationWithdrawn(invitation) => ("invitation-withdrawn", vec![id(invitation.as_bytes())]),
            Self::EnrolmentRefused(code) => ("enrolment-refused", vec![Field::Code((*code).to_owned())]),
            Self::DevicePending(device) => ("device-pending", vec![id(device.as_bytes())]),
            Self::DeviceApproved(device) => ("device-approved", vec![id(device.as_bytes())]),
            Self::DeviceRevoked(device) => ("device-revoked", vec![id(device.as_bytes())]),
            Self::RevokedDeviceKnocked(device, count) => {
                ("revoked-device-knocked", vec![id(device.as_bytes()), Field::Number(*count)])
            }
            Self::RevocationInForce(device, size, root) => {
                ("revocation-in-force", vec![id(device.as_bytes()), Field::Number(*size), id(root)])
            }
            Self::CertificateIssued(device, serial) => ("certificate-issued", vec![id(device.as_bytes()), id(serial)]),
            Self::IngestCertified(serial) => ("ingest-certified", vec![id(serial)]),
            Self::KeySetSigned(number) => ("key-set-signed", vec![Field::Number(*number)]),
            Self::VaultUnlocked => ("vault-unlocked", vec![]),
            Self::VaultStayedLocked => ("vault-stayed-locked", vec![]),
            Self::Pulled(capture) => ("pulled", vec![id(capture.as_bytes())]),
            Self::Verified(capture, patient) => ("verified", vec![id(capture.as_bytes()), id(patient)]),
            Self::Flagged(capture, code) => ("flagged", vec![id(capture.as_bytes()), Field::Code((*code).to_owned())]),
            Self::PictureDamaged(capture, what) => {
                ("picture-damaged", vec![id(capture.as_bytes()), Field::Code((*what).to_owned())])
            }
            Self::Quarantined(capture, reason) => {
                ("quarantined", vec![id(capture.as_bytes()), Field::Code((*reason).to_owned())])
            }
            Self::Listed(count) => ("listed", vec![Field::Number(*count)]),
            Self::Opened(capture, reason) => ("opened", vec![id(capture.as_bytes()), id(reason)]),
            Self::Exported(capture) => ("exported", vec![id(capture.as_bytes())]),
            Self::IntakeSeen(size, root) => ("intake-seen", vec![Field::Number(*size), id(root)]),
            Self::IntakeForked(size) => ("intake-forked", vec![Field::Number(*size)]),
            Self::ClockWrong(code, says, at_least) => {
                ("clock-wrong", vec![Field::Code((*code).to_owned()), Field::Number(says.0), Field::Number(at_least.0)])
            }
            Self::ClockRight => ("clock-right", vec![]),
            Self::ClockAccepted(says, before) => {
                ("clock-accepted", vec![Field::Number(says.0), Field::Number(before.0)])
            }
            Self::RestoredBehind(generation) => ("restored-behind", vec![Field::Number(*generation)]),
            Self::RevocationLearned(device) => ("revocation-learned", vec![id(device.as_bytes())]),
            Self::DeviceForgotten(device) => ("device-forgotten", vec![id(device.as_bytes())]),
            Self::CertificateAdopted(device, serial) => {
                ("certificate-adopted", vec![id(device.as_bytes()), id(serial)])
            }
            Self::CaRolloverBegun(ca) => ("ca-rollover-begun", vec![id(ca)]),
            Self::CaRolledOver(ca) => ("ca-rolled-over", vec![id(ca)]),
            Self::CaRetired(ca) => ("ca-retired", vec![id(ca)]),
            Self::ReceiptKeyOrdered(compromised) => {
                let old = if *compromised { "compromised" } else { "overlaps" };
                ("receipt-key-ordered", vec![Field::Code(old.to_owned())])
            }
            Self::ReceiptKeyRefused => ("receipt-key-refused", vec![]),
            Self::ReceiptKeyChanged(key) => ("receipt-key-changed", vec![id(key)]),
            Self::VaultRotated(epoch, number) => ("vault-rotated", vec![Field::Number(*epoch), Field::Number(*number)]),
            Self::VaultKeyMissing(lacks, has) => {
                ("vault-key-missing", vec![Field::Number(*lacks), Field::Number(*has)])
            }
            Self::RewrapBegun(epoch) => ("rewrap-begun", vec![Field::Number(*epoch)]),
            Self::Rewrapped(epoch, headers) => ("rewrapped", vec![Field::Number(*epoch), Field::Number(*headers)]),
            Self::VaultLocked => ("vault-locked", vec![]),
            Self::ConsoleCertified(serial) => ("console-certified", vec![id(serial)]),
            Self::FirstAdmin(person) => ("first-admin", vec![code(person.as_str())]),
            Self::PersonAdded(person) => ("person-added", vec![code(person.as_str())]),
            Self::JoinCodeMade(person) => ("join-code-made", vec![code(person.as_str())]),
            Self::RoleGranted(person, role) => ("role-granted", vec![code(person.as_str()), code(role.name())]),
            Self::RoleWithdrawn(person, role) => ("role-withdrawn", vec![code(person.as_str()), code(role.name())]),
            Self::PersonDisabled(person) => ("person-disabled", vec![code(person.as_str())]),
            Self::PersonEnabled(person) => ("person-enabled", vec![code(person.as_str())]),
            Self::CredentialsSet(person) => ("credentials-set", vec![code(person.as_str())]),
            Self::AccountReset(person) => ("account-reset", vec![code(person.as_str())]),
            Self::AccountResetRead => ("account-reset-read", vec![]),
            Self::PasskeyAdded(person) => ("passkey-added", vec![code(person.as_str())]),
            Self::PasskeyRemoved(person) => ("passkey-removed", vec![code(person.as_str())]),
            Self::LoggedIn(how) => ("logged-in", vec![code(how)]),
            Self::LogInFailed(person, why) => ("log-in-failed", vec![code(person.as_str()), code(why)]),
            Self::LoggedOut => ("logged-out", vec![]),
            Self::Searched(count) => ("searched", vec![Field::Number(*count)]),
            Self::PatientViewed(patient) => ("patient-viewed", vec![id(patient)]),
            Self::PictureViewed(capture, patient) => ("picture-viewed", vec![id(capture.as_bytes()), id(patient)]),
            Self::EmergencyBegun(one, patient, reason) => ("emergency-begun", vec![id(one), id(patient), code(reason)]),
            Self::EmergencyEnded(one, patient) => ("emergency-ended", vec![id(one), id(patient)]),
            Self::EmergencyMissed => ("emergency-missed", vec![]),
            Self::EmergencyReviewed(one, verdict) => ("emergency-reviewed", vec![id(one), code(verdict)]),
            Self::LogRead => ("log-read", vec![]),
            Self::FurtherRole(person, role, reason) => {
                ("further-role", vec![code(person.as_str()), code(role.name()), id(reason)])
            }
            Self::SessionsEnded(person) => ("sessions-ended", vec![code(person.as_str())]),
            Self::PersonRenamed(person) => ("person-renamed", vec![code(person.as_str())]),
            Self::AccessConfirmed(person) => ("access-confirmed", vec![code(person.as_str())]),
            Self::DeviceRenamed(device) => ("device-renamed", vec![id(device.as_bytes())]),
            Self::DeviceLost(device) => ("device-lost", vec![id(device.as_bytes())]),
            Self::Denied(what, unrecorded) => ("denied", vec![code(what), Field::Number(*unrecorded)]),
            Self::LogVerified => ("log-verified", vec![]),
            Self::PatientReported(patient) => ("patient-reported", vec![id(patient)]),
            Self::PersonReported(person) => ("person-reported", vec![code(person.as_str())]),
            Self::RecoveryKitTested => ("recovery-kit-tested", vec![]),
            Self::RecoveryKitRefused(why) => ("recovery-kit-refused", vec![code(why)]),
            Self::FirstRunFinished => ("first-run-finished", vec![]),
            Self::AlertRaised(one, about) => ("alert-raised", vec![id(one), code(about)]),
            Self::AlertTaken(one) => ("alert-taken", vec![id(one)]),
            Self::AlertClosed(one) => ("alert-closed", vec![id(one)]),
            Self::PictureReported(one, capture, kind) => {
                ("picture-reported", vec![id(one), id(capture.as_bytes()), code(kind)])
            }
            Self::PictureRestored(one, capture) => ("picture-restored", vec![id(one), id(capture.as_bytes())]),
            Self::PictureMoved(one, capture, from, to) => {
                ("picture-moved", vec![id(one), id(capture.as_bytes()), id(from), id(to)])
            }
            Self::PictureWithdrawn(one, capture) => ("picture-withdrawn", vec![id(one), id(capture.as_bytes())]),
            Self::CorrectionMissed => ("correction-missed", vec![]),
            Self::CorrectionsRead => ("corrections-read", vec![]),
            Self::CareEnded(patient, person) => ("care-ended", vec![id(patient), code(person.as_str())]),
            Self::PictureDownloaded(capture, patient, reason, words) => {
                ("picture-downloaded", vec![id(capture.as_bytes()), id(patient), code(reason), id(words)])
            }
            Self::DownloadGranted(person) => ("download-granted", vec![code(person.as_str())]),
            Self::DownloadWithdrawn(person) => ("download-withdrawn", vec![code(person.as_str())]),
            Self::CareAdded(patient, person, until, asks) => {
                let asks = if *asks { "asks" } else { "sure" };
                ("care-added", vec![id(patient), code(person.as_str()), Field::Number(*until), code(asks)])
            }
            Self::CareConfirmed(patient, person) => ("care-confirmed", vec![id(patient), code(person.as_str())]),
            Self::TeamMade(team) => ("team-made", vec![id(team)]),
            Self::TeamRenamed(team) => ("team-renamed", vec![id(team)]),
            Self::TeamDissolved(team) => ("team-dissolved", vec![id(team)]),
            Self::TeamJoined(team, person, asks) => {
                let asks = if *asks { "asks" } else { "reaches-nobody" };
                ("team-joined", vec![id(team), code(person.as_str()), code(asks)])
            }
            Self::TeamConfirmed(team, person) => ("team-confirmed", vec![id(team), code(person.as_str())]),
            Self::TeamLeft(team, person) => ("team-left", vec![id(team), code(person.as_str())]),
            Self::TeamVisitSeen(team, person) => ("team-visit-seen", vec![id(team), code(person.as_str())]),
            Self::CareTeamAdded(patient, team, until, asks) => {
                let asks = if *asks { "asks" } else { "sure" };
                ("care-team-added", vec![id(patient), id(team), Field::Number(*until), code(asks)])
            }
            Self::CareTeamConfirmed(patient, team) => ("care-team-confirmed", vec![id(patient), id(team)]),
            Self::CareTeamEnded(patient, team) => ("care-team-ended", vec![id(patient), id(team)]),
            Self::RecordsMerged(one, record, alias, reason) => {
                ("records-merged", vec![id(one), id(record), id(alias), code(reason)])
            }
            Self::RecordRenumbered(one, record, alias, reason) => {
                ("record-renumbered", vec![id(one), id(record), id(alias), code(reason)])
            }
            Self::RecordsParted(one, record, alias) => ("records-parted", vec![id(one), id(record), id(alias)]),
            Self::RecordMissed => ("record-missed", vec![]),
            Self::MergesRead => ("merges-read", vec![]),
        };
        fields.push(Field::Code(actor.code()));
        fields.push(Field::Number(at.0));
        Entry::new(kind, fields)
    }
}

/// The log with its key.
#[derive(Debug, Clone)]
pub struct AccessLog {
    log: MerkleLog,
    key: SigningKey,
}

impl AccessLog {
    /// Over the log tables of the clinic's catalog.
    pub fn new(log: MerkleLog, key: SigningKey) -> Self {
        Self { log, key }
    }

    /// The log itself, for verification and export.
    pub fn log(&self) -> &MerkleLog {
        &self.log
    }

    /// The key that signs its checkpoints.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Puts events on record in the caller's transaction: with it they happen, or neither does.
    /// The checkpoint is signed in the same transaction, and what the entries name is indexed there.
    pub async fn record(
        &self,
        tx: &mut WriteTx,
        actor: &Actor,
        at: UnixMillis,
        events: &[Event<'_>],
    ) -> Result<(), AccessError> {
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            entries.push(event.entry(actor, at)?);
        }
        let bytes: Vec<_> = entries.iter().map(Entry::to_bytes).collect();
        let indices = self.log.append(tx, &bytes).await?;
        for (index, entry) in indices.zip(&entries) {
            access_index::insert(tx, index, entry).await?;
        }
        self.log.sign(tx, &self.key, at).await?;
        Ok(())
    }
}
