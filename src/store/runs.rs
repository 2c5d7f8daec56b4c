//! Executions of pipelines. A row moves by compare-and-set on its version; the one that carries it out holds a lease.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// A run as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    pub id: String,
    pub pipeline: String,
    pub pipeline_name: String,
    pub plan: String,
    /// `confirm`, `schedule`, `manual` or `api`.
    pub cause: String,
    pub caused_by: String,
    pub conversation: Option<String>,
    /// JSON, as the runner writes it.
    pub state: String,
    pub phase: String,
    pub version: i64,
    /// JSON object: progress by stream.
    pub progress: String,
    /// JSON: kind, message, hint, stream.
    pub error: Option<String>,
    /// Whether a receipt was written.
    pub has_receipt: bool,
    pub lease_owner: Option<String>,
    pub lease_until: Option<String>,
    pub queued_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
}

/// A run about to be queued, with the lease of whoever will carry it out.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub id: String,
    pub workspace: String,
    pub pipeline: String,
    pub plan: String,
    pub cause: String,
    pub caused_by: String,
    pub conversation: Option<String>,
    pub state: String,
    pub phase: String,
    pub queued_at: String,
    pub lease_owner: String,
    pub lease_until: String,
}

/// Queues a run. `false`: the pipeline has a run that has not ended.
pub async fn insert(db: impl AnyExecutor<'_>, run: &NewRun) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into runs (id, workspace, pipeline, plan, cause, caused_by, conversation, state, phase, version, \
         queued_at, lease_owner, lease_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12) \
         on conflict do nothing",
    )
    .bind(&run.id)
    .bind(&run.workspace)
    .bind(&run.pipeline)
    .bind(&run.plan)
    .bind(&run.cause)
    .bind(&run.caused_by)
    .bind(run.conversation.clone())
    .bind(&run.state)
    .bind(&run.phase)
    .bind(&run.queued_at)
    .bind(&run.lease_owner)
    .bind(&run.lease_until)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Where a run moves to.
#[derive(Clone, Debug)]
pub struct Advance {
    pub state: String,
    pub phase: String,
    pub error: Option<String>,
    /// Kept as it was when absent.
    pub receipt: Option<String>,
    /// The first one stays.
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
}

/// Moves a run if it still stands at version `from`; `false` when somebody else moved it.
pub async fn advance(db: impl AnyExecutor<'_>, id: &str, from: i64, to: &Advance) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update runs set state = $3, phase = $4, error = $5, receipt = coalesce($6, receipt), \
         started_at = coalesce(started_at, $7), finished_at = $8, version = version + 1 \
         where id = $1 and version = $2",
    )
    .bind(id)
    .bind(from)
    .bind(&to.state)
    .bind(&to.phase)
    .bind(to.error.clone())
    .bind(to.receipt.clone())
    .bind(to.started_at.clone())
    .bind(to.finished_at.clone())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes or renews the lease of a run that has not ended. `false`: it ended, or somebody else holds it.
pub async fn claim(db: impl AnyExecutor<'_>, id: &str, owner: &str, now: &str, until: &str) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update runs set lease_owner = $2, lease_until = $4 where id = $1 and finished_at is null \
         and (lease_owner is null or lease_owner = $2 or lease_until < $3)",
    )
    .bind(id)
    .bind(owner)
    .bind(now)
    .bind(until)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a lease back.
pub async fn release(db: impl AnyExecutor<'_>, id: &str, owner: &str) -> sqlx::Result<()> {
    sqlx::query("update runs set lease_owner = null, lease_until = null where id = $1 and lease_owner = $2")
        .bind(id)
        .bind(owner)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn set_progress(db: impl AnyExecutor<'_>, id: &str, progress: &str) -> sqlx::Result<()> {
    sqlx::query("update runs set progress = $2 where id = $1").bind(id).bind(progress).execute(db).await?;
    Ok(())
}

const COLUMNS: &str = "r.id, r.pipeline, p.name, r.plan, r.cause, r.caused_by, r.conversation, r.state, r.phase, \
     r.version, r.progress, r.error, case when r.receipt is null then 0 else 1 end, r.lease_owner, r.lease_until, \
     r.queued_at, r.started_at, r.finished_at from runs r join pipelines p on p.id = r.pipeline";

/// A run of a workspace.
pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<RunRow>> {
    let sql = format!("select {COLUMNS} where r.workspace = $1 and r.id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(id).fetch_optional(db).await?;
    row.as_ref().map(read).transpose()
}

/// The receipt of a run, as it was written.
pub async fn receipt(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<String>> {
    let found: Option<Option<String>> = sqlx::query_scalar("select receipt from runs where workspace = $1 and id = $2")
        .bind(workspace)
        .bind(id)
        .fetch_optional(db)
        .await?;
    Ok(found.flatten())
}

/// Which runs to list, newest first. Absent: all.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    pub pipeline: Option<String>,
    /// A phase, as the wire spells it.
    pub phase: Option<String>,
    /// Only runs older than this one.
    pub after: Option<String>,
    pub limit: i64,
}

pub async fn list(db: impl AnyExecutor<'_>, workspace: &str, query: &RunQuery) -> sqlx::Result<Vec<RunRow>> {
    let sql = format!(
        "select {COLUMNS} where r.workspace = $1 and ($2 = '' or r.pipeline = $2) and ($3 = '' or r.phase = $3) \
         and ($4 = '' or r.id < $4) order by r.id desc limit $5"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(workspace)
        .bind(query.pipeline.clone().unwrap_or_default())
        .bind(query.phase.clone().unwrap_or_default())
        .bind(query.after.clone().unwrap_or_default())
        .bind(query.limit)
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// The newest runs of a talk that have ended, newest first.
pub async fn ended_in(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    conversation: &str,
    limit: i64,
) -> sqlx::Result<Vec<RunRow>> {
    let sql = format!(
        "select {COLUMNS} where r.workspace = $1 and r.conversation = $2 and r.finished_at is not null \
         order by r.finished_at desc, r.id desc limit $3"
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(conversation).bind(limit).fetch_all(db).await?;
    rows.iter().map(read).collect()
}

/// The run of a pipeline that has not ended.
pub async fn alive(db: impl AnyExecutor<'_>, pipeline: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select id from runs where pipeline = $1 and finished_at is null")
        .bind(pipeline)
        .fetch_optional(db)
        .await
}

/// Runs that have not ended and that nobody carries out: never taken up, or left by a process that died.
pub async fn abandoned(db: impl AnyExecutor<'_>, workspace: &str, now: &str) -> sqlx::Result<Vec<RunRow>> {
    let sql = format!(
        "select {COLUMNS} where r.workspace = $1 and r.finished_at is null \
         and (r.lease_owner is null or r.lease_until < $2) order by r.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(workspace).bind(now).fetch_all(db).await?;
    rows.iter().map(read).collect()
}

/// How many runs stand in each phase.
pub async fn count_by_phase(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query("select phase, count(*) from runs where workspace = $1 group by phase order by phase")
        .bind(workspace)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn read(row: &Row) -> sqlx::Result<RunRow> {
    Ok(RunRow {
        id: row.try_get(0)?,
        pipeline: row.try_get(1)?,
        pipeline_name: row.try_get(2)?,
        plan: row.try_get(3)?,
        cause: row.try_get(4)?,
        caused_by: row.try_get(5)?,
        conversation: row.try_get(6)?,
        state: row.try_get(7)?,
        phase: row.try_get(8)?,
        version: row.try_get(9)?,
        progress: row.try_get(10)?,
        error: row.try_get(11)?,
        has_receipt: row.try_get::<i64, _>(12)? != 0,
        lease_owner: row.try_get(13)?,
        lease_until: row.try_get(14)?,
        queued_at: row.try_get(15)?,
        started_at: row.try_get(16)?,
        finished_at: row.try_get(17)?,
    })
}
