//! Pictures that leave the console.

use std::process::Command;

use safelight_tests::gateway::phone::strip;

use super::stage::Clinic;

const WHY: [(&str, &str); 2] = [("purpose", "referral"), ("words", "for the dermatologist in town")];

#[test]
fn a_download_needs_the_right_and_a_reason_is_on_record_and_carries_its_mark() {
    let mut clinic = Clinic::open();
    let path = format!("/pictures/{}/download", clinic.picture);
    assert_eq!(clinic.author.posts(&path, &WHY).status, 404, "nobody may by role");
    assert!(!clinic.author.browser.get(&format!("/pictures/{}", clinic.picture)).text().contains("/download"));
    for id in ["clinician1", "clinician2"] {
        let page = clinic.admin.posts(&format!("/people/{id}/download"), &[("allow", "yes")]);
        assert!(page.text().contains("may download"), "{}", page.text());
    }
    assert_eq!(clinic.other.posts(&path, &WHY).status, 404, "a right to download is no right to see");
    assert_eq!(clinic.admin.posts(&path, &WHY).status, 404);
    for form in [
        &[][..],
        &[("purpose", "referral")],
        &[("purpose", "referral"), ("words", "because")],
        &[("purpose", "curious"), WHY[1]],
        &[WHY[1]],
    ] {
        assert_eq!(clinic.author.posts(&path, form).status, 422, "{form:?}");
    }
    assert!(!clinic.done_by("person:clinician1").contains(&"picture-downloaded".to_owned()));

    let answer = clinic.author.posts(&path, &WHY);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"), "{}", answer.text());
    let name = answer.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"safelight-") && name.ends_with(".jpg\""), "{name}");
    assert!(name.contains(&clinic.picture[..8]), "{name}");
    assert_eq!(answer.header("cache-control"), "no-store, private");
    assert!(clinic.done_by("person:clinician1").contains(&"picture-downloaded".to_owned()));

    let sent = strip(clinic.gateway.at("photo.jpg").as_path(), &clinic.gateway.at(""))
        .unwrap_or_else(|refused| panic!("{refused}"));
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").into_rgb8();
    let (before, after) = (pixels(&sent), pixels(&answer.body));
    assert_eq!(before.dimensions(), after.dimensions());
    let dark = |picture: &image::RgbImage| {
        let last = picture.rows().next_back().expect("a row");
        last.map(|pixel| u64::from(pixel.0[0])).sum::<u64>()
    };
    assert!(dark(&after) * 2 < dark(&before), "no band along the edge");

    // Nothing but pixels: what exiftool finds is about the file and its coding.
    let file = clinic.gateway.at("marked.jpg");
    std::fs::write(&file, &answer.body).expect("a file");
    let said = Command::new("exiftool").args(["-G0", "-s"]).arg(&file).output().expect("exiftool runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("ImageWidth"), "the control: {said}");
    for group in ["[EXIF]", "[XMP]", "[IPTC]", "[MakerNotes]", "Comment"] {
        assert!(!said.contains(group), "{group} in {said}");
    }

    clinic.admin.posts("/people/clinician1/download", &[("allow", "no")]);
    assert_eq!(clinic.author.posts(&path, &WHY).status, 404, "taken back is taken back at once");
    let done = clinic.done_by("person:root.admin");
    for kind in ["download-granted", "download-withdrawn"] {
        assert!(done.iter().any(|done| done == kind), "{kind}: {done:?}");
    }
}

#[test]
fn the_right_goes_with_the_role_and_with_the_account_on_record_and_does_not_come_back() {
    let mut clinic = Clinic::open();
    let path = format!("/pictures/{}/download", clinic.picture);
    let form = [("role", "clinician"), ("reason", "covers the practice on Fridays")];
    for (round, (goes, comes)) in [("withdraw", "grant"), ("disable", "enable")].into_iter().enumerate() {
        let page = clinic.admin.posts("/people/clinician1/download", &[("allow", "yes")]);
        assert!(page.text().contains("may download"), "{}", page.text());
        assert_eq!(clinic.author.posts(&path, &WHY).status, 200, "the control");
        for act in [goes, comes] {
            assert_eq!(clinic.admin.posts(&format!("/people/clinician1/{act}"), &form).status, 200, "{act}");
        }
        clinic.author.browser = clinic.author.logs_in();
        let page = clinic.author.browser.get(&format!("/pictures/{}", clinic.picture));
        assert!(page.status == 200 && !page.text().contains("/download"), "{goes}: {}", page.text());
        assert_eq!(clinic.author.posts(&path, &WHY).status, 404, "{goes}");
        assert!(!clinic.admin.browser.get("/people").text().contains("may download"), "{goes}");
        let done = clinic.done_by("person:root.admin");
        let withdrawn = done.iter().filter(|kind| *kind == "download-withdrawn").count();
        assert_eq!(withdrawn, round + 1, "{goes}: {done:?}");
    }
}
