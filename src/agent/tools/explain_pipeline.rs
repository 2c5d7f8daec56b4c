use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{budget, pipeline};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan;

pub(super) struct ExplainPipeline;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    pipeline: String,
}

#[async_trait]
impl Handler for ExplainPipeline {
    type Args = Args;
    const NAME: &'static str = "explain_pipeline";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/explain_pipeline.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let row = pipeline::find(cx, &args.pipeline).await?;
        let stored = match row.plan.parse() {
            Ok(id) => plan::stored(&cx.workspace, id).await?,
            Err(_) => None,
        };
        let Some(stored) = stored else {
            let told =
                format!("The stored plan of `{}` does not match its digest; it has to be confirmed anew.", row.name);
            return Err(ToolError::TellModel(told));
        };
        let mut text = plan::explain(&stored.spec);
        if row.paused {
            text.push_str(" It is paused.");
        }
        let content = json!({"pipeline": row.name, "text": text, "plan": stored.spec});
        let events = vec![super::shown(Self::NAME, Some(row.name), text)];
        let content = budget::fit(content, "The text says what matters of the plan.");
        Ok(ToolOutput { content, events, ..ToolOutput::default() })
    }
}
