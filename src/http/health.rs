//! Whether the process is up, and whether it can work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::error::{Answer, ApiError};
use crate::store;

/// The store must answer within this time to count as ready.
const STORE_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    status: String,
    version: String,
}

fn ok() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// GET /healthz
pub(crate) async fn alive() -> Json<Health> {
    ok()
}

/// GET /readyz
pub(crate) async fn ready(State(api): State<Api>) -> Answer<Json<Health>> {
    let unavailable = |detail| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).retry_after(5);
    if api.closing.is_cancelled() {
        return Err(unavailable("The server shuts down."));
    }
    let workspace = &api.app.workspace;
    let asked = store::workspaces::settings(workspace.store.pool(), &workspace.id.0);
    match tokio::time::timeout(STORE_TIME, asked).await {
        Ok(Ok(_)) => Ok(ok()),
        Ok(Err(error)) => Err(unavailable("The store does not answer.").because(error)),
        Err(_) => Err(unavailable("The store does not answer in time.")),
    }
}
