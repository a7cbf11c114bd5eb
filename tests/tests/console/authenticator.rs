//! An authenticator as a browser shows it to a page (Web Authentication level 3), with everything that it signs open to change: what real ones refuse to do
//! is what is tried here. A real browser with its own authenticator walks the same way in tests/browser.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use safelight_tests::browser::Browser;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
const CREDENTIAL_DATA: u8 = 0x40;

/// One passkey, and how its authenticator behaves.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) credential: Vec<u8>,
    pub(crate) handle: String,
    pub(crate) counter: u32,
    pub(crate) site: String,
    pub(crate) origin: String,
    pub(crate) verifies: bool,
}

/// What a console asks at this address: the question's name, and the options.
pub(crate) fn asked(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> (String, Value) {
    let answer = browser.submit(path, form);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let question: Value = serde_json::from_slice(&answer.body).expect("a question");
    (question["question"].as_str().expect("its name").to_owned(), question["options"].clone())
}

impl Authenticator {
    /// For the console that this browser looks at, under the name that passkeys are for in tests.
    pub(crate) fn new(browser: &Browser, credential: u8) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let port = browser.place.rsplit_once(':').expect("a port").1;
        Self {
            key,
            credential: vec![credential; 32],
            handle: String::new(),
            counter: 1,
            site: "localhost".to_owned(),
            origin: format!("https://localhost:{port}"),
            verifies: true,
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data =
            json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn head(&mut self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let mut data = Sha256::digest(&self.site).to_vec();
        data.push(USER_PRESENT | verified | more);
        data.extend(self.counter.to_be_bytes());
        self.counter += 1;
        data
    }

    /// Makes the passkey that is asked for.
    pub(crate) fn make(&mut self, options: &Value) -> String {
        self.handle = options["user"]["id"].as_str().expect("whose it is").to_owned();
        let mut data = self.head(CREDENTIAL_DATA);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).expect("a length").to_be_bytes());
        data.extend(&self.credential);
        // EC2, ES256, P-256, x and y (RFC 9053 section 7.1).
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("a short one"));
        object.extend(data);
        let client = self.client_data("webauthn.create", options);
        self.answer(&json!({ "clientDataJSON": text(&client), "attestationObject": text(&object) }))
    }

    /// Shows the passkey.
    pub(crate) fn show(&mut self, options: &Value) -> String {
        self.show_as("webauthn.get", options)
    }

    pub(crate) fn show_as(&mut self, kind: &str, options: &Value) -> String {
        let data = self.head(0);
        let client = self.client_data(kind, options);
        let signed: Vec<u8> = data.iter().copied().chain(Sha256::digest(&client)).collect();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        self.answer(&json!({
            "clientDataJSON": text(&client),
            "authenticatorData": text(&data),
            "signature": text(signature.as_ref()),
            "userHandle": self.handle,
        }))
    }

    fn answer(&self, response: &Value) -> String {
        let id = text(&self.credential);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "extensions": {} }).to_string()
    }
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
