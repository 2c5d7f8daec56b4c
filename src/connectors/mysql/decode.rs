//! Rows into batches: by count and by bytes, with rows that cannot be read as what they should be put aside.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use mysql_async::Value;

use super::ZeroDates;
use super::cell::{Cell, Refusal, show};
use crate::connectors::schema::arrow_schema;
use crate::connectors::{Column, ConnectorError, ErrorKind, RejectedRow};

/// Upper limits of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// A batch, and the rows that could not go into it.
pub(super) struct Decoded {
    pub(super) records: RecordBatch,
    pub(super) rejected: Vec<RejectedRow>,
}

pub(super) struct BatchDecoder {
    stream: String,
    names: Vec<String>,
    schema: SchemaRef,
    cells: Vec<Cell>,
    zero: ZeroDates,
    limits: Limits,
    rows: usize,
    bytes: usize,
    /// Rows ever taken.
    position: u64,
    /// Places in the batch of rows that are put aside, and why.
    refused: Vec<(usize, RejectedRow)>,
}

/// What an array of short values takes for one of them, about.
const FIXED: usize = 8;

impl BatchDecoder {
    pub(super) fn new(
        stream: &str,
        columns: &[Column],
        zero: ZeroDates,
        limits: Limits,
    ) -> Result<Self, ConnectorError> {
        let cells = columns.iter().map(|column| Cell::new(&column.data_type.logical)).collect::<Result<_, _>>();
        Ok(Self {
            stream: stream.to_owned(),
            names: columns.iter().map(|column| column.name.clone()).collect(),
            schema: arrow_schema(columns),
            cells: cells.map_err(|error| malformed(stream, error))?,
            zero,
            limits,
            rows: 0,
            bytes: 0,
            position: 0,
            refused: Vec::new(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether this row has to wait for the next batch.
    pub(super) fn is_full_for(&self, row: &[Value]) -> bool {
        self.rows > 0
            && (self.rows >= self.limits.rows.max(1) || self.bytes.saturating_add(size(row)) > self.limits.bytes)
    }

    pub(super) fn add(&mut self, row: &[Value]) -> Result<(), ConnectorError> {
        if row.len() != self.cells.len() {
            let message = format!("Reading `{}` failed: a row has other columns than were asked for.", self.stream);
            return Err(ConnectorError::new(ErrorKind::Bug, message));
        }
        self.position += 1;
        let mut refusal = None;
        for (place, (cell, value)) in self.cells.iter_mut().zip(row).enumerate() {
            if let Err(refused) = cell.append(value, self.zero) {
                cell.append_null();
                refusal.get_or_insert((place, refused));
            }
        }
        if let Some((place, refused)) = refusal {
            let rejected = self.rejected(row, place, refused);
            self.refused.push((self.rows, rejected));
        }
        self.rows += 1;
        self.bytes += size(row);
        Ok(())
    }

    fn rejected(&self, row: &[Value], place: usize, refusal: Refusal) -> RejectedRow {
        let cells =
            self.names.iter().zip(row).map(|(name, value)| {
                (name.clone(), show(value).map_or(serde_json::Value::Null, serde_json::Value::from))
            });
        RejectedRow {
            position: format!("row {} of `{}`", self.position, self.stream),
            code: refusal.code.to_owned(),
            reason: format!(
                "Column `{}`: {}.",
                self.names.get(place).map(String::as_str).unwrap_or_default(),
                refusal.what
            ),
            row: Some(serde_json::Value::Object(cells.collect()).to_string()),
        }
    }

    /// Hands out what it holds and begins anew.
    pub(super) fn take(&mut self) -> Result<Decoded, ConnectorError> {
        let arrays: Vec<ArrayRef> = self.cells.iter_mut().map(Cell::finish).collect();
        let refused = std::mem::take(&mut self.refused);
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let whole = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        let records = whole.and_then(|records| {
            if refused.is_empty() {
                return Ok(records);
            }
            let mut kept = vec![true; rows];
            for (place, _) in &refused {
                if let Some(keep) = kept.get_mut(*place) {
                    *keep = false;
                }
            }
            filter_record_batch(&records, &BooleanArray::from(kept))
        });
        let records = records.map_err(|error| malformed(&self.stream, error))?;
        Ok(Decoded { records, rejected: refused.into_iter().map(|(_, rejected)| rejected).collect() })
    }
}

fn malformed(stream: &str, error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, format!("Reading `{stream}` failed: its values make no batch.")).because(error)
}

fn size(row: &[Value]) -> usize {
    row.iter()
        .map(|value| match value {
            Value::Bytes(bytes) => bytes.len() + FIXED / 2,
            _ => FIXED,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::{ColumnType, LogicalType};

    fn decoder(limits: Limits) -> BatchDecoder {
        let column = |name: &str, logical| Column::new(name, ColumnType::new(logical, "mysql", "x"), true);
        let columns = [column("id", LogicalType::Int32), column("on", LogicalType::Date)];
        BatchDecoder::new("shop.t", &columns, ZeroDates::Reject, limits).unwrap()
    }

    #[test]
    fn a_row_that_cannot_be_read_costs_itself_alone() {
        let mut decoder = decoder(Limits { rows: 10, bytes: 1000 });
        for (id, day) in [(1, 1), (2, 0), (3, 3)] {
            decoder.add(&[Value::Int(id), Value::Date(2024, 1, day, 0, 0, 0, 0)]).unwrap();
        }
        let decoded = decoder.take().unwrap();
        assert_eq!(decoded.records.num_rows(), 2);
        let [row] = decoded.rejected.as_slice() else { panic!("one row is put aside") };
        assert_eq!((row.position.as_str(), row.code.as_str()), ("row 2 of `shop.t`", "zero_date"));
        assert_eq!(row.row.as_deref(), Some("{\"id\":\"2\",\"on\":\"2024-01-00\"}"));
        assert!(decoder.is_empty());
    }

    #[test]
    fn a_batch_is_full_by_rows_or_by_bytes() {
        let row = [Value::Int(1), Value::NULL];
        let mut decoder = decoder(Limits { rows: 2, bytes: 1000 });
        assert!(!decoder.is_full_for(&row));
        decoder.add(&row).unwrap();
        assert!(!decoder.is_full_for(&row) && decoder.is_full_for(&[Value::Bytes(vec![0; 1000])]));
        decoder.add(&row).unwrap();
        assert!(decoder.is_full_for(&row));
    }
}
