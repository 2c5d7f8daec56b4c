//! What has been committed, kept beside the rows in the target's own database and written in the same transaction as they
//! are.

use mysql_async::Value;
use sha2::{Digest as _, Sha256};

use super::connect::Session;
use super::failure::{code, failure};
use super::sql::qualified;
use crate::connectors::{Committed, ConnectorError, Epoch, ErrorKind};

const TABLE: &str = "_towpath_state";

/// A commit as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) committed: Committed,
    /// The staging table that is to take the target's place and may not have taken it yet: renaming tables is no part of a
    /// transaction.
    pub(super) swap: Option<String>,
}

/// Makes the state table, unless it is there.
pub(super) async fn create(session: &mut Session, namespace: &str) -> Result<(), mysql_async::Error> {
    let there = "select 1 from information_schema.tables where table_schema = ? and table_name = ?";
    // Asked first, since a user who may write here need not be one who may create.
    if session.first::<u8, _>(there, (namespace, TABLE)).await?.is_some() {
        return Ok(());
    }
    let sql = format!(
        "create table if not exists {} (state_hash binary(32) not null primary key, state_key longtext not null, \
         run longtext not null, epoch bigint unsigned not null, last tinyint(1) not null, checkpoint longtext null, \
         target longtext not null, row_count bigint unsigned not null, swap longtext null, \
         committed_at datetime(6) not null) engine = InnoDB default charset utf8mb4 collate utf8mb4_bin",
        qualified(namespace, TABLE)
    );
    session.run(&sql).await
}

fn hash(state_key: &str) -> Vec<u8> {
    Sha256::digest(state_key).to_vec()
}

fn doing(what: &str, namespace: &str) -> String {
    format!("{what} the state in `{namespace}.{TABLE}` failed")
}

/// Run, epoch, whether it was the last, checkpoint, rows, swap.
type Found = (String, u64, bool, Option<String>, u64, Option<String>);

/// What is stored under the key, locked until the transaction ends when it is to be written.
pub(super) async fn load(
    session: &mut Session,
    namespace: &str,
    state_key: &str,
    lock: Lock,
) -> Result<Option<Stored>, ConnectorError> {
    let query = format!(
        "select run, epoch, last, checkpoint, row_count, swap from {} where state_hash = ?{}",
        qualified(namespace, TABLE),
        match lock {
            Lock::None => "",
            Lock::Update => " for update",
        }
    );
    let row: Option<Found> = match session.first(&query, (hash(state_key),)).await {
        Ok(row) => row,
        Err(error) if code(&error) == Some(1146) && lock == Lock::None => None,
        Err(error) => return Err(failure(doing("Reading", namespace), error)),
    };
    let Some((run, epoch, last, checkpoint, rows, swap)) = row else { return Ok(None) };
    let checkpoint = match checkpoint {
        Some(text) => Some(serde_json::from_str(&text).map_err(|error| {
            let message = format!("{}: it is not valid JSON.", doing("Reading", namespace));
            ConnectorError::new(ErrorKind::BadData, message).because(error)
        })?),
        None => None,
    };
    Ok(Some(Stored { committed: Committed { run, epoch: Epoch(epoch), checkpoint, last, rows }, swap }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    None,
    Update,
}

/// Stores a commit, inside of the transaction that writes its rows.
pub(super) async fn save(
    session: &mut Session,
    namespace: &str,
    (state_key, target): (&str, &str),
    stored: &Stored,
) -> Result<(), ConnectorError> {
    let query = format!(
        "replace into {} (state_hash, state_key, run, epoch, last, checkpoint, target, row_count, swap, committed_at) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, utc_timestamp(6))",
        qualified(namespace, TABLE)
    );
    let committed = &stored.committed;
    let values: Vec<Value> = vec![
        hash(state_key).into(),
        state_key.into(),
        committed.run.as_str().into(),
        committed.epoch.0.into(),
        committed.last.into(),
        committed.checkpoint.as_ref().map(ToString::to_string).into(),
        target.into(),
        committed.rows.into(),
        stored.swap.clone().into(),
    ];
    session.execute(&query, values).await.map_err(|error| failure(doing("Writing", namespace), error))?;
    Ok(())
}

/// Notes that the staging table has taken its place.
pub(super) async fn swapped(session: &mut Session, namespace: &str, state_key: &str) -> Result<(), ConnectorError> {
    let query = format!("update {} set swap = null where state_hash = ?", qualified(namespace, TABLE));
    session
        .execute(&query, vec![hash(state_key).into()])
        .await
        .map_err(|error| failure(doing("Writing", namespace), error))?;
    Ok(())
}

/// Forgets what was stored: the rows that it speaks of are gone.
pub(super) async fn forget(session: &mut Session, namespace: &str, state_key: &str) -> Result<(), ConnectorError> {
    let query = format!("delete from {} where state_hash = ?", qualified(namespace, TABLE));
    session
        .execute(&query, vec![hash(state_key).into()])
        .await
        .map_err(|error| failure(doing("Writing", namespace), error))?;
    Ok(())
}

/// The name of the lock that excludes two writers of one state key. Locks are the server's, not a database's.
pub(super) fn lock_name(namespace: &str, state_key: &str) -> String {
    our_name("lock", &format!("{namespace}\0{state_key}"))
}

/// A name of ours that belongs to a text: a prefix and 16 hex digits.
pub(super) fn our_name(prefix: &str, text: &str) -> String {
    let digest = Sha256::digest(text);
    format!("_towpath_{prefix}_{}", hex::encode(digest.first_chunk::<8>().copied().unwrap_or_default()))
}
