//! People of a clinic at the console, as tests need them: each begins with a code and an authenticator, and has a browser.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE32_NOPAD;
use serde_json::Value;

use crate::browser::{Answer, Browser};
use crate::gateway::{Gateway, text};

/// What everybody here chooses.
pub const PASSWORD: &str = "a lamp in the dark";

/// Somebody who has an account.
#[derive(Debug)]
pub struct Member {
    /// Their browser, logged in.
    pub browser: Browser,
    /// Their id.
    pub id: String,
    /// The authenticator's secret.
    pub secret: Vec<u8>,
    /// Recovery codes that are left: an authenticator's code works once, and the next comes after half a minute.
    pub codes: Vec<String>,
}

/// A browser for this gateway's console, with nobody logged in.
pub fn browser(gateway: &Gateway) -> Browser {
    let place = format!("127.0.0.1:{}", gateway.said_by_init["console_port"]);
    let pem = std::fs::read_to_string(gateway.data().join("clinic/ca.crt")).expect("the CA's certificate");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Browser::new(&place, data_encoding::BASE64.decode(body.as_bytes()).expect("PEM"))
}

/// The first admin.
#[track_caller]
pub fn first_admin(gateway: &Gateway) -> Member {
    let code: Value = gateway.run(&["console", "code", "--data", "D", "--json"]).ok().json();
    join_first(browser(gateway), text(&code, "code"))
}

/// The first admin, with a code that the terminal has shown.
#[track_caller]
pub fn join_first(browser: Browser, code: &str) -> Member {
    join(browser, code, &[("id", "root.admin"), ("name", "Ada Admin")], "root.admin")
}

impl Member {
    /// Adds a colleague, who joins at once.
    #[track_caller]
    pub fn adds(&mut self, gateway: &Gateway, id: &str, name: &str, role: &str) -> Member {
        self.adds_with(browser(gateway), id, name, role)
    }

    /// The same, with a browser that has nobody logged in.
    #[track_caller]
    pub fn adds_with(&mut self, fresh: Browser, id: &str, name: &str, role: &str) -> Member {
        let token = self.browser.get("/people").field("token");
        let page = self.browser.post("/people", &[("token", &token), ("id", id), ("name", name), ("role", role)]);
        let code =
            page.all_between("<p class=\"words\">", "</p>").pop().unwrap_or_else(|| panic!("no code: {}", page.text()));
        join(fresh, &code, &[], id)
    }

    /// Another browser of the same person, logged in with a recovery code.
    #[track_caller]
    pub fn logs_in(&mut self) -> Browser {
        let code = self.codes.pop().expect("a recovery code that is left");
        let mut fresh = self.browser.clone();
        fresh.cookie = None;
        let page = fresh.post("/login", &[("name", &self.id), ("password", PASSWORD), ("code", &code)]);
        assert_eq!(page.status, 200, "{}", page.text());
        fresh
    }

    /// Posts a form with the token of this session.
    #[track_caller]
    pub fn posts(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let token = self.browser.get("/account").field("token");
        let mut whole = vec![("token", token.as_str())];
        whole.extend_from_slice(form);
        self.browser.post(path, &whole)
    }
}

/// With a code to an account.
#[track_caller]
fn join(mut browser: Browser, code: &str, more: &[(&str, &str)], id: &str) -> Member {
    let page = browser.post("/join", &[("code", code)]);
    assert_eq!(page.status, 200, "{}", page.text());
    let secret_text = page.field("secret");
    let secret = BASE32_NOPAD.decode(secret_text.as_bytes()).expect("a secret in base 32");
    let digits = digits(&secret);
    let mut form =
        vec![("code", code), ("secret", secret_text.as_str()), ("password", PASSWORD), ("digits", digits.as_str())];
    form.extend_from_slice(more);
    let page = browser.post("/join/account", &form);
    let codes = page.all_between("<li><code>", "</code>");
    assert_eq!((page.status, codes.len()), (200, 8), "{}", page.text());
    Member { browser, id: id.to_owned(), secret, codes }
}

/// What an authenticator shows now (RFC 6238).
pub fn digits(secret: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let secret = <[u8; 20]>::try_from(secret).expect("a secret of 20 bytes");
    let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build();
    totp.expect("an authenticator").generate(now).to_string()
}
