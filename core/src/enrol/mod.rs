//! How a phone joins: the messages of the enrolment listener, the words that two people compare, and the one
//! thing that is taken from a certificate request.
//!
//! ```text
//! phone                                   clinic (through ingest, which only relays and is not trusted)
//!   Begin   token, CSR, commitment   ->
//!                                    <-   Offer   enrolment id, commitment
//!   Reveal  the phone's nonce        ->
//!                                    <-   Reveal  the clinic's nonce
//!            both show the words; an admin compares and approves
//!                                    <-   Issued  certificate, CA, key set   |   Refused  code
//! ```
//!
//! Each side commits to its nonce before it has seen the other's, so neither, nor anyone between them, can
//! search for a nonce that makes the words come out alike: a go-between gets one guess in 2^32.

pub mod csr;
pub mod messages;
pub mod words;

pub use csr::CertificateRequest;
pub use messages::{Begin, EnrolmentError, Issued, Offer, Outcome, Refusal, Reveal};
pub use words::{Words, WordsInput};

#[cfg(test)]
pub(crate) mod der_for_tests;
