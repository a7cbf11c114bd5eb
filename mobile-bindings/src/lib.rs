//! Safelight for apps: enrol a phone, take pictures, send them, keep nothing.
//!
//! The bridge from the core to Kotlin, Swift and Python. Everything that decides something is in the core (`safelight_core::client::phone`);
//! here types are carried over and nothing else. `make bindings` writes the three languages' side from the built library;
//! docs/MOBILE.md says how an app uses it.
//!
//! | file | carries |
//! |---|---|
//! | `enrolment` | [`Enrolment`]: from a QR code's text to an identity |
//! | `phone` | [`Phone`]: capture, send, events |
//! | `records` | what goes in and comes out: labels, captures, receipts, events |
//! | `callbacks` | what the app implements: [`DeviceKey`], [`IdentityStore`], [`ProgressListener`] |
//! | `error` | [`SafelightError`]: what went wrong, as what the app should do |
//! | `runtime` | the threads that the core runs on, and what becomes of a panic |
//!
//! **Memory.** A picture crosses as a borrowed slice and is never copied whole; the caller overwrites it afterwards. Everything else that
//! crosses is copied through buffers of the bridge, so the allocator of this library overwrites whatever it frees.
//!
//! **Threads.** Every call may come from any thread, several at once, and from inside a callback. Waiting calls are asynchronous and run on
//! threads of the library's own.
//!
//! **Panics** are bugs, and become [`SafelightError::Bug`]; nothing unwinds into the app.

mod callbacks;
mod enrolment;
mod error;
mod phone;
mod records;
mod runtime;

pub use callbacks::{AppError, DeviceKey, DeviceKeyError, IdentityStore, ProgressListener};
pub use enrolment::{Enrolment, EnrolmentRequest, InvitationSummary, certified_public_key, read_invitation};
pub use error::SafelightError;
pub use phone::{CancelToken, Phone, PhoneSettings};
pub use records::{
    Consent, DeviceStatus, Event, HeldCapture, PatientLabel, Receipt, SealedCapture, Side, check_label, version,
};
pub use runtime::end_threads;

uniffi::setup_scaffolding!();

/// Overwrites what is freed: names of patients and whatever else was copied on its way through the bridge.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
