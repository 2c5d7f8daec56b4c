use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{budget, pipeline};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::RunPhase;
use crate::plan::schedule::Timetable;
use crate::store::runs::RunQuery;
use crate::store::{self};

/// Runs in one answer when nothing else is asked for.
const USUAL: i64 = 20;

pub(super) struct ListRuns;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(default)]
    pipeline: Option<String>,
    #[serde(default)]
    state: Option<RunPhase>,
    #[serde(default)]
    limit: Option<i64>,
    /// False to look a name up without showing anything to the person.
    #[serde(default = "shows")]
    for_user: bool,
}

fn shows() -> bool {
    true
}

#[async_trait]
impl Handler for ListRuns {
    type Args = Args;
    const NAME: &'static str = "list_runs";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/list_runs.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let db = cx.workspace.store.pool();
        let mut pipelines = match &args.pipeline {
            Some(name) => vec![pipeline::find(cx, name).await?],
            None => pipeline::live(cx).await?,
        };
        let only = args.pipeline.as_ref().and_then(|_| pipelines.first().map(|row| row.id.clone()));
        let phase = args.state.and_then(|state| json!(state).as_str().map(str::to_owned));
        let query = RunQuery { pipeline: only, phase, after: None, limit: args.limit.unwrap_or(USUAL) };
        let runs = store::runs::list(db, &cx.workspace.id.0, &query).await?;
        let on = pipelines.first().filter(|_| args.pipeline.is_some()).map(|row| row.name.clone());
        let mut listed = Vec::new();
        for row in pipelines.drain(..) {
            let schedule = store::schedules::get(db, &row.id).await?;
            listed.push(json!({
                "name": row.name,
                "paused": row.paused,
                "schedule": schedule.and_then(|schedule| words(&schedule.schedule)),
            }));
        }
        let text = match runs.len() {
            0 => "No runs fit.".to_owned(),
            1 => "One run.".to_owned(),
            more => format!("{more} runs, newest first."),
        };
        let content = json!({"runs": runs.iter().map(pipeline::shown).collect::<Vec<_>>(), "pipelines": listed});
        let events = if args.for_user { vec![super::shown("show_runs", on, text)] } else { Vec::new() };
        let view = args.for_user.then(|| content.clone());
        let content = budget::fit(content, "Name a `pipeline` or a `state`.");
        Ok(ToolOutput { content, view, events, ..ToolOutput::default() })
    }
}

/// A stored schedule in words.
fn words(schedule: &str) -> Option<Value> {
    let spec = serde_json::from_str(schedule).ok()?;
    Some(json!(Timetable::parse(&spec).ok()?.describe()))
}
