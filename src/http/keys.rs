//! API keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Api;
use super::access::{self, Caller, Scope};
use super::error::{Answer, ApiError};
use super::extract::{Body, List, Named};
use crate::ids::KeyId;
use crate::store;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    name: String,
    scope: String,
    created_at: String,
    #[serde(default)]
    last_used_at: Option<String>,
    #[serde(default)]
    revoked_at: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is for; the audit log names its holder so.
    name: String,
    scope: Scope,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    id: KeyId,
    /// Shown this once.
    key: String,
    name: String,
    scope: Scope,
}

/// GET /api/v1/keys
pub(crate) async fn list(State(api): State<Api>) -> Answer<Json<List<KeyView>>> {
    let workspace = &api.app.workspace;
    let rows = store::keys::list(workspace.store.pool(), &workspace.id.0).await?;
    let view = |row: store::keys::KeyRow| KeyView {
        id: row.id,
        name: row.name,
        scope: row.scope,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
    };
    Ok(Json(List::whole(rows.into_iter().map(view).collect())))
}

/// POST /api/v1/keys
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(new): Body<NewKey>,
) -> Answer<(StatusCode, Json<CreatedKey>)> {
    let name = key_name(&new.name)?;
    let (id, key) = access::create_key(&api.app.workspace, name, new.scope).await?;
    let detail = json!({"name": name, "scope": new.scope});
    api.app.record(&caller.actor, "key.created", &format!("key:{id}"), detail).await?;
    let created = CreatedKey { id, key: key.expose().to_owned(), name: name.to_owned(), scope: new.scope };
    Ok((StatusCode::CREATED, Json(created)))
}

/// A key's name as it may be: something to tell it by, short enough for a table.
pub(crate) fn key_name(name: &str) -> Answer<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err(
            ApiError::bad_request("A key wants a name of 1 to 80 characters.").suggest("Say what the key is for.")
        );
    }
    Ok(name)
}

/// DELETE /api/v1/keys/{id}
pub(crate) async fn revoke(State(api): State<Api>, caller: Caller, Named(id): Named<KeyId>) -> Answer<StatusCode> {
    let workspace = &api.app.workspace;
    let now = store::stamp(workspace.clock.now());
    if !store::keys::revoke(workspace.store.pool(), &workspace.id.0, id, &now).await? {
        return Err(ApiError::not_found("live key", id));
    }
    api.app.record(&caller.actor, "key.revoked", &format!("key:{id}"), json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}
