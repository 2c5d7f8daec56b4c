//! Keys of a workspace, sealed by the vault: one per purpose, made once and kept.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// Keeps a key unless the purpose has one already.
pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, purpose: &str, sealed: &str) -> sqlx::Result<()> {
    sqlx::query("insert into workspace_keys (workspace, purpose, sealed) values ($1, $2, $3) on conflict do nothing")
        .bind(workspace)
        .bind(purpose)
        .bind(sealed)
        .execute(db)
        .await?;
    Ok(())
}

/// Every sealed key of a workspace: purpose, sealed text.
pub async fn all(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Vec<(String, String)>> {
    let rows = sqlx::query("select purpose, sealed from workspace_keys where workspace = $1 order by purpose")
        .bind(workspace)
        .fetch_all(db)
        .await?;
    rows.iter().map(|row: &Row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Puts the same key under another seal, when the vault's key changes.
pub async fn reseal(db: impl AnyExecutor<'_>, workspace: &str, purpose: &str, sealed: &str) -> sqlx::Result<()> {
    sqlx::query("update workspace_keys set sealed = $3 where workspace = $1 and purpose = $2")
        .bind(workspace)
        .bind(purpose)
        .bind(sealed)
        .execute(db)
        .await?;
    Ok(())
}
