//! Failures of connectors: few kinds, because a kind exists only where the reaction differs.

use std::fmt;

/// Why a connector could not do what was asked, for a person and for the runner's policy.
///
/// `message` is public: it never holds a secret, nor a driver's text taken over unread. The driver's own words stay in
/// `source`, which goes to the log alone.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    pub kind: ErrorKind,
    /// What happened, in one sentence, naming the thing.
    pub message: String,
    /// What to do about it, where more is known than the kind's own hint.
    pub advice: Option<String>,
    #[source]
    pub source: Option<anyhow::Error>,
}

/// What kind of failure it is; each has its own reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The connection's settings are wrong.
    Config,
    /// The system refused the credential.
    Auth,
    /// Signed in, but the account may not do this.
    Permission,
    /// The stream, table, file or namespace is not there.
    NotFound,
    /// The system does not answer, or an established connection broke off.
    Unreachable,
    /// The system asks for less.
    Throttled,
    /// Data that cannot be read or stored as what it should be.
    BadData,
    /// No room: disk, memory or quota.
    Exhausted,
    /// This connector cannot do that.
    Unsupported,
    /// The fault is ours.
    Bug,
}

impl ErrorKind {
    /// Whether the same attempt may succeed later with nothing changed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Throttled)
    }

    /// The stable code of this kind, as stored and sent.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::BadData => "bad_data",
            Self::Exhausted => "exhausted",
            Self::Unsupported => "unsupported",
            Self::Bug => "bug",
        }
    }

    /// What a person can do, where the kind alone tells.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Config => Some("Correct the connection's settings and check it again."),
            Self::Auth => Some("Enter the credential anew under Connections, then check the connection."),
            Self::Permission => Some("Grant the account what the message names, then retry."),
            Self::NotFound => Some("Check the name, or refresh the list of streams."),
            Self::Unreachable => Some(
                "Check that the system runs and that this machine reaches it. The run can go on from its last checkpoint.",
            ),
            Self::Throttled => Some("Wait, or lower the plan's parallelism."),
            Self::BadData => None,
            Self::Exhausted => {
                Some("Free some space or memory where the message says, then retry from the last checkpoint.")
            }
            Self::Unsupported => None,
            Self::Bug => Some("Report this with the run's log."),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl ConnectorError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), advice: None, source: None }
    }

    /// Keeps the cause, for the log only.
    pub fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.source = Some(cause.into());
        self
    }

    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The advice given, or else the kind's own.
    pub fn hint(&self) -> Option<String> {
        self.advice.clone().or_else(|| self.kind.hint().map(str::to_owned))
    }
}
