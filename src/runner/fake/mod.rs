//! A small world that really works, in memory: a source table, a transactional destination, a journal. Faults are
//! scripted, and the whole process can be made to die at any step.

mod destination;
mod journal;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::admission::Memory;
use super::backoff::Backoff;
use super::drift::Additions;
use super::execution::{Abandoned, Execution, Order, Parts, Signals, Systems};
use super::failure::Failure;
use super::journal::Journal as _;
use super::stage::Rhythm;
use crate::clock::Clock;
use crate::connectors::{
    Column, ColumnType, Deletes, Destination, Fidelity, LogicalType, NullCursor, Source, TargetName,
};
use crate::events::RunPhase;
use crate::ids::RunId;
use crate::plan::resolution::{Resolution, ResolvedColumn, ResolvedRead, ResolvedStream, ResolvedWrite};
use crate::plan::spec::{SchemaPolicy, Verify};
use crate::workspace::keys::{SigningKey, WorkspaceKeys};

pub(super) use destination::{CommitFault, MemoryDestination};
pub(super) use journal::MemoryJournal;
pub(super) use source::{MemorySource, Row, SourceFault};

pub(super) const STREAM: &str = "orders";
/// A payload that the destination refuses.
pub(super) const POISON: &str = "poison";

/// Counts the steps of the whole world down to the one at which the process dies: nothing goes on from there.
#[derive(Debug)]
pub(super) struct Chaos {
    left: AtomicI64,
    died: Notify,
}

impl Default for Chaos {
    fn default() -> Self {
        Self { left: AtomicI64::new(i64::MAX), died: Notify::new() }
    }
}

impl Chaos {
    pub(super) fn die_after(&self, steps: i64) {
        self.left.store(steps, Ordering::SeqCst);
    }

    pub(super) async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// One pipeline with one stream, and all it touches.
pub(super) struct World {
    pub(super) chaos: Arc<Chaos>,
    pub(super) source: Arc<MemorySource>,
    pub(super) destination: Arc<MemoryDestination>,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) resolution: Resolution,
    pub(super) rhythm: Rhythm,
    pub(super) signals: Signals,
    /// Between attempts.
    pub(super) wait: Duration,
}

struct Fakes(Arc<MemorySource>, Arc<MemoryDestination>);

#[async_trait]
impl Systems for Fakes {
    async fn source(&self, _: &str) -> Result<Arc<dyn Source>, Failure> {
        Ok(Arc::clone(&self.0) as Arc<dyn Source>)
    }

    async fn destination(&self, _: &str) -> Result<Arc<dyn Destination>, Failure> {
        Ok(Arc::clone(&self.1) as Arc<dyn Destination>)
    }
}

impl World {
    pub(super) fn new(read: ResolvedRead, write: ResolvedWrite) -> Self {
        let chaos = Arc::new(Chaos::default());
        let columns = source::columns().into_iter().map(|column| resolved(&column)).collect();
        let stream = ResolvedStream {
            stream: STREAM.to_owned(),
            target: TargetName { namespace: None, name: STREAM.to_owned() },
            read,
            write,
            filter: None,
            columns,
            schema_policy: SchemaPolicy::Evolve,
            rows: None,
            bytes: None,
        };
        Self {
            source: Arc::new(MemorySource::new(Arc::clone(&chaos))),
            destination: Arc::new(MemoryDestination::new(Arc::clone(&chaos))),
            journal: Arc::new(MemoryJournal::new(Arc::clone(&chaos))),
            chaos,
            resolution: Resolution {
                source: "memory_source".to_owned(),
                destination: "memory_destination".to_owned(),
                streams: vec![stream],
                batch_rows: 4,
                batch_bytes: 1 << 20,
                parallelism: 1,
                verify: Verify::Checksums,
                quarantine_max_rows: 100,
            },
            rhythm: Rhythm { rows: 1, bytes: 1 << 30, time: Duration::from_hours(1) },
            signals: Signals::default(),
            wait: Duration::ZERO,
        }
    }

    pub(super) fn full(write: ResolvedWrite) -> Self {
        Self::new(ResolvedRead::Full, write)
    }

    pub(super) fn incremental(write: ResolvedWrite) -> Self {
        let nulls = NullCursor::Include;
        Self::new(ResolvedRead::Incremental { cursor: "at".to_owned(), lookback_seconds: None, nulls }, write)
    }

    pub(super) fn stream(&mut self) -> &mut ResolvedStream {
        &mut self.resolution.streams[0]
    }

    /// Carries a run out in this process, from wherever it stands.
    pub(super) async fn drive(&self, run: RunId) -> Result<RunPhase, Abandoned> {
        let order = Order {
            resolution: self.resolution.clone(),
            plan_digest: "digest".to_owned(),
            additions: vec![Additions::AllBut(Vec::new())],
            rhythm: self.rhythm,
            backoff: Backoff { first: Duration::ZERO, longest: Duration::ZERO, shortest: self.wait },
        };
        let keys = WorkspaceKeys { mask: SigningKey::new([1; 32]), receipt: SigningKey::new([2; 32]) };
        Execution::new(Parts {
            entry: self.journal.load(run).await?,
            order: Arc::new(order),
            journal: Arc::clone(&self.journal) as Arc<dyn super::journal::Journal>,
            systems: Arc::new(Fakes(Arc::clone(&self.source), Arc::clone(&self.destination))),
            clock: Clock::System,
            keys,
            signals: self.signals.clone(),
            memory: Memory::of_machine(),
        })
        .drive()
        .await
    }

    /// A new run, carried to its end without a crash.
    pub(super) async fn run(&self) -> (RunId, RunPhase) {
        let run = self.journal.queue();
        (run, self.drive(run).await.unwrap())
    }

    /// A new run whose process dies after so many steps each time, and is taken up again.
    pub(super) async fn run_dying(&self, deaths: &[i64]) -> (RunId, RunPhase) {
        let run = self.journal.queue();
        for steps in deaths {
            self.chaos.die_after(*steps);
            let phase = tokio::select! {
                phase = self.drive(run) => Some(phase.unwrap()),
                () = self.chaos.died.notified() => None,
            };
            self.chaos.die_after(i64::MAX);
            if let Some(phase) = phase {
                return (run, phase);
            }
            // What the dead process had spawned is aborted; let it go.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        (run, self.drive(run).await.unwrap())
    }
}

fn resolved(column: &Column) -> ResolvedColumn {
    ResolvedColumn {
        source: column.clone(),
        target: column.name.clone(),
        written: column.clone(),
        target_type: column.data_type.spelled.clone(),
        fidelity: Fidelity::Exact,
        note: None,
        mask: None,
        cast: None,
    }
}

pub(super) fn column(name: &str, logical: LogicalType) -> Column {
    Column::new(name, ColumnType::new(logical, "memory", "memory"), true)
}

pub(super) fn merge_by_id() -> ResolvedWrite {
    ResolvedWrite::Merge { key: vec!["id".to_owned()], deletes: Deletes::Ignore }
}
