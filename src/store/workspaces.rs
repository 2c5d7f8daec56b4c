//! Workspaces and their settings.

use sqlx::AnyExecutor;

/// A workspace's settings, a JSON object as text; `None` when there is no such workspace.
pub async fn settings(db: impl AnyExecutor<'_>, id: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select settings from workspaces where id = $1").bind(id).fetch_optional(db).await
}

/// Replaces a workspace's settings.
pub async fn set_settings(db: impl AnyExecutor<'_>, id: &str, settings: &str) -> sqlx::Result<()> {
    sqlx::query("update workspaces set settings = $2 where id = $1").bind(id).bind(settings).execute(db).await?;
    Ok(())
}
