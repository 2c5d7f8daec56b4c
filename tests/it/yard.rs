//! A workspace on disk with a runner, to move real rows between real systems.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use towpath::catalog::Catalog;
use towpath::clock::Clock;
use towpath::events::RunPhase;
use towpath::events::bus::Bus;
use towpath::ids::{Actor, PipelineId, RunId, WorkspaceId};
use towpath::plan::{self, Draft, ProposeError};
use towpath::runner::{Cause, CauseKind, Runner, record};
use towpath::secrets::{Secret, Vault};
use towpath::store::Store;
use towpath::tasks::Tasks;
use towpath::workspace::{NewConnection, Workspace};

pub(crate) struct Yard {
    pub(crate) folder: PathBuf,
    pub(crate) workspace: Workspace,
    pub(crate) bus: Bus,
    pub(crate) tasks: Tasks,
    pub(crate) runner: Runner,
}

impl Yard {
    /// Opens what is in the folder, as a program that starts there would.
    pub(crate) async fn open(folder: &Path) -> Self {
        let store = crate::server::open_store(folder).await;
        Self::over(folder, store, Clock::System)
    }

    pub(crate) fn over(folder: &Path, store: Store, clock: Clock) -> Self {
        let vault = Arc::new(Vault::open_file(&folder.join("key")).unwrap());
        let catalog = Arc::new(Catalog::native());
        let bus = Bus::new(store.clone(), clock.clone());
        let workspace = Workspace { id: WorkspaceId::main(), store, catalog, vault, clock };
        let tasks = Tasks::new();
        let runner = Runner::new(workspace.clone(), bus.clone(), tasks.clone(), None);
        Self { folder: folder.to_owned(), workspace, bus, tasks, runner }
    }

    pub(crate) async fn connect(&self, name: &str, connector: &str, config: Value) {
        self.connect_with(name, connector, config, &[]).await;
    }

    /// The same with secrets, by their settings' names.
    pub(crate) async fn connect_with(&self, name: &str, connector: &str, config: Value, secrets: &[(&str, &str)]) {
        let Value::Object(config) = config else { panic!("settings are an object") };
        let secrets = secrets.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(*text))).collect();
        let new = NewConnection {
            name: name.to_owned(),
            label: None,
            connector: connector.to_owned(),
            config,
            secrets,
            roles: None,
        };
        self.workspace.add_connection(new).await.unwrap();
    }

    /// A SQLite file of this name in the folder, as a connection of the same name.
    pub(crate) async fn sqlite(&self, name: &str) -> rusqlite::Connection {
        let path = self.folder.join(format!("{name}.db"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("pragma journal_mode = wal; pragma busy_timeout = 10000").unwrap();
        self.connect(name, "sqlite", json!({"path": path})).await;
        connection
    }

    /// Proposes and confirms a plan; what it destroys is acknowledged.
    pub(crate) async fn pipeline(&self, spec: Value) -> PipelineId {
        let kept = self.confirm(spec, None).await;
        kept.pipeline
    }

    /// The same for a plan that revises a pipeline.
    pub(crate) async fn revise(&self, pipeline: PipelineId, spec: Value) {
        self.confirm(spec, Some(pipeline)).await;
    }

    async fn confirm(&self, spec: Value, revises: Option<PipelineId>) -> plan::Kept {
        let proposed = match plan::propose(&self.workspace, Draft::from_model(spec), None, revises).await {
            Ok(proposed) => proposed,
            Err(ProposeError::Problems(problems)) => panic!("{problems:#?}"),
            Err(ProposeError::Store(error)) => panic!("{error:?}"),
        };
        let acknowledged = proposed.view.destructive.clone();
        plan::confirm(&self.workspace, proposed.plan, &proposed.digest, &acknowledged, person()).await.unwrap()
    }

    pub(crate) async fn start(&self, pipeline: PipelineId) -> RunId {
        self.runner.rerun(pipeline, cause()).await.unwrap()
    }

    pub(crate) async fn run(&self, pipeline: PipelineId) -> (RunId, RunPhase) {
        let run = self.start(pipeline).await;
        (run, self.runner.wait(run).await)
    }

    /// A run that is expected to end well, and the part of its receipt that is about the only stream.
    pub(crate) async fn completed(&self, pipeline: PipelineId) -> Value {
        let (run, phase) = self.run(pipeline).await;
        assert_eq!(phase, RunPhase::Completed, "{:?}", self.show(run).await.error);
        self.receipt(run).await["streams"][0].clone()
    }

    pub(crate) async fn show(&self, run: RunId) -> record::RunRecord {
        record::show(&self.workspace, run).await.unwrap().unwrap()
    }

    pub(crate) async fn receipt(&self, run: RunId) -> Value {
        record::receipt(&self.workspace, run).await.unwrap().unwrap()
    }

    /// As if every process that held a run had been silent for long.
    pub(crate) async fn let_leases_end(&self) {
        sqlx::query("update runs set lease_until = '2000-01-01T00:00:00.000000Z' where finished_at is null")
            .execute(self.workspace.store.pool())
            .await
            .unwrap();
    }
}

pub(crate) fn person() -> Actor {
    Actor("ada".to_owned())
}

pub(crate) fn cause() -> Cause {
    Cause { kind: CauseKind::Manual, by: person(), conversation: None }
}

/// A plan with one stream.
#[expect(clippy::needless_pass_by_value, reason = "a plan is written in place")]
pub(crate) fn spec(source: &str, destination: &str, stream: Value) -> Value {
    json!({
        "version": 1, "name": "the test", "source": {"connection": source},
        "destination": {"connection": destination}, "streams": [stream],
    })
}
