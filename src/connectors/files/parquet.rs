//! Parquet files: their columns as logical types, and their row groups as batches of just those types.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::infinity;
use super::layout::DataFile;
use super::scan::Halt;
use super::storage::{Chunks, Storage};
use crate::connectors::schema::LOGICAL_KEY;
use crate::connectors::{Column, ColumnType, ConnectorError, ErrorKind, LogicalType};

/// A file's footer: what it holds, without reading any rows.
pub(super) struct Footer {
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
}

pub(super) fn footer(storage: &dyn Storage, file: &DataFile) -> Result<Footer, ConnectorError> {
    let metadata = load(&Chunks(storage.ranged(file)?), file)?;
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).map_err(|_| damaged(file))?;
    Ok(Footer { rows, columns: metadata.schema().fields().iter().map(|field| column(field)).collect() })
}

/// Reads the wanted columns batch by batch. A column that this file lacks is what its folders say, or NULL throughout.
pub(super) fn read(
    storage: &dyn Storage,
    file: &DataFile,
    columns: &[Column],
    batch_rows: usize,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), Halt>,
) -> Result<(), Halt> {
    let chunks = Chunks(storage.ranged(file)?);
    let metadata = load(&chunks, file)?;
    let indices: Vec<Option<usize>> =
        columns.iter().map(|wanted| metadata.schema().index_of(&wanted.name).ok()).collect();
    let mask =
        ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), indices.iter().flatten().copied());
    chunks.0.announce(wanted_ranges(&metadata, &mask));
    let expected = u64::try_from(metadata.metadata().file_metadata().num_rows()).map_err(|_| damaged(file))?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks.clone(), metadata)
        .with_projection(mask)
        .with_batch_size(batch_rows)
        .build()
        .map_err(|error| broken(&chunks, file, error))?;
    let schema = crate::connectors::schema::arrow_schema(columns);
    let mut seen = 0;
    for batch in reader {
        let batch = batch.map_err(|error| broken(&chunks, file, error))?;
        let arrays = columns
            .iter()
            .map(|wanted| match batch.column_by_name(&wanted.name) {
                Some(array) => {
                    logical_array(array, &wanted.data_type.logical).map_err(|cause| unfit(file, wanted).because(cause))
                }
                None => absent(file, wanted, batch.num_rows()),
            })
            .collect::<Result<Vec<_>, _>>()?;
        seen += batch.num_rows() as u64;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        each(
            RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
                .map_err(|error| damaged(file).because(error))?,
        )?;
    }
    if seen == expected { Ok(()) } else { Err(damaged(file).into()) }
}

fn load(chunks: &Chunks, file: &DataFile) -> Result<ArrowReaderMetadata, ConnectorError> {
    ArrowReaderMetadata::load(chunks, ArrowReaderOptions::new()).map_err(|error| broken(chunks, file, error))
}

/// Where in the file the wanted columns stand, row group by row group.
fn wanted_ranges(metadata: &ArrowReaderMetadata, mask: &ProjectionMask) -> Vec<Vec<Range<u64>>> {
    let groups = metadata.metadata().row_groups().iter();
    groups
        .map(|group| {
            let chunks = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
            chunks.map(|(_, chunk)| chunk.byte_range()).map(|(start, length)| start..start + length).collect()
        })
        .collect()
}

/// A column that the file does not hold.
fn absent(file: &DataFile, wanted: &Column, rows: usize) -> Result<ArrayRef, ConnectorError> {
    let logical = wanted.data_type.logical.arrow();
    let Some(Some(value)) = file.partition(&wanted.name) else {
        return Ok(arrow::array::new_null_array(&logical, rows));
    };
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value.as_str(), rows)));
    logical_array(&texts, &wanted.data_type.logical).map_err(|cause| unfit(file, wanted).because(cause))
}

/// What went wrong with the bytes, where the place knows; otherwise the file is not what it should be.
fn broken(chunks: &Chunks, file: &DataFile, error: impl std::error::Error + Send + Sync + 'static) -> ConnectorError {
    chunks.0.failure().unwrap_or_else(|| damaged(file).because(error))
}

fn damaged(file: &DataFile) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadData,
        format!("`{}` is not a whole Parquet file; it may have been cut short while it was written.", file.shown()),
    )
    .advise("Copy the file anew from where it came, or move it out of the folder.")
}

fn unfit(file: &DataFile, column: &Column) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadData,
        format!(
            "Column `{}` of `{}` does not fit the type `{}` that the other files have.",
            column.name,
            file.shown(),
            column.data_type.spelled
        ),
    )
}

/// A Parquet field as a column. What we wrote carries its logical type along; of others the nearest is taken.
pub(super) fn column(field: &Field) -> Column {
    let kept = field.metadata().get(LOGICAL_KEY).and_then(|text| serde_json::from_str::<LogicalType>(text).ok());
    let logical = kept.unwrap_or_else(|| logical_of(field.data_type()));
    let spelled = super::infer::spell(&logical);
    Column::new(field.name(), ColumnType::new(logical, "files", spelled), field.is_nullable())
}

fn logical_of(data_type: &DataType) -> LogicalType {
    match data_type {
        DataType::Boolean => LogicalType::Boolean,
        DataType::Int8 => LogicalType::Int8,
        DataType::Int16 => LogicalType::Int16,
        DataType::Int32 => LogicalType::Int32,
        DataType::Int64 => LogicalType::Int64,
        DataType::UInt8 => LogicalType::UInt8,
        DataType::UInt16 => LogicalType::UInt16,
        DataType::UInt32 => LogicalType::UInt32,
        DataType::UInt64 => LogicalType::UInt64,
        DataType::Float16 | DataType::Float32 => LogicalType::Float32,
        DataType::Float64 => LogicalType::Float64,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            LogicalType::Decimal { precision: *precision, scale: *scale }
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            LogicalType::Binary
        }
        DataType::Date32 => LogicalType::Date,
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => LogicalType::Time,
        DataType::Timestamp(unit, zone) => LogicalType::Timestamp { unit: (*unit).into(), zoned: zone.is_some() },
        DataType::Dictionary(_, values) => logical_of(values),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => LogicalType::Json,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => LogicalType::Text,
        _ => LogicalType::Other,
    }
}

/// An array in the one Arrow form of its logical type. Casts that would change a value fail.
fn logical_array(array: &ArrayRef, logical: &LogicalType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let wanted = logical.arrow();
    if *array.data_type() == wanted {
        return Ok(infinity::inbound(array));
    }
    match logical {
        LogicalType::Json if array.data_type().is_nested() => {
            let mut builder = StringBuilder::new();
            for row in 0..array.len() {
                if array.is_null(row) {
                    builder.append_null();
                } else {
                    builder.append_value(json(array.as_ref(), row)?.to_string());
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        LogicalType::Other => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?;
            let mut builder = StringBuilder::new();
            for row in 0..array.len() {
                if array.is_null(row) {
                    builder.append_null();
                } else {
                    builder.append_value(formatter.value(row).try_to_string()?);
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        _ => arrow::compute::cast_with_options(
            array,
            &wanted,
            &arrow::compute::CastOptions { safe: false, format_options: FormatOptions::default() },
        ),
    }
}

/// One nested value as JSON: lists are arrays, structs objects, maps objects by their keys' text.
fn json(array: &dyn Array, row: usize) -> Result<serde_json::Value, arrow::error::ArrowError> {
    use serde_json::Value;
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let list = |items: ArrayRef| {
        (0..items.len()).map(|item| json(items.as_ref(), item)).collect::<Result<Vec<_>, _>>().map(Value::Array)
    };
    Ok(match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row))?,
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let members = fields
                .iter()
                .zip(parts.columns())
                .map(|(field, part)| Ok((field.name().clone(), json(part.as_ref(), row)?)));
            Value::Object(members.collect::<Result<_, arrow::error::ArrowError>>()?)
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = cast(entries.column(0), &DataType::Utf8)?;
            let members = (0..entries.len()).map(|entry| {
                Ok((keys.as_string::<i32>().value(entry).to_owned(), json(entries.column(1).as_ref(), entry)?))
            });
            Value::Object(members.collect::<Result<_, arrow::error::ArrowError>>()?)
        }
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
            let text = formatter.value(row).try_to_string()?;
            // 64-bit integers fit a JSON number of ours; decimals and other numbers stay exact as text.
            match array.data_type() {
                kind if kind.is_integer() => text
                    .parse::<i64>()
                    .map(Value::from)
                    .or_else(|_| text.parse::<u64>().map(Value::from))
                    .unwrap_or(Value::String(text)),
                DataType::Float32 | DataType::Float64 => text
                    .parse::<f64>()
                    .ok()
                    .and_then(serde_json::Number::from_f64)
                    .map_or(Value::String(text), Value::Number),
                _ => Value::String(text),
            }
        }
    })
}
