//! How a stream's columns would land at a destination, before there is a plan.

use serde::Serialize;

use super::Problem;
use super::columns;
use super::preview::column;
use super::problem::Findings;
use super::spec::StreamSpec;
use super::validate::Origin;
use crate::connectors::StreamSchema;
use crate::events::{ColumnView, ProblemView};
use crate::workspace::{Workspace, WorkspaceError};

/// A column mapping that a plan would get, with what stands in its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MappingProposal {
    pub stream: String,
    pub target: String,
    pub columns: Vec<ColumnView>,
    /// Collisions, losses and names that do not fit; empty when the mapping works as it is.
    pub problems: Vec<ProblemView>,
    pub warnings: Vec<ProblemView>,
}

/// Works out how a stream would land. The error is that of the connection or stream that cannot be had.
pub async fn propose_mapping(
    workspace: &Workspace,
    source: &str,
    destination: &str,
    stream: &str,
    target: Option<&str>,
) -> Result<MappingProposal, Problem> {
    let (_, schema) = described(workspace, source, stream).await?;
    let destination = workspace
        .destination(destination)
        .await
        .map_err(|error| Problem::of_workspace("/destination/connection", &error))?;
    let spec = StreamSpec { target: target.map(str::to_owned), ..StreamSpec::of(stream) };
    let mut findings = Findings::default();
    let resolved = columns::resolve(&spec, "/streams/0", &schema, Some(destination.as_ref()), &mut findings);
    Ok(MappingProposal {
        stream: stream.to_owned(),
        target: target.unwrap_or(&schema.summary.name).to_owned(),
        columns: resolved.iter().map(column).collect(),
        problems: findings.problems.iter().map(Into::into).collect(),
        warnings: findings.warnings.iter().map(Into::into).collect(),
    })
}

/// A stream of a connection, in full.
pub(super) async fn described(
    workspace: &Workspace,
    connection: &str,
    stream: &str,
) -> Result<(Origin, StreamSchema), Problem> {
    let opened = async {
        let found = workspace.connection(connection).await?;
        Ok::<_, WorkspaceError>(Origin::new(found, workspace.source(connection).await?))
    };
    let origin = opened.await.map_err(|error| Problem::of_workspace("/source/connection", &error))?;
    let schema = super::validate::describe(&origin, "/streams/0", &StreamSpec::of(stream)).await?;
    Ok((origin, schema))
}
