//! What a bad network does to packets on one way: loses, doubles, delays and alters them, and passes none above a size.

use std::sync::atomic::{AtomicU64, Ordering};

/// Chances in a hundred, for each packet.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// It is lost.
    pub lost: u64,
    /// It arrives twice.
    pub doubled: u64,
    /// It arrives after the one that was sent after it.
    pub delayed: u64,
    /// A bit of it arrives as another.
    pub altered: u64,
    /// Bytes of the largest packet that passes.
    pub largest: usize,
}

impl Weather {
    /// Everything passes.
    pub const FAIR: Self = Self { lost: 0, doubled: 0, delayed: 0, altered: 0, largest: usize::MAX };
}

/// How many packets met with what.
#[derive(Debug, Default)]
pub struct Damage {
    /// Lost.
    pub lost: AtomicU64,
    /// Doubled.
    pub doubled: AtomicU64,
    /// Delayed.
    pub delayed: AtomicU64,
    /// Altered.
    pub altered: AtomicU64,
    /// Too large to pass.
    pub too_large: AtomicU64,
}

/// One way through the weather. The same seed and packets give the same damage.
#[derive(Debug)]
pub(super) struct Path {
    state: u64,
    held: Option<Vec<u8>>,
}

impl Path {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed | 1, held: None }
    }

    /// Carries one packet: `send` is called for whatever arrives at the other end.
    pub(super) fn carry(&mut self, weather: Weather, damage: &Damage, packet: &[u8], mut send: impl FnMut(&[u8])) {
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        if packet.len() > weather.largest {
            count(&damage.too_large);
        } else if self.happens(weather.lost) {
            count(&damage.lost);
        } else if self.held.is_none() && self.happens(weather.delayed) {
            count(&damage.delayed);
            self.held = Some(packet.to_vec());
            return;
        } else if self.happens(weather.altered) {
            count(&damage.altered);
            let mut altered = packet.to_vec();
            let at = usize::try_from(self.state % packet.len().max(1) as u64).unwrap_or_default();
            altered.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            send(&altered);
        } else {
            send(packet);
            if self.happens(weather.doubled) {
                count(&damage.doubled);
                send(packet);
            }
        }
        if let Some(late) = self.held.take() {
            send(&late);
        }
    }

    fn happens(&mut self, percent: u64) -> bool {
        // Xorshift: what matters is that it can be repeated.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % 100 < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(weather: Weather, packets: u16) -> (Vec<u16>, Damage) {
        let (mut path, damage, mut arrived) = (Path::new(7), Damage::default(), Vec::new());
        for packet in 0..packets {
            path.carry(weather, &damage, &packet.to_be_bytes(), |bytes| {
                arrived.push(u16::from_be_bytes(bytes.try_into().expect("two bytes")));
            });
        }
        (arrived, damage)
    }

    #[test]
    fn fair_weather_changes_nothing_and_bad_weather_does_what_it_says() {
        let (arrived, _) = arrivals(Weather::FAIR, 1000);
        assert_eq!(arrived, (0..1000).collect::<Vec<_>>());

        let (arrived, damage) =
            arrivals(Weather { lost: 20, doubled: 5, delayed: 10, altered: 2, ..Weather::FAIR }, 10_000);
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        assert!((1_700..2_300).contains(&counted(&damage.lost)), "{damage:?}");
        assert!(
            counted(&damage.doubled) > 200 && counted(&damage.delayed) > 500 && counted(&damage.altered) > 50,
            "{damage:?}"
        );
        assert!(!arrived.is_sorted());

        let (arrived, damage) = arrivals(Weather { largest: 1, ..Weather::FAIR }, 10);
        assert_eq!((arrived.len(), counted(&damage.too_large)), (0, 10));
    }
}
