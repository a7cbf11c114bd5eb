//! What somebody must be told of: a revoked phone that tries to connect, and a picture that is damaged when it is looked at.

use std::path::PathBuf;
use std::time::Duration;

use safelight_tests::browser::Browser;
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::text;
use safelight_tests::pictures::small;

use super::mail::Post;
use super::mailbox::Speaks;
use super::stage::Clinic;

const PATIENCE: Duration = Duration::from_secs(60);
const KNOCKED: &str = "A revoked phone tries to connect";
const DAMAGED: &str = "A picture could not be verified, or is damaged";

/// The page, once it has an alert of this name.
fn page_with(browser: &mut Browser, words: &str) -> String {
    until(words, PATIENCE, || Some(browser.get("/alerts").text()).filter(|page| page.contains(words)))
}

impl Clinic {
    /// The entries of the access log of this kind that name this, whoever made them.
    fn entries(&self, kind: &str, id: &str) -> usize {
        let names = |entry: &&serde_json::Value| text(entry, "kind") == kind && entry["fields"][0] == id;
        self.gateway.log("access").iter().filter(names).count()
    }

    /// The files of the pictures' payloads.
    fn payloads(&self) -> Vec<PathBuf> {
        safelight_tests::gateway::files(&self.gateway.data().join("ingest/blobs"))
    }
}

#[test]
fn a_revoked_phone_that_knocks_is_one_alert_that_names_it_in_the_house_alone() {
    let post = Post::open(Speaks::Tls, &[]);
    let mut clinic = Clinic::configured(&format!("[alert]\noff = ['unusual-hours', 'disk-low']\n{}", post.section));
    let photo = clinic.gateway.path("photo.jpg");
    clinic.phone.send(&[&photo]).ok();
    assert!(!clinic.admin.browser.get("/alerts").text().contains(KNOCKED), "the control");
    let device = clinic.phone.device.clone();
    clinic.gateway.run(&["device", "revoke", &device, "--data", "D"]).ok();
    for _ in 0..3 {
        assert_ne!(clinic.phone.send(&[&photo]).code, Some(0), "it is shut out");
    }
    clinic.gateway.refused(&device, "revoked");
    for member in [&mut clinic.officer, &mut clinic.admin] {
        let page = page_with(&mut member.browser, KNOCKED);
        assert!(page.contains(&format!("device:{device}")), "{page}");
        assert_eq!(page.matches(&format!("{KNOCKED}</strong>")).count(), 1, "{page}");
    }
    assert_eq!(clinic.entries("revoked-device-knocked", &device), 1);
    assert_eq!(clinic.author.browser.get("/alerts").status, 404);
    let heard = until("a letter", PATIENCE, || Some(post.server.got()).filter(|heard| !heard.is_empty()));
    let letter = heard[0].letter.as_ref().expect("a letter");
    assert!(letter.contains(KNOCKED), "{letter}");
    for word in [device.as_str(), "room3", "clinician1", "Carla"] {
        assert!(!letter.contains(word), "{word}: {letter}");
    }
}

#[test]
fn c17_a_picture_that_is_damaged_on_the_disk_is_said_to_be_and_raises_an_alert() {
    let mut clinic = Clinic::configured("[alert]\noff = ['unusual-hours', 'disk-low']");
    let damaged = clinic.payloads();
    assert_eq!(damaged.len(), 1);
    std::fs::write(clinic.gateway.at("second.jpg"), small::photo(2)).expect("a file");
    clinic.phone.send(&[&clinic.gateway.path("second.jpg")]).ok();
    let pictures = clinic.gateway.pictures_in(&["verified"], 2);
    let (first, second) = (clinic.picture.clone(), {
        let other = pictures.iter().find(|picture| text(picture, "id") != clinic.picture).expect("the second");
        text(other, "id").to_owned()
    });
    let place = |id: &str| format!("/pictures/{id}");
    let compare = format!("/compare?picture={first}&picture={second}");
    let before = clinic.author.browser.get(&place(&first));
    let image = before.all_between("src=\"/images/", "\"").pop().expect("the picture");
    assert!(!before.text().contains("is damaged or gone"), "the control");
    assert!(clinic.author.browser.get(&compare).text().contains("data-overlay"), "the control");
    assert!(!clinic.officer.browser.get("/alerts").text().contains(DAMAGED), "the control");

    // A bit, in the middle of it.
    let mut bytes = std::fs::read(&damaged[0]).expect("the payload");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged[0], bytes).expect("the payload");
    for _ in 0..2 {
        let page = clinic.author.browser.get(&place(&first));
        assert_eq!(page.status, 200);
        assert!(page.text().contains("is damaged or gone"), "{}", page.text());
        assert!(!page.text().contains("/images/") && !page.text().contains("data-zoom-in"), "{}", page.text());
        assert!(page.text().contains("not any more"), "{}", page.text());
    }
    let answer = clinic.author.browser.get(&format!("/images/{image}"));
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("This picture is damaged"), "{}", answer.text());
    let page = clinic.author.browser.get(&compare);
    assert_eq!((page.text().matches("is damaged or gone").count(), page.all_between("/images/", "\"").len()), (1, 1));
    assert!(!page.text().contains("data-overlay"), "{}", page.text());
    for member in [&mut clinic.officer, &mut clinic.admin] {
        let page = page_with(&mut member.browser, DAMAGED);
        assert!(page.contains(&format!("capture:{first}")) && !page.contains(&second), "{page}");
    }
    assert_eq!(clinic.entries("picture-damaged", &first), 1, "however often somebody looks");

    // The other is gone.
    let gone = clinic.payloads().into_iter().find(|path| *path != damaged[0]).expect("the other payload");
    std::fs::remove_file(gone).expect("a file");
    assert!(clinic.author.browser.get(&place(&second)).text().contains("is damaged or gone"));
    until("the second alert", PATIENCE, || {
        clinic.officer.browser.get("/alerts").text().contains(&format!("capture:{second}")).then_some(())
    });
}
