//! The rules on a real log, with the time as an argument.

use ed25519_dalek::SigningKey;
use safelight_core::ids::DeviceId;
use safelight_core::manifest::OperatorId;
use tempfile::TempDir;

use super::*;
use crate::alert::book::{Alert, MAX_OPEN, MORE, State};
use crate::clinic::access::{Actor, Event};
use crate::clinic::schema;
use crate::config::alert::WebhookConfig;
use crate::log::MerkleLog;
use crate::store::catalog::Catalog;

const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;
/// A noon.
const NOON: u64 = 20_000 * DAY + 12 * HOUR;

struct Place {
    _folder: TempDir,
    access: AccessLog,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(folder.path().join("clinic.db"), &schema::migrations()).await.unwrap();
        let key = SigningKey::from_bytes(&[5; 32]);
        let log = MerkleLog::new(catalog, "clinic.example/access", key.verifying_key()).unwrap();
        Self { _folder: folder, access: AccessLog::new(log, key) }
    }

    async fn did(&self, by: &str, at: u64, event: Event<'_>) {
        let actor = Actor::Person(by.parse().unwrap());
        let mut tx = self.access.log().catalog().write().await.unwrap();
        self.access.record(&mut tx, &actor, UnixMillis(at), &[event]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn follow(&self, config: &AlertConfig, now: u64) {
        while step(&self.access, config, UnixMillis(now)).await.unwrap() {}
    }

    async fn open(&self) -> Vec<Alert> {
        book::list(self.access.log().catalog(), &Code::ALL, State::Open, None, 500).await.unwrap()
    }

    async fn said(&self) -> Vec<(Code, String, u64)> {
        let of = |alert: Alert| (alert.code, alert.subject, alert.count);
        self.open().await.into_iter().map(of).rev().collect()
    }
}

fn patient(number: u64) -> [u8; 32] {
    let mut patient = [0; 32];
    patient[..8].copy_from_slice(&number.to_be_bytes());
    patient
}

#[tokio::test]
async fn each_entry_counts_once_and_the_same_thing_within_a_day_is_one_alert() {
    let (place, config) = (Place::new().await, AlertConfig::default());
    place.did("a", NOON, Event::LogRead).await;
    place.follow(&config, NOON).await;
    assert_eq!(place.said().await, [], "the control");
    for hour in 0..3 {
        place.did("a", NOON + hour * HOUR, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
        place.follow(&config, NOON + hour * HOUR).await;
        // What it has put on record itself, and what it has seen, raises nothing more.
        place.follow(&config, NOON + hour * HOUR).await;
    }
    let person = "person:a".to_owned();
    assert_eq!(place.said().await, [(Code::EmergencyAccess, person.clone(), 3)]);
    let later = NOON + 2 * HOUR + DAY + 1;
    place.did("a", later, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, later).await;
    assert_eq!(place.said().await.len(), 2, "another day is another alert");
}

#[tokio::test]
async fn a_closed_alert_stays_closed_and_the_next_is_another() {
    let (place, config) = (Place::new().await, AlertConfig::default());
    let catalog = place.access.log().catalog().clone();
    place.did("a", NOON, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON).await;
    let first = place.open().await.remove(0).id;
    let mut tx = catalog.write().await.unwrap();
    sqlx::query("INSERT INTO person (id, created_at) VALUES ('officer', 1)").execute(&mut *tx).await.unwrap();
    let officer: OperatorId = "officer".parse().unwrap();
    assert!(book::take(&mut tx, &first, &officer).await.unwrap());
    assert!(!book::take(&mut tx, &first, &officer).await.unwrap());
    assert!(book::close(&mut tx, &first, &officer, None, UnixMillis(NOON)).await.unwrap());
    assert!(!book::close(&mut tx, &first, &officer, None, UnixMillis(NOON)).await.unwrap());
    tx.commit().await.unwrap();
    place.did("a", NOON + 1, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON + 1).await;
    let open = place.open().await;
    assert!(open.len() == 1 && open[0].id != first);
    // Something that goes on is not raised anew on the day on which somebody has closed it.
    let alarm = Alarm { code: Code::DiskLow, subject: "volume:data".to_owned() };
    let raise = async |now| {
        let mut tx = catalog.write().await.unwrap();
        let now = UnixMillis(now);
        book::raise(&mut tx, &place.access, &config, &alarm, (now, now), true).await.unwrap();
        tx.commit().await.unwrap();
    };
    raise(NOON).await;
    let low = place.open().await.remove(0);
    assert_eq!(low.code, Code::DiskLow);
    let mut tx = catalog.write().await.unwrap();
    assert!(book::close(&mut tx, &low.id, &officer, None, UnixMillis(NOON)).await.unwrap());
    tx.commit().await.unwrap();
    raise(NOON + HOUR).await;
    assert_eq!(place.open().await.len(), 1);
    raise(NOON + DAY + HOUR).await;
    assert_eq!(place.open().await.len(), 2);
}

#[tokio::test]
async fn failures_and_denials_add_up_for_each_person_and_not_for_all() {
    let (place, config) = (Place::new().await, AlertConfig::default());
    let (a, b): (OperatorId, OperatorId) = ("a".parse().unwrap(), "b".parse().unwrap());
    for minute in 0..4 {
        for person in [&a, &b] {
            place.did("x", NOON + minute * 60_000, Event::LogInFailed(person, "password")).await;
        }
    }
    for number in 0..9 {
        for person in ["a", "b"] {
            place.did(person, NOON + number, Event::Denied("picture", 0)).await;
        }
    }
    place.follow(&config, NOON + HOUR).await;
    assert_eq!(place.said().await, [], "the control");
    place.did("x", NOON + 5 * 60_000, Event::LogInFailed(&a, "code")).await;
    place.did("b", NOON + HOUR, Event::Denied("patient", 0)).await;
    place.follow(&config, NOON + HOUR).await;
    let said = place.said().await;
    assert_eq!(said, [(Code::LogInFailures, "person:a".to_owned(), 1), (Code::Denied, "person:b".to_owned(), 1)]);
}

#[tokio::test]
async fn c18_a_person_s_own_past_says_what_is_unusual() {
    let (place, config) = (Place::new().await, AlertConfig { at_least: 2, ..AlertConfig::default() });
    // The day before: two patients, one of them again and again.
    for number in [1, 2, 1, 1, 2, 1] {
        place.did("a", NOON - DAY, Event::PatientViewed(patient(number))).await;
    }
    for number in 0..6 {
        place.did("a", NOON, Event::PatientViewed(patient(number))).await;
    }
    place.follow(&config, NOON).await;
    assert_eq!(place.said().await, [], "three times the day before is not more than that");
    place.did("a", NOON, Event::PatientViewed(patient(5))).await;
    place.follow(&config, NOON).await;
    assert_eq!(place.said().await, [], "the same patient again");
    place.did("a", NOON, Event::PatientViewed(patient(6))).await;
    place.did("b", NOON, Event::PatientViewed(patient(6))).await;
    place.follow(&config, NOON).await;
    assert_eq!(place.said().await, [(Code::UnusualPatients, "person:a".to_owned(), 1)]);
}

#[tokio::test]
async fn what_is_older_than_a_day_is_no_news() {
    let (place, config) = (Place::new().await, AlertConfig::default());
    place.did("a", NOON, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON + DAY + 1).await;
    assert_eq!(place.said().await, []);
    place.did("a", NOON + 2, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON + DAY + 1).await;
    assert_eq!(place.said().await.len(), 1, "the control");
}

#[tokio::test]
async fn a_thousand_alerts_do_not_hide_one_of_another_kind() {
    let (place, config) = (Place::new().await, AlertConfig { denied: 1, ..AlertConfig::default() });
    let people = MAX_OPEN + 30;
    for number in 0..people {
        place.did(&format!("p{number}"), NOON, Event::Denied("picture", 0)).await;
    }
    place.did("a", NOON, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON).await;
    let said = place.said().await;
    assert_eq!(u64::try_from(said.len()).unwrap(), MAX_OPEN + 2);
    assert!(said.contains(&(Code::Denied, MORE.to_owned(), 30)), "{said:?}");
    assert!(said.contains(&(Code::EmergencyAccess, "person:a".to_owned(), 1)));
}

#[tokio::test]
async fn an_entry_that_is_gone_is_trouble_in_the_middle_and_at_the_end() {
    for (gone, expected) in [("idx = 1", 1), ("idx >= 2", 1), ("idx = 99", 0)] {
        let (place, config) = (Place::new().await, AlertConfig::default());
        let tamper = async || {
            let mut tx = place.access.log().catalog().write().await.unwrap();
            let sql = format!("DELETE FROM log_entry WHERE {gone}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        for number in 0..3 {
            place.did("a", NOON + number, Event::LogRead).await;
        }
        if gone == "idx = 1" {
            tamper().await;
        } else {
            place.follow(&config, NOON).await;
            tamper().await;
        }
        place.follow(&config, NOON).await;
        let said = place.said().await;
        let trouble = vec![(Code::LogTrouble, "log:access".to_owned(), 1); expected];
        assert_eq!(said, trouble, "{gone}");
    }
}

#[tokio::test]
async fn what_is_to_be_sent_is_kept_and_given_up_in_the_end() {
    use crate::alert::deliver::Way;
    let webhook = WebhookConfig { url: "https://hooks.example/".to_owned(), key_file: "k".into(), ca_file: None };
    let config = AlertConfig { webhook: Some(webhook), ..AlertConfig::default() };
    let place = Place::new().await;
    let catalog = place.access.log().catalog();
    place.did("a", NOON, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON).await;
    let id = place.open().await.remove(0).id;
    let due = async |now| book::due(catalog, Way::Webhook, UnixMillis(now)).await.unwrap();
    assert_eq!(due(NOON).await, [(id, 0)]);
    book::tried(catalog, &id, Way::Webhook, Some(UnixMillis(NOON + 2000)), "status").await.unwrap();
    assert_eq!(due(NOON + 1999).await, []);
    assert_eq!(due(NOON + 2000).await, [(id, 1)]);
    let waiting = |waiting| {
        vec![book::Undelivered { way: "webhook".to_owned(), problem: "status".to_owned(), alerts: 1, waiting }]
    };
    assert_eq!(book::undelivered(catalog).await.unwrap(), waiting(1));
    book::tried(catalog, &id, Way::Webhook, None, "status").await.unwrap();
    assert_eq!(book::undelivered(catalog).await.unwrap(), waiting(0));
    assert_eq!(due(u64::MAX >> 2).await, []);
    book::tried(catalog, &id, Way::Webhook, None, "").await.unwrap();
    assert_eq!(book::undelivered(catalog).await.unwrap(), [], "sent");
}

#[tokio::test]
async fn a_revoked_phone_that_knocks_all_day_is_one_alert_with_a_count() {
    let (place, config) = (Place::new().await, AlertConfig::default());
    let (one, other) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
    for hour in 0..20 {
        place.did("a", NOON + hour * HOUR, Event::RevokedDeviceKnocked(one, 3)).await;
        place.follow(&config, NOON + hour * HOUR).await;
    }
    place.did("a", NOON + 20 * HOUR, Event::RevokedDeviceKnocked(other, 1)).await;
    place.follow(&config, NOON + 20 * HOUR).await;
    let said = |device: DeviceId, count| (Code::RevokedDevice, format!("device:{device}"), count);
    assert_eq!(place.said().await, [said(one, 20), said(other, 1)]);
}

#[tokio::test]
async fn each_way_is_tried_by_itself() {
    use crate::alert::deliver::Way;
    let webhook = WebhookConfig { url: "https://hooks.example/".to_owned(), key_file: "k".into(), ca_file: None };
    let mail = toml::from_str("server = 'm.example'\nfrom = 'a@b.example'\nto = ['c@d.example']").unwrap();
    let config = AlertConfig { webhook: Some(webhook), mail: Some(mail), ..AlertConfig::default() };
    let place = Place::new().await;
    let catalog = place.access.log().catalog();
    place.did("a", NOON, Event::EmergencyBegun([1; 16], [2; 32], "acute")).await;
    place.follow(&config, NOON).await;
    let id = place.open().await.remove(0).id;
    let due = async |way| book::due(catalog, way, UnixMillis(NOON)).await.unwrap();
    assert_eq!((due(Way::Webhook).await, due(Way::Mail).await), (vec![(id, 0)], vec![(id, 0)]));
    book::tried(catalog, &id, Way::Mail, None, "").await.unwrap();
    assert_eq!((due(Way::Webhook).await, due(Way::Mail).await), (vec![(id, 0)], vec![]));
    book::abandon(catalog, Way::Webhook).await.unwrap();
    assert_eq!(due(Way::Webhook).await, []);
}
