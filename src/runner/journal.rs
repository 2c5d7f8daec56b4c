//! Where a run's state, checkpoints and rejected rows are kept, and through which it speaks. The store keeps them in
//! production; tests that crash a run thousands of times keep them in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::state::RunState;
use crate::connectors::{Epoch, RejectedRow};
use crate::events::{Event, StreamProgress};
use crate::ids::{ConversationId, PipelineId, RunId};

/// How long a process may be silent before its runs are taken up by another.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// Counts the moves of a run; a move from an old version is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) i64);

/// A run as the journal has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) run: RunId,
    pub(super) pipeline: PipelineId,
    pub(super) conversation: Option<ConversationId>,
    pub(super) state: RunState,
    pub(super) version: Version,
    /// When the first attempt began.
    pub(super) started_at: Option<DateTime<Utc>>,
    /// How far the streams had come when it was last written down.
    pub(super) progress: BTreeMap<String, StreamProgress>,
}

/// A checkpoint of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamCheckpoint {
    pub(super) stream: String,
    pub(super) epoch: Epoch,
    pub(super) cursor: Option<Value>,
    pub(super) last: bool,
    /// Rows of the run that are durable.
    pub(super) rows: u64,
}

/// Why the journal could not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    /// The run moved meanwhile: look again.
    #[error("the run moved meanwhile")]
    Conflict,
    #[error("there is no such run")]
    Gone,
    #[error("the workspace's store cannot be read or written")]
    Store(#[from] sqlx::Error),
    #[error("a stored run cannot be read")]
    Malformed(#[from] serde_json::Error),
}

#[async_trait]
pub(super) trait Journal: Send + Sync {
    async fn load(&self, run: RunId) -> Result<Entry, JournalError>;

    /// Compare-and-set. The receipt, where there is one, is kept in the same step.
    async fn advance(
        &self,
        run: RunId,
        from: Version,
        to: &RunState,
        receipt: Option<&Value>,
    ) -> Result<Version, JournalError>;

    /// Takes or renews the lease. `false`: the run ended or somebody else carries it out.
    async fn claim(&self, run: RunId) -> Result<bool, JournalError>;

    async fn release(&self, run: RunId) -> Result<(), JournalError>;

    async fn checkpoint(&self, run: RunId, checkpoint: &StreamCheckpoint) -> Result<(), JournalError>;

    /// Keeps rejected rows of an epoch that is about to be committed.
    async fn quarantine(
        &self,
        entry: &Entry,
        stream: &str,
        epoch: Epoch,
        rows: &[RejectedRow],
    ) -> Result<(), JournalError>;

    /// Forgets rejected rows of epochs after `epoch`, which were never committed.
    async fn clear_quarantine(&self, run: RunId, stream: &str, epoch: Epoch) -> Result<(), JournalError>;

    /// Writes down how far every stream has come. A loss of this is no loss of data.
    async fn progress(&self, run: RunId, streams: &BTreeMap<String, StreamProgress>);

    /// Tells whoever listens. What cannot be told is no failure of the run.
    async fn announce(&self, entry: &Entry, event: Event);
}
