//! A workspace's settings: one JSON object.

use serde_json::{Map, Value};
use sqlx::AnyExecutor;

use super::Tx;

/// Every setting of a workspace.
pub async fn all(db: impl AnyExecutor<'_>, workspace: &str) -> sqlx::Result<Map<String, Value>> {
    let text: String =
        sqlx::query_scalar("select settings from workspaces where id = $1").bind(workspace).fetch_one(db).await?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Sets one setting, or removes it when the value is null. Others stay, whoever writes at the same time.
pub async fn set(tx: &mut Tx, workspace: &str, name: &str, value: Value) -> sqlx::Result<()> {
    // Takes the row's lock before reading it; on SQLite the transaction holds the store's already.
    sqlx::query("update workspaces set name = name where id = $1").bind(workspace).execute(&mut **tx).await?;
    let mut settings = all(&mut **tx, workspace).await?;
    if value.is_null() {
        settings.remove(name);
    } else {
        settings.insert(name.to_owned(), value);
    }
    sqlx::query("update workspaces set settings = $2 where id = $1")
        .bind(workspace)
        .bind(Value::Object(settings).to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
