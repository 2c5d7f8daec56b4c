//! Plans in the store: proposed, taken back, confirmed into a pipeline, and loaded again to run.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::confirmation::Confirmation;
use super::resolution::ResolvedWrite;
use super::schedule::Timetable;
use super::{ConfirmError, ConfirmedPlan, Draft, Problem, ValidatedPlan};
use crate::events::PlanView;
use crate::ids::{Actor, ConversationId, PipelineId, PlanId};
use crate::plan::spec::PlanSpec;
use crate::store::pipelines::PipelineRow;
use crate::store::plans::PlanRow;
use crate::store::{self, Tx};
use crate::workspace::{Workspace, WorkspaceError};

/// A plan that now waits for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    pub plan: PlanId,
    pub digest: String,
    pub view: PlanView,
}

/// Why a draft was not proposed.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    #[error("the plan has {} problems", .0.len())]
    Problems(Vec<Problem>),
    #[error(transparent)]
    Store(#[from] WorkspaceError),
}

impl From<sqlx::Error> for ProposeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Validates a draft and puts it before a person. A plan that the conversation still has on offer is superseded. `pipeline`
/// is set when the plan revises one.
pub async fn propose(
    workspace: &Workspace,
    draft: Draft,
    conversation: Option<ConversationId>,
    pipeline: Option<PipelineId>,
) -> Result<Proposed, ProposeError> {
    let plan = draft.validate(workspace).await.map_err(ProposeError::Problems)?;
    let id = PlanId::new();
    let row = PlanRow {
        id: id.to_string(),
        conversation: conversation.map(|id| id.to_string()),
        pipeline: pipeline.map(|id| id.to_string()),
        digest: plan.digest.clone(),
        document: plan.content.document.to_string(),
        state: "proposed".to_owned(),
        confirmation: None,
        created_at: store::stamp(workspace.clock.now()),
    };
    let mut tx = workspace.store.begin().await?;
    if let Some(conversation) = &row.conversation {
        store::plans::supersede_offered(&mut *tx, &workspace.id.0, conversation).await?;
    }
    store::plans::insert(&mut *tx, &workspace.id.0, &row).await?;
    tx.commit().await?;
    Ok(Proposed { plan: id, digest: plan.digest, view: plan.content.view })
}

/// The plan that a conversation has on offer.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    pub plan: PlanId,
    pub digest: String,
    pub spec: PlanSpec,
    pub view: PlanView,
    /// Set when the plan revises a pipeline.
    pub pipeline: Option<PipelineId>,
}

/// The plan that waits for a person in this conversation. A stored plan that does not match its digest is not offered.
pub async fn on_offer(workspace: &Workspace, conversation: ConversationId) -> Result<Option<Offered>, WorkspaceError> {
    let row = store::plans::offered(workspace.store.pool(), &workspace.id.0, &conversation.to_string()).await?;
    Ok(row.and_then(|row| {
        let plan = row.id.parse().ok()?;
        let pipeline = row.pipeline.as_deref().and_then(|id| id.parse().ok());
        let restored = restore(&row)?;
        Some(Offered {
            plan,
            digest: restored.digest,
            spec: restored.content.spec,
            view: restored.content.view,
            pipeline,
        })
    }))
}

/// A plan as it is stored, whatever became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub plan: PlanId,
    pub digest: String,
    /// `proposed`, `confirmed`, `dismissed` or `superseded`.
    pub state: String,
    pub spec: PlanSpec,
    pub view: PlanView,
    pub conversation: Option<ConversationId>,
    pub pipeline: Option<PipelineId>,
}

/// A plan by its identity; `None` when there is none, or when it does not match its digest.
pub async fn stored(workspace: &Workspace, plan: PlanId) -> Result<Option<Stored>, WorkspaceError> {
    let row = store::plans::get(workspace.store.pool(), &workspace.id.0, &plan.to_string()).await?;
    Ok(row.and_then(|row| {
        let restored = restore(&row)?;
        Some(Stored {
            plan,
            digest: restored.digest,
            spec: restored.content.spec,
            view: restored.content.view,
            conversation: row.conversation.as_deref().and_then(|id| id.parse().ok()),
            pipeline: row.pipeline.as_deref().and_then(|id| id.parse().ok()),
            state: row.state,
        })
    }))
}

fn restore(row: &PlanRow) -> Option<ValidatedPlan> {
    let document: Value = serde_json::from_str(&row.document).ok()?;
    ValidatedPlan::restore(document, &row.digest)
}

/// How an offer ends without a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// A person said no.
    Dismissed,
    /// Something newer took its place.
    Superseded,
}

/// Takes an offer back. `false` when the plan did not wait any more.
pub async fn withdraw(workspace: &Workspace, plan: PlanId, state: Withdrawal) -> Result<bool, WorkspaceError> {
    let word = match state {
        Withdrawal::Dismissed => "dismissed",
        Withdrawal::Superseded => "superseded",
    };
    Ok(store::plans::withdraw(workspace.store.pool(), &workspace.id.0, &plan.to_string(), word).await?)
}

/// A plan that was confirmed into a pipeline.
#[derive(Clone, Debug)]
pub struct Kept {
    pub pipeline: PipelineId,
    pub name: String,
    /// From 1; more when the plan revised a pipeline.
    pub version: i64,
    pub plan: ConfirmedPlan,
}

/// Confirms a plan on offer by the digest that a person saw. In one transaction: the confirmation is recorded, the pipeline
/// made or its version raised, its schedule written, and the audit log told. Targets that hold rows by now and were
/// not shown as replaced make the confirmation stale.
pub async fn confirm(
    workspace: &Workspace,
    plan: PlanId,
    seen_digest: &str,
    acknowledged: &[String],
    by: Actor,
) -> Result<Kept, ConfirmError> {
    let id = plan.to_string();
    let row = store::plans::get(workspace.store.pool(), &workspace.id.0, &id).await?.ok_or(ConfirmError::NotFound)?;
    if row.state != "proposed" {
        return Err(ConfirmError::NotOffered { state: row.state });
    }
    let validated = restore(&row).ok_or(ConfirmError::Tampered)?;
    let confirmed = validated.confirm(seen_digest, acknowledged, by, workspace.clock.now())?;
    nothing_unseen_is_lost(workspace, &confirmed).await?;
    keep(workspace, plan, row.pipeline.as_deref(), confirmed).await
}

/// Writes a confirmation with all that follows from it.
pub(super) async fn keep(
    workspace: &Workspace,
    plan: PlanId,
    revises: Option<&str>,
    confirmed: ConfirmedPlan,
) -> Result<Kept, ConfirmError> {
    let id = plan.to_string();
    let (by, now) = (confirmed.by().clone(), confirmed.at());
    let revises: Option<PipelineId> = revises.and_then(|id| id.parse().ok());
    let pipeline = revises.unwrap_or_else(PipelineId::new);
    let confirmation = Confirmation {
        by: by.clone(),
        at: now,
        digest: confirmed.digest.clone(),
        acknowledged: confirmed.acknowledged().to_vec(),
    };
    let sealed = confirmation.seal(&id, &workspace.vault).map_err(WorkspaceError::from)?;

    let mut tx = workspace.store.begin().await?;
    if !store::plans::confirm(&mut *tx, &workspace.id.0, &id, &pipeline.to_string(), &sealed).await? {
        return Err(ConfirmError::NotOffered { state: "withdrawn".to_owned() });
    }
    let keeping = Keeping { workspace, pipeline, plan: &id, name: &confirmed.content.spec.name, now };
    let kept = if revises.is_some() { keeping.raise(&mut tx).await? } else { keeping.make(&mut tx).await? };
    store::pipelines::add_version(&mut *tx, &kept.id, kept.version, &id, &store::stamp(now)).await?;
    write_schedule(&mut tx, &kept.id, &confirmed.content.spec, now).await?;
    let detail = json!({
        "plan": id, "digest": confirmed.digest, "acknowledged": confirmed.acknowledged(), "name": kept.name,
        "version": kept.version,
    });
    let entry = workspace.audit_row(&by, "plan.confirmed", &format!("pipeline:{pipeline}"), &detail);
    store::audit::append(&mut *tx, &workspace.id.0, &entry).await?;
    tx.commit().await?;
    Ok(Kept { pipeline, name: kept.name, version: kept.version, plan: confirmed.kept_as(plan, pipeline) })
}

/// Replacing a table that was empty, or not there, when the plan was shown, and that holds rows now, was never agreed to.
async fn nothing_unseen_is_lost(workspace: &Workspace, plan: &ConfirmedPlan) -> Result<(), ConfirmError> {
    let resolution = plan.resolution();
    let replaced = resolution.streams.iter().filter(|stream| stream.write == ResolvedWrite::Replace);
    let unseen: Vec<_> = replaced.filter(|s| !plan.acknowledged().contains(&s.target.to_string())).collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let name = &resolution.destination;
    let destination = workspace.destination(name).await?;
    for stream in unseen {
        let state =
            destination.describe(&stream.target).await.map_err(|error| WorkspaceError::connector(name, error))?;
        if state.is_some_and(|state| state.rows != Some(0)) {
            let reason = format!("`{}` holds rows by now, which this plan would replace unseen.", stream.target);
            return Err(ConfirmError::Stale { reason });
        }
    }
    Ok(())
}

/// A confirmed plan on its way into a pipeline.
struct Keeping<'a> {
    workspace: &'a Workspace,
    pipeline: PipelineId,
    plan: &'a str,
    name: &'a str,
    now: DateTime<Utc>,
}

impl Keeping<'_> {
    async fn make(&self, tx: &mut Tx) -> Result<PipelineRow, ConfirmError> {
        let at = store::stamp(self.now);
        let row = PipelineRow {
            id: self.pipeline.to_string(),
            name: self.free_name(tx).await?,
            plan: self.plan.to_owned(),
            version: 1,
            paused: false,
            deleted_at: None,
            created_at: at.clone(),
            updated_at: at,
        };
        store::pipelines::insert(&mut **tx, &self.workspace.id.0, &row).await?;
        Ok(row)
    }

    async fn raise(&self, tx: &mut Tx) -> Result<PipelineRow, ConfirmError> {
        let workspace = &self.workspace.id.0;
        let held = store::pipelines::get(&mut **tx, workspace, &self.pipeline.to_string()).await?;
        let mut row = held.filter(|row| row.deleted_at.is_none()).ok_or(ConfirmError::PipelineGone)?;
        let from = row.version;
        let before = store::plans::get(&mut **tx, workspace, &row.plan).await?;
        let named_before = before.and_then(|plan| restore(&plan)).map(|plan| plan.content.spec.name);
        // A pipeline that was renamed by hand keeps its name; one whose plan changed its name follows.
        if named_before.as_deref() != Some(self.name) {
            row.name = self.free_name(tx).await?;
        }
        self.plan.clone_into(&mut row.plan);
        row.version += 1;
        row.updated_at = store::stamp(self.now);
        if !store::pipelines::raise(&mut **tx, &row, from).await? {
            return Err(ConfirmError::PipelineGone);
        }
        Ok(row)
    }

    /// The name, or the name with a number where another live pipeline has it.
    async fn free_name(&self, tx: &mut Tx) -> Result<String, ConfirmError> {
        for number in 1_u32.. {
            let candidate = if number == 1 { self.name.to_owned() } else { format!("{} ({number})", self.name) };
            let taken = store::pipelines::by_name(&mut **tx, &self.workspace.id.0, &candidate).await?;
            if taken.is_none_or(|row| row.id == self.pipeline.to_string()) {
                return Ok(candidate);
            }
        }
        Ok(self.name.to_owned())
    }
}

async fn write_schedule(tx: &mut Tx, pipeline: &str, spec: &PlanSpec, now: DateTime<Utc>) -> Result<(), ConfirmError> {
    let timetable = spec.schedule.as_ref().and_then(|schedule| Some((schedule, Timetable::parse(schedule).ok()?)));
    match timetable {
        None => store::pipelines::drop_schedule(&mut **tx, pipeline).await?,
        Some((schedule, timetable)) => {
            let next = timetable.next_after(now).map(store::stamp);
            let text = json!(schedule).to_string();
            store::pipelines::write_schedule(&mut **tx, pipeline, &text, next.as_deref(), &store::stamp(now)).await?;
        }
    }
    Ok(())
}

/// Why a pipeline's plan was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("there is no such pipeline")]
    NotFound,
    /// The stored plan or its confirmation is not what a person confirmed.
    #[error("the stored plan of this pipeline is not what a person confirmed; confirm it anew")]
    Tampered,
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

impl From<sqlx::Error> for LoadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Workspace(error.into())
    }
}

/// The confirmed plan of a pipeline's newest version. Digest and confirmation are checked again: what is stored runs only
/// if it is, to the byte, what a person said yes to.
pub async fn confirmed(workspace: &Workspace, pipeline: PipelineId) -> Result<ConfirmedPlan, LoadError> {
    let pool = workspace.store.pool();
    let held = store::pipelines::get(pool, &workspace.id.0, &pipeline.to_string()).await?;
    let held = held.filter(|row| row.deleted_at.is_none()).ok_or(LoadError::NotFound)?;
    load(workspace, &held.plan, pipeline).await
}

/// The confirmed plan of one version of a pipeline, by the plan's identity: what a run that is resumed goes on with.
pub async fn confirmed_version(
    workspace: &Workspace,
    pipeline: PipelineId,
    plan: PlanId,
) -> Result<ConfirmedPlan, LoadError> {
    load(workspace, &plan.to_string(), pipeline).await
}

async fn load(workspace: &Workspace, plan: &str, pipeline: PipelineId) -> Result<ConfirmedPlan, LoadError> {
    let row = store::plans::get(workspace.store.pool(), &workspace.id.0, plan).await?.ok_or(LoadError::Tampered)?;
    let id: PlanId = row.id.parse().map_err(|_| LoadError::Tampered)?;
    if row.state != "confirmed" || row.pipeline.as_deref() != Some(pipeline.to_string().as_str()) {
        return Err(LoadError::Tampered);
    }
    let stored = row.confirmation.as_deref().unwrap_or_default();
    let confirmation = Confirmation::open(stored, plan, &workspace.vault).ok_or(LoadError::Tampered)?;
    let validated = restore(&row).ok_or(LoadError::Tampered)?;
    let confirmed = validated
        .confirm(&confirmation.digest, &confirmation.acknowledged, confirmation.by, confirmation.at)
        .map_err(|_| LoadError::Tampered)?;
    Ok(confirmed.kept_as(id, pipeline))
}
