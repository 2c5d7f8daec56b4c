use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::budget;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan::mapping;

pub(super) struct ProposeMapping;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    source: String,
    destination: String,
    stream: String,
    #[serde(default)]
    target: Option<String>,
}

#[async_trait]
impl Handler for ProposeMapping {
    type Args = Args;
    const NAME: &'static str = "propose_mapping";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/propose_mapping.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let Args { source, destination, stream, target } = &args;
        let proposal = mapping::propose_mapping(&cx.workspace, source, destination, stream, target.as_deref()).await?;
        let content = budget::fit(json!(proposal), "Columns that are not listed land without a problem of their own.");
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}
