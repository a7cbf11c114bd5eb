//! Revoked devices that try to connect, for the clinic process to be told of.
//!
//! Attacker: somebody with a revoked phone who knocks without end. Each device is kept once, with a count, and there is an end to how many are kept; the
//! clinic process is not woken for them, and learns of them with its next poll. They are in memory alone: the intake log has them in any case.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use safelight_core::ids::DeviceId;

use crate::link::{Knock, MAX_KNOCKS};

/// Devices that wait to be told of. More are in the intake log alone, until they knock again.
const MAX_WAITING: usize = 256;

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Knocks(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_seq: u64,
    waiting: VecDeque<Knock>,
}

impl Knocks {
    /// A device that is revoked has tried to connect.
    pub(super) fn note(&self, device: DeviceId) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.waiting.iter_mut().find(|known| known.device == device) {
            known.count = known.count.saturating_add(1);
        } else if inner.waiting.len() < MAX_WAITING {
            inner.last_seq = inner.last_seq.saturating_add(1);
            let seq = inner.last_seq;
            inner.waiting.push_back(Knock { seq, device, count: 1 });
        }
    }

    /// Those after `seq`, oldest first. Those up to it are known, and kept no more.
    pub(super) fn after(&self, seq: u64) -> Vec<Knock> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.retain(|knock| knock.seq > seq);
        inner.waiting.iter().take(MAX_KNOCKS).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u16) -> DeviceId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(id)
    }

    #[test]
    fn a_device_waits_once_with_a_count_until_it_is_known() {
        let knocks = Knocks::default();
        assert_eq!(knocks.after(0), []);
        for _ in 0..3 {
            knocks.note(device(1));
        }
        knocks.note(device(2));
        let shown = |seq, number, count| Knock { seq, device: device(number), count };
        assert_eq!(knocks.after(0), [shown(1, 1, 3), shown(2, 2, 1)]);
        assert_eq!(knocks.after(0).len(), 2, "what was not named is shown again");
        assert_eq!(knocks.after(1), [shown(2, 2, 1)]);
        knocks.note(device(1));
        assert_eq!(knocks.after(2), [shown(3, 1, 1)], "a later knock is another");
    }

    #[test]
    fn however_many_knock_there_is_an_end_to_what_is_kept_and_told() {
        let knocks = Knocks::default();
        for number in 0..2000 {
            knocks.note(device(number));
        }
        let (mut told, mut seq) = (0, 0);
        loop {
            let some = knocks.after(seq);
            let Some(last) = some.last() else { break };
            assert!(some.len() <= MAX_KNOCKS);
            (told, seq) = (told + some.len(), last.seq);
        }
        assert_eq!(told, MAX_WAITING);
    }
}
