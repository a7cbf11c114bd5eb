//! What holds for every request and every answer, whatever page it is of.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Console, pages};

/// Scripts, styles and pictures of this console alone, no script in a page, nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), interest-cohort=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Host names of this console as `Host` may have them: with the port, and without it where it is that of HTTPS.
pub(super) fn names(hosts: &[String], port: u16) -> Vec<String> {
    let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut names = Vec::new();
    for host in hosts.iter().chain(&own) {
        let host = host.to_lowercase();
        let host = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host };
        names.push(format!("{host}:{port}"));
        if port == 443 {
            names.push(host);
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The hosts of [`names`], for a certificate.
pub(super) fn certified(names: &[String]) -> Vec<String> {
    let host = |name: &String| {
        let host = name
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(name.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    };
    let mut hosts: Vec<_> = names.iter().map(host).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Looks at a request before any handler does, and dresses the answer.
pub(super) async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let answer = match refused(&console.inner.names, request.method(), request.headers()) {
        Some(status) => pages::refused(request.method(), status),
        None => next.run(request).await,
    };
    dressed(answer)
}

/// A name that is not this console's is somebody else's page that was pointed here; a request that changes something must come from a page of this
/// console, which every browser of today says.
fn refused(names: &[String], method: &Method, headers: &HeaderMap) -> Option<StatusCode> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST).map(str::to_lowercase).filter(|host| names.contains(host)) else {
        return Some(StatusCode::MISDIRECTED_REQUEST);
    };
    match *method {
        Method::GET | Method::HEAD => None,
        Method::POST => {
            let origin = text(header::ORIGIN).map(str::to_lowercase);
            let is_own = origin.as_deref() == Some(format!("https://{host}").as_str());
            // A page that tells nobody where it is sends no origin with its own forms either (Fetch, "append a request `Origin` header"); every
            // browser that does so says what site it is, which no page can forge.
            let is_hidden = origin.as_deref().is_none_or(|origin| origin == "null");
            let allowed = match text(HeaderName::from_static("sec-fetch-site")) {
                Some(site) => site == "same-origin" && (is_own || is_hidden),
                None => is_own,
            };
            (!allowed).then_some(StatusCode::FORBIDDEN)
        }
        _ => Some(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn dressed(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is this console's own and no secret says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store, private"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn c16_a_host_that_is_not_this_console_is_refused() {
        let names = names(&["Clinic.example".to_owned(), "2001:db8::7".to_owned()], 8443);
        for host in ["clinic.example:8443", "CLINIC.example:8443", "localhost:8443", "[2001:db8::7]:8443"] {
            assert_eq!(refused(&names, &Method::GET, &headers(&[("host", host)])), None, "{host}");
        }
        for host in
            ["evil.example", "clinic.example", "clinic.example:443", "clinic.example:8443.evil", "", "localhost"]
        {
            let status = refused(&names, &Method::GET, &headers(&[("host", host)]));
            assert_eq!(status, Some(StatusCode::MISDIRECTED_REQUEST), "{host}");
        }
        assert_eq!(refused(&names, &Method::GET, &HeaderMap::new()), Some(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(certified(&names), ["127.0.0.1", "2001:db8::7", "::1", "clinic.example", "localhost"]);
    }

    #[test]
    fn c02_what_changes_something_must_come_from_a_page_of_this_console() {
        let names = names(&["clinic.example".to_owned()], 8443);
        let host = ("host", "clinic.example:8443");
        let own = ("origin", "https://clinic.example:8443");
        let status = |more: &[(&'static str, &str)]| {
            let pairs: Vec<_> = std::iter::once(host).chain(more.iter().copied()).collect();
            refused(&names, &Method::POST, &headers(&pairs))
        };
        assert_eq!(status(&[own]), None);
        assert_eq!(status(&[own, ("sec-fetch-site", "same-origin")]), None);
        assert_eq!(status(&[("origin", "null"), ("sec-fetch-site", "same-origin")]), None, "as browsers send it");
        let forbidden = Some(StatusCode::FORBIDDEN);
        assert_eq!(status(&[("origin", "null"), ("sec-fetch-site", "cross-site")]), forbidden);
        assert_eq!(status(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")]), forbidden);
        assert_eq!(status(&[]), forbidden);
        for origin in [
            "null",
            "https://evil.example",
            "http://clinic.example:8443",
            "https://clinic.example",
            "https://localhost:8443",
        ] {
            assert_eq!(status(&[("origin", origin)]), forbidden, "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(status(&[own, ("sec-fetch-site", site)]), forbidden, "{site}");
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            assert_eq!(refused(&names, &method, &headers(&[host, own])), Some(StatusCode::METHOD_NOT_ALLOWED));
        }
    }
}
