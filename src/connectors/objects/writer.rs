//! Writing one target's objects. Rows go to uploads that nobody can see; a commit names them in the folder's state, and
//! then completes them.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::bucket::Bucket;
use super::recover::{MANIFEST_PARTS, Target, overtaken};
use super::sink::{PARTS_LIMIT, Sink};
use super::state::{Entry, Part, Staged, State, below};
use crate::clock::Clock;
use crate::connectors::files::WriteConfig;
use crate::connectors::files::compression::ending;
use crate::connectors::files::fetch::wait;
use crate::connectors::files::folder::{self, short_digest};
use crate::connectors::files::part::{self, Rows};
use crate::connectors::files::source::blocking;
use crate::connectors::files::storage::Failure;
use crate::connectors::{
    Batch, Column, Commit, Committed, ConnectorError, ErrorKind, RejectedRow, WriteMode, WriteRequest, Writer,
};
use crate::tasks;

/// The writer that the runner holds; the work is done on the blocking pool.
pub(super) struct ObjectWriter {
    /// Absent while a call is under way, and for good when a call was abandoned half-way.
    inner: Option<Inner>,
}

impl ObjectWriter {
    pub(super) async fn open(
        bucket: Bucket,
        config: WriteConfig,
        request: WriteRequest,
    ) -> Result<Self, ConnectorError> {
        let inner = Inner::open(bucket, config, request).await?;
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
impl Writer for ObjectWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        self.with(|inner| Ok(inner.committed.clone())).await
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        if batch.changes.is_some() {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "Objects cannot take changes; they can be replaced or appended to.",
            ));
        }
        self.with(move |inner| inner.write(&batch.records)).await
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        self.with(move |inner| {
            if inner.done(&commit).is_none() {
                inner.finish_part()?;
            }
            wait(inner.commit(&commit))
        })
        .await
    }
}

struct Inner {
    target: Target,
    request: WriteRequest,
    config: WriteConfig,
    columns: Vec<Column>,
    /// Of the run's parts, below the target: `2026/01/31`.
    day: String,
    committed: Option<Committed>,
    part: Option<Open>,
    /// This epoch's finished parts.
    parts: Vec<Part>,
    /// Uploads begun since the last commit, by their objects, as they are noted in the bucket.
    begun: Vec<(String, String)>,
    rows: u64,
    epoch_rows: u64,
    batches: u64,
}

/// A part being written.
struct Open {
    part: part::Part<Sink>,
    /// Below the target.
    path: String,
    failure: Failure,
}

impl Inner {
    async fn open(bucket: Bucket, config: WriteConfig, request: WriteRequest) -> Result<Self, ConnectorError> {
        if matches!(request.mode, WriteMode::Merge { .. }) {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                "Objects cannot be merged into by key; replace them or append to them.",
            ));
        }
        let folder = folder::below(&request.target)?;
        let mut target = Target::load(&bucket, &folder).await?;
        target.settle().await?;
        let key = request.state_key.clone();
        // What an earlier run committed and could not tell of.
        if target
            .state
            .entries
            .get(&key)
            .is_some_and(|entry| entry.committed.last || entry.committed.run != request.run)
        {
            target.fold(&key).await?;
        }
        let replaces = request.mode == WriteMode::Replace;
        let staged = target.state.staged.get(&key).cloned();
        let foreign = staged.filter(|staged| !replaces || staged.entry.committed.run != request.run);
        if let Some(foreign) = foreign {
            // What another run staged is cleared.
            target.change(|state| Ok(without_staged(state, &key))).await?;
            target.abort(uploads_of(&target, &foreign.entry)).await?;
        }
        let staged = target.state.staged.get(&key).map(|staged| &staged.entry);
        let committed = staged.or(target.state.entries.get(&key)).map(|entry| entry.committed.clone());
        let rows =
            committed.as_ref().filter(|committed| committed.run == request.run).map_or(0, |committed| committed.rows);
        let columns: Vec<Column> = request.columns.iter().map(|column| column.column.clone()).collect();
        if !replaces {
            part::widened(target.state.columns.clone(), &columns, &request.target.to_string())?;
        }
        let day = began(&request.run).format("%Y/%m/%d").to_string();
        let mut inner = Self {
            target,
            request,
            config,
            columns,
            day,
            committed,
            part: None,
            parts: Vec::new(),
            begun: Vec::new(),
            rows,
            epoch_rows: 0,
            batches: 0,
        };
        inner.abort_abandoned().await?;
        Ok(inner)
    }

    /// Where the uploads are noted that are under way, so that the next writer of this state key can give them up.
    fn note(&self) -> String {
        below(&self.target.folder, &format!("_towpath_uploads_{}.json", short_digest(&self.request.state_key)))
    }

    async fn abort_abandoned(&mut self) -> Result<(), ConnectorError> {
        let note = self.note();
        let Some(found) = self.target.bucket.small(&note).await? else { return Ok(()) };
        let noted: Vec<(String, String)> = serde_json::from_slice(&found.bytes).unwrap_or_default();
        let kept: Vec<&str> = self
            .target
            .state
            .staged
            .values()
            .flat_map(|staged| &staged.entry.files)
            .filter_map(|part| part.upload.as_ref().map(|upload| upload.id.as_str()))
            .collect();
        let abandoned: Vec<(String, String)> =
            noted.iter().filter(|(_, id)| !kept.contains(&id.as_str())).cloned().collect();
        self.target.abort(abandoned).await?;
        self.target.bucket.delete(&[note]).await
    }

    fn write(&mut self, records: &RecordBatch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.batches += 1;
        let mut rejected = Vec::new();
        let rows = Rows { columns: &self.columns, batch: self.batches };
        let records = part::holdable(self.config.format, records, &rows, &mut rejected)?;
        let limit = self.config.rows_per_file.max(1);
        let mut from = 0;
        while from < records.num_rows() {
            if self.part.as_ref().is_some_and(|open| open.part.rows >= limit || open.part.sink().parts() >= PARTS_LIMIT)
            {
                self.finish_part()?;
            }
            let mut open = match self.part.take() {
                Some(open) => open,
                None => wait(self.new_part(&records))?,
            };
            let room = usize::try_from(limit.saturating_sub(open.part.rows)).unwrap_or(usize::MAX).max(1);
            let slice = records.slice(from, room.min(records.num_rows() - from));
            from += slice.num_rows();
            let rows = Rows { columns: &self.columns, batch: self.batches };
            let written = open.part.write(&slice, &rows, &mut rejected);
            let failure = open.failure.clone();
            self.part = Some(open);
            self.epoch_rows += written.map_err(|error| failure.take().unwrap_or(error))?;
        }
        Ok(rejected)
    }

    async fn new_part(&mut self, records: &RecordBatch) -> Result<Open, ConnectorError> {
        let epoch = self.next_epoch();
        let ending = ending(self.config.format, self.config.compression);
        let key = short_digest(&self.request.state_key);
        let number = self.parts.len();
        let path = format!("{}/part-{}-{key}-{epoch:06}-{number:04}.{ending}", self.day, self.request.run);
        let object = below(&self.target.folder, &path);
        let sink = Sink::begin(&self.target.bucket, object.clone()).await?;
        if !sink.id().is_empty() {
            self.begun.push((object.clone(), sink.id().to_owned()));
            let noted = serde_json::to_vec(&self.begun)
                .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A note cannot be written.").because(error))?;
            self.target.bucket.put(&self.note(), noted).await?;
        }
        let failure = sink.failure();
        let shown = self.target.bucket.shown_object(&object);
        let part = part::Part::begin(sink, shown, &self.config, &self.columns, records)?;
        Ok(Open { part, path, failure })
    }

    /// Closes the open part and waits until the service has it.
    fn finish_part(&mut self) -> Result<(), ConnectorError> {
        let Some(open) = self.part.take() else { return Ok(()) };
        let rows = open.part.rows;
        let sink = open.part.finish().map_err(|error| open.failure.take().unwrap_or(error))?;
        let (upload, bytes) = sink.finish()?;
        self.parts.push(Part { path: open.path, rows, bytes, upload: Some(upload) });
        Ok(())
    }

    fn next_epoch(&self) -> u64 {
        let run = self.committed.as_ref().filter(|committed| committed.run == self.request.run);
        run.map_or(0, |committed| committed.epoch.0) + 1
    }

    /// What was committed, when that is this epoch or a later one.
    fn done(&self, commit: &Commit) -> Option<Committed> {
        self.committed.clone().filter(|done| done.run == self.request.run && done.epoch >= commit.epoch)
    }

    /// Commits the parts that are finished.
    async fn commit(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        if let Some(done) = self.done(commit) {
            self.drop_epoch().await?;
            return Ok(done);
        }
        let committed = Committed {
            run: self.request.run.clone(),
            epoch: commit.epoch,
            checkpoint: commit.checkpoint.clone(),
            last: commit.last,
            rows: self.rows + self.epoch_rows,
        };
        self.publish(&committed).await?;
        if self.request.mode == WriteMode::Replace {
            // A staged epoch is as durable as any other; only the swap makes a replacement visible.
            self.target.settle().await?;
        } else {
            self.target.complete(&self.parts).await?;
        }
        let key = self.request.state_key.clone();
        let many = self.target.state.entries.get(&key).is_some_and(|entry| entry.files.len() >= MANIFEST_PARTS);
        if commit.last || many {
            self.target.fold(&key).await?;
        }
        if commit.last && !self.begun.is_empty() {
            self.target.bucket.delete(&[self.note()]).await?;
            self.begun.clear();
        }
        self.rows = committed.rows;
        self.epoch_rows = 0;
        self.parts.clear();
        self.committed = Some(committed.clone());
        Ok(committed)
    }

    /// The commit itself: the state that names the epoch's parts takes the place of the one that was seen.
    async fn publish(&mut self, committed: &Committed) -> Result<(), ConnectorError> {
        let (key, run) = (self.request.state_key.clone(), self.request.run.clone());
        let (before, parts, columns) = (self.committed.clone(), self.parts.clone(), self.columns.clone());
        let replaces = self.request.mode == WriteMode::Replace;
        let (shown, name) = (self.target.shown(), self.request.target.to_string());
        self.target
            .change(|state| {
                let staged = state.staged.get(&key).filter(|_| replaces).map(|staged| &staged.entry);
                let entry = staged.or(state.entries.get(&key));
                if entry.map(|entry| &entry.committed) != before.as_ref() {
                    // Another process has taken this pipeline over.
                    return Err(overtaken(&shown));
                }
                let mut next = state.clone();
                let mine = if replaces { staged } else { entry };
                let mine = mine.filter(|entry| entry.committed.run == run);
                let mut files = mine.map_or_else(Vec::new, |entry| entry.files.clone());
                if !replaces {
                    // What earlier epochs committed was completed then.
                    for part in &mut files {
                        part.upload = None;
                    }
                }
                files.extend(parts.iter().cloned());
                let manifests = mine.map_or(0, |entry| entry.manifests);
                let entry = Entry { committed: committed.clone(), files, manifests };
                if replaces {
                    next.staged.insert(key.clone(), Staged { columns: columns.clone(), entry });
                    next.swap = committed.last.then(|| key.clone());
                } else {
                    next.columns = part::widened(next.columns, &columns, &name)?;
                    next.entries.insert(key.clone(), entry);
                }
                Ok(Some(next))
            })
            .await
    }

    /// Gives up what was written for an epoch that is committed already.
    async fn drop_epoch(&mut self) -> Result<(), ConnectorError> {
        let uploads = self.uncommitted();
        self.target.abort(uploads).await?;
        self.epoch_rows = 0;
        Ok(())
    }

    /// Takes what was begun since the last commit.
    fn uncommitted(&mut self) -> Vec<(String, String)> {
        let open = self.part.take().map(|open| open.path);
        let finished = std::mem::take(&mut self.parts).into_iter().map(|part| part.path);
        let objects: Vec<String> = finished.chain(open).map(|path| below(&self.target.folder, &path)).collect();
        // Of an object that was begun anew in the same epoch, all its uploads.
        let (gone, kept) =
            std::mem::take(&mut self.begun).into_iter().partition(|(object, _)| objects.contains(object));
        self.begun = kept;
        gone
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let uploads = self.uncommitted();
        if uploads.is_empty() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let target = Target::abandoned(&self.target);
        // Should this fail, the next writer of the state key does it.
        drop(tasks::spawn("abort_uploads", async move {
            let _ = target.abort(uploads).await;
        }));
    }
}

fn without_staged(state: &State, key: &str) -> Option<State> {
    let mut next = state.clone();
    next.staged.remove(key)?;
    next.swap = next.swap.filter(|swap| swap != key);
    Some(next)
}

fn uploads_of(target: &Target, entry: &Entry) -> Vec<(String, String)> {
    let uploads = entry.files.iter().filter_map(|part| Some((part, part.upload.as_ref()?)));
    uploads.map(|(part, upload)| (below(&target.folder, &part.path), upload.id.clone())).collect()
}

/// When a run began. Its name tells, so that a run that is resumed on another day keeps its folder.
fn began(run: &str) -> DateTime<Utc> {
    let named = uuid::Uuid::parse_str(run).ok().and_then(|run| run.get_timestamp());
    let seconds = named.and_then(|stamp| i64::try_from(stamp.to_unix().0).ok());
    seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or_else(|| Clock::System.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_the_day_on_which_it_began() {
        assert_eq!(began("0190a6d7-3c00-7000-8000-000000000000").format("%Y/%m/%d").to_string(), "2024/07/12");
        assert!(began("run-1").timestamp() > 1_700_000_000);
    }
}
