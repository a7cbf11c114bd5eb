//! `[alert.mail]`: to whom alerts are mailed, and by which server.
//!
//! Attacker: whoever can put words into the configuration, such as a line of headers in an address. An address is a type that holds nothing but one address:
//! no name beside it, no quotes, no space, no line's end.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Those whom one message goes to.
const MAX_RECIPIENTS: usize = 16;

/// Where alerts are mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The mail server's name or address, as its certificate has it.
    pub server: String,
    /// Its port, where it is not the usual one of `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is kept from others' eyes.
    #[serde(default)]
    pub tls: MailTls,
    /// The user name, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Who the messages are from.
    pub from: MailAddress,
    /// Who they are for.
    pub to: Vec<MailAddress>,
    /// The certificates that are trusted, PEM, in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// TLS with a mail server. There is none that is used where the server offers it and left out where it does not: whoever is in between decides that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte (RFC 8314).
    #[default]
    Tls,
    /// After STARTTLS (RFC 3207), or not at all.
    StartTls,
    /// None: to this machine alone.
    None,
}

impl MailTls {
    /// The usual port.
    const fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

/// One address, as `name@clinic.example`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MailAddress(String);

/// It is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a mail address is expected, as name@clinic.example, with no name beside it")]
pub struct NoAddress;

impl MailAddress {
    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MailAddress {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        let (local, domain) = text.split_once('@').ok_or(NoAddress)?;
        let is_local = (1..=64).contains(&local.len()) && dotted(local, |byte| b"!#$%&'*+-/=?^_`{|}~".contains(&byte));
        let is_domain = (1..=253).contains(&domain.len()) && dotted(domain, |byte| byte == b'-');
        if is_local && is_domain { Ok(Self(text)) } else { Err(NoAddress) }
    }
}

/// Letters, digits and `more`, with single dots in between.
fn dotted(text: &str, more: impl Fn(u8) -> bool) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || more(byte));
    text.split('.').all(is_part)
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MailConfig {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.tls.port())
    }

    /// What a parser cannot know; says what is expected.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let right = |holds: bool, why| if holds { Ok(()) } else { Err(why) };
        right(
            crate::config::is_host(&self.server),
            "alert.mail.server: a name or an address without port is expected; `port` says another port",
        )?;
        right(self.port != Some(0), "alert.mail.port: a port from 1 to 65535 is expected")?;
        let is_here = self.server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        right(
            self.tls != MailTls::None || is_here,
            "alert.mail.tls: \"none\" is for a server at 127.0.0.1 or ::1 alone: \"tls\" or \"starttls\" is expected",
        )?;
        right(
            self.user.is_some() == self.password_file.is_some(),
            "alert.mail.user, alert.mail.password_file: both are expected, or neither",
        )?;
        let is_user = |user: &String| (1..=255).contains(&user.len()) && !user.chars().any(char::is_control);
        right(self.user.iter().all(is_user), "alert.mail.user: 1 to 255 bytes in one line are expected")?;
        right((1..=MAX_RECIPIENTS).contains(&self.to.len()), "alert.mail.to: a list of 1 to 16 addresses is expected")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "server = 'mail.clinic.example'\nuser = 'u'\npassword_file = 'p'\nfrom = 'safelight@clinic.example'\nto = ['a@clinic.example', 'b.c+d@x-y.example']";

    fn parsed(text: &str) -> Result<MailConfig, String> {
        let config: MailConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(str::to_owned)?;
        Ok(config)
    }

    #[test]
    fn tls_from_the_first_byte_is_what_is_meant_unless_it_is_said() {
        let config = parsed(WHOLE).unwrap();
        assert_eq!((config.tls, config.port()), (MailTls::Tls, 465));
        let config = parsed(&format!("{WHOLE}\ntls = 'starttls'")).unwrap();
        assert_eq!((config.tls, config.port()), (MailTls::StartTls, 587));
        assert_eq!(parsed(&format!("{WHOLE}\nport = 2525")).unwrap().port(), 2525);
        let again: MailConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn x91_without_tls_there_is_this_machine_alone() {
        let without = |server: &str| {
            parsed(&WHOLE.replace("mail.clinic.example", server).replacen("user", "tls = 'none'\nuser", 1))
        };
        for server in ["127.0.0.1", "::1", "127.9.9.9"] {
            assert_eq!(without(server).unwrap().port(), 25, "{server}");
        }
        // A name may lead anywhere.
        for server in ["192.0.2.1", "localhost", "mail.clinic.example"] {
            assert!(without(server).unwrap_err().contains("alert.mail.tls"), "{server}");
        }
        assert!(parsed(&format!("{WHOLE}\ntls = 'opportunistic'")).is_err());
    }

    #[test]
    fn an_address_is_one_address_and_nothing_else() {
        for wrong in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b@c",
            "a b@c.example",
            "a@b.example\\r\\nBcc: x@y.example",
            "A <a@b.example>",
            "a@b.example,c@d.example",
            "\\\"a b\\\"@c.example",
            "a..b@c.example",
            ".a@c.example",
            "a@c..example",
            "a@[127.0.0.1]",
            "ä@c.example",
            "a@b.example>",
            "a@-\\u0000",
        ] {
            let text = WHOLE.replace("'safelight@clinic.example'", &format!("\"{wrong}\""));
            assert!(parsed(&text).unwrap_err().contains("a mail address is expected"), "{wrong}");
        }
        assert_eq!(parsed(WHOLE).unwrap().from.domain(), "clinic.example");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (from, to, key) in [
            ("'mail.clinic.example'", "'mail.clinic.example:465'", "alert.mail.server"),
            ("'mail.clinic.example'", "'a\\r\\nb'", "alert.mail.server"),
            ("user = 'u'\n", "", "alert.mail.user"),
            ("user = 'u'", "user = \"u\\r\\nx\"", "alert.mail.user"),
            ("user = 'u'", "user = 'u'\nport = 0", "alert.mail.port"),
            ("['a@clinic.example', 'b.c+d@x-y.example']", "[]", "alert.mail.to"),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            assert_ne!(text, WHOLE);
            assert!(parsed(&text).unwrap_err().contains(key), "{key}");
        }
    }
}
