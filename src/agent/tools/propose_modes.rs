use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::budget;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan::modes;

pub(super) struct ProposeModes;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    source: String,
    stream: String,
    #[serde(default)]
    destination: Option<String>,
}

#[async_trait]
impl Handler for ProposeModes {
    type Args = Args;
    const NAME: &'static str = "propose_modes";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/propose_modes.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let Args { source, stream, destination } = &args;
        let proposals = modes::propose_modes(&cx.workspace, source, stream, destination.as_deref()).await?;
        let content = budget::fit(json!(proposals), "The first proposal is the best.");
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}
