//! What carries out the runs that a talk leads to: the runner, or an evaluation that only records them.

use async_trait::async_trait;

use crate::ids::{Actor, PipelineId, RunId};
use crate::plan::{ConfirmedPlan, LoadError};
use crate::runner::{CancelError, Cause, Runner, StartError};

/// Starts and ends runs. Nothing less than a confirmed plan fits.
#[async_trait]
pub trait StartRun: Send + Sync {
    async fn start(&self, pipeline: PipelineId, plan: ConfirmedPlan, cause: Cause) -> Result<RunId, RunRefused>;

    async fn cancel(&self, run: RunId, by: &Actor) -> Result<(), RunRefused>;

    /// Runs a pipeline by the plan that it keeps.
    async fn rerun(&self, pipeline: PipelineId, cause: Cause) -> Result<RunId, RunRefused>;
}

/// Why a run was not started or ended, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunRefused {
    /// Stable, as sent.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    #[source]
    pub source: Option<anyhow::Error>,
}

impl RunRefused {
    pub fn new(code: &'static str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { code, message: message.into(), hint: hint.map(str::to_owned), source: None }
    }

    fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.source = Some(cause.into());
        self
    }
}

#[async_trait]
impl StartRun for Runner {
    async fn start(&self, pipeline: PipelineId, plan: ConfirmedPlan, cause: Cause) -> Result<RunId, RunRefused> {
        Self::start(self, pipeline, plan, cause).await.map_err(start_refused)
    }

    async fn cancel(&self, run: RunId, by: &Actor) -> Result<(), RunRefused> {
        Self::cancel(self, run, by).await.map_err(cancel_refused)
    }

    async fn rerun(&self, pipeline: PipelineId, cause: Cause) -> Result<RunId, RunRefused> {
        Self::rerun(self, pipeline, cause).await.map_err(start_refused)
    }
}

fn start_refused(error: StartError) -> RunRefused {
    match error {
        StartError::AlreadyRunning { run } => RunRefused::new(
            "already_running",
            format!("This pipeline has a run that has not ended: {run}."),
            Some("Wait until it has ended, or stop it first."),
        ),
        StartError::Plan(LoadError::NotFound) => RunRefused::new(
            "pipeline_gone",
            "There is no such pipeline.",
            Some("It may have been deleted; plan it anew."),
        ),
        StartError::Plan(LoadError::Tampered) => RunRefused::new(
            "plan_tampered",
            "The stored plan is not what a person confirmed.",
            Some("Plan it anew and confirm that."),
        ),
        other => RunRefused::new("internal", "The run could not be started.", None).because(other),
    }
}

fn cancel_refused(error: CancelError) -> RunRefused {
    match error {
        CancelError::NotFound => RunRefused::new("run_not_found", "There is no such run.", None),
        CancelError::AlreadyEnded { .. } => RunRefused::new("run_ended", "The run has ended already.", None),
        other => RunRefused::new("internal", "The run could not be stopped.", None).because(other),
    }
}
