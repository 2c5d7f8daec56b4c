//! What a stream looks like before its rows are read: its columns, and how many rows there are where that costs little.

use super::compression::{head, of_file};
use super::csv::{Record, Records};
use super::infer::{self, Guess};
use super::jsonl::Members;
use super::layout::{DataFile, FileStream};
use super::scan::{delimiter, header};
use super::storage::Storage;
use super::{CsvConfig, Format, parquet, scalar};
use crate::connectors::{Column, ColumnType, ConnectorError, ErrorKind, LogicalType};

/// Unpacked bytes looked at in each file for its types, and files looked at.
const SAMPLE_BYTES: u64 = 8 * 1024 * 1024;
const SAMPLE_FILES: usize = 20;
/// Columns that a stream may have.
const COLUMN_LIMIT: usize = 10_000;

/// The columns of a stream: as given, as we wrote them down, or as the files show.
pub(in crate::connectors) fn columns(stream: &FileStream, csv: &CsvConfig) -> Result<Vec<Column>, ConnectorError> {
    if let Some(columns) = &stream.columns {
        return Ok(columns.clone());
    }
    let storage = stream.storage.as_ref();
    let mut columns: Vec<Column> = Vec::new();
    let mut guesses: Vec<(String, Guess)> = Vec::new();
    let mut everything = stream.files.len() <= SAMPLE_FILES;
    let too_many = || {
        ConnectorError::new(
            ErrorKind::Unsupported,
            format!("`{}` has more than {COLUMN_LIMIT} columns.", stream.stream),
        )
    };
    each_footer(stream, &mut |footer| {
        for column in footer.columns {
            if !columns.iter().any(|seen| seen.name == column.name) {
                columns.push(column);
            }
        }
        if columns.len() > COLUMN_LIMIT { Err(too_many()) } else { Ok(()) }
    })?;
    for (number, file) in stream.files.iter().enumerate() {
        match file.format {
            Format::Parquet => {}
            Format::Csv => everything &= sample_csv(storage, file, csv, number < SAMPLE_FILES, &mut guesses)?,
            Format::Jsonl if number < SAMPLE_FILES => everything &= sample_jsonl(storage, file, &mut guesses)?,
            Format::Jsonl => {}
        }
        if columns.len() + guesses.len() > COLUMN_LIMIT {
            return Err(too_many());
        }
    }
    for (name, guess) in guesses {
        if !columns.iter().any(|seen| seen.name == name) {
            let logical = guess.logical(everything);
            let spelled = infer::spell(&logical);
            columns.push(Column::new(name, ColumnType::new(logical, "files", spelled), true));
        }
    }
    for column in partition_columns(stream) {
        if !columns.iter().any(|seen| seen.name == column.name) {
            columns.push(column);
        }
    }
    for (name, text) in &stream.given {
        let given = infer::given(name, text)?;
        match columns.iter_mut().find(|column| column.name == *name) {
            Some(column) => column.data_type = given,
            None if stream.files.is_empty() => columns.push(Column::new(name, given, true)),
            None => {
                return Err(ConnectorError::new(
                    ErrorKind::Config,
                    format!("The schema of `{}` names `{name}`, which its files do not have.", stream.stream),
                ));
            }
        }
    }
    Ok(columns)
}

/// Rows of a stream, exact where counting costs little.
pub(in crate::connectors) fn estimate_rows(stream: &FileStream) -> Result<Option<u64>, ConnectorError> {
    if stream.files.iter().any(|file| file.format != Format::Parquet) {
        return Ok(None);
    }
    let mut rows = 0;
    each_footer(stream, &mut |footer| {
        rows += footer.rows;
        Ok(())
    })?;
    Ok(Some(rows))
}

/// The footers of a stream's Parquet files, in order; several are fetched at once where a place is far.
fn each_footer(
    stream: &FileStream,
    each: &mut dyn FnMut(parquet::Footer) -> Result<(), ConnectorError>,
) -> Result<(), ConnectorError> {
    let files: Vec<&DataFile> = stream.files.iter().filter(|file| file.format == Format::Parquet).collect();
    let storage = stream.storage.as_ref();
    for files in files.chunks(storage.breadth().max(1)) {
        if let [file] = files {
            each(parquet::footer(storage, file)?)?;
            continue;
        }
        let runtime = tokio::runtime::Handle::try_current();
        let footers: Vec<Result<parquet::Footer, ConnectorError>> = std::thread::scope(|scope| {
            let started: Vec<_> = files
                .iter()
                .map(|file| {
                    let runtime = runtime.as_ref().ok();
                    scope.spawn(move || {
                        let _entered = runtime.map(tokio::runtime::Handle::enter);
                        parquet::footer(storage, file)
                    })
                })
                .collect();
            started
                .into_iter()
                .map(|thread| {
                    thread.join().unwrap_or_else(|_| {
                        Err(ConnectorError::new(
                            ErrorKind::Bug,
                            "Reading a Parquet footer failed in a way it should not.",
                        ))
                    })
                })
                .collect()
        });
        for footer in footers {
            each(footer?)?;
        }
    }
    Ok(())
}

/// The columns that a stream's folders give: dates where every value is one, otherwise texts.
fn partition_columns(stream: &FileStream) -> Vec<Column> {
    let mut found: Vec<(&str, bool)> = Vec::new();
    for (name, value) in stream.files.iter().flat_map(|file| &file.partitions) {
        let fits = value.as_deref().is_none_or(|value| scalar::date(value).is_some());
        match found.iter_mut().find(|(seen, _)| *seen == name.as_str()) {
            Some((_, date)) => *date &= fits,
            None => found.push((name, fits)),
        }
    }
    found
        .into_iter()
        .map(|(name, date)| {
            let logical = if date { LogicalType::Date } else { LogicalType::Text };
            let spelled = infer::spell(&logical);
            Column::new(name, ColumnType::new(logical, "files", spelled), true)
        })
        .collect()
}

/// Adds what a file's beginning shows; `true` when that was the whole file.
fn sample_csv(
    storage: &dyn Storage,
    file: &DataFile,
    csv: &CsvConfig,
    rows_too: bool,
    guesses: &mut Vec<(String, Guess)>,
) -> Result<bool, ConnectorError> {
    let limit = SAMPLE_BYTES;
    let mut records = Records::new(head(storage, file, limit)?, delimiter(file, csv)?);
    let mut record = Record::default();
    let Some(names) = header(file, &mut records, &mut record, csv)? else { return Ok(true) };
    let places: Vec<usize> = names.iter().map(|name| place(guesses, name)).collect();
    let mut read = record.raw.len() as u64;
    let mut first = !csv.header;
    loop {
        if !rows_too || !first && !records.next(&mut record).map_err(|error| of_file(file, error))? {
            break;
        }
        read += if first { 0 } else { record.raw.len() as u64 };
        first = false;
        // The last row of a cut sample may be half a row.
        if read >= limit || record.fault.is_some() {
            continue;
        }
        for (index, place) in places.iter().enumerate() {
            if let Some((bytes, quoted)) = record.field(index) {
                let text = String::from_utf8_lossy(bytes);
                if (quoted || !(text.is_empty() || csv.null_text.as_deref() == Some(&*text)))
                    && let Some((_, guess)) = guesses.get_mut(*place)
                {
                    guess.field(&text);
                }
            }
        }
    }
    Ok(rows_too && read < limit)
}

fn place(guesses: &mut Vec<(String, Guess)>, name: &str) -> usize {
    guesses.iter().position(|(seen, _)| seen == name).unwrap_or_else(|| {
        guesses.push((name.to_owned(), Guess::default()));
        guesses.len() - 1
    })
}

fn sample_jsonl(
    storage: &dyn Storage,
    file: &DataFile,
    guesses: &mut Vec<(String, Guess)>,
) -> Result<bool, ConnectorError> {
    let mut input = head(storage, file, SAMPLE_BYTES)?;
    let (mut line, mut read) = (Vec::new(), 0);
    loop {
        line.clear();
        let bytes = std::io::BufRead::read_until(&mut input, b'\n', &mut line).map_err(|error| of_file(file, error))?;
        if bytes == 0 {
            return Ok(read < SAMPLE_BYTES);
        }
        read += bytes as u64;
        // A line that cannot be read is told when the rows are read.
        if let Ok(Members(members)) = serde_json::from_slice(&line) {
            for (name, value) in members {
                let place = place(guesses, &name);
                if let Some((_, guess)) = guesses.get_mut(place) {
                    guess.member(value.get());
                }
            }
        }
    }
}
