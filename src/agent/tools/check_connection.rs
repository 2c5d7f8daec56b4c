use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::workspace::ConnectionState;

pub(super) struct CheckConnection;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    connection: String,
}

#[async_trait]
impl Handler for CheckConnection {
    type Args = Args;
    const NAME: &'static str = "check_connection";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/check_connection.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let outcome = cx.workspace.check_connection(&args.connection).await?;
        let content = json!({
            "connection": args.connection,
            "ok": outcome.status.state == ConnectionState::Ok,
            "message": outcome.status.message,
            "hint": outcome.status.hint,
        });
        Ok(ToolOutput { view: Some(content.clone()), content, ..ToolOutput::default() })
    }
}
