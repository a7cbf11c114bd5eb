//! Whoever alerts are sent to: a webhook's receiver, which fails at first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

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
    fn start(serve: impl Fn(TcpStream, usize) -> Option<T> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let got: Arc<Mutex<Vec<T>>> = Arc::default();
        let keeps = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
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
        let status = if before < failures { "503 Service Unavailable" } else { "204 No Content" };
        write!(reader.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\n\r\n")
            .ok()?;
        Some(Posted { body, ..posted })
    })
}
