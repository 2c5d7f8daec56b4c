//! What each turn saw and did, for whoever asks later.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One turn. `trace` is JSON: tool calls with their times, tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRow {
    pub id: String,
    pub conversation: String,
    pub model: String,
    /// SHA-256 over system prompt and tools, so that a trace names the words that it was made with.
    pub prompt_digest: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub outcome: Option<String>,
    pub trace: String,
}

/// A turn that has begun; a process that dies leaves it without an outcome.
pub async fn begin(db: impl AnyExecutor<'_>, row: &TurnRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into turns (id, conversation, model, prompt_digest, started_at, trace) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&row.id)
    .bind(&row.conversation)
    .bind(&row.model)
    .bind(&row.prompt_digest)
    .bind(&row.started_at)
    .bind(&row.trace)
    .execute(db)
    .await?;
    Ok(())
}

/// How it ended. `model` is the mind that took it in the end.
pub async fn finish(
    db: impl AnyExecutor<'_>,
    id: &str,
    model: &str,
    outcome: &str,
    trace: &str,
    at: &str,
) -> sqlx::Result<()> {
    sqlx::query("update turns set model = $2, outcome = $3, trace = $4, finished_at = $5 where id = $1")
        .bind(id)
        .bind(model)
        .bind(outcome)
        .bind(trace)
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

/// The newest turns of a talk, newest first.
pub async fn list(db: impl AnyExecutor<'_>, conversation: &str, limit: i64) -> sqlx::Result<Vec<TurnRow>> {
    let rows = sqlx::query(
        "select id, conversation, model, prompt_digest, started_at, finished_at, outcome, trace
         from turns where conversation = $1 order by id desc limit $2",
    )
    .bind(conversation)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> sqlx::Result<TurnRow> {
    Ok(TurnRow {
        id: row.try_get(0)?,
        conversation: row.try_get(1)?,
        model: row.try_get(2)?,
        prompt_digest: row.try_get(3)?,
        started_at: row.try_get(4)?,
        finished_at: row.try_get(5)?,
        outcome: row.try_get(6)?,
        trace: row.try_get(7)?,
    })
}
