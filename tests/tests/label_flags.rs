//! Whom a picture is of, and who took it, is the phone's word: what cannot be is refused before the shutter, and what the clinic knows better
//! is said to whoever looks.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what does not go as it should is a failed test")]

use std::fs;

use safelight_core::ids::UnixMillis;
use safelight_core::seal::{seal_bytes, split};
use safelight_gateway::phone::label::LabelInput;
use safelight_tests::gateway::liar::{Liar, Outcome, digest};
use safelight_tests::gateway::phone::{LABEL, Phone};
use safelight_tests::gateway::program::{Finished, command, finish, safelight};
use safelight_tests::gateway::{Gateway, array, text};

fn send(phone: &Phone, label: &str, more: &[&str], photo: &str) -> Finished {
    let args = [phone.send_args(&[photo]), more.to_vec()].concat();
    finish(command(safelight(), &args), label.as_bytes())
}

/// What the clinic says of the picture: its flags, in the list and in the access log.
fn flags(gateway: &Gateway, id: &str) -> Vec<String> {
    let listed = gateway.pictures().into_iter().find(|picture| text(picture, "id") == id).expect("the picture");
    let in_list = listed.get("flags").cloned().map(array).unwrap_or_default();
    let in_list: Vec<String> = in_list.iter().filter_map(|flag| flag.as_str()).map(str::to_owned).collect();
    let log = gateway.log("access");
    let of_it = log.iter().filter(|entry| text(entry, "kind") == "flagged" && entry["fields"][0] == *id);
    let in_log: Vec<String> = of_it.filter_map(|entry| entry["fields"][1].as_str()).map(str::to_owned).collect();
    assert_eq!(in_list, in_log);
    in_list
}

#[tokio::test(flavor = "multi_thread")]
async fn x62_what_a_phone_says_of_patient_and_operator_is_flagged_where_the_clinic_knows_better() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let photo = gateway.path("photo.jpg");
    fs::write(&photo, safelight_tests::pictures::small::photo(1)).expect("a file");
    let again = LABEL.replace("Quittländer, Zoë", "quittländer,  ZOË");
    let other_name = LABEL.replace("Quittländer, Zoë", "Pfannenstiel, Aurelio");
    let other_birth = LABEL.replace("1961-02-03", "1961-03-02");
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (LABEL, &[], &[]),
        (&again, &[], &[]),
        (&other_name, &[], &["identity-differs"]),
        (&other_birth, &[], &["identity-differs"]),
        (LABEL, &["--operator", "somebody-else"], &["operator-unknown"]),
    ];
    let mut sent = Vec::new();
    for (label, more, expected) in cases {
        let rows = array(send(&phone, label, more, &photo).ok().json());
        // One after the other: which is the first of a patient must not be chance.
        gateway.pictures_in(&["verified"], sent.len() + 1);
        sent.push((text(&rows[0], "id").to_owned(), expected));
    }
    for (id, expected) in &sent {
        assert_eq!(flags(&gateway, id), *expected, "{id}");
    }
    let listed = gateway.run(&["vault", "list", "--data", "D"]).ok().text();
    assert_eq!(listed.matches("LOOK AT IT: identity-differs").count(), 2, "{listed}");

    // A date that cannot be never leaves the phone, and the reason is said.
    for (date, why) in [("2999-01-01", "future"), ("1961-02-30", "no such day"), ("30.02.1961", "YYYY-MM-DD")] {
        let refused = send(&phone, &LABEL.replace("1961-02-03", date), &[], &photo).exits(9);
        assert!(refused.stderr.contains(why) && !refused.stderr.contains(date), "{refused}");
    }
    assert_eq!(gateway.pictures().len(), sent.len());

    // A phone that lies sends it all the same.
    let liar = Liar::connect(&phone).await;
    let mut forged = liar.forge(&safelight_tests::pictures::small::photo(2));
    let label = LABEL.replace("1961-02-03", "2999-01-01").replace("MRN-77812-04", "MRN-77812-05");
    let label = LabelInput::parse(label.as_bytes()).and_then(|input| input.into_label(UnixMillis(u64::MAX)));
    let json = label.expect("a label").to_json_bytes().expect("a label");
    forged.label = seal_bytes(&json, &forged.recipients(), &mut getrandom::SysRng).expect("an age file");
    forged.manifest.label = digest(split(&forged.label).expect("an age file").1);
    forged.manifest.sequence = 1000;
    let forged = forged.bound();
    assert!(matches!(liar.upload(&forged).await, Outcome::Stored(_)));
    gateway.pictures_in(&["verified"], sent.len() + 1);
    assert_eq!(flags(&gateway, &forged.manifest.capture_id.to_string()), ["birth-date-ahead"]);
}
