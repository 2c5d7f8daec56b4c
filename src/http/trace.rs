//! Where one row is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::error::{Answer, ApiError, sentence};
use super::extract::{Body, Named};
use crate::ids::RunId;
use crate::runner::trace::{self, Trace, TraceError};

/// The row that is looked for. In a body and not in the address, since addresses are logged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// May be absent when the run moves one stream.
    stream: Option<String>,
    /// Each `column=value`, or one value alone where the stream's key has one column.
    key: Vec<String>,
}

impl From<TraceError> for ApiError {
    fn from(error: TraceError) -> Self {
        let (status, code) = match &error {
            TraceError::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            TraceError::UnknownStream { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_stream"),
            TraceError::UnknownColumn { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_column"),
            TraceError::WhichStream(_) | TraceError::NameColumns { .. } | TraceError::Value(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not_traceable")
            }
            TraceError::System(_) => (StatusCode::BAD_GATEWAY, "trace_failed"),
            TraceError::Plan(_) => {
                return match error {
                    TraceError::Plan(error) => error.into(),
                    error => Self::internal(error),
                };
            }
            TraceError::Store(_) => return Self::internal(error),
        };
        Self::new(status, code, sentence(&error.to_string()))
    }
}

/// POST /api/v1/runs/{id}/trace
pub(crate) async fn find(
    State(api): State<Api>,
    Named(run): Named<RunId>,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Trace>> {
    let found = trace::trace(&api.app.workspace, run, wanted.stream.as_deref(), &wanted.key).await?;
    Ok(Json(found))
}
