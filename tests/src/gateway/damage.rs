//! A hand in the gateway's files: copies of a data folder, changed behind the program's back.

use std::path::{Path, PathBuf};

use sqlx::Connection;

use super::Gateway;
use super::program::{command, finish};

/// A copy of the data folder of a gateway that does not run.
///
/// # Panics
/// If it cannot be made.
#[track_caller]
pub fn copied(gateway: &Gateway) -> PathBuf {
    let to = tempfile::Builder::new().prefix("copy-").tempdir_in(gateway.at("")).expect("a folder").keep();
    finish(command("cp", &["-a", &format!("{}/.", gateway.path("data")), to.to_str().expect("UTF-8")]), b"").ok();
    to
}

/// Runs a statement on a database.
///
/// # Panics
/// If it cannot be run or changes nothing.
#[track_caller]
pub fn change_in(database: &Path, statement: &str) {
    assert!(run_in(database, statement) > 0, "nothing was changed: {statement}");
}

/// The same, and says how many rows it has changed. A process may be running on the database.
///
/// # Panics
/// If it cannot be run.
#[track_caller]
pub fn run_in(database: &Path, statement: &str) -> u64 {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection =
            sqlx::AnyConnection::connect(&format!("sqlite:{}", database.display())).await.expect("the database");
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        let changed = sqlx::query(statement).execute(&mut connection).await.expect("a statement").rows_affected();
        connection.close().await.expect("the database");
        changed
    })
}
