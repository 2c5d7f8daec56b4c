//! A row as JSON by target column, for the quarantine, and back into columns, to write it after all.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use serde_json::{Map, Value};

use super::cast::cast;
use super::failure::Failure;
use crate::connectors::schema::arrow_schema;
use crate::connectors::spelling::spell;
use crate::connectors::{Column, ErrorKind, LogicalType, OUR_PREFIX, RejectedRow};

/// A longer row is not kept: it would not fit a store that is not made for it.
const ROW_LIMIT: usize = 1024 * 1024;

/// The row as a JSON object, each value in its text form; `None` when it is too long to keep.
pub(super) fn encode(columns: &[(&str, &ArrayRef)], row: usize) -> Option<String> {
    let mut object = Map::new();
    for (name, array) in columns {
        let value = if array.is_null(row) {
            Value::Null
        } else {
            match array.data_type() {
                DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
                _ => Value::String(spell(array, row)?),
            }
        };
        object.insert((*name).to_owned(), value);
    }
    let text = Value::Object(object).to_string();
    (text.len() <= ROW_LIMIT).then_some(text)
}

/// Why a kept row cannot be read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not a JSON object: only the raw text was kept.
    Raw,
    /// The row has a column that the target lacks, or lacks one.
    Columns(String),
    /// A value is not what its column holds.
    Value(String),
}

/// Reads a kept row back into a batch of one row with these columns. The first `required` of them must be there; the
/// others came to the source later and may be missing.
pub(super) fn decode(
    columns: &[Column],
    required: usize,
    text: &str,
) -> Result<Result<RecordBatch, Unreadable>, Failure> {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else { return Ok(Err(Unreadable::Raw)) };
    let foreign =
        object.keys().find(|name| !name.starts_with(OUR_PREFIX) && !columns.iter().any(|column| column.name == **name));
    if let Some(name) = foreign {
        return Ok(Err(Unreadable::Columns(name.clone())));
    }
    let mut arrays = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        let value = match object.get(&column.name) {
            Some(value) => value,
            None if place >= required => &Value::Null,
            None => return Ok(Err(Unreadable::Columns(column.name.clone()))),
        };
        match array(column, value)? {
            Some(array) => arrays.push(array),
            None => return Ok(Err(Unreadable::Value(column.name.clone()))),
        }
    }
    RecordBatch::try_new(arrow_schema(columns), arrays).map(Ok).map_err(|error| {
        let mut failure = Failure::new(ErrorKind::Bug, "A kept row could not be put back into columns.");
        failure.error = failure.error.because(error);
        failure
    })
}

fn array(column: &Column, value: &Value) -> Result<Option<ArrayRef>, Failure> {
    let logical = &column.data_type.logical;
    let text = match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        // JSON inside JSON is its own text form.
        Value::Array(_) | Value::Object(_) if *logical == LogicalType::Json => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => return Ok(None),
    };
    match (logical, &text) {
        (LogicalType::Binary, Some(text)) => {
            let bytes = hex::decode(text.strip_prefix("\\x").unwrap_or(text)).ok();
            Ok(bytes.map(|bytes| Arc::new(BinaryArray::from_vec(vec![&bytes])) as ArrayRef))
        }
        (LogicalType::Boolean, Some(text)) => {
            Ok(text.parse::<bool>().ok().map(|value| Arc::new(BooleanArray::from(vec![value])) as ArrayRef))
        }
        _ => {
            let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let cast = cast(&texts, &LogicalType::Text, logical)?;
            Ok(cast.unfit.is_empty().then_some(cast.array))
        }
    }
}

/// A row set aside by the runner itself.
pub(super) fn rejected(
    position: String,
    code: &str,
    reason: String,
    columns: &[(&str, &ArrayRef)],
    row: usize,
) -> RejectedRow {
    RejectedRow { position, code: code.to_owned(), reason, row: encode(columns, row) }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, TimestampMicrosecondArray};

    use super::*;
    use crate::connectors::{ColumnType, Unit};

    fn column(name: &str, logical: LogicalType) -> Column {
        Column::new(name, ColumnType::new(logical, "memory", ""), true)
    }

    #[test]
    fn a_row_comes_back_as_it_was() {
        let columns = [
            column("id", LogicalType::Int64),
            column("sum", LogicalType::Decimal { precision: 20, scale: 4 }),
            column("at", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }),
            column("raw", LogicalType::Binary),
            column("ok", LogicalType::Boolean),
            column("note", LogicalType::Text),
        ];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![i64::MAX])),
            Arc::new(Decimal128Array::from(vec![-123_456_789_i128]).with_precision_and_scale(20, 4).unwrap()),
            Arc::new(TimestampMicrosecondArray::from(vec![-1]).with_timezone("UTC")),
            Arc::new(BinaryArray::from_vec(vec![&[0, 255]])),
            Arc::new(BooleanArray::from(vec![true])),
            Arc::new(StringArray::from(vec![None::<&str>])),
        ];
        let named: Vec<(&str, &ArrayRef)> =
            columns.iter().map(|column| column.name.as_str()).zip(arrays.iter()).collect();
        let text = encode(&named, 0).unwrap();
        let back = decode(&columns, 6, &text).unwrap().unwrap();
        assert_eq!(back.columns(), arrays.as_slice());
    }

    #[test]
    fn what_cannot_be_read_back_says_why() {
        let columns = [column("id", LogicalType::Int64)];
        assert_eq!(decode(&columns, 1, "1;2;3").unwrap().unwrap_err(), Unreadable::Raw);
        assert_eq!(decode(&columns, 1, "{\"id\": \"x\"}").unwrap().unwrap_err(), Unreadable::Value("id".to_owned()));
        assert_eq!(decode(&columns, 1, "{}").unwrap().unwrap_err(), Unreadable::Columns("id".to_owned()));
        let foreign = decode(&columns, 1, "{\"id\": 1, \"b\": 2}").unwrap().unwrap_err();
        assert_eq!(foreign, Unreadable::Columns("b".to_owned()));
        assert!(decode(&columns, 1, "{\"id\": 1, \"_towpath_run_id\": \"r\"}").unwrap().is_ok());
    }
}
