//! Passkeys (Web Authentication level 3): what a browser is asked, and whether its answer holds. The checking is webauthn-rs's; here is what is asked, of
//! whom, and that each question is answered once.
//!
//! A log-in names nobody: the authenticator says whose the passkey is. So nobody learns from a log-in who has an account, or what kind of keys. The
//! authenticator must have verified its user, by finger, face or PIN: a passkey stands for both factors.
//!
//! Attacker: relays to another site (origin and name of the site are signed), sends an answer again or changes the question (it is kept here, and taken out
//! with the first answer), has a copy of an authenticator (its counter falls behind), has one without its finger or PIN (the flag is signed), asks without
//! end (so many questions are kept, and few of one network).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use serde::Serialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::session::Secret;
use super::{Console, addresses};
use crate::clinic::access::{Actor, Event};
use crate::clinic::passkeys::{self, MAX_CREDENTIAL_LEN, UserHandle};
use crate::clinic::sessions::{self, SessionId};
use crate::clinic::{ClinicError, people};
use crate::network::network;

/// How long somebody may take to answer.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Questions that wait for an answer, of everybody.
const MAX_OPEN: usize = 4096;

/// And of one network, which may be a whole clinic behind one address.
const MAX_OPEN_OF_NETWORK: usize = 256;

/// Why there is no passkey, or no log-in with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasskeyError {
    /// The console has no name that passkeys could be for.
    #[error("the console is reached by an address without a name, and passkeys are for names")]
    NoName,
    /// The question was answered before, is too old, or was never asked.
    #[error("the question was answered before, or is too old")]
    Unasked,
    /// The answer is none, or does not hold.
    #[error("the answer does not hold")]
    Refused,
    /// The stores.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
}

/// What a browser is asked.
#[derive(Debug, Serialize)]
pub(super) struct Question {
    /// The name under which it answers.
    question: String,
    /// `publicKey` of the options for `navigator.credentials`, as the standard has it in JSON.
    options: Value,
}

/// Who is to have the passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// Somebody who is logged in.
    Session(SessionId),
    /// Whoever begins with a code. An account has this id.
    Beginner(OperatorId),
}

enum Open {
    LogIn(Box<DiscoverableAuthentication>),
    Registration(Owner, UserHandle, Box<PasskeyRegistration>),
}

struct Kept {
    open: Open,
    network: IpAddr,
    until: UnixMillis,
}

/// Passkeys of this console: whom they are for, and what was asked.
pub(super) struct Passkeys {
    site: Option<Webauthn>,
    open: Mutex<HashMap<[u8; 16], Kept>>,
}

impl std::fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passkeys")
    }
}

impl Passkeys {
    /// For the console of this name and port. A passkey is for a name: where people reach the console by an address alone there are none, but for whoever
    /// sits at the machine itself.
    pub(super) fn new(host: &str, port: u16, clinic: &str) -> Self {
        let origin = |host: &str| Url::parse(&format!("https://{host}:{port}")).ok();
        let is_name = origin(host).is_some_and(|origin| origin.domain().is_some());
        let host = if is_name { host.to_lowercase() } else { "localhost".to_owned() };
        let build =
            |origin: Url| WebauthnBuilder::new(&host, &origin).ok()?.rp_name(clinic).timeout(LIFETIME).build().ok();
        Self { site: origin(&host).and_then(build), open: Mutex::default() }
    }

    /// The name that passkeys are for: pages offer them where the browser says that it is there.
    pub(super) fn name(&self) -> String {
        let origin = self.site.as_ref().and_then(|site| site.get_allowed_origins().first());
        origin.and_then(Url::domain).unwrap_or_default().to_owned()
    }

    fn site(&self) -> Result<&Webauthn, PasskeyError> {
        self.site.as_ref().ok_or(PasskeyError::NoName)
    }

    /// Asks whoever is there to log in.
    pub(super) fn ask_log_in(&self, from: IpAddr, now: UnixMillis) -> Result<Question, PasskeyError> {
        let (options, state) = self.site()?.start_discoverable_authentication().map_err(refused)?;
        let options = serde_json::to_value(options.public_key).map_err(|_| PasskeyError::Refused)?;
        Ok(Question { question: self.keep(Open::LogIn(Box::new(state)), from, now)?, options })
    }

    /// Asks for a new passkey of a person, who is shown by this name.
    pub(super) fn ask_new(
        &self,
        owner: Owner,
        handle: UserHandle,
        (id, shown): (&OperatorId, &str),
        held: Vec<Vec<u8>>,
        (from, now): (IpAddr, UnixMillis),
    ) -> Result<Question, PasskeyError> {
        let held = (!held.is_empty()).then_some(held);
        let site = self.site()?;
        let asked = site.start_passkey_registration(Uuid::from_bytes(handle), id.as_str(), shown, held);
        let (options, state) = asked.map_err(refused)?;
        let mut options = serde_json::to_value(options.public_key).map_err(|_| PasskeyError::Refused)?;
        // A log-in names nobody, so the authenticator must keep whose it is.
        let selection = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut);
        let selection = selection.ok_or(PasskeyError::Refused)?;
        selection
            .extend([("residentKey".to_owned(), json!("required")), ("requireResidentKey".to_owned(), json!(true))]);
        Ok(Question { question: self.keep(Open::Registration(owner, handle, Box::new(state)), from, now)?, options })
    }

    /// The passkey of an answer, and what its authenticator keeps of its owner.
    pub(super) fn answered_new(
        &self,
        name: &str,
        owner: &Owner,
        answer: &str,
        now: UnixMillis,
    ) -> Result<(Passkey, UserHandle), PasskeyError> {
        let Some(Open::Registration(asked, handle, state)) = self.take(name, now) else {
            return Err(PasskeyError::Unasked);
        };
        if asked != *owner {
            return Err(PasskeyError::Unasked);
        }
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(|_| PasskeyError::Refused)?;
        let passkey = self.site()?.finish_passkey_registration(&answer, &state).map_err(refused)?;
        if passkey.cred_id().len() > MAX_CREDENTIAL_LEN {
            return Err(PasskeyError::Refused);
        }
        Ok((passkey, handle))
    }

    fn keep(&self, open: Open, from: IpAddr, now: UnixMillis) -> Result<String, ClinicError> {
        let mut name = [0; 16];
        SysRng.try_fill_bytes(&mut name).map_err(|_| ClinicError::Randomness)?;
        let network = network(from);
        let mut kept = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, one| one.until > now);
        let oldest = |kept: &HashMap<[u8; 16], Kept>, whose: Option<IpAddr>| {
            let of = kept.iter().filter(|(_, one)| whose.is_none_or(|network| one.network == network));
            of.min_by_key(|(_, one)| one.until.0).map(|(name, _)| *name)
        };
        // Whoever asks without end pushes out what they asked themselves.
        let full = [(None, MAX_OPEN), (Some(network), MAX_OPEN_OF_NETWORK)];
        for (whose, limit) in full {
            let count = kept.values().filter(|one| whose.is_none_or(|network| one.network == network)).count();
            if count >= limit
                && let Some(name) = oldest(&kept, Some(network)).or_else(|| oldest(&kept, None))
            {
                kept.remove(&name);
            }
        }
        kept.insert(name, Kept { open, network, until: now.plus(LIFETIME) });
        Ok(HEXLOWER.encode(&name))
    }

    /// What was asked under this name: nobody finds it again.
    fn take(&self, name: &str, now: UnixMillis) -> Option<Open> {
        let name = addresses::id(name)?;
        let kept = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&name)?;
        (kept.until > now).then_some(kept.open)
    }
}

/// What is wrong with an answer is for nobody to learn; that the authenticator may be a copy is for the log.
fn refused(error: WebauthnError) -> PasskeyError {
    tracing::debug!(code = "passkey-refused", %error, "an answer about a passkey does not hold");
    PasskeyError::Refused
}

/// Logs whoever the answer is of in: a session's secret, for its browser. `None` whatever was wrong.
pub(super) async fn log_in(console: &Console, name: &str, answer: &str) -> Result<Option<Secret>, PasskeyError> {
    let (desk, passkeys) = (&console.desk, &console.inner.passkeys);
    let now = desk.now();
    let Some(Open::LogIn(state)) = passkeys.take(name, now) else { return Ok(None) };
    let Ok(answer) = serde_json::from_str::<PublicKeyCredential>(answer) else { return Ok(None) };
    let site = passkeys.site()?;
    let Ok((handle, credential)) = site.identify_discoverable_authentication(&answer) else { return Ok(None) };
    if credential.len() > MAX_CREDENTIAL_LEN {
        return Ok(None);
    }
    let clinic = desk.clinic();
    // One transaction over looking up and counting on: of an authenticator and its copy one logs in.
    let mut tx = clinic.catalog.write().await.map_err(ClinicError::from)?;
    let Some((id, mut passkey)) = passkeys::find(&mut tx, credential, handle.as_bytes()).await? else {
        return Ok(None);
    };
    let person = people::find_in(&mut tx, &id).await?;
    let checked = site.finish_discoverable_authentication_v2(&answer, *state, DiscoverableKey::from(&passkey));
    let why = match (&checked, &person) {
        (Ok(result), Some(person)) if person.is_active() && result.user_verified() => None,
        (Ok(_), Some(person)) if person.is_active() => Some("passkey-unverified"),
        (Ok(_), _) => Some("disabled"),
        (Err(WebauthnError::UserNotVerified), _) => Some("passkey-unverified"),
        (Err(WebauthnError::CredentialPossibleCompromise), _) => Some("passkey-copied"),
        (Err(_), _) => Some("passkey"),
    };
    let (None, Ok(result)) = (why, checked) else {
        let event = Event::LogInFailed(&id, why.unwrap_or("passkey"));
        clinic.access.record(&mut tx, &Actor::Gateway, now, &[event]).await.map_err(ClinicError::from)?;
        tx.commit().await.map_err(ClinicError::from)?;
        return Ok(None);
    };
    passkey.update_credential(&result);
    passkeys::used(&mut tx, &passkey, now).await?;
    let secret = Secret::generate()?;
    sessions::begin(&mut tx, &secret.session(), &id, now).await?;
    let event = [Event::LoggedIn("passkey")];
    clinic.access.record(&mut tx, &Actor::Person(id), now, &event).await.map_err(ClinicError::from)?;
    tx.commit().await.map_err(ClinicError::from)?;
    Ok(Some(secret))
}
