//! A world made into a workspace: a store of its own, connections, pipelines and runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value, json};

use super::recorder::{WorldConnector, about};
use super::world::{World, WorldPipeline, WorldRun};
use crate::catalog::{Catalog, Role};
use crate::clock::Clock;
use crate::connectors::{ConnectorKind, DynConnector};
use crate::ids::{Actor, PipelineId, PlanId, RunId, WorkspaceId};
use crate::plan::{self, Draft, ProposeError};
use crate::runner::state::{RunError, RunState};
use crate::secrets::Vault;
use crate::store::pipelines::PipelineRow;
use crate::store::plans::PlanRow;
use crate::store::run_logs::LogRow;
use crate::store::runs::{Advance, NewRun};
use crate::store::{self, Store};
use crate::workspace::{NewConnection, Workspace};

/// Connectors that every evaluation knows, whether or not the world has a connection of them.
const CONNECTORS: &[(&str, &str, ConnectorKind)] = &[
    ("postgres", "PostgreSQL", ConnectorKind::Database),
    ("mysql", "MySQL", ConnectorKind::Database),
    ("mssql", "Microsoft SQL Server", ConnectorKind::Database),
    ("mongodb", "MongoDB", ConnectorKind::Database),
    ("sqlite", "SQLite", ConnectorKind::Database),
    ("duckdb", "DuckDB", ConnectorKind::Warehouse),
    ("clickhouse", "ClickHouse", ConnectorKind::Warehouse),
    ("bigquery", "BigQuery", ConnectorKind::Warehouse),
    ("snowflake", "Snowflake", ConnectorKind::Warehouse),
    ("redshift", "Amazon Redshift", ConnectorKind::Warehouse),
    ("databricks", "Databricks", ConnectorKind::Warehouse),
    ("s3", "Amazon S3", ConnectorKind::ObjectStorage),
    ("gcs", "Google Cloud Storage", ConnectorKind::ObjectStorage),
    ("azure_blob", "Azure Blob Storage", ConnectorKind::ObjectStorage),
    ("files", "Local files", ConnectorKind::Files),
    ("iceberg", "Apache Iceberg", ConnectorKind::ObjectStorage),
    ("kafka", "Apache Kafka", ConnectorKind::Stream),
    ("http", "HTTP API", ConnectorKind::Saas),
    ("stripe", "Stripe", ConnectorKind::Saas),
    ("hubspot", "HubSpot", ConnectorKind::Saas),
    ("github", "GitHub", ConnectorKind::Saas),
    ("salesforce", "Salesforce", ConnectorKind::Saas),
    ("zendesk", "Zendesk", ConnectorKind::Saas),
    ("shopify", "Shopify", ConnectorKind::Saas),
    ("jira", "Jira", ConnectorKind::Saas),
    ("google_sheets", "Google Sheets", ConnectorKind::Saas),
    ("google_analytics", "Google Analytics", ConnectorKind::Saas),
    ("slack", "Slack", ConnectorKind::Saas),
    ("notion", "Notion", ConnectorKind::Saas),
    ("airtable", "Airtable", ConnectorKind::Saas),
    ("intercom", "Intercom", ConnectorKind::Saas),
];

/// Every connector of an evaluation.
fn catalog(world: &Arc<World>) -> Catalog {
    let mut known: BTreeMap<String, Arc<dyn DynConnector>> = BTreeMap::new();
    for (id, name, kind) in CONNECTORS {
        let writes = *kind != ConnectorKind::Saas || world.connections.iter().any(|connection| connection.connector == *id && connection.roles.contains(&Role::Destination));
        let connector = WorldConnector { about: about(id, name, *kind, true, writes), world: Arc::clone(world) };
        known.insert((*id).to_owned(), Arc::new(connector));
    }
    for connection in &world.connections {
        let id = &connection.connector;
        if !known.contains_key(id) {
            let connector = WorldConnector { about: about(id, id, ConnectorKind::Saas, true, true), world: Arc::clone(world) };
            known.insert(id.clone(), Arc::new(connector));
        }
    }
    Catalog::of(known.into_values())
}

/// Makes a workspace of a world, in a folder of its own.
pub(super) async fn workspace(world: &Arc<World>, folder: &Path) -> anyhow::Result<Workspace> {
    let store = Store::open_folder(folder).await.context("the evaluation's store")?;
    let workspace = Workspace {
        id: WorkspaceId::main(),
        store,
        catalog: Arc::new(catalog(world)),
        vault: Arc::new(Vault::generate().0),
        clock: Clock::manual(world.now),
    };
    for connection in &world.connections {
        let mut config = Map::new();
        config.insert("connection".to_owned(), json!(connection.name));
        let new = NewConnection {
            name: connection.name.clone(),
            label: connection.label.clone(),
            connector: connection.connector.clone(),
            config,
            secrets: BTreeMap::new(),
            roles: Some(connection.roles.clone()),
        };
        workspace.add_connection(new).await.map_err(|error| anyhow!("connection `{}`: {error}", connection.name))?;
    }
    let mut pipelines = BTreeMap::new();
    for pipeline in &world.pipelines {
        let kept = keep(&workspace, pipeline).await.with_context(|| format!("pipeline `{}`", pipeline.name))?;
        pipelines.insert(pipeline.name.clone(), kept);
    }
    for run in &world.runs {
        let (pipeline, plan) = pipelines.get(&run.pipeline).with_context(|| format!("a run of the unknown pipeline `{}`", run.pipeline))?;
        add_run(&workspace, run, pipeline, plan).await?;
    }
    Ok(workspace)
}

/// Keeps a plan as a pipeline, as if a person had confirmed it.
async fn keep(workspace: &Workspace, pipeline: &WorldPipeline) -> anyhow::Result<(String, String)> {
    let mut document = pipeline.plan.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.entry("version").or_insert(json!(1));
        fields.insert("name".to_owned(), json!(pipeline.name));
    }
    let kept = match plan::propose(workspace, Draft::from_model(document.clone()), None, None).await {
        Ok(proposed) => {
            let kept = plan::confirm(workspace, proposed.plan, &proposed.digest, &proposed.view.destructive, Actor("world".to_owned())).await?;
            (kept.pipeline.to_string(), proposed.plan.to_string())
        }
        // A plan that would be refused today may have been confirmed before: the workspace holds it all the same.
        Err(ProposeError::Problems(_)) => raw_pipeline(workspace, &pipeline.name, &document).await?,
        Err(error) => return Err(error.into()),
    };
    if pipeline.paused {
        let db = workspace.store.pool();
        store::pipelines::set_paused(db, &kept.0, true, &store::stamp(workspace.clock.now())).await?;
    }
    Ok(kept)
}

async fn raw_pipeline(workspace: &Workspace, name: &str, document: &Value) -> anyhow::Result<(String, String)> {
    let db = workspace.store.pool();
    let at = store::stamp(workspace.clock.now());
    let (plan, pipeline) = (PlanId::new().to_string(), PipelineId::new().to_string());
    let row = PlanRow {
        id: plan.clone(),
        conversation: None,
        pipeline: Some(pipeline.clone()),
        digest: "of another time".to_owned(),
        document: json!({"spec": document}).to_string(),
        state: "confirmed".to_owned(),
        confirmation: None,
        created_at: at.clone(),
    };
    store::plans::insert(db, &workspace.id.0, &row).await?;
    let row = PipelineRow { id: pipeline.clone(), name: name.to_owned(), plan: plan.clone(), version: 1, paused: false, deleted_at: None, created_at: at.clone(), updated_at: at };
    store::pipelines::insert(db, &workspace.id.0, &row).await?;
    Ok((pipeline, plan))
}

async fn add_run(workspace: &Workspace, run: &WorldRun, pipeline: &str, plan: &str) -> anyhow::Result<()> {
    let db = workspace.store.pool();
    let id = RunId::new().to_string();
    let at = store::stamp(workspace.clock.now());
    let message = match &run.error {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => other.get("message").and_then(Value::as_str).map(str::to_owned).or_else(|| Some(other.to_string())),
        None => None,
    };
    let error = message.map(|message| RunError { kind: kind(run), message, hint: None, stream: None });
    let (state, phase) = match run.state.as_str() {
        "completed" | "succeeded" => (RunState::Completed, "completed"),
        "failed" => {
            let error = error.clone().unwrap_or(RunError { kind: kind(run), message: "The run failed.".to_owned(), hint: None, stream: None });
            (RunState::Failed { error }, "failed")
        }
        "cancelled" => (RunState::Cancelled, "cancelled"),
        "queued" => (RunState::Queued, "queued"),
        "streaming" => (RunState::Transferring { attempt: 1 }, "streaming"),
        _ => (RunState::Transferring { attempt: 1 }, "transferring"),
    };
    let new = NewRun {
        id: id.clone(),
        workspace: workspace.id.0.clone(),
        pipeline: pipeline.to_owned(),
        plan: plan.to_owned(),
        cause: "schedule".to_owned(),
        caused_by: "world".to_owned(),
        conversation: None,
        state: json!(RunState::Queued).to_string(),
        phase: "queued".to_owned(),
        queued_at: at.clone(),
        lease_owner: "world".to_owned(),
        lease_until: at.clone(),
    };
    store::runs::insert(db, &new).await?;
    let ended = matches!(phase, "completed" | "failed" | "cancelled");
    let to = Advance {
        state: json!(state).to_string(),
        phase: phase.to_owned(),
        error: error.map(|error| json!(error).to_string()),
        receipt: None,
        started_at: Some(at.clone()),
        finished_at: ended.then(|| at.clone()),
    };
    store::runs::advance(db, &id, 1, &to).await?;
    for row in lines(run, &at) {
        store::run_logs::append(db, &id, &row).await?;
    }
    Ok(())
}

fn kind(run: &WorldRun) -> String {
    run.error.as_ref().and_then(|error| error.get("kind")).and_then(Value::as_str).unwrap_or("bug").to_owned()
}

/// A block of text as lines of a log. A line without a level has that of the line before; a failed run's are errors.
fn lines(run: &WorldRun, at: &str) -> Vec<LogRow> {
    let mut level = if run.state == "failed" { "error" } else { "info" };
    let text = run.log.as_deref().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let upper = line.to_uppercase();
            let has = |word: &str| upper.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == word);
            if has("ERROR") || has("FATAL") || has("PANIC") || has("EXCEPTION") || has("CRITICAL") {
                level = "error";
            } else if has("WARN") || has("WARNING") {
                level = "warn";
            } else if has("INFO") || has("DEBUG") || has("NOTICE") {
                level = "info";
            }
            LogRow { seq: 0, at: at.to_owned(), level: level.to_owned(), stage: "transferring".to_owned(), stream: None, message: line.to_owned() }
        })
        .collect()
}
