//! The invitation: what the QR code on the clinic's screen tells a phone that is to join.
//!
//! It carries where to connect, the digest of the CA certificate that must be found there, and a one-time token.
//! No private key: that is born on the phone. The text is `SAFELIGHT1:` and the base32 (RFC 4648, upper case, no
//! padding) of deterministic CBOR, so that a QR code can use its compact alphanumeric mode.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cbor::{CborError, Fields, MapWriter, Value};
use crate::ids::{ClinicId, InvitationId, UnixMillis};

/// What the text begins with.
pub const PREFIX: &str = "SAFELIGHT1:";
/// The longest text in bytes.
pub const MAX_INVITATION_LEN: usize = 1024;
/// The most addresses in an invitation or a key set.
pub const MAX_ADDRESSES: usize = 8;
/// The longest address in bytes: a DNS name, a colon and a port.
pub const MAX_ADDRESS_LEN: usize = 253 + 1 + 5;

const VERSION: u64 = 1;

/// Why an invitation was not made or not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not an invitation at all.
    #[error("this is not a Safelight invitation: scan the code on the clinic's screen")]
    NotAnInvitation,
    /// Longer than an invitation may be.
    #[error("the invitation is too long: list fewer addresses")]
    TooLong,
    /// A version that this program does not know.
    #[error("the invitation has version {0}, which this program does not know: update it")]
    Version(u64),
    /// An invitation, but damaged.
    #[error("the invitation is damaged: ask for a new one ({0})")]
    Malformed(#[from] CborError),
}

/// The source of randomness failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed: restart, and replace the machine if it happens again")]
pub struct NoRandomness;

/// A one-time secret of 128 bits. Whoever shows it may ask to be enrolled, once; an admin still has to approve.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; 16]);

impl Token {
    /// A fresh token.
    pub fn generate<R: TryCryptoRng>(rng: &mut R) -> Result<Self, NoRandomness> {
        let mut token = Self([0; 16]);
        rng.try_fill_bytes(&mut token.0).map_err(|_| NoRandomness)?;
        Ok(token)
    }

    /// From its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes. They are the secret.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// What the gateway stores and compares instead: SHA-256 under a label of its own. A token has 128 random
    /// bits, so no slow hash is needed.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"safelight/invitation-token/1").chain_update(self.0).finalize().into()
    }

    /// The challenge that a phone's keystore attests a fresh key with, 32 bytes: SHA-256 under a label of its own. It ties the attestation to
    /// this one invitation, which the gateway sees in the token alone; it tells neither the token nor what the gateway stores.
    #[must_use]
    pub fn attestation_challenge(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"safelight/attestation-challenge/1").chain_update(self.0).finalize().into()
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// What a phone needs to know to ask for enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The clinic, whose fixed name the gateway's certificate must carry.
    pub clinic_id: ClinicId,
    /// Which invitation this is; not a secret.
    pub invitation_id: InvitationId,
    /// Where the enrolment listener may be, `host:port`, to be tried in this order.
    pub addresses: Vec<String>,
    /// SHA-256 of the CA certificate's DER. The phone checks it before it shows the token.
    pub ca_sha256: [u8; 32],
    /// The right to ask.
    pub token: Token,
    /// Until when.
    pub expires_at: UnixMillis,
}

impl Invitation {
    /// The text for the QR code. It holds the token.
    pub fn to_qr_text(&self) -> Result<Zeroizing<String>, InvitationError> {
        let bytes = MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, self.clinic_id.as_bytes())
            .bytes(3, self.invitation_id.as_bytes())
            .array(4, self.addresses.iter().map(|address| Value::Text(address.clone())))
            .bytes(5, &self.ca_sha256)
            .bytes(6, self.token.expose_bytes())
            .millis(7, self.expires_at)
            .to_secret_bytes();
        Self::from_payload(&bytes)?;
        let encoded = BASE32_NOPAD.encode_len(bytes.len());
        if PREFIX.len() + encoded > MAX_INVITATION_LEN {
            return Err(InvitationError::TooLong);
        }
        // The right size from the beginning, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + encoded));
        text.push_str(PREFIX);
        BASE32_NOPAD.encode_append(&bytes, &mut text);
        Ok(text)
    }

    /// Reads the text of a QR code.
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        if text.len() > MAX_INVITATION_LEN {
            return Err(InvitationError::TooLong);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(InvitationError::NotAnInvitation)?;
        let bytes = BASE32_NOPAD.decode(encoded.as_bytes()).map_err(|_| CborError::Malformed)?;
        Self::from_payload(&Zeroizing::new(bytes))
    }

    /// The challenge to attest a fresh key with, 32 bytes: [`Token::attestation_challenge`].
    #[must_use]
    pub fn attestation_challenge(&self) -> [u8; 32] {
        self.token.attestation_challenge()
    }

    /// Whether it is too late to use it.
    #[must_use]
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        now >= self.expires_at
    }

    fn from_payload(bytes: &[u8]) -> Result<Self, InvitationError> {
        let mut fields = Fields::decode(bytes, MAX_INVITATION_LEN)?;
        let version = fields.take(1)?.uint()?;
        if version != VERSION {
            return Err(InvitationError::Version(version));
        }
        let invitation = Self {
            clinic_id: ClinicId::from_bytes(fields.take(2)?.bytes16()?),
            invitation_id: InvitationId::from_bytes(fields.take(3)?.bytes16()?),
            addresses: read_addresses(fields.take(4)?)?,
            ca_sha256: fields.take(5)?.bytes32()?,
            token: Token::from_bytes(fields.take(6)?.bytes16()?),
            expires_at: fields.take(7)?.millis()?,
        };
        fields.finish()?;
        Ok(invitation)
    }
}

/// Splits `host:port`. The host is a DNS name, an IPv4 address, or an IPv6 address in brackets, which are taken
/// off; the port is not 0. Anything else is `None`.
#[must_use]
pub fn split_address(address: &str) -> Option<(&str, u16)> {
    if address.len() > MAX_ADDRESS_LEN {
        return None;
    }
    let (host, port) = address.rsplit_once(':')?;
    if port.starts_with(['0', '+']) {
        return None;
    }
    let port = port.parse().ok()?;
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        return inner.parse::<core::net::Ipv6Addr>().is_ok().then_some((inner, port));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label).then_some((host, port))
}

/// A list of 1 to [`MAX_ADDRESSES`] addresses.
pub(crate) fn read_addresses(item: crate::cbor::Item) -> Result<Vec<String>, CborError> {
    item.array(1..=MAX_ADDRESSES)?
        .into_iter()
        .map(|item| {
            let wrong = item.wrong();
            let address = item.text(1..=MAX_ADDRESS_LEN)?;
            if split_address(&address).is_some() { Ok(address) } else { Err(wrong) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;
    use proptest::prelude::*;

    fn example() -> Invitation {
        Invitation {
            clinic_id: ClinicId::from_bytes([1; 16]),
            invitation_id: InvitationId::from_bytes([2; 16]),
            addresses: vec!["192.0.2.7:4433".into(), "[2001:db8::7]:4433".into(), "gw.example:4433".into()],
            ca_sha256: [3; 32],
            token: Token::from_bytes([0xa5; 16]),
            expires_at: UnixMillis(1_700_000_000_000),
        }
    }

    #[test]
    fn the_text_reads_back_and_suits_a_qr_code() {
        let text = example().to_qr_text().unwrap();
        assert_eq!(Invitation::parse(&text), Ok(example()));
        // QR alphanumeric mode: 0-9 A-Z and nine signs, the colon among them.
        assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b':'));
        assert!(text.len() < 300, "{}", text.len());
    }

    #[test]
    fn neither_debug_output_nor_errors_show_the_token() {
        let shown = format!("{:?} {:#?}", example(), example());
        assert!(shown.contains("Token(hidden)"));
        for secret in ["a5a5", "A5A5", "165, 165", "165,\n"] {
            assert!(!shown.contains(secret), "{secret}");
        }
    }

    #[test]
    fn a_token_is_random_and_its_hash_is_its_own() {
        let (a, b) = (Token::generate(&mut SysRng).unwrap(), Token::generate(&mut SysRng).unwrap());
        assert_ne!(a, b);
        assert_ne!(a.hash(), b.hash());
        assert_ne!(a.hash(), <[u8; 32]>::from(Sha256::digest(a.expose_bytes())));
        assert_eq!(a.hash(), Token::from_bytes(*a.expose_bytes()).hash());
    }

    /// The value is that of `(printf 'safelight/attestation-challenge/1'; head -c 16 /dev/zero | tr '\\0' '\\245') | sha256sum`.
    #[test]
    fn the_attestation_challenge_is_of_the_token_alone_and_says_nothing_of_it() {
        let invitation = example();
        let challenge = invitation.attestation_challenge();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&challenge),
            "e52295a4d36e5c764525d7eb1c3b92c8a2d217ee0bc6c137dc938dc7e69f14a5"
        );
        let elsewhere = Invitation { addresses: vec!["gw.example:1".into()], ..example() };
        assert_eq!(elsewhere.attestation_challenge(), challenge);
        assert_ne!(challenge, invitation.token.hash());
        assert_ne!(challenge, Token::from_bytes([0xa4; 16]).attestation_challenge());
    }

    #[test]
    fn it_expires_at_its_time() {
        assert!(!example().is_expired(UnixMillis(1_699_999_999_999)));
        assert!(example().is_expired(UnixMillis(1_700_000_000_000)));
    }

    #[test]
    fn every_cut_is_noticed_and_another_spelling_refused() {
        let text = example().to_qr_text().unwrap();
        for at in 0..text.len() {
            assert!(Invitation::parse(&text[..at]).is_err(), "cut at {at}");
        }
        let body = text.strip_prefix(PREFIX).unwrap();
        for other in [
            text.to_lowercase(),
            format!("{}=", *text),
            format!(" {}", *text),
            format!("{}\n", *text),
            format!("SAFELIGHT2:{body}"),
            format!("HTTPS://EXAMPLE/{body}"),
            body.to_owned(),
            format!("{PREFIX}{}", "A".repeat(MAX_INVITATION_LEN)),
        ] {
            assert!(Invitation::parse(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_not_made() {
        let with = |addresses: Vec<String>| Invitation { addresses, ..example() }.to_qr_text();
        let field = Err(InvitationError::Malformed(CborError::Field { key: 4 }));
        assert_eq!(with(vec![]).map(drop), field);
        assert_eq!(with(vec!["gw.example".into()]).map(drop), field);
        assert_eq!(with(vec!["a:1".into(); MAX_ADDRESSES + 1]).map(drop), field);
        let long = format!("{}:4433", ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join("."));
        assert_eq!(with(vec![long; 4]).map(drop), Err(InvitationError::TooLong));
    }

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (address, expected) in [
            ("192.0.2.7:4433", Some(("192.0.2.7", 4433))),
            ("[2001:db8::7]:1", Some(("2001:db8::7", 1))),
            ("gw-1.example:65535", Some(("gw-1.example", 65535))),
            ("gw.example", None),
            ("gw.example:", None),
            ("gw.example:0", None),
            ("gw.example:080", None),
            ("gw.example:+80", None),
            ("gw.example:65536", None),
            (":80", None),
            ("a..b:80", None),
            ("a b:80", None),
            ("2001:db8::7:80", None),
            ("[gw.example]:80", None),
            ("user@gw.example:80", None),
            ("gw.example/x:80", None),
            ("ä.example:80", None),
        ] {
            assert_eq!(split_address(address), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(SAFELIGHT1:)?[A-Z2-7]{0,200}") {
            let _ = Invitation::parse(&text);
        }

        #[test]
        fn any_invitation_reads_back(
            ids in any::<[[u8; 16]; 3]>(),
            ca_sha256 in any::<[u8; 32]>(),
            expires in 0..=crate::cbor::MAX_UINT,
            ports in proptest::collection::vec(1u16.., 1..=8),
        ) {
            let invitation = Invitation {
                clinic_id: ClinicId::from_bytes(ids[0]),
                invitation_id: InvitationId::from_bytes(ids[1]),
                addresses: ports.iter().map(|port| format!("gw{port}.example:{port}")).collect(),
                ca_sha256,
                token: Token::from_bytes(ids[2]),
                expires_at: UnixMillis(expires),
            };
            prop_assert_eq!(Invitation::parse(&invitation.to_qr_text().unwrap()), Ok(invitation));
        }
    }
}
