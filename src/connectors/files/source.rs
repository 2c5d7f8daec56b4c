//! Files as a source.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{SortOptions, concat, concat_batches, filter_record_batch, sort_to_indices, take};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::layout::{self, FileStream};
use super::read::Work;
use super::scan::{self, Found, Halt, Limits, Reading};
use super::storage::Storage;
use super::{CsvConfig, StreamConfig, render, survey};
use crate::connectors::filter::Filter;
use crate::connectors::{
    CdcReadiness, Checked, Column, ConnectorError, CursorProfile, ErrorKind, ItemStream, KeyProfile, ReadMode,
    ReadRequest, Source, SourceAbilities, StreamSchema, StreamSummary, evaluate,
};
use crate::tasks;

/// Rows that a profile looks at.
const PROFILE_ROWS: u64 = 1_000_000;
const PROBE: Limits = Limits { rows: 8192, bytes: 8 * 1024 * 1024 };

/// Files of one place as a source, wherever the place is.
pub(in crate::connectors) struct FileSource {
    storage: Arc<dyn Storage>,
    given: Arc<Vec<StreamConfig>>,
    csv: Arc<CsvConfig>,
}

impl FileSource {
    pub(in crate::connectors) fn new(storage: Arc<dyn Storage>, given: Vec<StreamConfig>, csv: CsvConfig) -> Self {
        Self { storage, given: Arc::new(given), csv: Arc::new(csv) }
    }

    /// Runs blocking work on a stream's files.
    async fn with_stream<T: Send + 'static>(
        &self,
        stream: &str,
        work: impl FnOnce(&CsvConfig, &FileStream, Vec<Column>) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let (storage, given, csv) = (Arc::clone(&self.storage), Arc::clone(&self.given), Arc::clone(&self.csv));
        let stream = stream.to_owned();
        blocking(move || {
            let stream = layout::stream(&storage, &given, &stream)?;
            let columns = survey::columns(&stream, &csv)?;
            work(&csv, &stream, columns)
        })
        .await
    }
}

/// Runs blocking work; a panic in it is our fault and said so.
pub(in crate::connectors) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tasks::spawn_blocking("files", work).await.unwrap_or_else(|error| {
        Err(ConnectorError::new(ErrorKind::Bug, "Reading files failed in a way that should not happen.").because(error))
    })
}

#[async_trait]
impl Source for FileSource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let (storage, given) = (Arc::clone(&self.storage), Arc::clone(&self.given));
        blocking(move || Ok(Checked { message: storage.check(&given)? })).await
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        let (storage, given) = (Arc::clone(&self.storage), Arc::clone(&self.given));
        blocking(move || Ok(layout::streams(&storage, &given)?.iter().map(|stream| summary(stream, None)).collect()))
            .await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        self.with_stream(stream, |_, stream, columns| {
            Ok(StreamSchema {
                summary: summary(stream, survey::estimate_rows(stream)?),
                columns,
                primary_key: Vec::new(),
            })
        })
        .await
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let name = column.to_owned();
        self.with_stream(stream, move |csv, stream, columns| {
            let wanted = wanted(&columns, std::slice::from_ref(&name))?;
            let mut profile = CursorProfile {
                column: name,
                rows: 0,
                sampled: false,
                nulls: 0,
                distinct: None,
                indexed: false,
                minimum: None,
                maximum: None,
            };
            let mut seen: HashSet<String> = HashSet::new();
            let mut ends: Option<(ArrayRef, ArrayRef)> = None;
            profile.sampled = visit(csv, stream, &columns, &wanted, &mut |batch| {
                let values = batch.column(0);
                profile.rows += values.len() as u64;
                profile.nulls += values.null_count() as u64;
                each_text(values, |text| {
                    seen.insert(text);
                })?;
                let (low, high) = (extreme(values, false)?, extreme(values, true)?);
                ends = Some(match ends.take() {
                    Some((least, most)) => {
                        (extreme(&join(&least, &low)?, false)?, extreme(&join(&most, &high)?, true)?)
                    }
                    None => (low, high),
                });
                Ok(profile.rows < PROFILE_ROWS)
            })?;
            profile.distinct = Some(seen.len() as u64);
            if let (Some((least, most)), Some(column)) = (ends, wanted.first()) {
                profile.minimum = shown(&least, column);
                profile.maximum = shown(&most, column);
            }
            Ok(profile)
        })
        .await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let names = columns.to_vec();
        self.with_stream(stream, move |csv, stream, all| {
            let wanted = wanted(&all, &names)?;
            let mut profile =
                KeyProfile { columns: names, rows: 0, sampled: false, nulls: 0, duplicates: 0, enforced: false };
            let mut seen: HashSet<String> = HashSet::new();
            profile.sampled = visit(csv, stream, &all, &wanted, &mut |batch| {
                for row in 0..batch.num_rows() {
                    let mut key = String::new();
                    for (values, column) in batch.columns().iter().zip(&wanted) {
                        if !matches!(render::text(values.as_ref(), row, &column.data_type.logical, &mut key), Ok(true))
                        {
                            profile.nulls += u64::from(values.is_null(row));
                        }
                        key.push('\u{1f}');
                    }
                    profile.duplicates += u64::from(!seen.insert(key));
                }
                profile.rows += batch.num_rows() as u64;
                Ok(profile.rows < PROFILE_ROWS)
            })?;
            Ok(profile)
        })
        .await
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        Ok(CdcReadiness {
            ready: false,
            reason: Some("files keep no log of their changes".to_owned()),
            retained_log: None,
        })
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        if request.mode == ReadMode::Cdc {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "Files keep no log of their changes; read them in full or incrementally.",
            ));
        }
        let (stream, columns) =
            self.with_stream(&request.stream, |_, stream, columns| Ok((stream.clone(), columns))).await?;
        let mut needed = request.columns.clone();
        let extra = request
            .filter
            .iter()
            .flat_map(|filter| filter.columns().into_iter().map(str::to_owned).collect::<Vec<_>>());
        for name in extra.chain(cursor_of(&request).map(str::to_owned)) {
            if !needed.contains(&name) {
                needed.push(name);
            }
        }
        let work =
            Work { wanted: wanted(&columns, &needed)?, known: columns, stream, request, csv: Arc::clone(&self.csv) };
        let (sender, receiver) = mpsc::channel(2);
        // The reader ends by itself when the receiving side is dropped: its next send fails.
        drop(tasks::spawn_blocking("read_files", move || {
            if let Err(Halt::Failed(error)) = work.run(&sender) {
                let _ = sender.blocking_send(Err(error));
            }
        }));
        Ok(ReceiverStream::new(receiver).boxed())
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let filter = filter.cloned();
        self.with_stream(stream, move |csv, stream, columns| {
            let names: Vec<String> = filter
                .iter()
                .flat_map(|filter| filter.columns().into_iter().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            let wanted = wanted(&columns, &names)?;
            let mut rows = 0;
            visit(csv, stream, &columns, &wanted, &mut |batch| {
                rows += passing(batch, filter.as_ref())?.num_rows() as u64;
                Ok(true)
            })?;
            Ok(rows)
        })
        .await
    }

    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError> {
        self.with_stream(stream, move |csv, stream, columns| {
            let mut batches = Vec::new();
            let mut rows = 0;
            visit(csv, stream, &columns, &columns, &mut |batch| {
                let taken = batch.num_rows().min(limit - rows);
                rows += taken;
                batches.push(batch.slice(0, taken));
                Ok(rows < limit)
            })?;
            concat_batches(&crate::connectors::schema::arrow_schema(&columns), &batches).map_err(bug)
        })
        .await
    }
}

fn summary(stream: &FileStream, rows: Option<u64>) -> StreamSummary {
    StreamSummary {
        stream: stream.stream.clone(),
        namespace: stream.namespace.clone(),
        name: stream.name.clone(),
        rows,
        bytes: Some(stream.files.iter().map(|file| file.bytes).sum()),
        comment: None,
        readable: true,
    }
}

fn wanted(columns: &[Column], names: &[String]) -> Result<Vec<Column>, ConnectorError> {
    let find = |name: &String| {
        columns
            .iter()
            .find(|column| column.name == *name)
            .cloned()
            .ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("The files have no column `{name}`.")))
    };
    names.iter().map(find).collect()
}

fn cursor_of(request: &ReadRequest) -> Option<&str> {
    match &request.mode {
        ReadMode::Incremental { cursor, .. } => Some(cursor),
        ReadMode::Full | ReadMode::Cdc => None,
    }
}

pub(super) fn bug(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A batch of file rows could not be put together.").because(error)
}

/// Shows every batch until `each` has enough; answers whether something was left unseen. Rejected rows are for readers.
fn visit(
    csv: &CsvConfig,
    stream: &FileStream,
    known: &[Column],
    columns: &[Column],
    each: &mut dyn FnMut(&RecordBatch) -> Result<bool, ConnectorError>,
) -> Result<bool, ConnectorError> {
    let reading = Reading { stream, known, columns, csv, limits: PROBE };
    let outcome = scan::scan(&reading, &mut |found| match found {
        Found::Batch(batch) if !each(&batch)? => Err(Halt::Enough),
        Found::Batch(_) | Found::Rejected(_) => Ok(()),
    });
    match outcome {
        Ok(()) => Ok(false),
        Err(Halt::Enough) => Ok(true),
        Err(Halt::Failed(error)) => Err(error),
    }
}

fn each_text(values: &ArrayRef, mut see: impl FnMut(String)) -> Result<(), ConnectorError> {
    let formatter = ArrayFormatter::try_new(values.as_ref(), &FormatOptions::default()).map_err(bug)?;
    for row in (0..values.len()).filter(|row| !values.is_null(*row)) {
        see(formatter.value(row).try_to_string().map_err(bug)?);
    }
    Ok(())
}

/// The least or the greatest value, as an array of at most one.
pub(super) fn extreme(values: &ArrayRef, greatest: bool) -> Result<ArrayRef, ConnectorError> {
    let options = SortOptions { descending: greatest, nulls_first: false };
    let first = sort_to_indices(values, Some(options), Some(1)).map_err(bug)?;
    let value = take(values, &first, None).map_err(bug)?;
    Ok(if value.null_count() > 0 { value.slice(0, 0) } else { value })
}

pub(super) fn join(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ConnectorError> {
    concat(&[left.as_ref(), right.as_ref()]).map_err(bug)
}

pub(super) fn shown(value: &ArrayRef, column: &Column) -> Option<String> {
    let mut text = String::new();
    (!value.is_empty() && render::text(value.as_ref(), 0, &column.data_type.logical, &mut text).ok()?).then_some(text)
}

pub(super) fn passing(batch: &RecordBatch, filter: Option<&Filter>) -> Result<RecordBatch, ConnectorError> {
    match filter {
        Some(filter) => filter_record_batch(batch, &evaluate(filter, batch)?).map_err(bug),
        None => Ok(batch.clone()),
    }
}
