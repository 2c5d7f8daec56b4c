//! Plans: checked, kept, shown, confirmed by digest, turned down.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::error::{Answer, ApiError};
use super::extract::{Body, Named};
use crate::events::{PlanView, ProblemView};
use crate::ids::{PipelineId, PlanId, RunId};
use crate::plan;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    /// A plan, version 1; see `/api/v1/plans/schema`.
    #[schema(value_type = Object)]
    spec: Value,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Proposed {
    #[schema(value_type = String)]
    pub plan: PlanId,
    /// To confirm by; covers everything in `view`.
    pub digest: String,
    pub view: PlanView,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Verdict {
    /// Empty: the plan is valid.
    problems: Vec<ProblemView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanDetail {
    #[schema(value_type = String)]
    id: PlanId,
    digest: String,
    /// `proposed`, `confirmed`, `dismissed` or `superseded`.
    state: String,
    view: PlanView,
    yaml: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// Of what was shown.
    digest: String,
    /// Tables whose replacement is accepted, as `view.destructive` names them.
    #[serde(default)]
    acknowledged: Vec<String>,
    /// Start a run at once.
    #[serde(default = "yes")]
    run: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Confirmed {
    #[schema(value_type = String)]
    pipeline: PipelineId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    run: Option<RunId>,
}

/// POST /api/v1/plans
pub(crate) async fn propose(State(api): State<Api>, Body(draft): Body<Draft>) -> Answer<Json<Proposed>> {
    let proposed = plan::propose(&api.app.workspace, plan::Draft::from_model(draft.spec), None, None).await?;
    Ok(Json(Proposed { plan: proposed.plan, digest: proposed.digest, view: proposed.view }))
}

/// POST /api/v1/plans/validate
pub(crate) async fn validate(State(api): State<Api>, Body(draft): Body<Draft>) -> Json<Verdict> {
    let problems = match plan::Draft::from_model(draft.spec).validate(&api.app.workspace).await {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Into::into).collect(),
    };
    Json(Verdict { problems })
}

/// GET /api/v1/plans/schema
pub(crate) async fn schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], plan::shape::SCHEMA_TEXT).into_response()
}

/// GET /api/v1/plans/{id}
pub(crate) async fn show(State(api): State<Api>, Named(id): Named<PlanId>) -> Answer<Json<PlanDetail>> {
    let stored = plan::stored(&api.app.workspace, id).await?.ok_or_else(|| ApiError::not_found("plan", id))?;
    let yaml = serde_saphyr::to_string(&stored.spec).map_err(ApiError::internal)?;
    Ok(Json(PlanDetail { id, digest: stored.digest, state: stored.state, view: stored.view, yaml }))
}

/// POST /api/v1/plans/{id}/confirm
pub(crate) async fn confirm(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<PlanId>,
    Body(confirm): Body<Confirm>,
) -> Answer<Json<Confirmed>> {
    let talk = &api.app.talk;
    let done = talk.confirm(None, id, &confirm.digest, &confirm.acknowledged, confirm.run, caller.actor).await?;
    Ok(Json(Confirmed { pipeline: done.pipeline, run: done.run }))
}

/// POST /api/v1/plans/{id}/dismiss
pub(crate) async fn dismiss(State(api): State<Api>, caller: Caller, Named(id): Named<PlanId>) -> Answer<StatusCode> {
    api.app.talk.dismiss(None, id, caller.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
