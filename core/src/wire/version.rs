//! Versions of the protocol, as ALPN names (RFC 7301). Both ends refuse a name that they do not know.

/// The normal connection: uploads, renewal, key set.
pub const ALPN: &[u8] = b"safelight/1";

/// The enrolment listener, open only while an invitation is.
pub const ALPN_ENROL: &[u8] = b"safelight-enrol/1";
