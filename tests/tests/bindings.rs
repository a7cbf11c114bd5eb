//! The bindings as an app uses them: Python, the built library, the running gateway. What an app does is in tests/python; here is what happens around
//! it, and what is found afterwards in the vault and on the disk.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use safelight_gateway::demo::photos::photograph;
use safelight_gateway::demo::search::Search;
use safelight_tests::gateway::app::App;
use safelight_tests::gateway::phone::{snapshot, strip};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::relay::Relay;
use safelight_tests::gateway::{Gateway, PATIENCE, files, text};
use safelight_tests::pictures::small;
use safelight_tests::tools::has_cryptography;
use safelight_tests::traces::not_in;
use serde_json::{Value, json};

/// How much of an upload passes before the network stops.
const A_PART: u64 = 400_000;

/// Starts a scenario with photographs of two sizes. `None` where Python lacks something.
fn app(gateway: &Gateway, scenario: &str) -> Option<App> {
    has_cryptography(scenario).then(|| App::start(gateway, scenario, &photographs(gateway)))
}

fn photographs(gateway: &Gateway) -> Value {
    let kept = |name: &str, bytes: &[u8]| {
        fs::write(gateway.at(name), bytes).expect("a file");
        gateway.path(name)
    };
    json!({
        "photo": kept("photo.jpg", &small::photo(1)),
        "large": kept("large.jpg", &snapshot(7, 1600, 1200)),
    })
}

/// Does what the app asks of the network, until it says something else.
struct Network<'a> {
    gateway: &'a Gateway,
    relay: &'a Relay,
}

impl Network<'_> {
    /// `stop`: a part of what is sent passes, and no more.
    fn stops(&self, app: &mut App) {
        app.when("stop", || self.relay.stop_after(A_PART), "done");
    }

    /// `sending`: waits until ingest holds a part and no more arrives.
    fn is_stuck(&self, app: &mut App) {
        let stuck = || until("a part of an upload", PATIENCE, || (self.gateway.incoming() > 0).then_some(()));
        app.when("sending", stuck, "stopped");
    }

    /// `open`.
    fn opens(&self, app: &mut App) {
        app.when("open", || self.relay.open(), "done");
    }
}

#[test]
fn an_app_enrols_captures_sends_and_the_vault_has_the_pixels_and_nothing_else() {
    let gateway = Gateway::serving();
    let planted = photograph(5).expect("a photograph");
    let path = gateway.path("planted.jpg");
    fs::write(&path, &planted.bytes).expect("a file");
    if !has_cryptography("an_app_enrols_captures_sends_and_the_vault_has_the_pixels_and_nothing_else") {
        return;
    }
    let app = App::start(&gateway, "main_job", &json!({ "photo": path }));
    let ids = [app.says(), app.says()];
    app.ends_well();
    gateway.pictures_in(&["verified"], 2);
    let stripped = strip(path.as_ref(), &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    for id in &ids {
        let opened = gateway.open(id);
        assert!(opened == stripped, "{id} is not the photograph without what the camera wrote beside it");
        assert!(!planted.found_in(&planted.bytes).is_empty() && planted.found_in(&opened).is_empty());
    }
    let operators: BTreeSet<String> =
        gateway.pictures().iter().map(|picture| text(picture, "operator").to_owned()).collect();
    assert_eq!(operators, ["clinician1".to_owned(), "nurse.7".to_owned()].into());
}

#[test]
fn f01_use_after_it_was_closed_is_an_error_and_nothing_else() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "use_after_shut") else { return };
    app.ends_well();
    assert_eq!(gateway.stored(), Vec::<String>::new());
}

#[test]
fn a_program_that_ends_can_end_the_librarys_threads_before() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "threads_ended") else { return };
    app.ends_well();
}

#[test]
fn f02_calls_at_once_are_safe_and_no_number_is_used_twice() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "calls_at_once") else { return };
    app.ends_well();
    assert_eq!(gateway.pictures_in(&["verified"], 24).len(), 24);
    assert!(gateway.devices().iter().all(|device| device.get("missing").is_none()), "a number is missing");
}

#[test]
fn f03_f04_arguments_that_are_none_are_errors_also_by_a_panic_and_it_works_as_before() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "wrong_arguments") else { return };
    // A length without bytes and a negative one panic in the bridge's own scaffolding: said by its place alone.
    app.ends_well_after(2);
    assert_eq!(gateway.stored().len(), 1);
}

#[test]
fn f05_callbacks_that_throw_or_call_back_neither_hang_nor_unwind() {
    let (gateway, relay) = Gateway::behind_relay();
    let Some(mut app) = app(&gateway, "callbacks") else { return };
    let network = Network { gateway: &gateway, relay: &relay };
    network.stops(&mut app);
    network.opens(&mut app);
    app.ends_well();
    assert_eq!(gateway.pictures_in(&["verified"], 3).len(), 3);
}

#[test]
fn an_upload_is_cancelled_forgotten_and_cut_off_and_goes_on() {
    let (mut gateway, relay) = Gateway::behind_relay();
    let Some(mut app) = app(&gateway, "cancelled_and_resumed") else { return };
    for _ in 0..2 {
        let network = Network { gateway: &gateway, relay: &relay };
        network.stops(&mut app);
        network.is_stuck(&mut app);
        network.opens(&mut app);
    }
    let network = Network { gateway: &gateway, relay: &relay };
    network.stops(&mut app);
    network.is_stuck(&mut app);
    app.expect("restart");
    assert!(gateway.stop());
    relay.turn_to(gateway.move_on());
    gateway.serve();
    relay.open();
    app.tell("done");
    app.ends_well();
    assert_eq!(gateway.pictures_in(&["verified"], 2).len(), 2);
    assert_eq!(gateway.incoming(), 0);
}

#[test]
fn a_phone_that_is_revoked_hears_of_it_and_enrols_again() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "revoked") else { return };
    app.ends_well();
    assert_eq!(gateway.stored().len(), 1);
}

#[test]
fn f10_a_key_that_is_locked_or_gone_says_so_and_one_that_is_slow_holds_up_nobody() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "keys") else { return };
    app.ends_well();
    assert_eq!(gateway.stored().len(), 5);
}

#[test]
fn f12_a_full_queue_refuses_before_the_shutter_and_no_network_is_said_in_words() {
    let (gateway, relay) = Gateway::behind_relay();
    let Some(mut app) = app(&gateway, "full_and_unreachable") else { return };
    let network = Network { gateway: &gateway, relay: &relay };
    app.when("stop", || relay.stop_after(0), "done");
    network.opens(&mut app);
    app.ends_well();
    assert_eq!(gateway.stored().len(), 1);
}

#[test]
fn f07_an_app_that_is_killed_in_mid_send_leaves_nothing_and_its_next_start_says_what_was_lost() {
    let (gateway, relay) = Gateway::behind_relay();
    let Some(mut app) = app(&gateway, "killed") else { return };
    let network = Network { gateway: &gateway, relay: &relay };
    network.stops(&mut app);
    app.expect("sending");
    until("a part of an upload", PATIENCE, || (gateway.incoming() > 0).then_some(()));
    app.kill();
    assert_eq!(gateway.stored(), Vec::<String>::new());
    keeps_only(&gateway, &["app/identity", "app/in-flight", "key.pem"]);
    holds_nothing_of(&gateway, &gateway.at("large.jpg"));
    relay.open();
    let app = App::start(&gateway, "after_the_kill", &photographs(&gateway));
    app.ends_well();
    assert_eq!(gateway.stored().len(), 1);
}

#[test]
fn f09_an_app_that_has_sent_a_hundred_pictures_keeps_an_identity_and_a_number() {
    let gateway = Gateway::serving();
    let Some(app) = app(&gateway, "a_hundred") else { return };
    app.ends_well();
    assert_eq!(gateway.stored().len(), 100);
    keeps_only(&gateway, &["app/identity", "app/in-flight"]);
    assert_eq!(fs::read(gateway.at("apps/app/in-flight")).expect("a file"), b"0");
    holds_nothing_of(&gateway, &gateway.at("photo.jpg"));
}

#[test]
fn f02_f12_two_hundred_pictures_sent_at_once_all_arrive_in_the_memory_that_the_queue_allows() {
    let gateway = Gateway::serving();
    if !has_cryptography("f02_f12_two_hundred_pictures_sent_at_once_all_arrive_in_the_memory_that_the_queue_allows") {
        return;
    }
    let path = gateway.path("medium.jpg");
    fs::write(&path, snapshot(9, 480, 360)).expect("a file");
    let app = App::start(&gateway, "two_hundred_at_once", &json!({ "photo": path, "large": path }));
    println!("{}", app.says());
    app.ends_well();
    assert_eq!(gateway.stored().len(), 201);
}

/// Exactly these files are in the app's folders.
#[track_caller]
fn keeps_only(gateway: &Gateway, expected: &[&str]) {
    let folder = gateway.at("apps");
    let found: BTreeSet<String> =
        files(&folder).iter().map(|file| file.strip_prefix(&folder).expect("below it").display().to_string()).collect();
    assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect());
}

/// Nothing of the patient, and no piece of the photograph, is in the app's folders.
#[track_caller]
fn holds_nothing_of(gateway: &Gateway, photo: &Path) {
    let mut search = Search::default();
    search.text("name", "Quittländer, Zoë");
    search.text("surname", "Quittländer");
    search.text("record number", "MRN-77812-04");
    search.text("birth date", "1961-02-03");
    let bytes = fs::read(photo).expect("the photograph");
    for piece in bytes[bytes.len() / 10..].chunks(bytes.len() / 200).filter_map(|chunk| chunk.get(..24)) {
        search.bytes("picture", piece);
    }
    not_in(&search, &gateway.at("apps"));
}
