//! Checks what a mind wrote against a tool's JSON Schema. The one place that knows the schema library.

use serde_json::Value;

/// How many complaints one answer lists.
const MOST: usize = 8;
/// How long one complaint may be, in letters: it quotes what the mind wrote.
const LONGEST: usize = 300;

/// A compiled JSON Schema.
#[derive(Debug)]
pub(super) struct Schema(jsonschema::Validator);

/// A schema that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON Schema: {0}")]
pub struct BadSchema(String);

impl Schema {
    pub(super) fn compile(schema: &Value) -> Result<Self, BadSchema> {
        jsonschema::validator_for(schema).map(Self).map_err(|error| BadSchema(error.to_string()))
    }

    /// Everything that is wrong, each with its place. Empty when the arguments fit.
    pub(super) fn complaints(&self, arguments: &Value) -> Vec<String> {
        self.0
            .iter_errors(arguments)
            .take(MOST)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") };
                format!("{place}: {}", error.to_string().chars().take(LONGEST).collect::<String>())
            })
            .collect()
    }
}
