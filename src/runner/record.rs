//! Runs as the outside sees them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::{RunError, RunState};
use crate::events::{RunPhase, StreamProgress};
use crate::ids::{PipelineId, RunId};
use crate::store::runs::{RunQuery, RunRow};
use crate::store::{self};
use crate::workspace::Workspace;

/// One run, as lists and pages show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunRecord {
    pub id: RunId,
    pub pipeline: PipelineId,
    pub pipeline_name: String,
    pub phase: RunPhase,
    /// Attempts in a row since the last checkpoint; 1 on an undisturbed run.
    pub attempt: u32,
    pub queued_at: String,
    #[serde(default)]
    pub started_at: Option<String>,
    #[serde(default)]
    pub finished_at: Option<String>,
    /// Rows that are durable at the destination, over all streams.
    pub rows_written: u64,
    /// Bytes of those rows in memory form.
    pub bytes: u64,
    #[serde(default)]
    pub error: Option<RunError>,
    pub streams: BTreeMap<String, StreamProgress>,
    /// `confirm`, `schedule`, `manual` or `api`.
    pub trigger: String,
}

impl RunRecord {
    /// Reads a stored row; `None` when it cannot be understood.
    pub fn read(row: &RunRow) -> Option<Self> {
        let state: RunState = serde_json::from_str(&row.state).ok()?;
        let streams: BTreeMap<String, StreamProgress> = serde_json::from_str(&row.progress).unwrap_or_default();
        Some(Self {
            id: row.id.parse().ok()?,
            pipeline: row.pipeline.parse().ok()?,
            pipeline_name: row.pipeline_name.clone(),
            phase: state.phase(),
            attempt: state.attempt().unwrap_or(1),
            queued_at: row.queued_at.clone(),
            started_at: row.started_at.clone(),
            finished_at: row.finished_at.clone(),
            rows_written: streams.values().map(|stream| stream.rows_written).sum(),
            bytes: streams.values().map(|stream| stream.bytes).sum(),
            error: state.error().cloned(),
            streams,
            trigger: row.cause.clone(),
        })
    }
}

/// Runs of the workspace, newest first.
pub async fn list(workspace: &Workspace, query: &RunQuery) -> Result<Vec<RunRecord>, sqlx::Error> {
    let rows = store::runs::list(workspace.store.pool(), &workspace.id.0, query).await?;
    Ok(rows.iter().filter_map(RunRecord::read).collect())
}

/// One run of the workspace.
pub async fn show(workspace: &Workspace, run: RunId) -> Result<Option<RunRecord>, sqlx::Error> {
    let row = store::runs::get(workspace.store.pool(), &workspace.id.0, &run.to_string()).await?;
    Ok(row.as_ref().and_then(RunRecord::read))
}

/// A run's receipt, once it has one.
pub async fn receipt(workspace: &Workspace, run: RunId) -> Result<Option<serde_json::Value>, sqlx::Error> {
    let text = store::runs::receipt(workspace.store.pool(), &workspace.id.0, &run.to_string()).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
