//! A picture of the wrong patient, and one that nobody wanted.

use std::time::Duration;

use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::{command, finish, safelight, until};
use safelight_tests::gateway::text;

use super::stage::Clinic;

const WORDS: &str = "this is Quittländer's sister, whom I saw after her";

/// Sends another picture, of a second patient, and says its id and the patient's address.
fn second_patient(clinic: &mut Clinic) -> (String, String) {
    let label = LABEL.replace("Quittländer, Zoë", "Quill, Adam").replace("MRN-77812-04", "4711");
    let photo = clinic.gateway.path("photo.jpg");
    let args = clinic.phone.send_args(&[&photo]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let sent = finish(command(safelight(), &args), label.as_bytes()).ok().json();
    let id = text(&sent[0], "id").to_owned();
    clinic.gateway.pictures_in(&["verified"], 2);
    let author = &mut clinic.author;
    let patient = until("the second patient", Duration::from_secs(30), || {
        let page = author.posts("/patients/found", &[("query", "quill")]);
        page.all_between("href=\"/patients/", "\"").pop()
    });
    (id, format!("/patients/{patient}"))
}

fn is_on(page: &str, picture: &str) -> bool {
    page.contains(&format!("/pictures/{picture}\""))
}

#[test]
fn a_reported_picture_is_out_of_sight_at_once_and_its_author_gives_it_to_the_right_patient() {
    let mut clinic = Clinic::open();
    let (wrong, of_wrong) = second_patient(&mut clinic);
    let report = format!("/pictures/{wrong}/report");
    let page = clinic.author.browser.get(&format!("/pictures/{wrong}"));
    let image = format!("/images/{}", page.all_between("src=\"/images/", "\"").pop().expect("the picture"));
    assert_eq!(clinic.author.browser.get(&image).status, 200, "the control");
    for who in [&mut clinic.other, &mut clinic.admin, &mut clinic.officer] {
        assert_eq!(who.posts(&report, &[("complaint", "not-wanted")]).status, 404, "whoever may not see it");
    }
    assert_eq!(clinic.author.posts(&report, &[("complaint", "ugly")]).status, 404);
    assert_eq!(clinic.author.browser.get(&image).status, 200, "nothing has happened yet");

    let page = clinic.author.posts(&report, &[("complaint", "wrong-patient"), ("words", WORDS)]);
    assert_eq!(page.status, 200);
    assert!(!is_on(&page.text(), &wrong), "{}", page.text());
    assert_eq!(clinic.author.browser.get(&image).status, 404, "a page that was open shows it no more");
    assert_eq!(clinic.author.browser.get(&format!("/pictures/{wrong}")).status, 404);
    let gaps = clinic.gateway.run(&["device", "list", "--data", "D", "--json"]).ok().json().to_string();
    assert!(!gaps.contains("\"first\""), "a picture that was set aside is no gap: {gaps}");

    // The privacy officer sees the words, and neither picture nor name; a colleague sees nothing.
    let page = clinic.officer.browser.get("/corrections");
    assert!(page.text().contains("whom I saw after her") && !page.text().contains("Quill"), "{}", page.text());
    assert!(!page.text().contains("<img"), "{}", page.text());
    let catalog = std::fs::read(clinic.gateway.data().join("clinic/clinic.db")).expect("the catalog");
    assert!(!catalog.windows(20).any(|window| window == &WORDS.as_bytes()[..20]), "the words lie there in clear");
    let own = clinic.author.browser.get("/reported");
    let id = own.all_between("action=\"/reported/", "\"").pop().expect("one that waits");
    let thumbnail = own.all_between("src=\"/thumbnails/", "\"").pop().expect("its thumbnail");
    assert_eq!(clinic.author.browser.get(&format!("/thumbnails/{thumbnail}")).status, 200);
    assert_eq!(clinic.other.browser.get("/reported").all_between("action=\"/reported/", "\""), Vec::<String>::new());
    for path in [format!("/reported/{id}"), format!("/corrections/{id}")] {
        let form = [("outcome", "right"), ("number", ""), ("issuer", "")];
        assert_eq!(clinic.other.posts(&path, &form).status, 404, "{path} by a colleague");
        assert_eq!(clinic.admin.posts(&path, &form).status, 404, "{path} by an admin");
    }
    let path = format!("/reported/{id}");
    let moved = |number: &str| {
        [("outcome", "moved".to_owned()), ("number", number.to_owned()), ("issuer", "clinic".to_owned())]
    };
    for nobody in ["none", "", "4711", "' OR 1=1 --"] {
        let form = moved(nobody);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(clinic.author.posts(&path, &form).status, 422, "{nobody}");
    }
    std::thread::sleep(Duration::from_secs(3));
    let form = moved("mrn-77812-04");
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(clinic.author.posts(&path, &form).status, 200);
    assert_eq!(clinic.author.posts(&path, &form).status, 404, "it is decided");
    assert!(is_on(&clinic.author.browser.get(&clinic.patient).text(), &wrong), "it is the right patient's");
    let page = clinic.author.browser.get(&format!("/pictures/{wrong}"));
    assert!(page.text().contains("Quittländer, Zoë") && page.text().contains("patient-corrected"), "{}", page.text());
    assert_eq!(clinic.author.browser.get(&of_wrong).status, 404, "no other picture of theirs is this patient's");
    let done = clinic.done_by("person:clinician1");
    for kind in ["picture-reported", "reported-listed", "picture-corrected"] {
        assert!(done.contains(&kind.to_owned()), "{kind}: {done:?}");
    }
    // A restart, which judges what waits, changes nothing of it.
    assert!(clinic.gateway.stop());
    clinic.gateway.serve();
    let author = &mut clinic.author;
    let patient = clinic.patient.clone();
    until("the picture after the restart", Duration::from_secs(30), || {
        is_on(&author.browser.get(&patient).text(), &wrong).then_some(())
    });
}

#[test]
fn nobody_comes_by_a_patient_through_a_correction_and_what_is_not_wanted_stays_away() {
    let mut clinic = Clinic::open();
    // A picture by the other clinician's own phone, of a patient of theirs.
    clinic
        .gateway
        .run(&[
            "device",
            "invite",
            "--name",
            "room4",
            "--person",
            "clinician2",
            "--qr-png",
            &clinic.gateway.path("room4.png"),
            "--data",
            "D",
        ])
        .ok();
    let mut enrolling = clinic.gateway.start_enrolling("room4", "room4.png");
    let device = text(&clinic.gateway.pending("room4", &mut enrolling), "id").to_owned();
    clinic.gateway.run(&["device", "approve", &device, "--data", "D"]).ok();
    enrolling.wait().ok();
    let label = LABEL.replace("Quittländer, Zoë", "Quill, Adam").replace("MRN-77812-04", "4711");
    let (identity, photo) = (clinic.gateway.path("room4"), clinic.gateway.path("photo.jpg"));
    let args = ["phone", "send", "--identity", &identity, "--label-file", "-", "--json", &photo];
    let sent = finish(command(safelight(), &args), label.as_bytes()).ok().json();
    let own = text(&sent[0], "id").to_owned();
    clinic.gateway.pictures_in(&["verified"], 2);
    let other = &mut clinic.other;
    until("their patient", Duration::from_secs(30), || {
        other.browser.get("/patients").text().contains("Quill").then_some(())
    });
    other.posts(&format!("/pictures/{own}/report"), &[("complaint", "wrong-patient")]);
    let id = other.browser.get("/reported").all_between("action=\"/reported/", "\"").pop().expect("one that waits");
    let form = [("outcome", "moved"), ("number", "MRN-77812-04"), ("issuer", "clinic")];
    assert_eq!(other.posts(&format!("/reported/{id}"), &form).status, 422, "whom they do not treat");
    assert_eq!(other.browser.get(&clinic.patient).status, 404);
    // The privacy officer may, and then the author treats the patient.
    assert_eq!(clinic.officer.posts(&format!("/corrections/{id}"), &form).status, 200);
    assert_eq!(clinic.other.browser.get(&clinic.patient).status, 200);

    // Not wanted: it stays out of sight, and is kept.
    clinic.author.posts(&format!("/pictures/{}/report", clinic.picture), &[("complaint", "not-wanted")]);
    let page = clinic.officer.browser.get("/corrections");
    let id = page.all_between("action=\"/corrections/", "\"").pop().expect("one that waits");
    clinic.officer.posts(&format!("/corrections/{id}"), &[("outcome", "withdrawn")]);
    assert_eq!(clinic.author.browser.get(&format!("/pictures/{}", clinic.picture)).status, 404);
    assert!(clinic.author.browser.get("/reported").text().contains("None waits"));
    let listed = clinic.gateway.pictures();
    let withdrawn = listed.iter().find(|row| text(row, "id") == clinic.picture).expect("it is kept");
    assert_eq!((text(withdrawn, "state"), text(withdrawn, "reason")), ("quarantined", "withdrawn"));
}
