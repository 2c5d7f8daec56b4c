//! DuckDB as a source.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use async_trait::async_trait;
use duckdb::{Connection, InterruptHandle};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::catalog::{self, Table};
use super::instance::Lease;
use super::read::{Query, Selection, Stop, run, stream};
use super::{Config, blocking, failure, quoted, render};
use crate::connectors::filter::Filter;
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    CdcReadiness, Checked, ConnectorError, CursorProfile, ErrorKind, ItemStream, KeyProfile, ReadMode, ReadRequest,
    Source, SourceAbilities, StreamSchema, StreamSummary,
};
use crate::tasks;

/// Rows that a measurement looks at.
const SAMPLED: u64 = 1_000_000;

/// Items that may wait between the reading thread and whoever listens.
const AHEAD: usize = 2;

pub(super) struct DuckDbSource {
    config: Config,
}

impl DuckDbSource {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let config = self.config.clone();
        blocking("duckdb ask", move || {
            let lease = Lease::take(&config, false)?;
            let connection = lease.connect()?;
            work(&connection)
        })
        .await
    }
}

/// A connection inside a transaction, so that all that follows is one snapshot.
struct Begun {
    /// Before the connection, whatever ends the reading.
    alive: Option<Alive>,
    connection: Connection,
    /// After the connection: the database closes last.
    _lease: Lease,
}

#[async_trait]
impl Source for DuckDbSource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let path = self.config.path.display().to_string();
        self.with(move |connection| {
            let tables = catalog::list(connection)?.len();
            let version = connection.version().map_err(failure::of("version"))?;
            Ok(Checked { message: format!("DuckDB {version}, `{path}`, {tables} tables readable") })
        })
        .await
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        self.with(catalog::list).await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        let stream = stream.to_owned();
        self.with(move |connection| Ok(catalog::load(connection, &stream)?.described())).await
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let (stream, column) = (stream.to_owned(), column.to_owned());
        self.with(move |connection| profile_cursor(connection, &catalog::load(connection, &stream)?, &column)).await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let (stream, columns) = (stream.to_owned(), columns.to_vec());
        self.with(move |connection| profile_key(connection, &catalog::load(connection, &stream)?, columns)).await
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        let reason = "DuckDB keeps no log of changes that another program could read.".to_owned();
        Ok(CdcReadiness { ready: false, reason: Some(reason), retained_log: None })
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        if request.mode == ReadMode::Cdc {
            return Err(ConnectorError::new(ErrorKind::Unsupported, "DuckDB has no log to capture changes from."));
        }
        let config = self.config.clone();
        let (mut begun, table, request) = blocking("duckdb begin", move || {
            let lease = Lease::take(&config, false)?;
            let connection = lease.connect()?;
            if request.mode != ReadMode::Full {
                // It is sorted.
                lease.allow(384)?;
            }
            connection.execute_batch("begin transaction").map_err(failure::of(&request.stream))?;
            let table = catalog::load(&connection, &request.stream)?;
            for column in &request.columns {
                table.column(column)?;
            }
            Ok((Begun { alive: None, connection, _lease: lease }, table, request))
        })
        .await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (guard, alive) = Guard::over(&begun.connection);
        begun.alive = Some(alive);
        tasks::spawn_blocking("duckdb read", move || {
            let mut listener = |item| sender.blocking_send(Ok(item)).map_err(|_| Stop::Gone);
            let outcome = run(&begun.connection, &table, &request, &mut listener);
            drop(begun);
            if let Err(Stop::Failed(error)) = outcome {
                // Nobody may be listening any more.
                let _ = sender.blocking_send(Err(error));
            }
        });
        let items = futures::stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
            receiver.recv().await.map(|item| (item, (receiver, guard)))
        });
        Ok(items.boxed())
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let (stream, filter) = (stream.to_owned(), filter.cloned());
        self.with(move |connection| {
            let table = catalog::load(connection, &stream)?;
            let condition = match &filter {
                Some(filter) => format!(" where {}", render::render(filter, &table)?),
                None => String::new(),
            };
            let sql = format!("select count(*) from {}{condition}", table.path());
            let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).map_err(failure::of(&stream))?;
            Ok(unsigned(rows))
        })
        .await
    }

    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError> {
        let name = stream.to_owned();
        self.with(move |connection| {
            let table = catalog::load(connection, &name)?;
            let columns: Vec<_> =
                table.columns.iter().map(|column| (column.clone(), column.data_type.spelled.clone())).collect();
            let selection = Selection::new(&columns);
            let sql = format!("select {} from {} limit {limit}", selection.list, table.path());
            let mut batches = Vec::new();
            let outcome = stream_all(connection, &name, &sql, &selection, &mut batches);
            if let Err(Stop::Failed(error)) = outcome {
                return Err(error);
            }
            concat_batches(&arrow_schema(&table.columns), &batches)
                .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A sample does not make a batch.").because(error))
        })
        .await
    }
}

fn stream_all(
    connection: &Connection,
    name: &str,
    sql: &str,
    selection: &Selection,
    batches: &mut Vec<RecordBatch>,
) -> Result<(), Stop> {
    stream(connection, &Query { name, sql, selection, limits: (10_000, 16 << 20) }, |batch| {
        batches.push(batch);
        Ok(())
    })
}

/// Interrupts the reading thread's statement when the stream is dropped.
struct Guard(Arc<Mutex<Option<Arc<InterruptHandle>>>>);

/// Held as long as the connection can be interrupted, and dropped before it: a handle's own word for that comes only
/// after the connection is gone, and to interrupt what is gone ends the process.
struct Alive(Arc<Mutex<Option<Arc<InterruptHandle>>>>);

impl Guard {
    fn over(connection: &Connection) -> (Self, Alive) {
        let handle = Arc::new(Mutex::new(Some(connection.interrupt_handle())));
        (Self(Arc::clone(&handle)), Alive(handle))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Under the lock, so that the connection cannot go meanwhile.
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn profile_cursor(connection: &Connection, table: &Table, column: &str) -> Result<CursorProfile, ConnectorError> {
    let described = table.column(column)?;
    let cell = quoted(column);
    let sql = format!(
        "select count(*), count(*) - count(v), count(distinct v), cast(min(v) as varchar), cast(max(v) as varchar) \
         from (select {cell} as v from {} limit {SAMPLED})",
        table.path()
    );
    connection
        .query_row(&sql, [], |row| {
            let rows = unsigned(row.get(0)?);
            Ok(CursorProfile {
                column: column.to_owned(),
                rows,
                sampled: rows == SAMPLED,
                nulls: unsigned(row.get(1)?),
                distinct: Some(unsigned(row.get(2)?)),
                indexed: described.indexed,
                minimum: row.get(3)?,
                maximum: row.get(4)?,
            })
        })
        .map_err(failure::of(&table.name))
}

fn profile_key(connection: &Connection, table: &Table, columns: Vec<String>) -> Result<KeyProfile, ConnectorError> {
    let told = failure::of(&table.name);
    let described = columns.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let unique = table.unique.iter().any(|unique| {
        let primary_or_filled = unique.primary || described.iter().all(|column| !column.nullable);
        primary_or_filled && unique.columns.iter().all(|name| columns.contains(name))
    });
    if unique && described.iter().all(|column| !column.nullable) {
        return Ok(KeyProfile { columns, rows: 0, sampled: false, nulls: 0, duplicates: 0, enforced: true });
    }
    let keys = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let null = columns.iter().map(|name| format!("{} is null", quoted(name))).collect::<Vec<_>>().join(" or ");
    let sql = format!(
        "with k as (select {keys} from {} limit {SAMPLED}) \
         select (select count(*) from k), (select count(*) from k where {null}), \
         (select coalesce(sum(n - 1), 0)::bigint from (select count(*) as n from k where not ({null}) group by {keys}))",
        table.path()
    );
    let (rows, nulls, duplicates) = connection
        .query_row(&sql, [], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?))))
        .map_err(told)?;
    Ok(KeyProfile { columns, rows, sampled: rows == SAMPLED, nulls, duplicates, enforced: false })
}
