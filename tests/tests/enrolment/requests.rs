//! A phone is invited and sends a certificate request that is more, less or other than one.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use safelight_core::device_key::PublicKey;
use safelight_core::enrol::{Outcome, Refusal};
use safelight_gateway::clock::Clock;
use safelight_gateway::ingest::authenticate::identify;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};

use crate::stranger::{Reply, Stranger, fresh_key, request};
use crate::{device, invited, refusals};

/// The requests by another program whose names begin with `verdict`.
fn made_by_openssl(verdict: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/enrolment/csr");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    paths.retain(|path| name(path).starts_with(verdict));
    assert!(paths.len() > 3, "only {} requests are {verdict}", paths.len());
    paths.into_iter().map(|path| (name(&path), std::fs::read(&path).expect("a request"))).collect()
}

/// CA:TRUE, keyCertSign, purposes and names of others: taken for their key alone. What is issued is our template, which ingest takes for a
/// device's and which holds nothing of what was wished for.
#[tokio::test(flavor = "multi_thread")]
async fn e10_e11_wishes_in_a_request_come_to_nothing() {
    let gateway = Gateway::serving();
    for (name, csr) in made_by_openssl("taken") {
        let invitation = invited(&gateway, &name);
        let mut phone = Stranger::comes(&invitation).await.expect("the listener is open");
        assert!(matches!(phone.begins(&invitation.token, &csr, [1; 32]).await, Reply::Offered(_)), "{name}");
        phone.reveals(&invitation, &csr, [1; 32]).await.expect("words");
        let id = until("words", PATIENCE, || {
            let waiting = device(&gateway, &name);
            waiting.get("words").is_some().then(|| text(&waiting, "id").to_owned())
        });
        gateway.run(&["device", "approve", &id, "--data", "D"]).ok();
        let Some(Outcome::Issued(issued)) = phone.hears_outcome().await else { panic!("{name}: nothing issued") };
        assert_eq!(issued.device_id.to_string(), id);
        // Ingest's own reading: for client authentication and nothing else, one name, no CA.
        let shown = identify(&[CertificateDer::from(issued.certificate.clone())], Clock::system().now());
        let shown = shown.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(shown.device_id(), issued.device_id, "{name}");
        let key = PublicKey::of_certificate(&issued.certificate).expect("a key").to_sec1();
        assert!(contains(&csr, &key), "{name}: another key was certified");
        assert!(contains(&issued.certificate, &[0x03, 0x02, 0x07, 0x80]), "{name}: digitalSignature alone");
        for wish in [&b"gateway.example"[..], b"a@example.org", &[192, 0, 2, 1], b"second", b"00000000-0000"] {
            assert!(!contains(&issued.certificate, wish), "{name}: a wish came true");
        }
    }
}

/// Other keys, bad signatures, damage, and sizes: refused before the invitation is burnt, put on record, and the listener goes on.
#[tokio::test(flavor = "multi_thread")]
async fn e12_e13_e14_what_is_no_request_for_a_p256_key_is_refused() {
    let gateway = Gateway::serving();
    let invitation = invited(&gateway, "phone");
    let right = request(&fresh_key());
    let mut wrong = made_by_openssl("refused");
    let mut altered = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut request = right.clone();
        change(&mut request);
        wrong.push((name.to_owned(), request));
    };
    altered("bad self-signature", &|request| *request.last_mut().expect("a byte") ^= 1);
    altered("a point that is not on the curve", &|request| {
        let point = request.windows(2).position(|pair| pair == [0, 4]).expect("a point");
        request[point + 40] ^= 1;
    });
    altered("trailing byte", &|request| request.push(0));
    altered("cut off", &|request| request.truncate(request.len() - 1));
    altered("two requests", &|request| request.extend(right.clone()));
    wrong.push(("nested DER".to_owned(), nested(1300)));
    wrong.push(("a length beyond everything".to_owned(), vec![0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]));
    wrong.push(("zeros".to_owned(), vec![0; 4096]));
    wrong.push(("one byte more than is read".to_owned(), vec![0x30; 4097]));
    for (name, csr) in &wrong {
        let mut stranger = Stranger::comes(&invitation).await.expect("the listener is open");
        let reply = stranger.begins(&invitation.token, csr, [1; 32]).await;
        assert_eq!(reply, Reply::Refused(Refusal::Request), "{name}");
    }
    // A megabyte is refused by its length, before any of it is kept.
    let mut stranger = Stranger::comes(&invitation).await.expect("the listener is open");
    stranger.says_bytes(&(1_u32 << 20).to_be_bytes()).await;
    stranger.says_bytes(&vec![0x30; 1 << 20]).await;
    assert_eq!(stranger.hears_reply().await, Reply::Refused(Refusal::Request));
    // Neither is anything that is no message at all.
    for bytes in [&[0, 0, 0, 0][..], &[0, 0, 0, 2, 0xFF, 0xFF], &[0, 0, 0, 1, 0xA0]] {
        let mut stranger = Stranger::comes(&invitation).await.expect("the listener is open");
        stranger.says_bytes(bytes).await;
        assert_eq!(stranger.hears_reply().await, Reply::Refused(Refusal::Request), "{bytes:?}");
    }
    assert!(gateway.devices().is_empty(), "nothing has burnt the invitation");
    // One a minute of each kind is put on record, by whoever refused: the clinic process, and ingest what it never passed on.
    assert!(refusals(&gateway, Refusal::Request.code()) >= 1);
    crate::turned_away(&gateway, Refusal::Request.code());
    // The right one is taken.
    let mut phone = Stranger::comes(&invitation).await.expect("the listener is open");
    assert!(matches!(phone.begins(&invitation.token, &right, [1; 32]).await, Reply::Offered(_)));
}

/// Sequences in sequences.
fn nested(depth: usize) -> Vec<u8> {
    let mut der = Vec::new();
    for _ in 0..depth {
        let len = der.len();
        let mut outer = match len {
            0..0x80 => vec![0x30, u8::try_from(len).expect("short")],
            0x80..0x100 => vec![0x30, 0x81, u8::try_from(len).expect("short")],
            _ => [&[0x30, 0x82][..], &u16::try_from(len).expect("short").to_be_bytes()].concat(),
        };
        outer.extend(der);
        if outer.len() > 4096 {
            return outer[..4096].to_vec();
        }
        der = outer;
    }
    der
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}
