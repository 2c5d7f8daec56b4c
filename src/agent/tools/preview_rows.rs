use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::budget;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::connectors::spelling::spell;
use crate::store;
use crate::workspace::WorkspaceError;

/// Rows when no number is given.
const USUAL: usize = 5;

pub(super) struct PreviewRows;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    connection: String,
    stream: String,
    #[serde(default)]
    limit: Option<usize>,
}

#[async_trait]
impl Handler for PreviewRows {
    type Args = Args;
    const NAME: &'static str = "preview_rows";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/preview_rows.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let settings = store::workspaces::settings(cx.workspace.store.pool(), &cx.workspace.id.0).await?;
        let settings: Value = settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if settings.get("values_to_model") != Some(&Value::Bool(true)) {
            let refusal = "This workspace does not let values reach a model. Go on without seeing rows.";
            return Err(ToolError::TellModel(refusal.to_owned()));
        }
        let source = cx.workspace.source(&args.connection).await?;
        let records = source
            .sample(&args.stream, args.limit.unwrap_or(USUAL))
            .await
            .map_err(|error| WorkspaceError::connector(&args.connection, error))?;
        let schema = records.schema();
        let mut columns = Vec::new();
        for (field, array) in schema.fields().iter().zip(records.columns()) {
            let plain = array.data_type().is_numeric() || array.data_type().is_temporal();
            columns.push((field.name(), array, plain));
        }
        let rows = (0..records.num_rows().min(args.limit.unwrap_or(USUAL))).map(|row| {
            let values = columns.iter().map(|(name, array, plain)| {
                let value =
                    spell(array, row).map_or(Value::Null, |text| json!(if *plain { text } else { masked(&text) }));
                ((*name).clone(), value)
            });
            Value::Object(values.collect::<Map<_, _>>())
        });
        let content = json!({"rows": rows.collect::<Vec<_>>()});
        Ok(ToolOutput { content: budget::fit(content, "Ask for fewer rows."), ..ToolOutput::default() })
    }
}

/// Keeps the shape of a text and not the text: its first letter, its length, its punctuation.
fn masked(text: &str) -> String {
    text.chars()
        .take(40)
        .enumerate()
        .map(|(at, letter)| if at > 0 && letter.is_alphanumeric() { '*' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_masked_value_keeps_its_shape_alone() {
        assert_eq!(super::masked("jane.doe@example.com"), "j***.***@*******.***");
        assert_eq!(super::masked(""), "");
    }
}
