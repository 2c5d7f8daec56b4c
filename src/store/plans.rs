//! Plans as they were proposed, and what became of them.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// A plan as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    pub id: String,
    pub conversation: Option<String>,
    /// Set when the plan revises a pipeline, and on every plan that was confirmed.
    pub pipeline: Option<String>,
    pub digest: String,
    /// JSON: all that the digest covers.
    pub document: String,
    /// `proposed`, `confirmed`, `dismissed` or `superseded`.
    pub state: String,
    pub confirmation: Option<String>,
    pub created_at: String,
}

const COLUMNS: &str = "id, conversation, pipeline, digest, document, state, confirmation, created_at";

fn read(row: &Row) -> sqlx::Result<PlanRow> {
    Ok(PlanRow {
        id: row.try_get(0)?,
        conversation: row.try_get(1)?,
        pipeline: row.try_get(2)?,
        digest: row.try_get(3)?,
        document: row.try_get(4)?,
        state: row.try_get(5)?,
        confirmation: row.try_get(6)?,
        created_at: row.try_get(7)?,
    })
}

pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, row: &PlanRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into plans (workspace, id, conversation, pipeline, digest, document, state, confirmation, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(workspace)
    .bind(&row.id)
    .bind(&row.conversation)
    .bind(&row.pipeline)
    .bind(&row.digest)
    .bind(&row.document)
    .bind(&row.state)
    .bind(&row.confirmation)
    .bind(&row.created_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<PlanRow>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from plans where workspace = $1 and id = $2")))
        .bind(workspace)
        .bind(id)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The plan of a conversation that waits for a person; the newest, though there is never more than one.
pub async fn offered(db: impl AnyExecutor<'_>, workspace: &str, conversation: &str) -> sqlx::Result<Option<PlanRow>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from plans where workspace = $1 and conversation = $2 and state = 'proposed' \
         order by created_at desc, id desc limit 1"
    )))
    .bind(workspace)
    .bind(conversation)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Takes back every plan of a conversation that still waits.
pub async fn supersede_offered(db: impl AnyExecutor<'_>, workspace: &str, conversation: &str) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update plans set state = 'superseded' where workspace = $1 and conversation = $2 and state = 'proposed'",
    )
    .bind(workspace)
    .bind(conversation)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Ends the offer of a plan. `false` when it no longer waits.
pub async fn withdraw(db: impl AnyExecutor<'_>, workspace: &str, id: &str, state: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update plans set state = $3 where workspace = $1 and id = $2 and state = 'proposed'")
        .bind(workspace)
        .bind(id)
        .bind(state)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Records a confirmation. `false` when the plan no longer waits.
pub async fn confirm(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    id: &str,
    pipeline: &str,
    confirmation: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update plans set state = 'confirmed', pipeline = $3, confirmation = $4 \
         where workspace = $1 and id = $2 and state = 'proposed'",
    )
    .bind(workspace)
    .bind(id)
    .bind(pipeline)
    .bind(confirmation)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Identity and confirmation of every confirmed plan.
pub async fn confirmations(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<(String, String)>> {
    let rows =
        sqlx::query("select id, confirmation from plans where workspace = $1 and confirmation is not null order by id")
            .bind(workspace)
            .fetch_all(db)
            .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Writes a confirmation anew, sealed under another key.
pub async fn reseal(db: impl AnyExecutor<'_>, id: &str, confirmation: &str) -> sqlx::Result<()> {
    sqlx::query("update plans set confirmation = $2 where id = $1").bind(id).bind(confirmation).execute(db).await?;
    Ok(())
}
