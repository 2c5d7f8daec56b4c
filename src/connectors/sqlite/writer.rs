//! Writes one stream. Rows wait in a temporary table, which is on disk but locks nothing; a commit moves them, the
//! checkpoint and the swap of a replace in one immediate transaction.

use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, RecordBatch};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params_from_iter};
use serde_json::{Map, Value as Json};

use super::affinity::{Affinity, affinity, is_plain};
use super::encode::encode;
use super::state::{self, Kept};
use super::tables::{self, Table};
use super::{blocking, failure, listed, merge, open_to_write, quoted};
use crate::connectors::spelling::spell;
use crate::connectors::{
    Batch, Commit, Committed, ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, Operation, RejectedRow, TargetColumn,
    WriteMode, WriteRequest, Writer,
};

pub(super) struct SqliteWriter {
    held: Arc<Mutex<Held>>,
}

/// The connection and what it was opened for.
struct Held {
    connection: Connection,
    request: WriteRequest,
    /// By column of the request: what the target makes of values.
    affinities: Vec<Affinity>,
    kept: Option<Kept>,
    /// Batches taken since the writer was opened, to name rejected rows.
    batches: u64,
    /// Rows that wait for the commit, deletes that are ignored included.
    waiting: u64,
}

impl SqliteWriter {
    pub(super) fn open(path: &std::path::Path, request: WriteRequest) -> Result<Self, ConnectorError> {
        let mut connection = open_to_write(path)?;
        let name = request.target.name.clone();
        let told = failure::of(&name);
        for column in &request.columns {
            if !is_plain(&column.target_type) {
                let message = format!("`{}` is no type of SQLite for `{}`.", column.target_type, column.column.name);
                return Err(ConnectorError::new(ErrorKind::Config, message));
            }
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let (kept, target) = prepare(&transaction, &request)?;
        transaction.commit().map_err(told)?;
        let affinities = request
            .columns
            .iter()
            .map(|column| match &target {
                Some(table) if request.mode != WriteMode::Replace => table.affinity(&column.column.name),
                _ => affinity(&column.target_type),
            })
            .collect();
        let cells = (0..request.columns.len()).map(|index| format!("c{index}")).collect::<Vec<_>>().join(", ");
        connection
            .execute_batch(&format!("create temp table stage (seq integer primary key, deleted, position, {cells})"))
            .map_err(told)?;
        let held = Held { connection, request, affinities, kept, batches: 0, waiting: 0 };
        Ok(Self { held: Arc::new(Mutex::new(held)) })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Held) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let held = Arc::clone(&self.held);
        blocking("sqlite write", move || {
            let mut held =
                held.lock().map_err(|_| ConnectorError::new(ErrorKind::Bug, "A SQLite writer broke down."))?;
            work(&mut held)
        })
        .await
    }
}

#[async_trait]
impl Writer for SqliteWriter {
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

/// Makes what is missing and clears what a broken-off replace left. Answers what is still kept, and the target.
fn prepare(
    transaction: &Transaction<'_>,
    request: &WriteRequest,
) -> Result<(Option<Kept>, Option<Table>), ConnectorError> {
    state::ensure_table(transaction)?;
    let target = tables::find(transaction, &request.target.name)?;
    if target.as_ref().is_some_and(|table| table.view) {
        let message = format!("`{}` is a view; rows cannot be written to it.", request.target.name);
        return Err(ConnectorError::new(ErrorKind::Config, message).advise("Choose another target table."));
    }
    let mut kept = state::load(transaction, &request.state_key)?;
    if let Some(found) = &kept {
        let exists = |name: &str| Ok(tables::find(transaction, name)?.is_some());
        if !state::still_holds(found, request, exists)? {
            state::forget(transaction, &request.state_key)?;
            kept = None;
        }
    }
    if kept.as_ref().is_none_or(|kept| kept.staging.is_none()) {
        let staging = state::staging_name(&request.state_key);
        execute(transaction, &request.target.name, &format!("drop table if exists {}", quoted(&staging)))?;
    }
    if request.mode == WriteMode::Replace {
        return Ok((kept, target));
    }
    match &target {
        None => create(transaction, &request.target.name, &request.columns)?,
        Some(table) => add_missing(transaction, table, &request.columns)?,
    }
    if let WriteMode::Merge { key, .. } = &request.mode {
        merge::ensure_index(transaction, &request.target.name, key)?;
    }
    Ok((kept, tables::find(transaction, &request.target.name)?))
}

fn execute(connection: &Connection, table: &str, sql: &str) -> Result<(), ConnectorError> {
    connection.execute_batch(sql).map_err(failure::of(table))
}

fn definition(column: &TargetColumn) -> String {
    format!("{} {}", quoted(&column.column.name), column.target_type)
}

fn create(connection: &Connection, name: &str, columns: &[TargetColumn]) -> Result<(), ConnectorError> {
    let definitions = columns.iter().map(definition).collect::<Vec<_>>().join(", ");
    execute(connection, name, &format!("create table if not exists {} ({definitions})", quoted(name)))
}

fn add_missing(connection: &Connection, table: &Table, columns: &[TargetColumn]) -> Result<(), ConnectorError> {
    for column in columns {
        if !table.columns.iter().any(|standing| standing.name.eq_ignore_ascii_case(&column.column.name)) {
            let sql = format!("alter table {} add column {}", quoted(&table.name), definition(column));
            execute(connection, &table.name, &sql)?;
        }
    }
    Ok(())
}

impl Held {
    fn write(&mut self, batch: &Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.batches += 1;
        let records = &batch.records;
        if records.num_columns() != self.request.columns.len() {
            let message = format!(
                "A batch for `{}` has {} columns, the writer was opened for {}.",
                self.request.target,
                records.num_columns(),
                self.request.columns.len()
            );
            return Err(ConnectorError::new(ErrorKind::Bug, message));
        }
        let (key, ignore_deletes) = match &self.request.mode {
            WriteMode::Merge { key, deletes } => (key.as_slice(), *deletes == Deletes::Ignore),
            WriteMode::Replace | WriteMode::Append => (&[][..], false),
        };
        let name = self.request.target.name.clone();
        let told = failure::of(&name);
        let places = (1..=records.num_columns() + 2).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let transaction = self.connection.transaction().map_err(told)?;
        let mut rejected = Vec::new();
        let mut waiting = 0;
        {
            let mut insert =
                transaction.prepare_cached(&format!("insert into temp.stage values (null, {places})")).map_err(told)?;
            for row in 0..records.num_rows() {
                let change = batch.changes.as_ref().and_then(|changes| changes.get(row));
                let deleted = change.is_some_and(|change| change.operation == Operation::Delete);
                match encoded(records, row, &self.request.columns, &self.affinities, key) {
                    Err((code, reason)) => rejected.push(RejectedRow {
                        position: format!("row {} of batch {}", row + 1, self.batches),
                        code: code.to_owned(),
                        reason,
                        row: as_json(records, row),
                    }),
                    Ok(mut values) => {
                        waiting += 1;
                        if deleted && ignore_deletes {
                            continue;
                        }
                        if change.is_some() {
                            mark_deleted(&mut values, &self.request.columns, deleted);
                        }
                        let position = change.map_or(Value::Null, |change| Value::Blob(change.position.to_vec()));
                        let head = [Value::Integer(deleted.into()), position];
                        insert.execute(params_from_iter(head.into_iter().chain(values))).map_err(told)?;
                    }
                }
            }
        }
        transaction.commit().map_err(told)?;
        self.waiting += waiting;
        Ok(rejected)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        let name = self.request.target.name.clone();
        let told = failure::of(&name);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
        let standing = state::load(&transaction, &self.request.state_key)?;
        let of_this_run = standing.filter(|kept| kept.committed.run == self.request.run);
        if let Some(kept) = of_this_run.as_ref().filter(|kept| kept.committed.epoch >= commit.epoch) {
            execute(&transaction, &name, "delete from temp.stage")?;
            transaction.commit().map_err(told)?;
            (self.kept, self.waiting) = (Some(kept.clone()), 0);
            return Ok(kept.committed.clone());
        }
        let rows = of_this_run.map_or(0, |kept| kept.committed.rows) + self.waiting;
        let staging = match &self.request.mode {
            WriteMode::Append => {
                insert(&transaction, &self.request, &name)?;
                None
            }
            WriteMode::Merge { key, deletes } => {
                merge::apply(&transaction, &self.request, key, *deletes)?;
                None
            }
            WriteMode::Replace => {
                let staging = state::staging_name(&self.request.state_key);
                create(&transaction, &staging, &self.request.columns)?;
                insert(&transaction, &self.request, &staging)?;
                if commit.last {
                    swap(&transaction, &staging, &name)?;
                    None
                } else {
                    Some(staging)
                }
            }
        };
        let kept = state::keep(&transaction, &self.request, commit, rows, staging.as_deref())?;
        execute(&transaction, &name, "delete from temp.stage")?;
        transaction.commit().map_err(told)?;
        let committed = kept.committed.clone();
        (self.kept, self.waiting) = (Some(kept), 0);
        Ok(committed)
    }
}

/// The row's values, or the code and the sentence for which it is refused.
fn encoded(
    records: &RecordBatch,
    row: usize,
    columns: &[TargetColumn],
    affinities: &[Affinity],
    key: &[String],
) -> Result<Vec<Value>, (&'static str, String)> {
    let mut values = Vec::with_capacity(columns.len());
    for ((array, column), affinity) in records.columns().iter().zip(columns).zip(affinities) {
        let name = &column.column.name;
        let value = encode(array, row, &column.column.data_type.logical, *affinity)
            .map_err(|(code, reason)| (code, format!("`{name}` {reason}.")))?;
        if value == Value::Null && key.contains(name) {
            return Err(("null_key", format!("`{name}` is part of the key and is NULL.")));
        }
        values.push(value);
    }
    Ok(values)
}

fn mark_deleted(values: &mut [Value], columns: &[TargetColumn], deleted: bool) {
    let place = columns.iter().position(|column| column.column.name == DELETED_COLUMN);
    if let Some(value) = place.and_then(|place| values.get_mut(place)) {
        *value = Value::Integer(deleted.into());
    }
}

/// The row as JSON, values in SQLite's text forms, so that it can be replayed.
fn as_json(records: &RecordBatch, row: usize) -> Option<String> {
    let mut object = Map::new();
    for (array, field) in records.columns().iter().zip(records.schema().fields()) {
        let value = match spell(array, row) {
            Some(text) => Json::from(text),
            None if array.is_null(row) => Json::Null,
            // A number beyond every calendar is shown as the number.
            None => Json::from(format!("{:?}", array.slice(row, 1))),
        };
        object.insert(field.name().clone(), value);
    }
    Some(Json::Object(object).to_string())
}

fn insert(connection: &Connection, request: &WriteRequest, into: &str) -> Result<(), ConnectorError> {
    let names = listed(request.columns.iter().map(|column| column.column.name.as_str()));
    let cells = (0..request.columns.len()).map(|index| format!("c{index}")).collect::<Vec<_>>().join(", ");
    let sql = format!("insert into main.{} ({names}) select {cells} from temp.stage order by seq", quoted(into));
    execute(connection, &request.target.name, &sql)
}

/// Puts the staged table in the target's place and makes the target's own indexes anew.
fn swap(connection: &Connection, staging: &str, target: &str) -> Result<(), ConnectorError> {
    let told = failure::of(target);
    let mut statement = connection
        .prepare("select name, sql from sqlite_schema where type = 'index' and tbl_name = ?1 collate nocase and sql is not null")
        .map_err(told)?;
    let indexes = statement
        .query_map([target], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(told)?
        .collect::<Result<Vec<(String, String)>, _>>()
        .map_err(told)?;
    execute(connection, target, &format!("drop table if exists {}", quoted(target)))?;
    execute(connection, target, &format!("alter table {} rename to {}", quoted(staging), quoted(target)))?;
    for (name, sql) in indexes {
        let made = connection.query_row(&sql, [], |_| Ok(())).optional();
        match made {
            Ok(_) => {}
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                let message = format!("`{target}`: its unique index `{name}` refuses the new rows.");
                return Err(ConnectorError::new(ErrorKind::BadData, message).because(error));
            }
            // Its columns are gone with the old table.
            Err(error) => tracing::warn!(index = name, table = target, %error, "an index could not be made anew"),
        }
    }
    Ok(())
}
