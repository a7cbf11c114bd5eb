//! How long a certificate holds.

use std::time::Duration;

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::ids::UnixMillis;

/// How long after its end a device certificate still lets an active device in, to renew it and for nothing else:
/// a phone that lay in a drawer over the holidays is not locked out.
pub const GRACE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The time for which a certificate holds, both ends included, in whole seconds (RFC 5280 section 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: UnixMillis,
    /// The last moment.
    pub not_after: UnixMillis,
}

/// Where a moment lies in a certificate's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidityState {
    /// Before its start: one of the two clocks is wrong.
    NotYetValid,
    /// Within its life.
    Valid,
    /// Past its end, by no more than [`GRACE`].
    InGrace,
    /// Past its end and past the grace.
    Expired,
}

impl Validity {
    /// The validity of an X.509 certificate in DER; nothing if it cannot be read or lies before 1970.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let moment = |seconds: i64| Some(UnixMillis(u64::try_from(seconds).ok()?.checked_mul(1000)?));
        Some(Self {
            not_before: moment(certificate.validity().not_before.timestamp())?,
            not_after: moment(certificate.validity().not_after.timestamp())?,
        })
    }

    /// Where `now` lies.
    #[must_use]
    pub fn state(self, now: UnixMillis) -> ValidityState {
        // In whole seconds, as rustls reckons, so that the handshake and the step after it agree.
        let (now, start, end) = (now.0 / 1000, self.not_before.0 / 1000, self.not_after.0 / 1000);
        if now < start {
            ValidityState::NotYetValid
        } else if now <= end {
            ValidityState::Valid
        } else if now - end <= GRACE.as_secs() {
            ValidityState::InGrace
        } else {
            ValidityState::Expired
        }
    }

    /// Whether it is time to renew: the last third of the certificate's life has begun.
    #[must_use]
    pub fn renewal_due(self, now: UnixMillis) -> bool {
        let third = self.not_after.since(self.not_before) / 3;
        now.plus(third) >= self.not_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn validity() -> Validity {
        Validity { not_before: UnixMillis(1_000 * DAY), not_after: UnixMillis(1_030 * DAY) }
    }

    #[test]
    fn each_boundary_is_where_it_is_said_to_be() {
        let at = |millis: u64| validity().state(UnixMillis(millis));
        assert_eq!(at(1_000 * DAY - 1), ValidityState::NotYetValid);
        assert_eq!(at(1_000 * DAY), ValidityState::Valid);
        assert_eq!(at(1_030 * DAY + 999), ValidityState::Valid);
        assert_eq!(at(1_030 * DAY + 1_000), ValidityState::InGrace);
        assert_eq!(at(1_044 * DAY + 999), ValidityState::InGrace);
        assert_eq!(at(1_044 * DAY + 1_000), ValidityState::Expired);
        assert_eq!(at(u64::MAX), ValidityState::Expired);
    }

    #[test]
    fn renewal_is_due_from_the_last_third_on() {
        assert!(!validity().renewal_due(UnixMillis(1_020 * DAY - 1)));
        assert!(validity().renewal_due(UnixMillis(1_020 * DAY)));
        assert!(validity().renewal_due(UnixMillis(2_000 * DAY)));
        assert!(validity().renewal_due(UnixMillis(u64::MAX)));
    }

    #[test]
    fn what_is_not_a_certificate_has_no_validity() {
        assert_eq!(Validity::of_certificate(&[]), None);
        assert_eq!(Validity::of_certificate(&[0x30, 0x80, 0, 0]), None);
    }
}
