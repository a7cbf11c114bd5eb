//! How a phone joins: the QR code's text, the certificate request, the messages of enrolment. And what a picture is of: the label.

use data_encoding::BASE32_NOPAD;
use safelight_core::enrol::csr::CertificateRequest;
use safelight_core::enrol::messages::{Begin, Offer, Outcome, Reveal};
use safelight_core::invitation::{Invitation, MAX_INVITATION_LEN, PREFIX};
use safelight_core::label::{Label, MAX_LABEL_LEN, RecordNumberRules};

use super::clinic::keys;

/// Bytes as the text of a QR code, and as what such a text carries.
pub fn invitation_text(bytes: &[u8]) {
    let carried = format!("{PREFIX}{}", BASE32_NOPAD.encode(bytes));
    for text in [std::str::from_utf8(bytes).unwrap_or_default(), &carried] {
        let Ok(invitation) = Invitation::parse(text) else { continue };
        assert!(text.len() <= MAX_INVITATION_LEN);
        let again = invitation.to_qr_text().expect("what was read can be written");
        assert_eq!(*again, text, "a second spelling of an invitation");
    }
}

/// Bytes as a certificate request, and as what a holder of the phone's key has signed.
pub fn csr_der(bytes: &[u8]) {
    let key = &keys().device;
    let signed = {
        let signature = p256_der(&key.sign_es256(bytes).0);
        let algorithm = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        tlv(0x30, &[bytes, &algorithm, &tlv(0x03, &[&[0], &signature])])
    };
    for der in [bytes, &signed] {
        if let Ok(request) = CertificateRequest::parse(der) {
            assert_eq!(request.public_key(), &key.verifying(), "a key whose holder has not signed");
        }
    }
}

/// Bytes as each message of enrolment.
pub fn enrol_messages(bytes: &[u8]) {
    let mut kinds = 0;
    let mut read = |again: Option<Vec<u8>>| {
        if let Some(again) = again {
            assert_eq!(again, bytes, "a second spelling of a message");
            kinds += 1;
        }
    };
    read(Begin::parse(bytes).ok().map(|message| message.to_bytes().to_vec()));
    read(Offer::parse(bytes).ok().map(|message| message.to_bytes()));
    read(Reveal::parse(bytes).ok().map(|message| message.to_bytes()));
    read(Outcome::parse(bytes).ok().map(|message| message.to_bytes()));
    assert!(kinds <= 1, "one message is read as two kinds");
    if let Ok(begin) = Begin::parse(bytes) {
        let refused = begin.check(&Reveal { nonce: [0; 32] }).is_err();
        assert!(refused, "a nonce that was not committed to");
    }
}

/// Bytes as the JSON of a label. JSON has many spellings; what is read is written in one, and that reads back.
pub fn label_json(bytes: &[u8]) {
    let Ok(label) = Label::from_json_bytes(bytes) else { return };
    assert!(bytes.len() <= MAX_LABEL_LEN);
    // What is written is the shortest spelling: it fits wherever another did.
    let again = label.to_json_bytes().expect("what was read can be written");
    assert_eq!(Label::from_json_bytes(&again).as_ref(), Ok(&label));
    for bits in 0..8u8 {
        let rules = RecordNumberRules {
            fold_case: bits & 1 != 0,
            strip_spaces: bits & 2 != 0,
            strip_leading_zeros: bits & 4 != 0,
        };
        let number = label.normalised_record_number(&rules);
        assert!(!number.is_empty(), "an empty record number");
    }
}

/// r and s as ASN.1 has them (RFC 3279 section 2.2.3).
pub(super) fn p256_der(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let digits = bytes.get(from..).unwrap_or_default();
        let sign: &[u8] = if digits.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
        tlv(0x02, &[sign, digits])
    };
    let (r, s) = signature.split_at(32);
    tlv(0x30, &[&integer(r), &integer(s)])
}

/// Tag, length, value (X.690 section 8.1).
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(value.len()) {
        Ok(len) if len < 0x80 => out.push(len),
        Ok(len) => out.extend([0x81, len]),
        Err(_) => {
            let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
            out.push(0x82);
            out.extend(len.to_be_bytes());
        }
    }
    out.extend(value);
    out
}
