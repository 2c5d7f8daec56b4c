use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{budget, shown};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};

pub(super) struct ListConnections;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(default)]
    for_user: bool,
}

#[async_trait]
impl Handler for ListConnections {
    type Args = Args;
    const NAME: &'static str = "list_connections";
    const EFFECT: Effect = Effect::Read;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/list_connections.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let connections = cx.workspace.connections().await?;
        let listed: Vec<Value> = connections
            .iter()
            .map(|connection| {
                let about = cx.workspace.catalog.get(&connection.connector).map(|connector| connector.about());
                json!({
                    "name": connection.name,
                    "label": connection.label,
                    "connector": connection.connector,
                    "kind": about.map(|about| about.kind),
                    "roles": connection.roles,
                    "status": connection.status.state,
                })
            })
            .collect();
        let text = match listed.len() {
            0 => "This workspace has no connections yet.".to_owned(),
            1 => "This workspace has one connection.".to_owned(),
            more => format!("This workspace has {more} connections."),
        };
        let content = json!({"connections": listed});
        let events = if args.for_user { vec![shown(Self::NAME, None, text)] } else { Vec::new() };
        let view = Some(content.clone());
        Ok(ToolOutput {
            content: budget::fit(content, "Ask for one connection by its name."),
            view,
            events,
            ..ToolOutput::default()
        })
    }
}
