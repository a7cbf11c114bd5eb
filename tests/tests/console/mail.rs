//! Alerts by mail, to a mail server over TLS; and a webhook over TLS. Whoever is in between, and whoever the server is not, gets nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, text};
use serde_json::Value;
use tempfile::TempDir;

use super::mailbox::{Heard, ITS_WORDS, PASSWORD, Speaks, USER, mailbox};
use super::receivers::{self, Authority, Receiver};
use super::stage::Clinic;

const PATIENCE: Duration = Duration::from_secs(60);

fn secret(path: &Path, words: &str) {
    std::fs::write(path, format!("{words}\n")).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a private file");
}

/// A mail server, and what is said of it in the configuration.
pub(super) struct Post {
    pub(super) server: Receiver<Heard>,
    folder: TempDir,
    pub(super) section: String,
}

impl Post {
    pub(super) fn open(speaks: Speaks, refusals: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new();
        let ca = authority.file(&folder.path().join("ca.pem"));
        secret(&folder.path().join("password"), PASSWORD);
        let server = mailbox(authority, speaks, refusals);
        let tls = match speaks {
            Speaks::Tls => "tls",
            Speaks::StartTls | Speaks::StartTlsWithAnswersAhead => "starttls",
            Speaks::Clear => "none",
        };
        let section = format!(
            "[alert.mail]\nserver = '127.0.0.1'\nport = {}\ntls = '{tls}'\nuser = '{USER}'\npassword_file = '{}'\nfrom = 'safelight@clinic.example'\nto = ['privacy@clinic.example', 'it@clinic.example']\nca_file = '{ca}'",
            server.address.port(),
            folder.path().join("password").display(),
        );
        Self { server, folder, section }
    }

    fn password(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// What `alert test` says of it: whether it was sent, and else why not.
    #[track_caller]
    fn tried(&self, gateway: &Gateway) -> Result<(), String> {
        tried(gateway, &self.section)
    }
}

#[track_caller]
fn tried(gateway: &Gateway, section: &str) -> Result<(), String> {
    let path = gateway.data().join("config.toml");
    let whole = std::fs::read_to_string(&path).expect("the configuration");
    let before = whole.split("\n[alert").next().expect("what init wrote");
    std::fs::write(&path, format!("{}\n\n{section}\n", before.trim_end())).expect("the configuration");
    let finished = gateway.run(&["alert", "test", "--data", "D", "--json"]);
    let (out, err) = (String::from_utf8_lossy(&finished.stdout), &finished.stderr);
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("JSON: {out} {err}"));
    assert!(!out.contains(ITS_WORDS) && !err.contains(ITS_WORDS), "{out} {err}");
    match said[0]["sent"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(text(&said[0], "problem").to_owned()),
    }
}

fn credentials() -> String {
    data_encoding::BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes())
}

#[test]
fn an_alert_is_mailed_once_in_words_that_name_nobody_however_often_the_server_refuses_it_first() {
    let post = Post::open(Speaks::Tls, &["451", "554"]);
    let mut clinic = Clinic::configured(&format!("[alert]\noff = ['unusual-hours', 'disk-low']\n{}", post.section));
    let words = "bleeding after surgery, colleague not reachable";
    let form = [("number", "MRN-77812-04"), ("issuer", "clinic"), ("reason", "acute"), ("words", words)];
    assert_eq!(clinic.other.posts("/emergency", &form).status, 200);
    let heard = until("a letter that is taken", PATIENCE, || {
        Some(post.server.got()).filter(|heard| heard.iter().any(|heard| heard.taken))
    });
    let letters: Vec<_> = heard.iter().filter_map(|heard| heard.letter.clone()).collect();
    assert_eq!((heard.len(), letters.len()), (3, 3), "refused for now, for good, and taken: {heard:?}");
    let last = letters.last().expect("a letter");
    for line in [
        "From: safelight@clinic.example",
        "To: privacy@clinic.example, it@clinic.example",
        "Subject: Safelight alert, urgent: Emergency access",
        "Auto-Submitted: auto-generated",
        "Emergency access.",
        "Times seen until this message: 1",
    ] {
        assert!(last.lines().any(|one| one == line), "{line}\n{last}");
    }
    let console = format!("https://127.0.0.1:{}/alerts", clinic.gateway.said_by_init["console_port"]);
    assert!(last.contains(&console), "{last}");
    let id_of = |letter: &String| letter.lines().find(|line| line.starts_with("Message-ID: ")).map(str::to_owned);
    assert!(id_of(last).is_some() && letters.iter().all(|letter| id_of(letter) == id_of(last)), "{letters:?}");
    for heard in &heard {
        assert!(heard.in_tls.contains("RCPT TO:<privacy@clinic.example>"), "{heard:?}");
        assert!(heard.in_tls.contains("RCPT TO:<it@clinic.example>") && heard.in_clear.is_empty(), "{heard:?}");
    }
    // Nobody is named in what leaves the house.
    let patient = clinic.patient.trim_start_matches("/patients/");
    for word in ["Quitt", "MRN", "clinician2", "Otto", "bleeding", "person:", patient, PASSWORD] {
        assert!(letters.iter().all(|letter| !letter.contains(word)), "{word}: {letters:?}");
    }
    // It was sent: it is not sent again, and nothing is said of it any more.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(post.server.got().len(), 3);
    assert!(!clinic.officer.browser.get("/alerts").text().contains("were not sent"));
    let log = std::fs::read_to_string(clinic.gateway.at("gateway.log")).expect("the program's log");
    assert!(log.contains("alert-not-sent"), "the control: {log}");
    for word in [ITS_WORDS, PASSWORD, &credentials()] {
        assert!(!log.contains(word), "{word}");
    }
}

#[test]
fn x91_a_password_is_said_to_the_server_of_the_certificate_and_never_in_clear() {
    let gateway = Gateway::init();
    let taken = |heard: &[Heard]| heard.last().is_some_and(|heard| heard.taken);
    for speaks in [Speaks::Tls, Speaks::StartTls] {
        let post = Post::open(speaks, &[]);
        assert_eq!(post.tried(&gateway), Ok(()), "the control: {speaks:?}");
        let heard = post.server.got();
        assert!(taken(&heard) && heard[0].in_tls.contains(&credentials()), "{heard:?}");
        assert!(heard[0].letter.as_ref().is_some_and(|letter| letter.contains("A test: nothing has happened")));
        // In clear: hello, and STARTTLS.
        let in_clear: Vec<_> = heard[0].in_clear.lines().map(|line| line.split(' ').next()).collect();
        assert!(matches!(&in_clear[..], [] | [Some("EHLO"), Some("STARTTLS")]), "{heard:?}");

        // A certificate of another CA.
        let stranger = Authority::new().file(&post.folder.path().join("other.pem"));
        let ca = post.folder.path().join("ca.pem");
        let section = post.section.replace(ca.to_str().expect("a path"), &stranger);
        assert_eq!(tried(&gateway, &section), Err("certificate".to_owned()), "{speaks:?}");
        // A certificate of another name.
        let section = post.section.replace("server = '127.0.0.1'", "server = 'localhost'");
        assert_eq!(tried(&gateway, &section), Err("certificate".to_owned()), "{speaks:?}");
        let heard = post.server.got();
        assert_eq!(heard.len(), 3);
        for heard in &heard[1..] {
            assert!(heard.in_tls.is_empty() && heard.letter.is_none(), "{heard:?}");
            assert!(!heard.in_clear.contains("AUTH") && !heard.in_clear.contains("MAIL"), "{heard:?}");
        }
    }
    // A server that offers no STARTTLS, or one that somebody in between has made look like it.
    let post = Post::open(Speaks::Clear, &[]);
    let section = post.section.replace("tls = 'none'", "tls = 'starttls'");
    assert_eq!(tried(&gateway, &section), Err("no-starttls".to_owned()));
    assert!(post.server.got()[0].in_clear.lines().all(|line| line.starts_with("EHLO ")), "{:?}", post.server.got());
    // On this machine alone there may be none.
    assert_eq!(post.tried(&gateway), Ok(()));
    assert!(taken(&post.server.got()));
}

#[test]
fn x92_answers_sent_ahead_of_tls_are_not_taken_for_the_server_s() {
    let gateway = Gateway::init();
    let post = Post::open(Speaks::StartTlsWithAnswersAhead, &[]);
    assert!(post.tried(&gateway).is_err(), "an alert that nobody has got is not sent");
    let heard = post.server.got();
    assert!(heard.iter().all(|heard| heard.letter.is_none() && !heard.in_clear.contains("AUTH")), "{heard:?}");
}

#[test]
fn what_is_wrong_with_password_server_or_configuration_is_said_by_code() {
    let gateway = Gateway::init();
    let post = Post::open(Speaks::Tls, &["451"]);
    assert_eq!(post.tried(&gateway), Err("status".to_owned()), "not now");
    secret(&post.password(), "another password");
    assert_eq!(post.tried(&gateway), Err("status".to_owned()));
    assert!(post.server.got()[1].letter.is_none(), "whoever is not let in brings nothing");
    secret(&post.password(), PASSWORD);
    std::fs::set_permissions(post.password(), std::fs::Permissions::from_mode(0o640)).expect("an exposed file");
    assert_eq!(post.tried(&gateway), Err("secret-file".to_owned()), "a password that others can read is not used");
    assert_eq!(post.server.got().len(), 2, "and nobody is asked");
    secret(&post.password(), PASSWORD);
    assert_eq!(post.tried(&gateway), Ok(()), "the control");
    let missing = post.section.replace("ca.pem", "no.pem");
    assert_eq!(tried(&gateway, &missing), Err("ca-file".to_owned()));

    // Something else listens there.
    let webhook = receivers::webhook_over_tls(Authority::new());
    let port = |section: &str, port: u16| section.replace(&post.server.address.port().to_string(), &port.to_string());
    assert_eq!(tried(&gateway, &port(&post.section, webhook.address.port())), Err("certificate".to_owned()));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    assert_eq!(tried(&gateway, &port(&post.section, silent.port())), Err("unreachable".to_owned()));

    let path = gateway.data().join("config.toml");
    let whole = std::fs::read_to_string(&path).expect("the configuration");
    for (right, wrong, key) in [
        ("server = '127.0.0.1'", "server = 'mail.example:465'", "alert.mail.server"),
        ("tls = 'tls'", "tls = 'none'\nport = 0", "alert.mail"),
        ("server = '127.0.0.1'\nport", "server = '192.0.2.1'\ntls = 'none'\nport", "alert.mail"),
        (
            "from = 'safelight@clinic.example'",
            "from = \"a@b.example\\r\\nBcc: x@y.example\"",
            "a mail address is expected",
        ),
        ("'it@clinic.example'", "'it'", "a mail address is expected"),
        ("user = 'safelight'\n", "", "alert.mail.user"),
    ] {
        let section = post.section.replace(right, wrong);
        let section = if wrong.contains("tls = 'none'") {
            section.replace("tls = 'tls'\n", "").replace(&format!("\nport = {}", post.server.address.port()), "")
        } else {
            section
        };
        assert_ne!(section, post.section, "{right}");
        let before = whole.split("\n[alert").next().expect("what init wrote");
        std::fs::write(&path, format!("{before}\n{section}\n")).expect("the configuration");
        let checked = gateway.run(&["config", "check", "--data", "D"]);
        assert_eq!(checked.code, Some(2), "{wrong}");
        assert!(checked.stderr.contains(key), "{wrong}: {}", checked.stderr);
    }
}

#[test]
fn x91_a_webhook_posts_to_a_certificate_of_ca_file_and_to_no_other() {
    let gateway = Gateway::init();
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("webhook.key");
    secret(&key, "a key that both sides have");
    let (authority, other) = (Authority::new(), Authority::new());
    let [ca, stranger] =
        [(&authority, "ca.pem"), (&other, "other.pem")].map(|(of, name)| of.file(&folder.path().join(name)));
    let webhook = receivers::webhook_over_tls(authority);
    let section = |ca: &str| {
        let url = format!("https://{}/alerts?of=clinic", webhook.address);
        format!("[alert.webhook]\nurl = '{url}'\nkey_file = '{}'\nca_file = '{ca}'", key.display())
    };
    assert_eq!(tried(&gateway, &section(&stranger)), Err("certificate".to_owned()));
    assert_eq!(webhook.got().len(), 0, "nothing is said to a stranger");
    assert_eq!(tried(&gateway, &section(&ca)), Ok(()), "the control");
    assert!(webhook.got()[0].header("webhook-signature").starts_with("v1,"));
}
