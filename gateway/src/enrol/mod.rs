//! How a device joins the clinic, on the clinic's side.
//!
//! | file | what |
//! |---|---|
//! | [`attestation`] | whether a phone's key lies in secure hardware |
//! | [`ca`] | the certificate authority: made once, kept in two files, checked when loaded |
//! | [`issue`] | certificates for devices and for ingest, from our own templates |
//! | [`qr`] | the invitation as a picture, and back |

pub mod attestation;
pub mod ca;
pub mod issue;
pub mod qr;
