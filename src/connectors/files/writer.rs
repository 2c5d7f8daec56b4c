//! Writing one target's folder. Rows go to part files with pending names; a commit makes them durable, then known, then
//! visible. A replacement grows in a staging folder and is exchanged for the old one in one step.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use async_trait::async_trait;

use super::compression::{ending, of_io};
use super::folder::{self, PENDING_PREFIX, SCHEMA_FILE};
use super::part::{self, Rows};
use super::source::blocking;
use super::state::{self, Entry, State};
use super::{WriteConfig, part::Part};
use crate::connectors::{
    Batch, Column, Commit, Committed, ConnectorError, Epoch, ErrorKind, RejectedRow, WriteMode, WriteRequest, Writer,
};

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
    part: Option<Open>,
    /// Pending and final names of this epoch's finished parts.
    parts: Vec<(String, String)>,
    rows: u64,
    epoch_rows: u64,
    batches: u64,
    /// Held as long as the writer lives: two writers on one folder would lose each other's commits.
    _lock: File,
}

/// A part file being written.
struct Open {
    part: Part<File>,
    names: (String, String),
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
        let rows = Rows { columns: &self.columns, batch: self.batches };
        let records = part::holdable(self.config.format, records, &rows, &mut rejected)?;
        let limit = self.config.rows_per_file.max(1);
        let mut from = 0;
        while from < records.num_rows() {
            if self.part.as_ref().is_some_and(|open| open.part.rows >= limit) {
                self.finish_part()?;
            }
            let mut open = match self.part.take() {
                Some(open) => open,
                None => self.new_part(&records)?,
            };
            let room = usize::try_from(limit - open.part.rows).unwrap_or(usize::MAX);
            let slice = records.slice(from, room.min(records.num_rows() - from));
            from += slice.num_rows();
            let rows = Rows { columns: &self.columns, batch: self.batches };
            let written = open.part.write(&slice, &rows, &mut rejected);
            self.part = Some(open);
            self.epoch_rows += written?;
        }
        Ok(rejected)
    }

    fn new_part(&mut self, records: &RecordBatch) -> Result<Open, ConnectorError> {
        let epoch = self.next_epoch().0;
        let ending = ending(self.config.format, self.config.compression);
        let key = folder::short_digest(&self.request.state_key);
        let name = format!("part-{}-{key}-{epoch:06}-{:04}.{ending}", self.request.run, self.parts.len());
        let pending = format!("{PENDING_PREFIX}{name}");
        let path = self.folder.join(&pending);
        let file = File::create(&path).map_err(|error| of_io(&path, error))?;
        let part = Part::begin(file, path.display().to_string(), &self.config, &self.columns, records)?;
        Ok(Open { part, names: (pending, name) })
    }

    /// Closes the open part and waits until the disk has it.
    fn finish_part(&mut self) -> Result<(), ConnectorError> {
        let Some(open) = self.part.take() else { return Ok(()) };
        let path = self.folder.join(&open.names.0);
        open.part.finish()?.sync_all().map_err(|error| of_io(&path, error))?;
        self.parts.push(open.names);
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
        let open = self.part.take().map(|open| open.names);
        for (pending, _) in std::mem::take(&mut self.parts).into_iter().chain(open) {
            let path = self.folder.join(pending);
            std::fs::remove_file(&path).map_err(|error| of_io(&path, error))?;
        }
        self.epoch_rows = 0;
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What was not committed is abandoned; should this fail, the next writer sweeps it away.
        let open = self.part.take().map(|open| open.names);
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

/// Adds new columns to the folder's schema.
fn write_schema(
    folder: &Path,
    known: Vec<Column>,
    columns: &[Column],
    request: &WriteRequest,
) -> Result<(), ConnectorError> {
    let before = known.len();
    let known = part::widened(known, columns, &request.target.to_string())?;
    if before == 0 || known.len() > before {
        let bytes = serde_json::to_vec_pretty(&known)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A schema cannot be written.").because(error))?;
        folder::write_whole(&folder.join(SCHEMA_FILE), &bytes)?;
    }
    Ok(())
}
