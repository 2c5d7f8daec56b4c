//! Rows kept aside: looking at them, and writing them after all.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::analysis::{Ground, Prepared, prepare, replay_key};
use super::drift::Additions;
use super::failure::Failure;
use super::row_text::{Unreadable, decode};
use super::state::RunError;
use crate::connectors::schema::arrow_schema;
use crate::connectors::{Batch, Column, Commit, DELETED_COLUMN, Epoch, ErrorKind, WriteMode, WriteRequest};
use crate::ids::{PipelineId, PlanId, RunId};
use crate::plan::resolution::{ResolvedStream, ResolvedWrite};
use crate::plan::{self, ConfirmedPlan};
use crate::store::quarantine::{QuarantineQuery, QuarantineRow};
use crate::store::runs::RunQuery;
use crate::store::{self};
use crate::workspace::Workspace;
use crate::workspace::keys::{KeyError, WorkspaceKeys};

/// A row kept aside, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineRecord {
    pub id: String,
    pub run: RunId,
    pub pipeline: PipelineId,
    pub stream: String,
    /// A stable code: `bad_cast`, `malformed_row`, …
    pub code: String,
    pub reason: String,
    pub position: String,
    /// The row as JSON, or its raw text, where it could be kept.
    #[serde(default)]
    pub row: Option<String>,
    pub at: String,
    #[serde(default)]
    pub replayed_at: Option<String>,
}

/// Why a row was not written after all. Each sentence says what stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("there is no such row in quarantine")]
    NotFound,
    #[error("this row was written already, at {at}")]
    AlreadyReplayed { at: String },
    #[error("the pipeline has a run that has not ended; wait for its end")]
    Running { run: RunId },
    #[error("the run never committed the part that this row belongs to, so the next run reads it again")]
    NotCovered,
    #[error("only the reason was kept of this row, not the row itself; mend it at the source and run again")]
    NotKept,
    #[error(
        "only the raw text of this row was kept, and it does not fall into columns; mend it at the source and run again"
    )]
    Raw,
    #[error("the pipeline no longer moves `{stream}`")]
    StreamGone { stream: String },
    #[error("the row and the plan do not agree on the column `{column}`")]
    OtherColumns { column: String },
    #[error("the plan masks other columns than when the row was kept, and the row holds what is to be hidden")]
    OtherMasks,
    #[error("the value of column `{column}` still does not fit; revise the plan's cast, or mend the row at the source")]
    StillUnfit { column: String },
    #[error("a later run has read `{stream}` since and may have brought this row in a newer form")]
    Superseded { stream: String },
    #[error("the destination refused the row again: {reason}")]
    Refused { reason: String },
    #[error("{}", .0.message)]
    System(RunError),
    #[error(transparent)]
    Plan(#[from] plan::LoadError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the workspace's store cannot be read or written")]
    Store(#[from] sqlx::Error),
}

impl From<Failure> for ReplayError {
    fn from(failure: Failure) -> Self {
        tracing::warn!(cause = ?failure.error.source, "{}", failure.error.message);
        Self::System(failure.shown())
    }
}

impl From<crate::connectors::ConnectorError> for ReplayError {
    fn from(error: crate::connectors::ConnectorError) -> Self {
        Failure::from(error).into()
    }
}

/// What came of replaying all rows of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    pub written: u64,
    /// Rows that stay, each with what stands in the way.
    pub left: Vec<LeftRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftRow {
    pub id: String,
    pub reason: String,
}

/// Rows in quarantine, newest first.
pub async fn list(workspace: &Workspace, query: &QuarantineQuery) -> Result<Vec<QuarantineRecord>, sqlx::Error> {
    let rows = store::quarantine::list(workspace.store.pool(), &workspace.id.0, query).await?;
    let records = rows.into_iter().filter_map(|row| {
        Some(QuarantineRecord {
            run: row.run.parse().ok()?,
            pipeline: row.pipeline.parse().ok()?,
            id: row.id,
            stream: row.stream,
            code: row.code,
            reason: row.reason,
            position: row.position,
            row: row.row_text,
            at: row.at,
            replayed_at: row.replayed_at,
        })
    });
    Ok(records.collect())
}

/// Writes one row after all, by the plan that its pipeline keeps now. However often it is tried, it is written once.
pub async fn replay(workspace: &Workspace, id: &str) -> Result<(), ReplayError> {
    let row = store::quarantine::get(workspace.store.pool(), &workspace.id.0, id).await?;
    let row = row.ok_or(ReplayError::NotFound)?;
    Box::pin(write_after_all(workspace, &row)).await
}

/// Writes what can be written of a run's rows, and says of the others why not.
pub async fn replay_run(workspace: &Workspace, run: RunId) -> Result<Replayed, ReplayError> {
    let rows = store::quarantine::waiting(workspace.store.pool(), &workspace.id.0, &run.to_string()).await?;
    let mut done = Replayed::default();
    for row in rows {
        match Box::pin(write_after_all(workspace, &row)).await {
            Ok(()) => done.written += 1,
            // What holds for every row of the run is said once.
            Err(error @ (ReplayError::Running { .. } | ReplayError::Plan(_) | ReplayError::Store(_))) => {
                return Err(error);
            }
            Err(error) => done.left.push(LeftRow { id: row.id.clone(), reason: error.to_string() }),
        }
    }
    Ok(done)
}

async fn write_after_all(workspace: &Workspace, row: &QuarantineRow) -> Result<(), ReplayError> {
    let pool = workspace.store.pool();
    if let Some(at) = &row.replayed_at {
        return Err(ReplayError::AlreadyReplayed { at: at.clone() });
    }
    let text = row.row_text.as_deref().ok_or(ReplayError::NotKept)?;
    if let Some(run) = store::runs::alive(pool, &row.pipeline).await?.and_then(|run| run.parse().ok()) {
        return Err(ReplayError::Running { run });
    }
    let covered = store::checkpoints::of_run(pool, &row.run).await?;
    if !covered.iter().any(|checkpoint| checkpoint.stream == row.stream && checkpoint.epoch >= row.epoch) {
        return Err(ReplayError::NotCovered);
    }
    let pipeline: PipelineId = row.pipeline.parse().map_err(|_| ReplayError::NotFound)?;
    let plan = plan::confirmed(workspace, pipeline).await?;
    let stream = plan
        .resolution()
        .streams
        .iter()
        .find(|stream| stream.stream == row.stream)
        .ok_or_else(|| ReplayError::StreamGone { stream: row.stream.clone() })?;
    still_due(workspace, row, stream).await?;
    same_masks(workspace, row, pipeline, &plan, stream).await?;
    let prepared = prepared(workspace, row, pipeline, &plan, stream).await?;
    let required = stream.columns.len();
    let records = match decode(&prepared.written, required, text)? {
        Ok(records) => with_metadata(&records, &prepared, row, workspace)?,
        Err(Unreadable::Raw) => return Err(ReplayError::Raw),
        Err(Unreadable::Columns(column)) => return Err(ReplayError::OtherColumns { column }),
        Err(Unreadable::Value(column)) => return Err(ReplayError::StillUnfit { column }),
    };
    write(workspace, row, &plan, &prepared, records).await?;
    store::quarantine::mark_replayed(pool, &row.id, &store::stamp(workspace.clock.now())).await?;
    Ok(())
}

/// A row that was appended incrementally is passed for good, and one of a full copy belongs to that copy; what is
/// replaced or merged may have come again since.
async fn still_due(workspace: &Workspace, row: &QuarantineRow, stream: &ResolvedStream) -> Result<(), ReplayError> {
    if stream.write == ResolvedWrite::Append {
        return Ok(());
    }
    let query =
        RunQuery { pipeline: Some(row.pipeline.clone()), phase: Some("completed".to_owned()), after: None, limit: 1 };
    let latest = store::runs::list(workspace.store.pool(), &workspace.id.0, &query).await?;
    match latest.first() {
        Some(latest) if latest.id > row.run => Err(ReplayError::Superseded { stream: row.stream.clone() }),
        _ => Ok(()),
    }
}

/// The row was kept with the masks of its run's plan on. Under other masks it would show what is hidden by now.
async fn same_masks(
    workspace: &Workspace,
    row: &QuarantineRow,
    pipeline: PipelineId,
    plan: &ConfirmedPlan,
    stream: &ResolvedStream,
) -> Result<(), ReplayError> {
    let run = store::runs::get(workspace.store.pool(), &workspace.id.0, &row.run).await?;
    let run_plan: PlanId = run.and_then(|run| run.plan.parse().ok()).ok_or(ReplayError::NotFound)?;
    if plan.plan_id() == Some(run_plan) {
        return Ok(());
    }
    let then = plan::offer::confirmed_version(workspace, pipeline, run_plan).await?;
    let then = then.resolution().streams.iter().find(|then| then.stream == stream.stream);
    let mask_then = |target: &str| {
        then.and_then(|then| then.columns.iter().find(|column| column.target == target))
            .map(|column| (column.source.name.clone(), column.mask))
    };
    let same = stream
        .columns
        .iter()
        .all(|column| mask_then(&column.target) == Some((column.source.name.clone(), column.mask)));
    if same { Ok(()) } else { Err(ReplayError::OtherMasks) }
}

async fn prepared(
    workspace: &Workspace,
    row: &QuarantineRow,
    pipeline: PipelineId,
    plan: &ConfirmedPlan,
    stream: &ResolvedStream,
) -> Result<Prepared, ReplayError> {
    let resolution = plan.resolution();
    let source = workspace.source(&resolution.source).await.map_err(Failure::from)?;
    let destination = workspace.destination(&resolution.destination).await.map_err(Failure::from)?;
    let ground = Ground {
        pipeline: pipeline.to_string(),
        run: row.run.clone(),
        started_at: workspace.clock.now(),
        mask_key: WorkspaceKeys::open(workspace).await?.mask,
    };
    let spec = plan.spec().streams.iter().find(|spec| spec.stream == stream.stream);
    let ends = (source.as_ref(), destination.as_ref());
    Ok(prepare(&ground, resolution, stream, &Additions::of(spec), ends).await?)
}

fn with_metadata(
    records: &RecordBatch,
    prepared: &Prepared,
    row: &QuarantineRow,
    workspace: &Workspace,
) -> Result<RecordBatch, ReplayError> {
    let columns: Vec<Column> = prepared.write.columns.iter().map(|target| target.column.clone()).collect();
    if let WriteMode::Merge { key, .. } = &prepared.write.mode
        && let Some(column) = key.iter().find(|name| records.column_by_name(name).is_none_or(|key| key.is_null(0)))
    {
        return Err(ReplayError::StillUnfit { column: column.clone() });
    }
    let mut arrays = records.columns().to_vec();
    arrays.push(Arc::new(StringArray::from(vec![row.run.as_str()])) as ArrayRef);
    let at = workspace.clock.now().timestamp_micros();
    arrays.push(Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC")));
    if columns.last().is_some_and(|column| column.name == DELETED_COLUMN) {
        arrays.push(Arc::new(BooleanArray::from(vec![false])));
    }
    RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(|error| {
        let mut failure = Failure::new(ErrorKind::Bug, "A kept row could not be put back into columns.");
        failure.error = failure.error.because(error);
        failure.into()
    })
}

async fn write(
    workspace: &Workspace,
    row: &QuarantineRow,
    plan: &ConfirmedPlan,
    prepared: &Prepared,
    records: RecordBatch,
) -> Result<(), ReplayError> {
    let destination = workspace.destination(&plan.resolution().destination).await.map_err(Failure::from)?;
    let mode = match &prepared.write.mode {
        WriteMode::Replace => WriteMode::Append,
        other => other.clone(),
    };
    let state_key = replay_key(&row.pipeline, &row.stream, &row.id);
    let request = WriteRequest { mode, state_key, ..prepared.write.clone() };
    let mut writer = destination.open(request).await?;
    // Written before, and the process died before it was marked.
    if writer.committed().await?.is_some() {
        return Ok(());
    }
    if let Some(refused) = writer.write(Batch::rows(records)).await?.pop() {
        store::quarantine::set_reason(workspace.store.pool(), &row.id, &refused.code, &refused.reason).await?;
        return Err(ReplayError::Refused { reason: refused.reason });
    }
    writer.commit(Commit { epoch: Epoch(1), checkpoint: None, last: true }).await?;
    Ok(())
}
