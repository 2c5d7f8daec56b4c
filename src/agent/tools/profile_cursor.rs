use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::workspace::WorkspaceError;

pub(super) struct ProfileCursor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    connection: String,
    stream: String,
    column: String,
}

#[async_trait]
impl Handler for ProfileCursor {
    type Args = Args;
    const NAME: &'static str = "profile_cursor";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/profile_cursor.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let source = cx.workspace.source(&args.connection).await?;
        let profile = source
            .profile_cursor(&args.stream, &args.column)
            .await
            .map_err(|error| WorkspaceError::connector(&args.connection, error))?;
        let values = profile.rows.saturating_sub(profile.nulls);
        let null_share = share(profile.nulls, profile.rows);
        let tie_share = profile.distinct.and_then(|distinct| share(values.saturating_sub(distinct), values));
        let mut content = json!(profile);
        if let Value::Object(fields) = &mut content {
            fields.insert("null_share".to_owned(), json!(null_share));
            fields.insert("tie_share".to_owned(), json!(tie_share));
        }
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}

/// To four places; nothing of nothing is nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share needs four places")]
    let share = part as f64 / whole as f64;
    (whole > 0).then(|| (share * 10_000.0).round() / 10_000.0)
}
