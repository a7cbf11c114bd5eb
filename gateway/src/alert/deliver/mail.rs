//! Mailing an alert by the clinic's mail server: over TLS, or on this machine.
//!
//! Attackers. **Whoever is between here and the mail server** would read the password, or the alerts, or take them away: with `starttls` nothing but a greeting
//! is said before TLS; a server that offers none, or whose certificate is another's, gets nothing. What such a person sends ahead, to be taken for the server's
//! answers after TLS has begun, is not read ahead ([`Lines`]), and breaks the handshake. **A mail server that has been taken over**: of its answers the status
//! alone is kept, and it may say so much and take so long. **Whoever reads the mailbox** learns that there is something to look at and where, and of
//! nobody. **Whoever may write a label or a name** finds no way into a header: words are this program's own, addresses a type.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Severity as Reply;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{DeliverError, Message, secret, trust};
use crate::alert::words;
use crate::config::Config;
use crate::config::alert::mail::{MailAddress, MailConfig, MailTls};
use crate::keyfile;

/// What a server may say in one conversation, with its certificates where they come by STARTTLS.
const MAX_SAID: usize = 256 * 1024;

/// How long a server that has taken the message may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// The last second that a date in a message can say.
const LAST_DATE: u64 = 253_402_300_799;

/// How to log in: nothing else is of use once there is TLS.
const LOG_IN: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Mails one, to all or to nobody.
pub(super) async fn send(config: &Config, mail: &MailConfig, message: &Message) -> Result<(), DeliverError> {
    let letter = letter(mail, message)?;
    let log_in = credentials(mail)?;
    let mut connection = connect(config, mail).await?;
    if let Some(log_in) = log_in {
        let offers = LOG_IN.iter().any(|way| connection.server_info().supports_auth_mechanism(*way));
        if !offers {
            return Err(DeliverError::NoLogIn);
        }
        connection.auth(&LOG_IN, &log_in).await.map_err(refused)?;
    }
    let code = connection.send(letter.envelope(), &letter.formatted()).await.map_err(refused)?.code();
    if code.severity != Reply::PositiveCompletion {
        return Err(DeliverError::Status(code.into()));
    }
    // It has the message: what it says or does not say now makes no second one.
    let _ = timeout(GOOD_BYE, connection.quit()).await;
    Ok(())
}

fn credentials(mail: &MailConfig) -> Result<Option<Credentials>, DeliverError> {
    let (Some(user), Some(file)) = (&mail.user, &mail.password_file) else { return Ok(None) };
    let password = keyfile::read_secret(file)?;
    let password = std::str::from_utf8(secret(&password)?).map_err(|_| DeliverError::Secret)?;
    Ok(Some(Credentials::new(user.clone(), password.to_owned())))
}

async fn connect(config: &Config, mail: &MailConfig) -> Result<AsyncSmtpConnection, DeliverError> {
    let ca_file = mail.ca_file.as_deref();
    let hello = hello(config);
    // Before anybody is reached: what is wrong here is said as that.
    let parameters = match mail.tls {
        MailTls::StartTls => Some(parameters(mail)?),
        MailTls::Tls | MailTls::None => None,
    };
    let connector = if mail.tls == MailTls::Tls { Some(trust::connector(ca_file)?) } else { None };
    let stream = TcpStream::connect((mail.server.as_str(), mail.port())).await.map_err(DeliverError::Unreachable)?;
    let peer = stream.peer_addr().map_err(DeliverError::Unreachable)?;
    let stream: Box<dyn AsyncTokioStream> = match connector {
        Some(connector) => {
            let name = ServerName::try_from(mail.server.clone()).map_err(|_| DeliverError::Address)?;
            Box::new(Lines::of(connector.connect(name, stream).await.map_err(trust::broken)?, peer))
        }
        None => Box::new(Lines::of(stream, peer)),
    };
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(refused)?;
    if let Some(parameters) = parameters {
        if !connection.can_starttls() {
            return Err(DeliverError::NoStartTls);
        }
        connection.starttls(parameters, &hello).await.map_err(refused)?;
    }
    Ok(connection)
}

/// TLS after STARTTLS, as the library takes it: with these anchors and no others.
fn parameters(mail: &MailConfig) -> Result<TlsParameters, DeliverError> {
    let mut builder = TlsParameters::builder(mail.server.clone()).certificate_store(CertificateStore::None);
    for anchor in trust::anchors(mail.ca_file.as_deref())? {
        builder =
            builder.add_root_certificate(Certificate::from_der(anchor.to_vec()).map_err(|_| DeliverError::Trust)?);
    }
    builder.build().map_err(|_| DeliverError::Trust)
}

/// Who says hello: this machine, by the first name that it is known by.
fn hello(config: &Config) -> ClientId {
    let host = config.hosts.first().map_or("localhost", String::as_str);
    match host.parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

/// What came of a step. A server's own words, which the error has, go no further.
fn refused(error: lettre::transport::smtp::Error) -> DeliverError {
    match error.status() {
        Some(code) => DeliverError::Status(code.into()),
        None if trust::is_of_certificate(&error) => DeliverError::Certificate,
        None => DeliverError::NotSmtp,
    }
}

fn letter(mail: &MailConfig, message: &Message) -> Result<lettre::Message, DeliverError> {
    const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
    let address = |address: &MailAddress| address.as_str().parse().map_err(|_| DeliverError::Address);
    let what = message.what.map_or(words::TEST, words::of);
    let how_soon = words::how_soon(message.severity);
    let raised = UNIX_EPOCH + Duration::from_secs((message.at.0 / 1000).min(LAST_DATE));
    // A server that has taken it once, and was not heard, knows it again by this.
    let id = format!("<{}.{}@{}>", message.id, message.at.0, mail.from.domain());
    let mut builder = lettre::Message::builder()
        .from(address(&mail.from)?)
        .subject(format!("{}, {how_soon}: {what}", words::SUBJECT))
        .date(raised)
        .message_id(Some(id))
        // Whoever answers by itself, such as for somebody who is away, does not (RFC 3834).
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        builder = builder.to(address(to)?);
    }
    // Its lines are ASCII and short, and go as they are, unless the console's address is a long one.
    builder.body(body(message, what, how_soon)).map_err(|_| DeliverError::Address)
}

fn body(message: &Message, what: &str, how_soon: &str) -> String {
    let Message { id, raised_at, count, console, .. } = message;
    [
        format!("{what}."),
        String::new(),
        format!("{}: {how_soon}", words::HOW_SOON),
        format!("{}: {raised_at}", words::RAISED),
        format!("{}: {count}", words::SEEN),
        format!("{}: {id}", words::NAME),
        String::new(),
        format!("{}:", words::WHERE),
        console.clone(),
        String::new(),
        words::NOBODY.to_owned(),
        words::UNREAD.to_owned(),
        String::new(),
    ]
    .join("\r\n")
}

/// A connection that is read a line at a time, and not without end. Whoever keeps a buffer above it has nothing in it from beyond the line that has been
/// answered: so there is nothing of a time before TLS that could be taken for something said in it.
#[derive(Debug)]
struct Lines<S> {
    inner: BufReader<S>,
    left: usize,
    peer: SocketAddr,
}

impl<S: AsyncRead> Lines<S> {
    fn of(stream: S, peer: SocketAddr) -> Self {
        Self { inner: BufReader::new(stream), left: MAX_SAID, peer }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lines<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let held = ready!(Pin::new(&mut this.inner).poll_fill_buf(cx))?;
        let line = held.iter().position(|byte| *byte == b'\n').map_or(held.len(), |end| end.saturating_add(1));
        let piece = held.get(..line.min(buf.remaining())).unwrap_or_default();
        let Some(left) = this.left.checked_sub(piece.len()) else {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        };
        buf.put_slice(piece);
        let read = piece.len();
        this.left = left;
        Pin::new(&mut this.inner).consume(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lines<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream for Lines<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use safelight_core::ids::UnixMillis;
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::alert::rules::Severity;
    use crate::config::alert::Code;

    const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn message(at: u64, what: Option<Code>) -> Message {
        Message {
            id: "ab".repeat(16),
            code: "x",
            severity: Severity::High,
            raised_at: "2026-11-28T10:00:00Z".to_owned(),
            count: 3,
            console: "https://gateway.clinic.example:8443/alerts".to_owned(),
            at: UnixMillis(at),
            what,
        }
    }

    fn mail() -> MailConfig {
        toml::from_str(
            "server = 'm.example'\nfrom = 'safelight@clinic.example'\nto = ['a@clinic.example', 'b@other.example']",
        )
        .unwrap()
    }

    #[test]
    fn a_letter_says_what_and_where_and_is_the_same_each_time() {
        let letter_of = |message: &Message| String::from_utf8(letter(&mail(), message).unwrap().formatted()).unwrap();
        let text = letter_of(&message(1_795_860_000_000, Some(Code::LogTrouble)));
        for line in [
            "From: safelight@clinic.example",
            "To: a@clinic.example, b@other.example",
            "Subject: Safelight alert, urgent: A log is not what it was",
            "Auto-Submitted: auto-generated",
            "Times seen until this message: 3",
            "Content-Transfer-Encoding: 7bit",
            "https://gateway.clinic.example:8443/alerts",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        let id = format!("Message-ID: <{}.1795860000000@clinic.example>\r\n", "ab".repeat(16));
        assert!(text.contains(&id), "{text}");
        assert!(text.is_ascii() && text.lines().all(|line| line.len() < 200));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let mut again = message(1_795_860_000_000, Some(Code::LogTrouble));
        again.count = 4;
        assert!(letter_of(&again).contains(&id), "what is sent again is known again");
        // Whatever the clock says: a date is a date.
        for at in [0, u64::MAX] {
            assert!(letter_of(&message(at, None)).contains("A test: nothing has happened"));
        }
    }

    #[tokio::test]
    async fn x92_a_line_is_read_and_nothing_beyond_it() {
        let said = b"220 ready\r\n250 taken for later\r\nrest".as_slice();
        let mut lines = Lines::of(said, PEER);
        let mut whole = Vec::new();
        for line in ["220 ready\r\n", "250 taken for later\r\n", "rest", ""] {
            let mut buffer = [0; 100];
            let read = lines.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..read], line.as_bytes());
            whole.extend_from_slice(&buffer[..read]);
        }
        assert_eq!(whole, said);
    }

    #[tokio::test]
    async fn a_server_that_says_too_much_is_not_listened_to() {
        for len in [MAX_SAID, MAX_SAID + 1] {
            let said = vec![b'x'; len];
            let read = Lines::of(said.as_slice(), PEER).read_to_end(&mut Vec::new()).await;
            assert_eq!(read.is_ok(), len == MAX_SAID);
        }
    }
}
