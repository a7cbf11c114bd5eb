//! Who is asking. A session begins at log-in with a new name, is looked up anew for every request, and ends by time, by log-out, by an admin.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use getrandom::SysRng;
use rand_core::TryRng;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::Console;
use super::pages::Failure;
use crate::clinic::ClinicError;
use crate::clinic::access::Actor;
use crate::clinic::people::{self, Person};
use crate::clinic::sessions::{self, SessionId};

/// Its last use is written at most so often.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// What pages ask for by themselves: nobody is there because of it, and a session must not live on it.
pub(super) const POLLED: &[&str] = &["/devices/rows", "/vault/names", "/setup/rows", "/setup/arrived"];

/// A cookie that no other host or path can set or see, that no script reads and no other site's request carries.
const COOKIE: &str = "__Host-safelight";

/// Bytes of a form. Pictures are never sent to the console.
const MAX_FORM_LEN: usize = 32 * 1024;

/// Who is logged in.
#[derive(Debug, Clone)]
pub(super) struct LoggedIn {
    /// The person, as the catalog has them now.
    pub(super) person: Person,
    /// The session.
    pub(super) session: SessionId,
    /// What every form of this session carries.
    pub(super) token: String,
}

impl LoggedIn {
    /// As the log names them.
    pub(super) fn actor(&self) -> Actor {
        Actor::Person(self.person.id.clone())
    }

    /// The session that a request names, whether or not it is one.
    pub(super) fn session_of(headers: &HeaderMap) -> Option<SessionId> {
        Secret::of(headers).map(|secret| secret.session())
    }

    /// Who it is that has been told why there is no page: their session does not live longer because of it.
    pub(super) async fn without_prolonging(console: &Console, headers: &HeaderMap) -> Option<Self> {
        who(console, &Secret::of(headers)?, true).await.ok().flatten()
    }
}

/// A session's secret, which its browser alone has.
pub(super) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// A new one.
    pub(super) fn generate() -> Result<Self, ClinicError> {
        let mut secret = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(&mut *secret).map_err(|_| ClinicError::Randomness)?;
        Ok(Self(secret))
    }

    /// From the cookie of a request. Of two of that name neither is believed.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut own = all
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == COOKIE);
        let (_, value) = own.next()?;
        let bytes = BASE64URL_NOPAD.decode(value.as_bytes()).ok().map(Zeroizing::new)?;
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
        own.next().is_none().then_some(Self(Zeroizing::new(secret)))
    }

    /// The session's name in the catalog.
    pub(super) fn session(&self) -> SessionId {
        self.derive(b"safelight/console/session")
    }

    /// What its forms carry.
    fn token(&self) -> String {
        BASE64URL_NOPAD.encode(&self.derive(b"safelight/console/form"))
    }

    fn derive(&self, what: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(what).chain_update(*self.0).finalize().into()
    }

    /// For the browser that logs in.
    pub(super) fn cookie(&self) -> HeaderValue {
        cookie(&BASE64URL_NOPAD.encode(&*self.0), "")
    }
}

/// For the browser that logs out.
pub(super) fn no_cookie() -> HeaderValue {
    cookie("", "; Max-Age=0")
}

fn cookie(value: &str, more: &str) -> HeaderValue {
    let text = format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{more}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Why nobody is logged in.
#[derive(Debug)]
pub(super) enum NotLoggedIn {
    /// No session, or one that is over.
    Nobody,
    /// The catalog.
    Failed(ClinicError),
}

impl IntoResponse for NotLoggedIn {
    fn into_response(self) -> Response {
        match self {
            // htmx would put the page into the middle of another.
            Self::Nobody => {
                let mut answer = Redirect::to("/login").into_response();
                answer.headers_mut().insert(HeaderName::from_static("hx-redirect"), HeaderValue::from_static("/login"));
                answer
            }
            Self::Failed(error) => Failure::from(error).into_response(),
        }
    }
}

impl FromRequestParts<Console> for LoggedIn {
    type Rejection = NotLoggedIn;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, NotLoggedIn> {
        let secret = Secret::of(&parts.headers).ok_or(NotLoggedIn::Nobody)?;
        let polled = POLLED.contains(&parts.uri.path());
        who(console, &secret, polled).await.map_err(NotLoggedIn::Failed)?.ok_or(NotLoggedIn::Nobody)
    }
}

async fn who(console: &Console, secret: &Secret, polled: bool) -> Result<Option<LoggedIn>, ClinicError> {
    let (catalog, now) = (&console.desk.clinic().catalog, console.desk.now());
    let id = secret.session();
    let Some(session) = sessions::find(catalog, &id).await? else { return Ok(None) };
    if session.is_over(now) {
        let mut tx = catalog.write().await?;
        sessions::end(&mut tx, &id).await?;
        tx.commit().await?;
        return Ok(None);
    }
    // Asked for every request: whoever was disabled, or lost a role, has lost it now.
    let person = people::find(catalog, &session.person).await?.filter(Person::is_active);
    let Some(person) = person else { return Ok(None) };
    if !polled && now.since(session.seen_at) >= SEEN_EVERY {
        let mut tx = catalog.write().await?;
        sessions::seen(&mut tx, &id, now).await?;
        tx.commit().await?;
    }
    Ok(Some(LoggedIn { person, session: id, token: secret.token() }))
}

/// A form of a page of this session: the only way in which a handler gets one.
#[derive(Debug)]
pub(super) struct Posted<T> {
    /// Whose.
    pub(super) by: LoggedIn,
    /// What stands in it.
    pub(super) form: T,
}

impl<T: DeserializeOwned> FromRequest<Console> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let body = read(body).await.map_err(IntoResponse::into_response)?;
        // After its last byte: whoever was shut out while it came is shut out.
        let by = LoggedIn::from_request_parts(&mut parts, console).await.map_err(IntoResponse::into_response)?;
        let token: FormToken =
            serde_urlencoded::from_bytes(&body).map_err(|_| StatusCode::FORBIDDEN.into_response())?;
        if !bool::from(token.token.as_bytes().ct_eq(by.token.as_bytes())) {
            return Err(StatusCode::FORBIDDEN.into_response());
        }
        let form = serde_urlencoded::from_bytes(&body).map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        Ok(Self { by, form })
    }
}

/// How long a form may take to come.
const FORM_DEADLINE: Duration = Duration::from_secs(20);

/// A form's bytes, which may be a passphrase or a key: they are wiped, and so is what they came in where nothing else holds it.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
    let came = tokio::time::timeout(FORM_DEADLINE, axum::body::to_bytes(body, MAX_FORM_LEN)).await;
    let came = came.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let bytes = Zeroizing::new(came.to_vec());
    if let Ok(mut came) = came.try_into_mut() {
        came.as_mut().zeroize();
    }
    Ok(bytes)
}

/// A secret that somebody has typed or pasted into a form, or that a form has carried: wiped when it is dropped, as the form's bytes are.
pub(super) struct Typed(Zeroizing<String>);

impl Typed {
    /// The text.
    pub(super) fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}

impl std::ops::Deref for Typed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for Typed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

#[derive(serde::Deserialize)]
struct FormToken {
    token: String,
}

/// A form before anybody is logged in: log-in and first run. Its origin has been checked; there is nothing yet that another site could ride on.
#[derive(Debug)]
pub(super) struct Open<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Console> for Open<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &Console) -> Result<Self, Response> {
        let body = read(request.into_body()).await.map_err(IntoResponse::into_response)?;
        serde_urlencoded::from_bytes(&body).map(Self).map_err(|_| StatusCode::BAD_REQUEST.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c01_a_cookie_is_one_secret_that_the_console_made_or_none() {
        let secret = Secret::generate().unwrap();
        let value = secret.cookie().to_str().unwrap().to_owned();
        for must in ["__Host-safelight=", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(value.contains(must), "{value}");
        }
        let pair = value.split(';').next().unwrap().to_owned();
        let of = |cookies: &[&str]| {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(header::COOKIE, cookie.parse().unwrap());
            }
            Secret::of(&headers).map(|found| found.session())
        };
        assert_eq!(of(&[&pair]), Some(secret.session()));
        assert_eq!(of(&[&format!("other=1; {pair}")]), Some(secret.session()));
        assert_eq!(of(&[&pair, &pair]), None, "which of them would be believed?");
        assert_eq!(of(&[&pair[..pair.len() - 1]]), None);
        assert_eq!(of(&["safelight=abc", "__Host-safelight=", "__Host-safelight=%00"]), None);
        assert_ne!(secret.token(), Secret::generate().unwrap().token());
        assert!(!pair.contains(&secret.token()), "a form gives its session away");
    }

    #[test]
    fn secrets_of_forms_are_wiped_when_the_form_is_dropped() {
        #[derive(serde::Deserialize)]
        struct Form {
            passphrase: Typed,
        }
        let form: Form = serde_urlencoded::from_bytes(b"passphrase=open+ses%C3%A4m").unwrap();
        assert_eq!(&*form.passphrase, "open ses\u{e4}m");
        let _wiped: Zeroizing<String> = form.passphrase.into_inner();
        // Every one: a field of such a name in a struct that is read from a form.
        const SECRETS: [&str; 6] = ["passphrase", "password", "code", "secret", "digits", "kit"];
        let (mut folders, mut found) = (vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/pages").into()], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                for form in source.split("Deserialize)]").skip(1).filter_map(|after| after.split("\n}").next()) {
                    for (name, kind) in form.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(": "))
                    {
                        if SECRETS.contains(&name.trim_start_matches("pub(super) ")) {
                            assert_eq!(kind, "Typed", "{name} in {}", path.display());
                            found += 1;
                        }
                    }
                }
            }
        }
        assert!(found >= 8, "{found}");
    }
}
