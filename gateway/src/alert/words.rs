//! What an alert is about, in words: the same on the console's page and in a mail. None of them can name anybody: they are all here.

use super::rules::Severity;
use crate::config::alert::Code;

/// The rule.
#[must_use]
pub const fn of(code: Code) -> &'static str {
    match code {
        Code::LogInFailures => "Many failed log-ins",
        Code::EmergencyAccess => "Emergency access",
        Code::AccountReset => "A code was made to set an account up anew",
        Code::UnusualHours => "Pictures seen outside usual hours",
        Code::UnusualPatients => "Unusually many patients seen in a day",
        Code::UnusualDownloads => "Unusually many pictures taken out in a day",
        Code::Denied => "Many requests for what is not theirs",
        Code::SequenceGap => "A phone's pictures have gaps in their numbers",
        Code::RevokedDevice => "A revoked phone tries to connect",
        Code::LogTrouble => "A log is not what it was",
        Code::StoreTrouble => "A picture could not be verified, or is damaged",
        Code::CertificateEnds => "A certificate ends soon",
        Code::DiskLow => "The disk is nearly full",
    }
}

/// How soon somebody must look.
#[must_use]
pub const fn how_soon(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "urgent",
        Severity::Medium => "today",
    }
}

pub(super) const TEST: &str = "A test: nothing has happened";
pub(super) const SUBJECT: &str = "Safelight alert";
pub(super) const HOW_SOON: &str = "How soon";
pub(super) const RAISED: &str = "Raised";
pub(super) const SEEN: &str = "Times seen until this message";
pub(super) const NAME: &str = "Alert";
pub(super) const WHERE: &str = "Look at it, take it and close it in the console";
pub(super) const NOBODY: &str = "This message names nobody: what it is about stands in the console.";
pub(super) const UNREAD: &str = "Nobody reads answers to it.";
