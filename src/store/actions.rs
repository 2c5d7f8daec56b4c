//! What the agent has offered to do and what people decided.

use sqlx::{AnyExecutor, Row as _};

use super::Row;

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRow {
    pub id: String,
    pub conversation: Option<String>,
    pub action: String,
    /// JSON: `pipeline`, `run`.
    pub object: String,
    /// `offered`, `done` or `declined`.
    pub state: String,
    pub created_at: String,
}

/// Stores an offer that waits for a person.
pub async fn offer(db: impl AnyExecutor<'_>, workspace: &str, row: &ActionRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into actions (id, workspace, conversation, action, object, state, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&row.id)
    .bind(workspace)
    .bind(&row.conversation)
    .bind(&row.action)
    .bind(&row.object)
    .bind(&row.state)
    .bind(&row.created_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn get(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<Option<ActionRow>> {
    sqlx::query(
        "select id, conversation, action, object, state, created_at from actions where workspace = $1 and id = $2",
    )
    .bind(workspace)
    .bind(id)
    .fetch_optional(db)
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// The newest offer of a talk that nobody has decided.
pub async fn on_offer(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    conversation: &str,
) -> sqlx::Result<Option<ActionRow>> {
    sqlx::query(
        "select id, conversation, action, object, state, created_at from actions
         where workspace = $1 and conversation = $2 and state = 'offered' order by id desc limit 1",
    )
    .bind(workspace)
    .bind(conversation)
    .fetch_optional(db)
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// Records a decision, once: `false` when the offer was decided before, or is not there.
pub async fn decide(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    id: &str,
    state: &str,
    by: &str,
    at: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update actions set state = $3, decided_by = $4, decided_at = $5
         where workspace = $1 and id = $2 and state = 'offered'",
    )
    .bind(workspace)
    .bind(id)
    .bind(state)
    .bind(by)
    .bind(at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts an offer back that was taken up but could not be carried out.
pub async fn reopen(db: impl AnyExecutor<'_>, workspace: &str, id: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update actions set state = 'offered', decided_by = null, decided_at = null where workspace = $1 and id = $2",
    )
    .bind(workspace)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// Offers of a talk that a newer request has overtaken.
pub async fn withdraw_all(
    db: impl AnyExecutor<'_>,
    workspace: &str,
    conversation: &str,
    at: &str,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update actions set state = 'declined', decided_by = 'superseded', decided_at = $3
         where workspace = $1 and conversation = $2 and state = 'offered'",
    )
    .bind(workspace)
    .bind(conversation)
    .bind(at)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

fn read(row: &Row) -> sqlx::Result<ActionRow> {
    Ok(ActionRow {
        id: row.try_get(0)?,
        conversation: row.try_get(1)?,
        action: row.try_get(2)?,
        object: row.try_get(3)?,
        state: row.try_get(4)?,
        created_at: row.try_get(5)?,
    })
}
