use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::budget;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::connectors::Column;
use crate::workspace::{Role, WorkspaceError, WorkspaceErrorKind};

pub(super) struct InspectStream;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    connection: String,
    stream: String,
}

#[async_trait]
impl Handler for InspectStream {
    type Args = Args;
    const NAME: &'static str = "inspect_stream";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/inspect_stream.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let connection = cx.workspace.connection(&args.connection).await?;
        let source = if connection.roles.contains(&Role::Source) {
            cx.workspace.source(&args.connection).await?
        } else {
            cx.workspace.shelf(&args.connection).await?.ok_or_else(|| {
                let message = format!("`{}` can only be written to; its tables cannot be looked at.", args.connection);
                ToolError::from(WorkspaceError::new(WorkspaceErrorKind::NotASource, message))
            })?
        };
        let schema =
            source.describe(&args.stream).await.map_err(|error| WorkspaceError::connector(&args.connection, error))?;
        let content = json!({
            "connection": args.connection,
            "stream": schema.summary.stream,
            "rows": schema.summary.rows,
            "primary_key": schema.primary_key,
            "columns": schema.columns.iter().map(column).collect::<Vec<_>>(),
            "comment": schema.summary.comment,
            "readable": schema.summary.readable,
        });
        let content =
            budget::fit(content, "Name the columns you need in the plan's `select`; they need not all be seen.");
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}

fn column(column: &Column) -> Value {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), json!(column.name));
    shown.insert("type".to_owned(), json!(column.data_type.spelled));
    shown.insert("logical".to_owned(), json!(column.data_type.logical));
    shown.insert("nullable".to_owned(), json!(column.nullable));
    shown.insert("indexed".to_owned(), json!(column.indexed));
    if let Some(comment) = &column.comment {
        shown.insert("comment".to_owned(), json!(comment.chars().take(200).collect::<String>()));
    }
    Value::Object(shown)
}
