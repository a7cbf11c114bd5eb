//! A mail server that alerts are sent to: it takes a letter, refuses it, or is not what it should be.

use std::io::{BufRead, BufReader, Read, Write};

use data_encoding::BASE64;

use super::receivers::{Authority, Receiver};

/// What it says in a refusal, and must be nowhere else.
pub(crate) const ITS_WORDS: &str = "words-of-the-mail-server";

/// Who may log in.
pub(crate) const USER: &str = "safelight";
pub(crate) const PASSWORD: &str = "a password of the mailbox";

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS.
    StartTls,
    /// Likewise, and somebody in between sends answers ahead of it.
    StartTlsWithAnswersAhead,
    /// No TLS at all.
    Clear,
}

/// One connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// Every line that was said without TLS.
    pub(crate) in_clear: String,
    /// Every command that was said within.
    pub(crate) in_tls: String,
    /// What was brought, whether it was taken or not.
    pub(crate) letter: Option<String>,
    /// Whether it was.
    pub(crate) taken: bool,
}

/// What is in the way of answers, for a client that reads ahead.
const AHEAD: &str =
    "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n235 in\r\n250 from\r\n250 to\r\n250 to\r\n354 go on\r\n250 taken\r\n";

/// A server. The letters that come first are refused with these codes, in order.
pub(crate) fn mailbox(authority: Authority, speaks: Speaks, refusals: &'static [&'static str]) -> Receiver<Heard> {
    Receiver::start(move |mut stream, before| {
        let mut heard = Heard::default();
        let refusal = refusals.get(before).copied();
        if speaks == Speaks::Tls {
            let Some(stream) = authority.accept(stream) else { return Some(heard) };
            let mut within = String::new();
            Session { offers: "AUTH PLAIN LOGIN", refusal, heard: &mut heard }.serve(stream, true, &mut within);
            heard.in_tls = within;
            return Some(heard);
        }
        let offers = if speaks == Speaks::Clear { "AUTH PLAIN LOGIN" } else { "STARTTLS" };
        let mut clear = String::new();
        let starts = Session { offers, refusal, heard: &mut heard }.serve(&mut stream, true, &mut clear);
        heard.in_clear = clear;
        if starts {
            let ahead = if speaks == Speaks::StartTlsWithAnswersAhead { AHEAD } else { "" };
            stream.write_all(format!("220 go on\r\n{ahead}").as_bytes()).ok()?;
            let Some(stream) = authority.accept(stream) else { return Some(heard) };
            let mut within = String::new();
            Session { offers: "AUTH PLAIN LOGIN", refusal, heard: &mut heard }.serve(stream, false, &mut within);
            heard.in_tls = within;
        }
        Some(heard)
    })
}

struct Session<'a> {
    offers: &'a str,
    refusal: Option<&'a str>,
    heard: &'a mut Heard,
}

impl Session<'_> {
    /// Answers until the client leaves, or wants TLS: then this is true.
    fn serve<S: Read + Write>(mut self, stream: S, greets: bool, said: &mut String) -> bool {
        let mut reader = BufReader::new(stream);
        let _ = greets && answer(&mut reader, "220 mail.example ready");
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return false;
            }
            said.push_str(&line);
            let command = line.trim_end();
            let reply = if command.starts_with("EHLO ") {
                format!("250-mail.example\r\n250 {}", self.offers)
            } else if command == "STARTTLS" && self.offers == "STARTTLS" {
                return true;
            } else if let Some(given) = command.strip_prefix("AUTH PLAIN ") {
                let wanted = BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes());
                if given == wanted { "235 in".to_owned() } else { format!("535 {ITS_WORDS}") }
            } else if command.starts_with("MAIL FROM:") || command.starts_with("RCPT TO:") {
                "250 well".to_owned()
            } else if command == "DATA" {
                let _ = answer(&mut reader, "354 go on");
                self.take(&mut reader)
            } else if command == "QUIT" {
                "221 bye".to_owned()
            } else {
                "500 what".to_owned()
            };
            if !answer(&mut reader, &reply) || command == "QUIT" {
                return false;
            }
        }
    }

    fn take<S: Read + Write>(&mut self, reader: &mut BufReader<S>) -> String {
        let (mut letter, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).unwrap_or(0) > 0 && line != ".\r\n" {
            letter.push_str(&line);
            line.clear();
        }
        self.heard.letter = Some(letter);
        self.heard.taken = self.refusal.is_none();
        self.refusal.map_or_else(|| "250 taken".to_owned(), |code| format!("{code} {ITS_WORDS}"))
    }
}

fn answer<S: Read + Write>(reader: &mut BufReader<S>, reply: &str) -> bool {
    let stream = reader.get_mut();
    stream.write_all(format!("{reply}\r\n").as_bytes()).and_then(|()| stream.flush()).is_ok()
}
