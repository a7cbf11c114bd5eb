//! Handshakes that are under way, and whose they are.
//!
//! A handshake costs this process memory and arithmetic before it knows who asks. Somebody who begins many and ends none would
//! fill every place, and no phone would get in. So places are counted, of all and of each network; whoever comes while many are taken
//! must show first that its address is real (QUIC Retry, RFC 9000 section 8.1.2), so that nobody can use up another's share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::network::network;

/// Places that are given without a look at whether the address is real.
const BEFORE_RETRY: usize = 64;

/// All places: what strangers may cost is this many half-made connections.
const MAX_HANDSHAKES: usize = 1024;

/// Places of one network. A clinic's phones may all sit behind one address, and all come back in the same second when the power does: a
/// quarter of all places lets hundreds of them in at once, and leaves three quarters to everybody else.
const MAX_PER_NETWORK: usize = 256;

/// A handshake that failed keeps its place about as long as the transport keeps what it knows of it (RFC 9000 section 10.2).
const LINGER: Duration = Duration::from_secs(3);

/// What is done with somebody who comes.
#[derive(Debug)]
pub(super) enum Door {
    /// In, for the handshake.
    Open(Place),
    /// It must show that its address is real, and come again.
    ProveAddress,
    /// Away, for this reason.
    Closed(&'static str),
}

/// The places that are taken. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshakes(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

impl Handshakes {
    /// Somebody comes from `address`, which is known to be real if it is `validated`.
    pub(super) fn knock(&self, address: IpAddr, validated: bool) -> Door {
        let network = network(address);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.by_network.get(&network).copied().unwrap_or_default();
        if taken.total >= MAX_HANDSHAKES {
            return Door::Closed("too-many-handshakes");
        }
        if !validated && taken.total >= BEFORE_RETRY {
            return Door::ProveAddress;
        }
        if mine >= MAX_PER_NETWORK {
            return Door::Closed("too-many-from-one-network");
        }
        taken.total = taken.total.saturating_add(1);
        taken.by_network.insert(network, mine.saturating_add(1));
        Door::Open(Place { handshakes: self.clone(), network })
    }
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    handshakes: Handshakes,
    network: IpAddr,
}

impl Place {
    /// The handshake has failed: the place is kept for a while.
    pub(super) fn linger(self) {
        tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            drop(self);
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.handshakes.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        if let Some(mine) = taken.by_network.get_mut(&self.network) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                taken.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(handshakes: &Handshakes, address: &str, count: usize) -> Vec<Place> {
        let address = address.parse().unwrap();
        let knock = |_| match handshakes.knock(address, true) {
            Door::Open(place) => place,
            other => panic!("{other:?}"),
        };
        (0..count).map(knock).collect()
    }

    fn knock(handshakes: &Handshakes, address: &str, validated: bool) -> Door {
        handshakes.knock(address.parse().unwrap(), validated)
    }

    #[test]
    fn t17_one_network_cannot_take_the_places_of_the_others() {
        let handshakes = Handshakes::default();
        let mut flood = take(&handshakes, "192.0.2.1", MAX_PER_NETWORK);
        assert!(matches!(knock(&handshakes, "192.0.2.1", true), Door::Closed("too-many-from-one-network")));
        // The same address, written as IPv6 has it.
        assert!(matches!(knock(&handshakes, "::ffff:192.0.2.1", true), Door::Closed(_)));
        assert!(matches!(knock(&handshakes, "192.0.2.2", true), Door::Open(_)));
        flood.pop();
        assert!(matches!(knock(&handshakes, "192.0.2.1", true), Door::Open(_)));

        let _neighbours = take(&handshakes, "2001:db8::1", MAX_PER_NETWORK);
        assert!(matches!(knock(&handshakes, "2001:db8::ffff:2", true), Door::Closed(_)));
        assert!(matches!(knock(&handshakes, "2001:db8:0:1::1", true), Door::Open(_)));
    }

    #[test]
    fn t17_an_address_that_may_be_forged_takes_nobodys_share() {
        let handshakes = Handshakes::default();
        let clinic = "192.0.2.1";
        let forged: Vec<Door> = (0..10_000).map(|_| knock(&handshakes, clinic, false)).collect();
        let places = forged.iter().filter(|door| matches!(door, Door::Open(_))).count();
        assert_eq!(places, BEFORE_RETRY);
        assert!(forged.iter().skip(BEFORE_RETRY).all(|door| matches!(door, Door::ProveAddress)));
        assert!(matches!(knock(&handshakes, clinic, true), Door::Open(_)));
    }

    #[test]
    fn t17_all_places_together_are_bounded_and_come_back() {
        let handshakes = Handshakes::default();
        let networks = MAX_HANDSHAKES / MAX_PER_NETWORK;
        let all: Vec<_> =
            (0..networks).flat_map(|n| take(&handshakes, &format!("192.0.2.{n}"), MAX_PER_NETWORK)).collect();
        assert!(matches!(knock(&handshakes, "198.51.100.1", true), Door::Closed("too-many-handshakes")));
        drop(all);
        let taken = handshakes.0.lock().unwrap();
        assert_eq!((taken.total, taken.by_network.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_failed_handshake_keeps_its_place_for_a_while() {
        let handshakes = Handshakes::default();
        take(&handshakes, "192.0.2.1", 1).into_iter().for_each(Place::linger);
        assert_eq!(handshakes.0.lock().unwrap().total, 1);
        let given_back = async {
            while handshakes.0.lock().unwrap().total > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LINGER * 20, given_back).await.unwrap();
    }
}
