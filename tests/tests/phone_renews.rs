//! What an app's phone keeps when its certificate is renewed: at every moment an identity that one of the app's keys fits.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::device::Device;
use safelight_core::client::phone::{Event, Keep, KeepError, Opening, Phone, QUEUE_LEN, certified_key};
use safelight_core::client::{CancelToken, Options};
use safelight_core::device_key::DeviceKey;
use safelight_core::ids::UnixMillis;
use safelight_gateway::clock::Clock;
use safelight_gateway::phone::label::LabelInput;
use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::pictures::small;

/// Everything that was kept, in its order.
#[derive(Debug, Default)]
struct Kept {
    identities: Mutex<Vec<Vec<u8>>>,
    in_flight: Mutex<Vec<usize>>,
}

impl Keep for Kept {
    fn keep_device(&self, device: &[u8]) -> Result<(), KeepError> {
        self.identities.lock().expect("no panic").push(device.to_vec());
        Ok(())
    }

    fn keep_in_flight(&self, pictures: usize) -> Result<(), KeepError> {
        self.in_flight.lock().expect("no panic").push(pictures);
        Ok(())
    }
}

fn open(identity: &[u8], key: Arc<dyn DeviceKey>, kept: &Arc<Kept>) -> Phone {
    let opening = Opening {
        identity,
        in_flight: 0,
        key,
        keep: kept.clone(),
        queue_len: QUEUE_LEN,
        options: Options::default(),
        software: None,
    };
    Phone::open(opening, Clock::system().now()).expect("an identity and its key")
}

fn after(days: u64) -> UnixMillis {
    Clock::system().now().plus(Duration::from_secs(days * 24 * 60 * 60))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_kept_with_its_key_and_the_phone_goes_on_with_both() {
    let gateway = Gateway::serving();
    let (device, key) = gateway.enrol("phone").enrolled();
    let kept = Arc::new(Kept::default());
    let before = key.public_key().expect("a key");
    let phone = open(&device.to_bytes(), key, &kept);
    // Nothing is due, and nothing is kept.
    phone.connect(after(1)).await.expect("a gateway");
    assert!(kept.identities.lock().expect("no panic").is_empty());

    // Many at once: one renewal.
    let due = after(26);
    let renewals = tokio::join!(phone.connect(due), phone.connect(due), phone.connect(due));
    assert!(renewals.0.is_ok() && renewals.1.is_ok() && renewals.2.is_ok(), "{renewals:?}");
    let identity = kept.identities.lock().expect("no panic").last().cloned().expect("a renewed identity");
    let after = certified_key(&identity, Clock::system().now()).expect("an identity");
    assert!(before != after);
    assert_eq!(kept.identities.lock().expect("no panic").len(), 1);
    loop {
        if let Event::CertificateRenewed { until } = phone.next_event().await.expect("an event") {
            assert!(until.is_some());
            break;
        }
    }
    let label =
        LabelInput::parse(LABEL.as_bytes()).and_then(|input| input.into_label(Clock::system().now())).expect("a label");
    let capture =
        phone.capture(&small::photo(1), &label, None, Clock::system().now(), &mut SysRng).expect("a photograph");
    phone.send(capture.id(), None, &CancelToken::new()).await.expect("a receipt");
    assert_eq!(*kept.in_flight.lock().expect("no panic"), [1, 0]);

    // Numbers that no picture has used are given back at the end, so that the clinic sees no gap.
    phone.ready_for_shutter().expect("room");
    assert_eq!(phone.device().expect("open").next_sequence, 3);
    assert_eq!(phone.close().await.expect("an end"), 0);
    assert_eq!(kept.in_flight.lock().expect("no panic").last(), Some(&0), "nothing to report");
    let identity = kept.identities.lock().expect("no panic").last().cloned().expect("an identity");
    let kept = Device::from_bytes(&identity, Clock::system().now()).expect("an identity");
    assert_eq!(kept.next_sequence, 2);
}
