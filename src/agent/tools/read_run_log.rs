use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{budget, pipeline};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::LogLevel;
use crate::store::run_logs::LogRow;
use crate::store::runs::RunRow;
use crate::store::{self};

/// Lines in one answer when nothing else is asked for.
const USUAL: usize = 50;
/// Lines that are looked through for those of a level.
const LOOKED_AT: i64 = 2000;

pub(super) struct ReadRunLog;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    pipeline: Option<String>,
    #[serde(default)]
    level: Option<LogLevel>,
    #[serde(default)]
    limit: Option<usize>,
}

#[async_trait]
impl Handler for ReadRunLog {
    type Args = Args;
    const NAME: &'static str = "read_run_log";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/read_run_log.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let row = match (&args.run, &args.pipeline) {
            (Some(run), _) => pipeline::run(cx, run).await?,
            (None, Some(name)) => {
                let found = pipeline::find(cx, name).await?;
                pipeline::newest_run(cx, &found.id, None).await?.ok_or_else(|| {
                    ToolError::TellModel(format!("`{}` has never run, so there is no log.", found.name))
                })?
            }
            (None, None) => {
                return Err(ToolError::TellModel("Name the `run`, or the `pipeline` for its newest run.".to_owned()));
            }
        };
        let mut lines = lines(cx, &row, args.level).await?;
        let keep = args.limit.unwrap_or(USUAL);
        lines.drain(..lines.len().saturating_sub(keep));
        let content = json!({
            "run": row.id,
            "pipeline": row.pipeline_name,
            "phase": row.phase,
            "lines": lines.iter().map(written).collect::<Vec<_>>(),
            "error": pipeline::error(&row),
        });
        let text = format!("The log of the newest run of `{}`.", row.pipeline_name);
        let events = vec![super::shown("show_logs", Some(row.pipeline_name.clone()), text)];
        let view = Some(content.clone());
        let content = budget::fit(content, "Give a `level` or a smaller `limit`.");
        Ok(ToolOutput { content, view, events, ..ToolOutput::default() })
    }
}

/// The last lines of a run's log that are of this level or worse, oldest first.
pub(super) async fn lines(cx: &ToolContext, row: &RunRow, level: Option<LogLevel>) -> Result<Vec<LogRow>, ToolError> {
    let rows = store::run_logs::tail(cx.workspace.store.pool(), &row.id, LOOKED_AT).await?;
    let least = level.unwrap_or(LogLevel::Debug);
    let of = |row: &LogRow| serde_json::from_value(json!(row.level)).unwrap_or(LogLevel::Info);
    Ok(rows.into_iter().filter(|row| of(row) >= least).collect())
}

/// A line as it is read: time, level, place, message.
pub(super) fn written(row: &LogRow) -> String {
    let place = row.stream.as_deref().unwrap_or(&row.stage);
    format!("{} {} {place}: {}", row.at, row.level, row.message)
}
