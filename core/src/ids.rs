//! Identifiers: 16 random bytes each, shown as UUIDs, carrying nothing about a person.

use std::fmt;
use std::str::FromStr;

/// Text that is not an identifier of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 8-4-4-4-12 hexadecimal digits are expected")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From its 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// From a slice, if it is 16 bytes long.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Its 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                // The hyphenated form alone: braces, URNs and bare hexadecimal are other spellings of the
                // same thing, and an identifier has one spelling.
                if text.len() != 36 {
                    return Err(ParseIdError);
                }
                uuid::Uuid::try_parse(text).map(|id| Self(id.into_bytes())).map_err(|_| ParseIdError)
            }
        }
    };
}

id!(
    /// One picture, named by the phone: a UUIDv7 (RFC 9562 section 5.7).
    CaptureId
);
id!(
    /// One enrolled phone or capture station, named by the clinic.
    DeviceId
);
id!(
    /// One clinic, that is, one installation.
    ClinicId
);
id!(
    /// One invitation to enrol a device.
    InvitationId
);

impl CaptureId {
    /// A UUIDv7 of `now` and ten random bytes.
    pub fn new(now: UnixMillis, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.0, random).into_uuid().into_bytes())
    }
}

impl ClinicId {
    /// The clinic's fixed name in TLS: an address may change, this does not. `.internal` is reserved for
    /// private use and never resolves outside.
    pub fn server_name(&self) -> String {
        format!("{}.safelight.internal", uuid::Uuid::from_bytes(self.0).simple())
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// `self` later by `duration`, at most the largest representable time.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_spelling() {
        let id = DeviceId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse::<DeviceId>(), Ok(id));
        for other in ["", "abababab", "ABABABABABABABABABABABABABABABAB", "{abababab-abab-abab-abab-abababababab}"] {
            assert!(other.parse::<DeviceId>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_capture_id_is_version_7_and_sorts_by_time() {
        let early = CaptureId::new(UnixMillis(1_000), &[0xff; 10]);
        let late = CaptureId::new(UnixMillis(1_001), &[0; 10]);
        assert!(early < late);
        assert_eq!(early.as_bytes()[6] >> 4, 7);
    }
}
