//! Who did what, when. Rows are added and never changed.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub id: String,
    pub at: String,
    pub actor: String,
    /// `plan.confirmed`, `connection.added`, …
    pub action: String,
    /// What it was done to: `pipeline:ID`, `connection:NAME`.
    pub object: String,
    /// JSON object; never holds a secret.
    pub detail: String,
}

pub async fn append(db: impl AnyExecutor<'_>, workspace: &str, row: &AuditRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into audit (workspace, id, at, actor, action, object, detail) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(workspace)
    .bind(&row.id)
    .bind(&row.at)
    .bind(&row.actor)
    .bind(&row.action)
    .bind(&row.object)
    .bind(&row.detail)
    .execute(db)
    .await?;
    Ok(())
}

/// Newest first; `before` is the id of the last entry of the page before (ids sort by time).
pub async fn list(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    before: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<AuditRow>> {
    let rows = sqlx::query(
        "select id, at, actor, action, object, detail from audit where workspace = $1 and ($2 = '' or id < $2) \
         order by id desc limit $3",
    )
    .bind(workspace)
    .bind(before.unwrap_or_default())
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row: &Row| {
            Ok(AuditRow {
                id: row.try_get(0)?,
                at: row.try_get(1)?,
                actor: row.try_get(2)?,
                action: row.try_get(3)?,
                object: row.try_get(4)?,
                detail: row.try_get(5)?,
            })
        })
        .collect()
}
