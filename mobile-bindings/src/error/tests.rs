//! docs/ERRORS.md lists every code that an app can be given.

use std::collections::BTreeMap;
use std::path::Path;

use safelight_core::cbor::CborError;
use safelight_core::client::Silence;
use safelight_core::keyset::KeySetError;
use safelight_core::label::MAX_LABEL_LEN;
use safelight_core::photo::PhotoError;
use safelight_core::receipt::ReceiptError;
use safelight_core::strip::StripError;

use super::*;

const HEAD: &str = "# Every error of the bindings

What an app can be told, by `code`: stable, and made for the app's own words. The kind says what the app should do ([MOBILE.md](MOBILE.md#errors)); the sentence is the
`advice` that comes with it, in English, for whoever holds the phone; ADDRESSES are filled in. Of a label's fields (`label-name`) the sentence for an empty one is shown: another says
that it is too long, a third that it has characters that cannot be. `not-a-photograph`, `cannot-be-cleaned`, `not-sealed`, `label`, `receipt`, `key-set` and `invitation-damaged` have
further sentences, each with its reason.

A test makes each of these errors and compares.

| code | kind | sentence |
|---|---|---|
";

fn of_client() -> Vec<ClientError> {
    let unreachable = |silence| ClientError::Unreachable { addresses: "ADDRESSES".to_owned(), silence };
    let mut all: Vec<_> = [Silence::NobodyListens, Silence::UdpDoesNotPass, Silence::Unknown].map(unreachable).into();
    all.extend(CloseReason::ALL.iter().map(|reason| ClientError::Closed(*reason)));
    all.extend(RefusalCode::ALL.iter().map(|code| ClientError::Refused(*code)));
    all.extend(Refusal::ALL.map(ClientError::EnrolmentRefused));
    all.extend([
        ClientError::ConnectionLost,
        ClientError::Busy,
        ClientError::NotTheClinic,
        ClientError::CertificateRefused,
        ClientError::CertificateOutOfTime,
        ClientError::Receipt(ReceiptError::Version(0)),
        ClientError::KeySet(KeySetError::Version(0)),
        ClientError::Protocol,
        ClientError::Cancelled,
        ClientError::DeviceName,
        ClientError::InvitationExpired,
        ClientError::NotApprovedInTime,
        ClientError::EnrolmentMismatch,
        ClientError::QueueFull,
        ClientError::DeviceDamaged,
        ClientError::Socket,
        ClientError::Randomness,
    ]);
    all
}

fn of_label() -> Vec<LabelError> {
    let fields = ["record number", "name", "body site", "view", "note", "issuer"];
    let mut all: Vec<_> = fields.map(|field| LabelError::Empty { field }).into();
    all.extend([
        LabelError::TooLong { field: "whole label", max: MAX_LABEL_LEN },
        LabelError::SiteCode,
        LabelError::Sides,
        LabelError::BirthDate,
        LabelError::NoSuchDay,
        LabelError::BirthDateAhead,
        LabelError::Malformed,
    ]);
    all
}

fn all() -> Vec<SafelightError> {
    let mut all: Vec<SafelightError> = of_client().into_iter().map(Into::into).collect();
    all.extend(of_label().into_iter().map(SafelightError::from));
    let keys = [DeviceKeyError::NotAuthorised, DeviceKeyError::Invalidated, DeviceKeyError::Failed];
    all.extend(keys.map(SafelightError::from));
    all.extend(
        [
            PhoneError::KeyMismatch,
            PhoneError::Closed,
            PhoneError::AlreadySending,
            PhoneError::NotHeld,
            PhoneError::Keeping,
            PhoneError::Keep(safelight_core::client::phone::KeepError),
        ]
        .map(SafelightError::from),
    );
    let photo = CaptureError::Photo(PhotoError::Empty);
    let strip = CaptureError::Strip(StripError::TooManyScans);
    let others = [CaptureError::Keys, CaptureError::TooLarge, CaptureError::Randomness];
    let seal = CaptureError::Manifest(ManifestError::NotASignature);
    all.extend([photo, strip, seal].into_iter().chain(others).map(SafelightError::from));
    all.extend(
        [
            InvitationError::NotAnInvitation,
            InvitationError::Version(0),
            InvitationError::Malformed(CborError::Malformed),
        ]
        .map(SafelightError::from),
    );
    all.extend([ParseOperatorError.into(), SafelightError::bug(), SafelightError::no_threads()]);
    all.extend([SafelightError::asked_before(), SafelightError::ended()]);
    all
}

#[test]
fn the_page_lists_every_code() {
    let mut rows = BTreeMap::new();
    for error in all() {
        let debug = format!("{error:?}");
        let kind = debug.split_whitespace().next().unwrap().to_owned();
        let shown = error.to_string();
        let (advice, code) = shown.rsplit_once(" (").unwrap();
        let code = code.trim_end_matches(')').to_owned();
        rows.entry((code, kind)).or_insert_with(Vec::new).push(advice.to_owned());
    }
    let row = |((code, kind), advice): (_, Vec<String>)| {
        let mut advice = advice;
        advice.dedup();
        format!("| `{code}` | `{kind}` | {} |\n", advice.join(" / "))
    };
    let page = format!("{HEAD}{}", rows.into_iter().map(row).collect::<String>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ERRORS.md");
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        let fresh = std::env::temp_dir().join(format!("safelight-errors-{}.md", std::process::id()));
        std::fs::write(&fresh, page).unwrap();
        panic!("docs/ERRORS.md is not what the code says: compare it with {}", fresh.display());
    }
}
