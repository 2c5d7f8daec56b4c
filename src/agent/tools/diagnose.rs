use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{budget, pipeline, probe, read_run_log};
use crate::agent::diagnose;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::{Event, LogLevel};
use crate::store::runs::RunRow;

pub(super) struct Diagnose;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    pipeline: Option<String>,
    #[serde(default)]
    excerpt: Option<String>,
}

#[async_trait]
impl Handler for Diagnose {
    type Args = Args;
    const NAME: &'static str = "diagnose";
    const EFFECT: Effect = Effect::Connect;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/diagnose.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let row = match (&args.run, &args.pipeline) {
            (Some(run), _) => Some(pipeline::run(cx, run).await?),
            (None, Some(name)) => Some(failed(cx, name).await?),
            (None, None) => None,
        };
        let mut text = String::new();
        let mut kind = None;
        if let Some(row) = &row {
            for line in read_run_log::lines(cx, row, Some(LogLevel::Warn)).await? {
                text.push_str(&line.message);
                text.push('\n');
            }
            if let Some(error) = pipeline::error(row) {
                kind = error.get("kind").and_then(Value::as_str).map(str::to_owned);
                text.push_str(error.get("message").and_then(Value::as_str).unwrap_or_default());
                text.push('\n');
            }
        }
        if let Some(excerpt) = &args.excerpt {
            text.push_str(excerpt);
        }
        if text.trim().is_empty() && kind.is_none() {
            let nothing = "There is nothing to diagnose: no error was logged and no excerpt given.";
            return Err(ToolError::TellModel(nothing.to_owned()));
        }
        let mut causes = diagnose::diagnose(&text, kind.as_deref());
        if let Some(row) = &row {
            probe::look(cx, row, &mut causes).await;
        }
        let content = json!({"causes": causes, "run": row.as_ref().map(|row| &row.id)});
        let run = row.and_then(|row| row.id.parse().ok());
        let content = budget::fit(content, "The first cause is the likeliest.");
        Ok(ToolOutput { content, events: vec![Event::Diagnosis { causes, run }], ..ToolOutput::default() })
    }
}

/// The newest failed run of a pipeline, or its newest run when none failed.
async fn failed(cx: &ToolContext, name: &str) -> Result<RunRow, ToolError> {
    let found = pipeline::find(cx, name).await?;
    let failed = pipeline::newest_run(cx, &found.id, Some("failed")).await?;
    let any = match failed {
        Some(row) => Some(row),
        None => pipeline::newest_run(cx, &found.id, None).await?,
    };
    any.ok_or_else(|| ToolError::TellModel(format!("`{}` has never run.", found.name)))
}
