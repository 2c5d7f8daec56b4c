//! The reading half of a transfer: two tasks, one that pulls from the source and one that drops what was delivered
//! before, maps, and decides where commits fall. Every channel between them is short, and what is under way is bounded
//! in bytes as well: one row can be larger than any batch should be.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, RecordBatch};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::analysis::Prepared;
use super::boundary::{Boundary, Edge};
use super::checksum::Checksum;
use super::failure::Failure;
use super::keyset::KeySet;
use super::mapper::{Mapped, filter};
use super::room::{Held, Room};
use crate::connectors::{Batch, ConnectorError, Cursor, ErrorKind, Item, ItemStream, RawRows, RejectedRow};
use crate::tasks;

/// Batches that wait between two stages.
const WAITING: usize = 2;

/// How much may stand uncommitted before the next checkpoint is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

impl Rhythm {
    /// Several batches to a commit: each costs the destination a round of disk writes.
    pub(super) fn of(batch_rows: usize, batch_bytes: usize) -> Self {
        let times = |size: usize| u64::try_from(size).unwrap_or(u64::MAX).saturating_mul(8);
        Self { rows: times(batch_rows), bytes: times(batch_bytes), time: Duration::from_secs(10) }
    }
}

/// What the reading half says to the writing half, in order.
#[derive(Debug)]
pub(super) enum Step {
    Expected {
        rows: u64,
    },
    Rows {
        batch: Batch,
        /// Rows that the source showed.
        read: u64,
        /// Of those, the ones that an earlier run had delivered.
        unchanged: u64,
        rejected: Vec<RejectedRow>,
        bytes: u64,
        /// Given back once the rows are written.
        held: Option<Held>,
    },
    /// Rows that pass without being looked at.
    Raw(RawRows, Option<Held>),
    /// Everything so far can be committed under this position.
    Commit(Position),
    /// The source has delivered everything.
    End(Position, Option<KeySet>),
}

/// What a checkpoint is made of besides counts.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) source: Option<Cursor>,
    pub(super) edge: Edge,
    pub(super) checksum: Option<Checksum>,
}

/// What the mapping stage starts with.
pub(super) struct Start {
    pub(super) prepared: Arc<Prepared>,
    pub(super) boundary: Option<Boundary>,
    pub(super) rhythm: Rhythm,
    /// Where the last checkpoint stood: kept when the source has nothing further to say.
    pub(super) source: Option<Cursor>,
    pub(super) checksum: Option<Checksum>,
    pub(super) keys: Option<KeySet>,
    /// The run was interrupted: rows that come again were counted the first time.
    pub(super) resumed: bool,
}

/// The reading half at work; dropping it stops both tasks and the source.
pub(super) struct Reading {
    pub(super) steps: mpsc::Receiver<Result<Step, Failure>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// Starts the reading half.
pub(super) fn start(items: ItemStream, start: Start) -> Reading {
    let (to_mapping, pulled) = mpsc::channel(WAITING);
    let (to_writing, steps) = mpsc::channel(WAITING);
    let room = Room::of(start.prepared.read.batch_bytes.saturating_mul(2 * WAITING));
    let pulling = tasks::spawn("read", pull(items, room, to_mapping));
    let mapping = tasks::spawn("map", Mapping::new(start, to_writing).run(pulled));
    Reading { steps, _tasks: [AbortOnDropHandle::new(pulling), AbortOnDropHandle::new(mapping)] }
}

type Pulled = (Result<Item, ConnectorError>, Option<Held>);

async fn pull(mut items: ItemStream, room: Arc<Room>, to: mpsc::Sender<Pulled>) {
    loop {
        room.some().await;
        let item = items.next().await.unwrap_or_else(|| Err(broke_off("The source stopped in the middle")));
        let over = matches!(item, Err(_) | Ok(Item::End(_)));
        let held = match &item {
            Ok(Item::Batch(batch)) => Some(room.take(size_of(&batch.records))),
            Ok(Item::Raw(rows)) => Some(room.take(rows.bytes())),
            _ => None,
        };
        // Nobody there: the transfer was given up.
        if to.send((item, held)).await.is_err() || over {
            return;
        }
    }
}

/// A read that ended without saying so, or with another count than its own, did not end.
fn broke_off(what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unreachable, format!("{what}: the read broke off before its end."))
}

/// Nobody takes the steps any more.
struct GivenUp;

struct Mapping {
    start: Start,
    to: mpsc::Sender<Result<Step, Failure>>,
    /// Rows that this read showed in batches.
    shown: u64,
    rows: u64,
    bytes: u64,
    since: Instant,
}

impl Mapping {
    fn new(start: Start, to: mpsc::Sender<Result<Step, Failure>>) -> Self {
        Self { start, to, shown: 0, rows: 0, bytes: 0, since: Instant::now() }
    }

    async fn run(mut self, mut pulled: mpsc::Receiver<Pulled>) {
        while let Some((item, held)) = pulled.recv().await {
            let taken = match item {
                Ok(item) => self.take(item, held).await,
                Err(error) => Err(error.into()),
            };
            match taken {
                Ok(Ok(())) => {}
                Ok(Err(GivenUp)) => return,
                Err(failure) => {
                    let _ = self.to.send(Err(failure)).await;
                    return;
                }
            }
        }
    }

    async fn say(&self, step: Step) -> Result<(), GivenUp> {
        self.to.send(Ok(step)).await.map_err(|_| GivenUp)
    }

    async fn take(&mut self, item: Item, held: Option<Held>) -> Result<Result<(), GivenUp>, Failure> {
        match item {
            Item::Expected { rows } => Ok(self.say(Step::Expected { rows }).await),
            Item::Batch(batch) => self.batch(batch, held).await,
            Item::Raw(rows) => {
                self.shown += rows.rows();
                self.rows += rows.rows();
                self.bytes += rows.bytes();
                Ok(self.say(Step::Raw(rows, held)).await)
            }
            Item::Rejected(mut row) => {
                // A raw row shows what the plan masks.
                if !self.start.prepared.keeps_raw_rows {
                    row.row = None;
                }
                self.rows += 1;
                let batch = Batch::rows(RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty())));
                let rejected = vec![row];
                Ok(self.say(Step::Rows { batch, read: 1, unchanged: 0, rejected, bytes: 0, held: None }).await)
            }
            Item::Checkpoint(cursor) => {
                self.start.source = Some(cursor);
                let rhythm = self.start.rhythm;
                let due = self.rows >= rhythm.rows || self.bytes >= rhythm.bytes || self.since.elapsed() >= rhythm.time;
                if !due || self.rows == 0 || !self.start.prepared.commits_midway() {
                    return Ok(Ok(()));
                }
                (self.rows, self.bytes, self.since) = (0, 0, Instant::now());
                let edge = self.start.boundary.as_ref().map(Boundary::edge).unwrap_or_default();
                let position =
                    Position { source: self.start.source.clone(), edge, checksum: self.start.checksum.clone() };
                Ok(self.say(Step::Commit(position)).await)
            }
            Item::End(end) => {
                if end.rows != self.shown {
                    let counts = format!("The source counts {} rows and delivered {}", end.rows, self.shown);
                    return Err(broke_off(&counts).into());
                }
                let source = end.cursor.or_else(|| self.start.source.take());
                let edge = self.start.boundary.as_ref().map(Boundary::final_edge).unwrap_or_default();
                let position = Position { source, edge, checksum: self.start.checksum.take() };
                let keys = self.start.keys.take();
                Ok(self.say(Step::End(position, keys)).await)
            }
        }
    }

    /// Maps a batch, in pieces when the source made it too large.
    async fn batch(&mut self, batch: Batch, mut held: Option<Held>) -> Result<Result<(), GivenUp>, Failure> {
        let limit = self.start.prepared.read.batch_rows;
        let total = batch.records.num_rows();
        let mut changes = batch.changes;
        let mut from = 0;
        while from < total {
            let size = limit.min(total - from);
            let rest = changes.as_mut().map(|all| {
                let rest = all.split_off(size.min(all.len()));
                std::mem::replace(all, rest)
            });
            let piece = Batch { records: batch.records.slice(from, size), changes: rest };
            from += size;
            // The pieces share their buffers, so that the last one frees them.
            let held = if from < total { None } else { held.take() };
            if let Err(given_up) = self.piece(piece, held).await? {
                return Ok(Err(given_up));
            }
        }
        Ok(Ok(()))
    }

    async fn piece(&mut self, mut batch: Batch, held: Option<Held>) -> Result<Result<(), GivenUp>, Failure> {
        let shown = batch.records.num_rows() as u64;
        let first = self.shown + 1;
        self.shown += shown;
        if let Some(boundary) = &mut self.start.boundary
            && let Some(new) = boundary.admit(&batch.records)?
        {
            batch = filter(batch, &new)?;
        }
        let known = shown - batch.records.num_rows() as u64;
        let Mapped { batch, rejected } = self.start.prepared.mapper.map(batch, first)?;
        let bytes = size_of(&batch.records);
        if let Some(checksum) = &mut self.start.checksum {
            checksum.add(&self.start.prepared.written, &batch.records);
        }
        if let Some(keys) = &mut self.start.keys {
            keys.add(&batch.records);
        }
        self.rows += shown - known;
        self.bytes += bytes;
        let (read, unchanged) = if self.start.resumed { (shown - known, 0) } else { (shown, known) };
        Ok(self.say(Step::Rows { batch, read, unchanged, rejected, bytes, held }).await)
    }
}

/// Bytes of the rows themselves, not of the buffers that they may share.
fn size_of(records: &RecordBatch) -> u64 {
    let sizes = records.columns().iter().map(|array| array.to_data().get_slice_memory_size().unwrap_or_default());
    sizes.sum::<usize>() as u64
}
