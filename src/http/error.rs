//! Failures as clients see them: RFC 9457 problem documents with a stable code. The public face is chosen here; the
//! cause goes to the log and nowhere else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::connectors::{ConnectorError, ErrorKind};
use crate::events::ProblemView;
use crate::plan::{ConfirmError, LoadError, Problem, ProposeError};
use crate::runner::{CancelError, StartError};
use crate::talk::TalkError;
use crate::workspace::{WorkspaceError, WorkspaceErrorKind};

/// What is sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:towpath:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// Stable; programs decide by it.
    pub code: String,
    /// What happened, naming the thing.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// With `invalid_plan`: everything that is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemView>,
}

/// A refused or failed request: a face for the client, a cause for the log.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    suggestion: Option<String>,
    problems: Vec<ProblemView>,
    /// Seconds, with `Retry-After`.
    retry_after: Option<u64>,
    cause: Option<anyhow::Error>,
}

/// What a handler gives.
pub type Answer<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            suggestion: None,
            problems: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// The request itself is malformed.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// `kind` is what was looked for (`connection`), `name` what it was called.
    pub fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no {kind} `{name}`."))
    }

    /// The request and the state of things do not go together.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Everything that is wrong with a plan.
    pub fn invalid_plan(problems: &[Problem]) -> Self {
        let detail = match problems {
            [problem] => problem.message.clone(),
            problems => format!("{} things stand in the way of this plan.", problems.len()),
        };
        let problems = problems.iter().map(Into::into).collect();
        Self { problems, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_plan", detail) }
    }

    /// Nothing that the client did. The cause goes to the log.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. The server's log has the request's id and the cause.",
        );
        error.cause = Some(cause.into());
        error
    }

    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn cause(&self) -> Option<&anyhow::Error> {
        self.cause.as_ref()
    }

    /// The public face.
    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:towpath:problem:{}", self.code),
            title: title(self.code, self.status).to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            suggestion: self.suggestion.clone(),
            problems: self.problems.clone(),
        }
    }
}

fn title(code: &str, status: StatusCode) -> &'static str {
    match code {
        "invalid_plan" => "The plan is not valid",
        "unauthenticated" => "Not signed in",
        "forbidden" => "Not allowed",
        "too_many_requests" => "Too many requests",
        "not_acknowledged" => "An acknowledgement is missing",
        "stale_confirmation" => "The plan has changed",
        "internal" => "Our fault",
        _ => status.canonical_reason().unwrap_or("Problem"),
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let cause = self.cause.as_ref().map(|cause| crate::telemetry::causes(cause.as_ref()));
        if self.status.is_server_error() {
            tracing::error!(code = self.code, cause, "request failed");
        } else {
            tracing::debug!(code = self.code, cause, "request refused");
        }
        let mut response = (self.status, axum::Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"towpath\""));
        }
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(error)
    }
}

impl From<serde_json::Error> for ApiError {
    /// A stored document that cannot be read; what clients send goes through [`super::extract::Body`].
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl From<crate::events::bus::BusError> for ApiError {
    fn from(error: crate::events::bus::BusError) -> Self {
        Self::internal(error)
    }
}

impl From<ConnectorError> for ApiError {
    fn from(error: ConnectorError) -> Self {
        if error.kind == ErrorKind::Bug {
            return Self::internal(error);
        }
        let suggestion = error.hint();
        let mut face = Self::new(connector_status(error.kind), connector_code(error.kind), error.message.clone());
        face.suggestion = suggestion;
        face.because(error)
    }
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        use WorkspaceErrorKind as Kind;
        let status = match error.kind {
            Kind::UnknownConnection | Kind::UnknownConnector => StatusCode::NOT_FOUND,
            Kind::NotASource | Kind::NotADestination | Kind::BadName | Kind::BadSettings => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Kind::NameTaken | Kind::InUse => StatusCode::CONFLICT,
            Kind::Vault => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Connector(kind) if kind != ErrorKind::Bug => connector_status(kind),
            Kind::Store | Kind::Connector(_) => return Self::internal(error),
        };
        let code = match error.kind {
            Kind::Connector(kind) => connector_code(kind),
            kind => kind.code(),
        };
        let mut face = Self::new(status, code, error.message.clone());
        face.suggestion.clone_from(&error.hint);
        face.because(error)
    }
}

impl From<ConfirmError> for ApiError {
    fn from(error: ConfirmError) -> Self {
        let status = match error {
            ConfirmError::Workspace(error) => return error.into(),
            ConfirmError::Tampered => return Self::internal(error),
            ConfirmError::NotFound => StatusCode::NOT_FOUND,
            ConfirmError::Stale { .. }
            | ConfirmError::NotAcknowledged { .. }
            | ConfirmError::NotOffered { .. }
            | ConfirmError::PipelineGone => StatusCode::CONFLICT,
        };
        let mut face = Self::new(status, error.code(), sentence(&error.to_string()));
        face.suggestion = error.hint();
        face
    }
}

impl From<ProposeError> for ApiError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Problems(problems) => Self::invalid_plan(&problems),
            ProposeError::Store(error) => error.into(),
        }
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such pipeline."),
            LoadError::Tampered => Self::conflict("plan_tampered", sentence(&error.to_string()))
                .suggest("Ask for the plan again and confirm the new one."),
            LoadError::Workspace(error) => error.into(),
        }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AlreadyRunning { run } => {
                Self::conflict("already_running", "This pipeline has a run that has not ended.")
                    .suggest(format!("Wait for run `{run}`, or stop it."))
            }
            StartError::Plan(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<TalkError> for ApiError {
    fn from(error: TalkError) -> Self {
        let status = match &error {
            TalkError::NoConversation | TalkError::NoPlan | TalkError::NoAction => StatusCode::NOT_FOUND,
            TalkError::Empty => StatusCode::BAD_REQUEST,
            TalkError::Busy | TalkError::Decided | TalkError::PipelineGone(_) => StatusCode::CONFLICT,
            TalkError::Run(refused) if refused.code != "internal" => StatusCode::CONFLICT,
            TalkError::Confirm(_) | TalkError::Workspace(_) => {
                return match error {
                    TalkError::Confirm(error) => error.into(),
                    TalkError::Workspace(error) => error.into(),
                    error => Self::internal(error),
                };
            }
            TalkError::Run(_) | TalkError::Turn(_) | TalkError::Broke => return Self::internal(error),
        };
        let mut face = Self::new(status, error.code(), sentence(&error.to_string()));
        face.suggestion = error.hint();
        face
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound => Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such run."),
            CancelError::AlreadyEnded { .. } => Self::conflict("already_ended", sentence(&error.to_string())),
            CancelError::Store(_) => Self::internal(error),
        }
    }
}

/// An error's text as a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with(['.', '?']) {
        sentence.push('.');
    }
    sentence
}

fn connector_status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Config | ErrorKind::BadData | ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Throttled | ErrorKind::Exhausted => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Auth | ErrorKind::Permission | ErrorKind::Unreachable => StatusCode::BAD_GATEWAY,
        ErrorKind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The codes of connectors' failures, apart from this server's own `not_found` and the like.
fn connector_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "connector_config",
        ErrorKind::Auth => "connector_auth",
        ErrorKind::Permission => "connector_permission",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Unreachable => "connector_unreachable",
        ErrorKind::Throttled => "connector_throttled",
        ErrorKind::BadData => "connector_bad_data",
        ErrorKind::Exhausted => "connector_exhausted",
        ErrorKind::Unsupported => "connector_unsupported",
        ErrorKind::Bug => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_never_reaches_the_document() {
        let error = ApiError::internal(anyhow::anyhow!("password=s3cret at 10.0.0.1"));
        let sent = serde_json::to_string(&error.document()).unwrap();
        assert!(!sent.contains("s3cret") && sent.contains("\"code\":\"internal\""), "{sent}");
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn a_system_that_refuses_is_no_fault_of_the_client() {
        let error = ConnectorError::new(ErrorKind::Auth, "PostgreSQL refused the user `app`.");
        let document = ApiError::from(error).document();
        assert_eq!((document.status, document.code.as_str()), (502, "connector_auth"));
        assert!(document.suggestion.is_some());
    }
}
