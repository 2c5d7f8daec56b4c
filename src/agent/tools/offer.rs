//! What `propose_plan` and `revise_plan` share: a draft goes to validation, and either waits for the person or comes back
//! with everything that is wrong.

use serde_json::json;

use super::budget;
use crate::agent::tool::{ToolContext, ToolError, ToolOutput};
use crate::events::{Event, PlanView, ProblemView};
use crate::ids::PipelineId;
use crate::plan::spec::PlanSpec;
use crate::plan::{self, Draft, ProposeError};
use crate::store;

/// Codes that no other draft would help: the person is told at once what stands in the way.
const OBSTACLES: &[&str] = &[
    "cdc_not_ready",
    "unsupported_mode",
    "no_cursor",
    "unknown_connector",
    "no_permission",
    "not_a_source",
    "not_a_destination",
];

/// Puts a draft before the person.
pub(super) async fn put(cx: &ToolContext, draft: Draft, pipeline: Option<PipelineId>) -> Result<ToolOutput, ToolError> {
    let draft = match &cx.heard {
        Some(heard) => draft.against(PlanSpec::clone(heard)),
        None => draft,
    };
    match plan::propose(&cx.workspace, draft, Some(cx.conversation), pipeline).await {
        Ok(proposed) => {
            withdraw_actions(cx).await?;
            let content = json!({
                "accepted": true,
                "plan_id": proposed.plan,
                "digest": proposed.digest,
                "summary": summary(&proposed.view),
            });
            let view = Box::new(proposed.view);
            let event = Event::PlanProposed { plan: proposed.plan, digest: proposed.digest, view };
            Ok(ToolOutput { content, events: vec![event], ends_turn: true, ..ToolOutput::default() })
        }
        Err(ProposeError::Problems(problems)) => {
            let problems: Vec<ProblemView> = problems.iter().map(ProblemView::from).collect();
            let content = json!({"accepted": false, "problems": problems});
            let content = budget::fit(content, "Mend these first; the rest is told then.");
            let obstacle = problems.iter().any(|problem| OBSTACLES.contains(&problem.code.as_str()));
            let (events, rejected) =
                if obstacle { (vec![Event::PlanRejected { problems }], Vec::new()) } else { (Vec::new(), problems) };
            Ok(ToolOutput { content, events, rejected, ..ToolOutput::default() })
        }
        Err(ProposeError::Store(error)) => Err(error.into()),
    }
}

/// An offered action does not outlive what the person was asked instead.
pub(super) async fn withdraw_actions(cx: &ToolContext) -> Result<(), ToolError> {
    let at = store::stamp(cx.workspace.clock.now());
    let conversation = cx.conversation.to_string();
    store::actions::withdraw_all(cx.workspace.store.pool(), &cx.workspace.id.0, &conversation, &at).await?;
    Ok(())
}

/// Takes back the plan on offer: what is asked now comes first.
pub(super) async fn withdraw_plan(cx: &ToolContext) -> Result<(), ToolError> {
    if let Some(offered) = plan::on_offer(&cx.workspace, cx.conversation).await? {
        plan::withdraw(&cx.workspace, offered.plan, plan::Withdrawal::Superseded).await?;
    }
    Ok(())
}

fn summary(view: &PlanView) -> String {
    let streams: Vec<String> = view
        .streams
        .iter()
        .take(10)
        .map(|stream| format!("`{}` ({} read, {}) to `{}`", stream.stream, stream.read, stream.write, stream.target))
        .collect();
    let more = view.streams.len().saturating_sub(streams.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let schedule = view.schedule.as_ref().map_or("on demand", |schedule| schedule.text.as_str());
    format!(
        "{}{more}, from `{}` to `{}`, {schedule}. It waits for the person's confirmation.",
        streams.join(", "),
        view.source.connection,
        view.destination.connection
    )
}
