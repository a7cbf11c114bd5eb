//! What a phone keeps, and what it says when it is closed, full, or its app cannot keep anything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use getrandom::SysRng;

use super::*;
use crate::client::Observer;
use crate::client::testing::enrolled;
use crate::device_key::{DeviceKeyError, SoftwareDeviceKey, SoftwareKey};
use crate::testing::{NOW, World, label, photo};
use crate::wire::CloseReason;

/// An app's store that remembers everything that it was given, and refuses when told to.
#[derive(Debug, Default)]
struct Kept {
    devices: Mutex<Vec<Vec<u8>>>,
    in_flight: Mutex<Vec<usize>>,
    refuses: AtomicBool,
}

impl Kept {
    fn asked(&self) -> Result<(), KeepError> {
        if self.refuses.load(Ordering::Acquire) { Err(KeepError) } else { Ok(()) }
    }

    fn last_in_flight(&self) -> Option<usize> {
        self.in_flight.lock().unwrap().last().copied()
    }

    fn last_device(&self) -> Device {
        Device::from_bytes(self.devices.lock().unwrap().last().unwrap(), NOW).unwrap()
    }

    fn how_often(&self) -> usize {
        self.devices.lock().unwrap().len() + self.in_flight.lock().unwrap().len()
    }
}

impl Keep for Kept {
    fn keep_device(&self, device: &[u8]) -> Result<(), KeepError> {
        self.asked()?;
        self.devices.lock().unwrap().push(device.to_vec());
        Ok(())
    }

    fn keep_in_flight(&self, pictures: usize) -> Result<(), KeepError> {
        self.asked()?;
        self.in_flight.lock().unwrap().push(pictures);
        Ok(())
    }
}

fn open_with(
    in_flight: usize,
    address: &str,
    key: impl FnOnce(SoftwareKey) -> Arc<dyn DeviceKey>,
) -> (Phone, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    (open_over(kept.clone(), in_flight, address, key, QUEUE_LEN), kept)
}

fn open_over(
    keep: Arc<dyn Keep>,
    in_flight: usize,
    address: &str,
    key: impl FnOnce(SoftwareKey) -> Arc<dyn DeviceKey>,
    queue_len: usize,
) -> Phone {
    let world = World::new();
    let identity = enrolled(&world, address, None).to_bytes();
    let options = Options::default();
    let opening =
        Opening { identity: &identity, in_flight, key: key(world.device), keep, queue_len, options, software: None };
    Phone::open(opening, NOW).unwrap()
}

fn software(key: SoftwareKey) -> Arc<dyn DeviceKey> {
    Arc::new(SoftwareDeviceKey::new(key, SysRng))
}

fn open(in_flight: usize) -> (Phone, Arc<Kept>) {
    open_with(in_flight, "192.0.2.1:4433", software)
}

fn shoot(phone: &Phone) -> Result<Arc<SealedCapture>, PhoneError> {
    phone.capture(&photo(16), &label(), None, NOW, &mut SysRng)
}

#[tokio::test]
async fn x74_what_is_held_when_it_is_closed_is_counted_and_nothing_is_kept_after_that() {
    let (phone, kept) = open(0);
    phone.ready_for_shutter().unwrap();
    let id = shoot(&phone).unwrap().id();
    phone.ready_for_shutter().unwrap();
    assert_eq!(kept.last_in_flight(), Some(2));
    assert_eq!(phone.close().await.unwrap(), 1);
    assert_eq!(kept.last_in_flight(), Some(1), "the one that is lost, and not the one that was never taken");
    assert_eq!(kept.last_device().next_sequence, 2, "a number that no picture used is no gap");

    let before = kept.how_often();
    assert_eq!(phone.close().await.unwrap(), 0, "closed twice");
    assert!(matches!(phone.ready_for_shutter(), Err(PhoneError::Closed)));
    assert!(matches!(shoot(&phone), Err(PhoneError::Closed)));
    assert!(matches!(phone.take_lost(), Err(PhoneError::Closed)));
    assert!(matches!(phone.discard(id), Err(PhoneError::Closed)));
    assert!(matches!(phone.clear(), Err(PhoneError::Closed)));
    assert!(matches!(phone.device(), Err(PhoneError::Closed)));
    assert!(matches!(phone.connect(NOW).await, Err(PhoneError::Closed)));
    assert!(matches!(phone.network_changed().await, Err(PhoneError::Closed)));
    assert!(matches!(phone.send(id, None, &CancelToken::new()).await, Err(PhoneError::Closed)));
    assert!(phone.next_event().await.is_none());
    assert_eq!(kept.how_often(), before);
}

#[tokio::test]
async fn an_orderly_end_with_nothing_held_leaves_nothing_to_report() {
    let (phone, kept) = open(0);
    phone.ready_for_shutter().unwrap();
    assert_eq!(phone.close().await.unwrap(), 0);
    assert_eq!(kept.last_in_flight(), Some(0));
    assert_eq!(kept.last_device().next_sequence, 1);
}

#[tokio::test]
async fn x74_a_phone_that_was_let_go_of_keeps_nothing() {
    let (phone, kept) = open(0);
    phone.ready_for_shutter().unwrap();
    shoot(&phone).unwrap();
    let before = kept.how_often();
    assert_eq!(phone.abandon(), Some(1));
    assert_eq!(phone.close().await.unwrap(), 0);
    assert_eq!(kept.how_often(), before);
    assert_eq!(kept.last_in_flight(), Some(1), "the next start is told");
}

/// Signs when it is told to.
#[derive(Debug)]
struct Hesitant {
    key: SoftwareDeviceKey<SysRng>,
    asked: mpsc::Sender<()>,
    may: Mutex<mpsc::Receiver<()>>,
}

impl DeviceKey for Hesitant {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        self.asked.send(()).unwrap();
        self.may.lock().unwrap().recv().unwrap();
        self.key.sign(message)
    }

    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        Err(DeviceKeyError::Failed)
    }
}

#[test]
fn x74_a_picture_that_is_being_sealed_when_the_phone_is_closed_is_counted_and_not_held() {
    let ((asked, is_asked), (allow, may)) = (mpsc::channel(), mpsc::channel());
    let key = |key| Arc::new(Hesitant { key: SoftwareDeviceKey::new(key, SysRng), asked, may: may.into() }) as Arc<_>;
    let (phone, kept) = open_with(0, "192.0.2.1:4433", key);
    std::thread::scope(|threads| {
        let sealing = threads.spawn(|| shoot(&phone));
        is_asked.recv().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(phone.close()).unwrap(), 1);
        let before = kept.how_often();
        allow.send(()).unwrap();
        assert!(matches!(sealing.join().unwrap(), Err(PhoneError::Closed)));
        assert_eq!(kept.how_often(), before);
    });
    assert_eq!(kept.last_in_flight(), Some(1));
}

#[test]
fn what_an_earlier_run_lost_is_counted_until_it_was_told() {
    let (phone, kept) = open(2);
    phone.ready_for_shutter().unwrap();
    assert_eq!(kept.last_in_flight(), Some(3), "killed now, three are lost that nobody was told of");
    kept.refuses.store(true, Ordering::Release);
    assert!(matches!(phone.take_lost(), Err(PhoneError::Keep(_))));
    kept.refuses.store(false, Ordering::Release);
    assert_eq!(phone.take_lost().unwrap(), 2);
    assert_eq!(kept.last_in_flight(), Some(1));
    assert_eq!(phone.take_lost().unwrap(), 0);
}

#[test]
fn a_number_that_could_not_be_kept_is_given_out_again() {
    let (phone, kept) = open(0);
    kept.refuses.store(true, Ordering::Release);
    assert!(matches!(phone.ready_for_shutter(), Err(PhoneError::Keep(_))));
    assert!(matches!(shoot(&phone), Err(PhoneError::Keep(_))));
    kept.refuses.store(false, Ordering::Release);
    // The same where a number is there already, from a capture that came to nothing.
    assert!(matches!(phone.capture(b"", &label(), None, NOW, &mut SysRng), Err(PhoneError::Capture(_))));
    kept.refuses.store(true, Ordering::Release);
    assert!(matches!(phone.ready_for_shutter(), Err(PhoneError::Keep(_))));
    assert!(matches!(shoot(&phone), Err(PhoneError::Keep(_))), "what was not made ready is counted first");
    kept.refuses.store(false, Ordering::Release);
    let numbers = [(); 3].map(|()| shoot(&phone).unwrap().manifest().manifest().sequence);
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test]
async fn what_is_thrown_away_is_gone_even_if_the_counter_cannot_be_kept() {
    let (phone, kept) = open(0);
    let id = shoot(&phone).unwrap().id();
    shoot(&phone).unwrap();
    shoot(&phone).unwrap();
    kept.refuses.store(true, Ordering::Release);
    phone.discard(id).unwrap();
    assert!(matches!(phone.discard(id), Err(PhoneError::NotHeld)));
    assert_eq!(phone.clear().unwrap(), 2);
    assert!(phone.held().unwrap().is_empty());
    loop {
        match phone.next_event().await.unwrap() {
            Event::NotKept => break,
            Event::Room { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Comes to an end with what it keeps when it is told to.
#[derive(Debug)]
struct Slow {
    asked: mpsc::Sender<()>,
    may: Mutex<mpsc::Receiver<()>>,
}

impl Keep for Slow {
    fn keep_device(&self, _: &[u8]) -> Result<(), KeepError> {
        self.asked.send(()).unwrap();
        self.may.lock().unwrap().recv().map_err(|_| KeepError)
    }

    fn keep_in_flight(&self, _: usize) -> Result<(), KeepError> {
        Ok(())
    }
}

#[tokio::test]
async fn x74_whoever_closes_beside_another_returns_once_nothing_is_kept_any_more() {
    let ((asked, is_asked), (allow, may)) = (mpsc::channel(), mpsc::channel());
    let keep = Arc::new(Slow { asked, may: may.into() });
    let phone = Arc::new(open_over(keep, 0, "192.0.2.1:4433", software, QUEUE_LEN));
    let first = std::thread::spawn({
        let phone = phone.clone();
        move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(phone.close())
    });
    is_asked.recv().unwrap();
    let mut second = std::pin::pin!(phone.close());
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context))).await;
    assert!(polled.is_pending(), "the app may still be keeping what the first one gave it");
    allow.send(()).unwrap();
    assert_eq!(second.await.unwrap(), 0);
    assert_eq!(first.join().unwrap().unwrap(), 0);
}

#[test]
fn a_place_that_a_shutter_was_made_ready_for_is_its_own() {
    let kept = Arc::new(Kept::default());
    let phone = open_over(kept, 0, "192.0.2.1:4433", software, 1);
    for _ in 0..2 {
        assert_eq!(phone.room().unwrap(), 1);
        assert_eq!(phone.ready_for_shutter().unwrap(), 1);
        assert_eq!(phone.ready_for_shutter().unwrap(), 1, "it is ready already");
        assert_eq!(phone.room().unwrap(), 1, "the one that it was made ready for");
        let id = shoot(&phone).unwrap().id();
        assert_eq!(phone.room().unwrap(), 0);
        assert!(matches!(phone.ready_for_shutter(), Err(PhoneError::Client(ClientError::QueueFull))));
        assert!(matches!(shoot(&phone), Err(PhoneError::Client(ClientError::QueueFull))));
        phone.discard(id).unwrap();
    }
}

#[test]
fn once_shut_out_the_shutter_stays_closed_until_the_gateway_has_done_something_for_it() {
    let (phone, kept) = open(0);
    assert!(phone.ready_for_shutter().is_ok());
    phone.events.disconnected(ClientError::Closed(CloseReason::Revoked));
    let before = kept.how_often();
    let revoked = |refused| matches!(refused, Err(PhoneError::Client(ClientError::Closed(CloseReason::Revoked))));
    assert!(revoked(phone.ready_for_shutter()));
    // The shutter may have opened before the word came.
    assert!(shoot(&phone).is_ok());
    assert!(revoked(shoot(&phone).map(|_| 0)));
    assert_eq!(kept.how_often(), before, "no number and no count for a picture that cannot be");
    phone.events.disconnected(ClientError::Closed(CloseReason::ShuttingDown));
    assert!(revoked(phone.ready_for_shutter()), "a gateway that restarts has said nothing new");
    let before = phone.events.times_shut_out();
    phone.events.disconnected(ClientError::Closed(CloseReason::Expired));
    phone.events.let_in(before);
    assert!(phone.ready_for_shutter().is_err(), "an answer to what was asked before the newest no");
    phone.events.let_in(phone.events.times_shut_out());
    assert!(phone.ready_for_shutter().is_ok());
}

#[tokio::test]
async fn closing_does_not_wait_for_a_gateway_that_does_not_answer() {
    // Takes what comes and says nothing.
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let (phone, _) = open_with(0, &address, software);
    let phone = Arc::new(phone);
    let connecting = tokio::spawn({
        let phone = phone.clone();
        async move { phone.connect(NOW).await }
    });
    // The first packet is there: it waits for an answer.
    deaf.recv_from(&mut [0; 2048]).await.unwrap();
    phone.close().await.unwrap();
    let ended = connecting.await.unwrap();
    assert!(matches!(ended, Err(PhoneError::Closed)), "not for the silence, which would have taken seconds: {ended:?}");
}
