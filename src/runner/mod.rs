//! Carries confirmed plans out: read, map, write, commit, and prove what arrived.
//!
//! [`Runner::start`] is the only way in, and takes a [`ConfirmedPlan`]; nothing less has a type that fits.

mod admission;
mod analysis;
mod backoff;
mod boundary;
mod canonical;
mod cast;
mod checkpoint;
mod checksum;
mod drift;
mod execution;
mod failure;
mod journal;
mod keyset;
mod mapper;
mod mask;
mod progress;
pub mod quarantine;
mod ranges;
pub mod receipt;
pub mod record;
mod room;
mod row_text;
mod stage;
pub mod state;
mod store_journal;
mod sync;
mod systems;
pub mod trace;
mod verify;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use self::admission::Memory;
use self::execution::{Abandoned, Execution, Order, Parts, Signals, announce_phase};
use self::journal::{Entry, Journal as _, JournalError};
use self::state::{Happening, RunState, phase_word};
use self::store_journal::StoreJournal;
use crate::connectors::ErrorKind;
use crate::events::bus::Bus;
use crate::events::{Event, LogLevel, RunPhase};
use crate::ids::{Actor, ConversationId, PipelineId, PlanId, RunId};
use crate::plan::{self, ConfirmedPlan};
use crate::store::runs::NewRun;
use crate::store::{self, Tx};
use crate::tasks::Tasks;
use crate::workspace::Workspace;
use crate::workspace::keys::{KeyError, WorkspaceKeys};

/// How often a run of another process is looked at while somebody waits for it.
const LOOK: Duration = Duration::from_millis(200);

/// Starts runs and looks after them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    workspace: Workspace,
    journal: Arc<StoreJournal>,
    tasks: Tasks,
    memory: Memory,
    /// Runs that this process carries out.
    live: Mutex<HashMap<RunId, CancellationToken>>,
    /// Woken when one of them ends.
    ended: Notify,
}

/// Why a run is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub kind: CauseKind,
    pub by: Actor,
    /// The talk that hears of the run, besides the run's own topic.
    pub conversation: Option<ConversationId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A person confirmed the plan and wanted it run at once.
    Confirm,
    Schedule,
    Manual,
    Api,
}

impl CauseKind {
    /// As the store and the wire spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Api => "api",
        }
    }
}

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A pipeline has one run at a time.
    #[error("this pipeline has a run that has not ended")]
    AlreadyRunning { run: RunId },
    #[error("this plan was confirmed for another pipeline")]
    OtherPipeline,
    #[error(transparent)]
    Plan(#[from] plan::LoadError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the workspace's store cannot be read or written")]
    Store(#[from] sqlx::Error),
    #[error("the run cannot be written down")]
    Malformed(#[from] serde_json::Error),
}

/// Why a run was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("there is no such run")]
    NotFound,
    #[error("the run has ended already: it is {}", phase_word(*.phase))]
    AlreadyEnded { phase: RunPhase },
    #[error("the workspace's store cannot be read or written")]
    Store(#[source] anyhow::Error),
}

impl From<JournalError> for CancelError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Gone => Self::NotFound,
            other => Self::Store(other.into()),
        }
    }
}

impl Runner {
    /// `memory`: bytes for the rows of all runs, by the machine when absent. Runs that do not fit wait for their turn.
    pub fn new(workspace: Workspace, bus: Bus, tasks: Tasks, memory: Option<usize>) -> Self {
        let owner = uuid::Uuid::new_v4().to_string();
        let journal = Arc::new(StoreJournal::new(workspace.clone(), bus, owner));
        let memory =
            memory.map_or_else(Memory::of_machine, |bytes| Memory::of(u64::try_from(bytes).unwrap_or(u64::MAX)));
        let inner = Inner { workspace, journal, tasks, memory, live: Mutex::default(), ended: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a run of a pipeline by a plan that a person confirmed. The only way in: a plan that was merely validated
    /// does not fit.
    ///
    /// ```compile_fail
    /// # use towpath::{runner::{Cause, Runner}, plan::ValidatedPlan, ids::PipelineId};
    /// # async fn f(runner: Runner, pipeline: PipelineId, validated: ValidatedPlan, cause: Cause) {
    /// runner.start(pipeline, validated, cause).await;
    /// # }
    /// ```
    pub async fn start(&self, pipeline: PipelineId, plan: ConfirmedPlan, cause: Cause) -> Result<RunId, StartError> {
        let mut tx = self.inner.workspace.store.begin().await?;
        let run = self.enqueue(&mut tx, pipeline, &plan, &cause).await?;
        tx.commit().await?;
        self.launch(run, plan).await?;
        Ok(run)
    }

    /// Starts a run of a pipeline by the plan that it keeps.
    pub async fn rerun(&self, pipeline: PipelineId, cause: Cause) -> Result<RunId, StartError> {
        let plan = plan::confirmed(&self.inner.workspace, pipeline).await?;
        self.start(pipeline, plan, cause).await
    }

    /// Writes a run down in a transaction of the caller's, who calls [`Runner::launch`] once it is committed. Should the
    /// process die in between, the next one takes the run up.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut Tx,
        pipeline: PipelineId,
        plan: &ConfirmedPlan,
        cause: &Cause,
    ) -> Result<RunId, StartError> {
        let plan_id = match (plan.pipeline(), plan.plan_id()) {
            (Some(kept), Some(id)) if kept == pipeline => id,
            _ => return Err(StartError::OtherPipeline),
        };
        let run = RunId::new();
        let journal = &self.inner.journal;
        let row = NewRun {
            id: run.to_string(),
            workspace: self.inner.workspace.id.0.clone(),
            pipeline: pipeline.to_string(),
            plan: plan_id.to_string(),
            cause: cause.kind.word().to_owned(),
            caused_by: cause.by.0.clone(),
            conversation: cause.conversation.map(|id| id.to_string()),
            state: serde_json::to_string(&RunState::Queued)?,
            phase: phase_word(RunPhase::Queued).to_owned(),
            queued_at: store::stamp(self.inner.workspace.clock.now()),
            lease_owner: journal.owner().to_owned(),
            lease_until: journal.lease_until(),
        };
        if store::runs::insert(&mut **tx, &row).await? {
            return Ok(run);
        }
        let alive = store::runs::alive(&mut **tx, &pipeline.to_string()).await?;
        match alive.and_then(|id| id.parse().ok()) {
            Some(run) => Err(StartError::AlreadyRunning { run }),
            // It ended between the two questions, or the pipeline is gone.
            None => Err(StartError::Store(sqlx::Error::RowNotFound)),
        }
    }

    /// Carries out a run that was written down and whose lease this process holds.
    pub(crate) async fn launch(&self, run: RunId, plan: ConfirmedPlan) -> Result<(), StartError> {
        let entry = match self.inner.journal.load(run).await {
            Ok(entry) => entry,
            Err(JournalError::Store(error)) => return Err(error.into()),
            Err(_) => return Err(StartError::Store(sqlx::Error::RowNotFound)),
        };
        announce_phase(self.inner.journal.as_ref(), &entry).await;
        self.carry_out(entry, &plan).await
    }

    async fn carry_out(&self, entry: Entry, plan: &ConfirmedPlan) -> Result<(), StartError> {
        let keys = WorkspaceKeys::open(&self.inner.workspace).await?;
        let run = entry.run;
        let signals = Signals { cancel: CancellationToken::new(), shut_down: self.inner.tasks.cancelled() };
        self.live().insert(run, signals.cancel.clone());
        let execution = Execution::new(Parts {
            entry,
            order: Arc::new(Order::of(plan)),
            journal: Arc::clone(&self.inner.journal) as Arc<dyn journal::Journal>,
            systems: Arc::new(self.inner.workspace.clone()),
            clock: self.inner.workspace.clock.clone(),
            keys,
            signals,
            memory: self.inner.memory.clone(),
        });
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn("run", async move {
            match execution.drive().await {
                Ok(phase) => tracing::info!(%run, phase = phase_word(phase), "let go of the run"),
                // The lease ends by itself; then the run is taken up again, here or elsewhere.
                Err(Abandoned::LeaseLost) => tracing::warn!(%run, "another process carries the run out"),
                Err(Abandoned::Journal(error)) => {
                    tracing::error!(%run, cause = ?error, "the run was let go of: its journal failed");
                }
            }
            inner.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
            inner.ended.notify_waiters();
        });
        Ok(())
    }

    /// Ends a run. It has ceased within five seconds, whatever its systems do; what was committed stays.
    pub async fn cancel(&self, run: RunId, by: &Actor) -> Result<(), CancelError> {
        let journal = &self.inner.journal;
        let entry = loop {
            let mut entry = journal.load(run).await?;
            let phase = entry.state.phase();
            if phase.is_final() {
                return Err(CancelError::AlreadyEnded { phase });
            }
            // A run that nobody carries out has nothing to cease.
            let abandoned = !self.live().contains_key(&run) && journal.claim(run).await?;
            let mut next = entry
                .state
                .clone()
                .next(Happening::CancelRequested)
                .map_err(|refused| CancelError::AlreadyEnded { phase: refused.phase })?;
            if abandoned && next == RunState::Cancelling {
                next = RunState::Cancelled;
            }
            match journal.advance(run, entry.version, &next, None).await {
                Ok(version) => {
                    entry.version = version;
                    entry.state = next;
                    break entry;
                }
                Err(JournalError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        };
        let message = format!("Cancelled by {by}.");
        let stage = phase_word(RunPhase::Cancelling).to_owned();
        let said = Event::RunLog { run, level: LogLevel::Info, stage, stream: None, message };
        journal.announce(&entry, said).await;
        announce_phase(journal.as_ref(), &entry).await;
        let phase = entry.state.phase();
        if phase.is_final() {
            journal.announce(&entry, Event::RunFinished { run, phase, receipt: None }).await;
        }
        if let Some(signal) = self.live().get(&run) {
            signal.cancel();
        }
        self.inner.ended.notify_waiters();
        Ok(())
    }

    /// Takes up every run that nobody carries out: queued by a process that died, or left when its lease ended. For the
    /// start of the program, and every now and then.
    pub async fn recover(&self) {
        let now = store::stamp(self.inner.workspace.clock.now());
        let rows =
            match store::runs::abandoned(self.inner.workspace.store.pool(), &self.inner.workspace.id.0, &now).await {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::error!(cause = ?error, "abandoned runs cannot be looked for");
                    return;
                }
            };
        for row in rows {
            if let Err(error) = self.take_up(&row).await {
                tracing::error!(run = row.id, cause = ?error, "a run could not be taken up");
            }
        }
    }

    async fn take_up(&self, row: &store::runs::RunRow) -> Result<(), StartError> {
        let Ok(entry) = store_journal::entry(row) else { return Err(StartError::Store(sqlx::Error::RowNotFound)) };
        let run = entry.run;
        // A machine that slept finds its own leases over; the run goes on all the same.
        if self.live().contains_key(&run) {
            return Ok(());
        }
        match self.inner.journal.claim(run).await {
            Ok(true) => {}
            // Another process was faster.
            Ok(false) => return Ok(()),
            Err(JournalError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(()),
        }
        let plan = match row.plan.parse::<PlanId>() {
            Ok(plan) => plan::offer::confirmed_version(&self.inner.workspace, entry.pipeline, plan).await,
            Err(_) => Err(plan::LoadError::NotFound),
        };
        match plan {
            Ok(plan) => self.carry_out(entry, &plan).await,
            Err(error) => {
                self.give_up(entry, &error.to_string()).await;
                Err(error.into())
            }
        }
    }

    /// Ends a run whose plan cannot be had.
    async fn give_up(&self, mut entry: Entry, message: &str) {
        let failure = failure::Failure::new(ErrorKind::Config, format!("The run cannot go on: {message}."));
        let error = failure.shown();
        let state = if entry.state == RunState::Cancelling { RunState::Cancelled } else { RunState::Failed { error } };
        let journal = &self.inner.journal;
        if let Ok(version) = journal.advance(entry.run, entry.version, &state, None).await {
            (entry.version, entry.state) = (version, state);
            announce_phase(journal.as_ref(), &entry).await;
            let finished = Event::RunFinished { run: entry.run, phase: entry.state.phase(), receipt: None };
            journal.announce(&entry, finished).await;
        }
    }

    /// Waits for a run's end, wherever it is carried out. A run that there is not counts as failed.
    pub async fn wait(&self, run: RunId) -> RunPhase {
        loop {
            let ended = self.inner.ended.notified();
            match self.inner.journal.load(run).await {
                Ok(entry) if entry.state.phase().is_final() => return entry.state.phase(),
                Err(JournalError::Gone) => return RunPhase::Failed,
                // The store may be back; a run that goes on is looked at again.
                Ok(_) | Err(_) => {}
            }
            let _ = tokio::time::timeout(LOOK, ended).await;
        }
    }

    /// Says something in a run's log.
    pub(crate) async fn note(&self, run: RunId, level: LogLevel, message: String) {
        if let Ok(entry) = self.inner.journal.load(run).await {
            let stage = phase_word(entry.state.phase()).to_owned();
            let said = Event::RunLog { run, level, stage, stream: None, message };
            self.inner.journal.announce(&entry, said).await;
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, CancellationToken>> {
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
