//! Fires pipelines when their time comes.
//!
//! A schedule's next fire stands in the store, and firing it is a compare-and-set in the same transaction that queues the
//! run: of two processes one fires, and a process that dies in between loses nothing. Fires that were missed while
//! nothing ran are made up for by one run, never by a burst. A fire that finds the pipeline still running is passed
//! over, and the run's log and the audit log say so. While a pipeline is paused its fires pass, and none is made up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::events::LogLevel;
use crate::ids::{Actor, PipelineId, RunId};
use crate::plan::schedule::Timetable;
use crate::plan::spec::ScheduleSpec;
use crate::plan::{self, Problem};
use crate::runner::{Cause, CauseKind, Runner, StartError};
use crate::store::schedules::ScheduleRow;
use crate::store::{self};
use crate::tasks::Tasks;
use crate::workspace::Workspace;

/// How often due schedules are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How often runs that nobody carries out are looked for.
const SWEEP: Duration = Duration::from_secs(20);
/// Schedules taken at a time.
const BATCH: i64 = 50;

/// Who starts scheduled runs, in the audit log and on the run.
pub const ACTOR: &str = "schedule";

/// Looks for due schedules until the program ends.
#[derive(Clone, Debug)]
pub struct Scheduler {
    workspace: Workspace,
    runner: Runner,
    tasks: Tasks,
}

/// What came of one due schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    Started {
        pipeline: PipelineId,
        run: RunId,
    },
    /// The pipeline was still running.
    StillRunning {
        pipeline: PipelineId,
        run: RunId,
    },
    /// Paused, or a schedule that cannot be read: the fire passed.
    Passed {
        pipeline: PipelineId,
    },
    /// Another process took it.
    Taken {
        pipeline: PipelineId,
    },
}

/// Why a schedule was not set.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("{}", .0.message)]
    Problem(Problem),
    #[error("the workspace's store cannot be read or written")]
    Store(#[from] sqlx::Error),
}

impl Scheduler {
    pub fn new(workspace: Workspace, runner: Runner, tasks: Tasks) -> Self {
        Self { workspace, runner, tasks }
    }

    /// Takes up abandoned runs and fires due schedules, until the program shuts down.
    pub async fn run(&self) {
        let over = self.tasks.cancelled();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sweeps = tokio::time::interval(SWEEP);
        sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = over.cancelled() => return,
                _ = sweeps.tick() => self.runner.recover().await,
                _ = ticks.tick() => {
                    if let Err(error) = self.fire_due().await {
                        tracing::error!(cause = ?error, "due schedules could not be fired");
                    }
                }
            }
        }
    }

    /// Fires every schedule whose time has come, once.
    pub async fn fire_due(&self) -> Result<Vec<Fired>, sqlx::Error> {
        let now = self.workspace.clock.now();
        let due =
            store::schedules::due(self.workspace.store.pool(), &self.workspace.id.0, &store::stamp(now), BATCH).await?;
        let mut fired = Vec::new();
        for row in due {
            let Ok(pipeline) = row.pipeline.parse() else { continue };
            match Box::pin(self.fire(pipeline, &row, now)).await {
                Ok(outcome) => fired.push(outcome),
                // One pipeline's trouble keeps no other from firing.
                Err(error) => tracing::error!(%pipeline, cause = ?error, "a schedule could not be fired"),
            }
        }
        Ok(fired)
    }

    async fn fire(&self, pipeline: PipelineId, row: &ScheduleRow, now: DateTime<Utc>) -> Result<Fired, StartError> {
        let Some(seen) = row.next_fire.as_deref() else { return Ok(Fired::Passed { pipeline }) };
        let timetable =
            serde_json::from_str::<ScheduleSpec>(&row.schedule).ok().and_then(|s| Timetable::parse(&s).ok());
        let missed = timetable.as_ref().map(|table| missed(table, seen, now));
        let (next, missed) = missed.unwrap_or_default();
        let next = next.map(store::stamp);
        let pool = self.workspace.store.pool();
        if row.paused || timetable.is_none() {
            let taken = store::schedules::take(pool, &row.pipeline, seen, next.as_deref(), false).await?;
            return Ok(if taken { Fired::Passed { pipeline } } else { Fired::Taken { pipeline } });
        }
        let plan = match plan::confirmed(&self.workspace, pipeline).await {
            Ok(plan) => plan,
            Err(error) => {
                store::schedules::take(pool, &row.pipeline, seen, next.as_deref(), false).await?;
                self.audit("schedule.failed", pipeline, seen, &error.to_string()).await?;
                return Err(error.into());
            }
        };
        let cause = Cause { kind: CauseKind::Schedule, by: Actor(ACTOR.to_owned()), conversation: None };
        let mut tx = self.workspace.store.begin().await?;
        if !store::schedules::take(&mut *tx, &row.pipeline, seen, next.as_deref(), true).await? {
            return Ok(Fired::Taken { pipeline });
        }
        match self.runner.enqueue(&mut tx, pipeline, &plan, &cause).await {
            Ok(run) => {
                tx.commit().await?;
                self.runner.launch(run, plan).await?;
                if missed > 0 {
                    let times = if missed == 1 { "one fire".to_owned() } else { format!("{missed} fires") };
                    let said =
                        format!("This run also stands for {times} of the schedule that nothing was there to start.");
                    self.runner.note(run, LogLevel::Warn, said).await;
                }
                Ok(Fired::Started { pipeline, run })
            }
            Err(StartError::AlreadyRunning { run }) => {
                tx.commit().await?;
                let said = format!("The schedule's start of {seen} was passed over: this run had not ended.");
                self.runner.note(run, LogLevel::Warn, said.clone()).await;
                self.audit("schedule.skipped", pipeline, seen, &said).await?;
                Ok(Fired::StillRunning { pipeline, run })
            }
            Err(error) => Err(error),
        }
    }

    async fn audit(&self, action: &str, pipeline: PipelineId, due: &str, reason: &str) -> Result<(), sqlx::Error> {
        let object = format!("pipeline:{pipeline}");
        let detail = json!({"due": due, "reason": reason});
        let row = self.workspace.audit_row(&Actor(ACTOR.to_owned()), action, &object, &detail);
        store::audit::append(self.workspace.store.pool(), &self.workspace.id.0, &row).await
    }
}

/// The next fire after now, and how many fires after the one that was seen went by meanwhile.
fn missed(table: &Timetable, seen: &str, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, u64) {
    /// Beyond this the number tells nobody more.
    const MOST: u64 = 10_000;
    let mut at = store::time(seen).unwrap_or(now);
    let mut passed = 0;
    loop {
        match table.next_after(at) {
            // An interval keeps its rhythm; only after an age of silence it starts anew.
            Some(next) if next <= now && passed < MOST => {
                at = next;
                passed += 1;
            }
            Some(next) if next <= now => return (table.next_after(now), passed),
            next => return (next, passed),
        }
    }
}

/// Sets or drops a pipeline's schedule, apart from its plan.
pub async fn set(
    workspace: &Workspace,
    pipeline: PipelineId,
    schedule: Option<&ScheduleSpec>,
) -> Result<(), ScheduleError> {
    let pool = workspace.store.pool();
    let Some(schedule) = schedule else {
        return Ok(store::pipelines::drop_schedule(pool, &pipeline.to_string()).await?);
    };
    let table = Timetable::parse(schedule).map_err(ScheduleError::Problem)?;
    let now = workspace.clock.now();
    let next = table.next_after(now).map(store::stamp);
    let text = json!(schedule).to_string();
    let (pipeline, now) = (pipeline.to_string(), store::stamp(now));
    Ok(store::pipelines::write_schedule(pool, &pipeline, &text, next.as_deref(), &now).await?)
}
