//! Large tables over several connections: ranges of the primary key, all in one state of the table. While the table is locked
//! against writes for a moment, each connection takes its snapshot. Nothing else is locked, and where the lock is not to be
//! had within seconds, or not allowed, one connection reads alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Instrument as _;

use super::Config;
use super::catalog::{self, Relation};
use super::connect::{Purpose, Session};
use super::failure::failure;
use super::read::{BEGIN, Outlet, Reading, Stop, conclude, expect, nothing, select, whole};
use super::sql::quote;
use crate::connectors::{ConnectorError, ErrorKind};

/// Tables smaller than this are read over one connection.
const LARGE: u64 = 64 * 1024 * 1024;
/// Seconds that others may be kept waiting by a lock that is not to be had yet.
const LOCK_SECONDS: u32 = 2;

/// Connections for one read.
pub(super) struct Sessions {
    first: Session,
    /// None when the first one reads alone.
    workers: Vec<Session>,
    locker: Option<Session>,
    table: String,
    ranges: Vec<String>,
}

/// Opens as many connections as the table is worth.
pub(super) async fn open(
    mut first: Session,
    config: &Config,
    relation: &Relation,
    reading: &Reading,
    parallelism: usize,
) -> Result<Sessions, ConnectorError> {
    let ranges = if parallelism < 2 { Vec::new() } else { split(&mut first, relation, reading, parallelism).await? };
    let mut sessions = Sessions { first, workers: Vec::new(), locker: None, table: relation.quoted(), ranges };
    if sessions.ranges.len() > 1 {
        sessions.locker = Some(Session::open(config, Purpose::Write).await?);
        for _ in 0..parallelism.min(sessions.ranges.len()) {
            sessions.workers.push(Session::open(config, Purpose::Read).await?);
        }
    }
    Ok(sessions)
}

impl Sessions {
    /// Begins the read's transactions.
    pub(super) async fn begun(mut self, reading: &Reading) -> Result<Self, ConnectorError> {
        let failed = |error| failure(reading.doing(), error);
        if let Some(mut locker) = self.locker.take() {
            let patience =
                format!("set session lock_wait_timeout = {LOCK_SECONDS}, innodb_lock_wait_timeout = {LOCK_SECONDS}");
            locker.run(&patience).await.map_err(failed)?;
            match locker.run(&format!("lock tables {} read", self.table)).await {
                Ok(()) => {
                    for worker in &mut self.workers {
                        worker.run(BEGIN).await.map_err(failed)?;
                    }
                    locker.run("unlock tables").await.map_err(failed)?;
                }
                Err(error @ mysql_async::Error::Server(_)) => {
                    tracing::info!(
                        stream = reading.stream,
                        error = %error,
                        "The table could not be locked for a moment, so one connection reads it alone"
                    );
                    self.workers.clear();
                }
                Err(error) => return Err(failed(error)),
            }
        }
        self.first.run(BEGIN).await.map_err(failed)?;
        Ok(self)
    }
}

/// Conditions that cut a large table by the first column of its primary key; none when it is not worth it.
async fn split(
    session: &mut Session,
    relation: &Relation,
    reading: &Reading,
    parallelism: usize,
) -> Result<Vec<String>, ConnectorError> {
    let large = relation.summary.bytes.is_some_and(|bytes| bytes >= LARGE);
    if relation.is_view || !relation.is_innodb() || !large {
        return Ok(Vec::new());
    }
    let keys = catalog::unique_keys(session, relation).await?;
    let columns = catalog::all_columns(session, relation).await?;
    let key = keys.first().filter(|key| key.is_primary()).and_then(|key| key.columns.first());
    let Some(key) = key.and_then(|name| columns.iter().find(|column| column.name == *name)) else {
        return Ok(Vec::new());
    };
    if !matches!(key.data_type.name.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint") {
        return Ok(Vec::new());
    }
    let name = quote(&key.name);
    let query = format!("select cast(min({name}) as char), cast(max({name}) as char) from {}", relation.quoted());
    let ends: Option<(Option<String>, Option<String>)> =
        session.first(&query, ()).await.map_err(|error| failure(reading.doing(), error))?;
    let number = |text: Option<String>| text.and_then(|text| text.parse::<i128>().ok());
    let Some((Some(low), Some(high))) = ends.map(|(low, high)| (number(low), number(high))) else {
        return Ok(Vec::new());
    };
    Ok(ranges(&name, (low, high), parallelism))
}

/// The first and the last are open, for rows that come meanwhile.
fn ranges(key: &str, (low, high): (i128, i128), parallelism: usize) -> Vec<String> {
    let parts = i128::try_from(parallelism.saturating_mul(4)).unwrap_or(i128::from(u16::MAX)).min(high - low);
    if parts < 2 {
        return Vec::new();
    }
    let at = |part: i128| low + (high - low) * part / parts;
    (0..parts)
        .map(|part| match part {
            0 => format!("{key} < {}", at(1)),
            part if part + 1 == parts => format!("{key} >= {}", at(part)),
            part => format!("{key} >= {} and {key} < {}", at(part), at(part + 1)),
        })
        .collect()
}

/// Reads everything, and says how it ended.
pub(super) async fn run(sessions: Sessions, reading: Arc<Reading>, outlet: Outlet) {
    let Sessions { mut first, workers, ranges, .. } = sessions;
    let outcome = if workers.is_empty() {
        alone(&mut first, &reading, &outlet).await
    } else {
        together(&mut first, workers, &reading, ranges, &outlet).await
    };
    conclude(&mut first, &reading, outcome, &outlet, None).await;
}

async fn alone(session: &mut Session, reading: &Reading, outlet: &Outlet) -> Result<(), Stop> {
    expect(session, reading, "true", outlet).await?;
    whole(session, reading, &reading.select("true", ""), outlet).await
}

async fn together(
    first: &mut Session,
    workers: Vec<Session>,
    reading: &Arc<Reading>,
    ranges: Vec<String>,
    outlet: &Outlet,
) -> Result<(), Stop> {
    expect(first, reading, "true", outlet).await?;
    let ranges: Arc<[String]> = ranges.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut under_way = tokio::task::JoinSet::new();
    for session in workers {
        let work = worker(session, Arc::clone(reading), (Arc::clone(&ranges), Arc::clone(&next)), outlet.clone());
        // The set aborts its workers when it is dropped, whichever way this ends.
        under_way.spawn(work.instrument(tracing::info_span!("mysql_read_range")));
    }
    while let Some(ended) = under_way.join_next().await {
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
    mut session: Session,
    reading: Arc<Reading>,
    (ranges, next): (Arc<[String]>, Arc<AtomicUsize>),
    outlet: Outlet,
) -> Result<(), Stop> {
    let mut decoder = reading.decoder()?;
    while let Some(range) = ranges.get(next.fetch_add(1, Ordering::SeqCst)) {
        let sql = reading.select(range, "");
        select(&mut session, &reading, &sql, (&mut decoder, &mut nothing), &outlet).await?;
    }
    outlet.flush(&reading, &mut decoder).await?;
    session.run("commit").await.map_err(|error| failure(reading.doing(), error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_key_once_and_are_open_at_both_ends() {
        for (low, high) in [(1, 100), (-5, 4), (i128::from(i64::MIN), i128::from(u64::MAX)), (0, 3)] {
            let ranges = ranges("k", (low, high), 2);
            let bounds: Vec<Vec<i128>> =
                ranges.iter().map(|range| range.split(' ').filter_map(|word| word.parse().ok()).collect()).collect();
            assert!(ranges[0].starts_with("k < ") && ranges[ranges.len() - 1].starts_with("k >= "));
            assert!(!ranges[ranges.len() - 1].contains('<'));
            for pair in bounds.windows(2) {
                assert_eq!(pair[0].last(), pair[1].first(), "{ranges:?}");
            }
        }
        assert!(ranges("k", (7, 7), 4).is_empty());
    }
}
