//! Just enough DER to write certificates and requests that are right, and others that are wrong in one place.

use crate::device_key::{DeviceKey, SoftwareDeviceKey, SoftwareKey};
use getrandom::SysRng;

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
pub(crate) const EC_PUBLIC_KEY: &str = "2a8648ce3d0201";
pub(crate) const P256: &str = "2a8648ce3d030107";
pub(crate) const P384: &str = "2b81040022";
pub(crate) const ECDSA_SHA256: &str = "2a8648ce3d040302";

pub(crate) fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let len = u32::try_from(content.len()).unwrap().to_be_bytes();
            let skip = len.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 + u8::try_from(4 - skip).unwrap());
            out.extend(&len[skip..]);
        }
    }
    out.extend(content);
    out
}

pub(crate) fn oid(hex: &str) -> Vec<u8> {
    tlv(6, &[data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()])
}

pub(crate) fn spki(algorithm: &str, curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = tlv(SEQUENCE, &[oid(algorithm), oid(curve)]);
    tlv(SEQUENCE, &[algorithm, tlv(3, &[vec![0], point.to_vec()])])
}

/// A distinguished name of one common name.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let attribute = tlv(SEQUENCE, &[oid("550403"), tlv(0x0c, &[text.as_bytes().to_vec()])]);
    tlv(SEQUENCE, &[tlv(SET, &[attribute])])
}

/// `info`, signed: the shape that certificates and requests share.
pub(crate) fn signed(info: Vec<u8>, key: &SoftwareKey) -> Vec<u8> {
    let signature = SoftwareDeviceKey::new(key.clone(), SysRng).sign(&info).unwrap();
    tlv(SEQUENCE, &[info, tlv(SEQUENCE, &[oid(ECDSA_SHA256)]), tlv(3, &[vec![0], signature])])
}

/// A certificate for `spki` by `key`, a CA or not.
pub(crate) fn certificate(spki: Vec<u8>, is_ca: bool, key: &SoftwareKey) -> Vec<u8> {
    let yes = tlv(1, &[vec![0xff]]);
    let basic = if is_ca { tlv(SEQUENCE, std::slice::from_ref(&yes)) } else { tlv(SEQUENCE, &[]) };
    let extension = tlv(SEQUENCE, &[oid("551d13"), yes, tlv(4, &[basic])]);
    let validity = [b"260101000000Z", b"360101000000Z"].map(|time| tlv(0x17, &[time.to_vec()]));
    let info = tlv(
        SEQUENCE,
        &[
            tlv(0xa0, &[tlv(2, &[vec![2]])]),
            tlv(2, &[vec![1]]),
            tlv(SEQUENCE, &[oid(ECDSA_SHA256)]),
            name("Test CA"),
            tlv(SEQUENCE, &validity),
            name("Test CA"),
            spki,
            tlv(0xa3, &[tlv(SEQUENCE, &[extension])]),
        ],
    );
    signed(info, key)
}

/// A self-signed CA certificate.
pub(crate) fn ca_certificate(key: &SoftwareKey) -> Vec<u8> {
    certificate(spki(EC_PUBLIC_KEY, P256, &key.verifying().to_sec1()), true, key)
}

/// A certification request with the given attributes (each a whole DER object).
pub(crate) fn request(spki: Vec<u8>, attributes: &[Vec<u8>], key: &SoftwareKey) -> Vec<u8> {
    let info = [tlv(2, &[vec![0]]), name("device"), spki, tlv(0xa0, attributes)];
    signed(tlv(SEQUENCE, &info), key)
}

/// A request as a phone would make it.
pub(crate) fn device_request(key: &SoftwareKey) -> Vec<u8> {
    request(spki(EC_PUBLIC_KEY, P256, &key.verifying().to_sec1()), &[], key)
}
