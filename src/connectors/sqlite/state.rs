//! The checkpoint table that stands beside the rows and is written in their transaction.

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::failure;
use crate::connectors::{Commit, Committed, ConnectorError, Epoch, ErrorKind, WriteMode, WriteRequest};

const TABLE: &str = "_towpath_state";

/// What is kept under one state key.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) committed: Committed,
    pub(super) target: String,
    /// The staging table of a replace that is not finished.
    pub(super) staging: Option<String>,
}

pub(super) fn ensure_table(connection: &Connection) -> Result<(), ConnectorError> {
    connection
        .execute_batch(
            "create table if not exists _towpath_state (\
             state_key text primary key, target text not null, run text not null, epoch integer not null, \
             checkpoint text, last integer not null, row_count integer not null, staging text)",
        )
        .map_err(failure::of(TABLE))
}

pub(super) fn load(connection: &Connection, state_key: &str) -> Result<Option<Kept>, ConnectorError> {
    let told = failure::of(TABLE);
    let found = connection
        .query_row(
            "select target, run, epoch, checkpoint, last, row_count, staging from _towpath_state where state_key = ?1",
            [state_key],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, bool>(4)?,
                    row.get::<_, i64>(5)?,
                    row.get::<_, Option<String>>(6)?,
                ))
            },
        )
        .optional()
        .map_err(told)?;
    let Some((target, run, epoch, checkpoint, last, rows, staging)) = found else { return Ok(None) };
    let checkpoint = checkpoint.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        ConnectorError::new(ErrorKind::BadData, format!("`{TABLE}` holds a checkpoint that is not JSON."))
            .because(error)
    })?;
    let unsigned = |value: i64| u64::try_from(value).unwrap_or_default();
    let committed = Committed { run, epoch: Epoch(unsigned(epoch)), checkpoint, last, rows: unsigned(rows) };
    Ok(Some(Kept { committed, target, staging }))
}

/// Keeps a commit; `rows` are the run's so far.
pub(super) fn keep(
    connection: &Connection,
    request: &WriteRequest,
    commit: &Commit,
    rows: u64,
    staging: Option<&str>,
) -> Result<Kept, ConnectorError> {
    let number = |value: u64| {
        i64::try_from(value)
            .map_err(|_| ConnectorError::new(ErrorKind::Bug, "An epoch or a row count is out of range."))
    };
    connection
        .execute(
            "insert or replace into _towpath_state values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                request.state_key,
                request.target.name,
                request.run,
                number(commit.epoch.0)?,
                commit.checkpoint.as_ref().map(ToString::to_string),
                commit.last,
                number(rows)?,
                staging,
            ],
        )
        .map_err(failure::of(TABLE))?;
    let committed = Committed {
        run: request.run.clone(),
        epoch: commit.epoch,
        checkpoint: commit.checkpoint.clone(),
        last: commit.last,
        rows,
    };
    Ok(Kept { committed, target: request.target.name.clone(), staging: staging.map(str::to_owned) })
}

pub(super) fn forget(connection: &Connection, state_key: &str) -> Result<(), ConnectorError> {
    connection
        .execute("delete from _towpath_state where state_key = ?1", [state_key])
        .map(|_| ())
        .map_err(failure::of(TABLE))
}

/// The staging table of a state key: the same for every attempt.
pub(super) fn staging_name(state_key: &str) -> String {
    format!("_towpath_staging_{}", short_digest(state_key))
}

pub(super) fn short_digest(text: &str) -> String {
    hex::encode(Sha256::digest(text).get(..8).unwrap_or_default())
}

/// Whether what was kept still stands for something: its rows are where it says they are.
pub(super) fn still_holds(
    kept: &Kept,
    request: &WriteRequest,
    exists: impl Fn(&str) -> Result<bool, ConnectorError>,
) -> Result<bool, ConnectorError> {
    if kept.target != request.target.name {
        return Ok(false);
    }
    match &kept.staging {
        // An unfinished replace can be taken up by its own run alone.
        Some(staging) => {
            Ok(request.mode == WriteMode::Replace && kept.committed.run == request.run && exists(staging)?)
        }
        None => exists(&kept.target),
    }
}
