use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::Event;

pub(super) struct DeclineRequest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    text: String,
}

#[async_trait]
impl Handler for DeclineRequest {
    type Args = Args;
    const NAME: &'static str = "decline_request";
    const EFFECT: Effect = Effect::Propose;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/decline_request.json")
    }

    async fn call(&self, _: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let events = vec![Event::OutOfScope { text: args.text }];
        Ok(ToolOutput { content: json!({"declined": true}), events, ends_turn: true, ..ToolOutput::default() })
    }
}
