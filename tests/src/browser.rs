//! A browser as far as the console's tests need one: it keeps the console's cookie, follows redirects, reads forms, and says of itself what browsers say.
//! What people see is looked at in a real one; here is what an attacker would send.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::gateway::program::until;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Redirects in a row.
const MAX_REDIRECTS: usize = 5;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200 and the like.
    pub status: u16,
    /// By name in lower case; of several of one name the last.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What stands on the page without the bar around it, which says who looks at it; all of what is no page.
    pub fn content(&self) -> String {
        let text = self.text();
        text.split_once("<main").map(|(_, content)| content.to_owned()).unwrap_or(text)
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The value of the page's first field of this name, as it was before it was written into HTML.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let page = self.text();
        let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name} in {page}"));
        let rest = page.get(at..).unwrap_or_default();
        let value = rest.split_once("value=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value);
        value.unwrap_or_else(|| panic!("{name} has no value in {page}")).replace("&#38;", "&").replace("&#34;", "\"")
    }

    /// Everything that follows `before` up to `after`, for each time that it stands in the page.
    pub fn all_between(&self, before: &str, after: &str) -> Vec<String> {
        let page = self.text();
        let parts = page.split(before).skip(1);
        parts.filter_map(|part| part.split_once(after).map(|(found, _)| found.to_owned())).collect()
    }
}

/// A browser with its cookie.
#[derive(Debug, Clone)]
pub struct Browser {
    /// `127.0.0.1:8443`.
    pub place: String,
    /// Of the console, or none.
    pub cookie: Option<String>,
    tls: Arc<ClientConfig>,
}

impl Browser {
    /// For the console at `place`, which shows a certificate of this CA (DER).
    ///
    /// # Panics
    /// If that is no certificate.
    pub fn new(place: &str, authority: Vec<u8>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority)).expect("a CA certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
        let tls = builder.with_root_certificates(roots).with_no_client_auth();
        Self { place: place.to_owned(), cookie: None, tls: Arc::new(tls) }
    }

    /// The same, and it has a certificate to show to whoever asks for one.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Arc<dyn ResolvesClientCert>) -> Self {
        let mut tls = ClientConfig::clone(&self.tls);
        tls.client_auth_cert_resolver = certificate;
        self.tls = Arc::new(tls);
        self
    }

    /// Whether the console takes a connection of another kind than a browser's.
    ///
    /// # Panics
    /// If nothing listens for long.
    pub fn takes(&self, tls: ClientConfig, server_name: &str) -> bool {
        let name = ServerName::try_from(server_name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(Arc::new(tls), name).expect("TLS");
        let mut socket = self.reached();
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        while connection.is_handshaking() {
            if connection.complete_io(&mut socket).is_err() {
                return false;
            }
        }
        true
    }

    /// A connection to the console, which listens a moment after phones are served.
    fn reached(&self) -> TcpStream {
        until("the console listens", PATIENCE, || TcpStream::connect(&self.place).ok())
    }

    /// A page, wherever it leads.
    ///
    /// # Panics
    /// If nothing answers.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        let answer = self.ask("GET", path, &[], None);
        self.follow(answer)
    }

    /// A form that a page of the console holds, wherever it leads.
    ///
    /// # Panics
    /// If nothing answers.
    #[track_caller]
    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let answer = self.submit(path, form);
        self.follow(answer)
    }

    /// The same, and the first answer alone.
    ///
    /// # Panics
    /// If nothing answers.
    #[track_caller]
    pub fn submit(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let origin = format!("https://{}", self.place);
        self.ask("POST", path, &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")], Some(&encoded(form)))
    }

    /// Whatever is asked, and what comes back. The cookie is sent, and kept if there is a new one.
    ///
    /// # Panics
    /// If nothing answers.
    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.place);
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            head += "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
        }
        if let Some(cookie) = &self.cookie {
            head += &format!("Cookie: {cookie}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            head += &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len());
        }
        let answer = self.exchange(&format!("{head}\r\n{}", body.unwrap_or_default()));
        if let Some(cookie) = answer.headers.get("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default().to_owned();
            self.cookie = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        answer
    }

    /// A form that comes slowly: all of it but its last byte.
    ///
    /// # Panics
    /// If nothing listens for long.
    #[track_caller]
    pub fn begins(&self, path: &str, form: &[(&str, &str)]) -> Begun {
        let (place, body) = (&self.place, encoded(form));
        let cookie = self.cookie.as_deref().unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nConnection: close\r\nHost: {place}\r\nOrigin: https://{place}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (first, last) = body.split_at(body.len() - 1);
        let mut stream = self.connected();
        stream.write_all(format!("{head}{first}").as_bytes()).expect("the console reads");
        stream.flush().expect("the console reads");
        Begun { stream, last: last.to_owned() }
    }

    #[track_caller]
    fn connected(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let host = self.place.rsplit_once(':').map_or(self.place.as_str(), |(host, _)| host).to_owned();
        let name = ServerName::try_from(host).expect("a name");
        let socket = self.reached();
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // As browsers have it. Else what follows the handshake waits for an acknowledgement that the console has no reason to hurry.
        socket.set_nodelay(true).expect("a socket");
        StreamOwned::new(ClientConnection::new(self.tls.clone(), name).expect("TLS"), socket)
    }

    #[track_caller]
    fn exchange(&self, request: &str) -> Answer {
        let mut stream = self.connected();
        stream.write_all(request.as_bytes()).expect("the console reads");
        answered(stream)
    }

    #[track_caller]
    fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..MAX_REDIRECTS {
            if answer.status != 303 {
                return answer;
            }
            let to = answer.header("location").to_owned();
            assert!(to.starts_with('/') && !to.starts_with("//"), "a redirect to somewhere else: {to}");
            answer = self.ask("GET", &to, &[], None);
        }
        panic!("it goes round in circles");
    }
}

/// A form that has not come whole.
#[derive(Debug)]
pub struct Begun {
    stream: StreamOwned<ClientConnection, TcpStream>,
    last: String,
}

impl Begun {
    /// Sends the rest, and says what comes back.
    ///
    /// # Panics
    /// If nothing does.
    #[track_caller]
    pub fn ends(mut self) -> Answer {
        // The console may have lost patience.
        let _ = self.stream.write_all(self.last.as_bytes());
        answered(self.stream)
    }
}

#[track_caller]
fn answered(mut stream: StreamOwned<ClientConnection, TcpStream>) -> Answer {
    let mut bytes = Vec::new();
    // Whoever does not say goodbye has said everything all the same: the length is checked below.
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes)
}

#[track_caller]
fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with a head");
    let (head, body) = bytes.split_at(end + 4);
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).expect("a status");
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: BTreeMap<_, _> = lines.filter_map(pair).collect();
    let body = match headers.get("transfer-encoding") {
        Some(_) => unchunked(body),
        None => body.to_vec(),
    };
    if let Some(length) = headers.get("content-length").and_then(|length| length.parse::<usize>().ok()) {
        assert_eq!(body.len(), length, "a body that is not whole");
    }
    Answer { status, headers, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let (size, after) = rest.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size).unwrap_or("0").trim(), 16).unwrap_or(0);
        let Some(chunk) = after.get(2..2 + size).filter(|chunk| !chunk.is_empty()) else { break };
        body.extend_from_slice(chunk);
        rest = after.get(4 + size..).unwrap_or_default();
    }
    body
}

/// `application/x-www-form-urlencoded`.
pub fn encoded(form: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    form.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}
