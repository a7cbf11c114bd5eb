//! What browsers are told, and what is refused whoever asks.

use safelight_gateway::console::{ROUTES, Who};
use safelight_tests::gateway::hostile::Attack;
use safelight_tests::gateway::phone::LABEL;
use safelight_tests::gateway::program::{command, finish, safelight};
use safelight_tests::staff::browser;

use super::stage::Clinic;

#[test]
fn c14_c16_every_answer_says_what_a_browser_may_do_with_it() {
    let mut clinic = Clinic::open();
    let picture = format!("/pictures/{}", clinic.picture);
    let image = clinic.author.browser.get(&picture).all_between("src=\"/images/", "\"").pop().expect("the picture");
    let image = format!("/images/{image}");
    for path in ["/login", "/patients", "/nowhere", "/account", &clinic.patient, &picture, &image] {
        let answer = clinic.author.browser.get(path);
        for (name, value) in [
            ("cache-control", "no-store, private"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert!(
            !answer.text().contains("<script>") && !answer.text().contains(" onload="),
            "{path} has a script in it"
        );
    }
    // A host that is not this console's, as an attacker's name that points here would have it.
    for host in ["evil.example", "evil.example:8443", "127.0.0.1"] {
        let answer = clinic.author.browser.ask("GET", "/patients", &[("Host", host)], None);
        assert_eq!(answer.status, 421, "{host}");
    }
}

#[test]
fn c02_no_other_site_changes_anything() {
    let mut clinic = Clinic::open();
    let token = clinic.admin.browser.get("/account").field("token");
    for (method, route, _) in ROUTES.iter().filter(|(method, ..)| *method == "post") {
        for headers in [
            &[][..],
            &[("Origin", "https://evil.example")],
            &[("Origin", "null")],
            &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        ] {
            let path = route.replace("{device}", "x").replace("{person}", "root.admin");
            let answer = clinic.admin.browser.ask("POST", &path, headers, Some(&format!("token={token}")));
            assert_eq!(answer.status, 403, "{method} {route} {headers:?}");
        }
    }
    assert_eq!(clinic.admin.browser.get("/people").status, 200, "still logged in, and not shut out");
}

#[test]
fn c15_a_picture_comes_whole_whatever_part_was_asked_for() {
    let mut clinic = Clinic::open();
    let page = clinic.author.browser.get(&format!("/pictures/{}", clinic.picture));
    let image = format!("/images/{}", page.all_between("src=\"/images/", "\"").pop().expect("the picture"));
    let whole = clinic.author.browser.get(&image);
    for range in ["bytes=0-0", "bytes=-1", "bytes=0-1,2-3,4-5", "bytes=999999999-", "bytes=5-1", "lines=1"] {
        let answer = clinic.author.browser.ask("GET", &image, &[("Range", range)], None);
        assert_eq!((answer.status, &answer.body), (200, &whole.body), "{range}");
        assert_eq!(answer.header("accept-ranges"), "none");
    }
}

#[test]
fn c17_a_damaged_picture_is_an_error_and_not_a_part_of_it() {
    let mut clinic = Clinic::open();
    let page = clinic.author.browser.get(&format!("/pictures/{}", clinic.picture));
    let image = format!("/images/{}", page.all_between("src=\"/images/", "\"").pop().expect("the picture"));
    assert_eq!(clinic.author.browser.get(&image).status, 200, "the control");
    let blob = std::fs::read_dir(clinic.gateway.data().join("ingest/blobs"))
        .expect("blobs")
        .flat_map(|shard| walk(&shard.expect("an entry").path()))
        .next()
        .expect("the payload");
    let mut bytes = std::fs::read(&blob).expect("the payload");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&blob, bytes).expect("the payload");
    let answer = clinic.author.browser.get(&image);
    assert_eq!(answer.status, 500);
    assert!(answer.header("content-type").starts_with("text/html"), "{:?}", answer.headers);
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    std::fs::read_dir(path).expect("a folder").flat_map(|entry| walk(&entry.expect("an entry").path())).collect()
}

#[test]
fn c03_markup_in_names_and_notes_is_text() {
    let mut clinic = Clinic::open();
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let label = LABEL
        .replace("Quittländer, Zoë", evil)
        .replace("left forearm", "\\\"><svg onload=alert(3)>")
        .replace("MRN-77812-04", "X-1");
    let label = label.replace('}', ",\"note\":\"</dd><script>alert(4)</script>\"}");
    let folder = clinic.gateway.path("room3");
    let photo = clinic.gateway.path("photo.jpg");
    let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
    let sent = finish(command(safelight(), &args), label.as_bytes()).ok().json();
    let id = sent[0]["id"].as_str().expect("an id").to_owned();
    clinic.gateway.pictures_in(&["verified"], 2);
    let author = &mut clinic.author;
    let found = safelight_tests::gateway::program::until("the patient", std::time::Duration::from_secs(30), || {
        let page = author.browser.get("/patients");
        page.text().contains("onerror").then_some(page)
    });
    let page = author.browser.get(&format!("/pictures/{id}"));
    assert_eq!(page.status, 200);
    for page in [found, page] {
        let text = page.text();
        for raw in ["<script>alert", "<img src=x", "<svg onload"] {
            assert!(!text.contains(raw), "{raw} in {text}");
        }
        assert!(text.contains("&#60;script&#62;") || text.contains("&lt;script&gt;"), "{text}");
    }
}

#[test]
fn c06_c19_addresses_are_parsed_and_lead_nowhere_else() {
    let mut clinic = Clinic::open();
    for path in [
        "//evil.example",
        "/login?next=https://evil.example",
        "/static/../clinic.db",
        "/static/%2e%2e%2fclinic.db",
        "/static/console.css%00",
        "/log?before=-1",
        "/log?before=99999999999999999999",
    ] {
        let answer = clinic.officer.browser.ask("GET", path, &[], None);
        assert!([200, 400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.header("location").contains("evil"), "{path}");
    }
    let answer = clinic.officer.browser.ask("GET", "/login?next=https://evil.example", &[], None);
    assert!(!answer.text().contains("evil.example"));
    // Too much is refused before it is read.
    let long = "x".repeat(100_000);
    let mut stranger = browser(&clinic.gateway);
    assert_eq!(stranger.submit("/login", &[("name", &long), ("password", "x"), ("code", "x")]).status, 413);
}

/// A stolen phone has a certificate of the same CA. The console asks nobody for one, and believes none.
#[test]
fn t11_a_devices_certificate_opens_nothing_of_the_console() {
    let mut clinic = Clinic::open();
    let (tls, server_name) = Attack::with(&clinic.phone).tls();
    let certificate = tls.client_auth_cert_resolver.clone();
    assert!(!browser(&clinic.gateway).takes(tls, &server_name), "the phone's own protocol");
    let mut thief = browser(&clinic.gateway).with_certificate(certificate.clone());
    for (method, route, who) in ROUTES {
        if *who == Who::Anybody {
            continue;
        }
        let path = route.replace(['{', '}'], "");
        let answer = if *method == "get" { thief.ask("GET", &path, &[], None) } else { thief.submit(&path, &[]) };
        assert_eq!((answer.status, answer.header("location")), (303, "/login"), "{method} {route}");
    }
    let mut author = clinic.author.browser.clone().with_certificate(certificate);
    assert_eq!(
        author.get("/patients").status,
        200,
        "the control: the connection itself is taken, for who is logged in"
    );
    assert_eq!(clinic.author.browser.get("/patients").status, 200);
}
