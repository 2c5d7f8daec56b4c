//! A failure of a run: the connector's kind and sentences, the stream it happened in, the cause for the log alone.

use super::journal::JournalError;
use super::state::RunError;
use crate::connectors::{ConnectorError, ErrorKind};

/// Why an attempt ended early.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: ConnectorError,
    pub(super) stream: Option<String>,
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ConnectorError::new(kind, message).into()
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.error = self.error.advise(advice);
        self
    }

    /// Names the stream, unless a closer hand did.
    pub(super) fn in_stream(mut self, stream: &str) -> Self {
        self.stream.get_or_insert_with(|| stream.to_owned());
        self
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.error.kind
    }

    /// What is stored and shown.
    pub(super) fn shown(&self) -> RunError {
        RunError {
            kind: self.error.kind.code().to_owned(),
            message: self.error.message.clone(),
            hint: self.error.hint(),
            stream: self.stream.clone(),
        }
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self { error, stream: None }
    }
}

impl From<JournalError> for Failure {
    /// The workspace's own store did not answer: worth another try, as with any other system.
    fn from(error: JournalError) -> Self {
        ConnectorError::new(ErrorKind::Unreachable, "The workspace's own store did not take what the run reports.")
            .advise("Check that the store's disk has room and that its database runs.")
            .because(error)
            .into()
    }
}
