//! One-time log-in links of a demo.
//!
//! **Attackers.** Whoever finds this way in at a gateway that is no demo: its routes are added only where the demo hands a [`DemoLinks`] over, in its own
//! process; no flag, file or variable does. Whoever guesses: a link has 256 random bits. Whoever reads a browser's history, a terminal's scroll-back or a
//! screenshot: a link works once, within [`LIFETIME`], and a new one ends the one before it. Looking at a link does not use it up, so that a browser that
//! fetches ahead cannot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clinic::ClinicError;

/// How long a link holds.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The links that are open. They are in memory alone, and end with the process. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct DemoLinks(Arc<Mutex<Vec<Link>>>);

#[derive(Debug)]
struct Link {
    hash: [u8; 32],
    person: OperatorId,
    until: UnixMillis,
}

impl DemoLinks {
    /// A new link for this person, in the place of the one before: its path, `/demo/...`.
    ///
    /// # Errors
    /// [`ClinicError::Randomness`].
    pub fn issue(&self, person: &OperatorId, now: UnixMillis) -> Result<Zeroizing<String>, ClinicError> {
        let mut token = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(&mut *token).map_err(|_| ClinicError::Randomness)?;
        let text = Zeroizing::new(BASE64URL_NOPAD.encode(&*token));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|link| link.person != *person);
        open.push(Link { hash: hash(&text), person: person.clone(), until: now.plus(LIFETIME) });
        Ok(Zeroizing::new(format!("/demo/{}", *text)))
    }

    /// Whose link this is, if it holds.
    pub(super) fn whose(&self, token: &str, now: UnixMillis) -> Option<OperatorId> {
        let wanted = hash(token);
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().find(|link| link.hash == wanted && now < link.until).map(|link| link.person.clone())
    }

    /// The same, and it holds no more: of two at once, one has it.
    pub(super) fn take(&self, token: &str, now: UnixMillis) -> Option<OperatorId> {
        let wanted = hash(token);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|link| link.hash == wanted)?;
        let link = open.swap_remove(at);
        (now < link.until).then_some(link.person)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::new().chain_update(b"safelight/console/demo-link").chain_update(token.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_in_its_time_and_a_new_one_ends_the_one_before() {
        let (links, now) = (DemoLinks::default(), UnixMillis(1_800_000_000_000));
        let [carla, ada]: [OperatorId; 2] = ["carla", "ada"].map(|id| id.parse().unwrap());
        let token = |path: &str| path.strip_prefix("/demo/").unwrap().to_owned();
        let first = token(&links.issue(&carla, now).unwrap());
        let other = token(&links.issue(&ada, now).unwrap());
        assert_eq!(links.whose(&first, now), Some(carla.clone()));
        assert_eq!(links.take(&first, now), Some(carla.clone()), "a look has used it up");
        assert_eq!(links.take(&first, now), None, "twice");
        assert_eq!(links.whose(&first, now), None);
        let late = now.plus(LIFETIME);
        assert_eq!(links.take(&other, late), None, "after its time");
        let old = token(&links.issue(&carla, now).unwrap());
        let new = token(&links.issue(&carla, now).unwrap());
        assert_eq!(links.take(&old, now), None, "one that was replaced");
        assert_eq!(links.take(&new, now), Some(carla));
        for wrong in ["", "..", &new[1..]] {
            assert_eq!(links.take(wrong, now), None, "{wrong}");
        }
    }
}
