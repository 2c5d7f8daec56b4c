//! Both ends of a plan, opened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::catalog::nearest;
use crate::connectors::{ConnectorError, Destination, DestinationAbilities, ErrorKind, Folding, Source, StreamSummary};
use crate::plan::Problem;
use crate::plan::columns::{folded, name_problem};
use crate::plan::problem::Findings;
use crate::plan::spec::PlanSpec;
use crate::workspace::{Connection, Workspace, WorkspaceError};

/// A system that takes longer than this to answer one question is not measured.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// An answer within bounds, or the failure that it is none.
pub(in crate::plan) async fn bounded<T>(
    question: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, ConnectorError> {
    tokio::time::timeout(ANSWER_LIMIT, question).await.unwrap_or_else(|_| {
        let message = format!("There was no answer within {} seconds.", ANSWER_LIMIT.as_secs());
        Err(ConnectorError::new(ErrorKind::Unreachable, message))
    })
}

/// The source, opened.
pub(in crate::plan) struct Origin {
    pub connection: Connection,
    pub source: Arc<dyn Source>,
    listing: OnceCell<Vec<StreamSummary>>,
}

impl Origin {
    pub(in crate::plan) fn new(connection: Connection, source: Arc<dyn Source>) -> Self {
        Self { connection, source, listing: OnceCell::new() }
    }

    /// Every stream, asked for once. Empty when the source does not tell.
    pub(super) async fn listing(&self) -> &[StreamSummary] {
        self.listing.get_or_init(|| async { bounded(self.source.list()).await.unwrap_or_default() }).await
    }
}

/// The destination, opened.
pub(in crate::plan) struct Goal {
    pub connection: Connection,
    pub destination: Arc<dyn Destination>,
    pub abilities: DestinationAbilities,
    pub namespace: Namespace,
    /// The same system is read and written, as far as settings tell.
    pub is_source: bool,
}

/// Where tables go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Namespace {
    /// It exists; `None` where the system has none.
    Known(Option<String>),
    /// It will be created.
    New(String),
    /// It is not known, and a problem says so.
    Missing,
}

impl Namespace {
    pub(in crate::plan) fn name(&self) -> Option<&str> {
        match self {
            Self::Known(name) => name.as_deref(),
            Self::New(name) => Some(name),
            Self::Missing => None,
        }
    }
}

pub(super) async fn origin(workspace: &Workspace, spec: &PlanSpec, findings: &mut Findings) -> Option<Origin> {
    let pointer = "/source/connection";
    let name = &spec.source.connection;
    let opened = async {
        let connection = workspace.connection(name).await?;
        let source = workspace.source(name).await?;
        Ok::<_, WorkspaceError>(Origin::new(connection, source))
    };
    keep(opened.await, pointer, findings)
}

pub(super) async fn goal(workspace: &Workspace, spec: &PlanSpec, findings: &mut Findings) -> Option<Goal> {
    let pointer = "/destination/connection";
    let name = &spec.destination.connection;
    let opened = async {
        let connection = workspace.connection(name).await?;
        let destination = workspace.destination(name).await?;
        Ok::<_, WorkspaceError>((connection, destination))
    };
    let (connection, destination) = keep(opened.await, pointer, findings)?;
    let abilities = destination.abilities();
    let wanted = spec.destination.namespace.as_deref();
    let namespace = namespace(&connection, destination.as_ref(), &abilities, wanted, findings).await;
    let is_source = match workspace.connection(&spec.source.connection).await {
        Ok(source) => {
            source.id == connection.id
                || (source.connector == connection.connector && source.config == connection.config)
        }
        Err(_) => false,
    };
    Some(Goal { connection, destination, abilities, namespace, is_source })
}

fn keep<T>(opened: Result<T, WorkspaceError>, pointer: &str, findings: &mut Findings) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(error) => {
            findings.refuse(Problem::of_workspace(pointer, &error));
            None
        }
    }
}

/// The namespace that the plan names, or the destination's own.
pub(in crate::plan) async fn namespace(
    connection: &Connection,
    destination: &dyn Destination,
    abilities: &DestinationAbilities,
    wanted: Option<&str>,
    findings: &mut Findings,
) -> Namespace {
    let pointer = "/destination/namespace";
    let at = &connection.name;
    if !abilities.has_namespaces {
        if let Some(wanted) = wanted {
            let message = format!("`{at}` has no namespaces; `{wanted}` cannot be chosen there.");
            findings.refuse(Problem::new(pointer, "unknown_namespace", message).suggest("Leave `namespace` out."));
        }
        return Namespace::Known(None);
    }
    if wanted.is_none()
        && let Some(default) = &abilities.default_namespace
    {
        return Namespace::Known(Some(default.clone()));
    }
    if wanted.is_none() && abilities.namespace_optional {
        return Namespace::Known(None);
    }
    let existing = match bounded(destination.namespaces()).await {
        Ok(existing) => existing,
        Err(error) => {
            let error = WorkspaceError::connector(at, error);
            findings.refuse(Problem::of_workspace("/destination/connection", &error));
            return Namespace::Missing;
        }
    };
    let Some(wanted) = wanted else {
        let known = nearest::list(existing.iter().map(String::as_str), 12);
        let message = format!("`{at}` has no default namespace; the plan must name one.");
        let suggestion =
            if known.is_empty() { "Name one; it will be created.".to_owned() } else { format!("One of {known}.") };
        findings.refuse(Problem::new(pointer, "unknown_namespace", message).suggest(suggestion));
        return Namespace::Missing;
    };
    let same = |name: &&String| match abilities.folding {
        Folding::Sensitive => name.as_str() == wanted,
        Folding::Insensitive => folded(name, abilities.folding) == folded(wanted, abilities.folding),
    };
    if let Some(name) = existing.iter().find(same) {
        return Namespace::Known(Some(name.clone()));
    }
    let meant = nearest::nearest(wanted, existing.iter().map(String::as_str));
    if !abilities.creates_namespaces {
        let known = nearest::list(existing.iter().map(String::as_str), 12);
        let message = format!("`{at}` has no namespace `{wanted}`, and none can be created there.");
        let suggestion = meant.map_or_else(|| format!("There are {known}."), str::to_owned);
        findings.refuse(Problem::new(pointer, "unknown_namespace", message).suggest(suggestion));
        return Namespace::Missing;
    }
    if let Some(problem) = name_problem(wanted, pointer, abilities, "namespace") {
        findings.refuse(problem);
        return Namespace::Missing;
    }
    if let Some(meant) = meant {
        let message = format!("`{wanted}` does not exist in `{at}` and will be created; `{meant}` is there already.");
        findings.warn(Problem::new(pointer, "unknown_namespace", message).suggest(meant));
    }
    Namespace::New(wanted.to_owned())
}
