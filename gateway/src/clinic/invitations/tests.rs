//! One token, many phones, straight at the store.

use super::*;
use crate::clinic::schema;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

async fn catalog(folder: &std::path::Path) -> Catalog {
    Catalog::create(folder.join(schema::FILE_NAME), &schema::migrations()).await.unwrap()
}

fn invitation(number: u8) -> Invitation {
    Invitation {
        id: InvitationId::from_bytes([number; 16]),
        device_name: "Room 3".to_owned(),
        person: "clinician1".parse().unwrap(),
        created_at: NOW,
        expires_at: UnixMillis(NOW.0 + 1),
        device: None,
        attempts: 0,
        replays: 0,
        voided_at: None,
    }
}

async fn invited(catalog: &Catalog, number: u8) -> InvitationId {
    let made = invitation(number);
    let mut tx = catalog.write().await.unwrap();
    devices::ensure_person(&mut tx, &made.person, NOW).await.unwrap();
    insert(&mut tx, &made, &[number; 32]).await.unwrap();
    tx.commit().await.unwrap();
    made.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e03_of_many_that_burn_one_invitation_exactly_one_hears_yes() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path()).await;
    for round in 0..40 {
        let id = invited(&catalog, round).await;
        let racers = (0..8).map(|racer| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                let mut tx = catalog.write().await.unwrap();
                let won = burn(&mut tx, id, DeviceId::from_bytes([racer; 16]), NOW).await.unwrap();
                tx.commit().await.unwrap();
                won.then_some(racer)
            })
        });
        let mut won = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            won.extend(racer.await.unwrap());
        }
        assert_eq!(won.len(), 1, "round {round}");
        let kept = list(&catalog).await.unwrap().into_iter().find(|kept| kept.id == id).unwrap();
        assert_eq!(kept.device, Some(DeviceId::from_bytes([won[0]; 16])), "the winner is the one that is kept");
    }
}

#[tokio::test]
async fn e04_a_token_ends_in_the_moment_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path()).await;
    let id = invited(&catalog, 1).await;
    let mut tx = catalog.write().await.unwrap();
    assert!(of_token(&mut tx, &[1; 32], NOW).await.unwrap().is_some());
    assert!(of_token(&mut tx, &[1; 32], UnixMillis(NOW.0 + 1)).await.unwrap().is_none());
    assert!(of_token(&mut tx, &[2; 32], NOW).await.unwrap().is_none());
    void(&mut tx, id, NOW).await.unwrap();
    assert!(of_token(&mut tx, &[1; 32], NOW).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert!(open_for_ingest(&catalog, NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn x10_beginnings_and_replays_are_counted_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path()).await;
    let id = invited(&catalog, 1).await;
    let mut tx = catalog.write().await.unwrap();
    assert!(burn(&mut tx, id, DeviceId::from_bytes([1; 16]), NOW).await.unwrap());
    let (mut begun, mut replays) = (1, 0);
    loop {
        let held = of_token(&mut tx, &[1; 32], NOW).await.unwrap().unwrap();
        assert_eq!((held.attempts, held.replays), (begun, replays));
        if begun < MAX_ATTEMPTS {
            assert!(begin_again(&mut tx, &held).await.unwrap());
            begun += 1;
        } else if replays < MAX_REPLAYS {
            replays += 1;
            assert_eq!(replayed(&mut tx, &held).await.unwrap(), replays < MAX_REPLAYS);
        } else {
            assert!(!begin_again(&mut tx, &held).await.unwrap());
            break;
        }
    }
}
