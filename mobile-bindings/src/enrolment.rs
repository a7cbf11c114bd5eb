//! From a QR code's text to an identity.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::{CancelToken as Token, ClientError, EnrolRequest, enrol, phone};
use safelight_core::device_key;
use safelight_core::invitation::Invitation;
use tokio::sync::oneshot;

use crate::callbacks::AppKey;
use crate::runtime::{guarded, now, on_runtime, runtime};
use crate::{CancelToken, DeviceKey, SafelightError};

/// What an invitation says, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct InvitationSummary {
    /// The clinic.
    pub clinic_id: String,
    /// Where it enrols.
    pub addresses: Vec<String>,
    /// Until when, in milliseconds.
    pub expires_at_ms: u64,
    /// The challenge to have the keystore attest the fresh key with (32 bytes): what the clinic expects in `EnrolmentRequest.attestation`.
    pub attestation_challenge: Vec<u8>,
}

/// What is needed to enrol.
#[derive(uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct EnrolmentRequest {
    /// The QR code's text. It is a secret until it is used.
    pub invitation: String,
    /// What this device calls itself, such as its model: 1 to 64 characters. The clinic's IT sees it.
    pub device_name: String,
    /// The platform's attestation of the key, if there is one: on Android the certificate chain, each in DER, one behind the other, leaf first,
    /// at most 8 KiB, for the challenge of `read_invitation`. The clinic judges it; without one, or with another, an admin may still approve.
    #[uniffi(default = None)]
    pub attestation: Option<Vec<u8>>,
    /// How many seconds to wait for the approval.
    #[uniffi(default = 900)]
    pub wait_seconds: u32,
}

impl std::fmt::Debug for EnrolmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnrolmentRequest(hidden)")
    }
}

impl std::fmt::Display for EnrolmentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Reads a QR code's text: whether it is an invitation, and whose.
///
/// # Errors
/// `BadInvitation`; `UpdateApp` for one of a later version.
#[uniffi::export]
pub fn read_invitation(text: String) -> Result<InvitationSummary, SafelightError> {
    guarded(|| {
        let invitation = Invitation::parse(text.trim())?;
        Ok(InvitationSummary {
            clinic_id: invitation.clinic_id.to_string(),
            addresses: invitation.addresses.clone(),
            expires_at_ms: invitation.expires_at.0,
            attestation_challenge: invitation.attestation_challenge().to_vec(),
        })
    })
}

/// The public key that an identity is certified for, as SEC1 bytes (65: 4, x, y): which of its keys an app opens it with. The others are left
/// over from renewals and may be destroyed while no phone is open.
///
/// # Errors
/// `EnrolAgain` for an identity that is damaged.
#[uniffi::export]
pub fn certified_public_key(identity: Vec<u8>) -> Result<Vec<u8>, SafelightError> {
    guarded(|| Ok(phone::certified_key(&identity, now())?.to_sec1()))
}

/// What an enrolment ends with: the identity.
type Outcome = Result<Vec<u8>, SafelightError>;

/// An enrolment under way: show the words, wait for the approval, keep the identity.
#[derive(Debug, uniffi::Object)]
pub struct Enrolment {
    words: Vec<String>,
    cancel: Token,
    outcome: Mutex<Option<oneshot::Receiver<Outcome>>>,
}

#[uniffi::export]
impl Enrolment {
    /// Asks the clinic, and returns once there are words to compare. The clinic's certificate has been checked against the invitation before
    /// anything secret was sent.
    ///
    /// `key` is a fresh one. If it fails the same invitation may be tried again while it is open.
    ///
    /// # Errors
    /// `BadInvitation`, `BadLabel` for the device's name, `NotApproved`, `NotTheClinic`, `Unreachable`, `TryAgain`, `Cancelled`, and the troubles of the
    /// key.
    #[uniffi::constructor]
    pub async fn begin(
        request: EnrolmentRequest,
        key: Arc<dyn DeviceKey>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, SafelightError> {
        let cancel = cancel.map(|cancel| cancel.0.clone()).unwrap_or_default();
        let (show, words) = oneshot::channel();
        let (tell, mut outcome) = oneshot::channel();
        let asked = ask(request, Arc::new(AppKey(key)), show);
        let ending = cancel.clone();
        runtime()?.spawn(async move {
            let asked = ending.unless_cancelled(asked).await.map_err(SafelightError::from);
            let _ = tell.send(asked.and_then(|asked| asked));
        });
        on_runtime(async move {
            match words.await {
                Ok(words) => Ok(Arc::new(Self { words, cancel, outcome: Mutex::new(Some(outcome)) })),
                // It ended before there were any.
                Err(_) => Err((&mut outcome).await.ok().and_then(Result::err).unwrap_or_else(SafelightError::bug)),
            }
        })
        .await
    }

    /// The words that the admin's screen must show too.
    pub fn words(&self) -> Vec<String> {
        self.words.clone()
    }

    /// Waits until an admin has compared the words and approved; gives the identity, for the app to keep and to open a phone with. Once.
    ///
    /// # Errors
    /// As `begin`; `Closed` if it was asked before.
    pub async fn wait_for_approval(&self) -> Result<Vec<u8>, SafelightError> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        on_runtime(async move {
            let outcome = outcome.ok_or_else(SafelightError::asked_before)?;
            outcome.await.unwrap_or_else(|_| Err(SafelightError::bug()))
        })
        .await
    }

    /// Gives up.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for Enrolment {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn ask(
    request: EnrolmentRequest,
    key: Arc<dyn device_key::DeviceKey>,
    show: oneshot::Sender<Vec<String>>,
) -> Result<Vec<u8>, SafelightError> {
    let invitation = Invitation::parse(request.invitation.trim())?;
    let asking = EnrolRequest {
        invitation: &invitation,
        key,
        device_name: &request.device_name,
        attestation: request.attestation.clone(),
        now: now(),
        wait: Duration::from_secs(request.wait_seconds.into()),
    };
    let device = enrol(asking, &mut SysRng, |words| {
        let _ = show.send(words.as_slice().iter().map(|word| (*word).to_owned()).collect());
    })
    .await
    .map_err(|error: ClientError| SafelightError::from(error))?;
    Ok(device.to_bytes())
}
