//! Sign-ins: one-time tokens that wait to be used, and the sessions that they became. Both are stored by SHA-256.

use sqlx::{AnyExecutor, Row as _};

/// The scope of a token that was not used yet. No scope that a session can have is spelt so.
pub const TOKEN: &str = "sign_in";

/// Who a session belongs to and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub actor: String,
    pub scope: String,
    pub expires_at: String,
}

/// Uses a token up. The actor that it was made for, or nothing when it is unknown, used or too old. Of two callers at
/// once, one gets it.
pub async fn take_token(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    hash: &str,
    now: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "delete from sessions where hash = $1 and workspace = $2 and scope = $3 and expires_at > $4 returning actor",
    )
    .bind(hash)
    .bind(workspace)
    .bind(TOKEN)
    .bind(now)
    .fetch_optional(db)
    .await
}

/// Keeps a session, or a one-time token where its scope is [`TOKEN`].
pub async fn insert(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    hash: &str,
    session: &SessionRow,
    created_at: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into sessions (hash, workspace, actor, scope, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash)
    .bind(workspace)
    .bind(&session.actor)
    .bind(&session.scope)
    .bind(created_at)
    .bind(&session.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The session with this hash, unless it is over.
pub async fn by_hash(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    hash: &str,
    now: &str,
) -> sqlx::Result<Option<SessionRow>> {
    let row = sqlx::query(
        "select actor, scope, expires_at from sessions \
         where hash = $1 and workspace = $2 and scope <> $3 and expires_at > $4",
    )
    .bind(hash)
    .bind(workspace)
    .bind(TOKEN)
    .bind(now)
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok(SessionRow { actor: row.try_get(0)?, scope: row.try_get(1)?, expires_at: row.try_get(2)? }))
        .transpose()
}

/// Ends a session.
pub async fn delete(db: impl AnyExecutor<'_>, hash: &str) -> sqlx::Result<()> {
    sqlx::query("delete from sessions where hash = $1").bind(hash).execute(db).await?;
    Ok(())
}

/// Forgets tokens and sessions that are over.
pub async fn sweep(db: impl AnyExecutor<'_>, now: &str) -> sqlx::Result<()> {
    sqlx::query("delete from sessions where expires_at <= $1").bind(now).execute(db).await?;
    Ok(())
}
