//! The journal in the workspace's store, speaking through the bus.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::journal::{Entry, Journal, JournalError, LEASE, StreamCheckpoint, Version};
use super::state::{RunState, phase_word};
use crate::connectors::{Epoch, RejectedRow};
use crate::events::bus::{Bus, Topic};
use crate::events::{Event, LogLevel, StreamProgress};
use crate::ids::RunId;
use crate::store;
use crate::store::checkpoints::CheckpointRow;
use crate::store::quarantine::QuarantineRow;
use crate::store::run_logs::LogRow;
use crate::store::runs::{Advance, RunRow};
use crate::workspace::Workspace;

/// A log line longer than this is cut.
const LINE_LIMIT: usize = 2_000;

#[derive(Debug)]
pub(super) struct StoreJournal {
    workspace: Workspace,
    bus: Bus,
    /// Names this process in leases.
    owner: String,
}

impl StoreJournal {
    pub(super) fn new(workspace: Workspace, bus: Bus, owner: String) -> Self {
        Self { workspace, bus, owner }
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn lease_until(&self) -> String {
        store::stamp(self.workspace.clock.now() + LEASE)
    }

    fn now(&self) -> String {
        store::stamp(self.workspace.clock.now())
    }
}

/// Reads a row of the store back into what the runner works with.
pub(super) fn entry(row: &RunRow) -> Result<Entry, JournalError> {
    let malformed = |_| JournalError::Gone;
    Ok(Entry {
        run: row.id.parse().map_err(malformed)?,
        pipeline: row.pipeline.parse().map_err(malformed)?,
        conversation: row.conversation.as_deref().and_then(|id| id.parse().ok()),
        state: serde_json::from_str(&row.state)?,
        version: Version(row.version),
        started_at: row.started_at.as_deref().and_then(store::time),
        progress: serde_json::from_str(&row.progress).unwrap_or_default(),
    })
}

/// Where a state is written in a row.
pub(super) fn advance_to(
    state: &RunState,
    receipt: Option<&Value>,
    now: DateTime<Utc>,
) -> Result<Advance, JournalError> {
    let phase = state.phase();
    let now = store::stamp(now);
    Ok(Advance {
        state: serde_json::to_string(state)?,
        phase: phase_word(phase).to_owned(),
        error: state.error().map(serde_json::to_string).transpose()?,
        receipt: receipt.map(ToString::to_string),
        started_at: matches!(state, RunState::Initializing { .. }).then(|| now.clone()),
        finished_at: phase.is_final().then_some(now),
    })
}

#[async_trait]
impl Journal for StoreJournal {
    async fn load(&self, run: RunId) -> Result<Entry, JournalError> {
        let row = store::runs::get(self.workspace.store.pool(), &self.workspace.id.0, &run.to_string()).await?;
        entry(&row.ok_or(JournalError::Gone)?)
    }

    async fn advance(
        &self,
        run: RunId,
        from: Version,
        to: &RunState,
        receipt: Option<&Value>,
    ) -> Result<Version, JournalError> {
        let row = advance_to(to, receipt, self.workspace.clock.now())?;
        if store::runs::advance(self.workspace.store.pool(), &run.to_string(), from.0, &row).await? {
            Ok(Version(from.0 + 1))
        } else {
            Err(JournalError::Conflict)
        }
    }

    async fn claim(&self, run: RunId) -> Result<bool, JournalError> {
        let (now, until) = (self.now(), self.lease_until());
        Ok(store::runs::claim(self.workspace.store.pool(), &run.to_string(), &self.owner, &now, &until).await?)
    }

    async fn release(&self, run: RunId) -> Result<(), JournalError> {
        Ok(store::runs::release(self.workspace.store.pool(), &run.to_string(), &self.owner).await?)
    }

    async fn checkpoint(&self, run: RunId, checkpoint: &StreamCheckpoint) -> Result<(), JournalError> {
        let row = CheckpointRow {
            stream: checkpoint.stream.clone(),
            epoch: checkpoint.epoch.0.cast_signed(),
            cursor: checkpoint.cursor.as_ref().map(ToString::to_string),
            last: checkpoint.last,
            rows: checkpoint.rows.cast_signed(),
            at: self.now(),
        };
        Ok(store::checkpoints::put(self.workspace.store.pool(), &run.to_string(), &row).await?)
    }

    async fn quarantine(
        &self,
        entry: &Entry,
        stream: &str,
        epoch: Epoch,
        rows: &[RejectedRow],
    ) -> Result<(), JournalError> {
        let mut tx = self.workspace.store.begin().await?;
        for row in rows {
            let row = QuarantineRow {
                id: uuid::Uuid::now_v7().to_string(),
                run: entry.run.to_string(),
                pipeline: entry.pipeline.to_string(),
                stream: stream.to_owned(),
                epoch: epoch.0.cast_signed(),
                position: row.position.clone(),
                code: row.code.clone(),
                reason: row.reason.clone(),
                // PostgreSQL's text cannot hold NUL. JSON never has one; raw text is there to be looked at only.
                row_text: row.row.as_ref().map(|text| text.replace('\0', "\u{fffd}")),
                at: self.now(),
                replayed_at: None,
            };
            store::quarantine::insert(&mut *tx, &self.workspace.id.0, &row).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn clear_quarantine(&self, run: RunId, stream: &str, epoch: Epoch) -> Result<(), JournalError> {
        let pool = self.workspace.store.pool();
        Ok(store::quarantine::clear(pool, &run.to_string(), stream, epoch.0.cast_signed()).await?)
    }

    async fn progress(&self, run: RunId, streams: &BTreeMap<String, StreamProgress>) {
        let Ok(text) = serde_json::to_string(streams) else { return };
        if let Err(error) = store::runs::set_progress(self.workspace.store.pool(), &run.to_string(), &text).await {
            tracing::warn!(%run, cause = ?error, "the run's progress was not written down");
        }
    }

    async fn announce(&self, entry: &Entry, mut event: Event) {
        if let Event::RunLog { level, stage, stream, message, .. } = &mut event {
            if let Some((cut, _)) = message.char_indices().nth(LINE_LIMIT) {
                message.truncate(cut);
                message.push('…');
            }
            let row = LogRow {
                seq: 0,
                at: self.now(),
                level: level_word(*level).to_owned(),
                stage: stage.clone(),
                stream: stream.clone(),
                message: message.clone(),
            };
            if let Err(error) = store::run_logs::append(self.workspace.store.pool(), &entry.run.to_string(), &row).await
            {
                tracing::warn!(run = %entry.run, cause = ?error, "a line of the run's log was lost");
            }
        }
        let conversation = entry.conversation.map(Topic::Conversation);
        for topic in std::iter::once(Topic::Run(entry.run)).chain(conversation) {
            if let Err(error) = self.bus.append(topic, event.clone()).await {
                tracing::warn!(run = %entry.run, cause = ?error, "an event of the run was not told");
            }
        }
    }
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
