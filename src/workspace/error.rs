//! What can go wrong between the name of a connection and the system behind it.

use crate::connectors::{ConnectorError, ErrorKind};
use crate::secrets::VaultError;

/// A failure of the workspace, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct WorkspaceError {
    pub kind: WorkspaceErrorKind,
    /// What is wrong, in one sentence, naming the thing. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The name that was probably meant.
    pub suggestion: Option<String>,
    #[source]
    pub source: Option<anyhow::Error>,
}

/// Each kind has its own reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceErrorKind {
    UnknownConnection,
    UnknownConnector,
    NotASource,
    NotADestination,
    NameTaken,
    BadName,
    /// The settings do not fit the connector.
    BadSettings,
    /// A live pipeline uses the connection.
    InUse,
    /// A stored secret does not open.
    Vault,
    /// Our own store failed.
    Store,
    Connector(ErrorKind),
}

impl WorkspaceErrorKind {
    /// The stable code, as sent.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownConnection => "unknown_connection",
            Self::UnknownConnector => "unknown_connector",
            Self::NotASource => "not_a_source",
            Self::NotADestination => "not_a_destination",
            Self::NameTaken => "name_taken",
            Self::BadName => "bad_name",
            Self::BadSettings => "bad_settings",
            Self::InUse => "in_use",
            Self::Vault => "vault",
            Self::Store => "store",
            Self::Connector(kind) => kind.code(),
        }
    }
}

impl WorkspaceError {
    pub fn new(kind: WorkspaceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, suggestion: None, source: None }
    }

    pub fn advise(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A connector's failure, told with the name of the connection.
    pub fn connector(connection: &str, error: ConnectorError) -> Self {
        let hint = error.hint();
        let message = if error.message.contains(&format!("`{connection}`")) {
            error.message
        } else {
            format!("`{connection}`: {}", error.message)
        };
        Self { kind: WorkspaceErrorKind::Connector(error.kind), message, hint, suggestion: None, source: error.source }
    }
}

impl From<ConnectorError> for WorkspaceError {
    fn from(error: ConnectorError) -> Self {
        let hint = error.hint();
        let kind = WorkspaceErrorKind::Connector(error.kind);
        Self { kind, message: error.message, hint, suggestion: None, source: error.source }
    }
}

impl From<WorkspaceError> for ConnectorError {
    fn from(error: WorkspaceError) -> Self {
        let kind = match error.kind {
            WorkspaceErrorKind::UnknownConnection | WorkspaceErrorKind::UnknownConnector => ErrorKind::NotFound,
            WorkspaceErrorKind::NotASource | WorkspaceErrorKind::NotADestination => ErrorKind::Unsupported,
            WorkspaceErrorKind::NameTaken
            | WorkspaceErrorKind::BadName
            | WorkspaceErrorKind::BadSettings
            | WorkspaceErrorKind::InUse
            | WorkspaceErrorKind::Vault => ErrorKind::Config,
            WorkspaceErrorKind::Store => ErrorKind::Bug,
            WorkspaceErrorKind::Connector(kind) => kind,
        };
        Self { kind, message: error.message, advice: error.hint, source: error.source }
    }
}

impl From<sqlx::Error> for WorkspaceError {
    fn from(error: sqlx::Error) -> Self {
        let mut told = Self::new(WorkspaceErrorKind::Store, "The workspace's own store did not answer.");
        told.hint = Some("Check the disk and the database that the server keeps its state in.".to_owned());
        told.source = Some(error.into());
        told
    }
}

impl From<super::keys::KeyError> for WorkspaceError {
    fn from(error: super::keys::KeyError) -> Self {
        match error {
            super::keys::KeyError::Store(error) => error.into(),
            super::keys::KeyError::Vault(error) => error.into(),
        }
    }
}

impl From<VaultError> for WorkspaceError {
    fn from(error: VaultError) -> Self {
        let mut told = Self::new(WorkspaceErrorKind::Vault, "A stored secret does not open with the server's key.");
        told.hint = Some("Restore the key file that it was stored with, or enter the secret anew.".to_owned());
        told.source = Some(error.into());
        told
    }
}
