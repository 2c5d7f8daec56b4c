//! What is wrong with a plan, told so that a person or a model can mend it.

use serde::Serialize;

use crate::connectors::ErrorKind;
use crate::events::ProblemView;
use crate::workspace::{WorkspaceError, WorkspaceErrorKind};

pub(super) use crate::catalog::misfit::step;

/// One thing wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// JSON pointer into the plan; empty for the whole.
    pub pointer: String,
    pub code: &'static str,
    pub message: String,
    /// What to write instead, or what to do. Where a name was probably mistyped it is the right name alone.
    pub suggestion: Option<String>,
}

impl Problem {
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into(), suggestion: None }
    }

    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    pub fn suggest_some(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// A failure of a connection, as a problem of the place that names it.
    pub(super) fn of_workspace(pointer: &str, error: &WorkspaceError) -> Self {
        let code = match error.kind {
            WorkspaceErrorKind::UnknownConnection => "unknown_connection",
            WorkspaceErrorKind::UnknownConnector => "unknown_connector",
            WorkspaceErrorKind::NotASource => "not_a_source",
            WorkspaceErrorKind::NotADestination => "not_a_destination",
            WorkspaceErrorKind::Connector(ErrorKind::Permission) => "no_permission",
            _ => "unreachable",
        };
        let suggestion = error.suggestion.clone().or_else(|| error.hint.clone());
        Self { pointer: pointer.to_owned(), code, message: error.message.clone(), suggestion }
    }
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        Self {
            pointer: problem.pointer.clone(),
            code: problem.code.to_owned(),
            message: problem.message.clone(),
            suggestion: problem.suggestion.clone(),
        }
    }
}

/// What validation has found so far. Problems forbid the plan; warnings are shown with it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Findings {
    pub(super) fn refuse(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, problem: Problem) {
        self.warnings.push(problem);
    }

    pub(super) fn join(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.warnings.extend(other.warnings);
    }
}
