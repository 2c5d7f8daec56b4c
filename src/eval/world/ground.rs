//! The workspace that a talk stands on. A world is laid out once, with everything that it keeps already; every case then
//! works on a copy of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{PastRun, World, connector};
use crate::clock::Clock;
use crate::eval::EvalError;
use crate::events::RunPhase;
use crate::ids::{Actor, RunId, WorkspaceId};
use crate::plan::{self, Draft, Problem, ProposeError};
use crate::runner::state::{RunError, RunState};
use crate::secrets::Vault;
use crate::store::run_logs::LogRow;
use crate::store::runs::{Advance, NewRun};
use crate::store::{self, Store};
use crate::workspace::{NewConnection, Workspace};

/// The file that a store on SQLite is.
const FILE: &str = "towpath.db";

/// A world laid out, from which cases get their copies.
pub(in crate::eval) struct Ground {
    pub world: Arc<World>,
    vault: Arc<Vault>,
    folder: TempDir,
}

/// The workspace of one case. The folder goes when this is dropped.
pub(in crate::eval) struct Copy {
    pub workspace: Workspace,
    pub folder: TempDir,
}

impl Ground {
    /// Lays out a world: its connections, the pipelines that it keeps, and their runs.
    pub(in crate::eval) async fn lay(world: World) -> Result<Self, EvalError> {
        let world = Arc::new(world);
        let vault = Arc::new(Vault::generate().0);
        let folder = folder()?;
        // The pipelines were confirmed at a time when nothing stood in their way, whatever does today.
        let workspace = open(&world, &vault, folder.path(), true).await?;
        for place in &world.connections {
            let new = NewConnection {
                name: place.name.clone(),
                label: place.label.clone(),
                connector: place.connector.clone(),
                config: Map::from_iter([("connection".to_owned(), Value::from(place.name.as_str()))]),
                secrets: BTreeMap::new(),
                roles: Some(place.roles.clone()),
            };
            let added = workspace.add_connection(new).await;
            added.map_err(|error| wrong(&world, format!("connection `{}`: {}", place.name, error.message)))?;
        }
        keep(&world, &workspace).await?;
        for run in &world.runs {
            past(&workspace, run)
                .await
                .map_err(|error| wrong(&world, format!("a run of `{}`: {error}", run.pipeline)))?;
        }
        workspace.store.close().await;
        Ok(Self { world, vault, folder })
    }

    /// A workspace for one case.
    pub(in crate::eval) async fn copy(&self) -> Result<Copy, EvalError> {
        let own = folder()?;
        std::fs::copy(self.folder.path().join(FILE), own.path().join(FILE)).map_err(EvalError::Folder)?;
        let workspace = open(&self.world, &self.vault, own.path(), false).await?;
        Ok(Copy { workspace, folder: own })
    }
}

impl Copy {
    /// Everything that the store's files hold, as bytes.
    pub(in crate::eval) fn bytes(&self) -> Result<Vec<u8>, EvalError> {
        let mut bytes = Vec::new();
        for file in [FILE.to_owned(), format!("{FILE}-wal")] {
            match std::fs::read(self.folder.path().join(file)) {
                Ok(read) => bytes.extend(read),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(EvalError::Folder(error)),
            }
        }
        Ok(bytes)
    }
}

fn wrong(world: &World, what: String) -> EvalError {
    EvalError::World { world: world.name.clone(), what }
}

/// A folder in memory where the system has such a place: a store waits for its disk at every commit.
fn folder() -> Result<TempDir, EvalError> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).map_err(EvalError::Folder)
}

async fn open(world: &Arc<World>, vault: &Arc<Vault>, folder: &Path, lenient: bool) -> Result<Workspace, EvalError> {
    Ok(Workspace {
        id: WorkspaceId::main(),
        store: Store::open_folder(folder).await?,
        catalog: Arc::new(connector::catalog(world, lenient)),
        vault: Arc::clone(vault),
        clock: Clock::manual(world.now),
    })
}

/// Confirms the pipelines that the world keeps, the way a person would.
async fn keep(world: &World, workspace: &Workspace) -> Result<(), EvalError> {
    for kept in &world.pipelines {
        let fail = |what: String| wrong(world, format!("pipeline `{}`: {what}", kept.name));
        let mut draft = kept.plan.clone();
        let members = draft.as_object_mut().ok_or_else(|| fail("its plan is no object".to_owned()))?;
        members.insert("name".to_owned(), Value::from(kept.name.as_str()));
        members.entry("version").or_insert(Value::from(1));
        let proposed = plan::propose(workspace, Draft::from_model(draft), None, None).await;
        let proposed = proposed.map_err(|error| match error {
            ProposeError::Problems(problems) => fail(told(&problems)),
            ProposeError::Store(error) => fail(error.message),
        })?;
        let seen = &proposed.view.destructive;
        let confirmed = plan::confirm(workspace, proposed.plan, &proposed.digest, seen, before()).await;
        confirmed.map_err(|error| fail(error.to_string()))?;
    }
    Ok(())
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect::<Vec<_>>().join(" ")
}

/// Whoever worked here before the talk.
fn before() -> Actor {
    Actor("world".to_owned())
}

/// Writes a run that began before the talk, with its log.
async fn past(workspace: &Workspace, run: &PastRun) -> Result<(), anyhow::Error> {
    let db = workspace.store.pool();
    let pipeline = store::pipelines::by_name(db, &workspace.id.0, &run.pipeline).await?;
    let pipeline = pipeline.ok_or_else(|| anyhow::anyhow!("there is no such pipeline"))?;
    let now = workspace.clock.now();
    let lines = lines(run.log.as_deref().unwrap_or_default(), now);
    let begun = lines.first().map_or(now, |line| line.at);
    let ended = lines.last().map_or(now, |line| line.at);
    let state = state(run, now);
    let id = RunId::new().to_string();
    let new = NewRun {
        id: id.clone(),
        workspace: workspace.id.0.clone(),
        pipeline: pipeline.id,
        plan: pipeline.plan,
        cause: "schedule".to_owned(),
        caused_by: before().0,
        conversation: None,
        state: json!(RunState::Queued).to_string(),
        phase: "queued".to_owned(),
        queued_at: store::stamp(begun),
        lease_owner: before().0,
        lease_until: store::stamp(now + Duration::days(3650)),
    };
    if !store::runs::insert(db, &new).await? {
        anyhow::bail!("another run of it has not ended");
    }
    let to = Advance {
        state: json!(state).to_string(),
        phase: json!(run.state).as_str().unwrap_or_default().to_owned(),
        error: run.error.as_ref().map(|text| json!(error(text)).to_string()),
        receipt: None,
        started_at: Some(store::stamp(begun)),
        finished_at: run.state.is_final().then(|| store::stamp(ended)),
    };
    store::runs::advance(db, &id, 1, &to).await?;
    for (index, line) in lines.iter().enumerate() {
        let row = LogRow {
            seq: i64::try_from(index)? + 1,
            at: store::stamp(line.at),
            level: line.level.to_owned(),
            stage: "transfer".to_owned(),
            stream: None,
            message: line.message.clone(),
        };
        store::run_logs::append(db, &id, &row).await?;
    }
    Ok(())
}

fn state(run: &PastRun, now: DateTime<Utc>) -> RunState {
    let error = || error(run.error.as_deref().unwrap_or("The run failed."));
    match run.state {
        RunPhase::Queued => RunState::Queued,
        RunPhase::Initializing => RunState::Initializing { attempt: 1 },
        RunPhase::Analyzing => RunState::Analyzing { attempt: 1 },
        RunPhase::Transferring | RunPhase::Streaming => RunState::Transferring { attempt: 1 },
        RunPhase::Retrying => RunState::BackingOff { attempt: 1, until: now + Duration::minutes(1), error: error() },
        RunPhase::Cancelling => RunState::Cancelling,
        RunPhase::Completed => RunState::Completed,
        RunPhase::Failed => RunState::Failed { error: error() },
        RunPhase::Cancelled => RunState::Cancelled,
    }
}

/// A file says what a system printed, not what kind of failure that is: finding out is what is measured.
fn error(text: &str) -> RunError {
    RunError { kind: "unknown".to_owned(), message: text.to_owned(), hint: None, stream: None }
}

/// A line of a log.
#[derive(Debug, PartialEq)]
struct Line {
    at: DateTime<Utc>,
    level: &'static str,
    message: String,
}

/// Reads `TIME LEVEL message` lines. A line without a time goes on from the one above it.
fn lines(log: &str, now: DateTime<Utc>) -> Vec<Line> {
    let mut read: Vec<Line> = Vec::new();
    for text in log.lines().filter(|text| !text.trim().is_empty()) {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let Ok(at) = DateTime::parse_from_rfc3339(first) else {
            let (at, level) = read.last().map_or((now, "info"), |line| (line.at, line.level));
            read.push(Line { at, level, message: text.to_owned() });
            continue;
        };
        let (word, message) = rest.split_once(' ').unwrap_or((rest, ""));
        let level = match word {
            "DEBUG" | "TRACE" => Some("debug"),
            "INFO" => Some("info"),
            "WARN" | "WARNING" => Some("warn"),
            "ERROR" | "FATAL" => Some("error"),
            _ => None,
        };
        let message = if level.is_some() { message } else { rest };
        read.push(Line { at: at.to_utc(), level: level.unwrap_or("info"), message: message.to_owned() });
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_line_by_line() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let read = lines("2026-11-20T01:00:00Z ERROR it broke\n  at here\n\n2026-11-20T01:00:01Z so it ended", now);
        let told: Vec<_> = read.iter().map(|line| (line.at.to_rfc3339(), line.level, line.message.as_str())).collect();
        assert_eq!(
            told,
            [
                ("2026-11-20T01:00:00+00:00".to_owned(), "error", "it broke"),
                ("2026-11-20T01:00:00+00:00".to_owned(), "error", "  at here"),
                ("2026-11-20T01:00:01+00:00".to_owned(), "info", "so it ended"),
            ]
        );
    }
}
