//! What the client's user must tell apart.

use super::Silence;
use crate::device_key::DeviceKeyError;
use crate::keyset::KeySetError;
use crate::receipt::ReceiptError;
use crate::session::send::SendError;
use crate::wire::{CloseReason, RefusalCode};

/// Why an operation of the client failed. The text is for the person who holds the phone and says what to do;
/// [`ClientError::code`] is for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// None of the addresses answered.
    #[error("{}", silence.sentence(addresses))]
    Unreachable {
        /// The addresses that were tried.
        addresses: String,
        /// What can be told of the reason.
        silence: Silence,
    },
    /// The connection was lost and could not be had again in time.
    #[error("the connection to the gateway was lost: the picture is still held, try again")]
    ConnectionLost,
    /// The gateway turned the connection away without looking at it: too many at once.
    #[error("the gateway has too many connections at the moment: try again")]
    Busy,
    /// Whoever answered did not show the clinic's certificate.
    #[error(
        "what answers does not show that it is the clinic's gateway, and was sent no picture: check which network this device is in; if it is the clinic's, tell your clinic's IT"
    )]
    NotTheClinic,
    /// The gateway did not accept this device's certificate.
    #[error("the gateway did not accept this device's certificate: enrol this device again")]
    CertificateRefused,
    /// By the gateway's clock the certificate is not, or no longer, valid.
    #[error(
        "by the gateway's clock this device's certificate is not valid today: compare date and time of this device and of the gateway; if they agree, enrol this device again"
    )]
    CertificateOutOfTime,
    /// The gateway closed the connection and said why.
    #[error("{0}")]
    Closed(CloseReason),
    /// The gateway refused the request.
    #[error("{0}")]
    Refused(RefusalCode),
    /// The clinic refused the enrolment.
    #[error(transparent)]
    EnrolmentRefused(#[from] crate::enrol::Refusal),
    /// The device key failed.
    #[error(transparent)]
    DeviceKey(#[from] DeviceKeyError),
    /// The receipt does not hold; the picture is kept.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The key set does not hold; the old one stays in force.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The gateway's answer is not of the protocol.
    #[error("the gateway's answer was not understood: update the app")]
    Protocol,
    /// The caller cancelled.
    #[error("this was cancelled before it was done: a picture that was being sent is still held")]
    Cancelled,
    /// Enrolment: the device's name.
    #[error("the device's name must have 1 to 64 characters and no control characters: choose another")]
    DeviceName,
    /// Enrolment: the invitation is past its time on this device's clock.
    #[error("the invitation has expired: ask your clinic's IT for a new QR code (and check this device's clock)")]
    InvitationExpired,
    /// Enrolment: nobody approved in time.
    #[error("nobody approved this device in time: ask your clinic's IT for a new QR code")]
    NotApprovedInTime,
    /// Enrolment: what came back is not for this device, key or clinic.
    #[error("the clinic's answer is not for this device: nothing was enrolled. Ask your clinic's IT for a new QR code")]
    EnrolmentMismatch,
    /// The queue is full.
    #[error("the queue is full: wait until a picture has been sent")]
    QueueFull,
    /// What the device remembers cannot be read.
    #[error("what this device remembers of its enrolment is damaged: enrol it again")]
    DeviceDamaged,
    /// A socket could not be had.
    #[error("this device gave no network socket: check its network permission")]
    Socket,
    /// The device's source of randomness failed.
    #[error("the device could not produce random numbers: restart it and try again")]
    Randomness,
}

impl ClientError {
    /// A stable name for programs and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { silence, .. } => silence.code(),
            Self::ConnectionLost => "connection-lost",
            Self::Busy => "busy",
            Self::NotTheClinic => "not-the-clinic",
            Self::CertificateRefused => "certificate-refused",
            Self::CertificateOutOfTime => "certificate-out-of-time",
            Self::Closed(reason) => reason.name(),
            Self::Refused(code) => code.name(),
            Self::EnrolmentRefused(refusal) => refusal.code(),
            Self::DeviceKey(_) => "device-key",
            Self::Receipt(_) => "receipt",
            Self::KeySet(_) => "key-set",
            Self::Protocol => "protocol",
            Self::Cancelled => "cancelled",
            Self::DeviceName => "device-name",
            Self::InvitationExpired => "invitation-expired",
            Self::NotApprovedInTime => "not-approved-in-time",
            Self::EnrolmentMismatch => "enrolment-mismatch",
            Self::QueueFull => "queue-full",
            Self::DeviceDamaged => "device-damaged",
            Self::Socket => "socket",
            Self::Randomness => "randomness",
        }
    }

    /// Whether the clinic has shut this device out.
    pub fn is_shut_out(&self) -> bool {
        let Self::Closed(reason) = self else { return false };
        matches!(
            reason,
            CloseReason::Revoked | CloseReason::UnknownDevice | CloseReason::UnknownCertificate | CloseReason::Expired
        )
    }

    /// Whether trying the same again later may succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost | Self::Busy | Self::Socket => true,
            Self::Closed(reason) => {
                matches!(reason, CloseReason::ShuttingDown | CloseReason::TooManyConnections | CloseReason::Done)
            }
            Self::Refused(code) => code.is_temporary(),
            _ => false,
        }
    }
}

/// `None` for a refusal that will pass: what it was for can wait.
///
/// # Errors
/// Any other.
pub fn not_now<T>(outcome: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(ClientError::Refused(code)) if code.is_temporary() => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<SendError> for ClientError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(refusal) => Self::Refused(refusal.code),
            SendError::Receipt(receipt) => Self::Receipt(receipt),
            SendError::KeySet(error) => Self::KeySet(error),
            SendError::Wire(_) | SendError::OutOfTurn => Self::Protocol,
        }
    }
}

/// TLS alerts arrive as transport errors 0x100 + alert (RFC 9001 section 4.8).
const TLS_ALERT_BASE: u64 = 0x100;

/// The alert that rustls sends for a certificate before or after its time (RFC 8446 section 6.2).
const CERTIFICATE_EXPIRED: u64 = TLS_ALERT_BASE + 45;

impl ClientError {
    /// What a connection that never came to be says. Until the gateway has shown its certificate anybody on the way can end a connection with any
    /// words: a phone that believed them could be told by a stranger that it has been revoked. `None` for silence.
    pub(super) fn before_proof(error: &quinn::ConnectionError) -> Option<Self> {
        use quinn::ConnectionError as E;
        match error {
            E::TimedOut | E::Reset | E::LocallyClosed | E::CidsExhausted => None,
            E::ConnectionClosed(close) if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED => {
                Some(Self::Busy)
            }
            E::VersionMismatch | E::TransportError(_) | E::ConnectionClosed(_) | E::ApplicationClosed(_) => {
                Some(Self::NotTheClinic)
            }
        }
    }
}

/// Of a connection that stood: the gateway had shown its certificate, and what ended it was its word.
impl From<quinn::ConnectionError> for ClientError {
    fn from(error: quinn::ConnectionError) -> Self {
        use quinn::ConnectionError as E;
        match error {
            E::ApplicationClosed(close) => {
                let reason = u32::try_from(close.error_code.into_inner()).ok().and_then(CloseReason::from_number);
                reason.map_or(Self::Protocol, Self::Closed)
            }
            // An alert that this end raised: the server's certificate did not pass.
            E::TransportError(error) if u64::from(error.code) >= TLS_ALERT_BASE => Self::NotTheClinic,
            E::ConnectionClosed(close) if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED => {
                Self::Busy
            }
            // Alerts of the other end.
            E::ConnectionClosed(close) if u64::from(close.error_code) == CERTIFICATE_EXPIRED => {
                Self::CertificateOutOfTime
            }
            E::ConnectionClosed(close) if u64::from(close.error_code) >= TLS_ALERT_BASE => Self::CertificateRefused,
            // How a gateway ends a handshake that took too long, and one that is in trouble itself (RFC 9000 sections 10.2.3 and 20.1).
            E::ConnectionClosed(close)
                if matches!(
                    close.error_code,
                    quinn::TransportErrorCode::APPLICATION_ERROR
                        | quinn::TransportErrorCode::NO_ERROR
                        | quinn::TransportErrorCode::INTERNAL_ERROR
                ) =>
            {
                Self::ConnectionLost
            }
            E::VersionMismatch | E::TransportError(_) | E::ConnectionClosed(_) => Self::Protocol,
            E::Reset | E::TimedOut | E::LocallyClosed | E::CidsExhausted => Self::ConnectionLost,
        }
    }
}

impl From<quinn::WriteError> for ClientError {
    fn from(error: quinn::WriteError) -> Self {
        match error {
            quinn::WriteError::ConnectionLost(lost) => lost.into(),
            quinn::WriteError::Stopped(code) => {
                let code = u32::try_from(code.into_inner()).ok().and_then(RefusalCode::from_number);
                code.map_or(Self::Protocol, Self::Refused)
            }
            _ => Self::Protocol,
        }
    }
}

impl From<quinn::ReadError> for ClientError {
    fn from(error: quinn::ReadError) -> Self {
        match error {
            quinn::ReadError::ConnectionLost(lost) => lost.into(),
            _ => Self::Protocol,
        }
    }
}
