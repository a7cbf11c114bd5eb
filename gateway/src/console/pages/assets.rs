//! What is the same for everybody: style, scripts, the clinic's CA certificate.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Failure;
use crate::console::Console;
use crate::keyfile;

/// Part of the program: nothing is read from the disk.
const FILES: &[(&str, &str, &str)] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("../../../static/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../../../static/console.js")),
    ("passkey.js", "text/javascript; charset=utf-8", include_str!("../../../static/passkey.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../../static/icon.svg")),
    ("htmx.min.js", "text/javascript; charset=utf-8", include_str!("../../../static/htmx.min.js")),
];

pub(super) async fn get(Path(name): Path<String>) -> Result<Response, Failure> {
    let (_, kind, content) = FILES.iter().find(|(file, ..)| *file == name).ok_or(Failure::NotFound)?;
    let mut answer = content.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Asked for again each time: an update must not wait for a browser.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}

/// The clinic's CA, for the system's store of whoever uses this console.
pub(super) async fn authority(State(console): State<Console>) -> Response {
    let pem = keyfile::certificate_pem(console.desk.clinic().ca.certificate());
    let mut answer = pem.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert"));
    let name = HeaderValue::from_static("attachment; filename=\"safelight-ca.crt\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    answer
}
