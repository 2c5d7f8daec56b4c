//! How far each stream of a run has come, as the journal knows it. The destination's own word goes before it.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One stream's newest checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    pub stream: String,
    pub epoch: i64,
    /// JSON, as the runner wrote it.
    pub cursor: Option<String>,
    pub last: bool,
    /// Rows of the run that are durable.
    pub rows: i64,
    pub at: String,
}

/// Keeps the newest checkpoint of a stream.
pub async fn put(db: impl AnyExecutor<'_>, run: &str, row: &CheckpointRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into checkpoints (run, stream, epoch, cursor, last, rows, at) values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (run, stream) do update set epoch = excluded.epoch, cursor = excluded.cursor, \
         last = excluded.last, rows = excluded.rows, at = excluded.at",
    )
    .bind(run)
    .bind(&row.stream)
    .bind(row.epoch)
    .bind(row.cursor.clone())
    .bind(i64::from(row.last))
    .bind(row.rows)
    .bind(&row.at)
    .execute(db)
    .await?;
    Ok(())
}

/// The newest checkpoint of each stream of a run.
pub async fn of_run(db: impl AnyExecutor<'_>, run: &str) -> sqlx::Result<Vec<CheckpointRow>> {
    let rows =
        sqlx::query("select stream, epoch, cursor, last, rows, at from checkpoints where run = $1 order by stream")
            .bind(run)
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row: &Row| {
            Ok(CheckpointRow {
                stream: row.try_get(0)?,
                epoch: row.try_get(1)?,
                cursor: row.try_get(2)?,
                last: row.try_get::<i64, _>(3)? != 0,
                rows: row.try_get(4)?,
                at: row.try_get(5)?,
            })
        })
        .collect()
}
