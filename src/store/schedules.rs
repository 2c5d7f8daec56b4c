//! When pipelines run by themselves. Firing is a compare-and-set on `next_fire`, so that of two processes one fires.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// A pipeline's schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    pub pipeline: String,
    /// JSON, as in a plan.
    pub schedule: String,
    pub next_fire: Option<String>,
    pub last_fire: Option<String>,
    /// Whether the pipeline is paused.
    pub paused: bool,
}

const COLUMNS: &str = "s.pipeline, s.schedule, s.next_fire, s.last_fire, p.paused";

/// A pipeline's schedule, if it has one.
pub async fn get(db: impl AnyExecutor<'_>, pipeline: &str) -> sqlx::Result<Option<ScheduleRow>> {
    let sql = format!("select {COLUMNS} from schedules s join pipelines p on p.id = s.pipeline where s.pipeline = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(pipeline).fetch_optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// Schedules whose time has come, the longest waiting first; those of paused pipelines too.
pub async fn due(db: impl AnyExecutor<'_>, workspace: &str, now: &str, limit: i64) -> sqlx::Result<Vec<ScheduleRow>> {
    let sql = format!(
        "select {COLUMNS} from schedules s join pipelines p on p.id = s.pipeline \
         where p.workspace = $1 and p.deleted_at is null and s.next_fire is not null and s.next_fire <= $2 \
         order by s.next_fire limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(now).bind(limit).fetch_all(db).await?;
    rows.iter().map(read).collect()
}

/// Takes a due fire: moves `next_fire` on if it still is what the caller saw. `false`: somebody else took it.
/// `fired`: the run starts; otherwise the fire is passed over.
pub async fn take(
    db: impl AnyExecutor<'_>,
    pipeline: &str,
    seen: &str,
    next_fire: Option<&str>,
    fired: bool,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update schedules set next_fire = $3, last_fire = case when $4 = 1 then $2 else last_fire end \
         where pipeline = $1 and next_fire = $2",
    )
    .bind(pipeline)
    .bind(seen)
    .bind(next_fire.map(str::to_owned))
    .bind(i64::from(fired))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &Row) -> sqlx::Result<ScheduleRow> {
    Ok(ScheduleRow {
        pipeline: row.try_get(0)?,
        schedule: row.try_get(1)?,
        next_fire: row.try_get(2)?,
        last_fire: row.try_get(3)?,
        paused: row.try_get::<i64, _>(4)? != 0,
    })
}
