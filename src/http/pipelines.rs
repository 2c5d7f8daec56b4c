//! Confirmed plans that the workspace keeps: run them, schedule them, take them elsewhere.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use super::access::{Caller, Via};
use super::error::{Answer, ApiError};
use super::extract::{Body, List, Named};
use super::plans::Proposed;
use super::runs;
use crate::app::App;
use crate::events::{EndpointView, ProblemView, ScheduleView};
use crate::ids::{Actor, PipelineId, PlanId, RunId};
use crate::plan::schedule::Timetable;
use crate::plan::spec::ScheduleSpec;
use crate::plan::{self, Draft, ProposeError};
use crate::runner::record::RunRecord;
use crate::runner::{Cause, CauseKind};
use crate::schedule::{self, ScheduleError};
use crate::store::pipelines::PipelineRow;
use crate::store::runs::RunQuery;
use crate::store::{self, stamp};

/// Most pipelines that are imported at once.
const IMPORT: usize = 200;

#[derive(Debug, Serialize, ToSchema)]
pub struct PipelineView {
    pub id: String,
    pub name: String,
    pub source: EndpointView,
    pub destination: EndpointView,
    pub streams: Vec<PipelineStream>,
    pub schedule: Option<ScheduleView>,
    pub paused: bool,
    pub last_run: Option<RunRecord>,
    pub version: i64,
    pub created_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PipelineStream {
    pub stream: String,
    pub target: String,
    pub read: String,
    pub write: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    name: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Started {
    #[schema(value_type = String)]
    pub run: RunId,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSchedule {
    /// As in a plan: `{cron, timezone}` or `{every}`; null runs on demand.
    #[schema(value_type = Option<Object>)]
    schedule: Option<ScheduleSpec>,
}

/// Plans to import elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// The format's version: 1.
    pub towpath: u32,
    #[schema(value_type = Vec<Object>)]
    pub pipelines: Vec<Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Import {
    /// As exported.
    #[schema(value_type = Vec<Object>)]
    pub pipelines: Vec<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// One for each pipeline, in order.
    pub plans: Vec<ImportOutcome>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImportOutcome {
    Proposed(Box<Proposed>),
    Refused { problems: Vec<ProblemView> },
}

/// A live pipeline by its id.
pub async fn find(app: &App, id: PipelineId) -> Answer<PipelineRow> {
    let workspace = &app.workspace;
    let row = store::pipelines::get(workspace.store.pool(), &workspace.id.0, &id.to_string()).await?;
    row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| ApiError::not_found("pipeline", id))
}

/// A live pipeline by its id or its name.
pub async fn named(app: &App, word: &str) -> Answer<PipelineRow> {
    if let Ok(id) = word.parse::<PipelineId>() {
        return find(app, id).await;
    }
    let workspace = &app.workspace;
    let row = store::pipelines::by_name(workspace.store.pool(), &workspace.id.0, word).await?;
    row.ok_or_else(|| ApiError::not_found("pipeline", word).suggest("`towpath pipelines list` shows them."))
}

/// The id that a stored pipeline has.
pub fn id_of(row: &PipelineRow) -> Answer<PipelineId> {
    row.id.parse().map_err(|_| ApiError::internal(anyhow::anyhow!("a pipeline's id is not one")))
}

/// A pipeline as clients see it.
pub async fn view(app: &App, row: PipelineRow) -> Answer<PipelineView> {
    let stored = stored_plan(app, &row).await?;
    let timetable = schedule_of(app, &row.id).await?.and_then(|schedule| Timetable::parse(&schedule).ok());
    let last_run = runs::search(app, RunQuery { pipeline: Some(row.id.clone()), limit: 1, ..RunQuery::default() })
        .await?
        .items
        .pop();
    Ok(PipelineView {
        source: stored.view.source,
        destination: stored.view.destination,
        streams: stored
            .view
            .streams
            .into_iter()
            .map(|stream| PipelineStream {
                stream: stream.stream,
                target: stream.target,
                read: stream.read,
                write: stream.write,
            })
            .collect(),
        schedule: timetable.map(|timetable| timetable.view(app.workspace.clock.now())),
        paused: row.paused,
        last_run,
        version: row.version,
        id: row.id,
        name: row.name,
        created_at: row.created_at,
    })
}

/// A pipeline's schedule as it is now; `None` when it runs on demand.
pub async fn schedule_of(app: &App, pipeline: &str) -> Answer<Option<ScheduleSpec>> {
    let row = store::schedules::get(app.workspace.store.pool(), pipeline).await?;
    Ok(row.map(|row| serde_json::from_str::<Option<ScheduleSpec>>(&row.schedule)).transpose()?.flatten())
}

async fn stored_plan(app: &App, row: &PipelineRow) -> Answer<plan::Stored> {
    let id: PlanId = row.plan.parse().map_err(|_| ApiError::internal(anyhow::anyhow!("a plan's id is not one")))?;
    plan::stored(&app.workspace, id).await?.ok_or_else(|| {
        ApiError::conflict("plan_tampered", format!("The stored plan of `{}` is not what was confirmed.", row.name))
            .suggest("Ask for the plan again and confirm the new one.")
    })
}

/// Every live pipeline as clients see it.
pub async fn views(app: &App) -> Answer<Vec<PipelineView>> {
    let workspace = &app.workspace;
    let mut found = Vec::new();
    for row in store::pipelines::all(workspace.store.pool(), &workspace.id.0).await? {
        found.push(view(app, row).await?);
    }
    Ok(found)
}

/// Plans of these pipelines, under the names that they have now.
pub async fn exported(app: &App, rows: Vec<PipelineRow>) -> Answer<Export> {
    let mut pipelines = Vec::new();
    for row in rows {
        let mut spec = stored_plan(app, &row).await?.spec;
        spec.name = row.name;
        pipelines.push(serde_json::to_value(spec)?);
    }
    Ok(Export { towpath: 1, pipelines })
}

/// Proposes exported plans here.
pub async fn imported(app: &App, import: Import) -> Answer<Imported> {
    if import.pipelines.len() > IMPORT {
        return Err(ApiError::bad_request(format!("At most {IMPORT} pipelines are imported at once.")));
    }
    let mut plans = Vec::new();
    for spec in import.pipelines {
        plans.push(match plan::propose(&app.workspace, Draft::from_model(spec), None, None).await {
            Ok(done) => {
                ImportOutcome::Proposed(Box::new(Proposed { plan: done.plan, digest: done.digest, view: done.view }))
            }
            Err(ProposeError::Problems(problems)) => {
                ImportOutcome::Refused { problems: problems.iter().map(Into::into).collect() }
            }
            Err(error @ ProposeError::Store(_)) => return Err(error.into()),
        });
    }
    Ok(Imported { plans })
}

/// Runs a pipeline by the plan that was confirmed.
pub async fn start(app: &App, id: PipelineId, kind: CauseKind, by: Actor) -> Answer<RunId> {
    let run = app.runner.rerun(id, Cause { kind, by: by.clone(), conversation: None }).await?;
    app.record(&by, "run.started", &format!("run:{run}"), json!({"pipeline": id})).await?;
    Ok(run)
}

/// Lets a pipeline's schedule rest, or go on.
pub async fn set_paused(app: &App, id: PipelineId, paused: bool, by: &Actor) -> Answer<()> {
    let now = stamp(app.workspace.clock.now());
    if !store::pipelines::set_paused(app.workspace.store.pool(), &id.to_string(), paused, &now).await? {
        return Err(ApiError::not_found("pipeline", id));
    }
    let action = if paused { "pipeline.paused" } else { "pipeline.resumed" };
    app.record(by, action, &format!("pipeline:{id}"), json!({})).await?;
    Ok(())
}

/// Deletes a pipeline that is not running. What it has written stays.
pub async fn delete(app: &App, id: PipelineId, by: &Actor) -> Answer<()> {
    let row = find(app, id).await?;
    let pool = app.workspace.store.pool();
    if let Some(run) = store::runs::alive(pool, &row.id).await? {
        return Err(ApiError::conflict("pipeline_running", format!("`{}` is running now.", row.name))
            .suggest(format!("Stop run `{run}` first, or wait for its end.")));
    }
    let now = stamp(app.workspace.clock.now());
    let mut tx = app.workspace.store.begin().await?;
    store::pipelines::drop_schedule(&mut *tx, &row.id).await?;
    store::pipelines::delete(&mut *tx, &row.id, &now).await?;
    tx.commit().await?;
    app.record(by, "pipeline.deleted", &format!("pipeline:{id}"), json!({"name": row.name})).await?;
    Ok(())
}

/// GET /api/v1/pipelines
pub async fn list(State(api): State<Api>) -> Answer<Json<List<PipelineView>>> {
    Ok(Json(List::whole(views(&api.app).await?)))
}

/// GET /api/v1/pipelines/{id}
pub async fn show(State(api): State<Api>, Named(id): Named<PipelineId>) -> Answer<Json<PipelineView>> {
    Ok(Json(view(&api.app, find(&api.app, id).await?).await?))
}

/// PATCH /api/v1/pipelines/{id}
pub async fn rename(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<PipelineId>,
    Body(rename): Body<Rename>,
) -> Answer<Json<PipelineView>> {
    let name = rename.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(ApiError::bad_request("A pipeline wants a name of 1 to 200 characters."));
    }
    let workspace = &api.app.workspace;
    let before = find(&api.app, id).await?;
    let mut tx = workspace.store.begin().await?;
    let taken = store::pipelines::by_name(&mut *tx, &workspace.id.0, name).await?;
    if taken.is_some_and(|other| other.id != before.id) {
        return Err(ApiError::conflict("name_taken", format!("Another pipeline is called `{name}`.")));
    }
    store::pipelines::rename(&mut *tx, &before.id, name, &stamp(workspace.clock.now())).await?;
    tx.commit().await?;
    let detail = json!({"from": before.name, "to": name});
    api.app.record(&caller.actor, "pipeline.renamed", &format!("pipeline:{id}"), detail).await?;
    show(State(api), Named(id)).await
}

/// DELETE /api/v1/pipelines/{id}
pub async fn remove(State(api): State<Api>, caller: Caller, Named(id): Named<PipelineId>) -> Answer<StatusCode> {
    delete(&api.app, id, &caller.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// POST /api/v1/pipelines/{id}/run
pub async fn run(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<PipelineId>,
) -> Answer<(StatusCode, Json<Started>)> {
    let kind = match caller.via {
        Via::Session(_) | Via::Terminal => CauseKind::Manual,
        Via::Key(_) => CauseKind::Api,
    };
    let run = start(&api.app, id, kind, caller.actor).await?;
    Ok((StatusCode::ACCEPTED, Json(Started { run })))
}

/// PUT /api/v1/pipelines/{id}/schedule
pub async fn set_schedule(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<PipelineId>,
    Body(wanted): Body<SetSchedule>,
) -> Answer<Json<PipelineView>> {
    let row = find(&api.app, id).await?;
    schedule::set(&api.app.workspace, id, wanted.schedule.as_ref()).await.map_err(|error| match error {
        ScheduleError::Problem(problem) => ApiError::invalid_plan(&[problem]),
        ScheduleError::Store(error) => error.into(),
    })?;
    let detail = json!({"schedule": wanted.schedule});
    api.app.record(&caller.actor, "pipeline.scheduled", &format!("pipeline:{id}"), detail).await?;
    Ok(Json(view(&api.app, row).await?))
}

/// POST /api/v1/pipelines/{id}/pause
pub async fn pause(State(api): State<Api>, caller: Caller, Named(id): Named<PipelineId>) -> Answer<Json<PipelineView>> {
    set_paused(&api.app, id, true, &caller.actor).await?;
    show(State(api), Named(id)).await
}

/// POST /api/v1/pipelines/{id}/resume
pub async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<PipelineId>,
) -> Answer<Json<PipelineView>> {
    set_paused(&api.app, id, false, &caller.actor).await?;
    show(State(api), Named(id)).await
}

/// GET /api/v1/pipelines/{id}/export
pub async fn export(State(api): State<Api>, Named(id): Named<PipelineId>) -> Answer<Json<Export>> {
    let row = find(&api.app, id).await?;
    Ok(Json(exported(&api.app, vec![row]).await?))
}

/// GET /api/v1/pipelines/export
pub async fn export_all(State(api): State<Api>) -> Answer<Json<Export>> {
    let workspace = &api.app.workspace;
    let rows = store::pipelines::all(workspace.store.pool(), &workspace.id.0).await?;
    Ok(Json(exported(&api.app, rows).await?))
}

/// POST /api/v1/pipelines/import
pub async fn import(State(api): State<Api>, Body(import): Body<Import>) -> Answer<Json<Imported>> {
    Ok(Json(imported(&api.app, import).await?))
}
