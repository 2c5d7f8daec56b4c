//! Confirmed plans that a workspace keeps, their versions, and when they run by themselves.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// A pipeline as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineRow {
    pub id: String,
    pub name: String,
    /// The plan of its newest version.
    pub plan: String,
    /// From 1.
    pub version: i64,
    pub paused: bool,
    pub deleted_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

const COLUMNS: &str = "id, name, plan, version, paused, deleted_at, created_at, updated_at";

fn read(row: &Row) -> sqlx::Result<PipelineRow> {
    Ok(PipelineRow {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        plan: row.try_get(2)?,
        version: row.try_get(3)?,
        paused: row.try_get::<i64, _>(4)? != 0,
        deleted_at: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
    })
}

/// Adds a pipeline. Its first version is recorded apart, by [`add_version`].
pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, row: &PipelineRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into pipelines (workspace, id, name, plan, version, paused, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(workspace)
    .bind(&row.id)
    .bind(&row.name)
    .bind(&row.plan)
    .bind(row.version)
    .bind(i64::from(row.paused))
    .bind(&row.created_at)
    .bind(&row.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn add_version(
    db: impl AnyExecutor<'_>,
    pipeline: &str,
    version: i64,
    plan: &str,
    at: &str,
) -> sqlx::Result<()> {
    sqlx::query("insert into pipeline_versions (pipeline, version, plan, created_at) values ($1, $2, $3, $4)")
        .bind(pipeline)
        .bind(version)
        .bind(plan)
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

/// Versions of a pipeline, newest first: number, plan, time.
pub async fn versions(db: impl AnyExecutor<'_>, pipeline: &str) -> sqlx::Result<Vec<(i64, String, String)>> {
    let rows = sqlx::query(
        "select version, plan, created_at from pipeline_versions where pipeline = $1 order by version desc",
    )
    .bind(pipeline)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// A pipeline by identity, deleted or not.
pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<PipelineRow>> {
    let row =
        sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from pipelines where workspace = $1 and id = $2")))
            .bind(workspace)
            .bind(id)
            .fetch_optional(db)
            .await?;
    row.as_ref().map(read).transpose()
}

/// A pipeline that was not deleted, by name.
pub async fn by_name(db: impl AnyExecutor<'_>, workspace: &str, name: &str) -> sqlx::Result<Option<PipelineRow>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from pipelines where workspace = $1 and name = $2 and deleted_at is null"
    )))
    .bind(workspace)
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Every pipeline that was not deleted, by name.
pub async fn all(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<PipelineRow>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from pipelines where workspace = $1 and deleted_at is null order by name, id"
    )))
    .bind(workspace)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Name and plan document of every pipeline that was not deleted.
pub async fn documents(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<(String, String)>> {
    let rows = sqlx::query(
        "select pipelines.name, plans.document from pipelines join plans on plans.id = pipelines.plan \
         where pipelines.workspace = $1 and pipelines.deleted_at is null order by pipelines.name",
    )
    .bind(workspace)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Moves a pipeline to its next version. `false` when somebody else moved it, or deleted it, first.
pub async fn raise(db: impl AnyExecutor<'_>, row: &PipelineRow, from: i64) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update pipelines set name = $3, plan = $4, version = $5, updated_at = $6 \
         where id = $1 and version = $2 and deleted_at is null",
    )
    .bind(&row.id)
    .bind(from)
    .bind(&row.name)
    .bind(&row.plan)
    .bind(row.version)
    .bind(&row.updated_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn rename(db: impl AnyExecutor<'_>, id: &str, name: &str, at: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update pipelines set name = $2, updated_at = $3 where id = $1 and deleted_at is null")
        .bind(id)
        .bind(name)
        .bind(at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_paused(db: impl AnyExecutor<'_>, id: &str, paused: bool, at: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update pipelines set paused = $2, updated_at = $3 where id = $1 and deleted_at is null")
        .bind(id)
        .bind(i64::from(paused))
        .bind(at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks a pipeline as deleted. Its runs and receipts stay.
pub async fn delete(db: impl AnyExecutor<'_>, id: &str, at: &str) -> sqlx::Result<bool> {
    let done =
        sqlx::query("update pipelines set deleted_at = $2, updated_at = $2 where id = $1 and deleted_at is null")
            .bind(id)
            .bind(at)
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets when a pipeline runs by itself. When it last fired is kept.
pub async fn write_schedule(
    db: impl AnyExecutor<'_>,
    pipeline: &str,
    schedule: &str,
    next_fire: Option<&str>,
    at: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into schedules (pipeline, schedule, next_fire, updated_at) values ($1, $2, $3, $4) \
         on conflict (pipeline) do update set schedule = excluded.schedule, next_fire = excluded.next_fire, \
         updated_at = excluded.updated_at",
    )
    .bind(pipeline)
    .bind(schedule)
    .bind(next_fire)
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}

/// The pipeline no longer runs by itself.
pub async fn drop_schedule(db: impl AnyExecutor<'_>, pipeline: &str) -> sqlx::Result<()> {
    sqlx::query("delete from schedules where pipeline = $1").bind(pipeline).execute(db).await?;
    Ok(())
}
