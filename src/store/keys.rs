//! API keys: what is stored is a key's SHA-256, never the key.

use sqlx::{AnyExecutor, Row as _};

use super::Row;
use crate::ids::KeyId;

/// A key as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub id: String,
    pub name: String,
    pub scope: String,
    pub created_at: String,
    pub last_used_at: Option<String>,
    pub revoked_at: Option<String>,
}

/// Keeps a new key.
pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, key: &KeyRow, hash: &str) -> sqlx::Result<()> {
    sqlx::query("insert into api_keys (id, workspace, name, scope, hash, created_at) values ($1, $2, $3, $4, $5, $6)")
        .bind(&key.id)
        .bind(workspace)
        .bind(&key.name)
        .bind(&key.scope)
        .bind(hash)
        .bind(&key.created_at)
        .execute(db)
        .await?;
    Ok(())
}

/// Every key of a workspace, newest first, revoked ones included.
pub async fn list(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<KeyRow>> {
    let rows = sqlx::query(
        "select id, name, scope, created_at, last_used_at, revoked_at from api_keys where workspace = $1 order by id desc",
    )
    .bind(workspace)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The key with this hash, unless it was revoked.
pub async fn by_hash(db: impl AnyExecutor<'_>, workspace: &str, hash: &str) -> sqlx::Result<Option<KeyRow>> {
    let row = sqlx::query(
        "select id, name, scope, created_at, last_used_at, revoked_at from api_keys \
         where hash = $1 and workspace = $2 and revoked_at is null",
    )
    .bind(hash)
    .bind(workspace)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Notes that a key was used.
pub async fn touch(db: impl AnyExecutor<'_>, id: &str, at: &str) -> sqlx::Result<()> {
    sqlx::query("update api_keys set last_used_at = $2 where id = $1").bind(id).bind(at).execute(db).await?;
    Ok(())
}

/// Revokes a key for good. `false` when there is no such key or it was revoked before.
pub async fn revoke(db: impl AnyExecutor<'_>, workspace: &str, id: KeyId, at: &str) -> sqlx::Result<bool> {
    let done =
        sqlx::query("update api_keys set revoked_at = $3 where id = $1 and workspace = $2 and revoked_at is null")
            .bind(id.to_string())
            .bind(workspace)
            .bind(at)
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &Row) -> sqlx::Result<KeyRow> {
    Ok(KeyRow {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scope: row.try_get(2)?,
        created_at: row.try_get(3)?,
        last_used_at: row.try_get(4)?,
        revoked_at: row.try_get(5)?,
    })
}
