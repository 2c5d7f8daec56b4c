//! SQLite as a source.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use async_trait::async_trait;
use futures::StreamExt as _;
use rusqlite::types::Value;
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::mpsc;

use super::read::{Reader, Stop, whole};
use super::tables::{self, Table};
use super::{Config, blocking, failure, incremental, listed, open_to_read, quoted};
use crate::connectors::filter::Filter;
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    CdcReadiness, Checked, ConnectorError, CursorProfile, ErrorKind, Item, ItemStream, KeyProfile, ReadMode,
    ReadRequest, Source, SourceAbilities, StreamSchema, StreamSummary,
};
use crate::tasks;

/// Rows that a measurement looks at.
const SAMPLED: u64 = 1_000_000;

/// Items that may wait between the reading thread and whoever listens.
const AHEAD: usize = 2;

pub(super) struct SqliteSource {
    config: Config,
}

impl SqliteSource {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    /// Runs work on a connection whose snapshot has begun.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Config) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let config = self.config.clone();
        blocking("sqlite ask", move || work(&begin(&config)?, &config)).await
    }
}

/// One deferred transaction is one snapshot, from its first look at the file on.
fn begin(config: &Config) -> Result<Connection, ConnectorError> {
    let connection = open_to_read(&config.path)?;
    connection
        .execute_batch("begin deferred; select count(*) from sqlite_schema")
        .map_err(|error| failure::opening(&config.path, error))?;
    Ok(connection)
}

#[async_trait]
impl Source for SqliteSource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        self.with(|connection, config| {
            let tables = tables::list(connection)?.len();
            let path = config.path.display();
            Ok(Checked { message: format!("SQLite {}, `{path}`, {tables} tables readable", rusqlite::version()) })
        })
        .await
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        self.with(|connection, _| tables::list(connection)).await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        let stream = stream.to_owned();
        self.with(move |connection, _| {
            let table = tables::load(connection, &stream)?;
            let listed = tables::list(connection)?.into_iter().find(|summary| summary.stream == stream);
            let missing = || ConnectorError::new(ErrorKind::NotFound, format!("There is no table or view `{stream}`."));
            Ok(StreamSchema {
                summary: listed.ok_or_else(missing)?,
                columns: table.columns,
                primary_key: table.primary_key,
            })
        })
        .await
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let (stream, column) = (stream.to_owned(), column.to_owned());
        self.with(move |connection, _| profile_cursor(connection, &tables::load(connection, &stream)?, &column)).await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let (stream, columns) = (stream.to_owned(), columns.to_vec());
        self.with(move |connection, _| profile_key(connection, &tables::load(connection, &stream)?, columns)).await
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        let reason = "SQLite keeps no log of changes that another program could read.".to_owned();
        Ok(CdcReadiness { ready: false, reason: Some(reason), retained_log: None })
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        if request.mode == ReadMode::Cdc {
            return Err(ConnectorError::new(ErrorKind::Unsupported, "SQLite has no log to capture changes from."));
        }
        let (connection, table, request) = self
            .with_owned(move |connection| {
                let table = tables::load(connection, &request.stream)?;
                // Names are settled before the first item.
                let mut nobody = |_: Item| Ok(());
                Reader::new(&table, &request, super::IntegerTime::default(), &mut nobody)?;
                Ok((table, request))
            })
            .await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let guard = Guard(connection.get_interrupt_handle());
        let integers = self.config.integer_time;
        tasks::spawn_blocking("sqlite read", move || {
            let mut listener = |item| sender.blocking_send(Ok(item)).map_err(|_| Stop::Gone);
            let outcome =
                Reader::new(&table, &request, integers, &mut listener).map_err(Stop::from).and_then(|mut reader| {
                    match &request.mode {
                        ReadMode::Incremental { .. } => incremental::run(&connection, &mut reader, &request, integers),
                        ReadMode::Full | ReadMode::Cdc => whole(&connection, &mut reader),
                    }
                });
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
        self.with(move |connection, config| {
            let table = tables::load(connection, &stream)?;
            let Some(filter) = filter else {
                let sql = format!("select count(*) from {}", quoted(&stream));
                let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).map_err(failure::of(&stream))?;
                return Ok(u64::try_from(rows).unwrap_or_default());
            };
            let columns = filter.columns().into_iter().map(str::to_owned).collect();
            let request = request(&stream, columns, Some(filter), 10_000);
            let mut rows = 0;
            let mut listener = |item| {
                if let Item::Batch(batch) = item {
                    rows += batch.records.num_rows();
                }
                Ok(())
            };
            let mut reader = Reader::new(&table, &request, config.integer_time, &mut listener)?;
            match whole(connection, &mut reader) {
                Err(Stop::Failed(error)) => Err(error),
                Ok(()) | Err(Stop::Gone) => Ok(u64::try_from(rows).unwrap_or_default()),
            }
        })
        .await
    }

    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError> {
        let stream = stream.to_owned();
        self.with(move |connection, config| {
            let table = tables::load(connection, &stream)?;
            let columns = table.columns.iter().map(|column| column.name.clone()).collect();
            let request = request(&stream, columns, None, limit.clamp(1, 1_000));
            let mut batches: Vec<RecordBatch> = Vec::new();
            let mut rows = 0;
            let mut listener = |item| {
                if rows >= limit {
                    return Err(Stop::Gone);
                }
                if let Item::Batch(batch) = item {
                    let taken = batch.records.num_rows().min(limit - rows);
                    rows += taken;
                    batches.push(batch.records.slice(0, taken));
                }
                Ok(())
            };
            let mut reader = Reader::new(&table, &request, config.integer_time, &mut listener)?;
            if let Err(Stop::Failed(error)) = whole(connection, &mut reader) {
                return Err(error);
            }
            concat_batches(&arrow_schema(&table.columns), &batches)
                .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A sample does not make a batch.").because(error))
        })
        .await
    }
}

impl SqliteSource {
    /// Like [`Self::with`], but hands the connection on with its snapshot.
    async fn with_owned(
        &self,
        work: impl FnOnce(&Connection) -> Result<(Table, ReadRequest), ConnectorError> + Send + 'static,
    ) -> Result<(Connection, Table, ReadRequest), ConnectorError> {
        let config = self.config.clone();
        blocking("sqlite begin", move || {
            let connection = begin(&config)?;
            let (table, request) = work(&connection)?;
            Ok((connection, table, request))
        })
        .await
    }
}

/// Interrupts the reading thread's statement when the stream is dropped.
struct Guard(InterruptHandle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

fn request(stream: &str, columns: Vec<String>, filter: Option<Filter>, batch_rows: usize) -> ReadRequest {
    ReadRequest {
        stream: stream.to_owned(),
        columns,
        filter,
        mode: ReadMode::Full,
        after: None,
        batch_rows,
        batch_bytes: 16 << 20,
        parallelism: 1,
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn profile_cursor(connection: &Connection, table: &Table, column: &str) -> Result<CursorProfile, ConnectorError> {
    let told = failure::of(&table.name);
    let described = table.column(column)?;
    let sql = format!(
        "select count(*), count(*) - count(v), count(distinct v), min(v), max(v) \
         from (select {} as v from {} limit {SAMPLED})",
        quoted(column),
        quoted(&table.name)
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
                minimum: shown(row.get(3)?),
                maximum: shown(row.get(4)?),
            })
        })
        .map_err(told)
}

fn shown(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(value) => Some(value.to_string()),
        Value::Real(value) => Some(value.to_string()),
        Value::Text(text) => Some(text),
        Value::Blob(bytes) => Some(format!("{} bytes", bytes.len())),
    }
}

fn profile_key(connection: &Connection, table: &Table, columns: Vec<String>) -> Result<KeyProfile, ConnectorError> {
    let told = failure::of(&table.name);
    let described = columns.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let has = |name: &String| columns.contains(name);
    let unique = table
        .indexes
        .iter()
        .any(|index| index.unique && !index.partial && !index.columns.is_empty() && index.columns.iter().all(has))
        || (!table.primary_key.is_empty() && table.primary_key.iter().all(has));
    if unique && described.iter().all(|column| !column.nullable) {
        return Ok(KeyProfile { columns, rows: 0, sampled: false, nulls: 0, duplicates: 0, enforced: true });
    }
    let keys = listed(columns.iter().map(String::as_str));
    let null = columns.iter().map(|name| format!("{} is null", quoted(name))).collect::<Vec<_>>().join(" or ");
    let by = columns.iter().map(|name| format!("{} collate binary", quoted(name))).collect::<Vec<_>>().join(", ");
    let from = format!("(select {keys} from {} limit {SAMPLED})", quoted(&table.name));
    let sql = format!("select count(*), coalesce(sum({null}), 0) from {from}");
    let (rows, nulls) =
        connection.query_row(&sql, [], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))).map_err(told)?;
    let sql = format!(
        "select coalesce(sum(n - 1), 0) from (select count(*) as n from {from} where not ({null}) group by {by})"
    );
    let repeated = connection.query_row(&sql, [], |row| Ok(unsigned(row.get(0)?))).map_err(told)?;
    Ok(KeyProfile { columns, rows, sampled: rows == SAMPLED, nulls, duplicates: repeated, enforced: false })
}
