//! An account is made, or made anew, in one transaction: the code is used up, and whatever let somebody in before does so no more.

use safelight_core::manifest::OperatorId;
use webauthn_rs::prelude::Passkey;

use super::Failure;
use crate::clinic::access::{Actor, Event};
use crate::clinic::joining::{self, For, JoinCode};
use crate::clinic::passkeys::{self, UserHandle};
use crate::clinic::people::{self, Changed, Role};
use crate::clinic::{credentials, sessions};
use crate::console::Console;
use crate::console::login::{self, NewCredentials};
use crate::console::session::Secret;

/// How somebody will show who they are.
pub(super) enum Way<'a> {
    /// A password's hash, what goes with it, and the step of the authenticator's code that was shown.
    Password(String, &'a NewCredentials, u64),
    /// A passkey, what its authenticator keeps of its owner, and what it is called.
    Passkey(&'a Passkey, UserHandle, &'a str),
}

/// What came of it.
pub(super) enum Made {
    /// Somebody is logged in.
    Session(Secret),
    /// Somebody has this id, or this passkey.
    Taken,
    /// The code holds no more.
    NoCode,
}

/// Makes it.
pub(super) async fn make(
    console: &Console,
    (code, whom): (&JoinCode, &For),
    (id, name): (&OperatorId, &str),
    way: Way<'_>,
) -> Result<Made, Failure> {
    let (clinic, now) = (console.desk.clinic(), console.desk.now());
    let mut tx = clinic.catalog.write().await?;
    // In the transaction that uses it up: of two at once, one has it.
    if joining::find(&mut tx, code, now).await?.as_ref() != Some(whom) {
        return Ok(Made::NoCode);
    }
    // Whoever was shut out after the code was made.
    if people::find_in(&mut tx, id).await?.is_some_and(|person| !person.is_active()) {
        return Ok(Made::NoCode);
    }
    let mut events = Vec::new();
    if *whom == For::FirstAdmin {
        if people::add(&mut tx, id, name, now).await? != Changed::Done {
            return Ok(Made::Taken);
        }
        let _ = people::grant(&mut tx, id, Role::Admin, now).await?;
        events.extend([Event::FirstAdmin(id), Event::RoleGranted(id, Role::Admin)]);
    }
    // Whoever had the account before has it no more: not on another browser, and not by what they knew or had.
    sessions::end_all(&mut tx, id).await?;
    credentials::remove(&mut tx, id).await?;
    passkeys::remove_all(&mut tx, id).await?;
    match way {
        Way::Password(hash, new, step) => {
            credentials::set(&mut tx, id, &login::kept(hash, new), &new.recovery_hashes(), now).await?;
            credentials::use_step(&mut tx, id, step).await?;
        }
        Way::Passkey(passkey, handle, called) => {
            passkeys::claim(&mut tx, id, &handle).await?;
            if !passkeys::add(&mut tx, id, called, passkey, now).await? {
                return Ok(Made::Taken);
            }
        }
    }
    joining::used(&mut tx, code).await?;
    let session = Secret::generate()?;
    sessions::begin(&mut tx, &session.session(), id, now).await?;
    events.extend([Event::CredentialsSet(id), Event::LoggedIn("join-code")]);
    clinic.access.record(&mut tx, &Actor::Person(id.clone()), now, &events).await?;
    tx.commit().await?;
    Ok(Made::Session(session))
}
