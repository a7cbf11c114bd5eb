//! The whole log, verified when the privacy officer asks for it, one at a time. What came of it is kept in memory, for the page.
//!
//! Attacker: whoever can write the catalog and not sign. What they change in an entry, a hash or a checkpoint is found here; what they change in the index
//! alone hides entries from a search, is found too, and the index is made anew from the log. Whoever has the key as well is found by a checkpoint
//! that was kept outside, which `safelight audit verify --against` takes.

use std::sync::{Mutex, PoisonError};

use safelight_core::ids::UnixMillis;
use safelight_core::log::Hash;

use super::Console;
use super::permit::{Grant, VerifyLog};
use crate::clinic::{ClinicError, access_index};
use crate::log::{Verified, VerifyError};

/// What is known of the log beside its own tables.
#[derive(Debug, Default)]
pub(super) struct Verification {
    /// Held by whoever verifies all of it.
    running: tokio::sync::Mutex<()>,
    last: Mutex<Option<Outcome>>,
    /// Size and root of the newest checkpoint that this process has shown.
    newest: Mutex<Option<(u64, Hash)>>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// When it was asked for.
    pub(super) at: UnixMillis,
    /// What was found.
    pub(super) found: Finding,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    /// Log and index are sound.
    Sound(Verified),
    /// The log is; the index is being built.
    Indexing(Verified),
    /// The log is; so many rows of the index were not, and it is made anew.
    IndexWrong(u64),
    /// The log is not what was signed, from this entry on at the earliest.
    Bad {
        /// That entry.
        first: u64,
    },
}

impl Verification {
    /// What came of it the last time, since this process began.
    pub(super) fn last(&self) -> Option<Outcome> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest checkpoint that was shown. To be asked before the log is read: what is read must continue it.
    pub(super) fn newest(&self) -> Option<(u64, Hash)> {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that was found to continue the newest.
    pub(super) fn has_shown(&self, size: u64, root: Hash) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.is_none_or(|(before, _)| before < size) {
            *newest = Some((size, root));
        }
    }
}

/// Verifies all of it; nothing if it is being verified already.
pub(super) async fn verify(console: &Console, grant: &Grant<VerifyLog>) -> Result<(), ClinicError> {
    let verification = &console.inner.verification;
    let Ok(_running) = verification.running.try_lock() else { return Ok(()) };
    let clinic = console.desk.clinic();
    let found = match clinic.access.log().verify(&[]).await {
        Ok(verified) if !access_index::is_built(&mut *clinic.catalog.read().await?).await? => {
            Finding::Indexing(verified)
        }
        Ok(verified) => match access_index::wrong(clinic.access.log()).await? {
            0 => Finding::Sound(verified),
            rows => {
                access_index::rebuild(clinic.access.log()).await?;
                Finding::IndexWrong(rows)
            }
        },
        Err(VerifyError::Bad(finding)) => {
            tracing::error!(
                code = "log-bad",
                first = finding.first,
                "the access log is not what was signed: {finding}"
            );
            Finding::Bad { first: finding.first }
        }
        Err(VerifyError::Catalog(error)) => return Err(error.into()),
        // There is no checkpoint to compare with.
        Err(VerifyError::Against(error)) => return Err(crate::log::LogError::from(error).into()),
    };
    if let Finding::IndexWrong(rows) = &found {
        tracing::error!(code = "log-index-wrong", rows, "the index of the access log was changed: it is made anew");
    }
    let outcome = Outcome { at: grant.at(), found };
    *verification.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    Ok(())
}
