//! The console: what a search and a patient's page cost in a clinic of a hundred times the size, how long names take to be read when the vault is unlocked,
//! and how long it takes from the click to a photograph, beside `age -d` and a copy of a file.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use safelight_core::client::{CancelToken, Client};
use safelight_tests::browser::Browser;
use safelight_tests::pictures::jpeg_writer;
use safelight_tests::staff::{self, Member};

use shared::archive::{self, PICTURES, PROBED};
use shared::camera;
use shared::figures::{ms, quantile, ratio};
use shared::gateway::{Gateway, Running};

/// Pictures of the large clinic; `CONSOLE_PICTURES` overrides it.
const LARGE: u64 = 1_000_000;

/// The small one has so many times fewer.
const TIMES: u64 = 100;

/// Times that each page is asked for, after those that warm up.
const ROUNDS: u64 = 60;
const WARM_UP: u64 = 8;

const PERSON: &str = "clinician1";

#[tokio::main]
async fn main() {
    let large = std::env::var("CONSOLE_PICTURES").map_or(LARGE, |text| text.parse().expect("a number"));
    let mut small = Filled::make(large / TIMES / PICTURES).await;
    let mut large = Filled::make(large / PICTURES).await;
    for page in [Page::Search, Page::OneLetter, Page::Timeline] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..WARM_UP + ROUNDS {
            for (filled, times) in [&mut small, &mut large].into_iter().zip(&mut times) {
                let took = filled.ask(page, round);
                if round >= WARM_UP {
                    times.push(took);
                }
            }
        }
        let [small_time, large_time] = times.map(|mut times| quantile(&mut times, 0.5));
        println!(
            "{}: {} pictures of {} patients against {} of {}: {:.2} ({:.1} and {:.1} ms)",
            page.words(),
            large.patients * PICTURES,
            large.patients,
            small.patients * PICTURES,
            small.patients,
            ratio(large_time, small_time),
            ms(large_time),
            ms(small_time),
        );
    }
    for filled in [&small, &large] {
        println!(
            "unlocked, and the names of {} patients read: {:.1} s, {:.0} microseconds a patient",
            filled.patients,
            filled.unlocking.as_secs_f64(),
            filled.unlocking.as_secs_f64() * 1e6 / f64::from(u32::try_from(filled.patients).expect("a small number")),
        );
    }
    large.click_to_picture();
}

#[derive(Clone, Copy)]
enum Page {
    Search,
    OneLetter,
    Timeline,
}

impl Page {
    const fn words(self) -> &'static str {
        match self {
            Self::Search => "search by the beginning of a name",
            Self::OneLetter => "search by one letter",
            Self::Timeline => "a patient's page",
        }
    }
}

struct Filled {
    /// Ends before its folder goes.
    running: Option<Running>,
    gateway: Gateway,
    member: Member,
    patients: u64,
    unlocking: Duration,
    photograph: String,
}

impl Filled {
    async fn make(patients: u64) -> Self {
        let gateway = Gateway::make();
        let device = gateway.enrol(1).await.pop().expect("a device");
        // A photograph that the rows of the others are made after, one that is clicked on, and somebody who may.
        let running = gateway.start(true, &device).await;
        send(&device, &jpeg_writer::picture(64, 48, &[0x11], 0, 1).to_vec(|_| Vec::new())).await;
        let photograph = send(&device, &camera::photograph()).await;
        gateway.settled(true).await;
        let browser = browser(&gateway);
        let mut admin = staff::join_first(browser.clone(), &gateway.console_code());
        let member = admin.adds_with(browser, PERSON, "Carla Clinician", "clinician");
        running.end();
        archive::fill(&gateway, patients, PERSON).await;
        let running = gateway.start(true, &device).await;
        // The console of a large clinic may come up after its ingest.
        while std::net::TcpStream::connect(&member.browser.place).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut filled =
            Self { running: Some(running), gateway, member, patients, unlocking: Duration::ZERO, photograph };
        // The file system has all of it once: what is measured next is work, not a disk that sleeps.
        filled.lock(&mut admin);
        filled.unlocking = filled.unlock(&mut admin);
        filled
    }

    fn lock(&self, admin: &mut Member) {
        self.wait_for_names(admin);
        assert_eq!(admin.posts("/vault/lock", &[]).status, 200);
    }

    /// Until the last name is known.
    fn unlock(&self, admin: &mut Member) -> Duration {
        let passphrase = self.gateway.passphrase_text();
        assert_eq!(admin.posts("/vault/unlock", &[("passphrase", &passphrase)]).status, 200);
        // Deriving the key from the passphrase is scrypt's second, and not counted.
        let start = Instant::now();
        self.wait_for_names(admin);
        start.elapsed()
    }

    fn wait_for_names(&self, admin: &mut Member) {
        std::thread::sleep(Duration::from_millis(20));
        while admin.browser.get("/vault/names").text().contains("progress") {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask(&mut self, page: Page, round: u64) -> Duration {
        let token = self.member.browser.get("/account").field("token");
        let name = archive::name(round * 7919 % self.patients);
        let start = Instant::now();
        let (answer, expected) = match page {
            Page::Search => {
                (self.member.browser.post("/patients/found", &[("token", &token), ("query", &name[..5])]), name)
            }
            Page::OneLetter => (
                self.member.browser.post("/patients/found", &[("token", &token), ("query", &name[..1])]),
                "href=\"/patients/".to_owned(),
            ),
            Page::Timeline => {
                let handle = archive::handle(round % PROBED.min(self.patients));
                let reference = data_encoding::BASE32_NOPAD.encode(&handle).to_lowercase();
                (self.member.browser.get(&format!("/patients/{reference}")), "/pictures/".to_owned())
            }
        };
        let took = start.elapsed();
        assert!(answer.status == 200 && answer.text().contains(&expected), "{}", answer.text());
        took
    }

    /// The picture's page and the picture, beside what somebody would do with the sealed file and the vault's identity.
    fn click_to_picture(&mut self) {
        let sealed = self.gateway.beside().join("picture.age");
        self.gateway.export(&self.photograph, &sealed);
        let identity = self.gateway.beside().join("recovery");
        let (mut clicks, mut by_hand) = (Vec::new(), Vec::new());
        let mut len = 0;
        for round in 0..WARM_UP + 20 {
            let start = Instant::now();
            let page = self.member.browser.get(&format!("/pictures/{}", self.photograph));
            let image = page.all_between("src=\"/images/", "\"").pop().expect("the picture");
            let shown = self.member.browser.get(&format!("/images/{image}"));
            let click = start.elapsed();
            len = shown.body.len();
            let start = Instant::now();
            let opened = self.gateway.beside().join("opened.jpg");
            let mut age = Command::new("age");
            age.arg("-d").arg("-i").arg(&identity).arg("-o").arg(&opened).arg(&sealed).stdin(Stdio::null());
            assert!(age.status().expect("age").success());
            let copied = std::fs::copy(&opened, self.gateway.beside().join("copy.jpg")).expect("a copy");
            let hand = start.elapsed();
            assert_eq!(usize::try_from(copied).ok(), Some(len), "another picture");
            if round >= WARM_UP {
                clicks.push(click);
                by_hand.push(hand);
            }
        }
        let [click, hand] = [clicks, by_hand].map(|mut times| quantile(&mut times, 0.5));
        println!(
            "from the click to a photograph of {:.1} MB over loopback, against `age -d` and a copy: {:.2} ({:.1} and {:.1} ms)",
            f64::from(u32::try_from(len).expect("a small number")) / 1e6,
            ratio(click, hand),
            ms(click),
            ms(hand),
        );
        drop(self.running.take());
    }
}

fn browser(gateway: &Gateway) -> Browser {
    let pem = std::fs::read_to_string(gateway.layout().clinic().join("ca.crt")).expect("the CA's certificate");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = data_encoding::BASE64.decode(body.as_bytes()).expect("PEM");
    Browser::new(&gateway.config().console_listen.expect("a console").to_string(), der)
}

async fn send(device: &Client, photo: &[u8]) -> String {
    let capture = camera::capture(device, photo, 1);
    device.upload(&capture, |_| (), &CancelToken::default()).await.expect("a receipt");
    capture.id().to_string()
}
