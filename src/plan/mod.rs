//! From a draft that anyone wrote to a plan that a person confirmed. Each step is another type and none can be skipped: a
//! [`Draft`] becomes a [`ValidatedPlan`] only by validation against the live systems, and that a [`ConfirmedPlan`] only by
//! the digest of what was on a person's screen. The fields of [`Plan`] and of its stages are private and neither can be
//! deserialised, so code outside this module that would make one does not compile.

pub mod cast;
mod columns;
mod confirmation;
mod digest;
mod doubt;
mod explain;
pub mod filter;
pub mod mapping;
pub mod modes;
pub mod offer;
mod preview;
mod problem;
mod reschedule;
pub mod resolution;
pub mod schedule;
pub mod shape;
pub mod span;
pub mod spec;
mod validate;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::events::PlanView;
use crate::ids::{Actor, PipelineId, PlanId};
use crate::workspace::Workspace;
use resolution::Resolution;
use spec::PlanSpec;

pub use digest::{canonical, digest};
pub use explain::explain;
pub use offer::{
    Kept, LoadError, Offered, ProposeError, Proposed, Stored, Withdrawal, confirm, confirmed, on_offer, propose,
    stored, withdraw,
};
pub use problem::Problem;
pub use reschedule::{RescheduleError, reschedule};

/// A plan as somebody wrote it: untrusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    document: Value,
    heard: Option<Box<PlanSpec>>,
}

impl Draft {
    fn of(document: Value) -> Self {
        Self { document, heard: None }
    }

    /// The same draft, to be held against what a second reader found in the person's words. Contradictions become warnings
    /// of the plan, under its digest like all that is shown.
    pub fn against(self, heard: PlanSpec) -> Self {
        Self { heard: Some(Box::new(heard)), ..self }
    }

    /// A draft as a model writes it. Members that are null count as absent, except where null could be meant as a value
    /// (`mask`, `cast`, `rename`): there they are refused.
    pub fn from_model(draft: Value) -> Self {
        Self::of(without_nulls(draft))
    }

    pub fn from_spec(spec: &PlanSpec) -> Self {
        Self::of(json!(spec))
    }

    /// Reads YAML or JSON.
    pub fn from_text(text: &str) -> Result<Self, Vec<Problem>> {
        if let Ok(draft) = serde_json::from_str(text) {
            return Ok(Self::from_model(draft));
        }
        match serde_saphyr::from_str::<Value>(text) {
            Ok(draft) => Ok(Self::from_model(draft)),
            Err(error) => {
                let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
                let message = format!("The plan is neither YAML nor JSON{}.", place.unwrap_or_default());
                Err(vec![Problem::new("", "shape", message).suggest("Check indentation, quotes and brackets there.")])
            }
        }
    }

    /// Checks shape, then meaning against the live source and destination. Gives every problem rather than the first.
    pub async fn validate(self, workspace: &Workspace) -> Result<ValidatedPlan, Vec<Problem>> {
        Box::pin(validate::validate(self.document, self.heard.as_deref(), workspace)).await
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null()).map(|(key, member)| {
                let literal = matches!(key.as_str(), "mask" | "cast" | "rename");
                (key, if literal { member } else { without_nulls(member) })
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

/// A plan at a stage of its way. What the digest covers is kept as one document, exactly as it was shown.
#[derive(Clone, Debug)]
pub struct Plan<Stage> {
    content: Content,
    digest: String,
    stage: Stage,
}

#[derive(Clone, Debug)]
struct Content {
    spec: PlanSpec,
    resolution: Resolution,
    view: PlanView,
    /// The three above as JSON; what was shown and stored, not what a newer program would write.
    document: Value,
}

/// Stage: checked, and waiting for a person.
#[derive(Clone, Debug)]
pub struct Validated {
    _private: (),
}

/// Stage: a person has said yes to its digest.
#[derive(Clone, Debug)]
pub struct Confirmed {
    by: Actor,
    at: DateTime<Utc>,
    acknowledged: Vec<String>,
    kept: Option<(PlanId, PipelineId)>,
}

pub type ValidatedPlan = Plan<Validated>;
pub type ConfirmedPlan = Plan<Confirmed>;

impl<Stage> Plan<Stage> {
    pub fn spec(&self) -> &PlanSpec {
        &self.content.spec
    }

    pub fn resolution(&self) -> &Resolution {
        &self.content.resolution
    }

    pub fn view(&self) -> &PlanView {
        &self.content.view
    }

    /// SHA-256 over the whole document, as hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All that the digest covers: `spec`, `resolution` and `view`.
    pub fn document(&self) -> Value {
        self.content.document.clone()
    }
}

impl ValidatedPlan {
    /// What validation worked out, under its digest.
    fn seal(spec: PlanSpec, resolution: Resolution, view: PlanView) -> Self {
        let document = json!({"spec": spec, "resolution": resolution, "view": view});
        let digest = digest(&document);
        Self { content: Content { spec, resolution, view, document }, digest, stage: Validated { _private: () } }
    }

    /// A plan that was stored under a digest; `None` when the document no longer is what the digest was made of.
    fn restore(document: Value, expected: &str) -> Option<Self> {
        if digest(&document) != expected {
            return None;
        }
        let part = |name: &str| document.get(name).cloned().unwrap_or_default();
        let content = Content {
            spec: serde_json::from_value(part("spec")).ok()?,
            resolution: serde_json::from_value(part("resolution")).ok()?,
            view: serde_json::from_value(part("view")).ok()?,
            document,
        };
        Some(Self { content, digest: expected.to_owned(), stage: Validated { _private: () } })
    }

    /// A person's yes. `seen` is the digest that was on the screen; `acknowledged` names the tables whose loss is accepted,
    /// as the view lists them under `destructive` (the bare table name is enough where it is unmistakable).
    pub fn confirm(
        self,
        seen: &str,
        acknowledged: &[String],
        by: Actor,
        at: DateTime<Utc>,
    ) -> Result<ConfirmedPlan, ConfirmError> {
        if seen != self.digest {
            return Err(ConfirmError::Stale {
                reason: "What was on screen is not this plan: it has changed since, or is another.".to_owned(),
            });
        }
        let destructive = &self.view().destructive;
        let missing: Vec<String> =
            destructive.iter().filter(|target| !accepts(acknowledged, target, destructive)).cloned().collect();
        if !missing.is_empty() {
            return Err(ConfirmError::NotAcknowledged { missing });
        }
        let acknowledged = destructive.clone();
        Ok(Plan { content: self.content, digest: self.digest, stage: Confirmed { by, at, acknowledged, kept: None } })
    }
}

fn accepts(acknowledged: &[String], target: &str, all: &[String]) -> bool {
    fn bare(name: &str) -> &str {
        name.rsplit_once('.').map_or(name, |(_, name)| name)
    }
    let alone = all.iter().filter(|other| bare(other) == bare(target)).count() == 1;
    acknowledged.iter().any(|named| named == target || (alone && named == bare(target)))
}

impl ConfirmedPlan {
    /// Who said yes.
    pub fn by(&self) -> &Actor {
        &self.stage.by
    }

    pub fn at(&self) -> DateTime<Utc> {
        self.stage.at
    }

    /// Tables whose loss was accepted.
    pub fn acknowledged(&self) -> &[String] {
        &self.stage.acknowledged
    }

    /// The plan as it is stored; `None` when it never was.
    pub fn plan_id(&self) -> Option<PlanId> {
        self.stage.kept.map(|(plan, _)| plan)
    }

    /// The pipeline that keeps this plan; `None` when it was never stored.
    pub fn pipeline(&self) -> Option<PipelineId> {
        self.stage.kept.map(|(_, pipeline)| pipeline)
    }

    fn kept_as(mut self, plan: PlanId, pipeline: PipelineId) -> Self {
        self.stage.kept = Some((plan, pipeline));
        self
    }
}

/// Why a plan was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    #[error("{reason}")]
    Stale { reason: String },
    /// Tables that hold rows would be replaced, and nobody accepted that by name.
    #[error("this plan replaces the rows of {}; each wants its own acknowledgement", crate::catalog::nearest::list(missing.iter().map(String::as_str), 8))]
    NotAcknowledged { missing: Vec<String> },
    #[error("there is no such plan")]
    NotFound,
    /// It was confirmed, dismissed or superseded before.
    #[error("this plan no longer waits for a confirmation: it is {state}")]
    NotOffered { state: String },
    #[error("the pipeline that this plan revises was deleted or changed meanwhile")]
    PipelineGone,
    /// What is stored is not what was proposed.
    #[error("the stored plan does not match its digest")]
    Tampered,
    #[error(transparent)]
    Workspace(#[from] crate::workspace::WorkspaceError),
}

impl ConfirmError {
    /// The stable code, as sent.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale_confirmation",
            Self::NotAcknowledged { .. } => "not_acknowledged",
            Self::NotFound => "plan_not_found",
            Self::NotOffered { .. } => "plan_not_offered",
            Self::PipelineGone => "pipeline_gone",
            Self::Tampered => "plan_tampered",
            Self::Workspace(error) => error.kind.code(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stale { .. } => Some("Look at the plan as it is now, then confirm that one.".to_owned()),
            Self::NotAcknowledged { missing } => Some(format!(
                "Acknowledge {} by name, or change `write` to `append` or `merge`.",
                crate::catalog::nearest::list(missing.iter().map(String::as_str), 8)
            )),
            Self::NotFound | Self::NotOffered { .. } | Self::PipelineGone => {
                Some("Ask for the plan again and confirm the new one.".to_owned())
            }
            Self::Tampered => Some("Ask for the plan again; report this if it comes back.".to_owned()),
            Self::Workspace(error) => error.hint.clone(),
        }
    }
}

impl From<sqlx::Error> for ConfirmError {
    fn from(error: sqlx::Error) -> Self {
        Self::Workspace(error.into())
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
