//! `safelight phone`: the phone's own core on a computer.

mod enrol;
mod patience;
mod send;
mod status;
mod strip;

use clap::Subcommand;
use safelight_core::client::ClientError;
use safelight_core::enrol::Refusal;

use super::outcome::{CliError, Exit, Output};
use crate::phone::identity::IdentityError;
use crate::phone::send::SendError;

/// What the phone's end can do here.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Join a clinic with the QR code of an invitation
    Enrol(enrol::EnrolArgs),
    /// Strip, seal and send photographs, and wait for their receipts
    Send(send::SendArgs),
    /// Clean a photograph with the code that the phone uses
    Strip(strip::StripArgs),
    /// Show the enrolled device, and whether the gateway answers
    Status(status::StatusArgs),
}

/// Runs it.
///
/// # Errors
/// [`CliError`] with the sentence and the exit code.
pub async fn run(command: PhoneCommand, output: Output) -> Result<(), CliError> {
    match command {
        PhoneCommand::Enrol(args) => enrol::run(args, output).await,
        PhoneCommand::Send(args) => send::run(args, output).await,
        PhoneCommand::Strip(args) => strip::run(&args, output),
        PhoneCommand::Status(args) => status::run(args, output).await,
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Unreachable { .. } | ClientError::ConnectionLost | ClientError::Busy | ClientError::Socket => {
                Exit::Unreachable
            }
            ClientError::Closed(_)
            | ClientError::Refused(_)
            | ClientError::CertificateRefused
            | ClientError::CertificateOutOfTime
            | ClientError::InvitationExpired => Exit::Refused,
            ClientError::NotApprovedInTime | ClientError::EnrolmentRefused(Refusal::TimedOut) => Exit::TimedOut,
            ClientError::EnrolmentRefused(_) => Exit::Refused,
            ClientError::NotTheClinic
            | ClientError::EnrolmentMismatch
            | ClientError::Receipt(_)
            | ClientError::KeySet(_) => Exit::NotVerified,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<IdentityError> for CliError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Device(error) => error.into(),
            IdentityError::Missing(_) => Self::new(Exit::NotFound, error),
            _ => Self::new(Exit::Failed, error),
        }
    }
}

impl From<SendError> for CliError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Identity(error) => error.into(),
            SendError::Client(error) => error.into(),
            SendError::Capture(_) => Self::new(Exit::BadInput, error),
            SendError::Keep(_) | SendError::Interrupted => Self::new(Exit::Failed, error),
        }
    }
}
