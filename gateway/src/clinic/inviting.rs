//! Making an invitation, for the shell and for the console.

use std::time::Duration;

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::{InvitationId, UnixMillis};
use safelight_core::invitation::{Invitation, Token};
use safelight_core::manifest::OperatorId;
use safelight_core::text::is_one_line;
use zeroize::Zeroizing;

use super::access::{Actor, Event};
use super::{Clinic, ClinicError, devices, invitations};

/// Longest device name in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// Whether a device may be called so.
#[must_use]
pub fn is_device_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN && is_one_line(name)
}

/// An invitation that is not open yet: what shows it comes first, so that none is open that nobody can see.
pub struct Prepared {
    /// What its QR code says. It is a secret until it is used.
    pub text: Zeroizing<String>,
    /// Where it leads.
    pub addresses: Vec<String>,
    row: invitations::Invitation,
    token_hash: [u8; 32],
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("id", &self.row.id).finish_non_exhaustive()
    }
}

impl Prepared {
    /// For a device of this name, which will belong to `person`.
    ///
    /// # Errors
    /// [`ClinicError::Clock`] while the clock cannot be right; [`ClinicError::Invitation`] for too many addresses; [`ClinicError::Randomness`].
    pub fn new(
        clinic: &Clinic,
        addresses: Vec<String>,
        device_name: &str,
        person: &OperatorId,
        ttl: Duration,
    ) -> Result<Self, ClinicError> {
        let now = clinic.time_to_issue()?;
        let (id, token) = (InvitationId::from_bytes(random()?), Token::from_bytes(random()?));
        let (token_hash, expires_at) = (token.hash(), now.plus(ttl));
        let (clinic_id, ca_sha256) = (clinic.id(), clinic.ca.sha256());
        let invitation = Invitation { clinic_id, invitation_id: id, addresses, ca_sha256, token, expires_at };
        let text = invitation.to_qr_text()?;
        let row = invitations::Invitation {
            id,
            device_name: device_name.to_owned(),
            person: person.clone(),
            created_at: now,
            expires_at,
            device: None,
            attempts: 0,
            replays: 0,
            voided_at: None,
        };
        Ok(Self { text, addresses: invitation.addresses, row, token_hash })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> InvitationId {
        self.row.id
    }

    /// Until when it is open.
    #[must_use]
    pub fn expires_at(&self) -> UnixMillis {
        self.row.expires_at
    }

    /// Opens it, on record. Ingest hears of it on the link.
    ///
    /// # Errors
    /// [`ClinicError`] of the catalog or the log.
    pub async fn open(&self, clinic: &Clinic, by: &Actor) -> Result<(), ClinicError> {
        let (person, now) = (&self.row.person, self.row.created_at);
        let mut tx = clinic.catalog.write().await?;
        devices::ensure_person(&mut tx, person, now).await?;
        invitations::insert(&mut tx, &self.row, &self.token_hash).await?;
        clinic.access.record(&mut tx, by, now, &[Event::Invited(self.row.id, person)]).await?;
        Ok(tx.commit().await?)
    }
}

fn random() -> Result<[u8; 16], ClinicError> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| ClinicError::Randomness)?;
    Ok(bytes)
}
