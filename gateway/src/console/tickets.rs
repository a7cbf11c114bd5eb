//! Pictures belong to a page that was granted and is on record: it carries a ticket, and without one there is no picture. So a page of sixty thumbnails is
//! one entry of the log and not sixty, and nothing is seen without an entry.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::OperatorId;

use super::addresses;
use super::permit::{Grant, ViewPatient, ViewPicture, ViewReported};
use super::session::LoggedIn;
use crate::clinic::ClinicError;
use crate::clinic::corrections::Kind;
use crate::clinic::pictures::{Handle, Picture, State};
use crate::clinic::sessions::SessionId;

/// How long a page may take to fetch its pictures.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Of all sessions together. Beyond it those that end first go.
const MAX_TICKETS: usize = 4096;

/// Tickets that hold.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<HashMap<[u8; 16], Ticket>>);

#[derive(Debug)]
struct Ticket {
    person: OperatorId,
    session: SessionId,
    shows: Shows,
    until: UnixMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Thumbnails of this patient's pictures.
    Thumbnails(Handle),
    /// This picture, whole, and the thumbnails of its patient's.
    Picture(CaptureId, Handle),
    /// This picture, whole, which nobody else sees at present.
    Reported(CaptureId),
}

/// This picture may be shown as a thumbnail.
#[derive(Debug)]
pub(super) struct MayShowThumbnail(Picture);

/// This picture may be shown whole.
#[derive(Debug)]
pub(super) struct MayShowPicture(Picture);

impl MayShowThumbnail {
    /// Which.
    pub(super) fn picture(&self) -> &Picture {
        &self.0
    }
}

impl MayShowPicture {
    /// Which.
    pub(super) fn picture(&self) -> &Picture {
        &self.0
    }
}

impl Tickets {
    /// For the page of a patient.
    pub(super) fn for_patient(&self, who: &LoggedIn, grant: &Grant<ViewPatient>) -> Result<String, ClinicError> {
        self.issue(who, Shows::Thumbnails(*grant.subject()), grant.at())
    }

    /// For the page of a picture.
    pub(super) fn for_picture(&self, who: &LoggedIn, grant: &Grant<ViewPicture>) -> Result<String, ClinicError> {
        let (picture, patient) = grant.subject();
        self.issue(who, Shows::Picture(picture.capture, *patient), grant.at())
    }

    /// For the page of a reported picture.
    pub(super) fn for_reported(&self, who: &LoggedIn, grant: &Grant<ViewReported>) -> Result<String, ClinicError> {
        self.issue(who, Shows::Reported(grant.subject().1.capture), grant.at())
    }

    fn issue(&self, who: &LoggedIn, shows: Shows, now: UnixMillis) -> Result<String, ClinicError> {
        let mut name = [0; 16];
        SysRng.try_fill_bytes(&mut name).map_err(|_| ClinicError::Randomness)?;
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= MAX_TICKETS {
            tickets.retain(|_, ticket| ticket.until > now);
        }
        if tickets.len() >= MAX_TICKETS
            && let Some(first) = tickets.iter().min_by_key(|(_, ticket)| ticket.until.0).map(|(name, _)| *name)
        {
            tickets.remove(&first);
        }
        tickets.insert(
            name,
            Ticket { person: who.person.id.clone(), session: who.session, shows, until: now.plus(LIFETIME) },
        );
        Ok(HEXLOWER.encode(&name))
    }

    /// Whether a ticket of this name shows `picture` as a thumbnail to this session.
    pub(super) fn thumbnail(
        &self,
        who: &LoggedIn,
        name: &str,
        picture: Picture,
        now: UnixMillis,
    ) -> Option<MayShowThumbnail> {
        let (Shows::Thumbnails(patient) | Shows::Picture(_, patient)) = self.find(who, name, now)? else { return None };
        (picture.shown_under() == Some(patient)).then_some(MayShowThumbnail(picture))
    }

    /// Whether it shows it whole.
    pub(super) fn picture(
        &self,
        who: &LoggedIn,
        name: &str,
        picture: Picture,
        now: UnixMillis,
    ) -> Option<MayShowPicture> {
        let shows = match self.find(who, name, now)? {
            Shows::Picture(capture, patient) => capture == picture.capture && picture.shown_under() == Some(patient),
            Shows::Reported(capture) => capture == picture.capture && is_reported(&picture),
            Shows::Thumbnails(_) => false,
        };
        shows.then_some(MayShowPicture(picture))
    }

    /// Somebody has given up what they saw: none of their tickets holds any more, and what they see later is on record anew.
    pub(super) fn forget(&self, person: &OperatorId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, ticket| ticket.person != *person);
    }

    fn find(&self, who: &LoggedIn, name: &str, now: UnixMillis) -> Option<Shows> {
        let name = addresses::id(name)?;
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets
            .get(&name)
            .filter(|ticket| ticket.session == who.session && ticket.until > now)
            .map(|ticket| ticket.shows)
    }
}

/// Until somebody has decided.
fn is_reported(picture: &Picture) -> bool {
    picture.state == State::Quarantined && Kind::ALL.iter().any(|kind| kind.reason() == picture.reason)
}
