//! Reading a stream's files from beginning to end: their rows in batches.

use arrow::array::RecordBatch;
use std::collections::HashSet;

use super::compression::{of_file, reader};
use super::csv::{Record, Records};
use super::jsonl::{self, Members};
use super::layout::{DataFile, FileStream};
use super::scalar::{self, ColumnBuilder, Scalar};
use super::storage::Storage;
use super::{CsvConfig, Format, parquet};
use crate::connectors::schema::arrow_schema;
use crate::connectors::{Column, ConnectorError, ErrorKind, RejectedRow};

/// What a scan finds, in the files' order.
pub(in crate::connectors) enum Found {
    Batch(RecordBatch),
    Rejected(RejectedRow),
}

/// Who is told what a scan finds.
pub(in crate::connectors) type Each<'a> = &'a mut dyn FnMut(Found) -> Result<(), Halt>;

/// Why a scan ended before its end.
pub(in crate::connectors) enum Halt {
    /// Whoever listens has heard enough.
    Enough,
    Failed(ConnectorError),
}

impl From<ConnectorError> for Halt {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

/// How much a batch may hold.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// What of a stream is read, and how.
pub(super) struct Reading<'a> {
    pub(super) stream: &'a FileStream,
    /// Every column of the stream: one in a file that is not among them would be lost in silence, so it is refused.
    pub(super) known: &'a [Column],
    /// The columns wanted.
    pub(super) columns: &'a [Column],
    pub(super) csv: &'a CsvConfig,
    pub(super) limits: Limits,
}

/// Reads every file and tells what it holds of the wanted columns.
pub(super) fn scan(reading: &Reading<'_>, each: Each<'_>) -> Result<(), Halt> {
    let Reading { stream, known, columns, csv, limits } = *reading;
    let known: HashSet<&str> = known.iter().map(|column| column.name.as_str()).collect();
    let csv = if stream.ours { &OURS } else { csv };
    for file in &stream.files {
        let storage = stream.storage.as_ref();
        let one = OneFile { storage, file, columns, known: &known, absent: absent(file, columns), limits };
        match file.format {
            Format::Parquet => {
                parquet::read(storage, file, columns, limits.rows, &mut |batch| slices(&batch, limits, each))?;
            }
            Format::Csv => scan_csv(&one, csv, each)?,
            Format::Jsonl => scan_jsonl(&one, stream.ours, each)?,
        }
    }
    Ok(())
}

/// A value that the file's folders give, or why it does not fit its column.
type Absent<'a> = Result<Scalar<'a>, &'static str>;

/// A text file being read.
struct OneFile<'a> {
    storage: &'a dyn Storage,
    file: &'a DataFile,
    columns: &'a [Column],
    known: &'a HashSet<&'a str>,
    /// What each wanted column is where the file says nothing of it.
    absent: Vec<Absent<'a>>,
    limits: Limits,
}

fn absent<'a>(file: &'a DataFile, columns: &[Column]) -> Vec<Absent<'a>> {
    columns
        .iter()
        .map(|column| match file.partition(&column.name) {
            Some(Some(value)) => scalar::parse(value, &column.data_type.logical),
            Some(None) | None => Ok(Scalar::Null),
        })
        .collect()
}

/// How we write CSV, whatever a connection says of foreign files.
static OURS: CsvConfig = CsvConfig { delimiter: ',', header: true, null_text: None };

pub(super) fn slices(batch: &RecordBatch, limits: Limits, each: Each<'_>) -> Result<(), Halt> {
    let rows = batch.num_rows();
    let per_row = (batch.get_array_memory_size() / rows.max(1)).max(1);
    let step = (limits.bytes / per_row).clamp(1, limits.rows.max(1));
    let mut from = 0;
    while from < rows {
        let length = step.min(rows - from);
        each(Found::Batch(batch.slice(from, length)))?;
        from += length;
    }
    Ok(())
}

/// Rows being gathered into a batch.
struct Gather<'a> {
    columns: &'a [Column],
    builders: Vec<ColumnBuilder>,
    rows: usize,
    bytes: usize,
    limits: Limits,
}

impl<'a> Gather<'a> {
    fn new(columns: &'a [Column], limits: Limits) -> Self {
        let builders = columns.iter().map(|column| ColumnBuilder::new(&column.data_type.logical)).collect();
        Self { columns, builders, rows: 0, bytes: 0, limits }
    }

    fn push(&mut self, values: &[Scalar<'_>], bytes: usize, each: Each<'_>) -> Result<(), Halt> {
        for (builder, value) in self.builders.iter_mut().zip(values) {
            builder.push(value);
        }
        self.rows += 1;
        self.bytes += bytes;
        if self.rows >= self.limits.rows || self.bytes >= self.limits.bytes { self.flush(each) } else { Ok(()) }
    }

    fn flush(&mut self, each: Each<'_>) -> Result<(), Halt> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch =
            RecordBatch::try_new_with_options(arrow_schema(self.columns), arrays, &options).map_err(|error| {
                ConnectorError::new(ErrorKind::Bug, "A batch of file rows does not fit its own columns.").because(error)
            })?;
        (self.rows, self.bytes) = (0, 0);
        each(Found::Batch(batch))
    }
}

fn rejected(file: &DataFile, line: u64, code: &str, reason: String, raw: &[u8]) -> Found {
    let row = String::from_utf8_lossy(raw).trim_end_matches(['\n', '\r']).to_owned();
    Found::Rejected(RejectedRow {
        position: format!("line {line} of {}", file.shown()),
        code: code.to_owned(),
        reason,
        row: Some(row),
    })
}

pub(super) fn delimiter(file: &DataFile, csv: &CsvConfig) -> Result<u8, ConnectorError> {
    if csv.delimiter == ',' && file.shown().to_lowercase().contains(".tsv") {
        return Ok(b'\t');
    }
    u8::try_from(csv.delimiter)
        .ok()
        .filter(u8::is_ascii)
        .ok_or_else(|| ConnectorError::new(ErrorKind::Config, "The CSV delimiter must be one ASCII character."))
}

/// The names in a CSV file's first row, or made-up ones.
pub(super) fn header<R: std::io::BufRead>(
    file: &DataFile,
    records: &mut Records<R>,
    record: &mut Record,
    csv: &CsvConfig,
) -> Result<Option<Vec<String>>, ConnectorError> {
    if !records.next(record).map_err(|error| of_file(file, error))? {
        return Ok(None);
    }
    if !csv.header {
        return Ok(Some((1..=record.len()).map(|number| format!("column_{number}")).collect()));
    }
    let broken = |why: &str| {
        ConnectorError::new(
            ErrorKind::BadData,
            format!("The first row of `{}` does not name its columns: {why}.", file.shown()),
        )
        .advise("Mend the first row, or set `csv.header` to false when the file has no names.")
    };
    if let Some(fault) = record.fault {
        return Err(broken(fault));
    }
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for index in 0..record.len() {
        let bytes = record.field(index).map(|(bytes, _)| bytes).unwrap_or_default();
        let name = std::str::from_utf8(bytes).map_err(|_| broken("a name is not valid UTF-8"))?.trim();
        if name.is_empty() {
            return Err(broken(&format!("name {} is empty", index + 1)));
        }
        if names.iter().any(|seen| seen == name) {
            return Err(broken(&format!("`{name}` stands there twice")));
        }
        names.push(name.to_owned());
    }
    Ok(Some(names))
}

fn scan_csv(one: &OneFile<'_>, csv: &CsvConfig, each: Each<'_>) -> Result<(), Halt> {
    let OneFile { storage, file, columns, known, absent, limits } = one;
    let mut records = Records::new(reader(*storage, file)?, delimiter(file, csv)?);
    let mut record = Record::default();
    let Some(names) = header(file, &mut records, &mut record, csv)? else { return Ok(()) };
    if let Some(stranger) = names.iter().find(|name| !known.contains(name.as_str())) {
        return Err(ConnectorError::new(
            ErrorKind::BadData,
            format!("`{}` has a column `{stranger}` that the stream did not have when it was looked at.", file.shown()),
        )
        .advise("Refresh the stream's columns, then revise the plan.")
        .into());
    }
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| names.iter().position(|name| *name == column.name)).collect();
    let mut gather = Gather::new(columns, *limits);
    let mut held = !csv.header;
    loop {
        if !std::mem::take(&mut held) && !records.next(&mut record).map_err(|error| of_file(file, error))? {
            return gather.flush(each);
        }
        if record.is_blank() && names.len() > 1 {
            continue;
        }
        let broken = match record.fault {
            Some(fault) => Some(format!("The row cannot be read: {fault}.")),
            None if record.len() != names.len() => {
                Some(format!("The row has {} fields where the first row names {} columns.", record.len(), names.len()))
            }
            None => None,
        };
        if let Some(reason) = broken {
            each(rejected(file, record.line, "malformed_row", reason, &record.raw))?;
            continue;
        }
        match csv_row(&record, columns, &places, absent, csv) {
            Ok(values) => gather.push(&values, record.raw.len() + columns.len() * 8, each)?,
            Err((code, reason)) => each(rejected(file, record.line, code, reason, &record.raw))?,
        }
    }
}

fn csv_row<'a>(
    record: &'a Record,
    columns: &[Column],
    places: &[Option<usize>],
    absent: &[Absent<'a>],
    csv: &CsvConfig,
) -> Result<Vec<Scalar<'a>>, (&'static str, String)> {
    let mut values = Vec::with_capacity(columns.len());
    for ((column, place), absent) in columns.iter().zip(places).zip(absent) {
        let Some((bytes, quoted)) = place.and_then(|place| record.field(place)) else {
            values.push(absent.clone().map_err(|reason| unfit(column, reason))?);
            continue;
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ("invalid_encoding", format!("Column `{}` is not valid UTF-8.", column.name)))?;
        if !quoted && (text.is_empty() || csv.null_text.as_deref() == Some(text)) {
            values.push(Scalar::Null);
            continue;
        }
        values.push(scalar::parse(text, &column.data_type.logical).map_err(|reason| unfit(column, reason))?);
    }
    Ok(values)
}

fn unfit(column: &Column, reason: &str) -> (&'static str, String) {
    (
        "type_conversion_failed",
        format!("The value of column `{}` {reason}, as its type `{}` asks.", column.name, column.data_type.spelled),
    )
}

fn scan_jsonl(one: &OneFile<'_>, ours: bool, each: Each<'_>) -> Result<(), Halt> {
    let OneFile { storage, file, columns, limits, .. } = one;
    let mut input = reader(*storage, file)?;
    let mut gather = Gather::new(columns, *limits);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        if std::io::BufRead::read_until(&mut input, b'\n', &mut line).map_err(|error| of_file(file, error))? == 0 {
            return gather.flush(each);
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match json_row(&line, one, ours) {
            Ok(values) => gather.push(&values, line.len() + columns.len() * 8, each)?,
            Err((code, reason)) => each(rejected(file, number, code, reason, &line))?,
        }
    }
}

fn json_row<'a>(line: &'a [u8], one: &OneFile<'a>, ours: bool) -> Result<Vec<Scalar<'a>>, (&'static str, String)> {
    let text =
        std::str::from_utf8(line).map_err(|_| ("invalid_encoding", "The line is not valid UTF-8.".to_owned()))?;
    let Members(members) = serde_json::from_str(text)
        .map_err(|_| ("malformed_row", "The line is not one JSON object with each member named once.".to_owned()))?;
    if let Some((stranger, _)) = members.iter().find(|(name, _)| !one.known.contains(name.as_str())) {
        return Err((
            "unknown_field",
            format!("The line has a member `{stranger}` that the stream did not have when it was looked at."),
        ));
    }
    one.columns
        .iter()
        .zip(&one.absent)
        .map(|(column, absent)| match members.iter().find(|(name, _)| *name == column.name) {
            Some((_, value)) => {
                jsonl::parse(value, &column.data_type.logical, ours).map_err(|reason| unfit(column, reason))
            }
            None => absent.clone().map_err(|reason| unfit(column, reason)),
        })
        .collect()
}
