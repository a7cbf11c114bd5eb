//! An enrolled phone: through its commands, or through the client library with its own identity.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use getrandom::SysRng;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rand_core::TryCryptoRng;
use safelight_core::capture::{SealedCapture, Setting, capture};
use safelight_core::client::device::Device;
use safelight_core::client::{Client, Options};
use safelight_core::device_key::DeviceKey;
use safelight_core::ids::UnixMillis;
use safelight_gateway::clock::Clock;
use safelight_gateway::phone::identity::Identity;
use safelight_gateway::phone::label::LabelInput;

use super::program::{Finished, Running, command, finish, safelight};

/// Whom the pictures are of, unless a test says otherwise.
pub const LABEL: &str =
    r#"{"patient":"MRN-77812-04","name":"Quittländer, Zoë","birth_date":"1961-02-03","site":"left forearm"}"#;

/// An enrolled phone.
#[derive(Debug)]
pub struct Phone {
    /// Its identity's folder.
    pub identity: PathBuf,
    /// What the clinic calls it.
    pub device: String,
}

impl Phone {
    /// `phone send` with [`LABEL`] on its standard input.
    pub fn send_args<'a>(&'a self, photos: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["phone", "send", "--identity", self.folder(), "--label-file", "-", "--json"];
        args.extend(photos);
        args
    }

    /// Sends photographs with [`LABEL`].
    #[track_caller]
    pub fn send(&self, photos: &[&str]) -> Finished {
        finish(command(safelight(), &self.send_args(photos)), LABEL.as_bytes())
    }

    /// The same, not waited for.
    #[track_caller]
    pub fn start_send(&self, photos: &[&str]) -> Running {
        Running::start(command(safelight(), &self.send_args(photos)), LABEL.as_bytes())
    }

    /// `phone status --json`.
    #[track_caller]
    pub fn status(&self) -> Finished {
        finish(command(safelight(), &["phone", "status", "--identity", self.folder(), "--json"]), b"")
    }

    /// What it remembers, and its key, as they are on its disk now.
    pub fn enrolled(&self) -> (Device, Arc<dyn DeviceKey>) {
        let (_, device, key) = Identity::open(&self.identity, Clock::system().now()).expect("an enrolled identity");
        (device, key)
    }

    /// The client library with its identity. It must not be used beside [`Phone::send`]: the sequence numbers would be the same.
    pub fn client(&self) -> Client {
        let (device, key) = self.enrolled();
        Client::new(device, key, Options::default())
    }

    fn folder(&self) -> &str {
        self.identity.to_str().expect("a path in UTF-8")
    }
}

/// A small photograph of noise, for tests that are not about pictures: a JPEG of about half a byte a pixel and more.
pub fn snapshot(seed: u64, width: u32, height: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let pixels = RgbImage::from_fn(width, height, |_, _| {
        // Xorshift: what matters is that it can be repeated.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [red, green, blue, ..] = state.to_be_bytes();
        Rgb([red, green, blue])
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&pixels).expect("a JPEG");
    jpeg
}

/// Seals a photograph with [`LABEL`] for what `client` is enrolled with.
pub fn seal(client: &Client, photo: &[u8]) -> Arc<SealedCapture> {
    seal_with(client, photo, Clock::system().now(), &mut SysRng)
}

/// The same at another time of the device's clock, with another source of randomness.
pub fn seal_with<R: TryCryptoRng>(
    client: &Client,
    photo: &[u8],
    captured_at: UnixMillis,
    rng: &mut R,
) -> Arc<SealedCapture> {
    let label =
        LabelInput::parse(LABEL.as_bytes()).and_then(|input| input.into_label(Clock::system().now())).expect("a label");
    let sequence = client.update(Device::take_sequence);
    let (device, key) = (client.device(), client.key());
    let setting = Setting {
        key_set: device.key_set.key_set(),
        device_id: device.device_id,
        operator: &device.operator,
        sequence,
        captured_at,
        workers: NonZeroUsize::MIN,
        software: None,
    };
    Arc::new(capture(photo, &label, &setting, key.as_ref(), rng).expect("a photograph that can be sealed"))
}

/// `phone strip`: the cleaned photograph, or why there is none.
#[track_caller]
pub fn strip(photo: &Path, folder: &Path) -> Result<Vec<u8>, Finished> {
    let out = folder.join(format!("stripped-{:?}.jpg", std::thread::current().id()));
    let (from, to) = (photo.to_str().expect("a path in UTF-8"), out.to_str().expect("a path in UTF-8"));
    let finished = finish(command(safelight(), &["phone", "strip", from, "-o", to, "--force"]), b"");
    match finished.code {
        Some(0) => Ok(std::fs::read(&out).expect("the stripped photograph")),
        _ => Err(finished),
    }
}
