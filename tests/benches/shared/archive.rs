//! A clinic that has been at work for years: patients and pictures in the catalog, as verification writes them, without their way there.
//!
//! Every patient has an identity that is sealed and opens. Of the pictures, those of [`PROBED`] patients have labels that open; the others have rows of the same
//! size, which is what a search and a timeline must not read.

use safelight_core::seal;
use safelight_gateway::clinic::identity::PatientIdentity;
use safelight_gateway::clinic::pictures::Handle;
use safelight_gateway::clinic::{Clinic, sealed};
use safelight_gateway::clock::Clock;
use safelight_gateway::store::catalog::WriteTx;
use safelight_gateway::store::headers::{Header, HeaderId, Headers, Kind};

use super::gateway::Gateway;

/// Pictures of each patient.
pub(crate) const PICTURES: u64 = 10;

/// Patients whose pages are asked for.
pub(crate) const PROBED: u64 = 64;

/// Bytes of a sealed thumbnail, as those of the demo's photographs are.
const THUMBNAIL_LEN: usize = 4000;

/// Patients of one transaction.
const BATCH: u64 = 500;

const PICTURE_COLUMNS: &str =
    "capture, seq, state, reason, device, operator, sequence, manifest, manifest_hash, label, patient, filed,
     captured_at, stored_at, log_index, pulled_at, judged_at, flags";

/// The handle of patient `n`: it stands for a keyed hash, which is random to whoever has no key.
pub(crate) fn handle(n: u64) -> Handle {
    use sha2::Digest;
    sha2::Sha256::digest(n.to_be_bytes()).into()
}

/// The name of patient `n`: of a few hundred beginnings.
pub(crate) fn name(n: u64) -> String {
    let syllable = |n: u64| {
        const SYLLABLES: [&str; 20] = [
            "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi",
            "yo", "zu",
        ];
        SYLLABLES.get(usize::try_from(n % 20).expect("less than 20")).copied().expect("one of them")
    };
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let family: String = [mixed, mixed / 20, mixed / 400, mixed / 8000].map(syllable).concat();
    format!("{family}, {}", syllable(mixed / 160_000))
}

/// Fills the catalog of a gateway that does not run with `patients`, all of whom `person` treats. One picture must be there.
pub(crate) async fn fill(gateway: &Gateway, patients: u64, person: &str) {
    let clinic =
        Clinic::open(&gateway.layout(), &gateway.config(), &Clock::system()).await.expect("the clinic's folder");
    let mut first = 0;
    while first < patients {
        let last = patients.min(first + BATCH);
        let mut headers = Vec::new();
        let mut tx = clinic.catalog.write().await.expect("clinic.db");
        for n in first..last {
            patient(&clinic, &mut tx, &mut headers, n, person).await;
        }
        tx.commit().await.expect("clinic.db");
        clinic.headers.put(&headers).await.expect("headers.db");
        first = last;
    }
    clinic.catalog.close().await;
}

async fn patient(clinic: &Clinic, tx: &mut WriteTx, headers: &mut Vec<Header>, n: u64, person: &str) {
    let identity = PatientIdentity {
        issuer: "clinic".to_owned(),
        record_number: format!("A{n:07}"),
        name: name(n),
        birth_date: format!("19{:02}-0{}-1{}", n % 100, 1 + n % 9, n % 10),
    };
    let json = identity.to_json().expect("JSON");
    let handle = handle(n);
    let id = HeaderId::from_bytes(handle[..16].try_into().expect("16 bytes"));
    let identity = sealed_as(clinic, std::str::from_utf8(&json).expect("text"), id, Kind::Identity, headers);
    sqlx::query(
        "INSERT INTO patient (handle, identity, created_at, number) SELECT $1, $2, 1, COALESCE(MAX(number), 0) + 1 FROM patient WHERE TRUE",
    )
    .bind(handle.to_vec())
    .bind(identity)
    .execute(&mut **tx)
    .await
    .expect("a patient");
    sqlx::query("INSERT INTO care (patient, person, since) VALUES ($1, $2, 1)")
        .bind(handle.to_vec())
        .bind(person.to_owned())
        .execute(&mut **tx)
        .await
        .expect("a care team");
    let mut label = vec![0x5a; 700];
    for picture in 0..PICTURES {
        let mut capture = [0; 16];
        capture[..8].copy_from_slice(&(n * PICTURES + picture).to_be_bytes());
        capture[8..].copy_from_slice(&handle[..8]);
        if n < PROBED {
            let json = super::camera::label().to_json_bytes().expect("JSON");
            let id = HeaderId::from_bytes(capture);
            label = sealed_as(clinic, std::str::from_utf8(&json).expect("text"), id, Kind::Label, headers);
        }
        // Everything else as the picture that was sent has it.
        let sql = format!(
            "INSERT INTO picture ({PICTURE_COLUMNS}) SELECT $1, (SELECT MAX(seq) + 1 FROM picture), state, reason, device, operator, $2, manifest,
             manifest_hash, $3, $4, $5, $6, stored_at, log_index, pulled_at, judged_at, flags FROM picture WHERE seq = 1"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(capture.to_vec())
            .bind(i64::try_from(n * PICTURES + picture + 10).expect("a small number"))
            .bind(label.clone())
            .bind(handle.to_vec())
            .bind(handle.to_vec())
            .bind(i64::try_from(1_700_000_000_000 + n * 1000 + picture * 86_400_000).expect("a small number"))
            .execute(&mut **tx)
            .await
            .expect("a picture");
        sqlx::query("INSERT INTO thumbnail (capture, payload) VALUES ($1, $2)")
            .bind(capture.to_vec())
            .bind(vec![0xa5u8; THUMBNAIL_LEN])
            .execute(&mut **tx)
            .await
            .expect("a thumbnail");
    }
}

/// Seals, keeps the header for later, and gives the payload.
fn sealed_as(clinic: &Clinic, json: &str, id: HeaderId, kind: Kind, headers: &mut Vec<Header>) -> Vec<u8> {
    let file = sealed::words(clinic, json).expect("sealed");
    let (header, payload) = seal::split(&file).expect("an age file");
    headers.push(Header { id, kind, bytes: header.to_vec() });
    payload.to_vec()
}
