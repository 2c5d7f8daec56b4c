//! Rows that could not be written, kept with the reason.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::error::{Answer, ApiError};
use super::extract::{Body, List, Named, Params, limit};
use crate::ids::RunId;
use crate::store;
use crate::store::quarantine::{QuarantineQuery, QuarantineRow};

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Search {
    run: Option<String>,
    pipeline: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowView {
    id: String,
    run: String,
    pipeline: String,
    stream: String,
    code: String,
    reason: String,
    /// Where it stood: a line, a key.
    position: String,
    /// The row as JSON text.
    row: Option<String>,
    at: String,
    replayed_at: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    #[schema(value_type = String)]
    run: RunId,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Replayed {
    /// Rows that are at the destination now.
    written: u64,
    /// Rows that were refused again.
    refused: u64,
}

/// GET /api/v1/quarantine
pub(crate) async fn list(State(api): State<Api>, Params(search): Params<Search>) -> Answer<Json<List<RowView>>> {
    let workspace = &api.app.workspace;
    let limit = limit(search.limit);
    let query = QuarantineQuery {
        run: search.run,
        pipeline: search.pipeline,
        after: search.after,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };
    let rows = store::quarantine::list(workspace.store.pool(), &workspace.id.0, &query).await?;
    let items: Vec<RowView> = rows.into_iter().map(view).collect();
    let next = items.last().filter(|_| items.len() == limit).map(|row| row.id.clone());
    Ok(Json(List { items, next }))
}

fn view(row: QuarantineRow) -> RowView {
    RowView {
        id: row.id,
        run: row.run,
        pipeline: row.pipeline,
        stream: row.stream,
        code: row.code,
        reason: row.reason,
        position: row.position,
        row: row.row_text,
        at: row.at,
        replayed_at: row.replayed_at,
    }
}

/// POST /api/v1/quarantine/replay
pub(crate) async fn replay_run(
    State(api): State<Api>,
    caller: Caller,
    Body(of): Body<OfRun>,
) -> Answer<Json<Replayed>> {
    let workspace = &api.app.workspace;
    let rows = store::quarantine::waiting(workspace.store.pool(), &workspace.id.0, &of.run.to_string()).await?;
    let ids = rows.into_iter().map(|row| row.id).collect();
    replay(&api, &caller, ids).await
}

/// POST /api/v1/quarantine/{id}/replay
pub(crate) async fn replay_row(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<String>,
) -> Answer<Json<Replayed>> {
    let workspace = &api.app.workspace;
    let row = store::quarantine::get(workspace.store.pool(), &workspace.id.0, &id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("kept row", &id))?;
    if row.replayed_at.is_some() {
        return Err(ApiError::conflict("already_replayed", "This row was written before."));
    }
    replay(&api, &caller, vec![row.id]).await
}
async fn replay(_: &Api, _: &Caller, _: Vec<String>) -> Answer<Json<Replayed>> {
    loop {}
}
