//! Whoever alerts are sent to, and the certificates that they show: a webhook's receiver, which fails at first. The mail server is in `mailbox`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Whoever does not go on is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A CA with a certificate for this machine.
pub(crate) struct Authority {
    pem: String,
    tls: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let [ca, own] = [(); 2].map(|()| KeyPair::generate().expect("a key"));
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = authority.self_signed(&ca).expect("a CA").pem();
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = server.signed_by(&own, &Issuer::new(authority, ca)).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
        let tls = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).expect("TLS");
        Self { pem, tls: Arc::new(tls) }
    }

    /// A file with the CA's certificate, for `ca_file`.
    pub(crate) fn file(&self, path: &Path) -> String {
        std::fs::write(path, &self.pem).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    /// The server's side of TLS; nothing if the client does not trust it.
    pub(crate) fn accept<S: Read + Write>(&self, mut stream: S) -> Option<StreamOwned<ServerConnection, S>> {
        let mut tls = ServerConnection::new(self.tls.clone()).expect("TLS");
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).ok()?;
        }
        Some(StreamOwned::new(tls, stream))
    }
}

/// What one request had.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Posted {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A receiver on this machine.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<T>>>,
}

impl<T: Clone + Send + 'static> Receiver<T> {
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) -> Option<T> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let got: Arc<Mutex<Vec<T>>> = Arc::default();
        let keeps = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
                let before = keeps.lock().expect("what came").len();
                if let Some(one) = serve(stream, before) {
                    keeps.lock().expect("what came").push(one);
                }
            }
        });
        Self { address, got }
    }

    /// Everything until now.
    pub(crate) fn got(&self) -> Vec<T> {
        self.got.lock().expect("what came").clone()
    }
}

/// Answers the first `failures` requests with 503 and the others with 204.
pub(crate) fn webhook(failures: usize) -> Receiver<Posted> {
    Receiver::start(move |stream, before| {
        let status = if before < failures { "503 Service Unavailable" } else { "204 No Content" };
        posted(stream, status)
    })
}

/// The same over TLS, and it does not fail.
pub(crate) fn webhook_over_tls(authority: Authority) -> Receiver<Posted> {
    Receiver::start(move |stream, _| posted(authority.accept(stream)?, "204 No Content"))
}

fn posted<S: Read + Write>(stream: S, status: &str) -> Option<Posted> {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(line.starts_with("POST /alerts?of=clinic HTTP/1.1"), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let posted = Posted { headers, body: Vec::new() };
    let len = posted.header("content-length").parse().ok()?;
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    write!(reader.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\n\r\n").ok()?;
    reader.get_mut().flush().ok()?;
    Some(Posted { body, ..posted })
}
