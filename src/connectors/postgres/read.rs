//! Reading: COPY out of one snapshot, over one connection or several, into a bounded channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::catalog::{self, PgColumn, Relation};
use super::codec::decode::{BatchDecoder, Limits, Step};
use super::connect::{Purpose, Session};
use super::data_type::Wire;
use super::failure::{broke_off, failure};
use super::sql::{condition, qualified, quoted_list};
use super::{Config, incremental, parallel, raw};
use crate::connectors::{
    Batch, Column, ConnectorError, End, ErrorKind, Item, ItemStream, RawForm, RawRows, ReadMode, ReadRequest,
};
use crate::tasks;

/// One snapshot for everything that a read does.
pub(super) const BEGIN: &str = "begin isolation level repeatable read read only";

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
    /// Every column that the account may select.
    pub(super) all: Vec<Column>,
    wires: Vec<Wire>,
    /// The select list.
    list: String,
    /// The request's filter, or `true`.
    pub(super) condition: String,
    limits: Limits,
    /// Rows go on as they come.
    pub(super) raw: bool,
}

impl Reading {
    /// Works out what to select. `columns` empty: every column.
    pub(super) fn new(
        relation: &Relation,
        catalog: &[PgColumn],
        request: &ReadRequest,
        config: &Config,
    ) -> Result<Self, ConnectorError> {
        let stream = relation.summary.stream.clone();
        let all: Vec<Column> = catalog.iter().map(|column| column.column(config.numeric_columns)).collect();
        let (mut columns, mut wires, mut list) = (Vec::new(), Vec::new(), Vec::new());
        for name in &request.columns {
            let index = all.iter().position(|column| column.name == *name);
            let (Some(column), Some(pg)) = (index.and_then(|index| all.get(index)), index.and_then(|i| catalog.get(i)))
            else {
                let message = format!("`{stream}` has no column `{name}` that this user may read.");
                return Err(ConnectorError::new(ErrorKind::NotFound, message));
            };
            let (expression, wire) = pg.projection(&column.data_type.logical);
            columns.push(column.clone());
            wires.push(wire);
            list.push(expression);
        }
        let condition = match &request.filter {
            Some(filter) => condition(filter, &all)?,
            None => "true".to_owned(),
        };
        Ok(Self {
            stream,
            table: qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &relation.summary.name),
            columns,
            all,
            wires,
            list: list.join(", "),
            condition,
            limits: Limits { rows: request.batch_rows, bytes: request.batch_bytes },
            raw: false,
        })
    }

    /// Works out how to read a target's rows as these columns' own types.
    pub(super) fn back(
        relation: &Relation,
        standing: &[PgColumn],
        columns: &[Column],
        condition: String,
    ) -> Result<Self, ConnectorError> {
        let stream = relation.summary.stream.clone();
        let (mut wires, mut list) = (Vec::new(), Vec::new());
        for column in columns {
            let found = standing.iter().find(|found| found.name == column.name).ok_or_else(|| {
                ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{}`.", column.name))
            })?;
            let (expression, wire) = found.projection(&column.data_type.logical);
            wires.push(wire);
            list.push(expression);
        }
        Ok(Self {
            stream,
            table: qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &relation.summary.name),
            columns: columns.to_vec(),
            all: Vec::new(),
            wires,
            list: list.join(", "),
            condition,
            limits: BACK,
            raw: false,
        })
    }

    /// A COPY of the rows that meet the filter and this condition as well.
    pub(super) fn copy(&self, and: &str, tail: &str) -> String {
        let (list, table, condition) = (&self.list, &self.table, &self.condition);
        format!("copy (select {list} from {table} where {condition} and {and} {tail}) to stdout (format binary)")
    }

    /// Asks for every column in its own binary form.
    fn untouched(self) -> Self {
        let list = quoted_list(self.columns.iter().map(|column| column.name.as_str()));
        Self { list, raw: true, ..self }
    }

    pub(super) fn decoder(&self) -> BatchDecoder {
        BatchDecoder::new(&self.stream, &self.columns, &self.wires, self.limits)
    }

    pub(super) fn doing(&self) -> String {
        format!("Reading `{}` failed", self.stream)
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

    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::SeqCst)
    }

    pub(super) async fn send_raw(&self, rows: RawRows) -> Result<(), Unheard> {
        self.rows.fetch_add(rows.rows(), Ordering::SeqCst);
        self.send(Item::Raw(rows)).await
    }

    /// Sends what the decoder holds.
    pub(super) async fn flush(&self, decoder: &mut BatchDecoder) -> Result<Option<Batch>, Stop> {
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
        let batch = Batch::rows(decoded.records);
        self.send(Item::Batch(batch.clone())).await?;
        Ok(Some(batch))
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
pub(super) type After<'a> = &'a mut (dyn FnMut(&Batch) -> Option<Item> + Send);

/// For reads that say nothing between batches.
pub(super) fn nothing(_: &Batch) -> Option<Item> {
    None
}

/// Runs one COPY to its end.
pub(super) async fn copy_out(
    session: &Session,
    reading: &Reading,
    sql: &str,
    (decoder, after): (&mut BatchDecoder, After<'_>),
    outlet: &Outlet,
) -> Result<(), Stop> {
    let failed = |error| failure(reading.doing(), error);
    let mut copy = session.copy_rows(sql).await.map_err(failed)?;
    decoder.restart();
    let mut pending = BytesMut::new();
    let mut ended = false;
    while let Some(chunk) = session.watched(copy.next()).await {
        let chunk = chunk.map_err(failed)?;
        let data = if pending.is_empty() {
            chunk
        } else {
            pending.extend_from_slice(&chunk);
            pending.split().freeze()
        };
        let mut offset = 0;
        loop {
            let rest = data.get(offset..).unwrap_or_default();
            if ended && !rest.is_empty() {
                return Err(broke_off(reading.doing()).into());
            }
            if rest.is_empty() {
                break;
            }
            match decoder.step(rest)? {
                Step::Taken(count) => offset += count,
                Step::End(count) => {
                    offset += count;
                    ended = true;
                }
                Step::Full => {
                    if let Some(item) = outlet.flush(decoder).await?.and_then(|batch| after(&batch)) {
                        outlet.send(item).await?;
                    }
                }
                Step::NeedMore => {
                    pending.extend_from_slice(rest);
                    break;
                }
            }
        }
    }
    // The driver ends the stream on the server's word alone; the trailer is the data's own word.
    if ended && pending.is_empty() { Ok(()) } else { Err(broke_off(reading.doing()).into()) }
}

/// Starts a read. What can be told at once, such as a column that does not exist, is an error here.
pub(super) async fn start(config: &Config, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
    let session = Session::open(config, Purpose::Read).await?;
    session.batch_execute(BEGIN).await.map_err(|error| failure("Beginning to read failed", error))?;
    let relation = catalog::readable(&session, &request.stream).await?;
    let catalog = catalog::columns(&session, &relation).await?;
    let reading = Arc::new(Reading::new(&relation, &catalog, &request, config)?);
    let (items, incoming) = mpsc::channel(AHEAD);
    let outlet = Outlet { items, rows: Arc::new(AtomicU64::new(0)) };
    let work = match &request.mode {
        ReadMode::Cdc => {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "PostgreSQL's change log is not read by this version.",
            )
            .advise("Choose an incremental or a full read."));
        }
        ReadMode::Full => {
            let split = parallel::split(&session, &relation, request.parallelism).await?;
            tasks::spawn("postgres_read", full(session, config.clone(), reading, split, outlet))
        }
        ReadMode::Incremental { cursor, lookback, nulls } => {
            let after = request.after.as_ref();
            let wish = incremental::Wish { cursor, lookback: *lookback, nulls: *nulls, after };
            let plan = incremental::plan(&session, &relation, &catalog, &reading, wish).await?;
            tasks::spawn("postgres_read", incremental::run(session, reading, plan, outlet))
        }
    };
    Ok(Box::pin(Incoming { items: incoming, work }))
}

/// Starts a read of rows as they are, if the columns have the form's types.
pub(super) async fn start_raw(
    config: &Config,
    request: &ReadRequest,
    form: &RawForm,
) -> Result<Option<ItemStream>, ConnectorError> {
    if request.mode != ReadMode::Full || form.columns.len() != request.columns.len() {
        return Ok(None);
    }
    let session = Session::open(config, Purpose::Read).await?;
    session.batch_execute(BEGIN).await.map_err(|error| failure("Beginning to read failed", error))?;
    let relation = catalog::readable(&session, &request.stream).await?;
    let catalog = catalog::columns(&session, &relation).await?;
    let reading = Reading::new(&relation, &catalog, request, config)?;
    if !raw::fits(&reading.columns, &catalog, form) {
        return Ok(None);
    }
    let reading = Arc::new(reading.untouched());
    let split = parallel::split(&session, &relation, request.parallelism).await?;
    let (items, incoming) = mpsc::channel(AHEAD);
    let outlet = Outlet { items, rows: Arc::new(AtomicU64::new(0)) };
    let work = tasks::spawn("postgres_read", full(session, config.clone(), reading, split, outlet));
    Ok(Some(Box::pin(Incoming { items: incoming, work })))
}

/// A few rows, whichever the server has first.
pub(super) async fn sample(config: &Config, request: ReadRequest, limit: usize) -> Result<ItemStream, ConnectorError> {
    let session = Session::open(config, Purpose::Read).await?;
    session.limit_statements(super::connect::PROBE_SECONDS).await?;
    let relation = catalog::readable(&session, &request.stream).await?;
    let catalog = catalog::columns(&session, &relation).await?;
    let reading = Reading::new(&relation, &catalog, &request, config)?;
    start_alone(session, reading, &format!("limit {limit}")).await
}

/// Starts a read over one connection, in a snapshot of its own.
pub(super) async fn start_alone(session: Session, reading: Reading, tail: &str) -> Result<ItemStream, ConnectorError> {
    session.batch_execute(BEGIN).await.map_err(|error| failure(reading.doing(), error))?;
    let (items, incoming) = mpsc::channel(AHEAD);
    let outlet = Outlet { items, rows: Arc::new(AtomicU64::new(0)) };
    let sql = reading.copy("true", tail);
    let work = tasks::spawn("postgres_read", async move {
        let outcome = whole(&session, &reading, &sql, &outlet).await;
        conclude(&session, &reading, outcome, &outlet, None).await;
    });
    Ok(Box::pin(Incoming { items: incoming, work }))
}

/// One COPY, and what is left of it.
async fn whole(session: &Session, reading: &Reading, sql: &str, outlet: &Outlet) -> Result<(), Stop> {
    if reading.raw {
        return raw::copy_out(session, reading, sql, outlet).await;
    }
    let mut decoder = reading.decoder();
    copy_out(session, reading, sql, (&mut decoder, &mut nothing), outlet).await?;
    outlet.flush(&mut decoder).await?;
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

async fn full(session: Session, config: Config, reading: Arc<Reading>, split: parallel::Split, outlet: Outlet) {
    let outcome = if split.workers < 2 {
        full_alone(&session, &reading, &outlet).await
    } else {
        parallel::read(&session, &config, &reading, split, &outlet).await
    };
    conclude(&session, &reading, outcome, &outlet, None).await;
}

/// Says how the read ended: with the end marker only if the snapshot's transaction ended well after the last row.
pub(super) async fn conclude(
    session: &Session,
    reading: &Reading,
    outcome: Result<(), Stop>,
    outlet: &Outlet,
    cursor: Option<crate::connectors::Cursor>,
) {
    let outcome = match outcome {
        Ok(()) => session
            .batch_execute("commit")
            .await
            .map(|()| Item::End(End { rows: outlet.rows(), cursor }))
            .map_err(|error| failure(reading.doing(), error)),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Unheard) => return,
    };
    let _ = outlet.items.send(outcome).await;
}

async fn full_alone(session: &Session, reading: &Reading, outlet: &Outlet) -> Result<(), Stop> {
    expect(session, reading, "true", outlet).await?;
    whole(session, reading, &reading.copy("true", ""), outlet).await
}

/// Tells the planner's estimate of the rows to come.
pub(super) async fn expect(session: &Session, reading: &Reading, and: &str, outlet: &Outlet) -> Result<(), Stop> {
    let (table, condition) = (&reading.table, &reading.condition);
    let query = format!("explain (format json) select from {table} where {condition} and {and}");
    let row = session.query_one(&query, &[]).await.map_err(|error| failure(reading.doing(), error))?;
    let plan: Option<serde_json::Value> =
        row.try_get::<_, JsonText>(0).ok().and_then(|text| serde_json::from_str(&text.0).ok());
    if let Some(rows) = plan.as_ref().and_then(|plan| plan.pointer("/0/Plan/Plan Rows")?.as_u64()) {
        outlet.send(Item::Expected { rows }).await?;
    }
    Ok(())
}

/// A `json` value as its text.
struct JsonText(String);

impl<'a> tokio_postgres::types::FromSql<'a> for JsonText {
    fn from_sql(
        _: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        *kind == tokio_postgres::types::Type::JSON
    }
}
