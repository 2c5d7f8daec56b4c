//! One part of a target: rows in one of the formats, written to whatever takes bytes.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;

use super::compression::{Packed, of_shown};
use super::lines::{reject, text_rows};
use super::{Format, WriteConfig, csv, encodings, infinity};
use crate::connectors::{Column, ConnectorError, ErrorKind, RejectedRow};

/// Bytes of a Parquet row group that are held before they are written out.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// A part being written.
pub(in crate::connectors) struct Part<W: Write + Send> {
    output: Output<W>,
    format: Format,
    /// The name that people are shown when writing fails.
    shown: String,
    pub(in crate::connectors) rows: u64,
}

enum Output<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Text(Box<Packed<W>>),
}

/// What a writer knows of the rows it is given.
pub(in crate::connectors) struct Rows<'a> {
    pub(in crate::connectors) columns: &'a [Column],
    /// Number of the batch, from 1, for the places of rejected rows.
    pub(in crate::connectors) batch: u64,
}

impl<W: Write + Send> Part<W> {
    /// Begins a part with a look at its first rows, which are not written yet.
    pub(in crate::connectors) fn begin(
        to: W,
        shown: String,
        config: &WriteConfig,
        columns: &[Column],
        first: &RecordBatch,
    ) -> Result<Self, ConnectorError> {
        let output = match config.format {
            Format::Parquet => {
                let first = storable(first)?;
                let writer = ArrowWriter::try_new(to, first.schema(), Some(encodings::properties(&first)));
                Output::Parquet(Box::new(writer.map_err(|error| of_parquet(&shown, error))?))
            }
            Format::Csv | Format::Jsonl => {
                let mut packed = Packed::new(to, config.compression).map_err(|error| of_shown(&shown, error))?;
                if config.format == Format::Csv {
                    let mut header = Vec::new();
                    for (index, column) in columns.iter().enumerate() {
                        if index > 0 {
                            header.push(b',');
                        }
                        csv::write_field(&mut header, Some(&column.name));
                    }
                    header.push(b'\n');
                    packed.write_all(&header).map_err(|error| of_shown(&shown, error))?;
                }
                Output::Text(Box::new(packed))
            }
        };
        Ok(Self { output, format: config.format, shown, rows: 0 })
    }

    /// Writes rows that passed [`holdable`]; those that have no form in this format come back. Answers how many were written.
    pub(in crate::connectors) fn write(
        &mut self,
        records: &RecordBatch,
        rows: &Rows<'_>,
        rejected: &mut Vec<RejectedRow>,
    ) -> Result<u64, ConnectorError> {
        let written = match &mut self.output {
            Output::Parquet(writer) => {
                writer.write(&storable(records)?).map_err(|error| of_parquet(&self.shown, error))?;
                if writer.in_progress_size() > ROW_GROUP_BYTES {
                    writer.flush().map_err(|error| of_parquet(&self.shown, error))?;
                }
                records.num_rows() as u64
            }
            Output::Text(packed) => {
                let (bytes, written) = text_rows(self.format, records, rows.columns, rows.batch, rejected);
                packed.write_all(&bytes).map_err(|error| of_shown(&self.shown, error))?;
                written
            }
        };
        self.rows += written;
        Ok(written)
    }

    /// What is written to.
    pub(in crate::connectors) fn sink(&self) -> &W {
        match &self.output {
            Output::Parquet(writer) => writer.inner(),
            Output::Text(packed) => packed.inner(),
        }
    }

    /// Writes what is held back and gives up what was written to.
    pub(in crate::connectors) fn finish(self) -> Result<W, ConnectorError> {
        match self.output {
            Output::Parquet(writer) => writer.into_inner().map_err(|error| of_parquet(&self.shown, error)),
            Output::Text(packed) => packed.finish().map_err(|error| of_shown(&self.shown, error)),
        }
    }
}

/// The rows that a format can hold at all; the others come back. In seconds and milliseconds readers of Parquet count on
/// from infinity and overflow.
pub(in crate::connectors) fn holdable(
    format: Format,
    records: &RecordBatch,
    rows: &Rows<'_>,
    rejected: &mut Vec<RejectedRow>,
) -> Result<RecordBatch, ConnectorError> {
    if format != Format::Parquet {
        return Ok(records.clone());
    }
    let mut keep = vec![true; records.num_rows()];
    for (values, column) in records.columns().iter().zip(rows.columns) {
        let infinite: Box<dyn Fn(usize) -> bool> = match values.data_type() {
            DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, _) => {
                let counts = cast(values, &DataType::Int64).map_err(bug)?;
                Box::new(move |row| matches!(counts.as_primitive::<Int64Type>().value(row), i64::MAX | i64::MIN))
            }
            _ => continue,
        };
        for (row, kept) in keep.iter_mut().enumerate() {
            if *kept && !values.is_null(row) && infinite(row) {
                *kept = false;
                let reason = format!("Column `{}` holds an infinite date, which Parquet cannot hold.", column.name);
                rejected.push(reject(records, row, rows.columns, rows.batch, "value_out_of_range", reason));
            }
        }
    }
    if keep.iter().all(|kept| *kept) {
        Ok(records.clone())
    } else {
        filter_record_batch(records, &BooleanArray::from(keep)).map_err(bug)
    }
}

/// Adds the columns of a run to those that a target has. A column whose type has changed would make old files unreadable.
pub(in crate::connectors) fn widened(
    mut known: Vec<Column>,
    columns: &[Column],
    target: &str,
) -> Result<Vec<Column>, ConnectorError> {
    for column in columns {
        match known.iter().find(|seen| seen.name == column.name) {
            None => known.push(column.clone()),
            Some(seen) if seen.data_type.logical == column.data_type.logical => {}
            Some(seen) => {
                return Err(ConnectorError::new(
                    ErrorKind::BadData,
                    format!(
                        "Column `{}` of `{target}` was written as `{}` and would now be `{}`.",
                        column.name, seen.data_type.spelled, column.data_type.spelled
                    ),
                )
                .advise("Cast the column to the type that stands there, or replace the target."));
            }
        }
    }
    Ok(known)
}

/// Parquet has no whole seconds and no infinities: such columns are kept in milliseconds, and their metadata says what they were.
fn storable(records: &RecordBatch) -> Result<RecordBatch, ConnectorError> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, values) in records.schema_ref().fields().iter().zip(records.columns()) {
        if let DataType::Timestamp(TimeUnit::Second, zone) = field.data_type() {
            let stored = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
            arrays.push(cast(values, &stored).map_err(bug)?);
            fields.push(field.as_ref().clone().with_data_type(stored));
        } else {
            arrays.push(infinity::outbound(values));
            fields.push(field.as_ref().clone());
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(bug)
}

fn bug(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A batch does not fit the columns it was announced with.").because(error)
}

fn of_parquet(shown: &str, error: parquet::errors::ParquetError) -> ConnectorError {
    let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(kind) => of_shown(shown, std::io::Error::new(kind, error)),
        None => ConnectorError::new(ErrorKind::Bug, format!("`{shown}` cannot be written as Parquet.")).because(error),
    }
}
