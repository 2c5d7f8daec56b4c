//! What a run said, line by line. Lines hold names and counts, never a row's values.

use sqlx::{Any, AnyExecutor, Executor, Row as _};

use super::Row;

/// One line. `level` is `debug`, `info`, `warn` or `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    pub seq: i64,
    pub at: String,
    pub level: String,
    pub stage: String,
    pub stream: Option<String>,
    pub message: String,
}

/// Appends a line under the run's next number, whatever `row.seq` says.
pub async fn append<'e, E>(db: E, run: &str, row: &LogRow) -> sqlx::Result<()>
where
    E: Executor<'e, Database = Any> + Copy,
{
    // Another process may take the same number (a cancel from the command line); then the next one is free.
    for _ in 0..100 {
        let done = sqlx::query(
            "insert into run_logs (run, seq, at, level, stage, stream, message) \
             select $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 from run_logs where run = $1 \
             on conflict do nothing",
        )
        .bind(run)
        .bind(&row.at)
        .bind(&row.level)
        .bind(&row.stage)
        .bind(row.stream.clone())
        .bind(&row.message)
        .execute(db)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
    }
    Err(sqlx::Error::RowNotFound)
}

/// Up to `limit` lines after a number, in order; of one level only where `level` is given.
pub async fn after(
    db: impl AnyExecutor<'_>,
    run: &str,
    seq: i64,
    level: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<LogRow>> {
    let rows = sqlx::query(
        "select seq, at, level, stage, stream, message from run_logs \
         where run = $1 and seq > $2 and ($3 = '' or level = $3) order by seq limit $4",
    )
    .bind(run)
    .bind(seq)
    .bind(level.unwrap_or_default())
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(line).collect()
}

/// The last `limit` lines, in order.
pub async fn tail(db: impl AnyExecutor<'_>, run: &str, limit: i64) -> sqlx::Result<Vec<LogRow>> {
    let rows = sqlx::query(
        "select seq, at, level, stage, stream, message from run_logs where run = $1 order by seq desc limit $2",
    )
    .bind(run)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().rev().map(line).collect()
}

fn line(row: &Row) -> sqlx::Result<LogRow> {
    Ok(LogRow {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        level: row.try_get(2)?,
        stage: row.try_get(3)?,
        stream: row.try_get(4)?,
        message: row.try_get(5)?,
    })
}
