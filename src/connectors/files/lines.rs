//! Rows as lines of text, and what becomes of a type in each format.

use arrow::array::RecordBatch;

use super::{Format, csv, infer, jsonl, render};
use crate::connectors::{Column, Fidelity, Landing, LogicalType, RejectedRow, Unit};

/// The rows as lines, without those that have no text form.
pub(super) fn text_rows(
    format: Format,
    records: &RecordBatch,
    columns: &[Column],
    batch: u64,
    rejected: &mut Vec<RejectedRow>,
) -> (Vec<u8>, u64) {
    let (mut bytes, mut scratch, mut written) = (Vec::new(), String::new(), 0);
    for row in 0..records.num_rows() {
        let start = bytes.len();
        let line = text_row(format, records, row, columns, &mut scratch, &mut bytes);
        match line {
            Ok(()) => written += 1,
            Err((column, why)) => {
                bytes.truncate(start);
                rejected.push(reject(
                    records,
                    row,
                    columns,
                    batch,
                    "value_out_of_range",
                    format!("The value of column `{column}` {why}."),
                ));
            }
        }
    }
    (bytes, written)
}

#[expect(clippy::too_many_arguments, reason = "one value's way into a line")]
fn text_row(
    format: Format,
    records: &RecordBatch,
    row: usize,
    columns: &[Column],
    scratch: &mut String,
    to: &mut Vec<u8>,
) -> Result<(), (String, &'static str)> {
    if format == Format::Jsonl {
        to.push(b'{');
    }
    for (index, (values, column)) in records.columns().iter().zip(columns).enumerate() {
        if index > 0 {
            to.push(b',');
        }
        let logical = &column.data_type.logical;
        let told = |why| (column.name.clone(), why);
        if format == Format::Jsonl {
            jsonl::write_string(to, &column.name);
            to.push(b':');
            render::json(values.as_ref(), row, logical, scratch, to).map_err(told)?;
        } else {
            scratch.clear();
            let value = render::text(values.as_ref(), row, logical, scratch).map_err(told)?;
            csv::write_field(to, value.then_some(scratch.as_str()));
        }
    }
    to.extend_from_slice(if format == Format::Jsonl { b"}\n" } else { b"\n" });
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "each says another part of one sentence")]
pub(super) fn reject(
    records: &RecordBatch,
    row: usize,
    columns: &[Column],
    batch: u64,
    code: &str,
    reason: String,
) -> RejectedRow {
    let mut line = serde_json::Map::new();
    for (values, column) in records.columns().iter().zip(columns) {
        let mut text = String::new();
        let value = match render::text(values.as_ref(), row, &column.data_type.logical, &mut text) {
            Ok(false) => serde_json::Value::Null,
            Ok(true) => serde_json::Value::String(text),
            Err(_) => serde_json::Value::String("outside the range of text".to_owned()),
        };
        line.insert(column.name.clone(), value);
    }
    RejectedRow {
        position: format!("row {} of batch {batch}", row + 1),
        code: code.to_owned(),
        reason,
        row: Some(serde_json::Value::Object(line).to_string()),
    }
}

/// What becomes of a type in files of a format: every value can be got back.
pub(in crate::connectors) fn landing(format: Format, logical: &LogicalType) -> Landing {
    let (target_type, note) = land(format, logical);
    let fidelity = if note.is_some() { Fidelity::Lossless } else { Fidelity::Exact };
    Landing { target_type, fidelity, note: note.map(str::to_owned) }
}

fn land(format: Format, logical: &LogicalType) -> (String, Option<&'static str>) {
    let spelled = infer::spell(logical);
    let note = match (format, logical) {
        (Format::Parquet, LogicalType::Numeric) => {
            Some("kept as decimal text, for Parquet has no number without bounds")
        }
        (
            Format::Parquet,
            LogicalType::Uuid
            | LogicalType::Json
            | LogicalType::Interval
            | LogicalType::Enum
            | LogicalType::Array
            | LogicalType::Other,
        ) => Some("kept as text"),
        (Format::Parquet, LogicalType::Timestamp { unit: Unit::Second, .. }) => Some("kept in milliseconds"),
        (Format::Parquet, _) => None,
        (Format::Csv | Format::Jsonl, LogicalType::Binary) => Some("kept as hexadecimal text"),
        (Format::Csv, _) => Some("kept as text; its type stands in a file of its own beside the rows"),
        (Format::Jsonl, LogicalType::Date | LogicalType::Time | LogicalType::Timestamp { .. }) => {
            Some("kept as ISO 8601 text")
        }
        (
            Format::Jsonl,
            LogicalType::Uuid
            | LogicalType::Interval
            | LogicalType::Enum
            | LogicalType::Array
            | LogicalType::Other
            | LogicalType::Numeric,
        ) => Some("kept as text"),
        (Format::Jsonl, _) => None,
    };
    (spelled, note)
}
