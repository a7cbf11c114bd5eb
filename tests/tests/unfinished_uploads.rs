//! An enrolled phone that begins pictures and never ends them.
//!
//! What has arrived of an upload that broke off is kept for the phone to go on with, and is in no list and no log. The attacker begins
//! one picture after another, each as large as a picture may be, and breaks each off: the disk fills, nobody sees with what, and no other phone
//! is served any more. Ingest keeps a limited number for each device, and the newest of them can still go on.
#![allow(clippy::expect_used, reason = "what does not go as it should is a failed test")]

use safelight_core::wire::limits::MAX_UNFINISHED_PER_DEVICE;
use safelight_gateway::store::blobs::payload_key;
use safelight_tests::gateway::liar::{Forged, Liar, Outcome, new_id, noise};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, files};

/// How many more are begun than are kept.
const MORE: usize = 6;

fn kept(gateway: &Gateway) -> Vec<String> {
    let files = files(&gateway.data().join("ingest/incoming"));
    files.iter().filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect()
}

fn name(forged: &Forged) -> String {
    payload_key(forged.manifest.capture_id, &forged.manifest.hash()).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x21_a_phone_that_begins_pictures_and_never_ends_them_is_bounded() {
    let gateway = Gateway::serving();
    let (hostile, honest) = (gateway.enrol("hostile"), gateway.enrol("honest"));
    let (hostile, honest) = (Liar::connect(&hostile).await, Liar::connect(&honest).await);
    let begun_before = honest.forge(&noise(32));
    honest.begin(&begun_before).await;

    let mut forged = hostile.forge(&noise(32));
    let mut begun = Vec::new();
    for _ in 0..MAX_UNFINISHED_PER_DEVICE + MORE {
        forged.manifest.capture_id = new_id(forged.manifest.captured_at);
        forged = forged.bound();
        hostile.begin(&forged).await;
        // One after the other, so that the oldest is known.
        until("the upload is left", PATIENCE, || kept(&gateway).contains(&name(&forged)).then_some(()));
        begun.push(name(&forged));
    }
    let expected = MAX_UNFINISHED_PER_DEVICE + 1;
    until("the oldest go", PATIENCE, || (kept(&gateway).len() == expected).then_some(()));
    let kept_now = kept(&gateway);
    let gone: Vec<bool> = begun.iter().map(|name| !kept_now.contains(name)).collect();
    let oldest = gone.iter().take_while(|gone| **gone).count();
    assert_eq!((oldest, gone.iter().filter(|gone| **gone).count()), (MORE, MORE), "not the oldest went: {gone:?}");
    assert!(kept_now.contains(&name(&begun_before)), "another phone pays for it");

    // The newest, and the other phone's, go on and are stored.
    assert!(matches!(hostile.upload(&forged).await, Outcome::Stored(_)));
    assert!(matches!(honest.upload(&begun_before).await, Outcome::Stored(_)));
    assert_eq!(kept(&gateway).len(), expected - 2);
    gateway.pictures_in(&["verified"], 2);
}
