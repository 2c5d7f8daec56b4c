use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{offer, pipeline};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::{ActionState, Event};
use crate::ids::{ActionId, PipelineId};
use crate::store::actions::ActionRow;
use crate::store::pipelines::PipelineRow;
use crate::store::{self};

pub(super) struct OfferAction;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    action: Verb,
    pipeline: String,
}

/// What can be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    StopRun,
    RetryRun,
    PauseSchedule,
    ResumeSchedule,
    DeletePipeline,
    RunNow,
}

/// An offer as it is stored: what a person says yes to is this, whatever was said around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedAction {
    pub verb: Verb,
    pub pipeline: PipelineId,
    pub name: String,
    /// The run to stop.
    #[serde(default)]
    pub run: Option<crate::ids::RunId>,
}

impl Verb {
    /// As the wire names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::StopRun => "stop_run",
            Self::RetryRun => "retry_run",
            Self::PauseSchedule => "pause_schedule",
            Self::ResumeSchedule => "resume_schedule",
            Self::DeletePipeline => "delete_requested",
            Self::RunNow => "run_now",
        }
    }

    fn question(self, name: &str) -> String {
        match self {
            Self::StopRun => format!("Stop the run of `{name}`? What is committed stays; it can go on later."),
            Self::RetryRun => format!("Run `{name}` again?"),
            Self::PauseSchedule => {
                format!("Pause the schedule of `{name}`? It does not start by itself until resumed.")
            }
            Self::ResumeSchedule => format!("Resume the schedule of `{name}`?"),
            Self::DeletePipeline => format!("Delete the pipeline `{name}`? Its data at the destination stays."),
            Self::RunNow => format!("Run `{name}` now?"),
        }
    }
}

#[async_trait]
impl Handler for OfferAction {
    type Args = Args;
    const NAME: &'static str = "offer_action";
    const EFFECT: Effect = Effect::Propose;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/offer_action.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let row = pipeline::find(cx, &args.pipeline).await?;
        let run = possible(cx, args.action, &row).await?;
        let pipeline = row.id.parse().map_err(|error: uuid::Error| ToolError::EndTurn(error.into()))?;
        let offered = OfferedAction { verb: args.action, pipeline, name: row.name.clone(), run };
        offer::withdraw_plan(cx).await?;
        offer::withdraw_actions(cx).await?;
        let id = ActionId::new();
        let stored = ActionRow {
            id: id.to_string(),
            conversation: Some(cx.conversation.to_string()),
            action: args.action.word().to_owned(),
            object: json!(offered).to_string(),
            state: "offered".to_owned(),
            created_at: store::stamp(cx.workspace.clock.now()),
        };
        store::actions::offer(cx.workspace.store.pool(), &cx.workspace.id.0, &stored).await?;
        let event = Event::Action {
            id,
            action: args.action.word().to_owned(),
            state: ActionState::Offered,
            on: Some(row.name.clone()),
            text: args.action.question(&row.name),
            view: Some(json!({"run": run})),
        };
        let content = json!({"offered": args.action, "pipeline": row.name, "waits_for": "the person's yes"});
        Ok(ToolOutput { content, events: vec![event], ends_turn: true, ..ToolOutput::default() })
    }
}

/// The run that is meant; the error says why this cannot be offered now.
async fn possible(cx: &ToolContext, verb: Verb, row: &PipelineRow) -> Result<Option<crate::ids::RunId>, ToolError> {
    let db = cx.workspace.store.pool();
    let alive = store::runs::alive(db, &row.id).await?;
    let refuse = |text: String| Err(ToolError::TellModel(text));
    match verb {
        Verb::StopRun => match alive {
            Some(run) => Ok(run.parse().ok()),
            None => refuse(format!("Nothing of `{}` is running, so there is nothing to stop.", row.name)),
        },
        Verb::RetryRun | Verb::RunNow if alive.is_some() => {
            refuse(format!("A run of `{}` is still going; it can be stopped first.", row.name))
        }
        Verb::PauseSchedule if row.paused => refuse(format!("`{}` is already paused.", row.name)),
        Verb::ResumeSchedule if !row.paused => refuse(format!("`{}` is not paused.", row.name)),
        Verb::PauseSchedule if store::schedules::get(db, &row.id).await?.is_none() => {
            refuse(format!("`{}` has no schedule; it runs on demand only.", row.name))
        }
        _ => Ok(None),
    }
}
