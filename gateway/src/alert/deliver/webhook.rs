//! Posting an alert, signed as Standard Webhooks 1.0.0 says (<https://www.standardwebhooks.com>): HMAC-SHA-256 over `id.timestamp.body`.
//!
//! Attacker: somebody who can post to the receiver, and has seen a message. They cannot sign another, and an old one is known by its time and its id. A
//! receiver that has been taken over: of its answer the status alone is read, it is followed nowhere, and the head of it may be so long.

use axum::http::uri::Scheme;
use axum::http::{Request, StatusCode, Uri, header};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use safelight_core::ids::UnixMillis;
use sha2::Sha256;
use tokio::net::TcpStream;

use super::{DeliverError, Message, secret, trust};
use crate::config::alert::WebhookConfig;
use crate::keyfile;

/// Bytes of an answer's head.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// Posts one.
pub(super) async fn post(webhook: &WebhookConfig, message: &Message, now: UnixMillis) -> Result<(), DeliverError> {
    let uri: Uri = webhook.url.parse().map_err(|_| DeliverError::Address)?;
    let key = keyfile::read_secret(&webhook.key_file)?;
    let request = request(&uri, secret(&key)?, message, now)?;
    let host = uri.host().ok_or(DeliverError::Address)?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let connector = if is_tls { Some(trust::connector(webhook.ca_file.as_deref())?) } else { None };
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(DeliverError::Unreachable)?;
    let status = match connector {
        Some(connector) => {
            let name = ServerName::try_from(host).map_err(|_| DeliverError::Address)?;
            talk(connector.connect(name, stream).await.map_err(trust::broken)?, request).await?
        }
        None => talk(stream, request).await?,
    };
    if status.is_success() { Ok(()) } else { Err(DeliverError::Status(status.as_u16())) }
}

fn request(uri: &Uri, key: &[u8], message: &Message, now: UnixMillis) -> Result<Request<Full<Bytes>>, DeliverError> {
    let body = serde_json::to_vec(message).map_err(|_| DeliverError::Address)?;
    let timestamp = (now.0 / 1000).to_string();
    let signature = signature(key, &message.id, &timestamp, &body)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Request::post(path)
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("safelight/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| DeliverError::Address)
}

/// A key that is written as the standard does (`whsec_` and base 64) is decoded; another is taken as it is.
fn signature(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Result<String, DeliverError> {
    let decoded = key.strip_prefix(b"whsec_").map(|text| BASE64.decode(text).map_err(|_| DeliverError::Secret));
    let decoded = decoded.transpose()?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(decoded.as_deref().unwrap_or(key)).map_err(|_| DeliverError::Secret)?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Ok(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, DeliverError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let connecting = http1::Builder::new().max_buf_size(MAX_HEAD_LEN).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.map_err(|_| DeliverError::NotHttp)?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    // The answer's body is not read: whoever would send one without end sends it to nobody.
    tokio::select! {
        biased;
        answer = &mut answer => answer.map(|answer| answer.status()).map_err(|_| DeliverError::NotHttp),
        _ = &mut connection => match answer.await {
            Ok(answer) => Ok(answer.status()),
            Err(_) => Err(DeliverError::NotHttp),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own reference libraries.
    #[test]
    fn a_signature_is_the_standard_s() {
        let signed = signature(
            b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(signature(b"whsec_%", "a", "1", b"").is_err());
    }
}
