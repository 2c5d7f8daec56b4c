//! Rows that could not be written, kept with the reason, to be tried again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::error::{Answer, ApiError, sentence};
use super::extract::{Body, List, Named, Params, limit};
use crate::ids::RunId;
use crate::runner::quarantine::{self, QuarantineRecord, ReplayError, Replayed};
use crate::store::quarantine::QuarantineQuery;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Search {
    run: Option<String>,
    pipeline: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    #[schema(value_type = String)]
    run: RunId,
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        let (status, code) = match &error {
            ReplayError::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ReplayError::AlreadyReplayed { .. } => (StatusCode::CONFLICT, "already_replayed"),
            ReplayError::Running { .. } => (StatusCode::CONFLICT, "already_running"),
            ReplayError::Plan(_) => {
                return match error {
                    ReplayError::Plan(error) => error.into(),
                    error => Self::internal(error),
                };
            }
            ReplayError::Keys(_) | ReplayError::Store(_) => return Self::internal(error),
            ReplayError::System(_) => (StatusCode::BAD_GATEWAY, "replay_failed"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "not_replayable"),
        };
        Self::new(status, code, sentence(&error.to_string()))
    }
}

/// GET /api/v1/quarantine
pub(crate) async fn list(
    State(api): State<Api>,
    Params(search): Params<Search>,
) -> Answer<Json<List<QuarantineRecord>>> {
    let limit = limit(search.limit);
    let query = QuarantineQuery {
        run: search.run,
        pipeline: search.pipeline,
        after: search.after,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };
    let items = quarantine::list(&api.app.workspace, &query).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|row| row.id.clone());
    Ok(Json(List { items, next }))
}

/// POST /api/v1/quarantine/replay
pub(crate) async fn replay_run(
    State(api): State<Api>,
    caller: Caller,
    Body(of): Body<OfRun>,
) -> Answer<Json<Replayed>> {
    super::runs::find(&api.app, of.run).await?;
    let done = quarantine::replay_run(&api.app.workspace, of.run).await?;
    let detail = json!({"written": done.written, "left": done.left.len()});
    api.app.record(&caller.actor, "quarantine.replayed", &format!("run:{}", of.run), detail).await?;
    Ok(Json(done))
}

/// POST /api/v1/quarantine/{id}/replay
pub(crate) async fn replay_row(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<String>,
) -> Answer<Json<Replayed>> {
    quarantine::replay(&api.app.workspace, &id).await?;
    api.app.record(&caller.actor, "quarantine.replayed", &format!("row:{id}"), json!({"written": 1})).await?;
    Ok(Json(Replayed { written: 1, left: Vec::new() }))
}
