//! What every database must do for the rooms, and what SQLite must do besides.

use std::os::unix::fs::PermissionsExt;

use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::store::faults::testing::Script;
use crate::store::migrate::SchemaError;

const FIRST: Migration =
    Migration { number: 1, name: "things", sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT, bytes BYTEA);" };
const SECOND: Migration = Migration {
    number: 2,
    name: "parts",
    sql: "CREATE TABLE part (id BIGINT PRIMARY KEY, thing BIGINT NOT NULL REFERENCES thing (id));
          INSERT INTO thing (id, name) VALUES (100, 'made by a migration');",
};

/// A place for a database, and databases opened there as often as a test wants.
trait Backend {
    fn location(&self) -> Location;
}

struct SqliteBackend(TempDir);

impl SqliteBackend {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self) -> PathBuf {
        // A name in which each character would mean something in an address.
        self.0.path().join("a b?c#d%2e&é.db")
    }
}

impl Backend for SqliteBackend {
    fn location(&self) -> Location {
        self.path().into()
    }
}

async fn insert(tx: &mut WriteTx, id: u64) -> Result<(), CatalogError> {
    sqlx::query("INSERT INTO thing (id, name, bytes) VALUES ($1, $2, $3)")
        .bind(int(id)?)
        .bind("Ärger")
        .bind(vec![0_u8, 255])
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn ids(catalog: &Catalog) -> Vec<i64> {
    let rows =
        sqlx::query("SELECT id FROM thing ORDER BY id").fetch_all(&mut *catalog.read().await.unwrap()).await.unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

async fn committed_rows_alone_are_there_after_reopening(backend: &impl Backend) {
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 2).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 3).await.unwrap();
    drop(tx);
    catalog.close().await;
    let catalog = Catalog::open(backend.location(), &[FIRST]).await.unwrap();
    assert_eq!(ids(&catalog).await, [1]);
    let row = sqlx::query("SELECT name, bytes FROM thing WHERE id = $1")
        .bind(1_i64)
        .fetch_one(&mut *catalog.read().await.unwrap())
        .await
        .unwrap();
    assert_eq!(row.try_get::<String, _>(0).unwrap(), "Ärger");
    assert_eq!(row.try_get::<Vec<u8>, _>(1).unwrap(), [0, 255]);
}

async fn a_reader_sees_one_state_and_cannot_write(backend: &impl Backend) {
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    let mut reader = catalog.read().await.unwrap();
    let count = "SELECT COUNT(*) FROM thing";
    assert_eq!(sqlx::query(count).fetch_one(&mut *reader).await.unwrap().try_get::<i64, _>(0).unwrap(), 0);
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sqlx::query(count).fetch_one(&mut *reader).await.unwrap().try_get::<i64, _>(0).unwrap(), 0);
    let write = sqlx::query("DELETE FROM thing").execute(&mut *reader).await.map_err(CatalogError::from);
    assert!(matches!(write, Err(CatalogError::ReadOnly)), "{write:?}");
    drop(reader);
    assert_eq!(ids(&catalog).await, [1]);
}

async fn writers_take_turns_within_and_across_processes(backend: &impl Backend) {
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    let other = Catalog::open(backend.location(), &[FIRST]).await.unwrap();
    let mut tasks = Vec::new();
    for catalog in [&catalog, &other] {
        for _ in 0..4 {
            let catalog = catalog.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..10 {
                    let mut tx = catalog.write().await.unwrap();
                    let row = sqlx::query("SELECT COUNT(*) FROM thing").fetch_one(&mut *tx).await.unwrap();
                    // Read, think, write: two that overlapped would choose the same id.
                    tokio::task::yield_now().await;
                    insert(&mut tx, count(row.try_get(0).unwrap()).unwrap()).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ids(&catalog).await, (0..80).collect::<Vec<i64>>());
}

async fn errors_have_their_class(backend: &impl Backend) {
    let catalog = Catalog::create(backend.location(), &[FIRST, SECOND]).await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 1).await.unwrap();
    let again = insert(&mut tx, 1).await;
    assert!(matches!(again, Err(CatalogError::Duplicate)), "{again:?}");
    let orphan = sqlx::query("INSERT INTO part (id, thing) VALUES (1, 77)").execute(&mut *tx).await;
    assert!(matches!(orphan.map_err(CatalogError::from), Err(CatalogError::Constraint)));
    let row = sqlx::query("SELECT name FROM thing WHERE id = 1").fetch_one(&mut *tx).await.unwrap();
    let wrong = CatalogError::from(row.try_get::<i64, _>(0).unwrap_err());
    assert!(matches!(wrong, CatalogError::Malformed));
    let shown = format!("{wrong} {wrong:?}");
    assert!(!shown.contains("Ärger"), "a value from a row got into an error: {shown}");
}

async fn migrations_are_applied_once_in_order_and_wholly(backend: &impl Backend) {
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    catalog.close().await;
    let broken =
        Migration { number: 2, name: "parts", sql: "CREATE TABLE half (id BIGINT); CREATE TABLE thing (x TEXT);" };
    assert!(Catalog::open(backend.location(), &[FIRST, broken]).await.is_err());
    let catalog = Catalog::open(backend.location(), &[FIRST, SECOND]).await.unwrap();
    assert_eq!(ids(&catalog).await, [100]);
    let half = sqlx::query("SELECT * FROM half").fetch_all(&mut *catalog.read().await.unwrap()).await;
    assert!(half.is_err(), "half a migration stayed");
    catalog.close().await;
    let catalog = Catalog::open(backend.location(), &[FIRST, SECOND]).await.unwrap();
    assert_eq!(ids(&catalog).await, [100], "applied twice");
    catalog.close().await;

    let newer = Catalog::open(backend.location(), &[FIRST]).await.unwrap_err();
    assert!(matches!(&newer, CatalogError::Schema(SchemaError::Newer { number: 2, name }) if name == "parts"));
    let other = Migration { sql: "CREATE TABLE something_else (id BIGINT)", ..SECOND };
    let differs = Catalog::open(backend.location(), &[FIRST, other]).await.unwrap_err();
    assert!(matches!(differs, CatalogError::Schema(SchemaError::Differs { number: 2, expected: "parts" })));
    let gap = Catalog::open(backend.location(), &[FIRST, Migration { number: 3, ..SECOND }]).await.unwrap_err();
    assert!(matches!(gap, CatalogError::Schema(SchemaError::Numbering)));
}

async fn create_and_open_do_not_stand_in_for_each_other(backend: &impl Backend) {
    assert!(matches!(Catalog::open(backend.location(), &[FIRST]).await, Err(CatalogError::Missing)));
    Catalog::create(backend.location(), &[FIRST]).await.unwrap().close().await;
    assert!(matches!(Catalog::create(backend.location(), &[FIRST]).await, Err(CatalogError::Exists)));
}

macro_rules! contract {
    ($backend:expr => $($test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            super::$test(&$backend).await;
        })*
    };
}

mod sqlite_keeps_the_contract {
    use super::SqliteBackend;
    contract! { SqliteBackend::new() =>
        committed_rows_alone_are_there_after_reopening
        a_reader_sees_one_state_and_cannot_write
        writers_take_turns_within_and_across_processes
        errors_have_their_class
        migrations_are_applied_once_in_order_and_wholly
        create_and_open_do_not_stand_in_for_each_other
    }
}

#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    let backend = SqliteBackend::new();
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    let files = || std::fs::read_dir(backend.0.path()).unwrap().map(|entry| entry.unwrap());
    assert_eq!(files().count(), 3, "database, log and index");
    for file in files() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    catalog.close().await;
    std::fs::set_permissions(backend.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let _catalog = Catalog::open(backend.location(), &[FIRST]).await.unwrap();
    assert!(files().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o600));
}

#[tokio::test]
async fn an_emptied_file_is_missing_and_a_damaged_one_is_found() {
    let backend = SqliteBackend::new();
    let catalog = Catalog::create(backend.location(), &[FIRST]).await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    for id in 0..500 {
        insert(&mut tx, id).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(catalog.problems(Check::Quick).await.unwrap(), 0);
    assert_eq!(catalog.problems(Check::Full).await.unwrap(), 0);
    catalog.close().await;

    let mut bytes = std::fs::read(backend.path()).unwrap();
    // A page's own structure. A bit in a value would not show: SQLite's pages have no checksums.
    let last_page = bytes.len() - 4096;
    bytes[last_page..last_page + 100].fill(0x5a);
    std::fs::write(backend.path(), &bytes).unwrap();
    let catalog = Catalog::open(backend.location(), &[FIRST]).await.unwrap();
    let found = catalog.problems(Check::Quick).await;
    assert!(matches!(found, Ok(1..) | Err(CatalogError::Corrupt)), "{found:?}");
    catalog.close().await;

    std::fs::write(backend.path(), [0x5a; 8192]).unwrap();
    assert!(matches!(Catalog::open(backend.location(), &[FIRST]).await, Err(CatalogError::Corrupt)));
    std::fs::write(backend.path(), []).unwrap();
    assert!(matches!(Catalog::open(backend.location(), &[FIRST]).await, Err(CatalogError::Missing)));
}

#[tokio::test]
async fn a_commit_that_the_disk_fails_ends_all_writing() {
    let (backend, script) = (SqliteBackend::new(), Script::new());
    Catalog::create(backend.location(), &[FIRST]).await.unwrap().close().await;
    let options = Options { faults: script.clone(), ..Options::default() };
    let catalog = Catalog::open_with(backend.location(), &[FIRST], options).await.unwrap();

    script.fail(Step::Commit, rustix::io::Errno::NOSPC);
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 1).await.unwrap();
    assert!(matches!(tx.commit().await, Err(CatalogError::Full)));
    assert!(catalog.trust().holds(), "a full disk loses nothing that was written");

    script.fail(Step::Commit, rustix::io::Errno::IO);
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 2).await.unwrap();
    assert!(matches!(tx.commit().await, Err(CatalogError::OutcomeUnknown)));
    assert!(matches!(catalog.write().await, Err(CatalogError::StoreDistrusted)));
    assert!(matches!(catalog.truncate_log().await, Err(CatalogError::StoreDistrusted)));
    assert_eq!(ids(&catalog).await, [] as [i64; 0], "reading goes on");
    catalog.close().await;

    let catalog = Catalog::open(backend.location(), &[FIRST]).await.unwrap();
    let mut tx = catalog.write().await.unwrap();
    insert(&mut tx, 3).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&catalog).await, [3]);
}

#[tokio::test]
async fn postgres_is_named_as_missing_and_its_password_is_not_shown() {
    let location = Location::parse("postgres://safelight:hunter2@db/ingest");
    assert!(matches!(&location, Location::Postgres(_)));
    assert!(!format!("{location:?}").contains("hunter2"));
    assert!(matches!(Catalog::open(location, &[FIRST]).await, Err(CatalogError::NoDriver)));
}
