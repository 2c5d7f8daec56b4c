//! Pipelines and runs as tools name them: by the words of a person.

use serde_json::{Value, json};

use crate::agent::tool::{ToolContext, ToolError};
use crate::catalog::nearest;
use crate::store::pipelines::PipelineRow;
use crate::store::runs::{RunQuery, RunRow};
use crate::store::{self};

/// A live pipeline by its name or identity; a unique near miss counts.
pub(super) async fn find(cx: &ToolContext, name: &str) -> Result<PipelineRow, ToolError> {
    let rows: Vec<PipelineRow> = live(cx).await?;
    let folded = nearest::fold(name);
    let exact = rows.iter().find(|row| row.name == name || row.id == name || nearest::fold(&row.name) == folded);
    if let Some(row) = exact {
        return Ok(row.clone());
    }
    let part: Vec<&PipelineRow> = rows.iter().filter(|row| nearest::fold(&row.name).contains(&folded)).collect();
    if let ([row], false) = (part.as_slice(), folded.len() < 3) {
        return Ok((*row).clone());
    }
    let meant = nearest::nearest(name, rows.iter().map(|row| row.name.as_str()));
    let hint = match meant {
        Some(meant) => format!("Did you mean `{meant}`?"),
        None if rows.is_empty() => "This workspace has no pipelines yet.".to_owned(),
        None => format!("There are {}.", nearest::list(rows.iter().map(|row| row.name.as_str()), 12)),
    };
    let name: String = name.chars().take(100).collect();
    Err(ToolError::TellModel(format!("There is no pipeline named `{name}`. {hint}")))
}

/// Pipelines that were not deleted.
pub(super) async fn live(cx: &ToolContext) -> Result<Vec<PipelineRow>, ToolError> {
    let rows = store::pipelines::all(cx.workspace.store.pool(), &cx.workspace.id.0).await?;
    Ok(rows.into_iter().filter(|row| row.deleted_at.is_none()).collect())
}

/// The newest run, in a given phase where one is named.
pub(super) async fn newest_run(
    cx: &ToolContext,
    pipeline: &str,
    phase: Option<&str>,
) -> Result<Option<RunRow>, ToolError> {
    let query =
        RunQuery { pipeline: Some(pipeline.to_owned()), phase: phase.map(str::to_owned), after: None, limit: 1 };
    let rows = store::runs::list(cx.workspace.store.pool(), &cx.workspace.id.0, &query).await?;
    Ok(rows.into_iter().next())
}

/// A run of this workspace by its identity.
pub(super) async fn run(cx: &ToolContext, id: &str) -> Result<RunRow, ToolError> {
    let found = store::runs::get(cx.workspace.store.pool(), &cx.workspace.id.0, id).await?;
    found.ok_or_else(|| {
        let id: String = id.chars().take(60).collect();
        ToolError::TellModel(format!("There is no run `{id}`. Look with `list_runs`."))
    })
}

/// A run as minds and pages see it.
pub(super) fn shown(row: &RunRow) -> Value {
    let written = |stream: &Value| stream.get("rows_written").and_then(Value::as_u64).unwrap_or(0);
    let progress: Value = serde_json::from_str(&row.progress).unwrap_or_default();
    let rows: u64 = progress.as_object().map_or(0, |streams| streams.values().map(written).sum());
    json!({
        "run": row.id,
        "pipeline": row.pipeline_name,
        "phase": row.phase,
        "queued_at": row.queued_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "rows": rows,
        "error": error(row),
    })
}

/// A run's own error: kind, message, hint, stream.
pub(super) fn error(row: &RunRow) -> Option<Value> {
    row.error.as_deref().and_then(|text| serde_json::from_str(text).ok())
}
