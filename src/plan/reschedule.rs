//! A pipeline's schedule, changed by a person's own hand: the same plan to the byte but for when it runs.

use serde_json::json;

use super::offer::{confirmed, keep};
use super::schedule::Timetable;
use super::spec::ScheduleSpec;
use super::{ConfirmError, Kept, LoadError, Problem, ValidatedPlan};
use crate::ids::{Actor, PipelineId, PlanId};
use crate::store;
use crate::store::plans::PlanRow;
use crate::workspace::Workspace;

/// Why a schedule was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RescheduleError {
    #[error("{}", .0.message)]
    Schedule(Problem),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
}

impl From<sqlx::Error> for RescheduleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Load(error.into())
    }
}

/// Gives a pipeline another schedule, or none. The request is itself the person's confirmation: it makes a new version,
/// under a new digest, with what was acknowledged before. Source and destination are not asked.
pub async fn reschedule(
    workspace: &Workspace,
    pipeline: PipelineId,
    schedule: Option<ScheduleSpec>,
    by: Actor,
) -> Result<Kept, RescheduleError> {
    let timetable = schedule.as_ref().map(Timetable::parse).transpose().map_err(RescheduleError::Schedule)?;
    let held = confirmed(workspace, pipeline).await?;
    let acknowledged = held.acknowledged().to_vec();
    let mut content = held.content;
    content.spec.schedule = schedule;
    content.view.spec = json!(content.spec);
    content.view.schedule = timetable.map(|timetable| timetable.view(workspace.clock.now()));
    let plan = ValidatedPlan::seal(content.spec, content.resolution, content.view);
    let id = PlanId::new();
    let row = PlanRow {
        id: id.to_string(),
        conversation: None,
        pipeline: Some(pipeline.to_string()),
        digest: plan.digest.clone(),
        document: plan.content.document.to_string(),
        state: "proposed".to_owned(),
        confirmation: None,
        created_at: store::stamp(workspace.clock.now()),
    };
    store::plans::insert(workspace.store.pool(), &workspace.id.0, &row).await?;
    let digest = plan.digest.clone();
    let plan = plan.confirm(&digest, &acknowledged, by, workspace.clock.now())?;
    Ok(keep(workspace, id, row.pipeline.as_deref(), plan).await?)
}
