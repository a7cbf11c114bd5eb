//! Android key attestations: real ones of two phones, and made ones of which each part is wrong once. The ids are those of the abuse catalogue.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

mod made;

use data_encoding::HEXLOWER;
use safelight_core::device_key::PublicKey;
use safelight_core::ids::UnixMillis;
use safelight_gateway::enrol::attestation::{Expected, Level, Roots, Unproved, judge};

/// The test vectors of py_webauthn 3.0.1 (BSD-3-Clause) for the format `android-key`, `tests/test_verify_registration_response_android_key.py`:
/// the certificates, the challenge (SHA-256 of the client data), and when it was made.
struct Real {
    chain: &'static [u8],
    key: &'static str,
    challenge: &'static str,
    made: UnixMillis,
}

/// A Pixel 8a, 2025-01-08, under Google's RSA root.
const PIXEL_8A: Real = Real {
    chain: include_bytes!("pixel-8a-2025.der"),
    key: "04d7562dfe9feac1b2b3f70383e3f4ff1ee8f361dde35d0b7f0f685882672316754540e8f6c4ebdf393d25030dc9e4dca9e7a7273ae89fc714ebbf81ebaa896b40",
    challenge: "5652e2dc45549a96f96afa225502f87fadc08a60bc021392c0be8c5062fd5f5e",
    made: UnixMillis(1_736_294_400_000),
};

/// A Pixel, 2026-04-26, under Google's P-384 root.
const PIXEL_2026: Real = Real {
    chain: include_bytes!("pixel-2026.der"),
    key: "045d07ae02c452b6039ef698a4d146291abd90cb2a7810aa6f34155a6ac39fbc928af0b70d90ab090fcff5e3f43732e130677b1de812a889f74aeba07761a89477",
    challenge: "6bcdee0056cf759c60c3c5dd216e3eb46ee47f251e2174240c6c7c6179d64968",
    made: UnixMillis(1_777_161_600_000),
};

impl Real {
    fn judged(&self, chain: &[u8], now: UnixMillis) -> Result<Level, Unproved> {
        let challenge = HEXLOWER.decode(self.challenge.as_bytes()).expect("hex");
        let key = PublicKey::from_sec1(&HEXLOWER.decode(self.key.as_bytes()).expect("hex")).expect("a key");
        judge(chain, &Expected { challenge: &challenge, key: &key, now }, &Roots::google())
    }

    /// Where each certificate begins, and the end.
    fn certificates(&self) -> Vec<&'static [u8]> {
        let mut rest = self.chain;
        let mut certificates = Vec::new();
        while let [0x30, 0x82, high, low, ..] = rest {
            let (certificate, behind) = rest.split_at(4 + usize::from(u16::from_be_bytes([*high, *low])));
            certificates.push(certificate);
            rest = behind;
        }
        certificates
    }
}

#[test]
fn real_phones_are_attested_by_google_s_roots() {
    for real in [PIXEL_8A, PIXEL_2026] {
        assert_eq!(real.judged(real.chain, real.made), Ok(Level::TrustedEnvironment));
        // The root need not be sent.
        let certificates = real.certificates();
        assert_eq!(certificates.len(), 5);
        assert_eq!(real.judged(&certificates[..4].concat(), real.made), Ok(Level::TrustedEnvironment));
    }
}

#[test]
fn a_real_chain_that_the_phone_fetched_holds_for_weeks() {
    const WEEK: u64 = 7 * 24 * 60 * 60 * 1000;
    for real in [PIXEL_8A, PIXEL_2026] {
        let judged_at = |millis| real.judged(real.chain, UnixMillis(millis));
        assert_eq!(judged_at(real.made.0 + 5 * WEEK), Err(Unproved::OutOfTime));
        assert_eq!(judged_at(real.made.0 - 20 * WEEK), Err(Unproved::OutOfTime));
        assert_eq!(judged_at(u64::MAX), Err(Unproved::OutOfTime));
    }
}

#[test]
fn x84_no_byte_of_a_real_chain_can_be_another() {
    let real = PIXEL_2026;
    let end = real.certificates()[..4].concat().len();
    // Every bit would be eight times as long for the same answer.
    for at in 0..end {
        let mut altered = real.chain[..end].to_vec();
        altered[at] ^= 1 << (at % 8);
        assert!(real.judged(&altered, real.made).is_err(), "byte {at}");
    }
}

#[test]
fn x84_a_real_chain_is_taken_whole_and_in_order() {
    let real = PIXEL_8A;
    let [leaf, hardware, server, intermediate, root] = real.certificates()[..] else { panic!("five certificates") };
    let judged = |chain: &[&[u8]]| real.judged(&chain.concat(), real.made);
    for (chain, reason) in [
        (&[leaf][..], Unproved::UnknownRoot),
        (&[leaf, root], Unproved::UnknownRoot),
        (&[leaf, server, intermediate, root], Unproved::BrokenChain),
        (&[leaf, server, hardware, intermediate, root], Unproved::BrokenChain),
        (&[hardware, server, intermediate, root], Unproved::OtherKey),
        (&[root, intermediate, server, hardware, leaf], Unproved::BrokenChain),
        (&[leaf, hardware, server, intermediate, root, root], Unproved::BrokenChain),
        (&[leaf, hardware, server, intermediate, root, root, root], Unproved::ChainTooLong),
        (&[leaf, hardware, server, intermediate, root, &[0]], Unproved::Malformed),
        (&[root], Unproved::NoDescription),
    ] {
        assert_eq!(judged(chain), Err(reason), "{} certificates", chain.len());
    }
    let ends: Vec<usize> = (1..=4).map(|count| real.certificates()[..count].concat().len()).collect();
    for at in 0..real.chain.len() {
        // Only without its root does it still lead to it.
        let expected = match ends.iter().position(|end| *end == at) {
            None => Err(Unproved::Malformed),
            Some(3) => Ok(Level::TrustedEnvironment),
            Some(_) => Err(Unproved::UnknownRoot),
        };
        assert_eq!(judged(&[&real.chain[..at]]), expected, "cut at {at}");
    }
}
