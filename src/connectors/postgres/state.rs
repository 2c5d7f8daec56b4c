//! What has been committed, kept beside the rows in the target's own schema and written in the same transaction as they are.

use sha2::{Digest as _, Sha256};
use tokio_postgres::error::SqlState;

use super::connect::Session;
use super::failure::failure;
use super::sql::qualified;
use crate::connectors::{Committed, ConnectorError, Epoch, ErrorKind};

const TABLE: &str = "_towpath_state";

/// Makes the state table, unless it is there.
pub(super) fn create(namespace: &str) -> String {
    format!(
        "create table if not exists {} (state_key text primary key, run text not null, epoch bigint not null, \
         last boolean not null, checkpoint text, target text not null, rows bigint not null, \
         committed_at timestamptz not null default now())",
        qualified(namespace, TABLE)
    )
}

/// What is stored under the key, locked until the transaction ends when it is to be written.
pub(super) async fn load(
    session: &Session,
    namespace: &str,
    state_key: &str,
    lock: Lock,
) -> Result<Option<Committed>, ConnectorError> {
    let query = format!(
        "select run, epoch, last, checkpoint, rows from {} where state_key = $1{}",
        qualified(namespace, TABLE),
        match lock {
            Lock::None => "",
            Lock::Update => " for update",
        }
    );
    let doing = || format!("Reading the state in `{namespace}.{TABLE}` failed");
    let row = match session.query_opt(&query, &[&state_key]).await {
        Ok(row) => row,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) && lock == Lock::None => None,
        Err(error) => return Err(failure(doing(), error)),
    };
    let Some(row) = row else { return Ok(None) };
    let checkpoint = match row.get::<_, Option<String>>(3) {
        Some(text) => Some(serde_json::from_str(&text).map_err(|error| {
            ConnectorError::new(ErrorKind::BadData, format!("{}: it is not valid JSON.", doing())).because(error)
        })?),
        None => None,
    };
    Ok(Some(Committed {
        run: row.get(0),
        epoch: Epoch(u64::try_from(row.get::<_, i64>(1)).unwrap_or_default()),
        checkpoint,
        last: row.get(2),
        rows: u64::try_from(row.get::<_, i64>(4)).unwrap_or_default(),
    }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    None,
    Update,
}

/// Stores a commit, inside of the transaction that writes its rows.
pub(super) async fn save(
    session: &Session,
    namespace: &str,
    state_key: &str,
    target: &str,
    committed: &Committed,
) -> Result<(), ConnectorError> {
    let query = format!(
        "insert into {} (state_key, run, epoch, last, checkpoint, target, rows) values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (state_key) do update set run = excluded.run, epoch = excluded.epoch, last = excluded.last, \
         checkpoint = excluded.checkpoint, target = excluded.target, rows = excluded.rows, committed_at = now()",
        qualified(namespace, TABLE)
    );
    let epoch = i64::try_from(committed.epoch.0).unwrap_or(i64::MAX);
    let rows = i64::try_from(committed.rows).unwrap_or(i64::MAX);
    let checkpoint = committed.checkpoint.as_ref().map(ToString::to_string);
    session
        .execute(&query, &[&state_key, &committed.run, &epoch, &committed.last, &checkpoint, &target, &rows])
        .await
        .map_err(|error| failure(format!("Writing the state in `{namespace}.{TABLE}` failed"), error))?;
    Ok(())
}

/// Forgets what was stored: the rows that it speaks of are gone.
pub(super) async fn forget(session: &Session, namespace: &str, state_key: &str) -> Result<(), ConnectorError> {
    session
        .execute(&format!("delete from {} where state_key = $1", qualified(namespace, TABLE)), &[&state_key])
        .await
        .map_err(|error| failure(format!("Writing the state in `{namespace}.{TABLE}` failed"), error))?;
    Ok(())
}

/// The number of the lock that excludes two writers of one state key.
pub(super) fn lock_number(namespace: &str, state_key: &str) -> i64 {
    let digest = Sha256::digest(format!("{namespace}\0{state_key}"));
    digest.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

/// A name of ours that belongs to a text: a prefix and 16 hex digits.
pub(super) fn our_name(prefix: &str, text: &str) -> String {
    let digest = Sha256::digest(text);
    format!("_towpath_{prefix}_{}", hex::encode(digest.first_chunk::<8>().copied().unwrap_or_default()))
}
