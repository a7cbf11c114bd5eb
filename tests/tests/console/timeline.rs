//! A patient of many pictures.

use safelight_tests::gateway::text;
use safelight_tests::pictures::small;

use super::stage::Clinic;

#[test]
fn a_long_timeline_goes_on_where_it_stopped_and_with_nobody_elses_picture() {
    let mut clinic = Clinic::open();
    let paths: Vec<String> = (2..=62)
        .map(|seed| {
            let path = clinic.gateway.path(&format!("{seed}.jpg"));
            std::fs::write(&path, small::photo(seed)).expect("a file");
            path
        })
        .collect();
    clinic.phone.send(&paths.iter().map(String::as_str).collect::<Vec<_>>()).ok();
    let all = clinic.gateway.pictures_in(&["verified"], 62);
    let ids = |page: &str| -> Vec<String> {
        let parts = page.split("<a href=\"/pictures/").skip(1);
        parts.filter_map(|part| part.split_once('"').map(|(id, _)| id.to_owned())).collect()
    };
    let first = clinic.author.browser.get(&clinic.patient);
    let newest = ids(&first.text());
    assert_eq!(newest.len(), 60);
    let more =
        first.all_between("href=\"/patients/", "\"").into_iter().find(|href| href.contains("before=")).expect("more");
    let second = clinic.author.browser.get(&format!("/patients/{more}"));
    let oldest = ids(&second.text());
    assert_eq!(oldest.len(), 2);
    assert!(!second.text().contains("before="), "there is nothing older");
    let mut seen: Vec<&str> = newest.iter().chain(&oldest).map(String::as_str).collect();
    let mut sent: Vec<&str> = all.iter().map(|picture| text(picture, "id")).collect();
    seen.sort_unstable();
    sent.sort_unstable();
    assert_eq!(seen, sent, "each of them once");
    for before in ["x", "00000000-0000-7000-8000-000000000000", "%27%20OR%201=1"] {
        let page = clinic.author.browser.get(&format!("{}?before={before}", clinic.patient));
        assert_eq!(page.status, 404, "{before}");
    }
    assert_eq!(clinic.other.browser.get(&format!("/patients/{more}")).status, 404);
}
