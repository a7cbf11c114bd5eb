//! What the app implements. Each may throw; nothing of what it says in an exception goes any further, since it may say anything.

use std::fmt;
use std::sync::Arc;

use safelight_core::client::phone::{Keep, KeepError, Listener};
use safelight_core::device_key::{self, PublicKey};
use uniffi::UnexpectedUniFFICallbackError;

/// Why a device key did not do its work. An exception of any other kind is taken for `Failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum DeviceKeyError {
    /// The keystore wants its user first: Android's `UserNotAuthenticatedException`, iOS's `errSecInteractionNotAllowed`.
    #[error("the key is locked")]
    Locked,
    /// The key is gone for good: Android's `KeyPermanentlyInvalidatedException`, a restored phone.
    #[error("the key is gone")]
    Gone,
    /// Anything else.
    #[error("the key failed")]
    Failed,
}

/// The app could not do it. There is nothing more to say: the text of an exception stays with the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppError {
    /// It could not.
    #[error("the app could not do it")]
    Refused,
}

impl From<UnexpectedUniFFICallbackError> for DeviceKeyError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<UnexpectedUniFFICallbackError> for AppError {
    fn from(_: UnexpectedUniFFICallbackError) -> Self {
        Self::Refused
    }
}

/// A P-256 key that signs for this device and never leaves its secure hardware: Android Keystore, Secure Enclave.
///
/// Called from the library's threads and from the app's, several at once. It may take a moment, but the gateway does not wait for long: a key
/// that wants its user's finger is unlocked for some time before a call, not during it.
#[uniffi::export(with_foreign)]
pub trait DeviceKey: Send + Sync + fmt::Debug {
    /// The public half: a SEC1 point on P-256, 65 bytes (4, x, y) or 33.
    fn public_key(&self) -> Result<Vec<u8>, DeviceKeyError>;

    /// The signature of SHA-256(`message`) by ECDSA, in ASN.1 DER: what `SHA256withECDSA` and
    /// `ecdsaSignatureMessageX962SHA256` give.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, DeviceKeyError>;

    /// Makes a further key of the same kind, for a renewed certificate. This one stays: which of several is in use is what
    /// `certified_public_key` of the kept identity says, and the app may destroy the others when it opens a phone.
    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError>;
}

/// Where the app keeps two small things, durably: what has returned is there after a power cut. Neither holds anything of a picture or of
/// a patient. One call at a time.
#[uniffi::export(with_foreign)]
pub trait IdentityStore: Send + Sync + fmt::Debug {
    /// Keeps the identity in place of the one before, all of it or nothing.
    fn keep_identity(&self, identity: Vec<u8>) -> Result<(), AppError>;

    /// Keeps how many pictures would be lost if the app were killed now.
    fn keep_in_flight(&self, pictures: u32) -> Result<(), AppError>;
}

/// Is told how far an upload is: at most ten times a second, and at the end. One that throws is not called again; the upload goes on.
#[uniffi::export(with_foreign)]
pub trait ProgressListener: Send + Sync + fmt::Debug {
    /// Bytes that are on their way or there, and all of them.
    fn progress(&self, sent: u64, total: u64) -> Result<(), AppError>;
}

/// The app's key in the core's hands.
#[derive(Debug)]
pub(crate) struct AppKey(pub(crate) Arc<dyn DeviceKey>);

impl device_key::DeviceKey for AppKey {
    fn public_key(&self) -> Result<PublicKey, device_key::DeviceKeyError> {
        let point = self.0.public_key().map_err(reason)?;
        PublicKey::from_sec1(&point).map_err(|_| device_key::DeviceKeyError::Failed)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, device_key::DeviceKeyError> {
        self.0.sign(message.to_vec()).map_err(reason)
    }

    fn new_key(&self) -> Result<Arc<dyn device_key::DeviceKey>, device_key::DeviceKeyError> {
        Ok(Arc::new(Self(self.0.new_key().map_err(reason)?)))
    }
}

fn reason(error: DeviceKeyError) -> device_key::DeviceKeyError {
    match error {
        DeviceKeyError::Locked => device_key::DeviceKeyError::NotAuthorised,
        DeviceKeyError::Gone => device_key::DeviceKeyError::Invalidated,
        DeviceKeyError::Failed => device_key::DeviceKeyError::Failed,
    }
}

/// The app's store in the core's hands.
#[derive(Debug)]
pub(crate) struct AppStore(pub(crate) Arc<dyn IdentityStore>);

impl Keep for AppStore {
    fn keep_device(&self, device: &[u8]) -> Result<(), KeepError> {
        self.0.keep_identity(device.to_vec()).map_err(|_| KeepError)
    }

    fn keep_in_flight(&self, pictures: usize) -> Result<(), KeepError> {
        self.0.keep_in_flight(u32::try_from(pictures).unwrap_or(u32::MAX)).map_err(|_| KeepError)
    }
}

/// The app's listener in the core's hands.
pub(crate) fn listener(listener: Arc<dyn ProgressListener>) -> Listener {
    Arc::new(move |progress| listener.progress(progress.sent as u64, progress.total as u64).is_ok())
}
