//! One table from here to there in a single call, for programs. Whoever holds an API key that may confirm plans is a person's
//! hand: the start is the confirmation, and the audit log says so.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Api;
use super::access::{Caller, Via};
use super::error::{Answer, ApiError};
use super::extract::{Body, Named};
use super::runs;
use crate::events::{RunPhase, StreamProgress};
use crate::ids::RunId;
use crate::plan::{self, Draft};
use crate::runner::record::RunRecord;
use crate::runner::{Cause, CauseKind};
use crate::store;
use crate::workspace::{Connection, Workspace, WorkspaceError};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    source: From,
    destination: Into,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IngestionSource)]
pub(crate) struct From {
    /// The connector, by id or nickname; must be the connection's.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// A connection's id or name.
    connection_id: String,
    /// As discovered; the bare name is enough where it is unmistakable.
    table: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IngestionDestination)]
pub(crate) struct Into {
    /// The connector, by id or nickname; must be the connection's.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// A connection's id or name.
    connection_id: String,
    /// The namespace: dataset, schema.
    #[serde(default)]
    dataset: Option<String>,
    /// The source's name when absent.
    #[serde(default)]
    table: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IngestionOptions)]
pub(crate) struct Options {
    /// `full` (the default), `incremental` or `cdc`.
    #[serde(default)]
    mode: Option<String>,
    /// Rows per batch.
    #[serde(default)]
    batch_size: Option<u64>,
    /// With `incremental`: the column that grows.
    #[serde(default)]
    cursor: Option<String>,
    /// `replace`, `append` or `merge`.
    #[serde(default)]
    write: Option<String>,
    /// With `merge`: what identifies a row.
    #[serde(default)]
    key: Vec<String>,
    /// Tables whose rows may be replaced.
    #[serde(default)]
    acknowledged: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StartedJob {
    /// To ask after at `/api/data-ingestion/status/{job_id}`; it is a run's id.
    job_id: String,
    pipeline: String,
    digest: String,
    status: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobStatus {
    job_id: String,
    phase: RunPhase,
    /// Rows that are durable at the destination.
    rows: u64,
    /// Rows a second: now while it moves rows, and on average once it has ended.
    throughput: f64,
    tables: BTreeMap<String, StreamProgress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobError {
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

/// POST /api/data-ingestion/start
pub(crate) async fn start(
    State(api): State<Api>,
    caller: Caller,
    Body(asked): Body<Start>,
) -> Answer<(StatusCode, Json<StartedJob>)> {
    let workspace = &api.app.workspace;
    let source = connection(workspace, &asked.source.connection_id, asked.source.kind.as_deref()).await?;
    let destination =
        connection(workspace, &asked.destination.connection_id, asked.destination.kind.as_deref()).await?;
    let stream = stream(workspace, &source.name, &asked.source.table).await?;
    let mut spec = spec(&asked, &source.name, &destination.name, &stream);
    let name = spec.get("name").and_then(Value::as_str).unwrap_or_default();
    // The same call again goes on with the same pipeline, so that an incremental read goes on where it stood.
    let before = store::pipelines::by_name(workspace.store.pool(), &workspace.id.0, name).await?;
    let pipeline = before.as_ref().map(super::pipelines::id_of).transpose()?;
    if let Some(row) = &before
        && let Some(schedule) = super::pipelines::schedule_of(&api.app, &row.id).await?
        && let Value::Object(fields) = &mut spec
    {
        fields.insert("schedule".to_owned(), json!(schedule));
    }
    let proposed = plan::propose(workspace, Draft::from_model(spec), None, pipeline).await?;
    let acknowledged = &asked.options.acknowledged;
    let kept = match plan::confirm(workspace, proposed.plan, &proposed.digest, acknowledged, caller.actor.clone()).await
    {
        Ok(kept) => kept,
        Err(error) => {
            plan::withdraw(workspace, proposed.plan, plan::Withdrawal::Dismissed).await?;
            return Err(ApiError::from(error).suggest_ingestion());
        }
    };
    let cause = Cause { kind: CauseKind::Api, by: caller.actor.clone(), conversation: None };
    let run = api.app.runner.start(kept.pipeline, kept.plan, cause).await?;
    let confirmed_by = match caller.via {
        Via::Key(id) => format!("the start itself, by API key {id}"),
        Via::Session(_) | Via::Terminal => "the start itself, by the person signed in".to_owned(),
    };
    let detail = json!({"pipeline": kept.pipeline, "digest": proposed.digest, "confirmed_by": confirmed_by});
    api.app.record(&caller.actor, "ingestion.started", &format!("run:{run}"), detail).await?;
    let job = StartedJob {
        job_id: run.to_string(),
        pipeline: kept.pipeline.to_string(),
        digest: proposed.digest,
        status: format!("/api/data-ingestion/status/{run}"),
    };
    Ok((StatusCode::ACCEPTED, Json(job)))
}

impl ApiError {
    /// What this call's own way of acknowledging is.
    fn suggest_ingestion(self) -> Self {
        if self.code() == "not_acknowledged" {
            self.suggest("Name the tables under `options.acknowledged`, or set `options.write` to `append` or `merge`.")
        } else {
            self
        }
    }
}

async fn connection(workspace: &Workspace, word: &str, kind: Option<&str>) -> Answer<Connection> {
    let connections = workspace.connections().await?;
    let connection = match connections.into_iter().find(|connection| connection.id.to_string() == word) {
        Some(connection) => connection,
        None => workspace.connection(word).await?,
    };
    if let Some(kind) = kind {
        let meant = workspace.catalog.named(kind).map_or_else(|| kind.to_owned(), |about| about.id);
        if meant != connection.connector {
            let detail =
                format!("Connection `{}` is of type `{}`, not `{kind}`.", connection.name, connection.connector);
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_type", detail));
        }
    }
    Ok(connection)
}

/// The stream that a table's name means: as discovered, or the one whose bare name it is.
async fn stream(workspace: &Workspace, connection: &str, table: &str) -> Answer<String> {
    let listed = workspace.source(connection).await?.list().await;
    let listed = listed.map_err(|error| WorkspaceError::connector(connection, error))?;
    if listed.iter().any(|summary| summary.stream == table) {
        return Ok(table.to_owned());
    }
    let bare: Vec<&str> =
        listed.iter().filter(|summary| summary.name == table).map(|summary| summary.stream.as_str()).collect();
    match bare.as_slice() {
        [stream] => Ok((*stream).to_owned()),
        // Validation says which names are near.
        [] => Ok(table.to_owned()),
        several => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "ambiguous_table",
            format!(
                "`{table}` may be {}.",
                several.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
            ),
        )
        .suggest("Write it with its schema.")),
    }
}

fn spec(asked: &Start, source: &str, destination: &str, stream: &str) -> Value {
    let target = asked.destination.table.clone();
    let mut moved = Map::from_iter([("stream".to_owned(), json!(stream))]);
    let mode = asked.options.mode.as_deref().unwrap_or("full");
    moved.insert("read".to_owned(), json!(mode));
    let given = [
        ("target", target.map(Value::from)),
        ("cursor", asked.options.cursor.clone().map(Value::from)),
        ("write", asked.options.write.clone().map(Value::from)),
        ("key", (!asked.options.key.is_empty()).then(|| json!(asked.options.key))),
    ];
    moved.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let mut end = Map::from_iter([("connection".to_owned(), json!(destination))]);
    if let Some(dataset) = &asked.destination.dataset {
        end.insert("namespace".to_owned(), json!(dataset));
    }
    let place = asked.destination.table.as_deref().unwrap_or(stream);
    let place = match &asked.destination.dataset {
        Some(dataset) => format!("{destination}/{dataset}.{place}"),
        None => format!("{destination}/{place}"),
    };
    let mut spec = json!({
        "version": 1,
        "name": format!("{source}/{stream} to {place}"),
        "source": {"connection": source},
        "destination": end,
        "streams": [moved],
    });
    if let (Some(rows), Value::Object(fields)) = (asked.options.batch_size, &mut spec) {
        fields.insert("options".to_owned(), json!({"batch_rows": rows}));
    }
    spec
}

fn throughput(run: &RunRecord) -> f64 {
    let moment = |text: &Option<String>| text.as_deref().and_then(store::time);
    match (moment(&run.started_at), moment(&run.finished_at)) {
        (Some(from), Some(to)) => {
            let seconds = (to - from).as_seconds_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
            let rows = run.rows_written as f64;
            if seconds > 0.0 { (rows / seconds).round() } else { 0.0 }
        }
        _ => run.streams.values().filter(|stream| !stream.done).fold(0.0, |sum, stream| sum + stream.rows_per_second),
    }
}

/// GET /api/data-ingestion/status/{job_id}
pub(crate) async fn status(State(api): State<Api>, Named(id): Named<RunId>) -> Answer<Json<JobStatus>> {
    let run = runs::find(&api.app, id).await?;
    Ok(Json(JobStatus {
        job_id: run.id.to_string(),
        phase: run.phase,
        rows: run.rows_written,
        throughput: throughput(&run),
        tables: run.streams,
        error: run.error.map(|error| JobError { message: error.message, hint: error.hint }),
    }))
}
