//! Everything that a hand in the database could do to a log, and where it is found.

use super::*;

#[tokio::test]
async fn a01_an_edited_entry_is_named() {
    for index in [0, 4, 7, 19] {
        let (_place, log, _) = twenty().await;
        tamper(&log, &format!("UPDATE log_entry SET entry = x'00' WHERE idx = {index}")).await;
        assert_eq!(finding(&log, &[]).await, Finding { first: index, last: index, fault: Fault::Changed });
    }
}

#[tokio::test]
async fn a01_a_deleted_entry_is_named() {
    for index in [0, 7, 18] {
        let (_place, log, _) = twenty().await;
        tamper(&log, &format!("DELETE FROM log_entry WHERE idx = {index}")).await;
        assert_eq!(finding(&log, &[]).await, Finding { first: index, last: index, fault: Fault::Missing });
    }
    let (_place, log, _) = twenty().await;
    tamper(&log, "DELETE FROM log_entry WHERE idx = 7; UPDATE log_entry SET idx = idx - 1 WHERE idx > 7").await;
    let shifted = finding(&log, &[]).await;
    assert_eq!((shifted.first, shifted.fault), (7, Fault::Changed), "deleted, and the gap closed");
}

#[tokio::test]
async fn a01_an_inserted_entry_is_named() {
    let (_place, log, _) = twenty().await;
    // Upwards in one statement each, from the end, as the index is unique.
    for index in (7..20).rev() {
        tamper(&log, &format!("UPDATE log_entry SET idx = {} WHERE idx = {index}", index + 1)).await;
    }
    tamper(&log, "INSERT INTO log_entry VALUES (7, x'00')").await;
    assert_eq!(finding(&log, &[]).await.first, 7);

    let (_place, log, _) = twenty().await;
    tamper(&log, "INSERT INTO log_entry VALUES (20, x'00')").await;
    assert_eq!(finding(&log, &[]).await, Finding { first: 20, last: 20, fault: Fault::Changed });

    let (_place, log, _) = twenty().await;
    tamper(&log, "INSERT INTO log_entry VALUES (-1, x'00')").await;
    assert_eq!(finding(&log, &[]).await.fault, Fault::Changed);
}

#[tokio::test]
async fn a01_reordered_entries_are_named() {
    let (_place, log, _) = twenty().await;
    tamper(
        &log,
        "UPDATE log_entry SET idx = 100 WHERE idx = 6; UPDATE log_entry SET idx = 6 WHERE idx = 13;
         UPDATE log_entry SET idx = 13 WHERE idx = 100",
    )
    .await;
    assert_eq!(finding(&log, &[]).await, Finding { first: 6, last: 6, fault: Fault::Changed });
}

#[tokio::test]
async fn a01_an_entry_edited_with_its_own_hash_is_found_by_its_subtree() {
    let (_place, log, _) = twenty().await;
    let hash = data_encoding::HEXLOWER.encode(&leaf_hash(&[0]));
    tamper(
        &log,
        &format!(
            "UPDATE log_entry SET entry = x'00' WHERE idx = 6;
             UPDATE log_node SET hash = x'{hash}' WHERE level = 0 AND pos = 6"
        ),
    )
    .await;
    assert_eq!(finding(&log, &[]).await, Finding { first: 6, last: 7, fault: Fault::Tree });
}

#[tokio::test]
async fn a01_changed_missing_and_added_hashes_are_found() {
    let sqls = [
        ("UPDATE log_node SET hash = x'00' WHERE level = 0 AND pos = 3", 3, Fault::Changed),
        ("DELETE FROM log_node WHERE level = 2 AND pos = 1", 4, Fault::Tree),
        ("INSERT INTO log_node VALUES (0, 20, x'00')", 20, Fault::Tail),
        ("INSERT INTO log_node VALUES (-1, 0, x'00')", 20, Fault::Tail),
        ("UPDATE log_checkpoint SET size = 11 WHERE size = 10", 11, Fault::Forged),
        ("UPDATE log_checkpoint SET note = 'x' WHERE size = 10", 10, Fault::Forged),
    ];
    for (sql, first, fault) in sqls {
        let (_place, log, _) = twenty().await;
        tamper(&log, sql).await;
        let found = finding(&log, &[]).await;
        assert_eq!((found.first, found.fault), (first, fault), "{sql}");
    }
}

/// The tables without entries from `size` on, as if they had never been; checkpoints too if `forget`.
async fn truncate(log: &MerkleLog, size: u64, forget: bool) {
    tamper(log, &format!("DELETE FROM log_entry WHERE idx >= {size}")).await;
    tamper(log, &format!("DELETE FROM log_node WHERE ((pos + 1) << level) > {size}")).await;
    if forget {
        tamper(log, &format!("DELETE FROM log_checkpoint WHERE size > {size}")).await;
    }
}

#[tokio::test]
async fn a02_a_truncated_tail_is_found() {
    let (_place, log, _) = twenty().await;
    tamper(&log, "DELETE FROM log_entry WHERE idx >= 17").await;
    assert_eq!(finding(&log, &[]).await.first, 17, "the hashes are left");

    let (_place, log, _) = twenty().await;
    truncate(&log, 17, false).await;
    assert_eq!(finding(&log, &[]).await, Finding { first: 17, last: 19, fault: Fault::Truncated });

    let (_place, log, signed) = twenty().await;
    truncate(&log, 17, true).await;
    let inside = log.verify(&[]).await.unwrap();
    assert_eq!((inside.size, inside.signed), (17, 15), "nothing inside can show it");
    assert!(log.verify(&[signed[2].text()]).await.is_ok());
    let outside = finding(&log, &[signed[2].text(), signed[3].text()]).await;
    assert_eq!(outside, Finding { first: 17, last: 19, fault: Fault::Truncated });
}

#[tokio::test]
async fn a02_a_truncated_log_takes_no_more_entries() {
    let (place, log, _) = twenty().await;
    truncate(&log, 17, false).await;
    let mut tx = log.catalog().write().await.unwrap();
    let append = log.append(&mut tx, &[numbered(17)]).await;
    assert!(matches!(append, Err(LogError::Truncated { size: 17, signed: 20 })), "{append:?}");
    let sign = log.sign(&mut tx, &place.key, UnixMillis(0)).await;
    assert!(matches!(sign, Err(LogError::Truncated { .. })));
}

#[tokio::test]
async fn a_tree_without_the_nodes_that_an_entry_joins_to_takes_no_more_entries() {
    let (_place, log, _) = twenty().await;
    tamper(&log, "DELETE FROM log_node WHERE level = 4 AND pos = 0").await;
    let mut tx = log.catalog().write().await.unwrap();
    log.append(&mut tx, &vec![vec![0]; 11]).await.unwrap();
    let append = log.append(&mut tx, &[vec![0]]).await;
    assert!(matches!(append, Err(LogError::Damaged)), "entry 31 completes the tree of 32: {append:?}");
}

#[tokio::test]
async fn a03_a_log_rewritten_with_a_valid_chain_is_found_from_outside() {
    let (place, log, signed) = twenty().await;
    tamper(&log, "DELETE FROM log_entry; DELETE FROM log_node; DELETE FROM log_checkpoint").await;
    // By someone with the log's own key, all entries but one the same.
    for index in 0..20 {
        let entry = if index == 12 { numbered(1200) } else { numbered(index) };
        let mut tx = log.catalog().write().await.unwrap();
        log.append(&mut tx, &[entry]).await.unwrap();
        log.sign(&mut tx, &place.key, UnixMillis(index * DAY)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let inside = log.verify(&[]).await.unwrap();
    assert_eq!((inside.size, inside.signed, inside.checkpoints), (20, 20, 20));
    let outside = finding(&log, &[signed[3].text()]).await;
    assert_eq!(outside, Finding { first: 0, last: 19, fault: Fault::Rewritten });
    let outside = finding(&log, &[signed[1].text(), signed[3].text(), signed[2].text()]).await;
    assert_eq!(outside.fault, Fault::Rewritten);
    assert_eq!((outside.first, outside.last), (10, 14), "between the last that agrees and the first that does not");
    assert!(log.verify(&[signed[0].text(), signed[1].text()]).await.is_ok(), "the first ten are the same");
}

#[tokio::test]
async fn a03_rewritten_without_the_key_it_is_found_from_inside() {
    let (place, log, _) = twenty().await;
    tamper(&log, "DELETE FROM log_entry; DELETE FROM log_node").await;
    let thief = MerkleLog::new(log.catalog().clone(), ORIGIN, place.key.verifying_key()).unwrap();
    tamper(&log, "CREATE TABLE kept AS SELECT * FROM log_checkpoint; DELETE FROM log_checkpoint").await;
    let mut tx = log.catalog().write().await.unwrap();
    let entries: Vec<_> = (0..20).map(|index| numbered(if index == 12 { 99 } else { index })).collect();
    thief.append(&mut tx, &entries).await.unwrap();
    let wrong_key = thief.sign(&mut tx, &SigningKey::from_bytes(&[6; 32]), UnixMillis(0)).await;
    assert!(matches!(wrong_key, Err(LogError::OtherKey)));
    tx.commit().await.unwrap();
    tamper(&log, "INSERT INTO log_checkpoint SELECT * FROM kept").await;
    let found = finding(&log, &[]).await;
    assert_eq!(found, Finding { first: 10, last: 14, fault: Fault::Rewritten });
}
