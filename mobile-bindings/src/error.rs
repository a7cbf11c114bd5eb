//! What went wrong, as what the app should do about it.

use safelight_core::capture::CaptureError;
use safelight_core::client::ClientError;
use safelight_core::client::phone::PhoneError;
use safelight_core::device_key::DeviceKeyError;
use safelight_core::enrol::Refusal;
use safelight_core::ids::ParseIdError;
use safelight_core::invitation::InvitationError;
use safelight_core::label::LabelError;
use safelight_core::manifest::{ManifestError, ParseOperatorError};
use safelight_core::wire::{CloseReason, RefusalCode};

macro_rules! errors {
    ($($(#[doc = $doc:literal])* $variant:ident),* $(,)?) => {
        /// Why it did not work. The kind says what the app should do; `code` is stable and says what it was, for the app's own words and
        /// for its log; `advice` is an English sentence for the person who holds the phone. Neither holds anything of a person.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum SafelightError {
            $(
                $(#[doc = $doc])*
                #[error("{advice} ({code})")]
                $variant {
                    /// What it was.
                    code: String,
                    /// What to do, in words.
                    advice: String,
                },
            )*
        }
    };
}

errors! {
    /// No address of the gateway answers. `code` says what can be told of the reason: `nobody-listens` (the machine is there and the gateway does not
    /// run), `udp-does-not-pass` (the machine is there and UDP is blocked), `unreachable` (nothing is there, or says so). Show `advice`: it is in words
    /// for the clinic's IT. Try again when the network has changed.
    Unreachable,
    /// It will pass. Keep what is held and try again after a moment.
    TryAgain,
    /// The device key wants its user: ask for the finger or the code, then do the same again.
    UnlockKey,
    /// The device key failed. Try again once; then enrol again.
    KeyFailed,
    /// This device has to be enrolled again: revoked, expired, its key or its identity gone. What is held cannot be sent any more.
    EnrolAgain,
    /// What answers is not the clinic, or cannot prove what it says. Nothing was believed, and a picture stays held. Tell the clinic's IT.
    NotTheClinic,
    /// The gateway will not take this picture. Show why, discard it, take another.
    PictureRefused,
    /// This photograph cannot be taken in. Take another; `advice` says how.
    BadPicture,
    /// Something in the label is missing or wrong; `code` says which field.
    BadLabel,
    /// This invitation cannot be used (any more): ask for a new QR code.
    BadInvitation,
    /// The clinic said no to this device, or nobody said yes in time.
    NotApproved,
    /// The queue is full. Keep the shutter closed until something has been sent.
    QueueFull,
    /// The app cancelled.
    Cancelled,
    /// The object has been closed.
    Closed,
    /// It is being done already, or was asked for from inside a callback that must return first.
    Busy,
    /// This picture is not held: sent, discarded, or never taken.
    NotHeld,
    /// The app's own store refused. Nothing was done.
    NotKept,
    /// App and gateway do not understand each other: update the app.
    UpdateApp,
    /// The gateway's clock and this device's do not agree on the date: compare them, set what is wrong, try again. The picture stays held.
    CheckClock,
    /// The device lacks something: a socket, a thread, randomness. Restart it.
    Device,
    /// A fault of this library. Close the phone and open it again; report it.
    Bug,
}

impl SafelightError {
    pub(crate) fn closed() -> Self {
        PhoneError::Closed.into()
    }

    /// An enrolment has one outcome, and gives it once.
    pub(crate) fn asked_before() -> Self {
        let advice = "the outcome of this enrolment has been asked for already: begin another one";
        Self::Closed { code: "closed".to_owned(), advice: advice.to_owned() }
    }

    /// After [`crate::end_threads`].
    pub(crate) fn ended() -> Self {
        let advice = "the app has ended this library's threads, as it does at its own end: start it again";
        Self::Closed { code: "threads-ended".to_owned(), advice: advice.to_owned() }
    }

    pub(crate) fn bug() -> Self {
        let advice = "the app has a fault: close it and open it again, and tell your clinic's IT";
        Self::Bug { code: "bug".to_owned(), advice: advice.to_owned() }
    }

    pub(crate) fn no_threads() -> Self {
        let advice = "the device gave no threads: restart it and try again";
        Self::Device { code: "no-threads".to_owned(), advice: advice.to_owned() }
    }

    fn of(kind: fn(String, String) -> Self, code: impl Into<String>, error: &impl ToString) -> Self {
        kind(code.into(), error.to_string())
    }
}

/// The kinds as functions, since the variants have named fields.
macro_rules! kinds {
    ($($name:ident $variant:ident),* $(,)?) => {
        $(fn $name(code: String, advice: String) -> SafelightError { SafelightError::$variant { code, advice } })*
    };
}

kinds! {
    unreachable Unreachable, try_again TryAgain, unlock_key UnlockKey, key_failed KeyFailed, enrol_again EnrolAgain,
    not_the_clinic NotTheClinic, picture_refused PictureRefused, bad_picture BadPicture, bad_label BadLabel,
    bad_invitation BadInvitation, not_approved NotApproved, queue_full QueueFull, cancelled Cancelled, closed Closed, busy Busy,
    not_held NotHeld, not_kept NotKept, update_app UpdateApp, check_clock CheckClock, device Device,
}

impl From<PhoneError> for SafelightError {
    fn from(error: PhoneError) -> Self {
        match error {
            PhoneError::Client(error) => error.into(),
            PhoneError::Capture(error) => error.into(),
            PhoneError::Keep(error) => Self::of(not_kept, "not-kept", &error),
            PhoneError::KeyMismatch => Self::of(enrol_again, "key-mismatch", &error),
            PhoneError::Closed => Self::of(closed, "closed", &error),
            PhoneError::AlreadySending => Self::of(busy, "already-sending", &error),
            PhoneError::Keeping => Self::of(busy, "keeping", &error),
            PhoneError::NotHeld => Self::of(not_held, "not-held", &error),
            _ => Self::bug(),
        }
    }
}

impl From<ClientError> for SafelightError {
    fn from(error: ClientError) -> Self {
        let kind = match &error {
            ClientError::Unreachable { .. } => unreachable,
            ClientError::DeviceKey(key) => return key.clone().into(),
            ClientError::Closed(reason) => of_close(*reason),
            ClientError::Refused(code) => of_refusal(*code),
            ClientError::EnrolmentRefused(refusal) => of_enrolment(*refusal),
            ClientError::NotTheClinic
            | ClientError::EnrolmentMismatch
            | ClientError::Receipt(_)
            | ClientError::KeySet(_) => not_the_clinic,
            ClientError::CertificateRefused | ClientError::DeviceDamaged => enrol_again,
            ClientError::CertificateOutOfTime => check_clock,
            ClientError::InvitationExpired => bad_invitation,
            ClientError::NotApprovedInTime => not_approved,
            ClientError::DeviceName => bad_label,
            ClientError::QueueFull => queue_full,
            ClientError::Cancelled => cancelled,
            ClientError::Protocol => update_app,
            ClientError::Randomness | ClientError::Socket => device,
            other if other.is_temporary() => try_again,
            _ => device,
        };
        Self::of(kind, error.code(), &error)
    }
}

fn of_close(reason: CloseReason) -> fn(String, String) -> SafelightError {
    match reason {
        CloseReason::Revoked | CloseReason::UnknownDevice | CloseReason::UnknownCertificate | CloseReason::Expired => {
            enrol_again
        }
        CloseReason::NotYetValid => check_clock,
        CloseReason::EnrolmentClosed => bad_invitation,
        CloseReason::Protocol => update_app,
        _ => try_again,
    }
}

fn of_refusal(code: RefusalCode) -> fn(String, String) -> SafelightError {
    match code {
        code if code.is_temporary() => try_again,
        RefusalCode::Superseded => busy,
        RefusalCode::NotApproved | RefusalCode::BadCertificateRequest => enrol_again,
        RefusalCode::Malformed => update_app,
        RefusalCode::RenewFirst | RefusalCode::Internal => try_again,
        _ => picture_refused,
    }
}

fn of_enrolment(refusal: Refusal) -> fn(String, String) -> SafelightError {
    match refusal {
        Refusal::Invitation => bad_invitation,
        Refusal::Request => update_app,
        Refusal::Declined | Refusal::TimedOut => not_approved,
        Refusal::Unavailable | Refusal::TooMany => try_again,
    }
}

impl From<DeviceKeyError> for SafelightError {
    fn from(error: DeviceKeyError) -> Self {
        let (kind, code): (fn(String, String) -> Self, _) = match error {
            DeviceKeyError::NotAuthorised => (unlock_key, "key-locked"),
            DeviceKeyError::Invalidated => (enrol_again, "key-gone"),
            DeviceKeyError::Failed => (key_failed, "key-failed"),
        };
        Self::of(kind, code, &error)
    }
}

impl From<CaptureError> for SafelightError {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Photo(_) => Self::of(bad_picture, "not-a-photograph", &error),
            CaptureError::Strip(_) => Self::of(bad_picture, "cannot-be-cleaned", &error),
            CaptureError::TooLarge => Self::of(bad_picture, "too-large", &error),
            CaptureError::Label(error) => error.into(),
            CaptureError::Manifest(ManifestError::DeviceKey(error)) => error.into(),
            CaptureError::Keys => Self::of(enrol_again, "keys-damaged", &error),
            CaptureError::Randomness => Self::of(device, "randomness", &error),
            CaptureError::Seal(_) | CaptureError::Manifest(_) => Self::of(device, "not-sealed", &error),
        }
    }
}

impl From<LabelError> for SafelightError {
    fn from(error: LabelError) -> Self {
        Self::of(bad_label, error.code(), &error)
    }
}

impl From<ParseOperatorError> for SafelightError {
    fn from(error: ParseOperatorError) -> Self {
        Self::of(bad_label, "operator", &error)
    }
}

impl From<InvitationError> for SafelightError {
    fn from(error: InvitationError) -> Self {
        match error {
            InvitationError::NotAnInvitation => Self::of(bad_invitation, "not-an-invitation", &error),
            InvitationError::Version(_) => Self::of(update_app, "invitation-version", &error),
            _ => Self::of(bad_invitation, "invitation-damaged", &error),
        }
    }
}

impl From<ParseIdError> for SafelightError {
    fn from(_: ParseIdError) -> Self {
        PhoneError::NotHeld.into()
    }
}

#[cfg(test)]
mod tests;
