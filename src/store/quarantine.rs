//! Rows that could not be written, kept with the reason.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One row kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    pub id: String,
    pub run: String,
    pub pipeline: String,
    pub stream: String,
    /// The commit that covers it. A row of a commit that never happened is read again by the next run.
    pub epoch: i64,
    pub position: String,
    pub code: String,
    pub reason: String,
    /// The row as JSON or raw text, where it could be kept.
    pub row_text: Option<String>,
    pub at: String,
    pub replayed_at: Option<String>,
}

const COLUMNS: &str = "id, run, pipeline, stream, epoch, position, code, reason, row_text, at, replayed_at";

/// Keeps a row aside.
pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, row: &QuarantineRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into quarantine (id, workspace, run, pipeline, stream, epoch, position, code, reason, row_text, at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&row.id)
    .bind(workspace)
    .bind(&row.run)
    .bind(&row.pipeline)
    .bind(&row.stream)
    .bind(row.epoch)
    .bind(&row.position)
    .bind(&row.code)
    .bind(&row.reason)
    .bind(row.row_text.clone())
    .bind(&row.at)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the rows of commits after `epoch`: they never happened, and their rows are read again.
pub async fn clear(db: impl AnyExecutor<'_>, run: &str, stream: &str, epoch: i64) -> sqlx::Result<()> {
    sqlx::query("delete from quarantine where run = $1 and stream = $2 and epoch > $3 and replayed_at is null")
        .bind(run)
        .bind(stream)
        .bind(epoch)
        .execute(db)
        .await?;
    Ok(())
}

/// Which rows to list, newest first. Absent: all.
#[derive(Clone, Debug, Default)]
pub struct QuarantineQuery {
    pub run: Option<String>,
    pub pipeline: Option<String>,
    /// Only rows older than this id.
    pub after: Option<String>,
    pub limit: i64,
}

pub async fn list(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    query: &QuarantineQuery,
) -> sqlx::Result<Vec<QuarantineRow>> {
    let sql = format!(
        "select {COLUMNS} from quarantine where workspace = $1 and ($2 = '' or run = $2) \
         and ($3 = '' or pipeline = $3) and ($4 = '' or id < $4) order by id desc limit $5"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(workspace)
        .bind(query.run.clone().unwrap_or_default())
        .bind(query.pipeline.clone().unwrap_or_default())
        .bind(query.after.clone().unwrap_or_default())
        .bind(query.limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// The rows of a run that were not replayed yet, oldest first.
pub async fn waiting(db: impl AnyExecutor<'_>, workspace: &str, run: &str) -> sqlx::Result<Vec<QuarantineRow>> {
    let sql = format!(
        "select {COLUMNS} from quarantine where workspace = $1 and run = $2 and replayed_at is null order by id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(run).fetch_all(db).await?;
    rows.iter().map(read).collect()
}

pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<QuarantineRow>> {
    let sql = format!("select {COLUMNS} from quarantine where workspace = $1 and id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(id).fetch_optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// Marks a row as written after all.
pub async fn mark_replayed(db: impl AnyExecutor<'_>, id: &str, at: &str) -> sqlx::Result<()> {
    sqlx::query("update quarantine set replayed_at = $2 where id = $1").bind(id).bind(at).execute(db).await?;
    Ok(())
}

/// Keeps the newest reason why a row cannot be written.
pub async fn set_reason(db: impl AnyExecutor<'_>, id: &str, code: &str, reason: &str) -> sqlx::Result<()> {
    sqlx::query("update quarantine set code = $2, reason = $3 where id = $1")
        .bind(id)
        .bind(code)
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}

fn read(row: &Row) -> sqlx::Result<QuarantineRow> {
    Ok(QuarantineRow {
        id: row.try_get(0)?,
        run: row.try_get(1)?,
        pipeline: row.try_get(2)?,
        stream: row.try_get(3)?,
        epoch: row.try_get(4)?,
        position: row.try_get(5)?,
        code: row.try_get(6)?,
        reason: row.try_get(7)?,
        row_text: row.try_get(8)?,
        at: row.try_get(9)?,
        replayed_at: row.try_get(10)?,
    })
}
