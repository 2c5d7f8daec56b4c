//! Where connectors run. This program carries them out itself: one runtime, `local`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::error::{Answer, ApiError};
use super::extract::{List, Named};

/// The runtime that is always there.
const LOCAL: &str = "local";

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuntimeView {
    name: String,
    /// `in_process`.
    kind: String,
    /// `ok` or `failed`.
    state: String,
    detail: String,
}

fn local(api: &Api) -> RuntimeView {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shutting = api.closing.is_cancelled();
    RuntimeView {
        name: LOCAL.to_owned(),
        kind: "in_process".to_owned(),
        state: if shutting { "failed" } else { "ok" }.to_owned(),
        detail: if shutting {
            "The server shuts down and starts no run.".to_owned()
        } else {
            format!("Runs are carried out by this server, on {processors} processors.")
        },
    }
}

/// GET /api/v1/runtimes
pub(crate) async fn list(State(api): State<Api>) -> Json<List<RuntimeView>> {
    Json(List::whole(vec![local(&api)]))
}

/// POST /api/v1/runtimes/{name}/check
pub(crate) async fn check(State(api): State<Api>, Named(name): Named<String>) -> Answer<Json<RuntimeView>> {
    if name != LOCAL {
        return Err(ApiError::not_found("runtime", name).suggest("This server has `local`."));
    }
    Ok(Json(local(&api)))
}
