//! Reading the tree's nodes for the core's pure functions, which ask for them one at a time.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt::Write as _;

use safelight_core::log::{Hash, ProofError};
use sqlx::AnyConnection;
use sqlx::{AssertSqlSafe, Row};

use super::LogError;
use crate::store::catalog::{CatalogError, count, int};

/// Which node: its level and its position.
pub(super) type Place = (u8, u64);

/// Nodes read from the database or just made.
#[derive(Debug, Default)]
pub(super) struct Nodes(pub(super) HashMap<Place, Hash>);

impl Nodes {
    /// What a core function calls.
    pub(super) fn get(&self, level: u8, position: u64) -> Result<Hash, LogError> {
        self.0.get(&(level, position)).copied().ok_or(LogError::Damaged)
    }
}

/// Runs `ask` once to learn which nodes it wants, which never depends on what is in them, and reads those.
pub(super) async fn read(
    connection: &mut AnyConnection,
    ask: impl FnOnce(&mut dyn FnMut(u8, u64) -> Result<Hash, Infallible>),
) -> Result<Nodes, LogError> {
    let mut wanted = BTreeSet::new();
    ask(&mut |level, position| {
        wanted.insert((level, position));
        Ok([0; 32])
    });
    fetch(connection, &wanted).await
}

/// The nodes at `places`; those that are not there are left out.
pub(super) async fn fetch(connection: &mut AnyConnection, places: &BTreeSet<Place>) -> Result<Nodes, LogError> {
    let mut nodes = Nodes::default();
    let places: Vec<Place> = places.iter().copied().collect();
    for some in places.chunks(QUERY_PLACES) {
        let mut sql = String::from("SELECT level, pos, hash FROM log_node WHERE (level, pos) IN (VALUES ");
        for at in 0..some.len() {
            let comma = if at == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{comma}(${}, ${})", 2 * at + 1, 2 * at + 2);
        }
        sql.push(')');
        // Only numbers of placeholders went into the text.
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (level, position) in some {
            query = query.bind(i64::from(*level)).bind(int(*position)?);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let level = u8::try_from(row.try_get::<i64, _>(0)?).map_err(|_| CatalogError::OutOfRange)?;
            let position = count(row.try_get(1)?)?;
            let hash: &[u8] = row.try_get(2)?;
            nodes.0.insert((level, position), hash.try_into().map_err(|_| LogError::Damaged)?);
        }
    }
    Ok(nodes)
}

/// Places in one query: two placeholders each, far below any database's limit.
const QUERY_PLACES: usize = 128;

/// A proof's error as the log's.
pub(super) fn proof_error(error: ProofError<LogError>) -> LogError {
    match error {
        ProofError::OutOfRange => LogError::OutOfRange,
        ProofError::Node(error) => error,
    }
}
