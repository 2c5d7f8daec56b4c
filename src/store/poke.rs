//! Statements by hand, for tests that look into the store or damage it.

use sqlx::Row as _;

use super::Store;

/// Runs a statement.
pub(crate) async fn run(store: &Store, sql: &'static str) {
    sqlx::query(sql).execute(store.pool()).await.unwrap();
}

/// The first column of every row, as text; NULL is empty.
pub(crate) async fn texts(store: &Store, sql: &'static str) -> Vec<String> {
    let rows = sqlx::query(sql).fetch_all(store.pool()).await.unwrap();
    rows.iter().map(|row| row.try_get::<Option<String>, _>(0).unwrap().unwrap_or_default()).collect()
}
