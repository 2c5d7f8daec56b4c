//! The journal in memory, for runs that die thousands of times.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::Chaos;
use crate::connectors::{Epoch, RejectedRow};
use crate::events::{Event, StreamProgress};
use crate::ids::{PipelineId, RunId};
use crate::runner::journal::{Entry, Journal, JournalError, StreamCheckpoint, Version};
use crate::runner::state::RunState;

#[derive(Debug)]
struct Kept {
    entry: Entry,
    receipt: Option<Value>,
    checkpoints: BTreeMap<String, StreamCheckpoint>,
    quarantine: Vec<(Epoch, RejectedRow)>,
}

pub(in crate::runner) struct MemoryJournal {
    pipeline: PipelineId,
    runs: Mutex<HashMap<RunId, Kept>>,
    pub(in crate::runner) events: Mutex<Vec<Event>>,
    chaos: Arc<Chaos>,
}

impl MemoryJournal {
    pub(super) fn new(chaos: Arc<Chaos>) -> Self {
        Self { pipeline: PipelineId::new(), runs: Mutex::default(), events: Mutex::default(), chaos }
    }

    pub(in crate::runner) fn queue(&self) -> RunId {
        let run = RunId::new();
        let entry = Entry {
            run,
            pipeline: self.pipeline,
            conversation: None,
            state: RunState::Queued,
            version: Version(1),
            started_at: None,
            progress: BTreeMap::new(),
        };
        let kept = Kept { entry, receipt: None, checkpoints: BTreeMap::new(), quarantine: Vec::new() };
        self.runs.lock().unwrap().insert(run, kept);
        run
    }

    fn with<T>(&self, run: RunId, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(self.runs.lock().unwrap().get_mut(&run).unwrap())
    }

    pub(in crate::runner) fn state(&self, run: RunId) -> RunState {
        self.with(run, |kept| kept.entry.state.clone())
    }

    pub(in crate::runner) fn receipt(&self, run: RunId) -> Option<Value> {
        self.with(run, |kept| kept.receipt.clone())
    }

    pub(in crate::runner) fn checkpoint_of(&self, run: RunId, stream: &str) -> Option<StreamCheckpoint> {
        self.with(run, |kept| kept.checkpoints.get(stream).cloned())
    }

    pub(in crate::runner) fn quarantined(&self, run: RunId) -> Vec<(Epoch, RejectedRow)> {
        self.with(run, |kept| kept.quarantine.clone())
    }

    /// Another process writes a cancel down.
    pub(in crate::runner) fn cancel_elsewhere(&self, run: RunId) {
        self.with(run, |kept| {
            kept.entry.state = RunState::Cancelling;
            kept.entry.version.0 += 1;
        });
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn load(&self, run: RunId) -> Result<Entry, JournalError> {
        Ok(self.with(run, |kept| kept.entry.clone()))
    }

    async fn advance(
        &self,
        run: RunId,
        from: Version,
        to: &RunState,
        receipt: Option<&Value>,
    ) -> Result<Version, JournalError> {
        self.chaos.step().await;
        let moved = self.with(run, |kept| {
            if kept.entry.version != from {
                return Err(JournalError::Conflict);
            }
            kept.entry.version.0 += 1;
            kept.entry.state = to.clone();
            if let Some(receipt) = receipt {
                kept.receipt = Some(receipt.clone());
            }
            Ok(kept.entry.version)
        });
        self.chaos.step().await;
        moved
    }

    async fn claim(&self, run: RunId) -> Result<bool, JournalError> {
        Ok(!self.state(run).phase().is_final())
    }

    async fn release(&self, _: RunId) -> Result<(), JournalError> {
        Ok(())
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &StreamCheckpoint) -> Result<(), JournalError> {
        self.chaos.step().await;
        self.with(run, |kept| kept.checkpoints.insert(checkpoint.stream.clone(), checkpoint.clone()));
        self.chaos.step().await;
        Ok(())
    }

    async fn quarantine(&self, entry: &Entry, _: &str, epoch: Epoch, rows: &[RejectedRow]) -> Result<(), JournalError> {
        self.chaos.step().await;
        self.with(entry.run, |kept| kept.quarantine.extend(rows.iter().map(|row| (epoch, row.clone()))));
        self.chaos.step().await;
        Ok(())
    }

    async fn clear_quarantine(&self, run: RunId, _: &str, epoch: Epoch) -> Result<(), JournalError> {
        self.with(run, |kept| kept.quarantine.retain(|(of, _)| *of <= epoch));
        Ok(())
    }

    async fn progress(&self, run: RunId, streams: &BTreeMap<String, StreamProgress>) {
        self.with(run, |kept| kept.entry.progress = streams.clone());
    }

    async fn announce(&self, _: &Entry, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}
