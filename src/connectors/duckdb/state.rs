//! The checkpoint table that stands beside the rows and is written in their transaction.

use duckdb::{Connection, OptionalExt as _, params};
use sha2::{Digest as _, Sha256};

use super::failure;
use crate::connectors::{Commit, Committed, ConnectorError, Epoch, ErrorKind, TargetName, WriteMode, WriteRequest};

const TABLE: &str = "_towpath_state";

/// What is kept under one state key.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) committed: Committed,
    target: String,
    /// The staging table of a replace that is not finished.
    pub(super) staging: Option<String>,
}

/// No primary key: DuckDB's would refuse to replace a row within one transaction. Writers take turns instead.
pub(super) fn ensure_table(connection: &Connection) -> Result<(), ConnectorError> {
    connection
        .execute_batch(
            "create table if not exists main._towpath_state (\
             state_key varchar not null, target varchar not null, run varchar not null, epoch ubigint not null, \
             checkpoint varchar, last boolean not null, row_count ubigint not null, staging varchar)",
        )
        .map_err(failure::of(TABLE))
}

pub(super) fn load(connection: &Connection, state_key: &str) -> Result<Option<Kept>, ConnectorError> {
    let found = connection
        .query_row(
            "select target, run, epoch, checkpoint, last, row_count, staging from main._towpath_state where state_key = ?",
            [state_key],
            |row| {
                let committed = Committed {
                    run: row.get(1)?,
                    epoch: Epoch(row.get(2)?),
                    checkpoint: None,
                    last: row.get(4)?,
                    rows: row.get(5)?,
                };
                Ok((Kept { committed, target: row.get(0)?, staging: row.get(6)? }, row.get::<_, Option<String>>(3)?))
            },
        )
        .optional()
        .map_err(failure::of(TABLE))?;
    let Some((mut kept, checkpoint)) = found else { return Ok(None) };
    kept.committed.checkpoint = checkpoint.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        ConnectorError::new(ErrorKind::BadData, format!("`{TABLE}` holds a checkpoint that is not JSON."))
            .because(error)
    })?;
    Ok(Some(kept))
}

/// Keeps a commit; `rows` are the run's so far.
pub(super) fn keep(
    connection: &Connection,
    request: &WriteRequest,
    commit: &Commit,
    rows: u64,
    staging: Option<&str>,
) -> Result<Kept, ConnectorError> {
    forget(connection, &request.state_key)?;
    let target = request.target.to_string();
    let checkpoint = commit.checkpoint.as_ref().map(ToString::to_string);
    connection
        .execute(
            "insert into main._towpath_state values (?, ?, ?, ?, ?, ?, ?, ?)",
            params![request.state_key, target, request.run, commit.epoch.0, checkpoint, commit.last, rows, staging],
        )
        .map_err(failure::of(TABLE))?;
    let committed = Committed {
        run: request.run.clone(),
        epoch: commit.epoch,
        checkpoint: commit.checkpoint.clone(),
        last: commit.last,
        rows,
    };
    Ok(Kept { committed, target, staging: staging.map(str::to_owned) })
}

pub(super) fn forget(connection: &Connection, state_key: &str) -> Result<(), ConnectorError> {
    connection
        .execute("delete from main._towpath_state where state_key = ?", [state_key])
        .map(|_| ())
        .map_err(failure::of(TABLE))
}

/// The staging table of a state key, in the target's own schema: the same for every attempt.
pub(super) fn staging_name(request: &WriteRequest) -> TargetName {
    let digest = Sha256::digest(&request.state_key);
    let short = hex::encode(digest.get(..8).unwrap_or_default());
    TargetName { namespace: request.target.namespace.clone(), name: format!("_towpath_staging_{short}") }
}

/// Whether what was kept still stands for something: its rows are where it says they are.
pub(super) fn still_holds(
    kept: &Kept,
    request: &WriteRequest,
    exists: impl Fn(&TargetName) -> Result<bool, ConnectorError>,
) -> Result<bool, ConnectorError> {
    if kept.target != request.target.to_string() {
        return Ok(false);
    }
    match &kept.staging {
        // An unfinished replace can be taken up by its own run alone.
        Some(_) => Ok(request.mode == WriteMode::Replace
            && kept.committed.run == request.run
            && exists(&staging_name(request))?),
        None => exists(&request.target),
    }
}
