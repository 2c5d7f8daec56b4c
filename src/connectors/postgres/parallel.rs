//! Large tables over several connections: ranges of blocks, all under one exported snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Instrument as _;

use super::catalog::Relation;
use super::connect::{Purpose, Session};
use super::failure::failure;
use super::read::{BEGIN, Outlet, Reading, Stop, copy_out, expect, nothing};
use super::sql::text_literal;
use super::{Config, raw};
use crate::connectors::{ConnectorError, ErrorKind};

/// Blocks that one range has at least: 32 MB of a table.
const RANGE_BLOCKS: i64 = 4096;

/// How a full read is cut into ranges of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) workers: usize,
    /// Conditions on `ctid`, one per range; the last has no upper end.
    ranges: Vec<String>,
}

/// Cuts a large table into ranges, for several connections under one snapshot.
pub(super) async fn split(session: &Session, relation: &Relation, parallelism: usize) -> Result<Split, ConnectorError> {
    let whole = Split { workers: 1, ranges: vec!["true".to_owned()] };
    // Before version 14, a range of blocks is read by scanning the whole table.
    if parallelism < 2 || session.version < 140_000 || !matches!(relation.kind, 'r' | 'p') {
        return Ok(whole);
    }
    // The table with its partitions and heirs: block numbers are each one's own, so a range cuts through all of them.
    let row = session
        .query_one(
            "with recursive tree as (select $1::oid as oid union select i.inhrelid from tree join pg_inherits i \
               on i.inhparent = tree.oid) \
             select coalesce(max(pg_relation_size(c.oid)) / current_setting('block_size')::int8, 0)::int8, \
               coalesce(bool_and(c.relkind = 'p' or c.relkind = 'r' and a.amname = 'heap'), false) \
             from tree join pg_class c on c.oid = tree.oid left join pg_am a on a.oid = c.relam",
            &[&relation.oid],
        )
        .await
        .map_err(|error| failure(format!("Measuring `{}` failed", relation.summary.stream), error))?;
    let (blocks, heap): (i64, bool) = (row.get(0), row.get(1));
    if !heap || blocks < 2 * RANGE_BLOCKS {
        return Ok(whole);
    }
    Ok(ranges(blocks, parallelism))
}

fn ranges(blocks: i64, parallelism: usize) -> Split {
    let wanted = i64::try_from(parallelism.saturating_mul(4)).unwrap_or(i64::MAX);
    let size = (blocks / wanted.max(1)).max(RANGE_BLOCKS);
    let count = (blocks / size).max(1);
    let ranges = (0..count)
        .map(|index| {
            let low = format!("ctid >= '({},0)'::tid", index * size);
            if index + 1 == count { low } else { format!("{low} and ctid < '({},0)'::tid", (index + 1) * size) }
        })
        .collect::<Vec<_>>();
    Split { workers: parallelism.min(ranges.len()), ranges }
}

/// Reads the ranges over several connections. The one that exported the snapshot stays in its transaction meanwhile.
pub(super) async fn read(
    session: &Session,
    config: &Config,
    reading: &Arc<Reading>,
    split: Split,
    outlet: &Outlet,
) -> Result<(), Stop> {
    let failed = |error| failure(reading.doing(), error);
    expect(session, reading, "true", outlet).await?;
    let snapshot: String = session.query_one("select pg_export_snapshot()", &[]).await.map_err(failed)?.get(0);
    let ranges: Arc<[String]> = split.ranges.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..split.workers {
        let work = worker(
            config.clone(),
            Arc::clone(reading),
            snapshot.clone(),
            (Arc::clone(&ranges), Arc::clone(&next)),
            outlet.clone(),
        );
        // The set aborts its workers when it is dropped, whichever way this ends.
        workers.spawn(work.instrument(tracing::info_span!("postgres_read_range")));
    }
    while let Some(ended) = workers.join_next().await {
        match ended {
            Ok(outcome) => outcome?,
            Err(error) => {
                let message = format!("{}: a reader ended unexpectedly.", reading.doing());
                return Err(ConnectorError::new(ErrorKind::Bug, message).because(error).into());
            }
        }
    }
    Ok(())
}

async fn worker(
    config: Config,
    reading: Arc<Reading>,
    snapshot: String,
    (ranges, next): (Arc<[String]>, Arc<AtomicUsize>),
    outlet: Outlet,
) -> Result<(), Stop> {
    let failed = |error| failure(reading.doing(), error);
    let session = Session::open(&config, Purpose::Read).await?;
    let begin = format!("{BEGIN}; set transaction snapshot {}", text_literal(&snapshot));
    session.batch_execute(&begin).await.map_err(|error| match error.code() {
        // It lives as long as the transaction that exported it: the next attempt takes another one.
        Some(_) => ConnectorError::new(
            ErrorKind::Unreachable,
            format!(
                "{}: the snapshot that its readers share is gone, with the connection that held it.",
                reading.doing()
            ),
        )
        .because(error),
        None => failed(error),
    })?;
    let mut decoder = reading.decoder();
    while let Some(range) = ranges.get(next.fetch_add(1, Ordering::SeqCst)) {
        let sql = reading.copy(range, "");
        if reading.raw {
            raw::copy_out(&session, &reading, &sql, &outlet).await?;
            continue;
        }
        copy_out(&session, &reading, &sql, (&mut decoder, &mut nothing), &outlet).await?;
    }
    outlet.flush(&mut decoder).await?;
    session.batch_execute("commit").await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_block_once_and_the_last_is_open() {
        let split = ranges(100_000, 3);
        assert_eq!(split.workers, 3);
        let mut expected = 0;
        for (index, range) in split.ranges.iter().enumerate() {
            assert!(range.starts_with(&format!("ctid >= '({expected},0)'::tid")), "{range}");
            if index + 1 < split.ranges.len() {
                expected = range.rsplit("'(").next().unwrap().split(',').next().unwrap().parse::<i64>().unwrap();
            } else {
                assert!(!range.contains('<'));
            }
        }
    }
}
