//! What a mind sees of a talk: one row per message, numbered from 1 in order.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    pub seq: i64,
    /// `user`, `assistant`, `tool` or `notice`.
    pub role: &'static str,
    /// JSON, as the agent's transcript writes it.
    pub body: String,
    pub created_at: String,
}

/// Appends under the row's number. `false` when the number is taken.
pub async fn append(db: impl AnyExecutor<'_>, conversation: &str, row: &MessageRow) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into messages (conversation, seq, role, body, created_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(conversation)
    .bind(row.seq)
    .bind(row.role)
    .bind(&row.body)
    .bind(&row.created_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The last number of a talk, 0 when nothing was said.
pub async fn last(db: impl AnyExecutor<'_>, conversation: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(max(seq), 0) from messages where conversation = $1")
        .bind(conversation)
        .fetch_one(db)
        .await
}

/// The newest `limit` messages, oldest first: number and body.
pub async fn newest(db: impl AnyExecutor<'_>, conversation: &str, limit: i64) -> sqlx::Result<Vec<(i64, String)>> {
    let rows = sqlx::query("select seq, body from messages where conversation = $1 order by seq desc limit $2")
        .bind(conversation)
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.iter().rev().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Whether a notice of this talk holds a text. The text must be free of `%` and `_`.
pub async fn noticed(db: impl AnyExecutor<'_>, conversation: &str, text: &str) -> sqlx::Result<bool> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from messages where conversation = $1 and role = 'notice' and body like $2",
    )
    .bind(conversation)
    .bind(format!("%{text}%"))
    .fetch_one(db)
    .await?;
    Ok(count > 0)
}
