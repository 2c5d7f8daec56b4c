//! One stream of a plan, held against what the source and the destination say.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::{Goal, Origin, bounded, reading, rows, target, writing};
use crate::catalog::nearest;
use crate::connectors::{Column, ConnectorError, ErrorKind, StreamSchema};
use crate::events::{EffectView, EvidenceView};
use crate::plan::problem::Findings;
use crate::plan::resolution::ResolvedStream;
use crate::plan::spec::{SchemaPolicy, StreamSpec};
use crate::plan::{Problem, columns, filter, shape};
use crate::workspace::WorkspaceError;

/// A stream that was worked out.
pub(in crate::plan) struct Outcome {
    pub resolved: ResolvedStream,
    pub evidence: Vec<EvidenceView>,
    pub effects: Vec<EffectView>,
    /// The existing table whose rows are replaced.
    pub destructive: Option<String>,
    /// Where the stream stands at the source.
    pub schema_namespace: Option<String>,
    /// Its columns at the source.
    pub columns: Vec<Column>,
}

/// What every stream of a plan is held against.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub origin: &'a Origin,
    pub goal: Option<&'a Goal>,
    pub now: DateTime<Utc>,
    pub scheduled: bool,
}

/// A stream while it is worked out.
pub(super) struct Work<'a> {
    pub around: Around<'a>,
    pub spec: &'a StreamSpec,
    /// Pointer to the stream: `/streams/0`.
    pub at: String,
    pub schema: StreamSchema,
    pub findings: Findings,
    pub evidence: Vec<EvidenceView>,
}

impl Work<'_> {
    pub(super) fn refuse(
        &mut self,
        place: &str,
        code: &'static str,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let pointer = format!("{}{place}", self.at);
        self.findings.refuse(Problem::new(pointer, code, message).suggest_some(suggestion));
    }

    pub(super) fn warn(&mut self, place: &str, code: &'static str, message: impl Into<String>) {
        let pointer = format!("{}{place}", self.at);
        self.findings.warn(Problem::new(pointer, code, message));
    }

    pub(super) fn measured(&mut self, code: &str, text: impl Into<String>) {
        self.evidence.push(EvidenceView { code: code.to_owned(), text: text.into() });
    }
}

pub(super) async fn resolve(around: Around<'_>, index: usize, spec: &StreamSpec) -> (Findings, Option<Outcome>) {
    let at = format!("/streams/{index}");
    let mut findings = Findings::default();
    let schema = match describe(around.origin, &at, spec).await {
        Ok(schema) => schema,
        Err(problem) => {
            findings.refuse(problem);
            return (findings, None);
        }
    };
    let destination = around.goal.map(|goal| goal.destination.as_ref());
    let columns = columns::resolve(spec, &at, &schema, destination, &mut findings);
    let row_filter = match &spec.filter {
        None => None,
        Some(text) => match filter::parse(text, &schema.columns, &format!("{at}/filter")) {
            Ok(filter) => Some(filter),
            Err(problems) => {
                findings.problems.extend(problems);
                None
            }
        },
    };
    let mut work = Work { around, spec, at, schema, findings, evidence: Vec::new() };
    let amount = rows::estimate(&mut work, row_filter.as_ref()).await;
    let read = reading::resolve(&mut work).await;
    let write = writing::resolve(&mut work, &columns).await;
    let placed = target::resolve(&mut work, &columns, read.as_ref(), write.as_ref(), &amount).await;
    let namespace = work.schema.summary.namespace.clone();
    let (Some(read), Some(write), Some(placed)) = (read, write, placed) else { return (work.findings, None) };
    let resolved = ResolvedStream {
        stream: spec.stream.clone(),
        target: placed.target,
        read,
        write,
        filter: row_filter,
        columns,
        schema_policy: spec.schema_policy.unwrap_or(SchemaPolicy::Evolve),
        rows: amount.rows,
        bytes: amount.bytes,
    };
    let outcome = Outcome {
        resolved,
        evidence: work.evidence,
        effects: placed.effects,
        destructive: placed.destructive,
        schema_namespace: namespace,
        columns: work.schema.columns,
    };
    (work.findings, Some(outcome))
}

/// The stream in full, or why it cannot be read.
pub(in crate::plan) async fn describe(origin: &Origin, at: &str, spec: &StreamSpec) -> Result<StreamSchema, Problem> {
    let pointer = format!("{at}/stream");
    let connection = &origin.connection.name;
    match bounded(origin.source.describe(&spec.stream)).await {
        Ok(schema) if schema.summary.stream != spec.stream => {
            let message =
                format!("`{connection}` has `{}`, which is how the plan must name it.", schema.summary.stream);
            Err(Problem::new(pointer, "unknown_stream", message).suggest(schema.summary.stream))
        }
        Ok(schema) if !schema.summary.readable => Err(no_permission(pointer, connection, &spec.stream)),
        Ok(schema) => Ok(schema),
        Err(ConnectorError { kind: ErrorKind::NotFound, .. }) => {
            Err(unknown_stream(origin, pointer, &spec.stream).await)
        }
        Err(ConnectorError { kind: ErrorKind::Permission, .. }) => {
            Err(no_permission(pointer, connection, &spec.stream))
        }
        Err(error) => {
            tracing::warn!(connection, stream = spec.stream, kind = %error.kind, cause = ?error.source, "describe failed");
            Err(Problem::of_workspace(&pointer, &WorkspaceError::connector(connection, error)))
        }
    }
}

fn no_permission(pointer: String, connection: &str, stream: &str) -> Problem {
    let message = format!("The account of `{connection}` may not read `{stream}`.");
    Problem::new(pointer, "no_permission", message)
        .suggest(format!("Grant the account of `{connection}` read access to `{stream}`, then try again."))
}

async fn unknown_stream(origin: &Origin, pointer: String, stream: &str) -> Problem {
    let listing = origin.listing().await;
    let meant = nearest::nearest(stream, listing.iter().map(|summary| summary.stream.as_str()));
    let mut message = format!("`{}` has no stream `{}`.", origin.connection.name, shape::clip(stream));
    if meant.is_none() && !listing.is_empty() {
        let names = nearest::list(listing.iter().map(|summary| summary.stream.as_str()), 10);
        let _ = write!(message, " It has {names}.");
    }
    Problem::new(pointer, "unknown_stream", message).suggest_some(meant)
}
