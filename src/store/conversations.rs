//! Talks between people and the agent.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One talk, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    pub id: String,
    pub title: String,
    pub created_at: String,
    pub updated_at: String,
}

pub async fn insert(db: impl AnyExecutor<'_>, workspace: &str, id: &str, title: &str, at: &str) -> sqlx::Result<()> {
    sqlx::query("insert into conversations (id, workspace, title, created_at, updated_at) values ($1, $2, $3, $4, $4)")
        .bind(id)
        .bind(workspace)
        .bind(title)
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<ConversationRow>> {
    sqlx::query("select id, title, created_at, updated_at from conversations where workspace = $1 and id = $2")
        .bind(workspace)
        .bind(id)
        .fetch_optional(db)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// The most recently used first; `before` is the `updated_at` of the last one already seen.
pub async fn list(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    before: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<ConversationRow>> {
    let rows = sqlx::query(
        "select id, title, created_at, updated_at from conversations
         where workspace = $1 and updated_at < $2 order by updated_at desc, id desc limit $3",
    )
    .bind(workspace)
    // Every RFC 3339 time of this era sorts before it.
    .bind(before.unwrap_or("9999"))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// `false` when there is no such talk.
pub async fn rename(db: impl AnyExecutor<'_>, workspace: &str, id: &str, title: &str, at: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("update conversations set title = $3, updated_at = $4 where workspace = $1 and id = $2")
        .bind(workspace)
        .bind(id)
        .bind(title)
        .bind(at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Something was said.
pub async fn touch(db: impl AnyExecutor<'_>, id: &str, at: &str) -> sqlx::Result<()> {
    sqlx::query("update conversations set updated_at = $2 where id = $1").bind(id).bind(at).execute(db).await?;
    Ok(())
}

/// Deletes a talk with its messages and turns. Plans and runs that came out of it stay. `false` when there was none.
pub async fn delete(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from conversations where workspace = $1 and id = $2")
        .bind(workspace)
        .bind(id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn read(row: &Row) -> sqlx::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        created_at: row.try_get(2)?,
        updated_at: row.try_get(3)?,
    })
}
