//! Reading: rows out of one snapshot, over one connection or several, into a bounded channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use futures::Stream;
use mysql_async::{Row, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::catalog::{self, MyColumn, Relation};
use super::connect::{PROBE_SECONDS, Purpose, Session};
use super::decode::{BatchDecoder, Limits};
use super::failure::failure;
use super::{Config, ZeroDates, filter, incremental, parallel};
use crate::connectors::{
    Batch, Column, ConnectorError, Cursor, End, ErrorKind, Item, ItemStream, ReadMode, ReadRequest,
};
use crate::tasks;

/// One snapshot for everything that a read does.
pub(super) const BEGIN: &str = "start transaction with consistent snapshot, read only";

/// Items that wait for whoever listens: one is being filled meanwhile, and a row can be large.
const AHEAD: usize = 1;

/// Batches of rows that are read back.
const BACK: Limits = Limits { rows: 10_000, bytes: 16 * 1024 * 1024 };

/// A read as it was worked out against the catalog.
pub(super) struct Reading {
    pub(super) stream: String,
    pub(super) table: String,
    /// As every batch has them.
    pub(super) columns: Vec<Column>,
    /// Selected after them for our own use, and taken off again.
    pub(super) trailing: Option<Column>,
    /// The select list.
    list: Vec<String>,
    /// The request's filter, or `true`.
    pub(super) condition: String,
    zero: ZeroDates,
    limits: Limits,
}

impl Reading {
    /// Works out what to select.
    pub(super) fn new(
        relation: &Relation,
        catalog: &[MyColumn],
        request: &ReadRequest,
        config: &Config,
    ) -> Result<Self, ConnectorError> {
        let stream = relation.summary.stream.clone();
        let (mut columns, mut list) = (Vec::new(), Vec::new());
        for name in &request.columns {
            let Some(found) = catalog.iter().find(|column| column.name == *name) else {
                let message = format!("`{stream}` has no column `{name}` that this user may read.");
                return Err(ConnectorError::new(ErrorKind::NotFound, message));
            };
            columns.push(found.column(config));
            list.push(found.data_type.projection(name));
        }
        let condition = match &request.filter {
            Some(filter) => filter::condition(filter, catalog, config)?,
            None => "true".to_owned(),
        };
        Ok(Self {
            stream,
            table: relation.quoted(),
            columns,
            trailing: None,
            list,
            condition,
            zero: config.zero_dates,
            limits: Limits { rows: request.batch_rows, bytes: request.batch_bytes },
        })
    }

    /// Works out how to read a target's rows as these columns' own types.
    pub(super) fn back(
        relation: &Relation,
        standing: &[MyColumn],
        columns: &[Column],
        condition: String,
    ) -> Result<Self, ConnectorError> {
        let stream = relation.summary.stream.clone();
        let find = |name: &str| standing.iter().find(|found| found.name.eq_ignore_ascii_case(name));
        let list = columns
            .iter()
            .map(|column| {
                let found = find(&column.name).ok_or_else(|| {
                    ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{}`.", column.name))
                })?;
                Ok(found.data_type.projection(&found.name))
            })
            .collect::<Result<_, ConnectorError>>()?;
        Ok(Self {
            table: relation.quoted(),
            stream,
            columns: columns.to_vec(),
            trailing: None,
            list,
            condition,
            zero: ZeroDates::Reject,
            limits: BACK,
        })
    }

    /// Selects this column as well, after the others.
    pub(super) fn with_trailing(mut self, found: &MyColumn, config: &Config) -> Self {
        self.list.push(found.data_type.projection(&found.name));
        self.trailing = Some(found.column(config));
        self
    }

    /// The rows that meet the filter and this condition as well.
    pub(super) fn select(&self, and: &str, tail: &str) -> String {
        // A row of no columns is a row all the same.
        let list = if self.list.is_empty() { "1".to_owned() } else { self.list.join(", ") };
        format!("select {list} from {} where {} and {and} {tail}", self.table, self.condition)
    }

    pub(super) fn decoder(&self) -> Result<BatchDecoder, ConnectorError> {
        let columns: Vec<Column> = self.columns.iter().chain(&self.trailing).cloned().collect();
        BatchDecoder::new(&self.stream, &columns, self.zero, self.limits)
    }

    pub(super) fn doing(&self) -> String {
        format!("Reading `{}` failed", self.stream)
    }

    /// A batch as whoever listens knows it.
    fn outward(&self, records: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
        if self.trailing.is_none() {
            return Ok(records.clone());
        }
        let wanted: Vec<usize> = (0..self.columns.len()).collect();
        records.project(&wanted).map_err(|error| {
            ConnectorError::new(ErrorKind::Bug, format!("{}: its columns make no batch.", self.doing())).because(error)
        })
    }
}

/// Where a read's items go, and how many rows went there.
#[derive(Clone)]
pub(super) struct Outlet {
    items: mpsc::Sender<Result<Item, ConnectorError>>,
    rows: Arc<AtomicU64>,
}

/// Nobody listens any more.
pub(super) struct Unheard;

impl Outlet {
    pub(super) async fn send(&self, item: Item) -> Result<(), Unheard> {
        self.items.send(Ok(item)).await.map_err(|_| Unheard)
    }

    /// Sends what the decoder holds. Answers it with the trailing column.
    pub(super) async fn flush(
        &self,
        reading: &Reading,
        decoder: &mut BatchDecoder,
    ) -> Result<Option<RecordBatch>, Stop> {
        if decoder.is_empty() {
            return Ok(None);
        }
        let decoded = decoder.take()?;
        for rejected in decoded.rejected {
            self.send(Item::Rejected(rejected)).await?;
        }
        if decoded.records.num_rows() == 0 {
            return Ok(None);
        }
        self.rows.fetch_add(u64::try_from(decoded.records.num_rows()).unwrap_or(0), Ordering::SeqCst);
        self.send(Item::Batch(Batch::rows(reading.outward(&decoded.records)?))).await?;
        Ok(Some(decoded.records))
    }
}

/// Why a read stops before its end.
pub(super) enum Stop {
    Unheard,
    Failed(ConnectorError),
}

impl From<Unheard> for Stop {
    fn from(_: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<ConnectorError> for Stop {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

/// What to say after a full batch was sent, if anything.
pub(super) type After<'a> = &'a mut (dyn FnMut(&RecordBatch) -> Option<Item> + Send);

/// For reads that say nothing between batches.
pub(super) fn nothing(_: &RecordBatch) -> Option<Item> {
    None
}

/// Runs one select to its end.
pub(super) async fn select(
    session: &mut Session,
    reading: &Reading,
    sql: &str,
    (decoder, after): (&mut BatchDecoder, After<'_>),
    outlet: &Outlet,
) -> Result<(), Stop> {
    let failed = |error| failure(reading.doing(), error);
    let mut rows = session.stream(sql).await.map_err(failed)?;
    while let Some(row) = rows.next().await.map_err(failed)? {
        if decoder.is_full_for(&row)
            && let Some(item) = outlet.flush(reading, decoder).await?.and_then(|batch| after(&batch))
        {
            outlet.send(item).await?;
        }
        decoder.add(&row)?;
    }
    Ok(())
}

/// Starts a read. What can be told at once, such as a column that does not exist, is an error here.
pub(super) async fn start(config: &Config, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
    let mut session = Session::open(config, Purpose::Read).await?;
    let relation = catalog::readable(&mut session, &request.stream).await?;
    let catalog = catalog::columns(&mut session, &relation).await?;
    let reading = Reading::new(&relation, &catalog, &request, config)?;
    let (items, incoming) = mpsc::channel(AHEAD);
    let outlet = Outlet { items, rows: Arc::new(AtomicU64::new(0)) };
    let work = match &request.mode {
        ReadMode::Cdc => {
            return Err(ConnectorError::new(ErrorKind::Unsupported, "MySQL's binary log is not read by this version.")
                .advise("Choose an incremental or a full read."));
        }
        ReadMode::Full => {
            let sessions = parallel::open(session, config, &relation, &reading, request.parallelism).await?;
            let sessions = sessions.begun(&reading).await?;
            tasks::spawn("mysql_read", parallel::run(sessions, Arc::new(reading), outlet))
        }
        ReadMode::Incremental { cursor, lookback, nulls } => {
            session.run(BEGIN).await.map_err(|error| failure(reading.doing(), error))?;
            let after = request.after.as_ref();
            let wish = incremental::Wish { cursor, lookback: *lookback, nulls: *nulls, after };
            let (reading, plan) = incremental::plan(&mut session, &catalog, reading, config, wish).await?;
            tasks::spawn("mysql_read", incremental::run(session, reading, plan, outlet))
        }
    };
    Ok(Box::pin(Incoming { items: incoming, work }))
}

/// A few rows, whichever the server has first.
pub(super) async fn sample(config: &Config, request: ReadRequest, limit: usize) -> Result<ItemStream, ConnectorError> {
    let mut session = Session::open(config, Purpose::Read).await?;
    session.limit_statements(PROBE_SECONDS).await.map_err(|error| failure("The session could not be set up", error))?;
    let relation = catalog::readable(&mut session, &request.stream).await?;
    let catalog = catalog::columns(&mut session, &relation).await?;
    let reading = Reading::new(&relation, &catalog, &request, config)?;
    start_alone(session, reading, &format!("limit {limit}")).await
}

/// Starts a read over one connection, in a snapshot of its own.
pub(super) async fn start_alone(
    mut session: Session,
    reading: Reading,
    tail: &str,
) -> Result<ItemStream, ConnectorError> {
    session.run(BEGIN).await.map_err(|error| failure(reading.doing(), error))?;
    let (items, incoming) = mpsc::channel(AHEAD);
    let outlet = Outlet { items, rows: Arc::new(AtomicU64::new(0)) };
    let sql = reading.select("true", tail);
    let work = tasks::spawn("mysql_read", async move {
        let outcome = whole(&mut session, &reading, &sql, &outlet).await;
        conclude(&mut session, &reading, outcome, &outlet, None).await;
    });
    Ok(Box::pin(Incoming { items: incoming, work }))
}

/// One select, and what is left of it.
pub(super) async fn whole(session: &mut Session, reading: &Reading, sql: &str, outlet: &Outlet) -> Result<(), Stop> {
    let mut decoder = reading.decoder()?;
    select(session, reading, sql, (&mut decoder, &mut nothing), outlet).await?;
    outlet.flush(reading, &mut decoder).await?;
    Ok(())
}

/// Items from the task that reads; the task ends with it.
struct Incoming {
    items: mpsc::Receiver<Result<Item, ConnectorError>>,
    work: JoinHandle<()>,
}

impl Stream for Incoming {
    type Item = Result<Item, ConnectorError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.items.poll_recv(cx)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Says how the read ended: with the end marker only if the snapshot's transaction ended well after the last row.
pub(super) async fn conclude(
    session: &mut Session,
    reading: &Reading,
    outcome: Result<(), Stop>,
    outlet: &Outlet,
    cursor: Option<Cursor>,
) {
    let outcome = match outcome {
        Ok(()) => session
            .run("commit")
            .await
            .map(|()| Item::End(End { rows: outlet.rows.load(Ordering::SeqCst), cursor }))
            .map_err(|error| failure(reading.doing(), error)),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Unheard) => return,
    };
    let _ = outlet.items.send(outcome).await;
}

/// Tells the optimizer's estimate of the rows to come.
pub(super) async fn expect(session: &mut Session, reading: &Reading, and: &str, outlet: &Outlet) -> Result<(), Stop> {
    let query = format!("explain {}", reading.select(and, ""));
    let plan: Vec<Row> = session.rows(&query, ()).await.map_err(|error| failure(reading.doing(), error))?;
    let rows = plan.first().and_then(|row| {
        let place = row.columns_ref().iter().position(|column| column.name_str() == "rows")?;
        match row.as_ref(place)? {
            Value::UInt(rows) => Some(*rows),
            Value::Int(rows) => u64::try_from(*rows).ok(),
            Value::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    });
    if let Some(rows) = rows {
        outlet.send(Item::Expected { rows }).await?;
    }
    Ok(())
}
