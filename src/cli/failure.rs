//! How a command ends. Scripts decide by the exit code, people by the sentence.

use serde_json::Value;

use super::terminal::Terminal;
use crate::connectors::ConnectorError;
use crate::http::error::{ApiError, ProblemDocument};
use crate::workspace::WorkspaceError;

/// Exit codes. They are part of the interface and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    /// Something failed that has no code of its own.
    Failed = 1,
    /// The command line or the settings cannot be understood.
    Usage = 2,
    /// The plan is not valid; the problems are listed.
    InvalidPlan = 3,
    /// A person said no, or nobody confirmed, or an acknowledgement is missing.
    NotConfirmed = 4,
    /// The run failed or was cancelled.
    RunFailed = 5,
    /// A system, or the store, does not answer.
    Unreachable = 6,
    /// What was named is not there.
    NotFound = 7,
}

/// Shown by `towpath --help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line or the settings cannot be understood
  3  the plan is not valid
  4  refused, or not confirmed
  5  the run failed or was cancelled
  6  a system does not answer
  7  what was named is not there";

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    document: Box<ProblemDocument>,
    cause: Option<anyhow::Error>,
}

impl Failure {
    pub(super) fn new(exit: Exit, code: &str, detail: impl Into<String>) -> Self {
        let document = ProblemDocument {
            kind: format!("urn:towpath:problem:{code}"),
            title: code.replace('_', " "),
            status: 0,
            code: code.to_owned(),
            detail: detail.into(),
            suggestion: None,
            problems: Vec::new(),
        };
        Self { exit, document: Box::new(document), cause: None }
    }

    pub(super) fn usage(detail: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", detail)
    }

    pub(super) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        let further: String = suggestion.into();
        self.document.suggestion = Some(match self.document.suggestion.take() {
            Some(first) => format!("{first} {further}"),
            None => further,
        });
        self
    }

    pub(super) fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tells it on standard error: a sentence and advice, or a problem document.
    pub(super) fn tell(&self, terminal: &Terminal) {
        if let Some(cause) = &self.cause {
            tracing::debug!(cause = crate::telemetry::causes(cause.as_ref()), "failed");
        }
        if terminal.json {
            let mut document = serde_json::to_value(&*self.document).unwrap_or_default();
            if let Value::Object(fields) = &mut document {
                // A status is HTTP's; here the exit code says it.
                fields.remove("status");
                fields.insert("exit".to_owned(), Value::from(self.exit as u8));
            }
            terminal.complain(&document.to_string());
            return;
        }
        terminal.complain(&format!("{} {}", terminal.bad("error:"), self.document.detail));
        if self.document.problems.len() > 1
            || self.document.problems.iter().any(|problem| problem.message != self.document.detail)
        {
            for problem in &self.document.problems {
                let place = if problem.pointer.is_empty() { "/" } else { &problem.pointer };
                terminal.complain(&format!("  {} {}", terminal.dim(place), problem.message));
                if let Some(suggestion) = &problem.suggestion {
                    terminal.complain(&format!("    {} {suggestion}", terminal.dim("try:")));
                }
            }
        } else if let Some(suggestion) = self.document.problems.iter().find_map(|problem| problem.suggestion.as_ref()) {
            terminal.complain(&format!("  {} {suggestion}", terminal.dim("try:")));
        }
        if let Some(suggestion) = &self.document.suggestion {
            terminal.complain(&format!("  {} {suggestion}", terminal.dim("hint:")));
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = match error.code() {
            "invalid_plan" => Exit::InvalidPlan,
            "not_acknowledged" | "stale_confirmation" | "plan_not_offered" => Exit::NotConfirmed,
            "connector_unreachable" | "connector_throttled" => Exit::Unreachable,
            "not_found" | "unknown_connection" | "unknown_connector" | "plan_not_found" => Exit::NotFound,
            "bad_request" | "bad_name" | "bad_settings" => Exit::Usage,
            _ => Exit::Failed,
        };
        if let Some(cause) = error.cause() {
            tracing::debug!(cause = crate::telemetry::causes(cause.as_ref()), "failed");
        }
        let mut document = error.document();
        if error.code() == "internal" {
            "Something went wrong on our side.".clone_into(&mut document.detail);
            document.suggestion = Some("Set `TOWPATH_LOG=debug` to see the cause.".to_owned());
        }
        Self { exit, document: Box::new(document), cause: None }
    }
}

macro_rules! by_its_face {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                ApiError::from(error).into()
            }
        }
    )+};
}
by_its_face!(
    WorkspaceError,
    ConnectorError,
    sqlx::Error,
    serde_json::Error,
    crate::events::bus::BusError,
    crate::plan::ConfirmError,
    crate::plan::ProposeError,
    crate::plan::LoadError,
    crate::runner::StartError,
    crate::talk::TalkError,
);

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Usage, "bad_setting", error.to_string())
    }
}

impl From<crate::http::serve::ListenError> for Failure {
    fn from(error: crate::http::serve::ListenError) -> Self {
        Self::new(Exit::Failed, "cannot_listen", error.to_string()).because(error)
    }
}

impl From<crate::app::AppError> for Failure {
    fn from(error: crate::app::AppError) -> Self {
        use crate::app::AppError;
        let (exit, code) = match error {
            AppError::Folder(..) => (Exit::Failed, "data_folder"),
            AppError::Locked(..) => (Exit::Failed, "data_folder_locked"),
            AppError::Store(_) => (Exit::Unreachable, "store"),
            AppError::Vault(_) => (Exit::Failed, "vault"),
            AppError::Model(_) => (Exit::Failed, "model"),
        };
        let failure = Self::new(exit, code, error.to_string());
        match error.hint() {
            Some(hint) => failure.suggest(hint),
            None => failure,
        }
        .because(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, "input_output", crate::http::error::sentence(&error.to_string())).because(error)
    }
}
