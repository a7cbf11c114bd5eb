//! How a browser comes to trust this console: the clinic's CA, and where it is put.
//!
//! **Attackers.** Whoever stands between a browser and the gateway, and shows a CA of their own on a page like this one: so the page says to compare its
//! fingerprint with what the gateway's terminal printed, which they cannot change. Nothing here is a secret.

use askama::Template;
use axum::extract::State;

use super::{Page, html};
use crate::console::{Console, text};
use crate::keyfile;

#[derive(Template)]
#[template(path = "trust.html")]
struct Trust<'a> {
    clinic: &'a str,
    /// The console shows a certificate that the clinic brought: then there is nothing to do here.
    own: bool,
    fingerprint: String,
    systems: &'static [(&'static str, &'static str)],
}

pub(super) async fn page(State(console): State<Console>) -> Page {
    let inner = &console.inner;
    html(&Trust {
        clinic: &inner.clinic_name,
        own: inner.own_certificate.is_some(),
        fingerprint: keyfile::fingerprint(console.desk.clinic().ca.certificate()),
        systems: text::TRUST_SYSTEMS,
    })
}
