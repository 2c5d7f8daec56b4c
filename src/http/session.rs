//! The page's sign-in.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{self, COOKIE, Caller, Scope, Via};
use super::error::{Answer, ApiError};
use super::extract::Body;
use crate::store;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// From the address that the server printed; or an API key.
    token: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SessionView {
    actor: String,
    workspace: String,
    /// What the caller may do: `read`, `operate`, `edit`, `admin`.
    scopes: Vec<Scope>,
    model: ModelView,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ModelView {
    /// `builtin` or `openai`.
    kind: String,
    name: String,
}

/// POST /api/v1/session
pub(crate) async fn begin(State(api): State<Api>, Body(body): Body<SignIn>) -> Answer<Response> {
    let Some((cookie, caller)) = access::sign_in(&api.app.workspace, body.token.trim(), api.session_ttl).await? else {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "This token is unknown, too old, or was used before.",
        )
        .suggest("Run `towpath sign-in` where the server runs, and open the address that it prints."));
    };
    api.app.record(&caller.actor, "session.begun", "session", serde_json::json!({"scope": caller.scope})).await?;
    let secure = if api.secure { "; Secure" } else { "" };
    let seconds = api.session_ttl.as_secs();
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", cookie.expose());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// GET /api/v1/session
pub(crate) async fn show(State(api): State<Api>, caller: Caller) -> axum::Json<SessionView> {
    let model = &api.app.config.model;
    axum::Json(SessionView {
        actor: caller.actor.0,
        workspace: api.app.workspace.id.0.clone(),
        scopes: caller.scope.included(),
        model: ModelView { kind: model.kind().to_owned(), name: model.name().to_owned() },
    })
}

/// DELETE /api/v1/session
pub(crate) async fn end(State(api): State<Api>, caller: Caller) -> Answer<Response> {
    if let Via::Session(hash) = &caller.via {
        store::sessions::delete(api.app.workspace.store.pool(), hash).await?;
    }
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}
