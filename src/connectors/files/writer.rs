//! Writing one target's folder. Rows go to part files with pending names; a commit makes them durable, then known, then
//! visible. A replacement grows in a staging folder and is exchanged for the old one in one step.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, Schema, TimeUnit};
use async_trait::async_trait;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

use super::compression::{PackedFile, ending, of_io};
use super::folder::{self, PENDING_PREFIX, SCHEMA_FILE};
use super::lines::{reject, text_rows};
use super::source::blocking;
use super::state::{self, Entry, State};
use super::{Format, WriteConfig, csv, encodings, infinity};
use crate::connectors::{
    Batch, Column, Commit, Committed, ConnectorError, Epoch, ErrorKind, RejectedRow, WriteMode, WriteRequest, Writer,
};

/// Bytes of a Parquet row group that are held before they are written out.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// The writer that the runner holds; the work is done on the blocking pool.
pub(super) struct FileWriter {
    /// Absent while a call is under way, and for good when a call was abandoned half-way.
    inner: Option<Inner>,
}

impl FileWriter {
    pub(super) async fn open(
        root: PathBuf,
        config: WriteConfig,
        request: WriteRequest,
    ) -> Result<Self, ConnectorError> {
        let inner = blocking(move || Inner::open(&root, config, request)).await?;
        Ok(Self { inner: Some(inner) })
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Inner) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let mut inner = self.inner.take().ok_or_else(|| {
            ConnectorError::new(ErrorKind::Bug, "A writer was used after one of its calls was abandoned.")
        })?;
        let (inner, answer) = blocking(move || {
            let answer = work(&mut inner);
            Ok((inner, answer))
        })
        .await?;
        self.inner = Some(inner);
        answer
    }
}

#[async_trait]
impl Writer for FileWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        self.with(|inner| Ok(inner.committed.clone())).await
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        if batch.changes.is_some() {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "Files cannot take changes; they can be replaced or appended to.",
            ));
        }
        self.with(move |inner| inner.write(&batch.records)).await
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        self.with(move |inner| inner.commit(&commit)).await
    }
}

struct Inner {
    request: WriteRequest,
    config: WriteConfig,
    columns: Vec<Column>,
    /// The folder that people read.
    target: PathBuf,
    /// The folder that is written to: the target itself, or the staging folder of a replacement.
    folder: PathBuf,
    committed: Option<Committed>,
    part: Option<Part>,
    /// Pending and final names of this epoch's finished parts.
    parts: Vec<(String, String)>,
    rows: u64,
    epoch_rows: u64,
    batches: u64,
    /// Held as long as the writer lives: two writers on one folder would lose each other's commits.
    _lock: File,
}

/// A part file being written.
struct Part {
    output: Output,
    names: (String, String),
    rows: u64,
}

enum Output {
    Parquet(Box<ArrowWriter<File>>),
    Text(Box<PackedFile>),
}

impl Inner {
    fn open(root: &Path, config: WriteConfig, request: WriteRequest) -> Result<Self, ConnectorError> {
        if matches!(request.mode, WriteMode::Merge { .. }) {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "Files cannot be merged into by key; replace them or append to them.",
            ));
        }
        let target = folder::of_target(root, &request.target)?;
        let parent = target.parent().unwrap_or(root).to_owned();
        std::fs::create_dir_all(&parent).map_err(|error| of_io(&parent, error))?;
        let lock = lock(&parent, &target)?;
        let mut committed = recover(&target, &request.state_key)?;
        let columns: Vec<Column> = request.columns.iter().map(|column| column.column.clone()).collect();
        let folder = if request.mode == WriteMode::Replace {
            folder::staging(&target, &request.state_key)
        } else {
            target.clone()
        };
        if request.mode == WriteMode::Replace && folder.exists() {
            // What this run staged before it was killed stands; what another run left is cleared.
            match recover(&folder, &request.state_key)?.filter(|staged| staged.run == request.run) {
                Some(staged) => committed = Some(staged),
                None => std::fs::remove_dir_all(&folder).map_err(|error| of_io(&folder, error))?,
            }
        }
        std::fs::create_dir_all(&folder).map_err(|error| of_io(&folder, error))?;
        let known = folder::read_schema(&folder)?.unwrap_or_default();
        write_schema(&folder, known, &columns, &request)?;
        let rows =
            committed.as_ref().filter(|committed| committed.run == request.run).map_or(0, |committed| committed.rows);
        Ok(Self {
            request,
            config,
            columns,
            target,
            folder,
            committed,
            part: None,
            parts: Vec::new(),
            rows,
            epoch_rows: 0,
            batches: 0,
            _lock: lock,
        })
    }

    fn write(&mut self, records: &RecordBatch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.batches += 1;
        let mut rejected = Vec::new();
        let records = match self.config.format {
            Format::Parquet => self.without_infinities(records, &mut rejected)?,
            Format::Csv | Format::Jsonl => records.clone(),
        };
        let mut from = 0;
        while from < records.num_rows() {
            if self.part.as_ref().is_some_and(|part| part.rows >= self.config.rows_per_file.max(1)) {
                self.finish_part()?;
            }
            let mut part = match self.part.take() {
                Some(part) => part,
                None => self.new_part(&records)?,
            };
            let room = usize::try_from(self.config.rows_per_file.max(1) - part.rows).unwrap_or(usize::MAX);
            let slice = records.slice(from, room.min(records.num_rows() - from));
            from += slice.num_rows();
            let outcome = self.write_part(&mut part, &slice, &mut rejected);
            self.part = Some(part);
            outcome?;
        }
        Ok(rejected)
    }

    fn write_part(
        &mut self,
        part: &mut Part,
        records: &RecordBatch,
        rejected: &mut Vec<RejectedRow>,
    ) -> Result<(), ConnectorError> {
        let path = self.folder.join(&part.names.0);
        let written = match &mut part.output {
            Output::Parquet(writer) => {
                writer.write(&storable(records)?).map_err(|error| of_parquet(&path, error))?;
                if writer.in_progress_size() > ROW_GROUP_BYTES {
                    writer.flush().map_err(|error| of_parquet(&path, error))?;
                }
                records.num_rows() as u64
            }
            Output::Text(file) => {
                let (bytes, written) = text_rows(self.config.format, records, &self.columns, self.batches, rejected);
                file.write_all(&bytes).map_err(|error| of_io(&path, error))?;
                written
            }
        };
        part.rows += written;
        self.epoch_rows += written;
        Ok(())
    }

    fn new_part(&mut self, records: &RecordBatch) -> Result<Part, ConnectorError> {
        let epoch = self.next_epoch().0;
        let ending = ending(self.config.format, self.config.compression);
        let key = folder::short_digest(&self.request.state_key);
        let name = format!("part-{}-{key}-{epoch:06}-{:04}.{ending}", self.request.run, self.parts.len());
        let pending = format!("{PENDING_PREFIX}{name}");
        let path = self.folder.join(&pending);
        let output = match self.config.format {
            Format::Parquet => {
                let first = storable(records)?;
                let file = File::create(&path).map_err(|error| of_io(&path, error))?;
                let writer = ArrowWriter::try_new(file, first.schema(), Some(encodings::properties(&first)));
                Output::Parquet(Box::new(writer.map_err(|error| of_parquet(&path, error))?))
            }
            Format::Csv | Format::Jsonl => {
                let mut file =
                    PackedFile::create(&path, self.config.compression).map_err(|error| of_io(&path, error))?;
                if self.config.format == Format::Csv {
                    let mut header = Vec::new();
                    for (index, column) in self.columns.iter().enumerate() {
                        if index > 0 {
                            header.push(b',');
                        }
                        csv::write_field(&mut header, Some(&column.name));
                    }
                    header.push(b'\n');
                    file.write_all(&header).map_err(|error| of_io(&path, error))?;
                }
                Output::Text(Box::new(file))
            }
        };
        Ok(Part { output, names: (pending, name), rows: 0 })
    }

    /// Closes the open part and waits until the disk has it.
    fn finish_part(&mut self) -> Result<(), ConnectorError> {
        let Some(part) = self.part.take() else { return Ok(()) };
        let path = self.folder.join(&part.names.0);
        match part.output {
            Output::Parquet(writer) => {
                let file = writer.into_inner().map_err(|error| of_parquet(&path, error))?;
                file.sync_all().map_err(|error| of_io(&path, error))?;
            }
            Output::Text(file) => file.finish().map_err(|error| of_io(&path, error))?,
        }
        self.parts.push(part.names);
        Ok(())
    }

    fn next_epoch(&self) -> Epoch {
        let last = self
            .committed
            .as_ref()
            .filter(|committed| committed.run == self.request.run)
            .map_or(0, |committed| committed.epoch.0);
        Epoch(last + 1)
    }

    fn commit(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        if let Some(committed) = self
            .committed
            .clone()
            .filter(|committed| committed.run == self.request.run && committed.epoch >= commit.epoch)
        {
            self.drop_epoch()?;
            return Ok(committed);
        }
        self.finish_part()?;
        let committed = Committed {
            run: self.request.run.clone(),
            epoch: commit.epoch,
            checkpoint: commit.checkpoint.clone(),
            last: commit.last,
            rows: self.rows + self.epoch_rows,
        };
        // A staged epoch is as durable as any other; only the exchange makes a replacement visible.
        let keep_others = self.request.mode != WriteMode::Replace;
        self.publish(&self.folder.clone(), committed.clone(), keep_others)?;
        if self.request.mode == WriteMode::Replace && commit.last {
            self.exchange()?;
        }
        self.rows = committed.rows;
        self.epoch_rows = 0;
        self.parts.clear();
        self.committed = Some(committed.clone());
        Ok(committed)
    }

    /// Makes the epoch's parts known (the commit), then gives them their final names. `keep_others`: other state keys' entries stay.
    fn publish(&self, folder: &Path, committed: Committed, keep_others: bool) -> Result<(), ConnectorError> {
        let mut state = if keep_others { State::load(folder)? } else { State::default() };
        state.entries.insert(self.request.state_key.clone(), Entry { committed, files: self.parts.clone() });
        state.store(folder)?;
        state.settle(folder)
    }

    /// Swaps the staging folder in for the target in one step, then removes what stood there.
    fn exchange(&mut self) -> Result<(), ConnectorError> {
        let parent = self.target.parent().unwrap_or(Path::new(".")).to_owned();
        if self.target.exists() {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(rustix::fs::CWD, &self.folder, rustix::fs::CWD, &self.target, flags)
                .map_err(|error| of_io(&self.target, error.into()))?;
            folder::sync(&parent)?;
            std::fs::remove_dir_all(&self.folder).map_err(|error| of_io(&self.folder, error))?;
        } else {
            std::fs::rename(&self.folder, &self.target).map_err(|error| of_io(&self.target, error))?;
        }
        self.folder = self.target.clone();
        folder::sync(&parent)
    }

    fn drop_epoch(&mut self) -> Result<(), ConnectorError> {
        let open = self.part.take().map(|part| part.names);
        let finished =
            if self.request.mode == WriteMode::Replace { Vec::new() } else { std::mem::take(&mut self.parts) };
        for (pending, _) in finished.into_iter().chain(open) {
            let path = self.folder.join(pending);
            std::fs::remove_file(&path).map_err(|error| of_io(&path, error))?;
        }
        self.epoch_rows = 0;
        Ok(())
    }

    /// In seconds and milliseconds readers count on from infinity and overflow. Such rows come back.
    fn without_infinities(
        &self,
        records: &RecordBatch,
        rejected: &mut Vec<RejectedRow>,
    ) -> Result<RecordBatch, ConnectorError> {
        let mut keep = vec![true; records.num_rows()];
        for (values, column) in records.columns().iter().zip(&self.columns) {
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
                    rejected.push(reject(records, row, &self.columns, self.batches, "value_out_of_range", reason));
                }
            }
        }
        if keep.iter().all(|kept| *kept) {
            Ok(records.clone())
        } else {
            filter_record_batch(records, &BooleanArray::from(keep)).map_err(bug)
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What was not committed is abandoned; should this fail, the next writer sweeps it away.
        let open = self.part.take().map(|part| part.names);
        for (pending, _) in std::mem::take(&mut self.parts).into_iter().chain(open) {
            let _ = std::fs::remove_file(self.folder.join(pending));
        }
    }
}

/// Finishes what a folder's last commit began, clears what was never committed, and answers what stands.
fn recover(folder: &Path, state_key: &str) -> Result<Option<Committed>, ConnectorError> {
    if !folder.exists() {
        return Ok(None);
    }
    let state = State::load(folder)?;
    state.settle(folder)?;
    state::sweep(folder)?;
    Ok(state.entries.get(state_key).map(|entry| entry.committed.clone()))
}

fn lock(parent: &Path, target: &Path) -> Result<File, ConnectorError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = parent.join(format!("_towpath_lock_{name}"));
    let file = File::create(&path).map_err(|error| of_io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ConnectorError::new(
            ErrorKind::Unreachable,
            format!("Another run is writing to `{}`.", target.display()),
        )
        .advise("Wait until it ends, or cancel it.")),
        Err(std::fs::TryLockError::Error(error)) => Err(of_io(&path, error)),
    }
}

/// Adds new columns to the folder's schema. A column whose type has changed would make old files unreadable.
fn write_schema(
    folder: &Path,
    mut known: Vec<Column>,
    columns: &[Column],
    request: &WriteRequest,
) -> Result<(), ConnectorError> {
    let before = known.len();
    let fresh = known.is_empty();
    for column in columns {
        match known.iter().find(|seen| seen.name == column.name) {
            None => known.push(column.clone()),
            Some(seen) if seen.data_type.logical == column.data_type.logical => {}
            Some(seen) => {
                return Err(ConnectorError::new(
                    ErrorKind::BadData,
                    format!(
                        "Column `{}` of `{}` was written as `{}` and would now be `{}`.",
                        column.name, request.target, seen.data_type.spelled, column.data_type.spelled
                    ),
                )
                .advise("Cast the column to the type that stands there, or replace the target."));
            }
        }
    }
    if fresh || known.len() > before {
        let bytes = serde_json::to_vec_pretty(&known)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A schema cannot be written.").because(error))?;
        folder::write_whole(&folder.join(SCHEMA_FILE), &bytes)?;
    }
    Ok(())
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

fn of_parquet(path: &Path, error: parquet::errors::ParquetError) -> ConnectorError {
    let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match io.map(std::io::Error::kind) {
        Some(kind) => of_io(path, std::io::Error::new(kind, error)),
        None => ConnectorError::new(ErrorKind::Bug, format!("`{}` cannot be written as Parquet.", path.display()))
            .because(error),
    }
}
