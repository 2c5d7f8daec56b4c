//! The event log: per topic, numbered from 1 without gaps.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// Appends under the given number. `false` when the number is taken: somebody else appended first.
pub async fn append(db: impl AnyExecutor<'_>, topic: &str, seq: i64, at: &str, body: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("insert into events (topic, seq, at, body) values ($1, $2, $3, $4) on conflict do nothing")
        .bind(topic)
        .bind(seq)
        .bind(at)
        .bind(body)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The last number of a topic, 0 when it has none.
pub async fn last(db: impl AnyExecutor<'_>, topic: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(max(seq), 0) from events where topic = $1").bind(topic).fetch_one(db).await
}

/// Up to `limit` events after a number, in order: number, time, body.
pub async fn after(
    db: impl AnyExecutor<'_>,
    topic: &str,
    seq: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, String, String)>> {
    let rows = sqlx::query("select seq, at, body from events where topic = $1 and seq > $2 order by seq limit $3")
        .bind(topic)
        .bind(seq)
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
