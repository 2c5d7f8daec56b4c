//! Takes the runner's place: a run that a talk leads to is written down and never carried out.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::Duration;
use serde_json::json;

use crate::ids::{Actor, PipelineId, RunId};
use crate::plan::{self, ConfirmedPlan};
use crate::runner::Cause;
use crate::runner::state::RunState;
use crate::store;
use crate::store::runs::{Advance, NewRun};
use crate::talk::{RunRefused, StartRun};
use crate::workspace::Workspace;

/// What was asked of the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Start { pipeline: PipelineId, run: RunId },
    Cancel { run: RunId },
}

/// Records runs in the workspace's store, where they stay queued.
pub(super) struct Recorder {
    workspace: Workspace,
    asked: Mutex<Vec<Asked>>,
}

impl Recorder {
    pub(super) fn new(workspace: Workspace) -> Self {
        Self { workspace, asked: Mutex::default() }
    }

    /// Everything asked so far, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    async fn record(&self, pipeline: PipelineId, plan: &ConfirmedPlan, cause: Cause) -> Result<RunId, RunRefused> {
        let run = RunId::new();
        let now = self.workspace.clock.now();
        let row = NewRun {
            id: run.to_string(),
            workspace: self.workspace.id.0.clone(),
            pipeline: pipeline.to_string(),
            plan: plan.plan_id().map(|plan| plan.to_string()).unwrap_or_default(),
            cause: cause.kind.word().to_owned(),
            caused_by: cause.by.0,
            conversation: cause.conversation.map(|talk| talk.to_string()),
            state: json!(RunState::Queued).to_string(),
            phase: "queued".to_owned(),
            queued_at: store::stamp(now),
            lease_owner: "evaluation".to_owned(),
            lease_until: store::stamp(now + Duration::days(3650)),
        };
        let queued = store::runs::insert(self.workspace.store.pool(), &row).await.map_err(internal)?;
        if !queued {
            return Err(RunRefused::new("already_running", "This pipeline has a run that has not ended.", None));
        }
        self.note(Asked::Start { pipeline, run });
        Ok(run)
    }
}

fn internal(error: impl std::fmt::Display) -> RunRefused {
    RunRefused::new("internal", format!("The run could not be recorded: {error}"), None)
}

#[async_trait]
impl StartRun for Recorder {
    async fn start(&self, pipeline: PipelineId, plan: ConfirmedPlan, cause: Cause) -> Result<RunId, RunRefused> {
        self.record(pipeline, &plan, cause).await
    }

    async fn cancel(&self, run: RunId, _by: &Actor) -> Result<(), RunRefused> {
        self.note(Asked::Cancel { run });
        let (db, id) = (self.workspace.store.pool(), run.to_string());
        let row = store::runs::get(db, &self.workspace.id.0, &id).await.map_err(internal)?;
        let row = row.ok_or_else(|| RunRefused::new("run_not_found", "There is no such run.", None))?;
        if row.finished_at.is_some() {
            return Err(RunRefused::new("run_ended", "The run has ended already.", None));
        }
        let to = Advance {
            state: json!(RunState::Cancelled).to_string(),
            phase: "cancelled".to_owned(),
            error: None,
            receipt: None,
            started_at: None,
            finished_at: Some(store::stamp(self.workspace.clock.now())),
        };
        store::runs::advance(db, &id, row.version, &to).await.map_err(internal)?;
        Ok(())
    }

    async fn rerun(&self, pipeline: PipelineId, cause: Cause) -> Result<RunId, RunRefused> {
        let plan = plan::confirmed(&self.workspace, pipeline).await.map_err(internal)?;
        self.record(pipeline, &plan, cause).await
    }
}
