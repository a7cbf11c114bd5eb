//! How a person shows who they are: a password and a code of an authenticator, used once; or a recovery code in the code's place.
//!
//! Attacker: tries names, passwords and codes; listens for a difference between a name that there is and one that there is not, or between a wrong password
//! and a wrong code. Whatever is wrong, the answer is one, and it comes after the same work: a password is hashed also for nobody, and no answer waits for
//! the disk that keeps its entry.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use data_encoding::BASE32_NOPAD;
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::label::folded;
use safelight_core::manifest::OperatorId;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use totp_rs::{Algorithm, Totp};
use zeroize::Zeroizing;

use super::Console;
use super::session::Secret;
use crate::clinic::ClinicError;
use crate::clinic::access::{Actor, Event};
use crate::clinic::credentials::{self, Credentials};
use crate::clinic::{people, sessions};

/// Shortest password, in characters. Length is what helps; nobody is made to change a good one.
pub(super) const MIN_PASSWORD: usize = 12;

/// Longest, in bytes.
pub(super) const MAX_PASSWORD_LEN: usize = 256;

/// Hashes at once: each takes 19 MiB and a core for a moment, and a flood of log-ins must not take the clinic process's own.
const MAX_HASHING: usize = 2;

/// Bytes of an authenticator's secret (RFC 4226 section 4 recommends 20).
const TOTP_SECRET_LEN: usize = 20;

/// Seconds of one code.
pub(super) const TOTP_STEP: u64 = 30;

/// Recovery codes of a person.
const RECOVERY_CODES: usize = 8;

/// Bytes of one: 80 bits are not guessed, so a plain hash keeps them.
const RECOVERY_LEN: usize = 10;

/// What everybody tries first; all of them long enough. Compared without case and spaces.
const KNOWN: &[&str] = &[
    "password1234",
    "passwordpassword",
    "123456789012",
    "1234567890123",
    "qwertyuiop12",
    "qwertzuiop12",
    "letmeinletmein",
    "welcome12345",
    "administrator",
    "changemechangeme",
    "iloveyou1234",
    "abcdefghijkl",
    "hospital1234",
    "clinic123456",
    "safelightsafelight",
    "safelight123",
    "correcthorsebatterystaple",
];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeakPassword {
    /// Fewer characters than [`MIN_PASSWORD`].
    Short,
    /// More bytes than [`MAX_PASSWORD_LEN`].
    Long,
    /// Among those that everybody tries, or one character over and over.
    Known,
    /// The person's own name or id.
    Own,
}

/// Whether a password may be one.
pub(super) fn check_password(password: &str, own: &[&str]) -> Result<(), WeakPassword> {
    let bare: Zeroizing<String> = Zeroizing::new(folded(password).split_whitespace().collect());
    let is_in = |name: &&str| {
        let name: String = folded(name).split_whitespace().collect();
        name.len() >= 4 && bare.contains(&name)
    };
    if password.chars().count() < MIN_PASSWORD {
        Err(WeakPassword::Short)
    } else if password.len() > MAX_PASSWORD_LEN {
        Err(WeakPassword::Long)
    } else if KNOWN.contains(&bare.as_str()) || bare.chars().collect::<std::collections::HashSet<_>>().len() < 4 {
        Err(WeakPassword::Known)
    } else if own.iter().any(is_in) {
        Err(WeakPassword::Own)
    } else {
        Ok(())
    }
}

/// Hashes passwords, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_HASHING)))
    }
}

impl Passwords {
    /// A password's hash (argon2id), as a PHC string.
    pub(super) async fn hash(&self, password: Zeroizing<String>) -> Result<String, ClinicError> {
        let mut salt = [0; 16];
        SysRng.try_fill_bytes(&mut salt).map_err(|_| ClinicError::Randomness)?;
        self.work(move || {
            let hash: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| ClinicError::Randomness)
        })
        .await?
    }

    /// Whether `password` is the one of `hash`. Without a hash, that of nobody is compared: it takes as long, and is wrong.
    pub(super) async fn is_right(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, ClinicError> {
        self.work(move || {
            let somebody = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let Ok(hash) = PasswordHash::new(&hash) else { return Err(ClinicError::CatalogDamaged) };
            let right = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
            Ok(somebody && right)
        })
        .await?
    }

    /// The place is the work's own: it goes on when whoever asked has hung up.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ClinicError> {
        let place = self.0.clone().acquire_owned().await.map_err(|_| ClinicError::TaskEnded("passwords"))?;
        let placed = move || {
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(placed).await.map_err(|_| ClinicError::TaskEnded("passwords"))
    }
}

/// Argon2id with the parameters that [`Passwords::hash`] has, of a password that nobody knows.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What somebody is who is being added: shown once, then kept as hashes.
pub(super) struct NewCredentials {
    /// The authenticator's secret.
    pub(super) totp: Zeroizing<Vec<u8>>,
    /// Recovery codes as they are shown.
    pub(super) recovery: Vec<Zeroizing<String>>,
}

impl NewCredentials {
    /// New ones.
    pub(super) fn generate() -> Result<Self, ClinicError> {
        let random = |len| {
            let mut bytes = Zeroizing::new(vec![0; len]);
            SysRng.try_fill_bytes(&mut bytes).map_err(|_| ClinicError::Randomness)?;
            Ok::<_, ClinicError>(bytes)
        };
        let code = |_| random(RECOVERY_LEN).map(|bytes| Zeroizing::new(grouped(&BASE32_NOPAD.encode(&bytes))));
        Ok(Self { totp: random(TOTP_SECRET_LEN)?, recovery: (0..RECOVERY_CODES).map(code).collect::<Result<_, _>>()? })
    }

    /// Hashes of the recovery codes.
    pub(super) fn recovery_hashes(&self) -> Vec<[u8; 32]> {
        self.recovery.iter().filter_map(|code| recovery_hash(code)).collect()
    }
}

/// `abcd efgh ijkl mnop`.
fn grouped(code: &str) -> String {
    let lower = code.to_lowercase();
    let groups: Vec<&str> =
        (0..lower.len()).step_by(4).filter_map(|at| lower.get(at..lower.len().min(at.saturating_add(4)))).collect();
    groups.join(" ")
}

fn recovery_hash(code: &str) -> Option<[u8; 32]> {
    let bare: Zeroizing<String> =
        Zeroizing::new(code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(bare.as_bytes()).ok()?);
    (bytes.len() == RECOVERY_LEN)
        .then(|| Sha256::new().chain_update(b"safelight/recovery-code").chain_update(&*bytes).finalize().into())
}

/// An authenticator of RFC 6238 as every app has it: SHA-1, six digits, thirty seconds; one step before or after is taken too.
fn authenticator(secret: &[u8]) -> Option<Totp> {
    let secret = <[u8; TOTP_SECRET_LEN]>::try_from(secret).ok()?;
    let builder = totp_rs::Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1);
    builder.with_step_duration(TOTP_STEP).with_secret(secret).build().ok()
}

/// The step whose code this is.
pub(super) fn step_of(secret: &[u8], code: &str, now: UnixMillis) -> Option<u64> {
    let digits: Zeroizing<String> = Zeroizing::new(code.chars().filter(|c| !c.is_whitespace()).collect());
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    authenticator(secret)?.check(&digits, now.0 / 1000)
}

/// What an authenticator reads from a QR code.
pub(super) fn otpauth(secret: &[u8], clinic: &str, person: &OperatorId) -> Zeroizing<String> {
    let issuer: String = clinic.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect();
    let issuer = issuer.replace(' ', "%20");
    let secret = Zeroizing::new(BASE32_NOPAD.encode(secret));
    // Letters of other alphabets are left to the reader: authenticators take UTF-8 in a QR code.
    Zeroizing::new(format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", person.as_str(), *secret))
}

/// What was typed at log-in.
pub(super) struct Attempt {
    pub(super) name: String,
    pub(super) password: Zeroizing<String>,
    /// Six digits, or a recovery code.
    pub(super) code: Zeroizing<String>,
}

/// Logs a person in: a session's secret, for its browser. `None` whatever was wrong.
pub(super) async fn log_in(console: &Console, attempt: Attempt) -> Result<Option<Secret>, ClinicError> {
    let desk = &console.desk;
    let catalog = &desk.clinic().catalog;
    let id = attempt.name.trim().parse::<OperatorId>().ok();
    let person = match &id {
        Some(id) => people::find(catalog, id).await?,
        None => None,
    };
    let held = match &person {
        Some(person) => credentials::of(catalog, &person.id).await?,
        None => None,
    };
    let hash = held.as_ref().map(|held| held.password.clone());
    let right = console.inner.passwords.is_right(attempt.password, hash).await?;
    let (Some(person), Some(held)) = (person, held) else { return Ok(None) };
    if !right || !person.is_active() {
        failed(console, person.id, if right { "disabled" } else { "password" });
        return Ok(None);
    }
    let now = desk.now();
    let step = step_of(&held.totp, &attempt.code, now);
    let mut tx = catalog.write().await?;
    // Asked again: while the password was hashed, the account may have been set up anew, or shut out.
    let is_active = people::find_in(&mut tx, &person.id).await?.is_some_and(|person| person.is_active());
    let stands = is_active && credentials::is_current(&mut tx, &person.id, &held.password).await?;
    let how = match (step, recovery_hash(&attempt.code)) {
        _ if !stands => None,
        (Some(step), _) if credentials::use_step(&mut tx, &person.id, step).await? => Some("password-and-code"),
        (None, Some(hash)) if credentials::use_recovery_code(&mut tx, &person.id, &hash).await? => {
            Some("password-and-recovery-code")
        }
        _ => None,
    };
    let Some(how) = how else {
        failed(console, person.id, "code");
        return Ok(None);
    };
    let secret = Secret::generate()?;
    sessions::begin(&mut tx, &secret.session(), &person.id, now).await?;
    desk.clinic().access.record(&mut tx, &Actor::Person(person.id), now, &[Event::LoggedIn(how)]).await?;
    tx.commit().await?;
    Ok(Some(secret))
}

/// Puts on record that somebody failed to log in as a person that there is. What is refused shows nothing, so the refusal does not wait for it.
fn failed(console: &Console, person: OperatorId, why: &'static str) {
    let desk = console.desk.clone();
    tokio::spawn(async move {
        if let Err(error) = desk.record(&Actor::Gateway, &[Event::LogInFailed(&person, why)]).await {
            tracing::error!(code = "log-in-unrecorded", %error, "a log-in that failed could not be put on record");
        }
    });
}

/// For a person who has just chosen a password, and shown that the authenticator works.
pub(super) fn kept(password: String, new: &NewCredentials) -> Credentials {
    Credentials { password, totp: new.totp.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_length_and_by_what_everybody_tries() {
        let check = |password: &str| check_password(password, &["clinician1", "Zoë Quittländer"]);
        assert_eq!(check("a lamp in the dark"), Ok(()));
        assert_eq!(check("schönes Wetter heute"), Ok(()));
        assert_eq!(check("eleven char"), Err(WeakPassword::Short));
        assert_eq!(check(&"ab".repeat(200)), Err(WeakPassword::Long));
        for known in ["Password1234", "correct horse battery staple", "aaaaaaaaaaaaaaaa", "121212121212"] {
            assert_eq!(check(known), Err(WeakPassword::Known), "{known}");
        }
        assert_eq!(check("Clinician1 is in"), Err(WeakPassword::Own));
        assert_eq!(check("zoë quittländer 7"), Err(WeakPassword::Own));
        for known in KNOWN {
            assert!(
                known.len() >= MIN_PASSWORD && !known.contains(' '),
                "{known} would be refused anyhow, or never found"
            );
        }
    }

    #[tokio::test]
    async fn c07_a_password_is_hashed_also_for_nobody_and_nobody_is_never_right() {
        let passwords = Passwords::default();
        let password = || Zeroizing::new("a lamp in the dark".to_owned());
        let hash = passwords.hash(password()).await.unwrap();
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(parameters(&hash), parameters(NOBODY), "guessing at nobody takes another time");
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert_ne!(hash, passwords.hash(password()).await.unwrap(), "without a salt");
        assert!(passwords.is_right(password(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.is_right(Zeroizing::new("a lamp in the park".to_owned()), Some(hash)).await.unwrap());
        assert!(!passwords.is_right(password(), None).await.unwrap());
        assert!(passwords.is_right(password(), Some("$argon2id$".to_owned())).await.is_err());
    }

    /// RFC 6238, appendix B, in six digits.
    #[test]
    fn c08_codes_are_those_of_the_standard_one_step_around_now() {
        let secret = b"12345678901234567890";
        let at = |seconds: u64| UnixMillis(seconds * 1000);
        assert_eq!(step_of(secret, "287082", at(59)), Some(1));
        assert_eq!(step_of(secret, "005924", at(1_234_567_890)), Some(1_234_567_890 / TOTP_STEP));
        assert_eq!(step_of(secret, " 005 924 ", at(1_234_567_890)), Some(1_234_567_890 / TOTP_STEP));
        assert_eq!(step_of(secret, "005924", at(1_234_567_890 + TOTP_STEP)), Some(1_234_567_890 / TOTP_STEP));
        assert_eq!(step_of(secret, "005924", at(1_234_567_890 - TOTP_STEP)), Some(1_234_567_890 / TOTP_STEP));
        for away in [-2i64, 2] {
            let seconds = 1_234_567_890i64 + away * i64::try_from(TOTP_STEP).unwrap();
            assert_eq!(step_of(secret, "005924", at(u64::try_from(seconds).unwrap())), None, "{away} steps away");
        }
        for wrong in ["", "5924", "0059240", "00592a", "００５９２４", "89005924"] {
            assert_eq!(step_of(secret, wrong, at(1_234_567_890)), None, "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_read_however_they_are_typed() {
        let new = NewCredentials::generate().unwrap();
        assert_eq!(new.recovery.len(), RECOVERY_CODES);
        let hashes = new.recovery_hashes();
        assert_eq!(hashes.len(), RECOVERY_CODES);
        let code = new.recovery[0].as_str();
        assert_eq!(code.len(), 19, "{code}");
        for typed in [code.to_owned(), code.to_uppercase(), code.replace(' ', "-"), code.replace(' ', "")] {
            assert_eq!(recovery_hash(&typed), Some(hashes[0]), "{typed}");
        }
        for wrong in ["", "123456", "abcd", &code[..18]] {
            assert_eq!(recovery_hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_authenticator_is_told_who_and_where_and_nothing_that_breaks_its_address() {
        let person = "clinician1".parse().unwrap();
        let text = otpauth(b"12345678901234567890", "St. Elsewhere & Co?x=1", &person);
        assert_eq!(
            &**text,
            "otpauth://totp/St%20Elsewhere%20%20Cox1:clinician1?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=St%20Elsewhere%20%20Cox1"
        );
    }
}
