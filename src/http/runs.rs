//! Executions of pipelines: how far they are, what they said, what they proved.

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::error::{Answer, ApiError};
use super::extract::{List, Named, Params, limit};
use super::live::{self, After, Frames, Refused};
use crate::app::App;
use crate::events::LogLevel;
use crate::events::bus::Topic;
use crate::ids::RunId;
use crate::runner::record::{self, RunRecord};
use crate::store;
use crate::store::runs::RunQuery;

#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct Search {
    /// A pipeline's id.
    pipeline: Option<String>,
    /// A phase, such as `failed`.
    state: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct LogSearch {
    /// Only lines after this number.
    after: Option<i64>,
    /// `debug`, `info`, `warn` or `error`.
    #[param(value_type = Option<String>)]
    level: Option<LogLevel>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    pub seq: i64,
    pub at: String,
    pub level: String,
    pub stage: String,
    #[serde(default)]
    pub stream: Option<String>,
    pub message: String,
}

impl From<store::run_logs::LogRow> for LogLine {
    fn from(row: store::run_logs::LogRow) -> Self {
        Self { seq: row.seq, at: row.at, level: row.level, stage: row.stage, stream: row.stream, message: row.message }
    }
}

/// A run of this workspace.
pub async fn find(app: &App, id: RunId) -> Answer<RunRecord> {
    record::show(&app.workspace, id).await?.ok_or_else(|| ApiError::not_found("run", id))
}

/// Runs, the newest first.
pub async fn search(app: &App, query: RunQuery) -> Answer<List<RunRecord>> {
    let items = record::list(&app.workspace, &query).await?;
    let full = i64::try_from(items.len()).is_ok_and(|found| found == query.limit);
    let next = items.last().filter(|_| full).map(|run| run.id.to_string());
    Ok(List { items, next })
}

/// The receipt of a run, as it was signed.
pub async fn receipt_of(app: &App, id: RunId) -> Answer<String> {
    let run = find(app, id).await?;
    let receipt = store::runs::receipt(app.workspace.store.pool(), &app.workspace.id.0, &id.to_string()).await?;
    receipt.ok_or_else(|| {
        let error = ApiError::new(StatusCode::NOT_FOUND, "no_receipt", "This run has no receipt.");
        if run.phase.is_final() {
            error.suggest("A run leaves one when it completes; this one did not.")
        } else {
            error.suggest("It is written when the run completes.")
        }
    })
}

/// GET /api/v1/runs
pub async fn list(State(api): State<Api>, Params(asked): Params<Search>) -> Answer<Json<List<RunRecord>>> {
    let limit = i64::try_from(limit(asked.limit)).unwrap_or(i64::MAX);
    let query = RunQuery { pipeline: asked.pipeline, phase: asked.state, after: asked.after, limit };
    Ok(Json(search(&api.app, query).await?))
}

/// GET /api/v1/runs/{id}
pub async fn show(State(api): State<Api>, Named(id): Named<RunId>) -> Answer<Json<RunRecord>> {
    Ok(Json(find(&api.app, id).await?))
}

/// GET /api/v1/runs/{id}/logs
pub async fn logs(
    State(api): State<Api>,
    Named(id): Named<RunId>,
    Params(asked): Params<LogSearch>,
) -> Answer<Json<List<LogLine>>> {
    find(&api.app, id).await?;
    let limit = limit(asked.limit);
    let level = asked.level.map(|level| format!("{level:?}").to_lowercase());
    let rows = store::run_logs::after(
        api.app.workspace.store.pool(),
        &id.to_string(),
        asked.after.unwrap_or(0),
        level.as_deref(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .await?;
    let items: Vec<LogLine> = rows.into_iter().map(Into::into).collect();
    let next = items.last().filter(|_| items.len() == limit).map(|line| line.seq.to_string());
    Ok(Json(List { items, next }))
}

/// GET /api/v1/runs/{id}/receipt
pub async fn receipt(State(api): State<Api>, Named(id): Named<RunId>) -> Answer<Response> {
    // Sent as it was signed, to the byte.
    let receipt = receipt_of(&api.app, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], receipt).into_response())
}

/// POST /api/v1/runs/{id}/cancel
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<RunId>,
) -> Answer<(StatusCode, Json<RunRecord>)> {
    find(&api.app, id).await?;
    api.app.cancel_run(id, &caller.actor).await?;
    Ok((StatusCode::ACCEPTED, Json(find(&api.app, id).await?)))
}

/// GET /api/v1/runs/{id}/stream
pub async fn stream(
    State(api): State<Api>,
    Named(id): Named<RunId>,
    Params(after): Params<After>,
    headers: HeaderMap,
) -> Answer<Response> {
    find(&api.app, id).await?;
    live::stream(&api, &headers, Topic::Run(id), after).await
}

/// GET /api/v1/runs/{id}/ws
pub async fn socket(
    State(api): State<Api>,
    Named(id): Named<RunId>,
    Params(after): Params<After>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    find(&api.app, id).await?;
    let frames: Frames = std::sync::Arc::new(|_| {
        let refused = Refused {
            code: "bad_request".to_owned(),
            message: "A run's socket takes no frames.".to_owned(),
            suggestion: Some("Use `POST /api/v1/runs/{id}/cancel` to stop it.".to_owned()),
        };
        futures::stream::iter([refused]).boxed()
    });
    Ok(live::socket(&api, upgrade, Topic::Run(id), after, frames))
}
