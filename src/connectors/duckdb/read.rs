//! Rows out of DuckDB, chunk by chunk as it makes them, cut to the limits asked for.

use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::error::ArrowError;
use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::catalog::Table;
use super::{carry, failure, quoted, render, spelling};
use crate::connectors::decimal::{Decimal, spell};
use crate::connectors::filter::{Comparison, Literal};
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    Batch, Column, ConnectorError, Cursor, End, ErrorKind, Item, LogicalType, NullCursor, ReadMode, ReadRequest, moment,
};

/// Why reading ends before the end.
pub(super) enum Stop {
    /// Nobody listens any more.
    Gone,
    Failed(ConnectorError),
}

impl From<ConnectorError> for Stop {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

/// Takes what is read; says [`Stop::Gone`] when it wants no more.
pub(super) type Listener<'a> = dyn FnMut(Item) -> Result<(), Stop> + 'a;

/// Columns as they are asked for, and what they then are.
pub(super) struct Selection {
    pub(super) columns: Vec<Column>,
    schema: SchemaRef,
    /// Expressions, separated by commas.
    pub(super) list: String,
}

impl Selection {
    /// Each column with the spelling of the type that the table keeps it in.
    pub(super) fn new(columns: &[(Column, String)]) -> Self {
        let expression = |(column, spelled): &(Column, String)| {
            spelling::asked(&quoted(&column.name), spelled, &column.data_type.logical)
        };
        let list = columns.iter().map(expression).collect::<Vec<_>>().join(", ");
        let columns: Vec<Column> = columns.iter().map(|(column, _)| column.clone()).collect();
        let list = if columns.is_empty() { "1".to_owned() } else { list };
        Self { schema: arrow_schema(&columns), columns, list }
    }

    fn of(table: &Table, names: &[String]) -> Result<Self, ConnectorError> {
        let columns = names
            .iter()
            .map(|name| table.column(name).map(|column| (column.clone(), column.data_type.spelled.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(&columns))
    }

    fn convert(&self, chunk: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
        let arrays = chunk
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(array, column)| carry::inbound(array, &column.data_type.logical))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(chunk.num_rows()));
        RecordBatch::try_new_with_options(std::sync::Arc::clone(&self.schema), arrays, &options).map_err(broken)
    }
}

fn broken(error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "Rows of DuckDB do not make a batch.").because(error)
}

/// A statement and how its rows are wanted.
pub(super) struct Query<'a> {
    /// What is read, for a person.
    pub(super) name: &'a str,
    pub(super) sql: &'a str,
    pub(super) selection: &'a Selection,
    /// Rows and bytes of one batch.
    pub(super) limits: (usize, usize),
}

/// Runs a statement and hands on its rows in batches within the limits.
pub(super) fn stream(
    connection: &Connection,
    query: &Query<'_>,
    mut take: impl FnMut(RecordBatch) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let told = failure::of(query.name);
    let (selection, (batch_rows, batch_bytes)) = (query.selection, query.limits);
    let mut statement = connection.prepare(query.sql).map_err(told)?;
    // The iterator would panic where a step answers with an error.
    drop(statement.stream_arrow([]).map_err(told)?);
    let mut held: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    let mut bytes = 0;
    while let Some(chunk) = statement.step().map_err(told)? {
        let chunk = selection.convert(&RecordBatch::from(&chunk))?;
        rows += chunk.num_rows();
        bytes += size(&chunk);
        held.push(chunk);
        if rows >= batch_rows || bytes >= batch_bytes {
            let whole = concat_batches(&selection.schema, &held).map_err(broken)?;
            held.clear();
            let rest = cut(&whole, batch_rows, batch_bytes, &mut take)?;
            (rows, bytes) = (rest.num_rows(), size(&rest));
            if rows > 0 {
                held.push(rest);
            }
        }
    }
    if rows > 0 {
        let whole = concat_batches(&selection.schema, &held).map_err(broken)?;
        let rest = cut(&whole, batch_rows, batch_bytes, &mut take)?;
        if rest.num_rows() > 0 {
            take(rest)?;
        }
    }
    Ok(())
}

/// Hands on full batches and keeps what does not fill one.
fn cut(
    whole: &RecordBatch,
    batch_rows: usize,
    batch_bytes: usize,
    take: &mut impl FnMut(RecordBatch) -> Result<(), Stop>,
) -> Result<RecordBatch, Stop> {
    let fixed: usize = whole.columns().iter().map(|array| array.data_type().primitive_width().unwrap_or(4)).sum();
    let long: Vec<&ArrayRef> = whole.columns().iter().filter(|array| length(array, 0).is_some()).collect();
    let (mut start, mut bytes) = (0, 0);
    for row in 0..whole.num_rows() {
        let size = fixed + long.iter().filter_map(|array| length(array, row)).sum::<usize>();
        if row > start && (row - start >= batch_rows || bytes + size > batch_bytes) {
            take(whole.slice(start, row - start))?;
            (start, bytes) = (row, 0);
        }
        bytes += size;
    }
    Ok(whole.slice(start, whole.num_rows() - start))
}

/// Bytes of a text or blob.
fn length(array: &ArrayRef, row: usize) -> Option<usize> {
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value_offsets().windows(2).nth(row).map_or(0, width)),
        DataType::Binary => Some(array.as_binary::<i32>().value_offsets().windows(2).nth(row).map_or(0, width)),
        _ => None,
    }
}

fn width(ends: &[i32]) -> usize {
    match ends {
        [start, end] => usize::try_from(end - start).unwrap_or_default(),
        _ => 0,
    }
}

fn size(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|array| {
            let fixed = array.data_type().primitive_width().unwrap_or(4) * array.len();
            let ends = match array.data_type() {
                DataType::Utf8 => array.as_string::<i32>().value_offsets(),
                DataType::Binary => array.as_binary::<i32>().value_offsets(),
                _ => &[],
            };
            match (ends.first(), ends.last()) {
                (Some(first), Some(last)) => fixed + usize::try_from(last - first).unwrap_or_default(),
                _ => fixed,
            }
        })
        .sum()
}

/// Reads what was asked for, to the end.
pub(super) fn run(
    connection: &Connection,
    table: &Table,
    request: &ReadRequest,
    listener: &mut Listener<'_>,
) -> Result<(), Stop> {
    let filter = request.filter.as_ref().map(|filter| render::render(filter, table)).transpose()?;
    let limits = (request.batch_rows.max(1), request.batch_bytes.max(1));
    match &request.mode {
        ReadMode::Cdc => {
            let message = "DuckDB has no log to capture changes from.";
            Err(Stop::Failed(ConnectorError::new(ErrorKind::Unsupported, message)))
        }
        ReadMode::Full => {
            let selection = Selection::of(table, &request.columns)?;
            let condition = filter.map(|filter| format!(" where {filter}")).unwrap_or_default();
            let sql = format!("select {} from {}{condition}", selection.list, table.path());
            let mut rows = 0;
            let name = table.stream();
            stream(connection, &Query { name: &name, sql: &sql, selection: &selection, limits }, |records| {
                rows += records.num_rows();
                listener(Item::Batch(Batch::rows(records)))
            })?;
            listener(Item::End(End { rows: u64::try_from(rows).unwrap_or_default(), cursor: None }))
        }
        ReadMode::Incremental { cursor, lookback, nulls } => {
            let column = table.column(cursor)?;
            let position = Position::from(request.after.as_ref(), cursor)?;
            let reading = Reading { table, request, column, filter, limits, lookback: *lookback, nulls: *nulls };
            reading.run(connection, &position, listener)
        }
    }
}

/// A cursor as this connector keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    column: String,
    /// The last value; none yet when only NULLs were read.
    value: Option<Literal>,
    /// Made in the middle of a read: going on from here neither looks back nor repeats the NULLs.
    midway: bool,
}

impl Position {
    fn from(after: Option<&Cursor>, column: &str) -> Result<Self, ConnectorError> {
        let Some(after) = after else { return Ok(Self { column: column.to_owned(), value: None, midway: false }) };
        let position: Self = serde_json::from_value(after.0.clone()).map_err(|error| {
            ConnectorError::new(ErrorKind::Config, "The saved position is not one of this connector.").because(error)
        })?;
        if position.column != column {
            let message = format!("The saved position is one of `{}`, not of `{column}`.", position.column);
            return Err(ConnectorError::new(ErrorKind::Config, message).advise("Start this stream anew."));
        }
        Ok(position)
    }

    fn cursor(&self) -> Result<Cursor, ConnectorError> {
        let json = serde_json::to_value(self)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A position cannot be saved.").because(error))?;
        Ok(Cursor(json))
    }
}

struct Reading<'a> {
    table: &'a Table,
    request: &'a ReadRequest,
    column: &'a Column,
    filter: Option<String>,
    limits: (usize, usize),
    lookback: Option<Duration>,
    nulls: NullCursor,
}

impl Reading<'_> {
    fn run(&self, connection: &Connection, position: &Position, listener: &mut Listener<'_>) -> Result<(), Stop> {
        let (name, column, nulls) = (self.table.stream(), self.column, self.nulls);
        if !column.data_type.logical.is_orderable() {
            let message = format!("`{}` of `{name}` cannot be a cursor: its values have no order.", column.name);
            return Err(Stop::Failed(ConnectorError::new(ErrorKind::Unsupported, message)));
        }
        let from = match (&position.value, self.lookback) {
            (Some(value), Some(lookback)) if !position.midway => {
                Some(earlier(value, &column.data_type.logical, lookback)?)
            }
            (value, _) => value.clone(),
        };
        let mut names = self.request.columns.clone();
        let at = names.iter().position(|name| *name == column.name).unwrap_or_else(|| {
            names.push(column.name.clone());
            names.len() - 1
        });
        let selection = Selection::of(self.table, &names)?;
        let wanted: Vec<usize> = (0..self.request.columns.len()).collect();
        let mut rows = 0_u64;
        let midway = |value: Option<Literal>| Position { column: column.name.clone(), value, midway: true }.cursor();
        if !position.midway && nulls != NullCursor::Exclude {
            let null = format!("{} is null", quoted(&column.name));
            let sql = self.select(&selection, &null, "");
            stream(
                connection,
                &Query { name: &name, sql: &sql, selection: &selection, limits: self.limits },
                |records| {
                    if nulls == NullCursor::Error {
                        let message = format!("`{name}` has rows in which the cursor `{}` is NULL.", column.name);
                        let advice =
                            "Choose another cursor, or say in the plan whether such rows are included or excluded.";
                        return Err(Stop::Failed(ConnectorError::new(ErrorKind::BadData, message).advise(advice)));
                    }
                    rows += u64::try_from(records.num_rows()).unwrap_or_default();
                    listener(Item::Batch(Batch::rows(records.project(&wanted).map_err(broken)?)))
                },
            )?;
            if rows > 0 {
                listener(Item::Checkpoint(midway(from.clone())?))?;
            }
        }
        let bound = match &from {
            None => format!("{} is not null", quoted(&column.name)),
            Some(from) => render::compare(column, Comparison::GreaterOrEqual, from)?,
        };
        let order = format!(" order by {}", render::expression(column));
        let mut last = position.value.clone();
        let mut reached = None;
        let sql = self.select(&selection, &bound, &order);
        stream(connection, &Query { name: &name, sql: &sql, selection: &selection, limits: self.limits }, |records| {
            rows += u64::try_from(records.num_rows()).unwrap_or_default();
            if let Some(found) = highest(records.column(at), &column.data_type.logical) {
                reached = Some(found);
            }
            listener(Item::Batch(Batch::rows(records.project(&wanted).map_err(broken)?)))?;
            match &reached {
                Some(reached) => listener(Item::Checkpoint(midway(Some(reached.clone()))?)),
                None => Ok(()),
            }
        })?;
        // With a lookback, or a filter, the last row read may lie before the last value known.
        if let Some(reached) = reached
            && last.as_ref().is_none_or(|last| !is_before(&reached, last))
        {
            last = Some(reached);
        }
        let end = Position { column: column.name.clone(), value: last, midway: false };
        let cursor = if end.value.is_some() { Some(end.cursor()?) } else { None };
        listener(Item::End(End { rows, cursor }))
    }

    fn select(&self, selection: &Selection, bound: &str, order: &str) -> String {
        let also = self.filter.as_ref().map(|filter| format!(" and {filter}")).unwrap_or_default();
        format!("select {} from {} where {bound}{also}{order}", selection.list, self.table.path())
    }
}

/// The value less the lookback: seconds of a moment, whole days of a date (rounded up), units of an integer.
fn earlier(value: &Literal, logical: &LogicalType, lookback: Duration) -> Result<Literal, ConnectorError> {
    let seconds = i64::try_from(lookback.as_secs()).unwrap_or(i64::MAX);
    let bad =
        || ConnectorError::new(ErrorKind::Config, "A lookback needs a date, a timestamp or an integer as cursor.");
    Ok(match (value, logical) {
        (_, _) if seconds == 0 => value.clone(),
        (Literal::Date(text), LogicalType::Date) => {
            let days = moment::parse_date(text).ok_or_else(bad)?;
            let back = i32::try_from(seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) > 0))
                .unwrap_or(i32::MAX);
            Literal::Date(moment::date_text(days.saturating_sub(back)).unwrap_or_else(|| "0000-01-01".to_owned()))
        }
        (Literal::Timestamp(text), LogicalType::Timestamp { unit, zoned }) => {
            let ticks = moment::parse_timestamp(text, *unit).ok_or_else(bad)?;
            let back = ticks.saturating_sub(seconds.saturating_mul(moment::per_second(*unit)));
            let text = moment::timestamp_text(back, *unit, *zoned).filter(|text| !text.ends_with("infinity"));
            Literal::Timestamp(rfc3339(text.as_deref().unwrap_or("0000-01-01 00:00:00")))
        }
        (Literal::Number(text), logical) if !matches!(logical, LogicalType::Decimal { .. }) => {
            let number: i128 = text.parse().map_err(|_| bad())?;
            Literal::Number((number - i128::from(seconds)).to_string())
        }
        _ => return Err(bad()),
    })
}

fn rfc3339(text: &str) -> String {
    text.replacen(' ', "T", 1)
}

/// The last value of an ordered column that is no infinity: after those nothing would ever come.
fn highest(array: &ArrayRef, logical: &LogicalType) -> Option<Literal> {
    (0..array.len()).rev().filter(|row| array.is_valid(*row)).find_map(|row| mark(array, row, logical))
}

fn mark(array: &ArrayRef, row: usize, logical: &LogicalType) -> Option<Literal> {
    let number = |value: String| Some(Literal::Number(value));
    match array.data_type() {
        DataType::Int8 => number(array.as_primitive::<Int8Type>().value(row).to_string()),
        DataType::Int16 => number(array.as_primitive::<Int16Type>().value(row).to_string()),
        DataType::Int32 => number(array.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => number(array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt8 => number(array.as_primitive::<UInt8Type>().value(row).to_string()),
        DataType::UInt16 => number(array.as_primitive::<UInt16Type>().value(row).to_string()),
        DataType::UInt32 => number(array.as_primitive::<UInt32Type>().value(row).to_string()),
        DataType::UInt64 => number(array.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Decimal128(_, scale) => {
            number(spell(&array.as_primitive::<arrow::datatypes::Decimal128Type>().value(row).to_string(), *scale))
        }
        DataType::Decimal256(_, scale) => {
            number(spell(&array.as_primitive::<arrow::datatypes::Decimal256Type>().value(row).to_string(), *scale))
        }
        DataType::Utf8 => Some(Literal::Text(array.as_string::<i32>().value(row).to_owned())),
        DataType::Date32 => {
            let text = moment::date_text(array.as_primitive::<Date32Type>().value(row))?;
            (!text.ends_with("infinity")).then_some(Literal::Date(text))
        }
        DataType::Timestamp(..) => {
            let LogicalType::Timestamp { unit, zoned } = logical else { return None };
            let ticks = match array.data_type() {
                DataType::Timestamp(arrow::datatypes::TimeUnit::Second, _) => {
                    array.as_primitive::<TimestampSecondType>().value(row)
                }
                DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, _) => {
                    array.as_primitive::<TimestampMillisecondType>().value(row)
                }
                DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
                    array.as_primitive::<TimestampMicrosecondType>().value(row)
                }
                _ => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            let text = moment::timestamp_text(ticks, *unit, *zoned)?;
            (!text.ends_with("infinity")).then(|| Literal::Timestamp(rfc3339(&text)))
        }
        _ => None,
    }
}

/// Whether one position lies before another of the same column.
fn is_before(left: &Literal, right: &Literal) -> bool {
    match (left, right) {
        (Literal::Number(left), Literal::Number(right)) => match (Decimal::parse(left), Decimal::parse(right)) {
            (Some(left), Some(right)) => left.is_less(&right),
            _ => false,
        },
        // Fixed forms of one length: their texts sort as they mean.
        (Literal::Date(left), Literal::Date(right))
        | (Literal::Timestamp(left), Literal::Timestamp(right))
        | (Literal::Text(left), Literal::Text(right)) => left.as_bytes() < right.as_bytes(),
        _ => false,
    }
}
