//! One read of a stream's files: in full, or what is new by a cursor.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{SortOptions, concat_batches, sort_to_indices, take_record_batch};
use tokio::sync::mpsc;

use super::layout::FileStream;
use super::scan::{self, Found, Halt, Limits, Reading};
use super::source::{bug, extreme, join, passing, shown};
use super::{CsvConfig, Format, scalar, survey};
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{
    Batch, Column, ConnectorError, Cursor, End, ErrorKind, Item, LogicalType, NullCursor, ReadMode, ReadRequest,
};

/// Rows of an incremental read that are sorted in memory; more are delivered with the last group at the end instead.
const SORT_BYTES: usize = 64 * 1024 * 1024;

type Sender = mpsc::Sender<Result<Item, ConnectorError>>;

/// One read, on a blocking thread.
pub(super) struct Work {
    pub(super) csv: Arc<CsvConfig>,
    pub(super) stream: FileStream,
    pub(super) known: Vec<Column>,
    /// The request's columns, then those that only its filter and cursor need.
    pub(super) wanted: Vec<Column>,
    pub(super) request: ReadRequest,
}

impl Work {
    pub(super) fn run(&self, sender: &Sender) -> Result<(), Halt> {
        let end = match &self.request.mode {
            ReadMode::Full | ReadMode::Cdc => self.full(sender)?,
            ReadMode::Incremental { cursor, lookback, nulls } => self.incremental(sender, cursor, *lookback, *nulls)?,
        };
        send(sender, Item::End(end))
    }

    fn reading(&self) -> Reading<'_> {
        let limits = Limits { rows: self.request.batch_rows.max(1), bytes: self.request.batch_bytes.max(1) };
        Reading { stream: &self.stream, known: &self.known, columns: &self.wanted, csv: &self.csv, limits }
    }

    fn full(&self, sender: &Sender) -> Result<End, Halt> {
        // Counting beforehand costs a far place a request per file; then nothing is promised.
        let near = self.stream.storage.breadth() == 1 || self.stream.files.len() <= self.stream.storage.breadth();
        let whole =
            self.request.filter.is_none() && self.stream.files.iter().all(|file| file.format == Format::Parquet);
        if near
            && whole
            && let Some(rows) = survey::estimate_rows(&self.stream)?
        {
            send(sender, Item::Expected { rows })?;
        }
        let mut rows = 0;
        scan::scan(&self.reading(), &mut |found| match found {
            Found::Batch(batch) => {
                rows += self.deliver(sender, &batch, self.request.filter.as_ref())?;
                Ok(())
            }
            Found::Rejected(row) => send(sender, Item::Rejected(row)),
        })?;
        Ok(End { rows, cursor: None })
    }

    /// Sends the rows that pass, with just the request's columns; answers how many.
    fn deliver(&self, sender: &Sender, batch: &RecordBatch, filter: Option<&Filter>) -> Result<u64, Halt> {
        let passing = passing(batch, filter)?;
        if passing.num_rows() == 0 {
            return Ok(0);
        }
        let columns: Vec<usize> = (0..self.request.columns.len()).collect();
        let records = passing.project(&columns).map_err(bug)?;
        send(sender, Item::Batch(Batch::rows(records)))?;
        Ok(passing.num_rows() as u64)
    }

    /// Files have no order. Few rows are sorted; of many, the greatest cursor value is found first, and its rows come last.
    fn incremental(
        &self,
        sender: &Sender,
        cursor: &str,
        lookback: Option<std::time::Duration>,
        nulls: NullCursor,
    ) -> Result<End, Halt> {
        let place = self.wanted.iter().position(|column| column.name == cursor).unwrap_or_default();
        let Some(column) = self.wanted.get(place) else { return Ok(End { rows: 0, cursor: None }) };
        let after =
            self.request.after.as_ref().and_then(|after| after.0.get("value")).and_then(serde_json::Value::as_str);
        let mut wanted: Vec<Filter> = self.request.filter.iter().cloned().collect();
        let is_null = Filter::IsNull { column: cursor.to_owned(), negated: false };
        if let Some(value) = after {
            let bound = compare(cursor, Comparison::GreaterOrEqual, back(value, column, lookback)?);
            wanted.push(if nulls == NullCursor::Exclude { bound } else { Filter::Or(vec![bound, is_null]) });
        } else if nulls == NullCursor::Exclude {
            wanted.push(Filter::IsNull { column: cursor.to_owned(), negated: true });
        }
        let filter = Filter::And(wanted);
        let mut held = Vec::new();
        let mut bytes = 0;
        let mut greatest: Option<ArrayRef> = None;
        scan::scan(&self.reading(), &mut |found| match found {
            Found::Batch(batch) => {
                let batch = passing(&batch, Some(&filter))?;
                let values = batch.column(place);
                if nulls == NullCursor::Error && values.null_count() > 0 {
                    return Err(ConnectorError::new(
                        ErrorKind::BadData,
                        format!("A row of `{}` has no value in its cursor `{cursor}`.", self.stream.stream),
                    )
                    .advise("Set `null_cursor` to include or exclude, or fill in the values.")
                    .into());
                }
                let high = extreme(values, true)?;
                greatest = Some(match greatest.take() {
                    Some(before) => extreme(&join(&before, &high)?, true)?,
                    None => high,
                });
                bytes += batch.get_array_memory_size();
                if bytes <= SORT_BYTES {
                    held.push(batch);
                } else {
                    held.clear();
                }
                Ok(())
            }
            Found::Rejected(row) => send(sender, Item::Rejected(row)),
        })?;
        let value = greatest.as_ref().and_then(|greatest| shown(greatest, column));
        let rows = if bytes <= SORT_BYTES {
            self.sorted(sender, &held, place)?
        } else {
            self.last_group_last(sender, &filter, column, value.as_deref())?
        };
        let value = value.or_else(|| after.map(str::to_owned));
        Ok(End { rows, cursor: value.map(|value| Cursor(serde_json::json!({ "value": value }))) })
    }

    fn sorted(&self, sender: &Sender, held: &[RecordBatch], place: usize) -> Result<u64, Halt> {
        let Some(first) = held.first() else { return Ok(0) };
        let all = concat_batches(first.schema_ref(), held).map_err(bug)?;
        let order =
            sort_to_indices(all.column(place), Some(SortOptions { descending: false, nulls_first: true }), None)
                .map_err(bug)?;
        let all = take_record_batch(&all, &order).map_err(bug)?;
        let mut rows = 0;
        scan::slices(&all, self.reading().limits, &mut |found| match found {
            Found::Batch(batch) => {
                rows += self.deliver(sender, &batch, None)?;
                Ok(())
            }
            Found::Rejected(_) => Ok(()),
        })?;
        Ok(rows)
    }

    fn last_group_last(
        &self,
        sender: &Sender,
        filter: &Filter,
        column: &Column,
        greatest: Option<&str>,
    ) -> Result<u64, Halt> {
        let Some(greatest) = greatest else { return Ok(0) };
        let cursor = column.name.as_str();
        let is_null = Filter::IsNull { column: cursor.to_owned(), negated: false };
        let before = Filter::Or(vec![is_null, compare(cursor, Comparison::Less, literal(greatest, column))]);
        let last = compare(cursor, Comparison::Equal, literal(greatest, column));
        let mut rows = 0;
        for part in [before, last] {
            let filter = Filter::And(vec![filter.clone(), part]);
            scan::scan(&self.reading(), &mut |found| match found {
                Found::Batch(batch) => {
                    rows += self.deliver(sender, &batch, Some(&filter))?;
                    Ok(())
                }
                // The first pass has told of these.
                Found::Rejected(_) => Ok(()),
            })?;
        }
        Ok(rows)
    }
}

fn send(sender: &Sender, item: Item) -> Result<(), Halt> {
    sender.blocking_send(Ok(item)).map_err(|_| Halt::Enough)
}

fn compare(column: &str, op: Comparison, value: Literal) -> Filter {
    Filter::Compare { left: Operand::Column(column.to_owned()), op, right: Operand::Literal(value) }
}

fn literal(text: &str, column: &Column) -> Literal {
    let text = text.to_owned();
    match &column.data_type.logical {
        LogicalType::Date => Literal::Date(text),
        LogicalType::Timestamp { .. } => Literal::Timestamp(text),
        logical if logical.is_number() => Literal::Number(text),
        _ => Literal::Text(text),
    }
}

/// The last cursor value, less the lookback.
fn back(value: &str, column: &Column, lookback: Option<std::time::Duration>) -> Result<Literal, ConnectorError> {
    let Some(lookback) = lookback else { return Ok(literal(value, column)) };
    let unfit = || {
        ConnectorError::new(
            ErrorKind::Unsupported,
            format!("A lookback wants a date or time as its cursor, and `{}` is none.", column.name),
        )
    };
    let span = chrono::TimeDelta::from_std(lookback).map_err(|_| unfit())?;
    match &column.data_type.logical {
        LogicalType::Date => {
            let date = scalar::date(value).ok_or_else(unfit)?;
            // A part of a day reaches into the day before.
            let days = u64::try_from(span.num_seconds()).unwrap_or(0).div_ceil(86_400);
            Ok(Literal::Date(date.checked_sub_days(chrono::Days::new(days)).ok_or_else(unfit)?.to_string()))
        }
        LogicalType::Timestamp { .. } => match scalar::moment(value).ok_or_else(unfit)? {
            scalar::Moment::Instant(at) => Ok(Literal::Timestamp((at - span).to_rfc3339())),
            scalar::Moment::Wall(at) => Ok(Literal::Timestamp((at - span).format("%Y-%m-%dT%H:%M:%S%.f").to_string())),
        },
        _ => Err(unfit()),
    }
}
