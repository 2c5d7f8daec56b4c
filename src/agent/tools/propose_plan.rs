use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::offer;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan::Draft;

pub(super) struct ProposePlan;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Read by the plan's own validation, which names every problem at once.
    plan: Value,
}

#[async_trait]
impl Handler for ProposePlan {
    type Args = Args;
    const NAME: &'static str = "propose_plan";
    const EFFECT: Effect = Effect::Propose;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/propose_plan.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        offer::put(cx, Draft::from_model(args.plan), None).await
    }
}
