//! The clinic's side of enrolment: conversations with phones that ingest relays and is not trusted with.
//!
//! ```text
//! Begin  -> token known and open, CSR proves its key   -> the invitation is burnt for this device, Offer
//! Reveal -> the phone's nonce matches its commitment    -> words, the device is pending, Reveal
//!           the admin compares the words and approves   -> certificate, list to ingest, Issued
//! ```
//! A phone that lost its connection comes again with the same token and key and is given the same device, and the same certificate
//! if it was issued. Another key with a used token is refused and put on record. Each beginning has new words, so beginnings are
//! counted: whoever begins too often is declined, and the invitation is void.

use std::collections::HashMap;

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::device_key::PublicKey;
use safelight_core::enrol::messages::clinic_commitment;
use safelight_core::enrol::{Begin, CertificateRequest, Issued, Offer, Outcome, Refusal, Reveal, Words, WordsInput};
use safelight_core::ids::{DeviceId, UnixMillis};

use super::access::{Actor, Event};
use super::devices::{self, Attestation, Certificate, Device, Status};
use super::invitations::{self, Invitation};
use super::{Clinic, ClinicError};
use crate::enrol::attestation::{self, Expected, Roots};
use crate::store::catalog::WriteTx;

/// Longest model name of a device that is kept.
const MAX_MODEL_LEN: usize = 64;

/// Between two records of refusals of one kind: a flood of refusals is not a flood of entries.
const RECORD_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The conversations that are open.
#[derive(Debug)]
pub(super) struct Enrolments {
    open: HashMap<u64, Stage>,
    /// Whom a phone's attestation may lead to.
    roots: Roots,
    /// When a refusal of a kind was last put on record. There are few kinds.
    recorded: HashMap<&'static str, UnixMillis>,
}

#[derive(Debug)]
enum Stage {
    /// The clinic has committed itself and waits for the phone's nonce.
    Offered(Box<Offered>),
    /// The words are on both screens.
    Waiting(DeviceId),
}

#[derive(Debug)]
struct Offered {
    device: DeviceId,
    /// Of the certificate request.
    key: PublicKey,
    begin: Begin,
    nonce: [u8; 32],
}

/// What to tell the phone.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) conversation: u64,
    pub(super) message: Vec<u8>,
    pub(super) last: bool,
}

impl Say {
    fn more(conversation: u64, message: Vec<u8>) -> Self {
        Self { conversation, message, last: false }
    }

    fn last(conversation: u64, outcome: &Outcome) -> Self {
        Self { conversation, message: outcome.to_bytes(), last: true }
    }
}

impl Enrolments {
    /// None yet. Attestations are judged by these roots.
    pub(super) fn new(roots: Roots) -> Self {
        Self { open: HashMap::new(), roots, recorded: HashMap::new() }
    }

    /// A message of a phone.
    pub(super) async fn handle(
        &mut self,
        clinic: &Clinic,
        conversation: u64,
        message: &[u8],
        now: UnixMillis,
    ) -> Result<Say, ClinicError> {
        let outcome = match self.open.remove(&conversation) {
            None => self.begin(clinic, conversation, message, now).await,
            Some(Stage::Offered(offered)) => self.reveal(clinic, conversation, *offered, message, now).await,
            // A phone that waits has nothing to say.
            Some(Stage::Waiting(_)) => Err(Stop::Refused(Refusal::Request)),
        };
        match outcome {
            Ok(say) => Ok(say),
            Err(Stop::Refused(refusal)) => {
                self.record_refusal(clinic, refusal, now).await?;
                Ok(Say::last(conversation, &Outcome::Refused(refusal)))
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn record_refusal(&mut self, clinic: &Clinic, refusal: Refusal, now: UnixMillis) -> Result<(), ClinicError> {
        let code = refusal.code();
        if self.recorded.get(code).is_some_and(|last| *last <= now && now.since(*last) < RECORD_EVERY) {
            return Ok(());
        }
        tracing::warn!(code, "enrolment refused");
        super::record(clinic, &[Event::EnrolmentRefused(code)]).await?;
        self.recorded.insert(code, now);
        Ok(())
    }

    async fn begin(
        &mut self,
        clinic: &Clinic,
        conversation: u64,
        message: &[u8],
        now: UnixMillis,
    ) -> Result<Say, Stop> {
        clinic.time_to_issue().map_err(|_| Stop::Refused(Refusal::Unavailable))?;
        let begin = Begin::parse(message).map_err(|_| Stop::Refused(Refusal::Request))?;
        let request = CertificateRequest::parse(&begin.csr).map_err(|_| Stop::Refused(Refusal::Request))?;
        let device = claim_invitation(clinic, &begin.token.hash(), request.public_key(), now).await?;
        let mut nonce = [0; 32];
        SysRng.try_fill_bytes(&mut nonce).map_err(|_| ClinicError::Randomness)?;
        let offer = Offer { enrolment_id: *device.as_bytes(), commitment: clinic_commitment(&nonce, &begin.csr) };
        let key = request.public_key().clone();
        self.open.insert(conversation, Stage::Offered(Box::new(Offered { device, key, begin, nonce })));
        Ok(Say::more(conversation, offer.to_bytes()))
    }

    async fn reveal(
        &mut self,
        clinic: &Clinic,
        conversation: u64,
        offered: Offered,
        message: &[u8],
        now: UnixMillis,
    ) -> Result<Say, Stop> {
        let reveal = Reveal::parse(message).map_err(|_| Stop::Refused(Refusal::Request))?;
        offered.begin.check(&reveal).map_err(|_| Stop::Refused(Refusal::Request))?;
        let words = Words::derive(&WordsInput {
            ca_sha256: &clinic.ca.sha256(),
            clinic_id: clinic.id(),
            token: &offered.begin.token,
            csr: &offered.begin.csr,
            phone_nonce: &reveal.nonce,
            clinic_nonce: &offered.nonce,
        });
        let attestation = judged(&offered, &self.roots, now);
        show_words(clinic, &offered, &words.to_string(), attestation, now).await?;
        self.open.insert(conversation, Stage::Waiting(offered.device));
        Ok(Say::more(conversation, Reveal { nonce: offered.nonce }.to_bytes()))
    }

    /// What has been decided since: a certificate for whom was approved, a no for whom was revoked. Certificates are in the catalog when
    /// this returns; the caller tells ingest of the devices before it tells the phone.
    pub(super) async fn decided(&mut self, clinic: &Clinic, now: UnixMillis) -> Result<Vec<Say>, ClinicError> {
        let waiting: Vec<(u64, DeviceId)> = self
            .open
            .iter()
            .filter_map(|(conversation, stage)| match stage {
                Stage::Waiting(device) => Some((*conversation, *device)),
                Stage::Offered(_) => None,
            })
            .collect();
        let mut say = Vec::new();
        // Who was approved waits until the clock can be right.
        let may_issue = clinic.guard.look().judgement.may_issue();
        for (conversation, id) in waiting {
            let Some(device) = devices::find(&clinic.catalog, id).await? else { continue };
            let message = match device.status {
                Status::Pending => continue,
                Status::Active if !may_issue => continue,
                Status::Revoked => Outcome::Refused(Refusal::Declined),
                Status::Active => Outcome::Issued(Box::new(issued(clinic, &device, now).await?)),
            };
            self.open.remove(&conversation);
            say.push(Say::last(conversation, &message));
        }
        Ok(say)
    }

    /// The phone of this conversation is gone.
    pub(super) fn forget(&mut self, conversation: u64) {
        self.open.remove(&conversation);
    }
}

/// The invitation's device: a new one if the invitation is unused, the same one if it was used with this key.
async fn claim_invitation(
    clinic: &Clinic,
    token_hash: &[u8; 32],
    key: &PublicKey,
    now: UnixMillis,
) -> Result<DeviceId, Stop> {
    let mut tx = clinic.catalog.write().await.map_err(ClinicError::from)?;
    let not_open = Stop::Refused(Refusal::Invitation);
    let Some(invitation) = invitations::of_token(&mut tx, token_hash, now).await? else { return Err(not_open) };
    let Some(id) = invitation.device else { return new_device(tx, invitation, key, now).await?.ok_or(not_open) };
    let device = devices::find_in(&mut tx, id).await?;
    let claimed = match device {
        Some(device) if device.enrol_key == *key && device.status == Status::Active => true,
        Some(device) if device.enrol_key == *key && device.status == Status::Pending => {
            let few = invitations::begin_again(&mut tx, &invitation).await?;
            if !few {
                tracing::warn!(invitation = %invitation.id, device = %id, "a device began too often, each time with new words");
                void(clinic, &mut tx, &invitation, id, now).await?;
            }
            few
        }
        _ => {
            tracing::warn!(invitation = %invitation.id, "an invitation was used a second time, with another key");
            let few = invitations::replayed(&mut tx, &invitation).await?;
            let event = Event::InvitationReplayed(invitation.id);
            clinic.access.record(&mut tx, &Actor::Gateway, now, &[event]).await.map_err(ClinicError::from)?;
            if !few {
                void(clinic, &mut tx, &invitation, id, now).await?;
            }
            false
        }
    };
    tx.commit().await.map_err(ClinicError::from)?;
    if claimed { Ok(id) } else { Err(not_open) }
}

/// Burns the invitation for a device that exists from here on, without words, so that the same phone finds it again.
async fn new_device(
    mut tx: WriteTx,
    invitation: Invitation,
    key: &PublicKey,
    now: UnixMillis,
) -> Result<Option<DeviceId>, ClinicError> {
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    let id = DeviceId::from_bytes(id);
    if !invitations::burn(&mut tx, invitation.id, id, now).await? {
        return Ok(None);
    }
    let device = Device {
        id,
        name: invitation.device_name,
        person: invitation.person,
        model: String::new(),
        attestation: Attestation::Software,
        status: Status::Pending,
        words: String::new(),
        enrol_key: key.clone(),
        created_at: now,
        approved_at: None,
        revoked_at: None,
        seen_at: None,
    };
    devices::insert(&mut tx, &device).await?;
    tx.commit().await?;
    Ok(Some(id))
}

/// Too much was tried with this invitation: nobody may use it any more, and a device that still waits is declined. One that was approved
/// stays: others must not be able to shut it out.
async fn void(
    clinic: &Clinic,
    tx: &mut WriteTx,
    invitation: &Invitation,
    device: DeviceId,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    invitations::void(tx, invitation.id, now).await?;
    let mut events = vec![Event::InvitationVoided(invitation.id)];
    if devices::decline(tx, device, now).await? {
        events.push(Event::DeviceRevoked(device));
    }
    Ok(clinic.access.record(tx, &Actor::Gateway, now, &events).await?)
}

/// What the phone's attestation proves. One that proves nothing is no reason to refuse it: an admin sees what is said, and decides.
fn judged(offered: &Offered, roots: &Roots, now: UnixMillis) -> Attestation {
    let Some(sent) = &offered.begin.attestation else { return Attestation::Software };
    let challenge = offered.begin.token.attestation_challenge();
    let expected = Expected { challenge: &challenge, key: &offered.key, now };
    match attestation::judge(sent, &expected, roots) {
        Ok(level) => Attestation::Attested(level),
        Err(reason) => {
            tracing::warn!(device = %offered.device, code = reason.code(), "a device claims an attested key, and does not prove it");
            Attestation::Claimed(Some(reason))
        }
    }
}

async fn show_words(
    clinic: &Clinic,
    offered: &Offered,
    words: &str,
    attestation: Attestation,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    let mut tx = clinic.catalog.write().await?;
    let model = printable(&offered.begin.device_name);
    devices::set_pending(&mut tx, offered.device, words, &model, attestation).await?;
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[Event::DevicePending(offered.device)]).await?;
    tx.commit().await?;
    tracing::info!(device = %offered.device, "a device waits for approval");
    Ok(())
}

async fn issued(clinic: &Clinic, device: &Device, now: UnixMillis) -> Result<Issued, ClinicError> {
    let held = devices::certificates(&clinic.catalog, device.id).await?;
    let same_key = held.into_iter().find(|held| held.public_key == device.enrol_key && held.not_after > now);
    let certificate = match same_key {
        Some(certificate) => certificate.der,
        None => issue(clinic, device.id, &device.enrol_key, None, now).await?,
    };
    Ok(Issued {
        device_id: device.id,
        operator: device.person.clone(),
        certificate,
        ca: clinic.ca.certificate().to_vec(),
        key_set: clinic.key_set().bytes().to_vec(),
    })
}

/// Issues a certificate and puts it in the catalog and on record. `by` is the certificate whose key asked for it.
pub(super) async fn issue(
    clinic: &Clinic,
    device: DeviceId,
    key: &PublicKey,
    by: Option<&[u8; 16]>,
    now: UnixMillis,
) -> Result<Vec<u8>, ClinicError> {
    let issued = clinic.ca.issue_device(key, device, clinic.dating(now), &mut SysRng)?;
    let certificate = Certificate {
        serial: issued.serial,
        device,
        public_key: key.clone(),
        der: issued.der.to_vec(),
        not_after: issued.not_after,
        issued_at: now,
    };
    let mut tx = clinic.catalog.write().await?;
    if let Some(by) = by {
        devices::used(&mut tx, by).await?;
    }
    devices::insert_certificate(&mut tx, &certificate).await?;
    let event = Event::CertificateIssued(device, certificate.serial);
    clinic.access.record(&mut tx, &Actor::Gateway, now, &[event]).await?;
    tx.commit().await?;
    Ok(certificate.der)
}

/// What a device says of itself is shown to an admin: nothing that could play with a terminal or a page.
fn printable(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().filter(|character| character.is_alphanumeric() || " -_.()".contains(*character)) {
        if kept.len().saturating_add(character.len_utf8()) > MAX_MODEL_LEN {
            break;
        }
        kept.push(character);
    }
    kept
}

/// Why a conversation does not go on.
enum Stop {
    Refused(Refusal),
    Failed(ClinicError),
}

impl From<ClinicError> for Stop {
    fn from(error: ClinicError) -> Self {
        Self::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_of_itself_cannot_play_tricks() {
        assert_eq!(printable("Pixel 8 (Room 3)"), "Pixel 8 (Room 3)");
        assert_eq!(printable("a\u{1b}[2J<b>\u{202e}=cmd\n"), "a2Jbcmd");
        assert!(printable(&"ü".repeat(200)).len() <= MAX_MODEL_LEN);
    }
}
