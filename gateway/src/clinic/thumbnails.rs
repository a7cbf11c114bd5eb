//! Sealed thumbnails, in a table of their own: whoever lists pictures asks whether there is one, and does not read it.

use safelight_core::ids::CaptureId;
use sqlx::Row;

use super::ClinicError;
use crate::store::catalog::{Catalog, WriteTx};

/// Keeps the payload of a picture's thumbnail; a picture that is judged again has another.
pub(super) async fn keep(tx: &mut WriteTx, capture: CaptureId, payload: &[u8]) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO thumbnail (capture, payload) VALUES ($1, $2) ON CONFLICT (capture) DO UPDATE SET payload = excluded.payload",
    )
    .bind(capture.as_bytes().to_vec())
    .bind(payload.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// That payload, if the picture has a thumbnail.
pub(super) async fn find(catalog: &Catalog, capture: CaptureId) -> Result<Option<Vec<u8>>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT payload FROM thumbnail WHERE capture = $1")
        .bind(capture.as_bytes().to_vec())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

#[cfg(test)]
mod tests {
    use safelight_core::ids::UnixMillis;

    use crate::clinic::{devices, pictures, schema};
    use crate::store::catalog::Catalog;

    use super::*;

    /// Pictures of a catalog from before thumbnails had a table, and phones that had sent them.
    #[tokio::test]
    async fn a_catalog_of_before_keeps_each_thumbnail_and_knows_when_its_phones_were_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(schema::FILE_NAME);
        let before: Vec<_> = schema::migrations().into_iter().filter(|migration| migration.number < 17).collect();
        let catalog = Catalog::create(path.clone(), &before).await.unwrap();
        let mut tx = catalog.write().await.unwrap();
        // The base point of P-256: a key that everybody has the secret of.
        let key = "x'046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'";
        for sql in [
            "INSERT INTO person (id, name, created_at) VALUES ('one', 'One', 1)".to_owned(),
            format!(
                "INSERT INTO device (id, name, person, model, attestation, status, words, enrol_key, created_at) VALUES
                 (x'{0}', 'phone', 'one', '', 'software', 'active', '', {key}, 1), (x'{1}', 'new', 'one', '', 'software', 'active', '', {key}, 1)",
                "05".repeat(16),
                "06".repeat(16)
            ),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        }
        for (number, thumbnail) in [(1, "x'0102'"), (2, "NULL"), (3, "x'03'")] {
            let sql = format!(
                "INSERT INTO picture (capture, seq, state, reason, device, operator, sequence, manifest, manifest_hash, label, thumbnail,
                     captured_at, stored_at, log_index, pulled_at)
                 VALUES (x'{}', {number}, 'verified', '', x'{}', 'one', {number}, x'00', x'{}', x'00', {thumbnail}, 1, {number}0, 1, 1)",
                format!("0{number}").repeat(16),
                "05".repeat(16),
                "00".repeat(32)
            );
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        catalog.close().await;

        let catalog = Catalog::open(path, &schema::migrations()).await.unwrap();
        for (number, thumbnail) in [(1, Some(vec![1, 2])), (2, None), (3, Some(vec![3]))] {
            let capture = CaptureId::from_bytes([number; 16]);
            let picture = pictures::find(&catalog, capture).await.unwrap().unwrap();
            assert_eq!(picture.has_thumbnail, thumbnail.is_some());
            assert_eq!(find(&catalog, capture).await.unwrap(), thumbnail);
        }
        let seen = devices::list(&catalog).await.unwrap();
        let seen: Vec<_> = seen.iter().map(|device| (device.name.as_str(), device.seen_at)).collect();
        assert_eq!(seen, [("phone", Some(UnixMillis(30))), ("new", None)]);
        // A picture that is judged again has another.
        let mut tx = catalog.write().await.unwrap();
        keep(&mut tx, CaptureId::from_bytes([1; 16]), &[9]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(find(&catalog, CaptureId::from_bytes([1; 16])).await.unwrap(), Some(vec![9]));
    }
}
