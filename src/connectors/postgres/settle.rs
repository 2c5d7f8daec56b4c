//! Late commits. A transaction can give a row a cursor value, stay open, and commit it after a read has passed that value.
//! So before a read without a lookback stores a position, it makes sure that nobody who could still do that was at work.
//!
//! A transaction holds a lock on every table that it has written to until it ends. If some did when the snapshot was taken,
//! the read is bounded by the highest value visible then, those transactions are waited for, and the rows up to the bound
//! are read in a newer snapshot, which sees all of theirs. This is sound for values drawn while a row is written, in
//! ascending order: sequences (without a session cache) and `clock_timestamp()`. It is not for a transaction that took `now()`
//! and first touches the table after the bound; such streams want a lookback.

use std::time::Duration;

use super::catalog::Relation;
use super::connect::Session;
use super::cursor::Order;
use super::failure::failure;
use super::read::BEGIN;
use super::sql::qualified;
use crate::connectors::{ConnectorError, ErrorKind};

/// How far a read may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// To the end: nobody is at work.
    Open,
    /// To this value.
    Value(String),
    /// Only rows without a value.
    Nothing,
}

/// Longest wait for those at work.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// The virtual transactions of others that have written to the table, its partitions or its heirs.
const WRITERS: &str = "with recursive tree as (select $1::oid as oid union select i.inhrelid from tree \
       join pg_inherits i on i.inhparent = tree.oid) \
     select distinct l.virtualtransaction::text from pg_locks l join tree on tree.oid = l.relation \
     where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_backend_pid() \
     and l.database = (select oid from pg_database where datname = current_database()) \
     and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";

/// Whether a transaction that was open when the snapshot was taken has ended since: it may have written to the table, and its
/// locks no longer tell.
const ENDED: &str = "select exists (select from pg_snapshot_xip(pg_current_snapshot()) as x (xid) \
     where not exists (select from pg_locks l where l.locktype = 'transactionid' \
     and l.transactionid::text = ((x.xid::text::numeric) % 4294967296)::text))";

/// Leaves the session in a transaction whose snapshot has every row up to the bound.
pub(super) async fn settle(session: &Session, relation: &Relation, order: &Order) -> Result<Bound, ConnectorError> {
    let stream = &relation.summary.stream;
    let failed = |error| failure(format!("Reading `{stream}` failed"), error);
    // Earlier servers do not tell a snapshot's parts.
    if session.version < 130_000 || !matches!(relation.kind, 'r' | 'p') {
        return Ok(Bound::Open);
    }
    let ended: bool = session.query_one(ENDED, &[]).await.map_err(failed)?.get(0);
    if !ended && writers(session, relation).await?.is_empty() {
        return Ok(Bound::Open);
    }
    session.batch_execute("commit").await.map_err(failed)?;
    let table = qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &relation.summary.name);
    let (expression, finite) = (&order.expression, order.finite());
    // Named, since `order by` would otherwise take the text for the column.
    let query = format!(
        "select ({expression})::text as _towpath_value from {table} where {finite} order by {expression} desc limit 1"
    );
    let bound = session.query_opt(&query, &[]).await.map_err(failed)?.and_then(|row| row.get::<_, Option<String>>(0));
    let mut awaited = writers(session, relation).await?;
    let mut waited = Duration::ZERO;
    while !awaited.is_empty() {
        if waited >= PATIENCE {
            return Err(ConnectorError::new(
                ErrorKind::Throttled,
                format!(
                    "A transaction has been writing to `{stream}` for more than {} s; rows that it commits later could be \
                     missed.",
                    PATIENCE.as_secs()
                ),
            )
            .advise("End that transaction, or give the stream a lookback that is longer than such transactions last."));
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
        let now = writers(session, relation).await?;
        awaited.retain(|writer| now.contains(writer));
    }
    session.batch_execute(BEGIN).await.map_err(failed)?;
    Ok(bound.map_or(Bound::Nothing, Bound::Value))
}

async fn writers(session: &Session, relation: &Relation) -> Result<Vec<String>, ConnectorError> {
    let rows = session
        .query(WRITERS, &[&relation.oid])
        .await
        .map_err(|error| failure(format!("Reading `{}` failed", relation.summary.stream), error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
