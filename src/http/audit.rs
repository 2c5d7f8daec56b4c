//! Who did what.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::Answer;
use super::extract::{List, Params, limit};
use crate::store;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Search {
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditEntry {
    id: String,
    at: String,
    actor: String,
    action: String,
    object: String,
    detail: Value,
}

/// GET /api/v1/audit
pub(crate) async fn list(State(api): State<Api>, Params(search): Params<Search>) -> Answer<Json<List<AuditEntry>>> {
    let workspace = &api.app.workspace;
    let limit = limit(search.limit);
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = store::audit::list(workspace.store.pool(), &workspace.id.0, search.after.as_deref(), asked).await?;
    let items: Vec<AuditEntry> = rows
        .into_iter()
        .map(|row| AuditEntry {
            id: row.id,
            at: row.at,
            actor: row.actor,
            action: row.action,
            object: row.object,
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        })
        .collect();
    let next = items.last().filter(|_| items.len() == limit).map(|entry| entry.id.clone());
    Ok(Json(List { items, next }))
}
