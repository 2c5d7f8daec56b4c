//! Named endpoints. Secrets are stored sealed, apart from the settings that may be shown.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// A connection as it is stored: JSON and times as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    pub id: String,
    pub name: String,
    pub label: Option<String>,
    pub connector: String,
    pub roles: String,
    pub config: String,
    /// Sealed texts by field.
    pub secrets: String,
    pub status: String,
    pub created_at: String,
    pub updated_at: String,
}

const COLUMNS: &str = "id, name, label, connector, roles, config, secrets, status, created_at, updated_at";

fn read(row: &Row) -> sqlx::Result<ConnectionRow> {
    Ok(ConnectionRow {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        label: row.try_get(2)?,
        connector: row.try_get(3)?,
        roles: row.try_get(4)?,
        config: row.try_get(5)?,
        secrets: row.try_get(6)?,
        status: row.try_get(7)?,
        created_at: row.try_get(8)?,
        updated_at: row.try_get(9)?,
    })
}

/// Adds a connection. `false` when the name is taken.
pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, row: &ConnectionRow) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into connections (workspace, id, name, label, connector, roles, config, secrets, status, created_at, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
    )
    .bind(workspace)
    .bind(&row.id)
    .bind(&row.name)
    .bind(&row.label)
    .bind(&row.connector)
    .bind(&row.roles)
    .bind(&row.config)
    .bind(&row.secrets)
    .bind(&row.status)
    .bind(&row.created_at)
    .bind(&row.updated_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Every connection of a workspace, by name.
pub async fn all(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<ConnectionRow>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from connections where workspace = $1 order by name"
    )))
    .bind(workspace)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

pub async fn by_name(db: impl AnyExecutor<'_>, workspace: &str, name: &str) -> sqlx::Result<Option<ConnectionRow>> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from connections where workspace = $1 and name = $2"
    )))
    .bind(workspace)
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Writes everything about a connection but its identity, connector and creation.
pub async fn update(db: impl AnyExecutor<'_>, row: &ConnectionRow) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update connections set name = $2, label = $3, roles = $4, config = $5, secrets = $6, status = $7, updated_at = $8 \
         where id = $1",
    )
    .bind(&row.id)
    .bind(&row.name)
    .bind(&row.label)
    .bind(&row.roles)
    .bind(&row.config)
    .bind(&row.secrets)
    .bind(&row.status)
    .bind(&row.updated_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records how a check ended.
pub async fn set_status(db: impl AnyExecutor<'_>, id: &str, status: &str) -> sqlx::Result<()> {
    sqlx::query("update connections set status = $2 where id = $1").bind(id).bind(status).execute(db).await?;
    Ok(())
}

pub async fn set_secrets(db: impl AnyExecutor<'_>, id: &str, secrets: &str) -> sqlx::Result<()> {
    sqlx::query("update connections set secrets = $2 where id = $1").bind(id).bind(secrets).execute(db).await?;
    Ok(())
}

pub async fn delete(db: impl AnyExecutor<'_>, id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from connections where id = $1").bind(id).execute(db).await?;
    Ok(done.rows_affected() == 1)
}
