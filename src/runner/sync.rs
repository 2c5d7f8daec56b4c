//! Moves one stream: write, commit, checkpoint, announce, always in that order. The destination's own checkpoint is
//! where it goes on from, so that killed anywhere it ends with exactly the source's rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::StreamExt as _;

use super::analysis::Prepared;
use super::boundary::Boundary;
use super::checkpoint::{Checkpoint, Standing, Tally};
use super::checksum::Checksum;
use super::failure::Failure;
use super::journal::{Entry, Journal, StreamCheckpoint};
use super::keyset::{self, KeySet};
use super::progress::Progress;
use super::stage::{self, Position, Rhythm, Start, Step};
use super::verify::key_of;
use crate::connectors::{
    Commit, Destination, Epoch, ErrorKind, Item, ItemStream, RawForm, ReadRequest, RejectedRow, Source, WriteMode,
    Writer,
};
use crate::events::{Event, LogLevel};
use crate::plan::spec::Verify;

/// Rejected rows of a stream that the run's log tells one by one; all of them are in the quarantine.
const REJECTED_TOLD: u64 = 5;
/// Rejected rows are kept in the journal at least this often, so that few wait in memory.
const REJECTED_WAITING: usize = 200;

/// What every stream of a run shares.
pub(super) struct Ends {
    pub(super) entry: Entry,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    pub(super) progress: Arc<Progress>,
    pub(super) verify: Verify,
    pub(super) quarantine_max_rows: u64,
    pub(super) rhythm: Rhythm,
}

impl Ends {
    pub(super) async fn log(&self, level: LogLevel, stage: &str, stream: &str, message: impl Into<String>) {
        let event = Event::RunLog {
            run: self.entry.run,
            level,
            stage: stage.to_owned(),
            stream: Some(stream.to_owned()),
            message: message.into(),
        };
        self.journal.announce(&self.entry, event).await;
    }
}

/// A stream that has come to its end.
#[derive(Debug)]
pub(super) struct Transferred {
    pub(super) checkpoint: Checkpoint,
    /// Rows of the run, as the destination counted them at the commit.
    pub(super) committed_rows: u64,
}

/// Brings a stream to its end.
pub(super) async fn transfer(ends: &Ends, prepared: &Arc<Prepared>) -> Result<Transferred, Failure> {
    let stream = prepared.stream.stream.as_str();
    let mut writer = ends.destination.open(prepared.write.clone()).await?;
    let committed = writer.committed().await?;
    let (epoch, checkpoint) = match Standing::of(committed, &prepared.write.run, prepared.is_incremental())? {
        Standing::Done { epoch, checkpoint, rows } => {
            ends.journal.clear_quarantine(ends.entry.run, stream, epoch).await?;
            ends.progress.begin(stream, &checkpoint.tally, None);
            ends.progress.committed(stream, &checkpoint.tally, true);
            return Ok(Transferred { checkpoint, committed_rows: rows });
        }
        Standing::Open { epoch, checkpoint } => (epoch, checkpoint),
    };
    ends.journal.clear_quarantine(ends.entry.run, stream, epoch).await?;
    ends.progress.begin(stream, &checkpoint.tally, prepared.stream.rows);
    say_where_from(ends, prepared, epoch, &checkpoint).await;
    let keys = keys(ends, prepared, epoch).await?;
    let mut tally = checkpoint.tally;
    if tally.before.is_none() && ends.verify != Verify::None {
        tally.before = Some(rows_at_target(ends, prepared).await?);
    }
    let resumed = epoch > Epoch(0);
    let boundary = prepared
        .edge
        .as_ref()
        .map(|edge| Boundary::new(edge.cursor.clone(), edge.rows.clone(), &checkpoint.boundary))
        .transpose()?;
    let checksum = (ends.verify == Verify::Checksums).then(|| {
        checkpoint.checksum.filter(|_| resumed).unwrap_or_else(|| Checksum::new(&prepared.written, key_of(prepared)))
    });
    let request = ReadRequest { after: checkpoint.source.clone(), ..prepared.read.clone() };
    let tail = prepared.mapper.tail()?;
    let form = writer.takes_raw().filter(|_| prepared.passes_untouched(ends.verify));
    let reading = stage::start(
        items(ends, request, form).await?,
        Start {
            prepared: Arc::clone(prepared),
            boundary,
            rhythm: ends.rhythm,
            source: checkpoint.source,
            checksum,
            keys,
            resumed,
        },
    );
    Writing { ends, prepared, writer, tail, epoch, tally, rejected: Vec::new(), committed_rows: 0 }.run(reading).await
}

/// Starts the read: in the writer's own form when nothing has to happen to the rows on their way.
async fn items(ends: &Ends, request: ReadRequest, form: Option<RawForm>) -> Result<ItemStream, Failure> {
    if let Some(form) = form
        && let Some(items) = ends.source.read_raw(&request, &form).await?
    {
        return Ok(items);
    }
    Ok(ends.source.read(request).await?)
}

async fn say_where_from(ends: &Ends, prepared: &Prepared, epoch: Epoch, checkpoint: &Checkpoint) {
    let (stream, target) = (&prepared.stream.stream, &prepared.stream.target);
    let message = if epoch > Epoch(0) {
        format!("Goes on with `{stream}` after {} rows that `{target}` holds already.", checkpoint.tally.written)
    } else if checkpoint.source.is_some() {
        format!("Reads what is new in `{stream}` since the last run.")
    } else if prepared.is_incremental() {
        format!("Reads `{stream}` from its beginning: `{target}` holds no checkpoint under these settings.")
    } else {
        format!("Reads all of `{stream}`.")
    };
    ends.log(LogLevel::Info, "transferring", stream, message).await;
}

/// Rows at the target before this run, 0 where there is none yet.
async fn rows_at_target(ends: &Ends, prepared: &Prepared) -> Result<u64, Failure> {
    match ends.destination.count(&prepared.stream.target, None).await {
        Ok(rows) => Ok(rows),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// The keys that a merge has written so far. After an interruption the destination says which they are.
async fn keys(ends: &Ends, prepared: &Prepared, epoch: Epoch) -> Result<Option<KeySet>, Failure> {
    let WriteMode::Merge { key, .. } = &prepared.write.mode else { return Ok(None) };
    if ends.verify == Verify::None {
        return Ok(None);
    }
    let mut keys = KeySet::new(&prepared.written, key);
    if epoch == Epoch(0) {
        return Ok(Some(keys));
    }
    let target = &prepared.stream.target;
    let run = Some(prepared.write.run.as_str());
    if ends.destination.count(target, run).await? > keyset::LIMIT as u64 {
        keys.give_up();
        return Ok(Some(keys));
    }
    let mut rows = ends.destination.read_back(target, &prepared.written, run).await?;
    loop {
        match rows.next().await {
            Some(Ok(Item::Batch(batch))) => keys.add(&batch.records),
            Some(Ok(Item::End(_))) => return Ok(Some(keys)),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Failure::new(ErrorKind::Unreachable, "The destination stopped in the middle.")),
        }
    }
}

/// The writing half.
struct Writing<'a> {
    ends: &'a Ends,
    prepared: &'a Prepared,
    writer: Box<dyn Writer>,
    /// The metadata columns of rows that pass raw.
    tail: RecordBatch,
    /// The last one that was committed.
    epoch: Epoch,
    tally: Tally,
    /// Rows set aside since the last commit that the journal does not have yet.
    rejected: Vec<RejectedRow>,
    committed_rows: u64,
}

impl Writing<'_> {
    async fn run(mut self, mut reading: stage::Reading) -> Result<Transferred, Failure> {
        loop {
            let step = match reading.steps.recv().await {
                Some(step) => step?,
                // A task that panicked says nothing more.
                None => return Err(Failure::new(ErrorKind::Bug, "The reading half of the transfer broke.")),
            };
            match step {
                Step::Expected { rows } => self.ends.progress.expect(self.stream(), rows),
                Step::Rows { batch, read, unchanged, rejected, bytes, held } => {
                    self.ends.progress.read(self.stream(), read);
                    self.tally.read += read;
                    self.tally.unchanged += unchanged;
                    self.set_aside(rejected).await?;
                    let rows = batch.records.num_rows() as u64;
                    if rows > 0 {
                        let refused = self.writer.write(batch).await?;
                        let count = refused.len() as u64;
                        self.tally.written += rows.saturating_sub(count);
                        self.tally.refused += count;
                        self.tally.bytes += bytes;
                        self.set_aside(refused).await?;
                    }
                    drop(held);
                }
                Step::Raw(rows, held) => {
                    let (read, bytes) = (rows.rows(), rows.bytes());
                    self.ends.progress.read(self.stream(), read);
                    self.tally.read += read;
                    let refused = self.writer.write_raw(rows, &self.tail).await?;
                    let count = refused.len() as u64;
                    self.tally.written += read.saturating_sub(count);
                    self.tally.refused += count;
                    self.tally.bytes += bytes;
                    self.set_aside(refused).await?;
                    drop(held);
                }
                Step::Commit(position) => {
                    self.commit(position, false).await?;
                }
                Step::End(position, keys) => {
                    self.tally.keys = keys.and_then(|keys| keys.count());
                    let checkpoint = self.commit(position, true).await?;
                    return Ok(Transferred { checkpoint, committed_rows: self.committed_rows });
                }
            }
        }
    }

    fn stream(&self) -> &str {
        &self.prepared.stream.stream
    }

    /// Counts rejected rows and gives up when they are more than the plan allows, before anything of them is committed.
    async fn set_aside(&mut self, rows: Vec<RejectedRow>) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let count = rows.len() as u64;
        let told = self.tally.quarantined;
        for (_, row) in (told..REJECTED_TOLD).zip(&rows) {
            let said = format!("A row was set aside: {}: {}", row.position, row.reason);
            self.ends.log(LogLevel::Warn, "transferring", self.stream(), said).await;
        }
        self.tally.quarantined += count;
        self.rejected.extend(rows);
        let limit = self.ends.quarantine_max_rows;
        if self.ends.progress.quarantined(self.stream(), count) > limit {
            // They are evidence, though the epoch they belong to never happens.
            self.keep_rejected().await?;
            let reason = match limit {
                0 => "A row was rejected, and the plan allows none.".to_owned(),
                limit => format!("More than {limit} rows were rejected, which is as many as the plan allows."),
            };
            return Err(Failure::new(ErrorKind::BadData, reason).advise(
                "Look at the run's quarantine for the reasons, mend them at the source, or raise `quarantine.max_rows`.",
            ));
        }
        if self.rejected.len() >= REJECTED_WAITING {
            self.keep_rejected().await?;
        }
        Ok(())
    }

    async fn keep_rejected(&mut self) -> Result<(), Failure> {
        if !self.rejected.is_empty() {
            let (ends, epoch) = (self.ends, Epoch(self.epoch.0 + 1));
            ends.journal.quarantine(&ends.entry, &self.prepared.stream.stream, epoch, &self.rejected).await?;
            self.rejected.clear();
        }
        Ok(())
    }

    async fn commit(&mut self, position: Position, last: bool) -> Result<Checkpoint, Failure> {
        self.keep_rejected().await?;
        let Position { source, edge, checksum } = position;
        let checkpoint = Checkpoint { source, boundary: edge, tally: self.tally.clone(), checksum };
        let value = serde_json::to_value(&checkpoint).map_err(|error| {
            let mut failure = Failure::new(ErrorKind::Bug, "The checkpoint cannot be written.");
            failure.error = failure.error.because(error);
            failure
        })?;
        let epoch = Epoch(self.epoch.0 + 1);
        let asked = Commit { epoch, checkpoint: Some(value), last };
        let done = self.writer.commit(asked.clone()).await?;
        if done.run != self.prepared.write.run || done.epoch != epoch {
            let message = format!("The destination answered another commit than number {} of this run.", epoch.0);
            return Err(Failure::new(ErrorKind::Bug, message));
        }
        // Another process took the run for abandoned and committed other rows under this number. What it has done
        // stands, and the next attempt goes on from there.
        if done.last != last || done.checkpoint != asked.checkpoint {
            return Err(Failure::new(
                ErrorKind::Unreachable,
                "Another process wrote to this stream in the name of this run.",
            ));
        }
        self.epoch = epoch;
        self.committed_rows = done.rows;
        // The edge stays with the destination: it may be large, and only the destination's own word counts.
        let kept = StreamCheckpoint {
            stream: self.stream().to_owned(),
            epoch,
            cursor: checkpoint.source.as_ref().map(|cursor| cursor.0.clone()),
            last,
            rows: self.tally.written,
        };
        self.ends.journal.checkpoint(self.ends.entry.run, &kept).await?;
        self.ends.progress.committed(self.stream(), &self.tally, last);
        Ok(checkpoint)
    }
}
