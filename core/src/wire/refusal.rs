//! Refusals: stable numbers for programs, stable names for logs, and what a person should do.

use std::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $kind:ident { $($(#[$cdoc:meta])* $variant:ident = $number:literal, $name:literal, $advice:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $kind { $($(#[$cdoc])* $variant,)* }

        impl $kind {
            /// Every one, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number on the wire. Numbers are never reused.
            pub const fn number(self) -> u32 { match self { $(Self::$variant => $number),* } }

            /// From the number on the wire.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name in logs and JSON.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }

            /// What happened and what to do, for the person who holds the phone.
            pub const fn advice(self) -> &'static str { match self { $(Self::$variant => $advice),* } }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.advice()) }
        }

        impl std::error::Error for $kind {}
    };
}

codes! {
    /// Why the gateway refused a request. Nothing of a refused upload stays behind.
    RefusalCode {
        /// The request is not of the form that the protocol fixes.
        Malformed = 1, "malformed", "The gateway did not understand this device. Update the app.";
        /// A named limit was passed.
        TooLarge = 2, "too-large", "The picture is larger than the gateway takes. Choose a smaller picture size.";
        /// The manifest's signature is not this device's.
        BadSignature = 3, "bad-signature", "The picture's signature does not match this device. Take the picture again; if it happens again, enrol this device anew.";
        /// The manifest names another device than the one that is connected.
        WrongDevice = 4, "wrong-device", "The picture was taken by another device and can only be sent from there.";
        /// The manifest names another clinic.
        WrongClinic = 5, "wrong-clinic", "The picture belongs to another clinic.";
        /// The key set that the picture was sealed for is no longer taken.
        KeySetTooOld = 6, "key-set-too-old", "The clinic's keys have changed. The app must update its keys and seal the picture again.";
        /// The header is not one manifest stanza and two or more X25519 stanzas, or does not match the manifest.
        BadHeader = 7, "bad-header", "The sealed picture is damaged. Take the picture again.";
        /// The label is not what the manifest says.
        BadLabel = 8, "bad-label", "The sealed patient label is damaged. Take the picture again.";
        /// Fewer or more bytes than the manifest says.
        LengthMismatch = 9, "length-mismatch", "The picture did not arrive whole. Send it again.";
        /// Other bytes than the manifest says.
        DigestMismatch = 10, "digest-mismatch", "The picture was damaged on the way. Send it again.";
        /// This capture id is known with another manifest. Alerted: a device does not reuse one.
        Conflict = 11, "conflict", "Another picture is already stored under this number. Tell your clinic's IT.";
        /// The same capture is being received on another stream.
        Superseded = 12, "superseded", "The same picture is being sent on a newer connection.";
        /// The store cannot take it now.
        StoreUnavailable = 13, "store-unavailable", "The gateway cannot store pictures at the moment. Keep the app open and tell your clinic's IT.";
        /// The upload was too slow for too long.
        TooSlow = 14, "too-slow", "The connection is too slow. Move closer to the Wi-Fi access point; the app will go on where it stopped.";
        /// The certificate is in its days of grace: it may be renewed, and nothing else.
        RenewFirst = 15, "renew-first", "This device's certificate has expired and must be renewed first. The app does so by itself.";
        /// The gateway is stopping.
        ShuttingDown = 16, "shutting-down", "The gateway is restarting. The app will try again.";
        /// The clinic process did not answer in time.
        ClinicUnavailable = 17, "clinic-unavailable", "The clinic's server is busy or locked. The app will try again.";
        /// The certificate request was not accepted.
        BadCertificateRequest = 18, "bad-certificate-request", "The certificate request was not accepted. Enrol this device anew.";
        /// The device is not (or no longer) one that may do this.
        NotApproved = 19, "not-approved", "The clinic has not approved this device, or not any more. Ask your clinic's IT.";
        /// Too many requests at once from this device.
        TooMany = 20, "too-many", "Too many pictures are being sent at once. The app will try again.";
        /// The gateway's own fault.
        Internal = 21, "internal", "The gateway has a fault. Keep the app open and tell your clinic's IT.";
    }
}

codes! {
    /// Why the gateway closed a connection, as a QUIC application error code (RFC 9000 section 19.19).
    CloseReason {
        /// Nothing is wrong.
        Done = 0, "done", "The connection was closed.";
        /// The device has been revoked.
        Revoked = 1, "revoked", "This device has been revoked by the clinic and can no longer send pictures. Ask your clinic's IT to enrol it again.";
        /// The gateway does not know the device.
        UnknownDevice = 2, "unknown-device", "The clinic does not know this device. Ask your clinic's IT to enrol it.";
        /// The certificate is not one of the device's.
        UnknownCertificate = 3, "unknown-certificate", "This device's certificate is not (or no longer) the one the clinic issued. Enrol the device again.";
        /// The certificate's grace is over.
        Expired = 4, "expired", "This device's certificate has expired. Ask your clinic's IT to enrol it again.";
        /// Too many connections of one device.
        TooManyConnections = 5, "too-many-connections", "This device has too many connections open. Close the app and open it again.";
        /// The gateway is stopping.
        ShuttingDown = 6, "shutting-down", "The gateway is restarting. The app will try again.";
        /// The peer broke the protocol.
        Protocol = 7, "protocol", "The gateway did not understand this device. Update the app.";
        /// No invitation is open (any more).
        EnrolmentClosed = 8, "enrolment-closed", "No invitation is open. Ask your clinic's IT for a new QR code.";
        /// By the gateway's clock the certificate is of the future.
        NotYetValid = 9, "not-yet-valid", "By the gateway's clock this device's certificate is not valid yet. Compare date and time of this device and of the gateway, then try again.";
    }
}

impl RefusalCode {
    /// Whether the same request may succeed later without a change.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::StoreUnavailable
                | Self::TooSlow
                | Self::ShuttingDown
                | Self::ClinicUnavailable
                | Self::TooMany
                | Self::LengthMismatch
                | Self::DigestMismatch
        )
    }
}

/// A refusal as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Refusal {
    /// Which one.
    pub code: RefusalCode,
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique_and_found_again() {
        let numbers: HashSet<_> = RefusalCode::ALL.iter().map(|code| code.number()).collect();
        let names: HashSet<_> = RefusalCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!((numbers.len(), names.len()), (RefusalCode::ALL.len(), RefusalCode::ALL.len()));
        for code in RefusalCode::ALL {
            assert_eq!(RefusalCode::from_number(code.number()), Some(*code));
        }
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from_number(reason.number()), Some(*reason));
        }
        assert_eq!(RefusalCode::from_number(0), None);
    }
}
