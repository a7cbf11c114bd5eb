//! A bad network between a phone and the gateway: a UDP relay that stops passing packets when it is told to, loses some of them, leads elsewhere, or
//! gives the phone another address, as a NAT does.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::weather::{Damage, Path, Weather};

/// Larger than any datagram.
const BUFFER: usize = 64 * 1024;

/// Seeds of the two ways.
const UPWARDS: u64 = 0x5AFE_0001;
const DOWNWARDS: u64 = 0x5AFE_0002;

/// How often a thread looks whether the relay has been dropped.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Phones send to its address, the gateway listens on another. Ends when dropped.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    addresses: AtomicUsize,
    target: Mutex<SocketAddr>,
    /// Counts the changes of the target and of the addresses that the gateway sees.
    epoch: AtomicU64,
    weather: Mutex<Weather>,
    damage: Damage,
    /// Bytes that may still pass towards the gateway.
    quota: AtomicU64,
    passed: AtomicU64,
    ended: AtomicBool,
    connections: Mutex<BTreeSet<Vec<u8>>>,
    phones: Mutex<BTreeSet<SocketAddr>>,
}

impl Relay {
    /// Takes packets on `port` of 127.0.0.1 and passes them to `target`; everything passes at first.
    ///
    /// # Panics
    /// If the port is taken.
    pub fn start(port: u16, target: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the port that `init` has found");
        socket.set_read_timeout(Some(LOOK_EVERY)).expect("a timeout");
        let shared = Arc::new(Shared {
            address: socket.local_addr().expect("an address"),
            addresses: AtomicUsize::new(0),
            target: Mutex::new(target),
            epoch: AtomicU64::new(0),
            weather: Mutex::new(Weather::FAIR),
            damage: Damage::default(),
            quota: AtomicU64::new(u64::MAX),
            passed: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
            phones: Mutex::default(),
        });
        let upwards = shared.clone();
        thread::spawn(move || upwards.pass_up(&socket));
        Self { shared }
    }

    /// Passes `bytes` more towards the gateway and nothing after that, until [`Relay::open`]. What the gateway sends always passes.
    pub fn stop_after(&self, bytes: u64) {
        self.shared.quota.store(bytes, Ordering::Release);
    }

    /// Passes everything.
    pub fn open(&self) {
        self.stop_after(u64::MAX);
    }

    /// Passes everything that comes from now on to somebody else.
    pub fn turn_to(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.give_new_addresses();
    }

    /// What phones send comes from other ports from now on: a NAT has forgotten them.
    pub fn give_new_addresses(&self) {
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// What happens to packets from now on, both ways.
    pub fn set_weather(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// What has happened to them.
    pub fn damage(&self) -> &Damage {
        &self.shared.damage
    }

    /// Where phones send to.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// How many addresses the gateway has seen packets from.
    pub fn addresses(&self) -> usize {
        self.shared.addresses.load(Ordering::Acquire)
    }

    /// How many QUIC connections phones have begun.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many addresses packets have come from.
    pub fn phones(&self) -> usize {
        self.shared.phones.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Bytes that have passed towards the gateway.
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
    }
}

impl Shared {
    fn pass_up(self: &Arc<Self>, socket: &UdpSocket) {
        let mut ways: HashMap<SocketAddr, UdpSocket> = HashMap::new();
        let mut epoch = 0;
        let mut path = Path::new(UPWARDS);
        let mut buffer = vec![0; BUFFER];
        while !self.ended.load(Ordering::Acquire) {
            let Ok((len, phone)) = socket.recv_from(&mut buffer) else { continue };
            let packet = buffer.get(..len).unwrap_or_default();
            self.phones.lock().unwrap_or_else(PoisonError::into_inner).insert(phone);
            let spend = |quota: u64| if quota == u64::MAX { Some(quota) } else { quota.checked_sub(len as u64) };
            if self.quota.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend).is_err() {
                continue;
            }
            if let Some(id) = begun(packet) {
                self.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
            }
            let now = self.epoch.load(Ordering::Acquire);
            if now != epoch {
                epoch = now;
                ways.clear();
            }
            let way = ways.entry(phone).or_insert_with(|| self.way_for(phone, socket));
            path.carry(self.weather(), &self.damage, packet, |packet| {
                // A gateway that is not there loses packets, as a network does.
                if way.send(packet).is_ok() {
                    self.passed.fetch_add(packet.len() as u64, Ordering::AcqRel);
                }
            });
        }
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A socket of its own for each address, so that the gateway sees another address when the phone has one.
    fn way_for(self: &Arc<Self>, phone: SocketAddr, socket: &UdpSocket) -> UdpSocket {
        self.addresses.fetch_add(1, Ordering::AcqRel);
        let way = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let target = *self.target.lock().unwrap_or_else(PoisonError::into_inner);
        way.connect(target).expect("an address");
        way.set_read_timeout(Some(LOOK_EVERY)).expect("a timeout");
        let (down, back) = (way.try_clone().expect("a socket"), socket.try_clone().expect("a socket"));
        let shared = self.clone();
        thread::spawn(move || {
            let mut path = Path::new(DOWNWARDS);
            let mut buffer = vec![0; BUFFER];
            while !shared.ended.load(Ordering::Acquire) {
                if let Ok(len) = down.recv(&mut buffer) {
                    let packet = buffer.get(..len).unwrap_or_default();
                    path.carry(shared.weather(), &shared.damage, packet, |packet| {
                        let _ = back.send_to(packet, phone);
                    });
                }
            }
        });
        way
    }
}

/// The phone's own connection id, if the packet begins a connection: an Initial packet of QUIC version 1 (RFC 9000 section 17.2.2).
fn begun(packet: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = packet.split_first()?;
    if first & 0xF0 != 0xC0 {
        return None;
    }
    let rest = rest.get(4..)?;
    let (theirs, rest) = rest.split_first()?;
    let (own, rest) = rest.get(usize::from(*theirs)..)?.split_first()?;
    Some(rest.get(..usize::from(*own))?.to_vec())
}
