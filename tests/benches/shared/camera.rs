//! A photograph of 12 megapixels, and captures of it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use getrandom::SysRng;
use safelight_core::capture::{self, SealedCapture, Setting};
use safelight_core::client::Client;
use safelight_core::ids::UnixMillis;
use safelight_core::label::Label;
use safelight_gateway::clock::Clock;
use safelight_gateway::demo::photos;
use safelight_gateway::phone::label::LabelInput;

/// As a phone's camera gives it.
pub(crate) fn photograph() -> Vec<u8> {
    photos::photograph(0).expect("the photograph can be made").bytes
}

pub(crate) fn label() -> Label {
    let json = br#"{"patient": "12345", "name": "Example", "birth_date": "1961-02-03", "site": "left forearm"}"#;
    LabelInput::parse(json).and_then(|input| input.into_label(UnixMillis(u64::MAX))).expect("the label is complete")
}

/// Now.
pub(crate) fn now() -> UnixMillis {
    Clock::system().now()
}

/// A capture of `photo` by the device of `client`.
pub(crate) fn capture(client: &Client, photo: &[u8], workers: usize) -> Arc<SealedCapture> {
    let device = client.device();
    let setting = Setting {
        key_set: device.key_set.key_set(),
        device_id: device.device_id,
        operator: &device.operator,
        sequence: client.update(|device| device.take_sequence()),
        captured_at: now(),
        workers: NonZeroUsize::new(workers).expect("at least one"),
        software: None,
    };
    let captured = capture::capture(photo, &label(), &setting, client.key().as_ref(), &mut SysRng);
    Arc::new(captured.expect("the photograph can be captured"))
}
