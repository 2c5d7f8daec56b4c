//! Writes one stream. Rows wait in a temporary table, which belongs to this connection alone and spills to disk; a commit
//! moves them, the checkpoint and the swap of a replace in one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use async_trait::async_trait;
use duckdb::Connection;
use serde_json::{Map, Value as Json};

use super::catalog::{self, Table};
use super::instance::Lease;
use super::state::{self, Kept};
use super::{Config, DEFAULT_SCHEMA, blocking, carry, failure, merge, quoted, spelling};
use crate::connectors::{
    Batch, Commit, Committed, ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, LogicalType, Operation, RejectedRow,
    TargetColumn, TargetName, WriteMode, WriteRequest, Writer,
};

pub(super) struct DuckDbWriter {
    held: Arc<Mutex<Held>>,
}

/// A column on its way: where it waits and where it goes.
pub(super) struct Place {
    pub(super) name: String,
    /// As the target spells its name.
    pub(super) standing: String,
    /// In the staging table.
    pub(super) cell: String,
    /// The target's own type.
    target_type: String,
    logical: LogicalType,
}

impl Place {
    /// What is stored of the staged value.
    pub(super) fn stored(&self) -> String {
        self.moved(false).unwrap_or_else(|| self.cell.clone())
    }

    fn carrier(&self) -> String {
        carry::carrier(&self.logical, &self.target_type)
    }

    fn moved(&self, attempt: bool) -> Option<String> {
        if self.carrier() == self.target_type {
            return None;
        }
        spelling::stored(&self.cell, &self.target_type, &self.logical, attempt)
    }

    /// True of the staged rows whose value would be refused or changed.
    fn misfit(&self) -> Option<String> {
        let stored = self.moved(true)?;
        let back = if self.logical == LogicalType::Json && spelling::is_nested(&self.target_type) {
            format!("cast(to_json({stored}) as varchar)")
        } else {
            format!("try_cast({stored} as {})", self.carrier())
        };
        Some(format!("({} is not null and ({stored} is null or {back} is distinct from {}))", self.cell, self.cell))
    }
}

struct Held {
    connection: Connection,
    lease: Lease,
    request: WriteRequest,
    places: Vec<Place>,
    kept: Option<Kept>,
    /// Batches taken since the writer was opened, to name rejected rows.
    batches: u64,
    /// The last number given to a staged row.
    sequence: i64,
    /// Rows that wait for the commit, deletes that are ignored included.
    waiting: u64,
    /// Whether rows go to the table of a replacement at once: nobody else sees it, and nothing has to become of their values.
    direct: bool,
    /// Whether the transaction that they belong to is open.
    open: bool,
}

/// Megabytes of a batch from which on DuckDB needs more memory than it has anyway.
const LARGE_BATCH: u64 = 24;

fn path(target: &TargetName) -> String {
    format!("{}.{}", quoted(target.namespace.as_deref().unwrap_or(DEFAULT_SCHEMA)), quoted(&target.name))
}

impl DuckDbWriter {
    pub(super) fn open(config: &Config, request: WriteRequest) -> Result<Self, ConnectorError> {
        let lease = Lease::take(config, true)?;
        if !lease.is_writable() {
            let message = format!("`{}` may be read, not written.", config.path.display());
            return Err(ConnectorError::new(ErrorKind::Permission, message));
        }
        for column in &request.columns {
            if !spelling::is_known(&column.target_type) {
                let message = format!("`{}` is no type of DuckDB for `{}`.", column.target_type, column.column.name);
                return Err(ConnectorError::new(ErrorKind::Config, message));
            }
        }
        let connection = lease.connect()?;
        let (kept, target) = in_turn(&lease, &connection, &request, false, |connection| prepare(connection, &request))?;
        let replace = request.mode == WriteMode::Replace;
        let places: Vec<Place> = request
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let standing = target.as_ref().filter(|_| !replace).and_then(|table| table.folded(&column.column.name));
                Place {
                    name: column.column.name.clone(),
                    standing: standing.map_or(&column.column.name, |standing| &standing.name).clone(),
                    cell: format!("c{index}"),
                    target_type: standing.map_or(&column.target_type, |standing| &standing.data_type.spelled).clone(),
                    logical: column.column.data_type.logical.clone(),
                }
            })
            .collect();
        let direct = replace && places.iter().all(|place| place.moved(true).is_none());
        // Measured: an epoch that is moved or merged wants about half a megabyte a column beside what it works with.
        let columns = u64::try_from(places.len()).unwrap_or(u64::MAX);
        lease.allow(if direct { 160 + columns / 3 } else { 512 + columns / 2 })?;
        let held =
            Held { connection, lease, request, places, kept, batches: 0, sequence: 0, waiting: 0, direct, open: false };
        held.clear()?;
        Ok(Self { held: Arc::new(Mutex::new(held)) })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Held) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let held = Arc::clone(&self.held);
        blocking("duckdb write", move || {
            let mut held =
                held.lock().map_err(|_| ConnectorError::new(ErrorKind::Bug, "A DuckDB writer broke down."))?;
            work(&mut held)
        })
        .await
    }
}

#[async_trait]
impl Writer for DuckDbWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        self.with(|held| Ok(held.kept.as_ref().map(|kept| kept.committed.clone()))).await
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.with(move |held| held.write(&batch)).await
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        self.with(move |held| held.commit(&commit)).await
    }
}

/// One transaction, after those of other writers of the file.
fn in_turn<T>(
    lease: &Lease,
    connection: &Connection,
    request: &WriteRequest,
    open: bool,
    work: impl FnOnce(&Connection) -> Result<T, ConnectorError>,
) -> Result<T, ConnectorError> {
    let turn = lease.writing();
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    if !open {
        execute(connection, &request.target.name, "begin transaction")?;
    }
    match work(connection) {
        Ok(done) => {
            execute(connection, &request.target.name, "commit")?;
            Ok(done)
        }
        Err(error) => {
            // The transaction may already be over; the first error is the one that counts.
            let _ = connection.execute_batch("rollback");
            Err(error)
        }
    }
}

fn execute(connection: &Connection, table: &str, sql: &str) -> Result<(), ConnectorError> {
    connection.execute_batch(sql).map_err(failure::of(table))
}

/// Makes what is missing and clears what a broken-off replace left. Answers what is still kept, and the target.
fn prepare(connection: &Connection, request: &WriteRequest) -> Result<(Option<Kept>, Option<Table>), ConnectorError> {
    let name = &request.target.name;
    state::ensure_table(connection)?;
    if let Some(schema) = &request.target.namespace {
        execute(connection, name, &format!("create schema if not exists {}", quoted(schema)))?;
    }
    let target = catalog::find(connection, &request.target)?;
    if target.as_ref().is_some_and(|table| table.view) {
        let message = format!("`{}` is a view; rows cannot be written to it.", request.target);
        return Err(ConnectorError::new(ErrorKind::Config, message).advise("Choose another target table."));
    }
    let mut kept = state::load(connection, &request.state_key)?;
    if let Some(found) = &kept {
        let exists = |target: &TargetName| Ok(catalog::find(connection, target)?.is_some());
        if !state::still_holds(found, request, exists)? {
            state::forget(connection, &request.state_key)?;
            kept = None;
        }
    }
    if kept.as_ref().is_none_or(|kept| kept.staging.is_none()) {
        execute(connection, name, &format!("drop table if exists {}", path(&state::staging_name(request))))?;
    }
    if request.mode == WriteMode::Replace {
        return Ok((kept, target));
    }
    match &target {
        None => create(connection, &request.target, &request.columns)?,
        Some(table) => {
            for column in request.columns.iter().filter(|column| table.folded(&column.column.name).is_none()) {
                execute(connection, name, &format!("alter table {} add column {}", table.path(), definition(column)))?;
            }
        }
    }
    Ok((kept, catalog::find(connection, &request.target)?))
}

fn definition(column: &TargetColumn) -> String {
    format!("{} {}", quoted(&column.column.name), column.target_type)
}

fn create(connection: &Connection, target: &TargetName, columns: &[TargetColumn]) -> Result<(), ConnectorError> {
    let definitions = columns.iter().map(definition).collect::<Vec<_>>().join(", ");
    execute(connection, &target.name, &format!("create table if not exists {} ({definitions})", path(target)))
}

fn broken(error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A batch cannot be staged.").because(error)
}

impl Held {
    /// Empties the staging table and gives its room back.
    fn clear(&self) -> Result<(), ConnectorError> {
        let head = ["seq bigint", "deleted boolean", "position blob"].map(str::to_owned);
        let cells = self.places.iter().map(|place| format!("{} {}", place.cell, place.carrier()));
        let columns = head.into_iter().chain(cells).collect::<Vec<_>>().join(", ");
        let sql = format!("create or replace temp table stage ({columns})");
        execute(&self.connection, &self.request.target.name, &sql)
    }

    #[expect(clippy::too_many_lines, reason = "one batch, from what is refused of it to what is taken")]
    fn write(&mut self, batch: &Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.batches += 1;
        let records = &batch.records;
        if records.num_columns() != self.places.len() {
            let message = format!(
                "A batch for `{}` has {} columns, the writer was opened for {}.",
                self.request.target,
                records.num_columns(),
                self.places.len()
            );
            return Err(ConnectorError::new(ErrorKind::Bug, message));
        }
        let rows = records.num_rows();
        // Batches are larger than asked for when single rows are; DuckDB holds some of them at a time.
        let size = u64::try_from(records.get_array_memory_size()).unwrap_or(u64::MAX) / 1_000_000;
        if size > LARGE_BATCH {
            self.lease.allow(size.saturating_mul(8))?;
        }
        let mut refused: Vec<Option<(String, String)>> = vec![None; rows];
        let mut refuse = |row: usize, code: &str, reason: String| {
            if let Some(slot) = refused.get_mut(row) {
                slot.get_or_insert((code.to_owned(), reason));
            }
        };
        let (key, ignore_deletes, marked) = match &self.request.mode {
            WriteMode::Merge { key, deletes } => {
                (key.as_slice(), *deletes == Deletes::Ignore, *deletes == Deletes::Soft)
            }
            WriteMode::Replace | WriteMode::Append => (&[][..], false, false),
        };
        let deleted: Vec<bool> = (0..rows)
            .map(|row| {
                let change = batch.changes.as_ref().and_then(|changes| changes.get(row));
                change.is_some_and(|change| change.operation == Operation::Delete)
            })
            .collect();
        let mut arrays = if self.direct { Vec::new() } else { self.head(batch, rows, &deleted) };
        for (array, place) in records.columns().iter().zip(&self.places) {
            let outbound = carry::outbound(array, &place.logical, &place.target_type)?;
            for (row, (code, reason)) in outbound.refused {
                refuse(row, code, format!("`{}` {reason}.", place.name));
            }
            if key.contains(&place.name) {
                for row in (0..rows).filter(|row| array.is_null(*row)) {
                    refuse(row, "null_key", format!("`{}` is part of the key and is NULL.", place.name));
                }
            }
            arrays.push(if marked && batch.changes.is_some() && place.name == DELETED_COLUMN {
                Arc::new(BooleanArray::from(deleted.clone()))
            } else {
                outbound.array
            });
        }
        let taken = refused.iter().filter(|refused| refused.is_none()).count();
        let kept: BooleanArray = refused
            .iter()
            .zip(&deleted)
            .map(|(refused, deleted)| Some(refused.is_none() && !(ignore_deletes && *deleted)))
            .collect();
        let fields: Vec<Field> = arrays
            .iter()
            .enumerate()
            .map(|(index, array)| Field::new(format!("f{index}"), array.data_type().clone(), true))
            .collect();
        let staged = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)?;
        let first = self.sequence;
        let staged =
            if kept.false_count() == 0 { staged } else { filter_record_batch(&staged, &kept).map_err(broken)? };
        self.append(staged)?;
        self.sequence += i64::try_from(rows).unwrap_or_default();
        let misfits = self.misfits(first)?;
        self.waiting += u64::try_from(taken.saturating_sub(misfits.len())).unwrap_or_default();
        for (row, code, reason) in misfits {
            if let Some(slot) = refused.get_mut(row) {
                slot.get_or_insert((code, reason));
            }
        }
        refused
            .into_iter()
            .enumerate()
            .filter_map(|(row, refused)| refused.map(|(code, reason)| (row, code, reason)))
            .map(|(row, code, reason)| {
                let position = format!("row {} of batch {}", row + 1, self.batches);
                Ok(RejectedRow { position, code, reason, row: as_json(records, row)? })
            })
            .collect()
    }

    /// The columns that every staged row has: number, whether it deletes, log position.
    fn head(&self, batch: &Batch, rows: usize, deleted: &[bool]) -> Vec<ArrayRef> {
        let numbers: Int64Array = (1..).take(rows).map(|row: i64| Some(self.sequence + row)).collect();
        let positions: BinaryArray = (0..rows)
            .map(|row| {
                batch.changes.as_ref().and_then(|changes| changes.get(row)).map(|change| change.position.as_ref())
            })
            .collect();
        vec![Arc::new(numbers), Arc::new(BooleanArray::from(deleted.to_vec())), Arc::new(positions)]
    }

    fn append(&mut self, staged: RecordBatch) -> Result<(), ConnectorError> {
        let name = self.request.target.name.clone();
        let told = failure::of(&name);
        let staging = state::staging_name(&self.request);
        if self.direct && !self.open {
            execute(&self.connection, &name, "begin transaction")?;
            create(&self.connection, &staging, &self.request.columns)?;
            self.open = true;
        }
        let appender = if self.direct {
            let schema = staging.namespace.as_deref().unwrap_or(DEFAULT_SCHEMA);
            self.connection.appender_to_db(&staging.name, schema)
        } else {
            self.connection.appender_to_catalog_and_db("stage", "temp", "main")
        };
        let mut appender = appender.map_err(told)?;
        appender.append_record_batch(staged).map_err(told)?;
        appender.flush().map_err(told)
    }

    /// Rows staged after `first` that the target would refuse or change; they are taken out again.
    fn misfits(&self, first: i64) -> Result<Vec<(usize, String, String)>, ConnectorError> {
        let told = failure::of(&self.request.target.name);
        let mut found = Vec::new();
        for place in &self.places {
            let Some(misfit) = place.misfit() else { continue };
            let sql = format!("select seq from temp.stage where seq > {first} and {misfit} order by seq");
            let mut statement = self.connection.prepare(&sql).map_err(told)?;
            let rows = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(told)?;
            let rows = rows.collect::<Result<Vec<_>, _>>().map_err(told)?;
            for sequence in rows {
                let delete = format!("delete from temp.stage where seq = {sequence}");
                execute(&self.connection, &self.request.target.name, &delete)?;
                let row = usize::try_from(sequence - first - 1).unwrap_or_default();
                let reason =
                    format!("`{}` holds a value that `{}` does not hold as it is.", place.name, place.target_type);
                found.push((row, "type_conversion_failed".to_owned(), reason));
            }
        }
        Ok(found)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        let (request, waiting) = (&self.request, self.waiting);
        let open = self.open;
        let kept = in_turn(&self.lease, &self.connection, request, open, |connection| {
            let standing = state::load(connection, &request.state_key)?;
            let of_this_run = standing.filter(|kept| kept.committed.run == request.run);
            match of_this_run {
                Some(kept) if kept.committed.epoch >= commit.epoch => {
                    if open {
                        // The rows of this epoch stand already; those that came again go.
                        execute(connection, &request.target.name, "rollback; begin transaction")?;
                    }
                    Ok(kept)
                }
                earlier => {
                    let rows = earlier.map_or(0, |kept| kept.committed.rows) + waiting;
                    let staging = self.apply(connection, commit.last)?;
                    state::keep(connection, request, commit, rows, staging.as_deref())
                }
            }
        })?;
        self.open = false;
        let committed = kept.committed.clone();
        (self.kept, self.waiting) = (Some(kept), 0);
        self.clear()?;
        Ok(committed)
    }

    /// Moves the staged rows. Answers the name of the staging table while a replace goes on.
    fn apply(&self, connection: &Connection, last: bool) -> Result<Option<String>, ConnectorError> {
        let target = &self.request.target;
        match &self.request.mode {
            WriteMode::Append => {
                self.insert(connection, target)?;
                Ok(None)
            }
            WriteMode::Merge { key, deletes } => {
                merge::apply(connection, &path(target), &self.places, key, *deletes)?;
                Ok(None)
            }
            WriteMode::Replace => {
                let staging = state::staging_name(&self.request);
                create(connection, &staging, &self.request.columns)?;
                if !self.direct {
                    self.insert(connection, &staging)?;
                }
                if !last {
                    return Ok(Some(staging.name));
                }
                let drop = format!("drop table if exists {}", path(target));
                execute(connection, &target.name, &drop)?;
                let rename = format!("alter table {} rename to {}", path(&staging), quoted(&target.name));
                execute(connection, &target.name, &rename)?;
                Ok(None)
            }
        }
    }

    fn insert(&self, connection: &Connection, into: &TargetName) -> Result<(), ConnectorError> {
        let names = self.places.iter().map(|place| quoted(&place.standing)).collect::<Vec<_>>().join(", ");
        let values = self.places.iter().map(Place::stored).collect::<Vec<_>>().join(", ");
        let sql = format!("insert into {} ({names}) select {values} from temp.stage", path(into));
        execute(connection, &self.request.target.name, &sql)
    }
}

/// The row as JSON, values in text forms, so that it can be replayed.
fn as_json(records: &RecordBatch, row: usize) -> Result<Option<String>, ConnectorError> {
    let index = arrow::array::UInt32Array::from(vec![u32::try_from(row).unwrap_or_default()]);
    let one = take_record_batch(records, &index).map_err(broken)?;
    let options = arrow::util::display::FormatOptions::default();
    let mut object = Map::new();
    for (array, field) in one.columns().iter().zip(records.schema().fields()) {
        // Formatting knows no named zone; instants are UTC.
        let shown = match array.data_type() {
            arrow::datatypes::DataType::Timestamp(unit, Some(_)) => {
                arrow::compute::cast(array, &arrow::datatypes::DataType::Timestamp(*unit, None)).map_err(broken)?
            }
            _ => Arc::clone(array),
        };
        let formatter = arrow::util::display::ArrayFormatter::try_new(shown.as_ref(), &options).map_err(broken)?;
        let value = if array.is_null(0) {
            Json::Null
        } else {
            // A moment beyond every calendar is shown as the array shows it.
            Json::from(formatter.value(0).try_to_string().unwrap_or_else(|_| format!("{shown:?}")))
        };
        object.insert(field.name().clone(), value);
    }
    Ok(Some(Json::Object(object).to_string()))
}
